"""Plays the kubelet: a subscriber of GetContainerEvents in a process of its own.

A real kubelet would tear down every pod that it did not make; this one only reads, keeps up, and
tells what it was sent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct, to_builtins

from pleg_tui.cri import runtime_pb2 as cri
from tests.node.rig.subscriber import Received, cri_events

REPOSITORY = Path(__file__).resolve().parents[3]


class KubeletEvent(Struct, frozen=True):
    """One event as the kubelet would have had it. Times are ns since the epoch."""

    container_id: str
    type: str
    """CREATED, STARTED, STOPPED or DELETED."""
    created_at: int
    received_at: int
    sandbox_id: str
    """Empty where the event carried no pod status."""
    pod_uid: str
    statuses: int
    """Container statuses that came with it."""
    size: int
    """Bytes of the whole message."""

    @property
    def lag_ms(self) -> float:
        """From happening to being received."""
        return (self.received_at - self.created_at) / 1e6


class KubeletLike:
    """The subscriber's process; events are collected until it is closed.

    Raises:
        TimeoutError: its process did not say within 20 s that it is subscribing.
    """

    def __init__(self, endpoint: str) -> None:
        self.events: list[KubeletEvent] = []
        self.error = ""
        """How the stream ended, when it was not we who ended it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.node.rig.kubelet_like", endpoint],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
        )
        self._subscribed = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if not self._subscribed.wait(20):
            self.close()
            raise TimeoutError("the kubelet's stand-in does not subscribe")

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def of(self, container_id: str) -> list[KubeletEvent]:
        """The events of one container or sandbox, in the order in which they came."""
        return [event for event in self.events if event.container_id == container_id]

    def wait_for(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until it had so many events."""
        return self.wait_until(lambda: len(self.events) >= count, timeout)

    def wait_until(self, enough: Callable[[], bool], timeout: float = 10.0) -> bool:
        """Wait until what it had is enough; False when it was not in time (s)."""
        end = time.monotonic() + timeout
        while not enough():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def close(self) -> None:
        """End its process; events that were on their way are still taken."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._thread.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "subscribed" in message:
                self._subscribed.set()
            elif "error" in message:
                self.error = message["error"]
            else:
                self.events.append(KubeletEvent(**message))


def describe(got: Received[cri.ContainerEventResponse]) -> KubeletEvent:
    """What of an event is kept."""
    event = got.message
    name = cri.ContainerEventType.Name(event.container_event_type)
    return KubeletEvent(
        container_id=event.container_id,
        type=name.removeprefix("CONTAINER_").removesuffix("_EVENT"),
        created_at=event.created_at,
        received_at=got.wall,
        sandbox_id=event.pod_sandbox_status.id,
        pod_uid=event.pod_sandbox_status.metadata.uid,
        statuses=len(event.containers_statuses),
        size=event.ByteSize(),
    )


def main() -> None:
    """The process: events of the endpoint as JSON lines, until standard input ends."""

    def say(message: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    stream = cri_events(
        sys.argv[1],
        lambda got: say(to_builtins(describe(got))),
        lambda error: say({"error": error}),
    )
    say({"subscribed": True})
    sys.stdin.read()
    stream.close()


if __name__ == "__main__":
    main()
