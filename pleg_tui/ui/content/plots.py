"""Charts as text: intervals on a shared scale, marks over an axis, bars on a shared scale.

Nothing here knows what it draws. Every chart says its scale in figures, so that two may be held
against each other, and never by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.text import fit, fit_right, width_of


class Signs(Struct, frozen=True):
    """What charts are made of; one cell each."""

    full: str = "█"
    eighths: str = "▏▎▍▌▋▊▉"
    """The last cell of a bar, from an eighth on; empty where there are none."""
    rest: str = "░"
    whisker: str = "─"
    left: str = "├"
    right: str = "┤"
    middle: str = "●"
    zero: str = "┊"
    axis: str = "│"
    corner: str = "└"
    base: str = "─"
    gap: str = "│"
    none: str = "—"
    """A figure that is not known."""
    upto: str = "≤"
    off: str = "○"
    polling: str = "▲"
    evented: str = "◆"
    both: str = "■"
    spoiled: str = "×"


UNICODE = Signs()
ASCII = Signs(
    full="#", eighths="", rest=".", whisker="-", left="[", right="]", middle="*", zero=":",
    axis="|", corner="+", base="-", gap="|", none="-", upto="<", off="o", polling="P", evented="E",
    both="B", spoiled="x",
)  # fmt: skip


def signs_for(glyphs: Glyphs) -> Signs:
    """The signs that go with these glyphs."""
    return UNICODE if not glyphs.rule.isascii() else ASCII


class Scale(Struct, frozen=True):
    """The range of an axis."""

    low: float
    high: float

    def place(self, value: float, cells: int) -> int:
        """The cell in which a value stands; those beyond the ends stand at the end."""
        if self.high <= self.low or cells < 2:
            return 0
        share = (value - self.low) / (self.high - self.low)
        return round(min(max(share, 0.0), 1.0) * (cells - 1))


def nice(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 … that is no less than the value; 0 for 0."""
    if value <= 0 or not math.isfinite(value):
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))


def scale_of(values: Sequence[float], *, from_zero: bool = False) -> Scale:
    """A scale with plain ends that holds all values; it leaves zero out only if told so much.

    Args:
        values: what must find room.
        from_zero: it begins at zero (or below) even where all values are far from it.
    """
    low, high = min(values, default=0.0), max(values, default=0.0)
    if low >= 0 and (from_zero or low < high / 2):
        return Scale(0.0, nice(high) or 1.0)
    if low < 0:
        return Scale(-nice(-low), nice(max(high, 0.0)))
    # All far above zero: round numbers around them.
    step = nice((high - low) / 4) or nice(high / 10) or 1.0
    return Scale(math.floor(low / step) * step, (math.floor(high / step) + 1) * step)


def figure(value: float) -> str:
    """A number with about three figures: "0.04", "2.14", "14.2", "135", "1,240"."""
    size = abs(value)
    if not value or size < 0.005:
        return "<0.01" if value > 0 else "0"
    return f"{value:.2f}" if size < 9.995 else f"{value:.1f}" if size < 99.95 else f"{value:,.0f}"


def tick(value: float) -> str:
    """An end of an axis: as few figures as it has."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def interval_bar(
    low: float, middle: float, high: float, scale: Scale, cells: int, signs: Signs
) -> str:
    """An estimate between the ends of its interval, on a scale whose zero is marked."""
    row = [" "] * cells
    if scale.low <= 0 <= scale.high:
        row[scale.place(0.0, cells)] = signs.zero
    begin, end = scale.place(low, cells), scale.place(high, cells)
    for x in range(begin, end + 1):
        row[x] = signs.whisker
    row[begin], row[end] = signs.left, signs.right
    row[scale.place(middle, cells)] = signs.middle
    return "".join(row)


def bar(value: float, top: float, cells: int, signs: Signs) -> str:
    """A bar whose length is the value's share of the top; what is more than zero is seen."""
    if value <= 0 or top <= 0 or cells < 1:
        return ""
    steps = len(signs.eighths) + 1
    length = max(round(min(value / top, 1.0) * cells * steps), 1)
    whole, rest = divmod(length, steps)
    if not rest:
        return signs.full * whole
    return signs.full * whole + (signs.eighths[rest - 1] if signs.eighths else signs.full)


def progress_bar(share: float, cells: int, signs: Signs) -> tuple[str, str]:
    """(what is done, what is not) of a bar."""
    done = round(min(max(share, 0.0), 1.0) * cells)
    return signs.full * done, signs.rest * (cells - done)


class Dot(Struct, frozen=True):
    """A mark of a chart; NaN has no place and is left out."""

    value: float
    sign: str
    style: str


def dots(
    points: Sequence[Dot],
    width: int,
    height: int,
    signs: Signs,
    *,
    total: int = 0,
    ends: tuple[str, str] = ("", ""),
) -> list[Line]:
    """Marks over an axis, one column (or more) each, in their order.

    Args:
        points: no more than dots_room() of them.
        width: cells in all.
        height: rows of the chart, without its base.
        signs: what to draw with.
        total: how many there will be in the end; room is left for them.
        ends: what stands below the two ends of the base.

    Returns:
        Height + 2 lines: the chart, its base, the ends.
    """
    known = [point.value for point in points if not math.isnan(point.value)]
    scale = scale_of(known)
    labels = {0: tick(scale.high), height - 1: tick(scale.low)}
    if height >= 5:
        labels[(height - 1) // 2] = tick(
            scale.high - (scale.high - scale.low) * ((height - 1) // 2) / (height - 1)
        )
    room = dots_room(width)
    each = max(min(room // max(len(points), total, 1), 6), 1)
    used = min(each * max(len(points), total), room)
    grid: list[list[Part | None]] = [[None] * room for _ in range(height)]
    for index, point in enumerate(points[:room]):
        if not math.isnan(point.value):
            row = height - 1 - scale.place(point.value, height)
            grid[row][index * each + (each - 1) // 2] = Part(point.sign, point.style)
    lines: list[Line] = []
    for y, cells in enumerate(grid):
        label = labels.get(y, "") if known else ""
        parts = [Part(f"{fit_right(label, _LABEL)} ", "dim"), Part(signs.axis, "rule")]
        lines.append((*parts, *_runs(cells)))
    lines.append((Part(" " * (_LABEL + 1)), Part(signs.corner + signs.base * room, "rule")))
    first, last = ends
    gap = max(used, width_of(first) + width_of(last) + 1) - width_of(first) - width_of(last)
    lines.append((Part(" " * (_LABEL + 2)), Part(first + " " * max(gap, 1) + last, "dim")))
    return lines


_LABEL = 6
"""Cells of the axis's labels."""


def dots_room(width: int) -> int:
    """How many columns dots() has."""
    return max(width - _LABEL - 2, 1)


def _runs(cells: Sequence[Part | None]) -> Line:
    """Cells as parts, empty ones together."""
    parts: list[Part] = []
    blank = 0
    for cell in cells:
        if cell is None:
            blank += 1
            continue
        if blank:
            parts.append(Part(" " * blank))
            blank = 0
        parts.append(cell)
    if blank:
        parts.append(Part(" " * blank))
    return tuple(parts)


def pad(line: Line, width: int) -> Line:
    """The line in exactly so many cells."""
    used = sum(width_of(text) for text, _ in line)
    if used == width:
        return line
    if used < width:
        return (*line, Part(" " * (width - used)))
    parts: list[Part] = []
    room = width
    for text, style in line:
        if width_of(text) >= room:
            parts.append(Part(fit(text, room), style))
            break
        parts.append(Part(text, style))
        room -= width_of(text)
    return tuple(parts)


def beside(
    left: Sequence[Line], right: Sequence[Line], widths: tuple[int, int], gap: int
) -> list[Line]:
    """Two columns of these widths as one."""
    rows = max(len(left), len(right))
    empty: Line = ()
    return [
        (
            *pad(left[y] if y < len(left) else empty, widths[0]),
            Part(" " * gap),
            *pad(right[y] if y < len(right) else empty, widths[1]),
        )
        for y in range(rows)
    ]
