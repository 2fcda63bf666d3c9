"""The Compare screen as lines: everything that is drawn of a report and of its progress."""

from __future__ import annotations

import math

from msgspec import Struct

from pleg_tui.compare import words
from pleg_tui.compare.types import (
    WHOLE_LIFE,
    Arm,
    Block,
    Lane,
    Missed,
    Progress,
    Projection,
    Report,
)
from pleg_tui.cri.clean import clean
from pleg_tui.ui.content.compare_table import LANES, heading, ms_text, table_lines, wrap_words
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line
from pleg_tui.ui.content.plots import (
    Dot,
    Signs,
    bar,
    beside,
    dots,
    dots_room,
    figure,
    progress_bar,
    signs_for,
)
from pleg_tui.ui.content.text import clock, count, cut_middle, fit, fit_right, milliseconds, tidy

WIDE = 116
"""From this width on, two columns of sections."""
_GAP = 3
_MOST_MISSED = 500
"""That are listed on the screen; a saved report has all."""

__all__ = ["WIDE", "Sheet", "progress_line", "sheet", "span_text"]


class Sheet(Struct, frozen=True):
    """What the body of the screen shows."""

    lines: list[Line]
    sections: tuple[int, ...]
    """The lines with which sections begin."""


def span_text(seconds: float) -> str:
    """A span of time, exact to the second: "45 s", "4 min 55 s", "1 h 5 min"."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def progress_line(
    progress: Progress | None,
    width: int,
    glyphs: Glyphs,
    *,
    simulated: bool,
    stopping: bool = False,
    ended: str = "",
) -> Line:
    """The title of the screen: how far the experiment is.

    Args:
        progress: None before it was started.
        width: cells.
        glyphs: the signs to use.
        simulated: the runtime is.
        stopping: it was asked to stop.
        ended: why it ended although it was not done.
    """
    signs = signs_for(glyphs)
    left = [Item((Part("Compare", "title-focus"),))]
    badge = [Item((Part(" SIMULATED ", "badge"),))] if simulated else []
    if progress is None:
        left.append(Item((Part("what polling costs this node, and what events cost", "dim"),), 2))
        return bar_line(left, badge, width)
    if progress.phase == "done" and not ended:
        left.append(Item((Part("done", "good-bold"),)))
        left.append(Item((Part(f"{count(progress.blocks, 'block')}"),), 2))
        left.append(Item((Part(f"in {span_text(progress.elapsed_s)}", "dim"),), 3))
        return bar_line(left, badge, width)
    if ended:
        left.append(Item((Part(ended, "warn-bold"),)))
        return bar_line(left, badge, width)
    whole = progress.elapsed_s + progress.left_s
    share = progress.elapsed_s / whole if whole > 0 else 0.0
    cells = 12 if width < 100 else 24 if width < 150 else 40
    done, rest = progress_bar(share, cells, signs)
    left.append(Item((Part(done, "accent"), Part(rest, "rule"), Part(f" {share:4.0%}", "strong"))))
    if progress.blocks and progress.phase == "running":
        left.append(Item((Part(f"block {min(progress.block + 1, progress.blocks)} of "
                               f"{progress.blocks}", "dim"),), 4))  # fmt: skip
    if stopping:
        left.append(Item((Part("stopping", "warn-bold"),)))
    elif progress.phase != "running":
        left.append(Item((Part(progress.phase, "busy"),)))
    elif progress.arm is not None:
        name, sign, style = arm_look(progress.arm, signs)
        text = f"{sign} {name}" + (", warming up" if progress.warming_up else "")
        left.append(Item((Part(text, style),), 1))
    right = [Item((Part(f"{span_text(progress.left_s)} left"),), 1), *badge]
    return bar_line(left, right, width)


def arm_look(arm: Arm, signs: Signs) -> tuple[str, str, str]:
    """(what is on, its sign, its style)."""
    match arm:
        case Arm.OFF:
            return "neither", signs.off, "dim"
        case Arm.POLLING:
            return "polling", signs.polling, "polling"
        case Arm.EVENTED:
            return "evented", signs.evented, "evented"
    return "both", signs.both, "strong"


def sheet(report: Report, width: int, height: int, glyphs: Glyphs, *, blocks: int = 0) -> Sheet:
    """All sections of a report, one above the other, or in two columns where there is room.

    Args:
        report: what is known so far.
        width: cells.
        height: rows of the window: charts are higher where they may.
        glyphs: the signs to use.
        blocks: how many there will be in the end; 0 when there are no more to come.
    """
    signs = signs_for(glyphs)
    tag = "simulated" if report.simulated else ""
    inner = width - 2
    wide = width >= WIDE
    column = max((inner - _GAP) * 13 // 24, min(64, inner)) if wide else inner
    rest = inner - _GAP - column if wide else inner
    rows = 7 if height < 30 else 9 if height < 44 else 11
    verdict = _verdict(report, inner, signs, tag, bool(blocks))
    table = table_lines(report, column, signs, tag)
    chart = _blocks(report, rest, rows, signs, tag, blocks)
    histogram = _histogram(report, rest, signs, tag)
    kubelet = _kubelet(report, column, tag)
    projection = _projection(report, rest if wide else inner, signs, tag)
    missed = _missed(report, column, glyphs, tag)
    about = _about(report, inner, tag)
    if wide:
        left = [table, kubelet, missed]
        right = [chart, histogram, projection]
        groups = [[verdict], [_stack(left), _stack(right)], [about]]
    else:
        groups = [[part] for part in (verdict, table, chart, histogram, missed, kubelet,
                                      projection, about)]  # fmt: skip
    lines: list[Line] = []
    sections: list[int] = []
    for group in groups:
        if not group[0]:
            continue
        if lines:
            lines.append(())
        starts = [0] if len(group) == 1 else _starts(left, right)
        sections += [len(lines) + start for start in starts]
        lines += group[0] if len(group) == 1 else beside(group[0], group[1], (column, rest), _GAP)
    return Sheet([(Part(" "), *line) if line else () for line in lines], tuple(sections))


def _stack(parts: list[list[Line]]) -> list[Line]:
    lines: list[Line] = []
    for part in parts:
        if part:
            lines += [(), *part] if lines else part
    return lines


def _starts(left: list[list[Line]], right: list[list[Line]]) -> list[int]:
    """Where sections of either column begin."""
    found: set[int] = set()
    for parts in (left, right):
        at = 0
        for part in parts:
            if part:
                found.add(at)
                at += len(part) + 1
    return sorted(found)


def _verdict(report: Report, width: int, signs: Signs, tag: str, running: bool) -> list[Line]:
    title = "So far" if running else "Verdict"
    lines = [heading(title, _node(report), tag, width)]
    style = "strong" if not running else ""
    lines += wrap_words(tidy(report.verdict) or signs.none, min(width, 110), style)
    if report.reason:
        lines += wrap_words(tidy(report.reason), min(width, 110), "warn", "! ")
    return lines


def _node(report: Report) -> str:
    pods = f"{count(report.pods, 'pod')}, {count(report.containers, 'container')}"
    return f"{tidy(report.runtime)}, {pods}"


def _blocks(
    report: Report, width: int, height: int, signs: Signs, tag: str, planned: int
) -> list[Line]:
    """The runtime's CPU in each block, in the order of time."""
    room = dots_room(width)
    shown = report.measured[-room:]
    note = "CPU of the daemon, ms/s"
    if len(shown) < len(report.measured):
        note += f", the last {len(shown)} of {len(report.measured)}"
    lines = [heading("Each block", note, tag, width)]
    lines.append(_legend(signs, any(block.spoiled for block in shown), width))
    points = [_dot(block, signs) for block in shown]
    ends = ("", "")
    if shown:
        begun = report.started_at or shown[0].started_at
        first = (shown[0].started_at - begun) / 1e9
        last = (shown[-1].started_at - begun) / 1e9 + shown[-1].seconds
        to_come = planned - len(report.measured)
        if 0 < to_come <= room - len(shown):
            last += to_come * report.plan.block_s
        ends = (span_text(max(first, 0)), span_text(last))
    return lines + dots(points, width, height, signs, total=min(planned, room), ends=ends)


def _dot(block: Block, signs: Signs) -> Dot:
    _, sign, style = arm_look(block.arm, signs)
    if block.spoiled:
        sign, style = signs.spoiled, "dim"
    if block.runtime_cpu_ns is None or block.seconds <= 0:
        return Dot(math.nan, sign, style)
    return Dot(block.runtime_cpu_ns / 1e6 / block.seconds, sign, style)


def _legend(signs: Signs, spoiled: bool, width: int) -> Line:
    parts: list[Part] = []
    for arm in Arm:
        name, sign, style = arm_look(arm, signs)
        parts += [Part(f"{sign} {name}", style), Part("   " if width > 60 else "  ")]
    if spoiled:
        parts.append(Part(f"{signs.spoiled} {'left out' if width > 56 else 'out'}", "dim"))
    return tuple(parts)


def _histogram(report: Report, width: int, signs: Signs, tag: str) -> list[Line]:
    """How long after a change each lane knew of it, on the same edges."""
    counts: dict[Lane, tuple[tuple[float, int], ...]] = {
        lane: told.detection.histogram
        for lane in LANES
        if (told := report.lanes.get(lane)) is not None and told.detection.n
    }
    lines = [heading("How long after a change it was known", "", tag, width)]
    if not counts:
        return [*lines, (Part("no change has been timed yet", "dim"),)]
    edges = [edge for edge, _ in max(counts.values(), key=len)]
    top = max((n for bins in counts.values() for _, n in bins), default=0)
    label, number = 11, max(len(f"{top:,}"), 3)
    cell = (width - label) // 2
    lines.append(
        (
            Part(" " * label),
            Part(fit(f"{signs.polling} polling", cell), "polling"),
            Part(f"{signs.evented} evented", "evented"),
        )
    )
    used = [i for i in range(len(edges)) if any(_bin(bins, i) for bins in counts.values())]
    for i in range(min(used, default=0), max(used, default=-1) + 1):
        name = f"{signs.upto} {milliseconds(edges[i])}"
        if math.isinf(edges[i]):
            name = f"> {milliseconds(edges[i - 1])}" if i else "any"
        parts = [Part(f"{fit_right(name, label - 1)} ", "dim")]
        for lane in LANES:
            n = _bin(counts.get(lane, ()), i)
            drawn = bar(n, top, cell - number - 3, signs)
            text = f"{drawn}{' ' if drawn else ''}"
            parts += [Part(text, lane.value), Part(fit(f"{n:,}" if n else "", cell - len(text)))]
        lines.append(tuple(parts))
    return lines


def _bin(bins: tuple[tuple[float, int], ...], index: int) -> int:
    return bins[index][1] if index < len(bins) else 0


def _missed(report: Report, width: int, glyphs: Glyphs, tag: str) -> list[Line]:
    """What a lane never saw, by name."""
    missed = report.missed
    if not missed:
        seen = any(told is not None and told.transitions_seen for told in report.lanes.values())
        text = "nothing: each lane saw all that happened while it was on"
        says = text if seen else "nothing has happened yet"
        return [heading("Missed", "", tag, width), *wrap_words(says, width, "dim")]
    lines = [heading("Missed", count(len(missed), "change"), tag, width)]
    for each in missed[:_MOST_MISSED]:
        lines.append(missed_line(each, width, glyphs))
    if len(missed) > _MOST_MISSED:
        lines.append((Part(f"and {len(missed) - _MOST_MISSED:,} more: w saves them all", "dim"),))
    return lines


def missed_line(each: Missed, width: int, glyphs: Glyphs) -> Line:
    """One change that one lane never saw."""
    what = "never seen" if each.state == WHOLE_LIFE else f"{clean(each.state)} not seen"
    if each.lived_ms is not None:
        lived = f"{'lived' if each.state == WHOLE_LIFE else 'ran'} {ms_text(each.lived_ms)} ms"
        what = f"{what}, {lived}" if width >= 76 else lived
    tail = f"  {what:>14}  {clock(each.at)}"
    name = clean(each.name) or each.id[:13]
    room = max(width - 9 - len(tail), 12)
    lane = each.lane.value
    return (
        Part(f"{lane:<8} ", lane),
        Part(fit(cut_middle(tidy(name), room, glyphs.cut), room)),
        Part(tail, "dim"),
    )


def _kubelet(report: Report, width: int, tag: str) -> list[Line]:
    """What the node's real kubelet did meanwhile."""
    told = report.kubelet
    lines = [heading("The real kubelet beside it", "", tag, width)]
    known: list[str] = []
    if told.version or told.mode != "unknown":
        known.append(" ".join(filter(None, ("kubelet", tidy(told.version), f"mode {told.mode}"))))
    if told.relists_per_s is not None:
        text = f"{figure(told.relists_per_s)} relists/s"
        if told.relist_ms is not None:
            text += f" of {ms_text(told.relist_ms)} ms each"
        known.append(text)
    if told.cpu_ms_per_s is not None:
        known.append(f"CPU {words.ms(told.cpu_ms_per_s)} ms/s")
    if report.baseline_runtime_cpu_ms_per_s is not None:
        base = words.ms(report.baseline_runtime_cpu_ms_per_s)
        known.append(f"runtime {base} ms/s with neither lane on")
    for text in known:
        lines += wrap_words(text, width)
    if told.source:
        lines += wrap_words(f"read from {tidy(told.source)}", width, "dim")
    if told.why:
        lines += wrap_words(f"unknown: {tidy(told.why)}", width, "dim")
    elif not known:
        lines.append((Part("unknown", "dim"),))
    return lines


def _projection(report: Report, width: int, signs: Signs, tag: str) -> list[Line]:
    """What this node would spend at other sizes."""
    told = report.projection
    lines = [heading("Projected, not measured", "ms/s with client", tag, width)]
    if told is None:
        why = "not yet: it needs the measured cost of a relist and of an event"
        return lines + wrap_words(why, width, "dim")
    units = [
        f"{name} {figure(cost)} ms" if cost is not None else f"{name} unknown"
        for name, cost in (("a relist", told.relist_ms), ("an event", told.event_ms))
    ]
    lines += wrap_words(f"measured here: {', '.join(units)}", width, "dim")
    lines += _matrix(told, width, signs)
    for pods, rate in sorted(told.crossings.items()):
        if rate is None:
            text = f"{pods} pods: events cost less at every rate shown"
        else:
            text = f"{pods} pods: events cost more from {figure(rate)} changes/s on"
        lines += wrap_words(text, width)
    for text in told.assumptions:
        lines += wrap_words(tidy(text), width, "dim", "· " if signs.none == "—" else "- ")
    return lines


def _matrix(told: Projection, width: int, signs: Signs) -> list[Line]:
    rates = sorted({row.transitions_per_s for row in told.rows})
    sizes = sorted({row.pods for row in told.rows})
    found = {(row.pods, row.transitions_per_s): row for row in told.rows}
    if not rates:
        return []
    label = 18
    cell = max(min((width - label) // len(rates), 9), 5)
    lines: list[Line] = [
        (
            Part(fit("changes per second", label), "dim"),
            *(Part(fit_right(f"{rate:g}", cell), "dim") for rate in rates),
        )
    ]
    for pods in sizes:
        for lane in LANES:
            name = f"{pods:>5} pods " if lane is LANES[0] else " " * 11
            parts = [Part(name), Part(fit(lane.value, label - 11), lane.value)]
            for rate in rates:
                row = found.get((pods, rate))
                if row is None:
                    parts.append(Part(fit_right(signs.none, cell), "dim"))
                    continue
                mine, other = row.polling_ms_per_s, row.evented_ms_per_s
                if lane is Lane.EVENTED:
                    mine, other = other, mine
                parts.append(Part(fit_right(figure(mine), cell), "dim" if mine > other else ""))
            lines.append(tuple(parts))
    return lines


def _about(report: Report, width: int, tag: str) -> list[Line]:
    """How it was measured, what it cost, what was left out, what a reader must know."""
    note = f"{count(report.blocks, 'block')} that count, {span_text(report.seconds)} measured"
    lines = [heading("How sure this is", f"{note}, seed {report.seed}", tag, width)]
    room = min(width, 110)
    for text in report.caveats:
        lines += wrap_words(tidy(text), room, "", "! ")
    if report.overhead:
        lines += wrap_words(tidy(report.overhead), room, "dim", "  ")
    for text in report.spoiled:
        lines += wrap_words(f"left out: {tidy(text)}", room, "dim", "  ")
    lines += wrap_words(
        "ms/s is milliseconds of CPU per second: 10 are 1 % of one core. An interval that includes "
        "zero is no measurable cost.", room, "dim", "  ",
    )  # fmt: skip
    return lines
