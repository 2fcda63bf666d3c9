"""What this node would spend at other sizes: modelled from the unit costs measured here.

Three unit costs are measured. A relist: the effect of polling on the runtime's daemon and what its
client spent, for one period. A change, to the polling client: the slope of its CPU over the changes
that it found in each block. An event: the slope of the evented client's CPU over the events that it
received, and the effect on the runtime per event, if there is one. The client is this program's,
in Python; the kubelet's own is in Go and spends less.

A slope counts only where its 95 % interval excludes zero. Otherwise a change costs polling nothing
extra (it is in the relist's figure), and the cost of an event is all that the client spent, divided
by its events, if there were enough of them that an idle stream matters little; with fewer it is
unknown, and then there is no table. An effect on the runtime that is not measurable counts as
nothing, and the assumptions say how large it could be.

One experiment sees one size, so how a relist grows with the containers cannot be measured in it.
It is taken from a measurement on a quiet machine (`GROWTH`), only as a shape: the relist's cost at
this node's size is this node's own.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from msgspec import Struct

from pleg_tui.compare.student import quantile
from pleg_tui.compare.types import Block, Interval, Lane, Plan, Projected, Projection

SIZES = (110, 250, 500)
"""Pods: the kubelet's default limit, and what larger nodes are set to."""
RATES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Transitions per second."""
ENOUGH_EVENTS = 2.0
"""Per second: from here on an idle stream's own cost matters little beside its events'."""
USUAL_CONTAINERS = 2.0
"""Containers in a pod, where this node has none to go by."""
_FEWEST_BLOCKS = 6
"""For a slope."""


class Growth(Struct, frozen=True):
    """How much a relist costs more for each container, as a part of what it costs with none."""

    runtime: float
    client: float
    source: str


GROWTH = Growth(
    0.0066,
    0.0011,
    "measured on containerd 2.1 with 0, 50, 100 and 200 containers: runtime 1.2, 2.1, 2.7 and 3.2, "
    "client 4.0, 4.6, 4.8 and 5.0 ms each",
)


def project(
    plan: Plan,
    blocks: Sequence[Block],
    runtime_effects: Mapping[Lane, Interval | None],
    *,
    pods: int,
    containers: int,
    growth: Growth = GROWTH,
) -> Projection | None:
    """The table, or None while the cost of a relist is not known.

    Args:
        plan: its period; an A/A run has no projection.
        blocks: as measured; spoiled ones are left alone.
        runtime_effects: on the runtime's daemon, ms/s (`estimate.effects`).
        pods: on this node, now.
        containers: likewise.
        growth: how a relist grows with the containers.
    """
    polling = runtime_effects.get(Lane.POLLING)
    client = _client(blocks, Lane.POLLING)
    if plan.same is not None or polling is None or client is None:
        return None
    assumptions: list[str] = []
    runtime = _polling_runtime(polling, assumptions)
    relist = _Relist(runtime, client.idle, containers, growth)
    if not client.sloped:
        assumptions.append(
            "What inspecting a changed pod costs polling could not be told apart, so it is within "
            "the relist's figure."
        )
    assumptions.append(
        "A relist grows with the containers, all of which it lists, in the proportion "
        f"{growth.source}; here only its cost at this node's size was measured."
    )
    each = containers / pods if pods and containers else USUAL_CONTAINERS
    assumptions.append(f"A pod has {each:.1f} containers, as on average here.")
    if not (pods and containers):
        assumptions[-1] = f"A pod has {each:.0f} containers; this node has none to go by."
    event = _event(blocks, runtime_effects.get(Lane.EVENTED), assumptions)
    relist_ms = relist.ms_per_s(containers) * plan.period_s
    if event is None:
        return Projection((), {}, relist_ms, None, tuple(assumptions))
    assumptions += [
        "A transition makes one event, and each event carries the status of its whole pod: with "
        "more containers in a pod than here an event costs more.",
        "What an event costs does not depend on how many other pods there are.",
        "The client is this program's, in Python; a kubelet's costs less on either side, and in "
        "either mode a kubelet also lists every 2 s for its housekeeping, which is not in here.",
    ]
    # Polling finds fewer changes than there are; its slope is for those that it finds.
    found = client.each * (min(client.rate / event.rate, 1.0) if event.rate else 1.0)
    rows: list[Projected] = []
    crossings: dict[int, float | None] = {}
    for size in sorted({*SIZES, *([pods] if pods else [])}):
        base = relist.ms_per_s(containers if size == pods and containers else size * each)
        rows += (
            Projected(size, rate, base + found * rate, event.idle + event.each * rate)
            for rate in RATES
        )
        crossings[size] = _crossing(base - event.idle, event.each - found)
    return Projection(tuple(rows), crossings, relist_ms, event.each, tuple(assumptions))


class _Line(Struct, frozen=True):
    """A cost in ms/s: what it is with nothing happening, and ms for each thing that happens."""

    idle: float
    each: float
    sloped: bool
    """The slope was measurable; False: idle is the mean, and each is nothing."""
    rate: float
    """Mean of what happened, per second."""


class _Relist(Struct, frozen=True):
    """The cost of polling by the number of containers listed."""

    runtime: float
    client: float
    here: int
    growth: Growth

    def ms_per_s(self, containers: float) -> float:
        """Runtime and client together, while nothing changes."""
        return sum(
            cost * (1 + more * containers) / (1 + more * self.here)
            for cost, more in (
                (self.runtime, self.growth.runtime),
                (self.client, self.growth.client),
            )
        )


def _polling_runtime(effect: Interval, assumptions: list[str]) -> float:
    if effect.low > 0:
        return effect.estimate
    assumptions.append(
        "What polling costs the runtime was not measurable and counts as nothing; it may be up to "
        f"{max(effect.high, 0):.1f} ms/s at this node's size, and more at larger ones."
    )
    return 0.0


def _event(
    blocks: Sequence[Block], effect: Interval | None, assumptions: list[str]
) -> _Line | None:
    """What events cost, runtime and client; None, with the reason, where that is unknown."""
    client = _client(blocks, Lane.EVENTED)
    if client is None or effect is None:
        assumptions.append("What events would cost was not measured here, so there is no table.")
        return None
    idle, each = client.idle, client.each
    if not client.sloped:
        if client.rate < ENOUGH_EVENTS:
            assumptions.append(
                f"With {client.rate:.2g} events per second the cost of one could not be told from "
                "that of an idle stream, so there is no table: measure while pods come and go."
            )
            return None
        assumptions.append(
            "What an idle stream costs could not be told apart, so all that the client of events "
            "spent is laid on its events."
        )
        idle, each = 0.0, client.idle / client.rate
    if effect.low <= 0:
        assumptions.append(
            "What events cost the runtime was not measurable and counts as nothing; it may be "
            f"up to {max(effect.high, 0):.1f} ms/s at {client.rate:.2g} events per second."
        )
    elif client.rate >= ENOUGH_EVENTS:
        each += effect.estimate / client.rate
        assumptions.append("All that events cost the runtime is laid on the single event.")
    else:
        idle += effect.estimate
        assumptions.append("All that events cost the runtime is laid on the idle stream.")
    return _Line(idle, each, client.sloped, client.rate)


def _client(blocks: Sequence[Block], lane: Lane) -> _Line | None:
    """A client's CPU over what it learned, block by block."""
    points = [
        (use.events / block.seconds, use.cpu_ns / 1e6 / block.seconds)
        for block in blocks
        if not block.spoiled and block.seconds > 0 and (use := block.lanes.get(lane)) is not None
    ]
    if not points:
        return None
    rate = statistics.fmean(x for x, _ in points)
    mean = statistics.fmean(y for _, y in points)
    flat = _Line(mean, 0.0, False, rate)
    spread = sum((x - rate) ** 2 for x, _ in points)
    if len(points) < _FEWEST_BLOCKS or spread <= 0:
        return flat
    slope = sum((x - rate) * (y - mean) for x, y in points) / spread
    degrees = len(points) - 2
    noise = sum((y - mean - slope * (x - rate)) ** 2 for x, y in points) / degrees
    if slope - quantile(degrees) * math.sqrt(noise / spread) <= 0:
        return flat
    if slope * rate > mean:  # an idle client cannot cost less than nothing
        return _Line(0.0, mean / rate, True, rate)
    return _Line(mean - slope * rate, slope, True, rate)


def _crossing(ahead: float, each: float) -> float | None:
    """Where events have used up their lead of `ahead` ms/s, at `each` ms more a transition."""
    if ahead <= 0:
        return 0.0
    rate = ahead / each if each > 0 else math.inf
    return rate if rate <= RATES[-1] else None
