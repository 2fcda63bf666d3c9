"""A log's lines as they are drawn: when, on which stream, the text in its own colours.

What is drawn was made safe by node.log_text; here it only gets its place and its style.
"""

from __future__ import annotations

from functools import lru_cache

from rich.cells import chop_cells

from pleg_tui.node.log_format import LogLine, Stream
from pleg_tui.node.log_text import PLAIN, Run, Style
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import OWN, Line, Part
from pleg_tui.ui.content.text import SECOND, clock, cut, tidy, width_of

STAMP = len("12:34:56.789")
_NAMES: dict[Style, str] = {}
_LOOKS: dict[str, Style] = {}
_MOST_LOOKS = 1024
"""A log may ask for 16 million colours; past so many of them they are drawn plainly."""


def style_name(style: Style) -> str:
    """The name under which this look is drawn; empty for the plain one."""
    if style == PLAIN:
        return ""
    name = _NAMES.get(style)
    if name is None:
        if len(_NAMES) >= _MOST_LOOKS:
            return ""
        name = f"{OWN}{len(_NAMES)}"
        _NAMES[style] = name
        _LOOKS[name] = style
    return name


def look_of(name: str) -> Style:
    """What a name that style_name() gave stands for."""
    return _LOOKS.get(name, PLAIN)


def lead(line: LogLine, glyphs: Glyphs, *, stamps: bool) -> Line:
    """What stands before a line's text: its time if wanted, and where it was written to."""
    parts = [Part(" ")]
    if stamps:
        at = clock(line.at_ns, milliseconds=True) if line.at_ns else "?"
        parts.append(Part(f"{at:<{STAMP}} ", "dim"))
    error = line.stream is Stream.STDERR
    parts.append(Part(f"{glyphs.edge if error else ' '} ", "bad" if error else ""))
    return tuple(parts)


def text_parts(line: LogLine) -> Line:
    """A line's text, and what is to be known about it."""
    parts = [Part(tidy(run.text), style_name(run.style)) for run in line.runs]
    if line.cut:
        parts.append(Part(f" ({line.cut:,} bytes more)", "dim"))
    return tuple(parts)


def log_rows(line: LogLine, width: int, glyphs: Glyphs, *, stamps: bool, wrap: bool) -> list[Line]:
    """A line as the rows that it takes: one that is cut, or as many as it needs."""
    before = lead(line, glyphs, stamps=stamps)
    indent = sum(width_of(text) for text, _ in before)
    room = max(width - indent, 8)
    parts = text_parts(line)
    if not wrap:
        return [(*before, *clip(parts, room, glyphs.cut))]
    rows = [list(before)]
    left = room
    for text, style in parts:
        while text:
            if left <= 0:
                marks = len(text) - len(text.lstrip(_marks(text)))
                if marks:  # they combine with what ends this row
                    rows[-1].append(Part(text[:marks], style))
                    text = text[marks:]
                    continue
                rows.append([Part(" " * indent)])
                left = room
            piece = head(text, left)
            if not piece:  # a wide character where one cell is left
                left = 0
                continue
            rows[-1].append(Part(piece, style))
            left -= width_of(piece)
            text = text[len(piece) :]
    return [tuple(row) for row in rows]


def _marks(text: str) -> str:
    """The first character if it takes no cell of its own; something else that is not there."""
    return text[0] if width_of(text[0]) == 0 else "\0"


def rows_of(line: LogLine, width: int, *, stamps: bool) -> int:
    """How many rows log_rows() makes of a line when it wraps, at little cost."""
    room = max(width - 3 - (STAMP + 1 if stamps else 0), 8)
    runs = line.runs
    if len(runs) == 1 and not line.cut and runs[0].text.isascii():
        return max(-(-len(runs[0].text) // room), 1)
    return _count_rows(runs, line.cut, room)


@lru_cache(maxsize=4096)
def _count_rows(runs: tuple[Run, ...], cut_bytes: int, room: int) -> int:
    text = "".join(tidy(run.text) for run in runs)
    if cut_bytes:
        text += f" ({cut_bytes:,} bytes more)"
    return max(len(chop_cells(text, room)), 1)


def clip(parts: Line, width: int, mark: str) -> Line:
    """As much as fits, with a mark at its end when that is not all."""
    kept: list[Part] = []
    for index, (text, style) in enumerate(parts):
        if width <= 0:
            break
        more = any(part.text for part in parts[index + 1 :])
        taken = width_of(text)
        if taken > width or (taken == width and more):
            kept.append(Part(cut(text + " ", width, mark), style))
            break
        kept.append(Part(text, style))
        width -= taken
    return tuple(kept)


def head(text: str, width: int) -> str:
    """The beginning of a text that fits."""
    if text.isascii():
        return text[:width]
    piece = text[:width]
    while piece and width_of(piece) > width:
        piece = piece[:-1]
    return piece


def stamp_text(at_ns: int | None) -> str:
    """A time as RFC 3339, UTC, for a file; "-" where it is unknown."""
    if at_ns is None:
        return "-"
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(at_ns // SECOND, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ns % SECOND:09}Z"
