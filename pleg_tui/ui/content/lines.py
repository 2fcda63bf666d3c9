"""Lines of parts: text with the name of its style, exactly as wide as it is to be.

A line is plain data, so that a widget can tell by comparing whether it must be drawn again. The
styles' names are those that widgets.line_styles knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import chop_cells

from pleg_tui.ui.content.text import cut, width_of

OWN = "own:"
"""Names of styles that begin so stand for what a log line asks for itself (content.logs)."""


class Part(NamedTuple):
    """A run of text in one style."""

    text: str
    style: str = ""


Line = tuple[Part, ...]


class Item(NamedTuple):
    """A piece of a one-line bar."""

    parts: Line
    rank: int = 0
    """Where the room is short, the lowest ranks have it; rank 0 is always there."""


def bar_line(left: list[Item], right: list[Item], width: int, gap: int = 2) -> Line:
    """Items set to both ends of a line of exactly this width, as many as fit, by rank.

    Where even those of rank 0 do not fit, the left ones are cut off at their end.
    """
    items = [(item, side) for side, group in enumerate((left, right)) for item in group]
    kept: set[int] = set()
    room = width - 2 + gap
    for index, (item, _) in sorted(enumerate(items), key=lambda entry: entry[1][0].rank):
        needed = sum(width_of(text) for text, _ in item.parts) + gap
        if not item.rank or needed <= room:
            kept.add(index)
            room -= needed
    items = [pair for index, pair in enumerate(items) if index in kept]
    halves: list[list[Part]] = [[], []]
    for item, side in items:
        if halves[side]:
            halves[side].append(Part(" " * gap))
        halves[side] += item.parts
    room = width - 2
    right_end = _clip(halves[1], room)
    taken = sum(width_of(text) for text, _ in right_end)
    left_end = _clip(halves[0], room - taken - gap if taken else room)
    used = taken + sum(width_of(text) for text, _ in left_end)
    return (Part(" "), *left_end, Part(" " * (room - used)), *right_end, Part(" "))


def _clip(parts: list[Part], width: int) -> list[Part]:
    kept: list[Part] = []
    for text, style in parts:
        if width <= 0:
            break
        text = cut(text, width)
        kept.append(Part(text, style))
        width -= width_of(text)
    return kept


def wrap(line: Line, width: int) -> list[Line]:
    """The line folded to this width; what goes on is set in as far as its last part began."""
    if sum(width_of(text) for text, _ in line) <= width or width < 20:
        return [line]
    lead = line[:-1]
    indent = min(sum(width_of(text) for text, _ in lead), width // 2)
    text, style = line[-1]
    room = width - sum(width_of(part) for part, _ in lead)
    if room < 8:  # what leads is too long itself: the last part starts a line of its own
        folded = [tuple(_clip(list(lead), width))]
        room = width - indent
    else:
        folded = []
    for number, piece in enumerate(_folds(text, room, width - indent)):
        first = number == 0 and not folded
        start = lead if first else (Part(" " * indent),)
        folded.append((*start, Part(piece, style)))
    return folded


def _folds(text: str, first: int, room: int) -> Iterator[str]:
    """The text in pieces of at most so many cells, the first of another width.

    A piece ends behind a space where one stands in its second half: words are kept whole, and what
    has no spaces (an id, a path) fills its lines. Nothing is left out but the space in whose place
    a line ends.
    """
    while text:
        ahead = text[: 4 * first]  # not all of 64 KiB for each line; marks may take no cell
        piece = chop_cells(ahead, first)[0]
        if len(piece) < len(text) and text[len(piece)] != " ":
            space = piece.rfind(" ") + 1
            if space * 2 > len(piece):
                piece = piece[:space]
        yield piece
        text = text[len(piece) :]
        if len(text) > 1 and text[0] == " " != text[1]:
            text = text[1:]
        first = room


def note_row(lines: Sequence[Line], row: int, width: int) -> Line:
    """One row of lines folded to this width; an empty line behind their end."""
    rows = [part for line in lines for part in wrap(line, width)] if row >= 0 else []
    return rows[row] if row < len(rows) and row >= 0 else ()
