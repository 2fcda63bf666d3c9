"""`python -m pleg_tui.collector.lane OPTIONS`: one client of the experiment, in its own process.

Started by `pleg_tui.compare`, never by hand. It lives through the whole experiment and is switched
on for a block and off again by lines of JSON on standard input; while it is off it has no
connection at all and only its guard's heartbeat runs. What it spends is read from outside.

Downwards: {"op": "on", "block": n, "deadline_s": s, "phase": p}, {"op": "off"}. Upwards: hello (who
the runtime is), on (the block's first listing is done), work and seen
(pleg_tui.collector.lane_record), off, failed (the block's source broke), refused (nothing can be
done here at all).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from typing import IO

from pleg_tui.collector import guard, lane_calls
from pleg_tui.collector.lane_calls import Sink
from pleg_tui.collector.lane_evented import ContainerdEvents, CriEvents, Evented
from pleg_tui.collector.lane_options import LaneOptions, Work
from pleg_tui.collector.lane_polling import Polling
from pleg_tui.collector.lane_record import Record, line
from pleg_tui.collector.log_file import log_file
from pleg_tui.collector.runtime import CallFailed
from pleg_tui.collector.streams import StreamEnded
from pleg_tui.cri import traits
from pleg_tui.cri.clean import clean
from pleg_tui.cri.wire import WireError

FAULT = 70
GRACE_S = 0.5
"""How long after its deadline a block that nobody ends is ended here: streams end by themselves."""

log = logging.getLogger(__name__)


class Lane:
    """Reads orders from one pipe and reports on the other."""

    def __init__(self, options: LaneOptions, orders_fd: int, reports_fd: int) -> None:
        self.options = options
        self.record = Record()
        self.client: Polling | Evented | None = _client(options, self.record)
        self._orders_fd = orders_fd
        self._reports_fd = reports_fd
        self._orders: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
        self._pending = b""

    async def run(self, guard_log: IO[str]) -> None:
        """Until the parent is gone or has closed the orders' pipe."""
        beating = asyncio.create_task(guard.beat(self.options.heartbeat_fd, guard_log))
        working = asyncio.create_task(self._work())
        try:
            await asyncio.wait((beating, working), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (beating, working):
                task.cancel()
            done = await asyncio.gather(beating, working, return_exceptions=True)
        for result in done:
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result

    async def _work(self) -> None:
        await self._hello()
        os.set_blocking(self._orders_fd, False)
        asyncio.get_running_loop().add_reader(self._orders_fd, self._read)
        order = await self._orders.get()
        while order is not None:
            if order.get("op") == "on" and self.client is not None:
                order = await self._block(self.client, order)
            else:
                order = await self._orders.get()

    async def _hello(self) -> None:
        """Say who the runtime is, and know what is there.

        The parent is told when that fails and decides what becomes of us.
        """
        runtime = lane_calls.connect(self.options.endpoint, Sink(self.record))
        try:
            version = await lane_calls.version(self.options.endpoint)
            if self.client is not None:
                await self.client.prime(runtime)
        except CallFailed as error:
            why = lane_calls.sentence(error, self.options.endpoint)
            await self._tell({"is": "refused", "why": why})
        except WireError as error:
            await self._tell({"is": "refused", "why": f"its answer cannot be read: {error}"})
        else:
            await self._tell(
                {
                    "is": "hello",
                    "name": clean(version.runtime_name, 64),
                    "version": clean(version.runtime_version, 64),
                }
            )
        finally:
            await runtime.close()

    async def _block(
        self, client: Polling | Evented, order: dict[str, object]
    ) -> dict[str, object] | None:
        """Be on until told otherwise; returns the order that ended it."""
        block = int(str(order.get("block", 0)))
        deadline_s = float(str(order.get("deadline_s", 10.0)))
        self.record.begin()
        if isinstance(client, Polling):
            client.phase = float(str(order.get("phase", 0.0)))
        runtime = lane_calls.connect(self.options.endpoint, Sink(self.record))
        ready = asyncio.Event()
        working = asyncio.create_task(client.run(runtime, ready.set, deadline_s))
        waiting = asyncio.create_task(self._orders.get())
        announcing = asyncio.create_task(self._announce(ready, block))
        watched = {working, waiting}
        try:
            # A stream has its own deadline; polling must not go on either when its parent stands
            # still, as after Ctrl-Z.
            await asyncio.wait(
                watched, timeout=deadline_s + GRACE_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not waiting.done():
                working.cancel()
                await asyncio.wait((working,))
                await self._tell(
                    {
                        "is": "failed",
                        "block": block,
                        "mono": time.monotonic_ns(),
                        "why": self._why(working, block),
                    }
                )
            following = await waiting
        finally:
            until = time.time_ns()
            for task in (working, announcing):
                task.cancel()
            await asyncio.gather(working, announcing, return_exceptions=True)
            with contextlib.suppress(Exception):
                await runtime.close()
        for text in self.record.lines(block):
            await self._write(text)
        await self._tell(
            {
                "is": "off",
                "block": block,
                "until": until,
                "pods": client.pods,
                "containers": client.containers,
                "lost": self.record.lost,
                "steady": self.record.steady,
            }
        )
        self.record.begin()
        return following

    async def _announce(self, ready: asyncio.Event, block: int) -> None:
        await ready.wait()
        await self._tell({"is": "on", "block": block, "since": time.time_ns()})

    def _why(self, working: asyncio.Task[None], block: int) -> str:
        """In one sentence, why the source broke."""
        if working.cancelled():
            return "its time was over and nobody switched it off"
        error = working.exception()
        if isinstance(error, StreamEnded):
            if error.code == "OK" and self.options.work is Work.CRI_EVENTS and not error.events:
                return traits.EVENTS_OFF
            if error.code == "UNAVAILABLE":
                lost = CallFailed("the event stream", error.code, error.message)
                return lane_calls.sentence(lost, self.options.endpoint)
            detail = f": {clean(error.message, 300)}" if error.message else ""
            return f"the event stream ended ({error.code}){detail}"
        if isinstance(error, CallFailed):
            return lane_calls.sentence(error, self.options.endpoint)
        log.error("block %d", block, exc_info=error)
        return clean(f"the lane has a fault ({type(error).__name__}: {error})", 300)

    def _read(self) -> None:
        try:
            data = os.read(self._orders_fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._orders_fd)
            self._orders.put_nowait(None)
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for text in lines:
            self._orders.put_nowait(json.loads(text))

    async def _tell(self, value: dict[str, object]) -> None:
        await self._write(line(value))

    async def _write(self, data: bytes) -> None:
        """Write all of it; a parent that does not read must not stop the heartbeat.

        Raises:
            OSError: the parent is gone.
        """
        os.set_blocking(self._reports_fd, False)
        while data:
            try:
                data = data[os.write(self._reports_fd, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.02)


def _client(options: LaneOptions, record: Record) -> Polling | Evented | None:
    match options.work:
        case Work.RELIST:
            return Polling(record, period_s=options.period_s, second_listing=options.second_listing)
        case Work.CRI_EVENTS:
            return CriEvents(record)
        case Work.CONTAINERD_EVENTS:
            return ContainerdEvents(record)
        case Work.NOTHING:
            return None


def main(argument: str) -> int:
    """Run a lane on standard input and output; returns its exit code."""
    options = LaneOptions.loads(argument)
    if options.parent_pid and not guard.die_with(options.parent_pid):
        return 0
    with log_file(options.debug, logging.INFO) as guard_log:
        orders_fd, reports_fd = os.dup(0), os.dup(1)
        # Whatever a library prints must not get between the lines.
        os.dup2(guard_log.fileno(), 1)
        try:
            asyncio.run(_run(options, orders_fd, reports_fd, guard_log))
        except Exception:
            log.exception("lane")
            return FAULT
    return 0


async def _run(options: LaneOptions, orders_fd: int, reports_fd: int, guard_log: IO[str]) -> None:
    await Lane(options, orders_fd, reports_fd).run(guard_log)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
