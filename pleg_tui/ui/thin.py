"""Sends the terminal only the cells that are others than what it shows already.

Textual sends every region that was drawn again, whole. Over a thin line that is most of the cost:
when the event list moves up by one, or one age in a row changes, most cells stay as they are. Here
the cells that were sent last are kept, and what is drawn is compared with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

Cell = tuple[str, Style | None]
Piece = tuple[int, int, Iterable[Segment]]
"""(row, first cell, what stands there)."""

_GAP = 8
"""So many equal cells between two runs are sent rather than skipped: moving costs as much."""
_NARROW = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA1, 0x300), *range(0x2500, 0x2600))))
_SAFE = _NARROW | frozenset("…↓↑↻↺✖╱")
"""Characters that every terminal shows in one cell; after any other the rest of the row is sent."""
_UNKNOWN: Cell = ("", None)


class Front:
    """What the terminal shows, row by row."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Cell]] = {}
        self._size: tuple[int, int] = (0, 0)

    def clear(self) -> None:
        """Whatever it shows now, it is not known."""
        self._rows.clear()

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
        out: list[str] = []
        for y, x, segments in pieces:
            row = self._rows.setdefault(y, [])
            cells = list(_cells(segments))
            if len(row) < x + len(cells):
                row.extend([_UNKNOWN] * (x + len(cells) - len(row)))
            for start, end in _runs(row[x : x + len(cells)], cells):
                out.append(f"\x1b[{y + 1};{x + start + 1}H")
                out.append(_render(cells[start:end], console))
            row[x : x + len(cells)] = cells
        return "".join(out)


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


def _cells(segments: Iterable[Segment]) -> Iterator[Cell]:
    """One entry a cell; the second cell of a wide character is an empty text."""
    for text, style, _ in segments:
        if _SAFE.issuperset(text):
            for character in text:
                yield character, style
            continue
        pending = ""
        for character in text:
            width = cell_len(character)
            if width == 0:
                pending += character  # combines with what stands before it
                continue
            if pending:
                yield from _spread(pending, style)
            pending = character
        if pending:
            yield from _spread(pending, style)


def _spread(text: str, style: Style | None) -> Iterator[Cell]:
    for index in range(cell_len(text)):
        yield (text if index == 0 else "", style)


def _runs(old: list[Cell], new: list[Cell]) -> Iterator[tuple[int, int]]:
    """Where the cells differ, as (first, end); from a cell of unsure width on, all or nothing."""
    if old == new:
        return
    pairs = enumerate(zip(old, new, strict=True))
    sure = next((i for i, (a, b) in pairs if not (_sure(a) and _sure(b))), len(new))
    start = end = -1
    for index in range(sure):
        if old[index] != new[index]:
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


def _sure(cell: Cell) -> bool:
    return cell is _UNKNOWN or cell[0] in _SAFE


def _render(cells: list[Cell], console: Console) -> str:
    groups = groupby(cells, key=lambda cell: cell[1])
    return Strip(Segment("".join(c for c, _ in group), style) for style, group in groups).render(
        console
    )
