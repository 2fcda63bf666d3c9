"""A lane's process as its parent sees it: started, guarded, switched on and off, read, ended.

It is guarded by what guards the collector (`pleg_tui.feed.process`): a lane whose heart stops is
killed within 2 s, so that no event stream of it is left standing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from pleg_tui.collector.lane_options import LaneOptions, Work
from pleg_tui.compare.types import Lane, Sighting
from pleg_tui.feed.process import CollectorProcess
from pleg_tui.node.process_cpu import CpuMeter

START_S = 30.0
"""How long a lane's process may take until it has asked the runtime who it is."""
SETTLED_S = 10.0
"""How long it may take to tell of a block that has ended."""
_READ = 1 << 16


class LaneError(Exception):
    """A lane cannot do its work; the text is one clear sentence."""


class Told(Struct):
    """What a lane told of one block."""

    since: int = 0
    """Wall time, ns: its first listing was had, or its stream stood; 0: it never was on."""
    until: int = 0
    """Wall time, ns: it was off again; 0: it never said so."""
    steady: int = 0
    """Wall time, ns: from here on its rhythm was its usual one; 0: all the while."""
    failed_at: int = 0
    """CLOCK_MONOTONIC, ns: its source broke; 0: it did not."""
    why: str = ""
    pods: int = 0
    containers: int = 0
    lost: int = 0
    work: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(CLOCK_MONOTONIC ns, calls, bytes, events)."""
    sightings: list[Sighting] = field(default_factory=list)


class LaneProcess:
    """One lane. Everything is for the main thread's asyncio loop."""

    def __init__(self, lane: Lane, options: LaneOptions) -> None:
        """Start the process; `hello` waits for it.

        Raises:
            LaneError: no process can be started.
        """
        self.lane = lane
        self.options = options
        self.runtime_name = ""
        self.runtime_version = ""
        self.ended = False
        """Its process has closed its pipe: it is gone."""
        try:
            self._process = CollectorProcess(options, "pleg_tui.collector.lane")
        except OSError as error:
            raise LaneError(f"no process can be started for the {lane} lane: {error}") from None
        self.cpu = CpuMeter(self._process.pid)
        self._changed = asyncio.Event()
        self._refused = ""
        self._told: dict[int, Told] = {}
        self._off: set[int] = set()
        self._pending = b""
        self._closed = False
        self._asked_at = time.monotonic()
        self._fd = self._process.frames_fd
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def killed(self) -> bool:
        """The guard had to kill it."""
        return self._process.killed

    def slept(self) -> bool:
        """This program itself was stopped for a while since this was last asked."""
        since, self._asked_at = self._asked_at, time.monotonic()
        return self._process.slept_at > since

    async def hello(self) -> None:
        """Until it has told who the runtime is.

        Raises:
            LaneError: the runtime does not answer, or the lane did not start.
        """
        try:
            async with asyncio.timeout(START_S):
                while not (self.runtime_name or self._refused or self.ended):
                    await self._change()
        except TimeoutError:
            raise LaneError(f"a lane's process did not start within {START_S:g} s") from None
        if self._refused:
            raise LaneError(self._refused)
        if not self.runtime_name:
            raise LaneError("a lane's process ended at its start; --debug FILE tells why")

    def on(self, block: int, deadline_s: float, phase: float = 0.0) -> None:
        """Begin a block.

        Args:
            block: its number.
            deadline_s: after which the server ends its stream, whatever becomes of us.
            phase: of a period, between the first relist and the second (`Polling.run`).
        """
        self._told[block] = Told()
        order = {"op": "on", "block": block, "deadline_s": deadline_s, "phase": phase}
        self._order(order)

    def off(self) -> None:
        """End the block."""
        self._order({"op": "off"})

    async def standing(self, block: int, timeout_s: float) -> Told:
        """Until the block's source stands or has failed, or time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not (self._told[block].since or self._told[block].why or self.ended):
                    await self._change()
        return self._told[block]

    async def settled(self, block: int) -> Told:
        """Until all of a block that was ended is told; what there is when it never is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_S):
                while block not in self._off and not self.ended:
                    await self._change()
        self._off.discard(block)
        return self._told.pop(block)

    def close(self) -> None:
        """End the process, kindly at first; blocking, a tenth of a second as a rule."""
        self.detach()
        self._process.close()

    def detach(self) -> None:
        """Read no more; must be called in the loop's thread, before a close in another."""
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().remove_reader(self._fd)
            self.ended = True
            self._changed.set()

    def reap(self) -> None:
        """The blocking part of close(), for any thread."""
        self._process.close()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _order(self, order: dict[str, Any]) -> None:
        if not self.ended:
            self._process.request(json.dumps(order).encode() + b"\n")

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
            self.ended = self._closed = True
            self._changed.set()
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for text in lines:
            self._take(json.loads(text))
        self._changed.set()

    def _take(self, told: dict[str, Any]) -> None:
        kind = told["is"]
        if kind == "hello":
            self.runtime_name, self.runtime_version = told["name"] or "?", told["version"]
            return
        if kind == "refused":
            self._refused = told["why"]
            return
        block = self._told.get(told["block"])
        if block is None:
            return
        if kind == "on":
            block.since = told["since"]
        elif kind == "work":
            block.work += [(at, calls, size, events) for at, calls, size, events in told["items"]]
        elif kind == "seen":
            block.sightings += [
                Sighting(self.lane, object_id, state, at, seen_at, name)
                for object_id, state, at, seen_at, name in told["items"]
            ]
        elif kind == "failed":
            block.failed_at, block.why = told["mono"], told["why"]
        elif kind == "off":
            block.until, block.lost = told["until"], told["lost"]
            block.steady = told["steady"]
            block.pods, block.containers = told["pods"], told["containers"]
            self._off.add(told["block"])


async def who(options: LaneOptions) -> tuple[str, str]:
    """The runtime's name and version, asked by a process that ends at once.

    Raises:
        LaneError: it does not answer.
    """
    asking = LaneProcess(Lane.POLLING, replace(options, work=Work.NOTHING))
    try:
        await asking.hello()
    finally:
        await end([asking])
    return asking.runtime_name, asking.runtime_version


async def end(lanes: list[LaneProcess]) -> None:
    """End these processes; they are gone when this returns, even if it is cancelled meanwhile."""
    for lane in lanes:
        lane.detach()
    ending = asyncio.gather(*(asyncio.to_thread(lane.reap) for lane in lanes))
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await ending
        raise
