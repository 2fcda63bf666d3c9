"""Two reports side by side: before and after a switch or an upgrade.

Both are runs of their own, so where both sides have an interval the difference has one too: the
estimates are independent, and the half-widths add up as squares. (With few degrees of freedom that
is a little too narrow when the two are very different, and right enough when they are alike.)
"""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct

from pleg_tui.compare.document import interval, number
from pleg_tui.compare.types import Interval, Lane, LaneReport, Report
from pleg_tui.compare.words import LANE, between, ms, span

SCHEMA = "pleg-tui/compare-diff/v1"


class Change(Struct, frozen=True):
    """One row."""

    name: str
    """As "runtime CPU because of polling"."""
    unit: str
    """As "ms/s"; empty for a count."""
    before: float | None
    after: float | None
    change: float | None
    """After minus before; None where one is unknown."""
    interval: Interval | None = None
    """Of the change, 95 %, where both sides came with an interval of their own."""


class Diff(Struct, frozen=True):
    """Before and after."""

    simulated: bool
    """One of them or both are of the simulator."""
    rows: tuple[Change, ...]
    warnings: tuple[str, ...]
    """Why the two are not simply comparable, a sentence each."""
    summary: str
    """One sentence."""


def diff(before: Report, after: Report) -> Diff:
    """Hold two reports against each other."""
    simulated = before.simulated or after.simulated
    rows = tuple(_rows(before, after))
    summary = _summary(rows)
    if simulated:
        summary = (
            f"Simulated, so this says nothing of a real node: {summary[0].lower()}{summary[1:]}"
        )
    return Diff(simulated, rows, tuple(_warnings(before, after)), summary)


def to_json(told: Diff) -> dict[str, object]:
    """As `compare --diff A B -o json` writes it."""
    return {
        "schema": SCHEMA,
        "simulated": told.simulated,
        "summary": told.summary,
        "warnings": list(told.warnings),
        "rows": [
            {
                "name": row.name,
                "unit": row.unit or None,
                "before": number(row.before),
                "after": number(row.after),
                "change": number(row.change),
                "interval": interval(row.interval),
            }
            for row in told.rows
        ],
    }


_Figure = Callable[[LaneReport], float | None]
_COSTS: tuple[tuple[str, Callable[[LaneReport], Interval | None]], ...] = (
    ("runtime CPU because of {}", lambda lane: lane.runtime_cpu_ms_per_s),
    ("shims' CPU because of {}", lambda lane: lane.shims_cpu_ms_per_s),
    ("kubelet's CPU because of {}", lambda lane: lane.kubelet_cpu_ms_per_s),
)
_FIGURES: tuple[tuple[str, str, _Figure], ...] = (
    ("client CPU of {}", "ms/s", lambda lane: lane.client_cpu_ms_per_s),
    ("CRI calls of {}", "/s", lambda lane: lane.calls_per_s),
    ("bytes to {}", "B/s", lambda lane: lane.bytes_per_s),
    ("context switches of {}", "/s", lambda lane: lane.context_switches_per_s),
    ("client memory of {}", "B", lambda lane: lane.rss_bytes),
    ("detection by {}, p50", "ms", lambda lane: lane.detection.p50),
    ("detection by {}, p99", "ms", lambda lane: lane.detection.p99),
    ("changes missed by {}", "%", lambda lane: _missed_percent(lane)),
)


def _rows(before: Report, after: Report) -> list[Change]:
    rows = [
        _plain(
            "runtime CPU with no lane on",
            "ms/s",
            before.baseline_runtime_cpu_ms_per_s,
            after.baseline_runtime_cpu_ms_per_s,
        ),
        _estimated(
            "runtime CPU, polling minus events",
            before.difference_ms_per_s,
            after.difference_ms_per_s,
        ),
    ]
    for lane in Lane:
        one, two = before.lanes.get(lane), after.lanes.get(lane)
        if one is None and two is None:
            continue
        for name, cost in _COSTS:
            first = None if one is None else cost(one)
            second = None if two is None else cost(two)
            if first is not None or second is not None:
                rows.append(_estimated(name.format(LANE[lane]), first, second))
        rows += (
            _plain(name.format(LANE[lane]), unit, _of(one, figure), _of(two, figure))
            for name, unit, figure in _FIGURES
        )
    rows.append(
        _plain("kubelet's own CPU", "ms/s", before.kubelet.cpu_ms_per_s, after.kubelet.cpu_ms_per_s)
    )
    rows.append(
        _plain(
            "kubelet's own relists",
            "/s",
            before.kubelet.relists_per_s,
            after.kubelet.relists_per_s,
        )
    )
    return rows


def _of(lane: LaneReport | None, figure: _Figure) -> float | None:
    return None if lane is None else figure(lane)


def _missed_percent(lane: LaneReport) -> float | None:
    whole = lane.transitions_seen + lane.transitions_missed
    return 100 * lane.transitions_missed / whole if whole else None


def _plain(name: str, unit: str, before: float | None, after: float | None) -> Change:
    change = None if before is None or after is None else after - before
    return Change(name, unit, before, after, change)


def _estimated(name: str, before: Interval | None, after: Interval | None) -> Change:
    if before is None or after is None:
        return _plain(name, "ms/s", _middle(before), _middle(after))
    change = after.estimate - before.estimate
    half = math.hypot(*((one.high - one.low) / 2 for one in (before, after)))
    return Change(
        name,
        "ms/s",
        before.estimate,
        after.estimate,
        change,
        Interval(change, change - half, change + half),
    )


def _middle(found: Interval | None) -> float | None:
    return None if found is None else found.estimate


def _warnings(before: Report, after: Report) -> list[str]:
    said: list[str] = []

    def unlike(what: str, one: object, two: object, so: str) -> None:
        if one != two:
            said.append(f"{what}: {one} before, {two} after; {so}.")

    real = {True: "simulated", False: "a real node"}
    unlike(
        "The node",
        real[before.simulated],
        real[after.simulated],
        "a simulator's costs say nothing of a node's",
    )
    unlike("The runtime", before.runtime, after.runtime, "its own costs are another matter")
    unlike(
        "The kubelet",
        before.kubelet.version or "unknown",
        after.kubelet.version or "unknown",
        "versions relist in different ways",
    )
    unlike(
        "The relist that polling does",
        before.plan.kubelet_version or "of this node's kubelet",
        after.plan.kubelet_version or "of this node's kubelet",
        "versions relist in different ways",
    )
    unlike(
        "Polling",
        f"every {span(before.plan.period_s)}",
        f"every {span(after.plan.period_s)}",
        "its cost goes with the period",
    )
    unlike(
        "Sources",
        _sources(before),
        _sources(after),
        "the lanes did not do the same",
    )
    if _apart(before.containers, after.containers, 2):
        said.append(
            f"The size: {before.containers} containers before, {after.containers} after; a relist "
            "costs more with more of them."
        )
    if _apart(_changes(before), _changes(after), 0.2):
        said.append(
            f"The churn: {_changes(before):.2g} changes per second before, {_changes(after):.2g} "
            "after; events cost by the change."
        )
    unlike(
        "The plan",
        _plan(before),
        _plan(after),
        "blocks of another length see other parts of a node's rhythm",
    )
    if before.seed != after.seed:
        said.append(
            f"The seed: {before.seed} before, {after.seed} after, so the blocks came in another "
            "order; that makes neither better."
        )
    same = [one.plan.same for one in (before, after)]
    if same[0] is not same[1]:
        said.append("One of the two is an A/A run, in which both lanes did the same.")
    return said


def _sources(report: Report) -> str:
    return ", ".join(
        lane.source if lane is not None else "none" for lane in map(report.lanes.get, Lane)
    )


def _plan(report: Report) -> str:
    return f"blocks of {report.plan.block_s:g} s, warm-up {report.plan.warmup_s:g} s"


def _apart(one: float, two: float, least: float) -> bool:
    """They differ by more than a quarter, and by more than the least that matters."""
    return abs(one - two) > max(0.25 * max(one, two), least)


def _changes(report: Report) -> float:
    """Per second, as counted in the blocks."""
    seconds = sum(block.seconds for block in report.measured if not block.spoiled)
    changes = sum(block.transitions for block in report.measured if not block.spoiled)
    return changes / seconds if seconds else 0.0


def _summary(rows: tuple[Change, ...]) -> str:
    known = [row for row in rows if row.interval is not None]
    moved = [row for row in known if row.interval is not None and row.interval.significant]
    if not known:
        return "No cost was measured on both sides, so there is nothing to hold against each other."
    if not moved:
        return "No cost differs measurably between the two: every interval includes zero."
    told = [
        f"{row.name} is {ms(abs(row.change or 0))} ms/s "
        f"{'higher' if (row.change or 0) > 0 else 'lower'} after ({between(row.interval)})"
        for row in moved
        if row.interval is not None
    ]
    said = "; ".join(told) + "."
    return said[0].upper() + said[1:]
