"""Sends the terminal only the cells that are others than what it shows already.

Textual sends every region that was drawn again, whole. Over a thin line that is most of the cost:
when one age in a row changes, or when a row comes in at the top and those below it move down, most
of what is drawn is on the terminal already. Here the cells that were sent last are kept; what is
drawn is compared with them, and rows that only moved are moved by the terminal itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import compress, count, groupby
from operator import eq, is_not, itemgetter

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from pleg_tui.ui.pen import ERASE, MOST_BEFORE, Look, Looks, Stroke, draw

Cell = tuple[str, int]
"""What stands there, and the number of its look. There is one of each, so that cells are the same
or not, which is told at once."""
Row = list[Cell]
Piece = tuple[int, int, Iterable[Segment]]
"""(row, first cell, what stands there)."""

_GAP = 4
"""So many equal cells of one look are sent rather than skipped: going on costs as much."""
_ERASED = 8
"""A row is erased first where that leaves so many cells more as they are to be."""
_MOST_STYLES = 4096
"""A log may have as many colours as it likes; then all is forgotten, and sent once more."""
_MOST_SPELT = 1024
"""Texts whose cells are kept; then they are all made anew."""
_LEAST_MOVED = 3
"""Fewer rows that moved are drawn again."""
_NARROW = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA1, 0x300), *range(0x2500, 0x2600))))
_SAFE = _NARROW | frozenset("…↓↑↻↺✖╱")
"""Characters that every terminal shows in one cell; after any other the rest of the row is sent."""
_UNKNOWN: Cell = ("\0", -1)
_SURE = _SAFE | {"\0"}
_text_of = itemgetter(0)
_look_of = itemgetter(1)


class Cells(dict[str, Cell]):
    """The cells of one look, by what stands there."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.spelt: dict[str, Row] = {}
        """The cells of whole texts."""

    def __missing__(self, text: str) -> Cell:
        """One that is asked for the first time."""
        cell = self[text] = (text, self._number)
        return cell


class Front:
    """What the terminal shows, row by row.

    Args:
        erases: the terminal erases with the pen's ground.
        feeds: a vertical tab takes its cursor one row down.
    """

    def __init__(self, erases: bool = False, feeds: bool = False) -> None:
        self._erases = erases
        self._feeds = feeds
        self._pen: Look | None = None
        """The terminal's, as the last update left it; None where that is not known."""
        self._rows: dict[int, Row] = {}
        self._size: tuple[int, int] = (0, 0)
        self._odd: set[int] = set()
        """Rows that hold, or held, what is not surely one cell wide."""
        self._made: dict[Style | None, Cells] = {}
        self._of_look: dict[Look, Cells] = {}
        self._looks: list[Look] = []
        self._blanks: list[Cell] = []
        """The space of each look, by its number; of one ground there is only one."""
        self._spelt = 0
        """Texts whose cells are kept."""

    def clear(self) -> None:
        """Whatever it shows now, it is not known."""
        self._rows.clear()
        self._odd.clear()
        self._pen = None

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
        if len(self._made) > _MOST_STYLES:
            self.clear()
            self._made.clear()
            self._of_look.clear()
            self._looks.clear()
            self._blanks.clear()
        wanted = self._wanted(pieces, Looks(console.color_system))
        moved: list[str] = []
        for rows in _neighbours(sorted(wanted)):
            moved += self._move(rows, wanted)
        strokes: list[Stroke] = []
        last: list[Stroke] = []
        width = self._size[0]
        unknown = [_UNKNOWN] * width
        for y, row in wanted.items():
            known = self._rows.get(y, unknown)
            if known == row:
                continue
            self._rows[y] = row
            ground = self._ground(known, row)
            if ground is not None:
                strokes.append(Stroke(y, 0, 0, self._looks[ground[1]], ERASE))
                known = [ground] * width
            sure = min(_sure(known), _sure(row)) if y in self._odd else width
            for start, end, number in _runs(known, row, sure, self._blanks):
                text, before = _text(row[start:end]), _before(row, start, number, self._blanks)
                strokes.append(Stroke(y, start, end - start, self._looks[number], text, before))
            if known[sure:] != row[sure:]:
                last += self._tail(y, sure, row)
        drawn, self._pen = draw(strokes, last, self._pen, width, self._feeds)
        return "".join(moved) + drawn

    def _ground(self, known: Row, row: Row) -> Cell | None:
        """The space that the row is to be erased to first, where that pays."""
        same = len(row) - sum(map(is_not, known, row))
        if 2 * same > len(row):
            return None
        for ground, times in Counter(row).most_common():
            if ground is _UNKNOWN or times <= same + _ERASED:
                return None
            if ground[0] == " " and ground is self._blanks[ground[1]]:
                look = self._looks[ground[1]]
                erased = not look.attributes and (self._erases or not look.background)
                return ground if erased and _UNKNOWN not in row else None
        return None

    def _tail(self, y: int, start: int, row: Row) -> Iterator[Stroke]:
        """The rest of a row, in the order in which it stands there."""
        for number, group in groupby(row[start:], key=_look_of):
            cells = list(group)
            yield Stroke(y, start, len(cells), self._looks[number], _text(cells))
            start += len(cells)

    def _wanted(self, pieces: Iterable[Piece], looks: Looks) -> dict[int, Row]:
        """The rows that the pieces touch, as they are to be."""
        wanted: dict[int, Row] = {}
        width = self._size[0]
        for y, x, segments in pieces:
            row = wanted.get(y)
            if row is None:
                known = self._rows.get(y)
                row = wanted[y] = list(known) if known else [_UNKNOWN] * width
            cells = self._cells(y, segments, looks)
            row[x : x + len(cells)] = cells
            del row[width:]
        return wanted

    def _cells(self, y: int, segments: Iterable[Segment], looks: Looks) -> Row:
        """One entry a cell of row y; the second cell of a wide character is an empty text."""
        cells: Row = []
        for text, style, _ in segments:
            made = self._made.get(style)
            if made is None:
                made = self._made[style] = self._cells_of(looks.of(style))
            spelt = made.spelt.get(text)
            if spelt is None:
                spelt = self._spell(y, text, made)
            cells += spelt
        return cells

    def _spell(self, y: int, text: str, made: Cells) -> Row:
        """The cells of a text; what is in one cell each is kept, as most of it is drawn again."""
        if (text.isascii() and text.isprintable()) or _SAFE.issuperset(text):
            if self._spelt >= _MOST_SPELT:
                self._spelt = 0
                for one in self._of_look.values():
                    one.spelt.clear()
            self._spelt += 1
            made.spelt[text] = spelt = list(map(made.__getitem__, text))
            return spelt
        self._odd.add(y)
        cells: Row = []
        pending = ""
        for character in text:
            if pending and not cell_len(character):
                pending += character  # combines with what stands before it
                continue
            cells += _spread(pending, made)
            pending = character
        cells += _spread(pending, made)
        return cells

    def _cells_of(self, look: Look) -> Cells:
        """The cells of a look; spaces of the same ground are the same, whatever their look."""
        made = self._of_look.get(look)
        if made is None:
            number = len(self._looks)
            made = self._of_look[look] = Cells(number)
            self._looks.append(look)
            self._blanks.append(made[" "])
            if look.ground != look:
                made[" "] = self._blanks[number] = self._cells_of(look.ground)[" "]
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
            yield f"\x1b[{top + 1};{end}r\x1b[{top + 1}H"
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
    first, last = moved[0], moved[-1]
    # A row that moved and was changed on the way is next to those that only moved.
    while rows[0] <= min(first, first + step) - 1 and _nearer(first - 1, step, old, new):
        first -= 1
    while max(last, last + step) + 1 <= rows[-1] and _nearer(last + 1, step, old, new):
        last += 1
    top, end = first + min(step, 0), last + 1 + max(step, 0)
    if step:
        yield top, end, step
    yield from _moves([y for y in rows if y < top], old, new)
    yield from _moves([y for y in rows if y >= end], old, new)


def _nearer(y: int, step: int, old: dict[int, str], new: dict[int, str]) -> bool:
    """Whether a row has more of what would be moved into it than of what stands there."""
    stays: int = sum(map(eq, new[y], old[y]))
    comes: int = sum(map(eq, new[y], old[y + step]))
    return comes > stays


def _stretches(rows: list[int]) -> Iterator[list[int]]:
    """Row numbers in groups with no more than a few others between."""
    stretch: list[int] = []
    for y in rows:
        if stretch and y - stretch[-1] > _LEAST_MOVED:
            yield stretch
            stretch = []
        stretch.append(y)
    yield stretch


def _runs(known: Row, row: Row, sure: int, blanks: list[Cell]) -> Iterator[tuple[int, int, int]]:
    """Where the first cells differ, as (first, end, number of a look that draws them all)."""
    start = end = pen = -1
    bare = False
    """Nothing but spaces so far: any other pen of their ground would do as well."""
    for x in compress(count(), map(is_not, known[:sure], row)):
        cell = row[x]
        number = cell[1]
        blank = blanks[number]
        if start >= 0:
            other = number if bare and blank is blanks[pen] else pen
            if (number == other or cell is blanks[other]) and (
                x == end or (x - end <= _GAP and _drawn_by(other, row[end:x], blanks))
            ):
                pen, end, bare = other, x + 1, bare and cell is blank
                continue
            yield start, end, pen
        start, end, pen, bare = x, x + 1, number, cell is blank
    if start >= 0:
        yield start, end, pen


def _before(row: Row, start: int, pen: int, blanks: list[Cell]) -> str:
    """What stands in the few cells before that the pen would draw as well."""
    first = start
    while first and start - first < MOST_BEFORE:
        cell = row[first - 1]
        if (cell[1] != pen and cell is not blanks[pen]) or cell[0] not in _SAFE:
            break
        first -= 1
    return _text(row[first:start]) if first < start else ""


def _drawn_by(pen: int, cells: Row, blanks: list[Cell]) -> bool:
    return all(cell[1] == pen or cell is blanks[pen] for cell in cells)


def _sure(row: Row) -> int:
    """How many cells stand before the first whose width is not sure."""
    if _SURE.issuperset(_text(row)):  # a wide character's second cell comes after its first
        return len(row)
    return next((i for i, (text, _) in enumerate(row) if text not in _SURE), len(row))
