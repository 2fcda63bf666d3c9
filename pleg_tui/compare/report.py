"""From what was measured to the whole answer."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pleg_tui.compare import estimate
from pleg_tui.compare.detection import Seen, detect, histogram
from pleg_tui.compare.document import to_json
from pleg_tui.compare.estimate import Effects
from pleg_tui.compare.fields import NotOurs
from pleg_tui.compare.projection import project
from pleg_tui.compare.reading import from_json
from pleg_tui.compare.types import (
    Block,
    Context,
    Detection,
    Lane,
    LaneReport,
    LaneUse,
    Missed,
    Plan,
    Report,
    Sighting,
)
from pleg_tui.compare.verdict import caveats, verdict
from pleg_tui.compare.words import ms

__all__ = ["NotOurs", "build", "from_json", "to_json"]

_NOBODY = Seen(Detection(histogram=histogram(())), 0, (), 0)


def build(
    plan: Plan, blocks: Sequence[Block], sightings: Sequence[Sighting], context: Context
) -> Report:
    """The report of the blocks so far; pure, and cheap enough for once a second.

    Args:
        plan: what was asked for.
        blocks: every block that has ended, spoiled ones too, by their index in the schedule.
        sightings: what the lanes learned; what they knew from a first listing may be among it.
        context: everything that blocks and sightings do not say.
    """
    counted = [block for block in blocks if not block.spoiled and block.seconds > 0]
    adjust = context.counted_throughout and any(block.transitions for block in counted)
    runtime = estimate.effects(counted, estimate.runtime, adjust=adjust)
    shims = estimate.effects(counted, estimate.shims, adjust=adjust)
    kubelet = estimate.effects(counted, estimate.kubelet, adjust=adjust)
    seen = detect(sightings, context.reference, context.watches, round(plan.period_s * 1e9))
    lanes: dict[Lane, LaneReport | None] = {
        lane: _lane(lane, counted, context, (runtime, shims, kubelet), seen.get(lane, _NOBODY))
        if lane in context.available
        else None
        for lane in Lane
    }
    missed: tuple[Missed, ...] = sum((one.missed for one in seen.values()), ())
    pods, containers = _typical(counted, "pods"), _typical(counted, "containers")
    report = Report(
        simulated=context.simulated,
        runtime=context.runtime,
        kubelet=context.kubelet,
        pods=pods,
        containers=containers,
        blocks=len(counted),
        spoiled=_left_out(blocks, runtime),
        seconds=sum(block.seconds for block in counted),
        seed=plan.seed,
        baseline_runtime_cpu_ms_per_s=runtime.baseline,
        lanes=lanes,
        reason=context.reason,
        missed=tuple(sorted(missed, key=lambda one: (one.at, one.lane, one.id))),
        projection=project(plan, counted, runtime.lanes, pods=pods, containers=containers),
        overhead=context.overhead,
        verdict="",
        started_at=context.started_at,
        measured=tuple(blocks),
        plan=plan,
        difference_ms_per_s=runtime.difference,
    )
    said = caveats(report) + _of_method(runtime, context)
    return replace(report, verdict=verdict(report), caveats=said)


def _lane(
    lane: Lane,
    counted: Sequence[Block],
    context: Context,
    effects: tuple[Effects, Effects, Effects],
    seen: Seen,
) -> LaneReport:
    """What one lane cost and saw, in the blocks in which it ran."""
    uses = [(block.seconds, use) for block in counted if (use := block.lanes.get(lane)) is not None]
    runtime, shims, kubelet = (found.lanes.get(lane) for found in effects)
    client_ns = _rate(uses, [use.cpu_ns for _, use in uses])
    return LaneReport(
        source=context.sources.get(lane, ""),
        client_cpu_ms_per_s=None if client_ns is None else client_ns / 1e6,
        runtime_cpu_ms_per_s=runtime,
        shims_cpu_ms_per_s=shims,
        kubelet_cpu_ms_per_s=kubelet,
        calls_per_s=_rate(uses, [use.calls for _, use in uses]),
        bytes_per_s=_rate(uses, [use.bytes for _, use in uses]),
        context_switches_per_s=_rate(uses, [use.context_switches for _, use in uses]),
        rss_bytes=round(statistics.median(use.rss_bytes for _, use in uses)) if uses else None,
        events_per_s=_rate(uses, [use.events for _, use in uses]),
        transitions_seen=seen.seen,
        transitions_missed=seen.transitions_missed,
        detection=seen.detection,
    )


def _rate(uses: Sequence[tuple[float, LaneUse]], amounts: Sequence[int]) -> float | None:
    return sum(amounts) / sum(seconds for seconds, _ in uses) if uses else None


def _typical(counted: Sequence[Block], what: str) -> int:
    return round(statistics.median(getattr(block, what) for block in counted)) if counted else 0


def _left_out(blocks: Sequence[Block], runtime: Effects) -> tuple[str, ...]:
    """A sentence for every block that does not count, or not in full."""
    weak: Mapping[int, float] = dict(runtime.weak)
    said = []
    for block in blocks:
        which = f"Block {block.index + 1} ({block.arm.value})"
        if block.spoiled:
            said.append(f"{which} does not count: {block.spoiled.strip().rstrip('.')}.")
        elif block.seconds <= 0:
            said.append(f"{which} does not count: nothing of it was measured.")
        elif block.runtime_cpu_ns is None:
            said.append(f"{which} has no part in the runtime's cost: its CPU could not be read.")
        elif block.index in weak:
            spent = ms(block.runtime_cpu_ns / 1e6 / block.seconds)
            said.append(
                f"{which} was far from the others (runtime {spent} ms/s) and counts "
                f"{weak[block.index] * 100:.2g} %."
            )
    return tuple(said)


def _of_method(runtime: Effects, context: Context) -> tuple[str, ...]:
    said = []
    if runtime.adjusted:
        said.append(
            "How much changed in each block was taken into account, as the live stream counted it."
        )
    if not context.finished:
        said.append("The experiment is still running: every figure may change.")
    return (*said, *context.notes)
