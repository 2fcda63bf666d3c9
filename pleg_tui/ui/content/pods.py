"""A pod's or container's row as a line of the live list, and the columns' titles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache

from msgspec import Struct, field

from pleg_tui.ui.content.columns import Column, Layout
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.model import Row, RowKey
from pleg_tui.ui.content.order import View
from pleg_tui.ui.content.status import Mark, Tone
from pleg_tui.ui.content.text import cut, cut_middle, fit, fit_right, short, since, tidy, width_of
from pleg_tui.ui.content.usage import (
    NO_SAMPLES,
    Sample,
    cpu_cell,
    memory_cell,
    trend_cell,
    uses,
)

GLOW = "+glow"
"""Ends the style's name of a value that has just changed."""
_MOST_LINES = 500
"""Lines kept: several windows full."""


class Drawing(Struct, frozen=True):
    """What a line depends on apart from its row."""

    layout: Layout
    glyphs: Glyphs
    now: int
    """Wall time, ns."""
    strip: Callable[[str, int, int], Line] | None = None
    """Draws the last minutes of a pod: its key, cells, wall time in ns."""
    samples: Mapping[str, Sample] = field(default_factory=lambda: NO_SAMPLES)
    """What is used, by container id and pod key."""


def row_line(row: Row, drawing: Drawing, glowing: Collection[str] = ()) -> Line:
    """The line of one row; `glowing` names the columns whose value has just changed."""
    parts: list[Part] = []
    for column in drawing.layout.columns:
        cells = _CELLS[column.name](row, column, drawing)
        if column.name in glowing or (column.name == "since" and "change" in glowing):
            cells = tuple(Part(text, style + GLOW) for text, style in cells)
        parts.append(Part(" " * column.gap))
        parts += cells
        missing = column.width - sum(width_of(text) for text, _ in cells)
        if missing:
            parts.insert(len(parts) - len(cells) * column.right, Part(" " * missing))
    if row.gone or row.older:
        parts = [Part(text, "off") for text, _ in parts]
    return tuple(parts)


class Lines:
    """The lines of rows, made anew only for a row that is another or that time has changed.

    Once a second every row that can be seen is asked how it looks now. Of those of a quiet node
    hardly any differs: an age grows in whole minutes after the first one.
    """

    def __init__(self) -> None:
        self._kept: dict[RowKey, tuple[Row, tuple[object, ...], Line]] = {}

    def line(self, row: Row, drawing: Drawing) -> Line:
        """The line of one row, nothing of it glowing."""
        aspects = _aspects(row, drawing)
        kept = self._kept.get(row.key)
        if kept is not None and kept[0] is row and kept[1] == aspects:
            return kept[2]
        if len(self._kept) >= _MOST_LINES:
            self._kept.clear()
        line = row_line(row, drawing)
        self._kept[row.key] = (row, aspects, line)
        return line


def _aspects(row: Row, drawing: Drawing) -> tuple[object, ...]:
    """All that the line of one and the same row depends on."""
    strip = drawing.layout.strip
    return (
        drawing.layout,
        drawing.glyphs,
        _age(row, drawing),
        _since(row, drawing),
        [_usage(row, column, drawing) for column in drawing.layout.figures],
        _strip(row, strip, drawing) if strip is not None else None,
    )


@lru_cache(maxsize=4)
def heading_line(layout: Layout, glyphs: Glyphs, view: View) -> Line:
    """The columns' titles, with an arrow at the one that the list is sorted by."""
    parts: list[Part] = []
    marked = layout.sorted_by(view.sort)
    for column in layout.columns:
        sorted_by = column is marked
        title = column.title
        if sorted_by:
            arrow = glyphs.descending if view.reverse else glyphs.ascending
            title = f"{title}{arrow}" if column.right else f"{title} {arrow}"
        if column.right and width_of(title) > column.width:
            title = title[: column.width - 1] + title[-1]
        text = (fit_right if column.right else fit)(title, column.width, glyphs.cut)
        parts += (Part(" " * column.gap), Part(text, "accent" if sorted_by else "heading"))
    return tuple(parts)


def pod_name(namespace: str, name: str, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """(namespace and slash, name) in at most so many cells, with one cut at most.

    The name has the first claim: the namespace is cut to the room that is left, and left out where
    that is none. Two cut pieces side by side could not be told apart.
    """
    name = tidy(name)
    room = width - width_of(name) - 1
    if not namespace or room < 1:
        return "", cut_middle(name, width, glyphs.cut)
    return f"{cut(tidy(namespace), room, glyphs.cut)}/", name


def _name(row: Row, column: Column, drawing: Drawing) -> Line:
    glyphs = drawing.glyphs
    container = row.container
    if container is None:
        sign = glyphs.folded if row.folded else glyphs.unfolded
        if not row.pod.containers:
            sign = " "
        called = row.pod.name or f"? {row.pod.uid}"
        space, name = pod_name(row.pod.namespace, called, column.width - 2, glyphs)
        return Part(f"{sign} ", "dim"), Part(space, "dim"), Part(name, "name")
    branch = glyphs.last_branch if row.last else glyphs.branch
    name = tidy(container.name)
    if row.older:
        name = f"{name} (attempt {container.attempt})"
    return (
        Part(f"  {branch} ", "dim"),
        Part(cut_middle(name, column.width - 4, glyphs.cut), "container"),
    )


def _ready(row: Row, column: Column, _drawing: Drawing) -> Line:
    if row.container is not None:
        return ()
    pod = row.pod
    counted = len(pod.counted)
    style = "" if pod.ready or row.status.tone is Tone.OFF else row.status.tone.value
    return (Part(cut(f"{pod.running}/{counted}", column.width), style),)


def _state(row: Row, column: Column, drawing: Drawing) -> Line:
    status = row.status
    glyph = drawing.glyphs.marks[status.mark]
    word = cut(status.word, column.width - 2, drawing.glyphs.cut)
    style = status.tone.value
    plain = "" if row.container is None else "container"
    return Part(f"{glyph} ", style), Part(word, plain if status.tone is Tone.GOOD else style)


def _restarts(row: Row, column: Column, _drawing: Drawing) -> Line:
    number = row.restarts
    style = "dim" if not number else "warn" if row.status.mark is Mark.LOOP else ""
    text = f"{number}"
    if len(text) > column.width:
        text = short(number).replace(",", "")
    return (Part(cut(text, column.width), style),)


def _age_cell(row: Row, _column: Column, drawing: Drawing) -> Line:
    return (Part(_age(row, drawing), "dim"),)


def _age(row: Row, drawing: Drawing) -> str:
    created = row.pod.created_at if row.container is None else row.container.created_at
    return since(created, drawing.now)


def _since_cell(row: Row, _column: Column, drawing: Drawing) -> Line:
    return (Part(_since(row, drawing), "dim"),)


def _since(row: Row, drawing: Drawing) -> str:
    return since(row.change.at, drawing.now)


def _change(row: Row, column: Column, drawing: Drawing) -> Line:
    text = cut(tidy(row.change.text), column.width, drawing.glyphs.cut)
    style = row.change.tone.value
    return (Part(text, "dim" if row.change.tone is Tone.OFF else style),)


def _strip(row: Row, column: Column, drawing: Drawing) -> Line:
    if row.container is not None or drawing.strip is None:
        return ()
    return drawing.strip(row.key.pod, column.width, drawing.now)


def _usage(row: Row, column: Column, drawing: Drawing) -> Line:
    if row.gone or not uses(row.pod, row.container):
        return ()
    sample = drawing.samples.get(row.key.container or row.key.pod)
    if column.name == "cpu":
        return cpu_cell(sample)
    if column.name == "memory":
        return memory_cell(sample, column.width)
    return trend_cell(sample, column.width, drawing.glyphs)


def _image(row: Row, column: Column, drawing: Drawing) -> Line:
    image = row.container.image if row.container is not None else ""
    return (Part(cut_middle(tidy(image), column.width, drawing.glyphs.cut), "dim"),)


_CELLS: dict[str, Callable[[Row, Column, Drawing], Line]] = {
    "name": _name,
    "ready": _ready,
    "state": _state,
    "restarts": _restarts,
    "age": _age_cell,
    "since": _since_cell,
    "change": _change,
    "image": _image,
    "cpu": _usage,
    "memory": _usage,
    "trend": _usage,
    "strip": _strip,
}
