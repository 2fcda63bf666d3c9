"""Sends the terminal only the cells that are others than what it shows already.

Textual sends every region that was drawn again, whole. Over a thin line that is most of the cost:
when one age in a row changes, or when a row comes in at the top and those below it move down, most
of what is drawn is on the terminal already. Here the cells that were sent last are kept; what is
drawn is compared with them, and rows that only moved are moved by the terminal itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress, count, groupby
from operator import is_not, itemgetter

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from pleg_tui.ui.pen import Pen, marks_blanks

Cell = tuple[str, int]
"""What stands there, and the number of its style. There is one of each, so that cells are the same
or not, which is told at once."""
Row = list[Cell]
Piece = tuple[int, int, Iterable[Segment]]
"""(row, first cell, what stands there)."""

_GAP = 8
"""So many equal cells between two runs are sent rather than skipped: going on costs as much."""
_MOST_STYLES = 4096
"""A log may have as many colours as it likes; then all is forgotten, and sent once more."""
_LEAST_MOVED = 3
"""Fewer rows that moved are drawn again."""
_NARROW = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA1, 0x300), *range(0x2500, 0x2600))))
_SAFE = _NARROW | frozenset("…↓↑↻↺✖╱")
"""Characters that every terminal shows in one cell; after any other the rest of the row is sent."""
_UNKNOWN: Cell = ("\0", -1)
_SURE = _SAFE | {"\0"}
_text_of = itemgetter(0)
_style_of = itemgetter(1)


class Cells(dict[str, Cell]):
    """The cells of one style, by what stands there."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __missing__(self, text: str) -> Cell:
        """One that is asked for the first time."""
        cell = self[text] = (text, self._number)
        return cell


class Front:
    """What the terminal shows, row by row."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._size: tuple[int, int] = (0, 0)
        self._odd: set[int] = set()
        """Rows that hold, or held, what is not surely one cell wide."""
        self._pen: Pen | None = None
        self._styles: list[Style | None] = []
        self._made: dict[Style | None, Cells] = {}

    def clear(self) -> None:
        """Whatever it shows now, it is not known."""
        self._rows.clear()
        self._odd.clear()

    def thin(self, update: object, size: tuple[int, int]) -> CompositorUpdate | None:
        """The update, to be compared when it is sent; None for one of an unknown kind."""
        if size != self._size:
            self._size = size
            self.clear()
        if isinstance(update, LayoutUpdate):
            return ThinUpdate(self, _layout_pieces(update))
        if isinstance(update, ChopsUpdate):
            return ThinUpdate(self, _chop_pieces(update))
        if update is not None:
            self.clear()
        return None

    def send(self, pieces: Iterable[Piece], console: Console) -> str:
        """What must be written so that the terminal shows these pieces, too."""
        if len(self._styles) > _MOST_STYLES:
            self.clear()
            self._styles.clear()
            self._made.clear()
        wanted = self._wanted(pieces)
        out: list[str] = []
        for rows in _neighbours(sorted(wanted)):
            out += self._move(rows, wanted)
        pen = self._pen or Pen(console.color_system)
        self._pen = pen
        unknown = [_UNKNOWN] * self._size[0]
        for y, row in wanted.items():
            for start, end in _runs(self._rows.get(y, unknown), row, y in self._odd):
                out.append(f"\x1b[{y + 1};{start + 1}H")
                for number, group in groupby(row[start:end], key=_style_of):
                    out.append(pen.write(_text(group), self._styles[number]))
            self._rows[y] = row
        out.append(pen.put_down())
        return "".join(out)

    def _wanted(self, pieces: Iterable[Piece]) -> dict[int, Row]:
        """The rows that the pieces touch, as they are to be."""
        wanted: dict[int, Row] = {}
        width = self._size[0]
        for y, x, segments in pieces:
            row = wanted.get(y)
            if row is None:
                known = self._rows.get(y)
                row = wanted[y] = list(known) if known else [_UNKNOWN] * width
            cells = self._cells(y, segments)
            row[x : x + len(cells)] = cells
            del row[width:]
        return wanted

    def _cells(self, y: int, segments: Iterable[Segment]) -> Row:
        """One entry a cell of row y; the second cell of a wide character is an empty text."""
        cells: Row = []
        for text, style, _ in segments:
            made = self._cells_of(style)
            if (text.isascii() and text.isprintable()) or _SAFE.issuperset(text):
                cells += map(made.__getitem__, text)
                continue
            self._odd.add(y)
            pending = ""
            for character in text:
                if pending and not cell_len(character):
                    pending += character  # combines with what stands before it
                    continue
                cells += _spread(pending, made)
                pending = character
            cells += _spread(pending, made)
        return cells

    def _cells_of(self, style: Style | None) -> Cells:
        """The cells of a style; spaces of the same ground are the same, whatever their style."""
        made = self._made.get(style)
        if made is not None:
            return made
        made = self._made[style] = Cells(len(self._styles))
        self._styles.append(style)
        if style is not None and not marks_blanks(style):
            ground = Style(bgcolor=style.bgcolor)
            if ground != style:
                made[" "] = self._cells_of(ground)[" "]
        return made

    def _move(self, rows: list[int], wanted: dict[int, Row]) -> Iterator[str]:
        """Have the terminal move those of some neighbouring rows that only changed their place."""
        if len(rows) <= _LEAST_MOVED or not all(y in self._rows for y in rows):
            return
        old = {y: _text(self._rows[y]) for y in rows}
        new = {y: _text(wanted[y]) for y in rows}
        if any("\0" in text for text in (*old.values(), *new.values())):
            return
        unknown = [_UNKNOWN] * self._size[0]
        for top, end, step in _moves(rows, old, new):
            yield f"\x1b[{top + 1};{end}r\x1b[{top + 1};1H"
            yield f"\x1b[{step}M" if step > 0 else f"\x1b[{-step}L"
            yield "\x1b[r"
            before = {y: self._rows[y] for y in range(top, end)}
            if not self._odd.isdisjoint(before):
                self._odd.update(before)
            for y in range(top, end):
                self._rows[y] = before.get(y + step, unknown)


class ThinUpdate(CompositorUpdate):
    """An update that is compared with what the terminal shows at the moment it is sent."""

    def __init__(self, front: Front, pieces: Iterable[Piece]) -> None:
        self._front = front
        self._pieces = pieces

    def __rich_console__(self, console: Console, options: object) -> Iterator[Segment]:
        """As rich would have it; Textual asks for render_segments() instead."""
        yield from ()

    def render_segments(self, console: Console) -> str:
        """What is written to the terminal."""
        return self._front.send(self._pieces, console)


def _layout_pieces(update: LayoutUpdate) -> Iterator[Piece]:
    for y, strips in enumerate(update.strips, update.region.y):
        yield y, update.region.x, [segment for strip in strips for segment in strip]


def _chop_pieces(update: ChopsUpdate) -> Iterator[Piece]:
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x >= last or end <= first:
                continue
            start = max(first, x)
            part: Strip = strip.crop(start - x, min(end, last) - x)
            yield y, start, part


def _spread(text: str, made: Cells) -> Iterator[Cell]:
    for index in range(cell_len(text)):
        yield made[text if index == 0 else ""]


def _text(cells: Iterable[Cell]) -> str:
    return "".join(map(_text_of, cells))


def _neighbours(rows: list[int]) -> Iterator[list[int]]:
    """The row numbers in groups without gaps."""
    for _, group in groupby(enumerate(rows), key=lambda pair: pair[1] - pair[0]):
        yield [y for _, y in group]


def _moves(
    rows: list[int], old: dict[int, str], new: dict[int, str]
) -> Iterator[tuple[int, int, int]]:
    """Which stretches of neighbouring rows to move, as (first, end, step), none over another.

    A stretch takes in the rows that move and those that they move over; what stands `step` rows
    further down in it is wanted here.
    """
    if len(rows) <= _LEAST_MOVED:
        return
    places: dict[str, list[int]] = {}
    for y in rows:
        places.setdefault(old[y], []).append(y)
    found: dict[int, list[int]] = {}
    for y in rows:
        at = places.get(new[y], ())
        if len(at) == 1:  # a text that stands there twice says nothing
            found.setdefault(at[0] - y, []).append(y)
    step, moved = max(
        ((step, max(_stretches(ys), key=len)) for step, ys in found.items()),
        key=lambda pair: len(pair[1]),
        default=(0, []),
    )
    if len(moved) <= _LEAST_MOVED:
        return
    top, end = moved[0] + min(step, 0), moved[-1] + 1 + max(step, 0)
    if step:
        yield top, end, step
    yield from _moves([y for y in rows if y < top], old, new)
    yield from _moves([y for y in rows if y >= end], old, new)


def _stretches(rows: list[int]) -> Iterator[list[int]]:
    """Row numbers in groups with no more than a few others between."""
    stretch: list[int] = []
    for y in rows:
        if stretch and y - stretch[-1] > _LEAST_MOVED:
            yield stretch
            stretch = []
        stretch.append(y)
    yield stretch


def _runs(old: Row, new: Row, odd: bool) -> Iterator[tuple[int, int]]:
    """Where the cells differ, as (first, end); from a cell of unsure width on, all or nothing."""
    if old == new:
        return
    sure = min(_sure(old), _sure(new)) if odd else len(new)
    start = end = -1
    for index in compress(count(), map(is_not, old[:sure], new)):
        if start >= 0 and index - end > _GAP:
            yield start, end
            start = index
        elif start < 0:
            start = index
        end = index + 1
    if start >= 0:
        yield start, end
    if old[sure:] != new[sure:]:
        yield sure, len(new)


def _sure(row: Row) -> int:
    """How many cells stand before the first whose width is not sure."""
    if _SURE.issuperset(_text(row)):  # a wide character's second cell comes after its first
        return len(row)
    return next((i for i, (text, _) in enumerate(row) if text not in _SURE), len(row))
