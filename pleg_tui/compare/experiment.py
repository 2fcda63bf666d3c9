"""The running experiment: lanes on and off by the schedule, all read at the blocks' edges."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from pleg_tui.collector.lane_options import LaneOptions, Work
from pleg_tui.compare import report as reports
from pleg_tui.compare import tally
from pleg_tui.compare.block_run import BlockRun
from pleg_tui.compare.kubelet_beside import BesideLook, between
from pleg_tui.compare.lane_process import LaneError, LaneProcess, Told, end, who
from pleg_tui.compare.meters import Meters
from pleg_tui.compare.schedule import schedule
from pleg_tui.compare.types import (
    Arm,
    Context,
    KubeletBeside,
    Lane,
    NotMeasurable,
    Plan,
    Progress,
    Report,
    Sighting,
    Watch,
)
from pleg_tui.model import EventType, LifecycleEvent

REHEARSAL_S = 10.0
"""How long a lane's source may take to stand before the first block."""
SPOILED_MOST = 4
"""So many spoiled blocks in a row end the experiment: there is nothing to be measured here now."""
_TICK_S = 0.5
_EVENTS = {
    EventType.SANDBOX_STARTED: "running",
    EventType.SANDBOX_STOPPED: "exited",
    EventType.SANDBOX_REMOVED: "removed",
    EventType.CONTAINER_CREATED: "created",
    EventType.CONTAINER_STARTED: "running",
    EventType.CONTAINER_DIED: "exited",
    EventType.CONTAINER_REMOVED: "removed",
}


class Setting(Struct, frozen=True):
    """What was found out before the experiment begins."""

    plan: Plan
    lanes: Mapping[Lane, LaneOptions]
    """Those that can run here."""
    sources: Mapping[Lane, str]
    runtime: str
    """Name and version, for people."""
    who: tuple[str, str]
    """The same, as the runtime says it."""
    simulated: bool
    reason: str = ""
    """Why a lane is not available, and what would help."""
    beside: str = ""
    """What else of this program follows the runtime meanwhile."""
    notes: tuple[str, ...] = ()
    kubelet: BesideLook = field(default_factory=lambda: BesideLook(None, KubeletBeside()))
    """The node's real kubelet, before."""
    look_again: Callable[[], BesideLook] | None = None
    """The same afterwards; blocking."""


class SideBySide:
    """One experiment (the `Experiment` protocol); it runs once."""

    def __init__(self, setting: Setting, meters: Meters) -> None:
        self.plan = setting.plan
        self.on_change: Callable[[], None] | None = None
        self._setting = setting
        self._meters = meters
        self._arms = schedule(setting.plan, setting.lanes)
        self._reason = setting.reason
        self._lanes: dict[Lane, LaneProcess] = {}
        self._dropped: set[Lane] = set()
        """Lanes whose source turned out not to be had here."""
        self._runs: list[BlockRun] = []
        self._sightings: list[Sighting] = []
        self._reference: list[Sighting] = []
        self._observed = False
        self._notes = list(setting.notes)
        self._metered = bool(meters.found.pids)
        """The runtime's processes could be found when it was prepared."""
        if not self._metered:
            self._notes.append(f"the runtime's own CPU is unknown: {meters.found.why}")
        self._stop = asyncio.Event()
        self._progress = Progress("starting", 0, len(self._arms), None, 0.0, self._planned_s)
        self._begun = 0.0
        self._started_at = 0
        self._kubelet = setting.kubelet.beside
        self._ends = 0.0
        self._size = (0, 0)
        self._report: Report | None = None

    # ---- what viewers see ----

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the lanes' processes that run now."""
        return tuple(lane.pid for lane in self._lanes.values())

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """Everything that the lanes told of so far, first listings and replays too."""
        return tuple(self._sightings)

    @property
    def watches(self) -> list[Watch]:
        """When which lane was on, of the blocks that count."""
        return [watch for run in self._runs for watch in run.watches()]

    def observe(self, events: Iterable[LifecycleEvent]) -> None:
        """Take what the live view beside it was told, so that more of what happened is known.

        Give it every event of the whole run, or none: then changes count in every block alike.
        """
        self._observed = True
        for event in events:
            state = _EVENTS.get(event.type)
            if state is None or event.replayed:
                continue
            name = "/".join(x for x in (event.namespace, event.pod, event.container) if x)
            self._reference.append(
                Sighting(
                    Lane.EVENTED,
                    event.container_id,
                    state,
                    event.created_at or None,
                    event.received_at,
                    name,
                )
            )

    def report(self) -> Report:
        """What can be said with the blocks so far; computed once after each block."""
        if self._report is None:
            self._report = self._build()
        return self._report

    def stop(self) -> None:
        """Let the current moment be the end; a block that has not ended does not count."""
        self._stop.set()

    async def run(self) -> Report:
        """From start to end, or until stop(); the lanes' processes are gone when it returns.

        Cancelled, it ends the lanes as well, and report() still tells what there is.

        Raises:
            NotMeasurable: it cannot begin here.
        """
        self._started_at = time.time_ns()
        self._begun = time.monotonic()
        try:
            await self._start()
            await self._measure()
            self._step("finishing")
            if self._setting.look_again is not None and self._setting.kubelet.pid is not None:
                after = await asyncio.to_thread(self._setting.look_again)
                self._kubelet = between(self._setting.kubelet, after)
        finally:
            await end(list(self._lanes.values()))
            self._lanes = {}
            now = time.monotonic() - self._begun
            # Ended early, it is done with the blocks that there are, not with those planned.
            done = len(self._runs)
            self._progress = Progress("done", done, done, None, now, 0.0)
            self._report = None
        await self._refresh()
        self._changed()
        return self.report()

    # ---- how it goes ----

    @property
    def _planned_s(self) -> float:
        return len(self._arms) * self.plan.block_s

    @property
    def _finished(self) -> bool:
        return self._progress.phase == "done"

    async def _start(self) -> None:
        """Start the lanes and see each source stand once; what cannot is left out, with why."""
        for lane, options in self._setting.lanes.items():
            try:
                await self._launch(lane, options)
                await self._rehearse(self._lanes[lane])
            except LaneError as error:
                if lane is Lane.POLLING or self.plan.same is not None:
                    raise NotMeasurable(str(error)) from None
                self._reason = str(error)
                self._dropped.add(lane)
                await self._drop(lane)
            if self._stop.is_set():
                return
        self._arms = schedule(self.plan, self._lanes)

    async def _launch(self, lane: Lane, options: LaneOptions) -> None:
        self._lanes[lane] = LaneProcess(lane, options)
        await self._lanes[lane].hello()

    async def _drop(self, lane: Lane) -> None:
        process = self._lanes.pop(lane, None)
        if process is not None:
            await end([process])

    async def _rehearse(self, process: LaneProcess) -> None:
        """One short turn, which also takes the backlog that some runtimes keep for a reader."""
        process.on(-1, min(REHEARSAL_S, self.plan.block_s))
        told = await process.standing(-1, REHEARSAL_S)
        why = told.why
        process.off()
        told = await process.settled(-1)
        self._count_pods((told,))
        if why or not told.since:
            raise LaneError(why or f"the {process.lane} lane's source did not stand in time")

    async def _measure(self) -> None:
        spoiled = 0
        for index, arm in enumerate(self._arms):
            if self._stop.is_set():
                break
            if not await self._ready():
                break
            run = await self._block(index, arm)
            if run is None:
                break
            self._runs.append(run)
            spoiled = spoiled + 1 if run.spoiled else 0
            await self._refresh()
            self._changed()
            if spoiled >= SPOILED_MOST:
                self._notes.append(
                    f"it ended early: {spoiled} blocks in a row could not count, the last because "
                    + run.spoiled
                )
                break

    async def _ready(self) -> bool:
        """Have every lane's process and the runtime's found again; False: there is no going on."""
        for lane, process in list(self._lanes.items()):
            if process.killed and self._setting.lanes[lane].work is Work.CRI_EVENTS:
                self._notes.append(
                    "it ended early: the guard had to end the evented lane, and CRI events are "
                    "not opened again after that"
                )
                return False
            if process.ended:
                await self._drop(lane)
                try:
                    await self._launch(lane, self._setting.lanes[lane])
                except LaneError as error:
                    self._notes.append(f"it ended early: {error}")
                    await self._drop(lane)
                    return False
        if self._suspect:
            return await self._same_runtime()
        if not self._meters.runtime_alive:
            await asyncio.to_thread(self._meters.find)
        return True

    @property
    def _suspect(self) -> bool:
        """In the last block the runtime, or the connection to it, was lost."""
        last = self._runs[-1] if self._runs else None
        if last is None:
            return False
        return not last.runtime_lived or any(told.why for told in last.told.values())

    async def _same_runtime(self) -> bool:
        """Wait until the runtime answers, and see that it is still what was prepared for.

        An event stream is safe on one version and steals the kubelet's events on another, so none
        is opened before that is known.
        """
        options = next(iter(self._setting.lanes.values()))
        for _ in range(SPOILED_MOST):
            try:
                found = await who(options)
                break
            except LaneError as error:
                why = str(error)
            if not await self._until(time.monotonic_ns(), self.plan.block_s):
                return False
        else:
            self._notes.append(f"it ended early: {why}")
            return False
        if not self._meters.runtime_alive:
            await asyncio.to_thread(self._meters.find)
        if found == self._setting.who:
            return True
        self._notes.append(
            f"it ended early: another runtime answers now, {' '.join(found)}, and what was "
            "measured before is not of it; start it again"
        )
        return False

    async def _block(self, index: int, arm: Arm) -> BlockRun | None:
        """Run one block; None when it was stopped in its midst."""
        on = [self._lanes[lane] for lane in sorted(arm.lanes)]
        begun = time.monotonic_ns()
        for process in on:
            process.on(index, self.plan.block_s, self._phase(index, process.lane))
        self._step("running", index, arm, warming_up=True)
        for process in self._lanes.values():
            process.slept()  # what was before is forgotten
        run: BlockRun | None = None
        if await self._until(begun, self.plan.warmup_s):
            first = self._meters.read(self._lanes)
            self._step("running", index, arm)
            if await self._until(begun, self.plan.block_s):
                last = self._meters.read(self._lanes)
                due = begun + round(self.plan.block_s * 1e9)
                run = BlockRun(index, arm, begun, due, first, last)
        if run is not None:
            run.runtime_lived = self._meters.runtime_alive or not self._metered
            run.stopped_ourselves = bool(sum(p.slept() for p in self._lanes.values()))
            run.ended = [lane for lane, p in self._lanes.items() if p.ended]
            run.killed = [lane for lane, p in self._lanes.items() if p.killed]
        for process in on:
            process.off()
        told = {process.lane: await process.settled(index) for process in on}
        self._count_pods(told.values())
        for one in told.values():
            self._sightings += one.sightings
        if run is not None:
            run.told = told
            run.pods, run.containers = self._size
            run.judge()
        return run

    def _phase(self, index: int, lane: Lane) -> float:
        """Of a lane in a block, drawn as the order of the blocks is: the same for the same seed."""
        draw = random.Random(f"{self.plan.seed}/{index}/{lane}")  # noqa: S311 - it must repeat
        return draw.random()

    def _count_pods(self, told: Iterable[Told]) -> None:
        """Remember what a lane counted last; while none is on, that is all that is known."""
        for one in told:
            if one.until and one.since:
                self._size = (one.pods, one.containers)

    async def _until(self, begun: int, seconds: float) -> bool:
        """Wait until so long after the block's beginning; False when it is to stop."""
        target = begun / 1e9 + seconds
        while (left := target - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _TICK_S)):
                    await self._stop.wait()
            if self._stop.is_set():
                return False
            if left > _TICK_S:
                self._meters.look()
                self._tick()
        return not self._stop.is_set()

    def _step(
        self,
        phase: str,
        block: int | None = None,
        arm: Arm | None = None,
        *,
        warming_up: bool = False,
    ) -> None:
        now = time.monotonic()
        if block is None:
            block = self._progress.block
        if phase != "running":
            self._ends = now
        elif warming_up:
            self._ends = now + (len(self._arms) - block) * self.plan.block_s
        self._progress = Progress(
            phase,
            block,
            len(self._arms),
            arm,
            now - self._begun,
            max(0.0, self._ends - now),
            warming_up,
        )
        self._changed()

    def _tick(self) -> None:
        now = time.monotonic()
        self._progress = replace(
            self._progress, elapsed_s=now - self._begun, left_s=max(0.0, self._ends - now)
        )
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    async def _refresh(self) -> None:
        """Compute the report; in a thread, as it may take a while after much change."""
        self._report = await asyncio.to_thread(self._build)

    def _build(self) -> Report:
        reference = tuple(self._reference)
        told = tally.blocks(self._runs, reference if self._observed else self._sightings)
        setting = self._setting
        available = frozenset(lane for lane in setting.lanes if lane not in self._dropped)
        context = Context(
            simulated=setting.simulated,
            runtime=setting.runtime,
            available=available,
            reason=self._reason,
            sources=setting.sources,
            kubelet=tally.kubelet(self._kubelet, told),
            reference=reference,
            watches=self.watches,
            counted_throughout=self._observed,
            overhead=tally.overhead(self._runs, setting.beside),
            started_at=self._started_at,
            finished=self._finished,
            notes=tuple(self._notes),
        )
        return reports.build(self.plan, told, self._sightings, context)
