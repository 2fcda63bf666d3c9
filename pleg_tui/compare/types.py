"""The nouns of the experiment: what is planned, what a block measured, what is concluded.

CPU is in nanoseconds where it was read and in milliseconds per second (10 = 1 % of one core) where
it is told. Everything here is plain data: the lanes fill it, the estimator reads it, the screens
and the command line show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, field


class Lane(StrEnum):
    """One of the two clients that are held side by side."""

    POLLING = "polling"
    EVENTED = "evented"


class Arm(StrEnum):
    """Which lanes run during a block."""

    OFF = "off"
    POLLING = "polling"
    EVENTED = "evented"
    BOTH = "both"

    @property
    def lanes(self) -> frozenset[Lane]:
        """The lanes that run."""
        if self is Arm.OFF:
            return frozenset()
        if self is Arm.BOTH:
            return frozenset(Lane)
        return frozenset({Lane(self.value)})


class Plan(Struct, frozen=True):
    """What was asked for."""

    duration_s: float = 300.0
    block_s: float = 10.0
    """Length of a block, its warm-up included."""
    warmup_s: float = 2.0
    """The start of each block, which is measured for nobody."""
    period_s: float = 1.0
    """Of the polling lane; the kubelet's genericPlegRelistPeriod is 1 s."""
    seed: int = 1
    kubelet_version: str = ""
    """Whose generic relist the polling lane does, as "1.36.2"; empty: this node's kubelet's."""
    same: Lane | None = None
    """An A/A run: both lanes do what this one does, so no difference may be found."""


class LaneUse(Struct, frozen=True):
    """What one lane's own process spent in the measured part of one block."""

    cpu_ns: int
    calls: int
    """CRI calls made; opening a stream is one."""
    bytes: int
    """Serialized messages received."""
    context_switches: int
    rss_bytes: int
    events: int = 0
    """Events received (evented) or changes found by relists (polling)."""


class Block(Struct, frozen=True):
    """One block as it was measured. Costs are of its measured part only."""

    index: int
    arm: Arm
    seconds: float
    """Measured part: without the warm-up."""
    started_at: int
    """Wall time, ns."""
    runtime_cpu_ns: int | None
    """The runtime's daemon; None: it could not be read."""
    shims_cpu_ns: int | None
    """Its shims or conmons, together."""
    kubelet_cpu_ns: int | None = None
    runtime_rss_bytes: int | None = None
    transitions: int = 0
    """Changes that happened during the measured part, as far as anything here saw them."""
    lanes: Mapping[Lane, LaneUse] = field(default_factory=dict)
    spoiled: str = ""
    """Why this block does not count (the machine slept, the runtime restarted), or empty."""
    pods: int = 0
    containers: int = 0


class Sighting(Struct, frozen=True):
    """One lane learned of one change of one container or sandbox."""

    lane: Lane
    id: str
    """Of the container or sandbox."""
    state: str
    """What it became: created, running, exited, removed."""
    happened_at: int | None
    """Wall time, ns, as the runtime stamped it; None when it says nothing of it."""
    seen_at: int
    """Wall time, ns, when the client knew."""
    name: str = ""
    """namespace/pod/container, as far as known."""


class Watch(Struct, frozen=True):
    """One stretch of time in which a lane was on: outside it, it can have missed nothing."""

    lane: Lane
    since: int
    """Wall time, ns: its first listing was had, or its stream stood; what was before is baseline,
    as is what a stream replays of it."""
    until: int
    """Wall time, ns: it was stopped, or was last known to work. Of a run that goes on: now."""


WHOLE_LIFE = "life"
"""The `state` of a Missed whose container or sandbox the lane never saw at all."""


class Missed(Struct, frozen=True):
    """A change, or a whole life, that a lane never saw although it was on."""

    lane: Lane
    name: str
    id: str
    state: str
    """running, exited or removed; or WHOLE_LIFE: it came and went unseen."""
    at: int
    """Wall time, ns."""
    lived_ms: float | None = None
    """How long the container ran, when that is known."""


class Interval(Struct, frozen=True):
    """An estimate with its 95 % interval."""

    estimate: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """False: the interval includes zero, so nothing measurable was found."""
        return self.low > 0 or self.high < 0


class Detection(Struct, frozen=True):
    """How long after a change a lane knew of it, in milliseconds."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    max: float | None = None
    n: int = 0
    histogram: tuple[tuple[float, int], ...] = ()
    """(upper edge in ms, count); the same edges for both lanes; the last edge is infinity."""
    paired: bool = False
    """The very same changes were timed in both lanes; False: each lane's own."""


class LaneReport(Struct, frozen=True):
    """What one lane cost and saw."""

    source: str
    """What it really does: "GetContainerEvents", "generic relist of kubelet 1.36, every 1 s"."""
    client_cpu_ms_per_s: float | None
    """Of this program's client in Python; not the kubelet's cost."""
    runtime_cpu_ms_per_s: Interval | None
    """Effect on the runtime's daemon; None: not yet to be told."""
    shims_cpu_ms_per_s: Interval | None = None
    kubelet_cpu_ms_per_s: Interval | None = None
    calls_per_s: float | None = None
    bytes_per_s: float | None = None
    context_switches_per_s: float | None = None
    rss_bytes: int | None = None
    events_per_s: float | None = None
    transitions_seen: int = 0
    transitions_missed: int = 0
    detection: Detection = Detection()


class Projected(Struct, frozen=True):
    """One row of the projection: modelled from the measured unit costs, never measured."""

    pods: int
    transitions_per_s: float
    polling_ms_per_s: float
    """Runtime and client together."""
    evented_ms_per_s: float


class Projection(Struct, frozen=True):
    """What this node would spend at other sizes, if its unit costs stay what they were."""

    rows: tuple[Projected, ...]
    crossings: Mapping[int, float | None]
    """Pods: transitions per second above which events cost more; None: they never do in range."""
    relist_ms: float | None
    """Measured: one relist, runtime and client, at this node's size."""
    event_ms: float | None
    """Measured: one event, runtime and client."""
    assumptions: tuple[str, ...] = ()


class KubeletBeside(Struct, frozen=True):
    """What this node's real kubelet did meanwhile; None is unknown, and `why` says why."""

    version: str = ""
    mode: str = "unknown"
    cpu_ms_per_s: float | None = None
    relists_per_s: float | None = None
    relist_ms: float | None = None
    """Mean duration of its own relists."""
    source: str = ""
    why: str = ""


class Report(Struct, frozen=True):
    """The whole answer; `compare -o json` is made of it and can be read back."""

    simulated: bool
    runtime: str
    """Name and version."""
    kubelet: KubeletBeside
    pods: int
    containers: int
    blocks: int
    """That counted."""
    spoiled: tuple[str, ...]
    """One sentence for each block or outlier that was left out, never silently."""
    seconds: float
    seed: int
    baseline_runtime_cpu_ms_per_s: float | None
    lanes: Mapping[Lane, LaneReport | None]
    """None: this lane is not available; `reason` says why and what would help."""
    reason: str
    missed: tuple[Missed, ...]
    projection: Projection | None
    overhead: str
    """What the experiment itself cost the node, and what ran beside it, in words with figures."""
    verdict: str
    caveats: tuple[str, ...] = ()
    """What a reader must know: events cost more here, 1.37 polls anyway, too few blocks."""
    started_at: int = 0
    measured: tuple[Block, ...] = ()
    """Every block, for the plots, --save and anyone who wants to compute it again."""
    plan: Plan = Plan()
    difference_ms_per_s: Interval | None = None
    """In the runtime's daemon: polling minus evented. In an A/A run it must include zero."""


class Context(Struct, frozen=True):
    """What the blocks and sightings do not say of themselves, for the report."""

    simulated: bool
    runtime: str
    """Name and version."""
    available: frozenset[Lane] = frozenset(Lane)
    reason: str = ""
    """Why a lane is not available, and what would help; empty when both are."""
    sources: Mapping[Lane, str] = field(default_factory=dict)
    """What each lane really does, for LaneReport.source."""
    kubelet: KubeletBeside = KubeletBeside()
    reference: Sequence[Sighting] = ()
    """What truly happened, as somebody else saw it: the dashboard's live stream. `lane` means
    nothing here. The lanes' own sightings need not be repeated."""
    watches: Sequence[Watch] = ()
    """When which lane was on."""
    counted_throughout: bool = False
    """Block.transitions was counted the same way in every arm (by the live stream), so it may
    explain what a block cost. Never true where only the lanes themselves count."""
    overhead: str = ""
    started_at: int = 0
    """Wall time, ns."""
    finished: bool = True
    """False: this is a report of a run that goes on."""
    notes: Sequence[str] = ()
    """Further caveats of the lanes, one sentence each."""


class Progress(Struct, frozen=True):
    """How far the experiment is."""

    phase: str
    """starting, running, finishing or done."""
    block: int
    blocks: int
    arm: Arm | None
    elapsed_s: float
    left_s: float
    warming_up: bool = False


class NotMeasurable(Exception):
    """The experiment cannot be made here; its text is one clear sentence with the remedy."""


class Experiment(Protocol):
    """A running experiment as its viewers see it. Everything is for one asyncio loop's thread."""

    plan: Plan
    on_change: Callable[[], None] | None
    """Called when progress or report changed; at most a few times a second."""

    @property
    def progress(self) -> Progress:
        """How far it is."""
        ...

    def report(self) -> Report:
        """What can be said with the blocks so far; cheap enough for once a second."""
        ...

    async def run(self) -> Report:
        """From start to end, or until stop(); the lanes' processes are gone when it returns.

        Raises:
            NotMeasurable: it cannot begin here.
        """
        ...

    def stop(self) -> None:
        """Let the current moment be the end; run() returns with what there is."""
        ...
