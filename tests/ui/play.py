"""The dashboard on a fake feed, as a program: `python -m tests.ui.play [fail|callback]`."""

from __future__ import annotations

import asyncio
import sys
import time

from pleg_tui.feed.types import Delta
from pleg_tui.ui.options import UiOptions, prepare_environment
from tests.ui.fakes import FakeFeed, container, event, pod


class Busy(FakeFeed):
    """Something happens ten times a second; it fails after a second when told to."""

    async def start(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self.churn())

    async def stop(self) -> None:
        await super().stop()
        sys.stdout.write("the feed was stopped\n")

    async def churn(self) -> None:
        for n in range(1, 100_000):
            await asyncio.sleep(0.1)
            self.put(pod(f"pod-{n % 5}", container("app"), version=n))
            self.happen(event(n, pod=f"pod-{n % 5}", at=time.time_ns()))
            if n == 10 and "callback" in sys.argv:
                asyncio.get_running_loop().call_soon(self.fail)

    def fail(self) -> None:
        raise ValueError("a callback [/] broke")

    def take(self) -> Delta:
        if self.takes > 5 and "fail" in sys.argv:
            raise ValueError("a secret [/] broke")
        return super().take()


def main() -> int:
    options = UiOptions(node="node-1", theme="pleg-dark")
    prepare_environment(options)
    from pleg_tui.ui.run import run

    return run(Busy(), options)


if __name__ == "__main__":
    sys.exit(main())
