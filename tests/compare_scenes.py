"""Experiments that are played, not run: reports of every kind, and an experiment that tells them.

The figures are a test's own; nothing here was measured.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

from msgspec.structs import replace

from pleg_tui.compare.schedule import schedule
from pleg_tui.compare.types import (
    WHOLE_LIFE,
    Arm,
    Block,
    Detection,
    Interval,
    KubeletBeside,
    Lane,
    LaneReport,
    LaneUse,
    Missed,
    NotMeasurable,
    Plan,
    Progress,
    Projected,
    Projection,
    Report,
)

T0 = 1_700_000_000_000_000_000
S = 1_000_000_000
EDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, math.inf)
EVENTS = (210, 96, 11, 2, 0, 0, 0, 0, 0)
RELISTS = (0, 1, 3, 8, 31, 84, 173, 4, 0)

POLLING = LaneReport(
    source="generic relist of kubelet 1.36, every 1 s",
    client_cpu_ms_per_s=4.91,
    runtime_cpu_ms_per_s=Interval(3.14, 2.71, 3.57),
    shims_cpu_ms_per_s=Interval(0.02, -0.31, 0.35),
    calls_per_s=2.0,
    bytes_per_s=116_400,
    context_switches_per_s=38.2,
    rss_bytes=31 << 20,
    events_per_s=1.2,
    transitions_seen=304,
    transitions_missed=3,
    detection=Detection(512.0, 931.0, 1010.0, 1042.0, 304, tuple(zip(EDGES, RELISTS, strict=True))),
)
EVENTED = LaneReport(
    source="GetContainerEvents",
    client_cpu_ms_per_s=0.84,
    runtime_cpu_ms_per_s=Interval(0.08, -0.35, 0.51),
    shims_cpu_ms_per_s=Interval(-0.05, -0.38, 0.28),
    calls_per_s=0.02,
    bytes_per_s=2_130,
    context_switches_per_s=7.4,
    rss_bytes=30 << 20,
    events_per_s=1.3,
    transitions_seen=319,
    transitions_missed=0,
    detection=Detection(1.1, 2.4, 7.9, 12.6, 319, tuple(zip(EDGES, EVENTS, strict=True))),
)
PROJECTION = Projection(
    rows=tuple(
        Projected(pods, rate, 1.9 + pods * 0.062 + rate * 0.4, rate * (0.5 + pods * 0.011))
        for pods in (110, 250, 500)
        for rate in (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
    ),
    crossings={110: 6.6, 250: 5.9, 500: None},
    relist_ms=8.05,
    event_ms=1.62,
    assumptions=("the cost of a relist grows with the containers, that of an event with its pod",),
)
MISSED = (
    Missed(Lane.POLLING, "default/flaky-7d9f8b6c5-x2x4z/init", "a" * 64, WHOLE_LIFE,
           T0 + 31 * S, 312.0),
    Missed(Lane.POLLING, "batch/job-28391-k2j1l/[bold]job[/]", "b" * 64, WHOLE_LIFE,
           T0 + 74 * S, 87.0),
    Missed(Lane.POLLING, "default/web-7d9f8b6c5-x2x4z/nginx", "c" * 64, "exited", T0 + 120 * S),
)  # fmt: skip
KUBELET = KubeletBeside(
    "1.36.2", "generic", 23.4, 1.0, 4.2, "/metrics, read over the kubelet's port"
)


def blocks(
    plan: Plan,
    count: int,
    base: float = 3.1,
    costs: dict[Arm, float] | None = None,
    lanes: tuple[Lane, ...] = tuple(Lane),
) -> tuple[Block, ...]:
    """Generated blocks: a base, what each arm costs, and noise of a fixed seed."""
    draw = random.Random(plan.seed)
    costs = costs or {Arm.POLLING: 3.1, Arm.EVENTED: 0.1, Arm.BOTH: 3.2}
    seconds = plan.block_s - plan.warmup_s
    made = []
    for index, arm in enumerate(schedule(plan, lanes)[:count]):
        cost = base + costs.get(arm, 0.0) + draw.gauss(0, 0.25)
        made.append(
            Block(index, arm, seconds, T0 + int(index * plan.block_s * S),
                  int(cost * 1e6 * seconds), int(2e6 * seconds), transitions=10,
                  lanes={lane: LaneUse(int(4e6 * seconds), 16, 900_000, 300, 31 << 20)
                         for lane in arm.lanes},
                  pods=50, containers=100)
        )  # fmt: skip
    return tuple(made)


PLAN = Plan()
FULL = Report(
    simulated=False,
    runtime="containerd v2.1.9",
    kubelet=KUBELET,
    pods=50,
    containers=100,
    blocks=27,
    spoiled=("block 13 (polling): the runtime restarted",),
    seconds=216.0,
    seed=1,
    baseline_runtime_cpu_ms_per_s=3.12,
    lanes={Lane.POLLING: POLLING, Lane.EVENTED: EVENTED},
    reason="",
    missed=MISSED,
    projection=PROJECTION,
    overhead="The dashboard's live view (containerd events) ran in every block; the lanes' "
    "processes spent 5.75 ms/s together.",
    verdict="Polling once a second costs this node's runtime 3.14 ms of CPU per second (0.31 % of "
    "one core), events nothing that could be measured, and polling was 510 ms later.",
    caveats=("This is the cost of this program's client and of the runtime, not of the kubelet.",),
    started_at=T0,
    measured=tuple(
        replace(block, spoiled="the runtime restarted") if block.index == 12 else block
        for block in blocks(PLAN, 28)
    ),
    plan=PLAN,
)
NONE = Interval(0.11, -0.42, 0.64)


def before(**more: object) -> Report:
    """Prepared, nothing measured."""
    return replace(early(0), **more)


def early(count: int = 3) -> Report:
    """A few blocks: nothing can be told of effects yet."""
    unknown = LaneReport("", None, None)
    return replace(
        FULL,
        blocks=count,
        spoiled=(),
        seconds=8.0 * count,
        baseline_runtime_cpu_ms_per_s=None,
        lanes={
            Lane.POLLING: replace(unknown, source=POLLING.source),
            Lane.EVENTED: replace(unknown, source=EVENTED.source),
        },
        missed=(),
        projection=None,
        verdict="Nothing can be said yet: three rounds of all four arms are needed.",
        caveats=(),
        kubelet=KubeletBeside(why="its metrics could not be read: no permission"),
        measured=FULL.measured[:count],
    )


def no_cost() -> Report:
    """Neither lane costs anything that could be measured."""
    return replace(
        FULL,
        lanes={
            Lane.POLLING: replace(POLLING, runtime_cpu_ms_per_s=NONE, transitions_missed=0),
            Lane.EVENTED: replace(EVENTED, runtime_cpu_ms_per_s=Interval(-0.2, -0.7, 0.3)),
        },
        missed=(),
        verdict="Neither polling nor events cost this node's runtime anything measurable: less "
        "than 0.64 ms of CPU per second.",
        measured=blocks(PLAN, 28, 2.2, dict.fromkeys(Arm, 0.05)),
        spoiled=(),
    )


def events_cost_more() -> Report:
    """Much changes: events cost more."""
    return replace(
        FULL,
        lanes={
            Lane.POLLING: replace(POLLING, runtime_cpu_ms_per_s=Interval(4.9, 3.1, 6.7)),
            Lane.EVENTED: replace(
                EVENTED, runtime_cpu_ms_per_s=Interval(6.2, 4.4, 8.0), client_cpu_ms_per_s=10.3
            ),
        },
        verdict="Events cost this node more than polling: 16.5 against 9.8 ms of CPU per second, "
        "because much changes here.",
        caveats=("Events cost more here.",),
        measured=blocks(PLAN, 28, 135, {Arm.POLLING: 5, Arm.EVENTED: 6, Arm.BOTH: 11}),
        spoiled=(),
    )


def unavailable() -> Report:
    """There is no safe source of events."""
    return replace(
        FULL,
        runtime="cri-o 1.30.2",
        lanes={Lane.POLLING: POLLING, Lane.EVENTED: None},
        reason="Events cannot be measured on CRI-O 1.30: a client that leaves may crash it; "
        "CRI-O 1.33 or newer with enable_pod_events = true can.",
        measured=blocks(PLAN, 30, lanes=(Lane.POLLING,)),
        spoiled=(),
        projection=None,
    )


def simulated() -> Report:
    """Of the simulator."""
    return replace(FULL, simulated=True, runtime="containerd 2.1.9 (simulated)")


class FakeExperiment:
    """An `Experiment` that is moved by hand: `go` to a block, `finish`."""

    def __init__(self, plan: Plan, final: Report, first: Report | None = None) -> None:
        self.plan = plan
        self.on_change: Callable[[], None] | None = None
        self.final = final
        self.told = first or before(simulated=final.simulated, runtime=final.runtime,
                                    lanes=_lanes(final), reason=final.reason)  # fmt: skip
        self.arms = schedule(plan, {lane for lane, told in final.lanes.items() if told})
        self.progress = Progress("starting", 0, len(self.arms), None, 0.0, self._whole)
        self.stopped = False
        self.reports = 0
        self.ended = False
        self.breaks: Exception | None = None
        """What its end is."""
        self._end = asyncio.Event()

    @property
    def _whole(self) -> float:
        return len(self.arms) * self.plan.block_s

    def report(self) -> Report:
        self.reports += 1
        return self.told

    async def run(self) -> Report:
        self.go(0, self.told)
        try:
            await self._end.wait()
        finally:
            self.ended = True
        if self.breaks is not None:
            raise self.breaks
        return self.told

    def stop(self) -> None:
        self.stopped = True
        self.finish(self.told)

    # -- what a test does

    def go(self, block: int, report: Report, *, warming_up: bool = False) -> None:
        """It is in this block, and this is known."""
        self.told = report
        elapsed = block * self.plan.block_s
        self.progress = Progress("running", block, len(self.arms), self.arms[block], elapsed,
                                 self._whole - elapsed, warming_up)  # fmt: skip
        self._tell()

    def finish(self, report: Report | None = None) -> None:
        """It has ended."""
        self.told = report or self.final
        self.progress = Progress("done", len(self.arms), len(self.arms), None, self._whole, 0.0)
        self._end.set()
        self._tell()

    def break_off(self, error: Exception) -> None:
        """It fails where it is."""
        self.breaks = error
        self._end.set()

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()


class FakeLab:
    """What prepares: gives out experiments that end with a report, or says why there are none."""

    def __init__(self, final: Report = FULL, error: str = "") -> None:
        self.final = final
        self.error = error
        self.made: list[FakeExperiment] = []

    async def prepare(self, plan: Plan) -> FakeExperiment:
        if self.error:
            raise NotMeasurable(self.error)
        self.made.append(FakeExperiment(plan, self.final))
        return self.made[-1]

    @property
    def last(self) -> FakeExperiment:
        return self.made[-1]


def _lanes(final: Report) -> dict[Lane, LaneReport | None]:
    return {
        lane: None if told is None else LaneReport(told.source, None, None)
        for lane, told in final.lanes.items()
    }
