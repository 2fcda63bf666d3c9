"""Polling beside events: the same rows, the same scale, a line or two each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from pleg_tui.compare import words
from pleg_tui.compare.types import Interval, Lane, LaneReport, Report
from pleg_tui.ui.content.lines import Line, Part, wrap
from pleg_tui.ui.content.plots import Scale, Signs, figure, interval_bar, pad, scale_of, tick
from pleg_tui.ui.content.text import cut, fit

LANES = (Lane.POLLING, Lane.EVENTED)
NOTHING = "no measurable cost"
_LABEL = 20
"""Cells of the names of rows."""
_LEAST_BAR = 10
"""Cells without which a drawn interval says nothing."""
_MEBIBYTE = 1 << 20

Cell = tuple[str, str]
"""Text and style."""
Effect = Callable[[LaneReport], Interval | None]

_EFFECTS: tuple[tuple[str, Effect], ...] = (
    ("CPU of the daemon", lambda lane: lane.runtime_cpu_ms_per_s),
    ("CPU of its shims", lambda lane: lane.shims_cpu_ms_per_s),
    ("CPU of the kubelet", lambda lane: lane.kubelet_cpu_ms_per_s),
)


class Figures(Struct, frozen=True):
    """How many figures of one kind are written, and what is written for none."""

    signs: Signs

    def of(self, value: float | None, unit: str) -> Cell:
        """A figure with its unit."""
        return (self.signs.none, "dim") if value is None else (f"{figure(value)} {unit}", "")


def bytes_text(number: float) -> str:
    """Bytes as people count what goes over a wire: "812 B", "116 kB", "1.2 MB"."""
    if number < 1000:
        return f"{number:.0f} B"
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.5:
            return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"
    return f"{number:,.0f} GB"


def ms_text(value: float) -> str:
    """A delay without its unit, ms: "0.4", "12", "1,020"."""
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def effect_text(interval: Interval | None, signs: Signs) -> Cell:
    """What a lane costs there, as an estimate or as the word that there is none to be found."""
    if interval is None:
        return signs.none, "dim"
    if not interval.significant:
        return NOTHING, "dim"
    return f"{words.ms(interval.estimate)} ms/s", "strong"


def range_text(interval: Interval) -> str:
    """The ends of an interval."""
    return words.between(interval)


def effects_scale(report: Report) -> Scale:
    """One scale for every interval that is drawn, of both lanes."""
    ends = [0.0]
    for lane in LANES:
        told = report.lanes.get(lane)
        for _, effect in _EFFECTS if told is not None else ():
            interval = effect(told) if told is not None else None
            if interval is not None:
                ends += [interval.low, interval.high]
    return scale_of(ends)


def table_lines(report: Report, width: int, signs: Signs, tag: str) -> list[Line]:
    """The whole table.

    Args:
        report: what is known so far.
        width: cells.
        signs: what to draw with.
        tag: what stands behind the headings of figures ("simulated"), or nothing.
    """
    cell = (width - _LABEL) // 2
    room = cell - 1
    lanes: Mapping[Lane, LaneReport | None] = report.lanes
    lines: list[Line] = [
        (
            Part(" " * _LABEL),
            Part(fit(f"{signs.polling} polling", cell), "polling"),
            Part(fit(f"{signs.evented} evented", cell), "evented"),
        )
    ]
    lines += _sources(report, cell, room)
    scale = effects_scale(report)
    bars = f"95 % intervals, drawn {tick(scale.low)} to {tick(scale.high)} ms/s"
    if not any(effect(told) for told in lanes.values() if told for _, effect in _EFFECTS):
        bars = "known after some blocks"
    lines.append(heading("In the runtime", bars, tag, width))
    for name, effect in _EFFECTS:
        if name != _EFFECTS[0][0] and not any(
            told is not None and effect(told) is not None for told in lanes.values()
        ):
            continue
        found = [effect(told) if (told := lanes.get(lane)) else None for lane in LANES]
        lines.append(_row(name, [effect_text(each, signs) for each in found], cell))
        if any(found):
            lines += _intervals(found, scale, room, cell, signs)
    lines.append(heading("This program's client", "Python, not the kubelet", tag, width))
    say = Figures(signs).of

    def row(name: str, tell: Callable[[LaneReport], Cell]) -> None:
        cells = [
            tell(told) if (told := lanes.get(lane)) is not None else (signs.none, "dim")
            for lane in LANES
        ]
        lines.append(_row(name, cells, cell))

    row("CPU", lambda lane: _cpu(lane.client_cpu_ms_per_s, signs))
    row("CRI calls", lambda lane: say(lane.calls_per_s, "/s"))
    row("received", lambda lane: _bytes(lane.bytes_per_s, "/s", signs))
    row("wake-ups", lambda lane: say(lane.context_switches_per_s, "/s"))
    row("memory", lambda lane: _memory(lane.rss_bytes, signs))
    lines.append(heading("What was seen", "", tag, width))
    row("p50 / p90 / p99", lambda lane: _delays(lane, signs))
    row("changes seen", lambda lane: (f"{lane.transitions_seen:,}", ""))
    row("changes missed", _missed)
    return lines


def heading(title: str, note: str, tag: str, width: int) -> Line:
    """The heading of a section of figures; the tag is what must not be cut off."""
    parts = [Part(title, "section")]
    if tag:
        parts.append(Part(f"  {tag}", "warn"))
    if note:
        room = width - sum(len(text) for text, _ in parts)
        parts.append(Part(cut(f"  {note}", room), "dim"))
    return pad(tuple(parts), width)


def _sources(report: Report, cell: int, room: int) -> list[Line]:
    """What each lane really does, folded into its column."""
    columns: list[list[Line]] = []
    for lane in LANES:
        told = report.lanes.get(lane)
        if told is not None:
            columns.append(wrap_words(told.source, room, "dim"))
        elif lane in report.lanes or report.reason:
            columns.append([(Part("unavailable", "warn"),)])
        else:
            columns.append([])
    rows = max(map(len, columns), default=0)
    empty: Line = ()
    return [
        (
            Part(" " * _LABEL),
            *pad(columns[0][y] if y < len(columns[0]) else empty, cell),
            *pad(columns[1][y] if y < len(columns[1]) else empty, cell),
        )
        for y in range(rows)
    ]


def _row(name: str, cells: list[Cell], width: int) -> Line:
    return (
        Part(fit(f" {name}", _LABEL), "label" if name else ""),
        *(Part(f"{fit(text, width - 1)} ", style) for text, style in cells),
    )


def _intervals(
    found: list[Interval | None], scale: Scale, room: int, cell: int, signs: Signs
) -> list[Line]:
    """The intervals in figures and drawn; below each other where they do not stand side by side."""
    texts = [range_text(each) if each is not None else "" for each in found]
    longest = max(map(len, texts))
    below = room - longest - 1 < _LEAST_BAR
    cells = room if below else room - longest - 1
    drawn = [
        interval_bar(each.low, each.estimate, each.high, scale, cells, signs) if each else ""
        for each in found
    ]
    label = Part(" " * _LABEL)
    if below:
        return [
            (label, *(Part(fit(text, cell), "dim") for text in texts)),
            (label, *(Part(fit(text, cell), lane.value)
                      for lane, text in zip(LANES, drawn, strict=True))),
        ]  # fmt: skip
    parts = [label]
    for lane, text, bar in zip(LANES, texts, drawn, strict=True):
        parts.append(Part(fit(text, longest + 1), "dim"))
        parts.append(Part(fit(bar, cell - longest - 1), lane.value))
    return [tuple(parts)]


def _cpu(value: float | None, signs: Signs) -> Cell:
    return (signs.none, "dim") if value is None else (f"{words.ms(value)} ms/s", "")


def _bytes(value: float | None, per: str, signs: Signs) -> Cell:
    return (signs.none, "dim") if value is None else (bytes_text(value) + per, "")


def _memory(value: int | None, signs: Signs) -> Cell:
    return (signs.none, "dim") if value is None else (f"{value / _MEBIBYTE:.0f} MiB", "")


def _delays(lane: LaneReport, signs: Signs) -> Cell:
    told = lane.detection
    if not told.n:
        return signs.none, "dim"
    texts = [
        signs.none if value is None else ms_text(value) for value in (told.p50, told.p90, told.p99)
    ]
    return f"{' / '.join(texts)} ms", ""


def _missed(lane: LaneReport) -> Cell:
    return f"{lane.transitions_missed:,}", "warn" if lane.transitions_missed else ""


def wrap_words(text: str, width: int, style: str = "", lead: str = "") -> list[Line]:
    """A text folded between its words; every line begins with the lead, or as far in as it."""
    import textwrap

    room = max(width - len(lead), 8)
    folded = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    lines: list[Line] = []
    for number, piece in enumerate(folded):
        start = lead if number == 0 else " " * len(lead)
        head = (Part(start, "dim"),) if start else ()
        lines.append((*head, Part(piece, style)))
    return [part for line in lines for part in wrap(line, max(width, 20))]
