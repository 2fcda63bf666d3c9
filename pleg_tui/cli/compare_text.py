"""A report, and two held against each other, as text for people."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence

from pleg_tui.cli.table import align
from pleg_tui.cli.times import clock
from pleg_tui.compare import words
from pleg_tui.compare.diff import Diff
from pleg_tui.compare.types import (
    WHOLE_LIFE,
    Interval,
    Lane,
    LaneReport,
    Progress,
    Report,
)
from pleg_tui.cri.clean import clean

WIDTH = 100
_NONE = "-"
_MEBIBYTE = 1 << 20
_LANES = (Lane.POLLING, Lane.EVENTED)
_Tell = Callable[[LaneReport], str]


def report_lines(report: Report, now_ns: int) -> list[str]:
    """The whole report; of a simulated runtime every section says so."""
    tag = ", simulated" if report.simulated else ""
    lines = [f"-- {_subject(report)}"]
    lines += _folded(report.verdict or "Nothing was measured.")
    if report.reason:
        lines += _folded(f"! {report.reason}")
    lines += ["", *_table(report, tag)]
    lines += ["", *_missed(report, tag, now_ns)]
    lines += ["", *_kubelet(report, tag)]
    lines += ["", *_projection(report, tag)]
    lines += ["", f"HOW SURE THIS IS{tag}"]
    lines += _folded(
        f"{report.blocks} blocks that count, {report.seconds:.0f} s measured, seed {report.seed}. "
        "ms/s is milliseconds of CPU per second: 10 are 1 % of one core. An interval that "
        "includes zero is no measurable cost."
    )
    lines += [line for text in report.caveats for line in _folded(f"! {text}")]
    lines += _folded(report.overhead) if report.overhead else []
    lines += [line for text in report.spoiled for line in _folded(f"left out: {text}")]
    return [clean(line) for line in lines]


def progress_line(progress: Progress, width: int) -> str:
    """How far it is, in one line of at most so many cells."""
    whole = progress.elapsed_s + progress.left_s
    share = progress.elapsed_s / whole if whole > 0 else 0.0
    done = round(20 * min(share, 1.0))
    parts = [f"[{'#' * done}{'.' * (20 - done)}] {share:4.0%}"]
    parts.append(f"{span(progress.left_s)} left")
    if progress.phase != "running":
        parts.append(progress.phase)
    elif progress.arm is not None:
        arm = "neither lane" if progress.arm.value == "off" else progress.arm.value
        parts.append(f"block {min(progress.block + 1, progress.blocks)} of {progress.blocks}")
        parts.append(arm + (", warming up" if progress.warming_up else ""))
    return "  ".join(parts)[: max(width, 0)]


def span(seconds: float) -> str:
    """A span of time to the second: "45 s", "4 min 55 s"."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def diff_lines(told: Diff) -> list[str]:
    """Before and after, a line each."""
    rows: list[Sequence[str]] = [("", "BEFORE", "AFTER", "CHANGE", "95 % INTERVAL")]
    for row in told.rows:
        unit = f" {row.unit}" if row.unit else ""
        change = _NONE if row.change is None else f"{_number(row.change, sign=True)}{unit}"
        within = ""
        if row.interval is not None:
            within = words.between(row.interval)
            if not row.interval.significant:
                change = "no measurable change"
        rows.append((row.name, _amount(row.before, unit), _amount(row.after, unit), change, within))
    lines = ["-- SIMULATED: one of them or both are of the simulator"] if told.simulated else []
    lines += [*_folded(told.summary), "", *align(rows)]
    if told.warnings:
        lines += ["", *(line for text in told.warnings for line in _folded(f"! {text}"))]
    return [clean(line) for line in lines]


def _subject(report: Report) -> str:
    name = f"SIMULATED {report.runtime}" if report.simulated else report.runtime
    return f"{name}, {report.pods} pods, {report.containers} containers"


def _table(report: Report, tag: str) -> list[str]:
    rows: list[Sequence[str]] = [("", "POLLING", "EVENTED")]

    def row(name: str, tell: _Tell) -> None:
        told = [report.lanes.get(lane) for lane in _LANES]
        rows.append((name, *(tell(each) if each else "unavailable" for each in told)))

    row("runtime's daemon, CPU", lambda lane: _effect(lane.runtime_cpu_ms_per_s))
    row("its shims, CPU", lambda lane: _effect(lane.shims_cpu_ms_per_s))
    if any(told and told.kubelet_cpu_ms_per_s for told in report.lanes.values()):
        row("kubelet, CPU", lambda lane: _effect(lane.kubelet_cpu_ms_per_s))
    row("Python client, CPU *", lambda lane: _cpu(lane.client_cpu_ms_per_s))
    row("  CRI calls", lambda lane: _amount(lane.calls_per_s, " /s"))
    row("  received", lambda lane: _amount(_kilo(lane.bytes_per_s), " kB/s"))
    row("  context switches", lambda lane: _amount(lane.context_switches_per_s, " /s"))
    row("  memory", lambda lane: _amount(_mebi(lane.rss_bytes), " MiB"))
    row("change known after, p50", lambda lane: _delay(lane.detection.p50))
    row("  p90", lambda lane: _delay(lane.detection.p90))
    row("  p99", lambda lane: _delay(lane.detection.p99))
    row("changes seen", lambda lane: f"{lane.transitions_seen:,}")
    row("changes missed", lambda lane: f"{lane.transitions_missed:,}")
    title = f"WHAT EACH COSTS AND SEES{tag} (effects with their 95 % intervals)"
    sources = [
        line
        for lane in _LANES
        if (each := report.lanes.get(lane)) and each.source
        for line in _folded(f"{lane.value}: {each.source}")
    ]
    return [title, *sources, *align(rows), "* this program's client, not the kubelet"]


def _missed(report: Report, tag: str, now_ns: int) -> list[str]:
    if not report.missed:
        return [f"MISSED{tag}: nothing"]
    rows: list[Sequence[str]] = []
    for each in report.missed:
        what = "never seen" if each.state == WHOLE_LIFE else f"{each.state} not seen"
        lived = "" if each.lived_ms is None else f"lived {each.lived_ms:,.0f} ms"
        name = clean(each.name) or each.id[:13]
        rows.append((each.lane.value, name, what, lived, clock(each.at, now_ns)))
    return [f"MISSED{tag}", *align(rows)]


def _kubelet(report: Report, tag: str) -> list[str]:
    told = report.kubelet
    known = [f"mode {told.mode}"]
    if told.relists_per_s is not None:
        text = f"{_number(told.relists_per_s)} relists/s"
        known.append(text + (f" of {told.relist_ms:.1f} ms" if told.relist_ms is not None else ""))
    if told.cpu_ms_per_s is not None:
        known.append(f"CPU {words.ms(told.cpu_ms_per_s)} ms/s")
    if told.source:
        known.append(f"read from {told.source}")
    if told.why:
        known.append(f"unknown: {told.why}")
    lines = [f"THE REAL KUBELET BESIDE IT{tag}"]
    lines += _folded(f"kubelet {told.version or 'of an unknown version'}: {'; '.join(known)}")
    base = report.baseline_runtime_cpu_ms_per_s
    if base is not None:
        lines.append(f"the runtime with neither lane on: {words.ms(base)} ms/s")
    return lines


def _projection(report: Report, tag: str) -> list[str]:
    told = report.projection
    lines = [f"PROJECTED, NOT MEASURED{tag} (ms/s, runtime and client)"]
    if told is None:
        return [*lines, "unknown: the cost of a relist or of an event could not be told"]
    rates = sorted({row.transitions_per_s for row in told.rows})
    found = {(row.pods, row.transitions_per_s): row for row in told.rows}
    rows: list[Sequence[str]] = [("changes per second", "", *(f"{rate:g}" for rate in rates))]
    for pods in sorted({row.pods for row in told.rows}):
        every = [found.get((pods, rate)) for rate in rates]
        rows.append((f"{pods} pods", "polling",
                     *(words.ms(e.polling_ms_per_s) if e else _NONE for e in every)))  # fmt: skip
        rows.append(("", "evented",
                     *(words.ms(e.evented_ms_per_s) if e else _NONE for e in every)))  # fmt: skip
    lines += align(rows)
    for pods, rate in sorted(told.crossings.items()):
        text = "events cost less at every rate shown"
        if rate is not None:
            text = f"events cost more from {_number(rate)} changes/s on"
        lines.append(f"{pods} pods: {text}")
    units = (("relist", told.relist_ms), ("event", told.event_ms))
    lines.append(
        "measured here: " + ", ".join(
            f"{name} {_NONE if cost is None else f'{_number(cost)} ms'}" for name, cost in units
        )
    )  # fmt: skip
    return lines + [line for text in told.assumptions for line in _folded(f"- {text}")]


def _effect(interval: Interval | None) -> str:
    if interval is None:
        return _NONE
    if not interval.significant:
        return f"no measurable cost ({words.between(interval)})"
    return f"{words.ms(interval.estimate)} ms/s ({words.between(interval)})"


def _cpu(value: float | None) -> str:
    return _NONE if value is None else f"{words.ms(value)} ms/s"


def _delay(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


def _amount(value: float | None, unit: str) -> str:
    return _NONE if value is None else f"{_number(value)}{unit}"


def _number(value: float, *, sign: bool = False) -> str:
    """About three figures."""
    if not math.isfinite(value):
        return _NONE
    size = abs(value)
    digits = 0 if value == round(value) or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{value:{'+' if sign else ''},.{digits}f}"


def _kilo(value: float | None) -> float | None:
    return None if value is None else value / 1000


def _mebi(value: int | None) -> float | None:
    return None if value is None else round(value / _MEBIBYTE)


def _folded(text: str) -> list[str]:
    indent = "  " if text.startswith(("! ", "- ")) else ""
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]
