"""A log line's text as plain runs with a style each: a terminal that is sent it obeys none of it.

Of all escape sequences only colours and weights are understood (ECMA-48 SGR, `ESC [ digits ; m`).
Every other one, and every other control character, is made visible.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.cri.clean import clean

MAX_CHARACTERS = 65536
"""Characters kept of one line."""
TAB = 8

Colour = int | tuple[int, int, int]
"""0 to 15 are the terminal's own, 16 to 255 xterm's, three numbers are red, green and blue."""

_SGR = re.compile(r"\x1b\[([0-9;]{0,64})m")


class Style(Struct, frozen=True):
    """How a run wants to look; None and False are as everything else looks."""

    fg: Colour | None = None
    bg: Colour | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


PLAIN = Style()


class Run(Struct, frozen=True):
    """Printable characters of one style."""

    text: str
    style: Style = PLAIN


def runs_of(text: str, limit: int = MAX_CHARACTERS) -> tuple[Run, ...]:
    """The text as runs, neighbours of one style joined; empty for an empty text.

    Tabs become spaces up to the next multiple of 8 columns. A text that is longer than the limit is
    cut, and ends in an ellipsis.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return (Run(text),) if text else ()
    pieces: list[tuple[str, Style]] = []
    style = PLAIN
    column = 0
    end = 0
    for found in _SGR.finditer(text, 0, limit * 2):
        column = _append(pieces, text[end : found.start()], style, column)
        style = _styled(style, found[1])
        end = found.end()
    _append(pieces, text[end : end + limit + 1], style, column)
    return _join(pieces, limit)


def _append(pieces: list[tuple[str, Style]], text: str, style: Style, column: int) -> int:
    """Append a text without SGR sequences; returns the column after it."""
    first = True
    for part in text.split("\t"):
        if not first:
            gap = TAB - column % TAB
            pieces.append((" " * gap, style))
            column += gap
        first = False
        if part:
            shown = clean(part, len(part))
            pieces.append((shown, style))
            column += _columns(shown)
    return column


def _join(pieces: list[tuple[str, Style]], limit: int) -> tuple[Run, ...]:
    runs: list[Run] = []
    texts: list[str] = []
    current = PLAIN
    fits = sum(len(text) for text, _ in pieces) <= limit
    left = limit if fits else limit - 1

    def finish() -> None:
        if texts:
            runs.append(Run("".join(texts), current))
            texts.clear()

    for text, style in pieces:
        if style != current:
            finish()
            current = style
        if len(text) > left:
            texts.append(text[:left] + "…")
            break
        left -= len(text)
        texts.append(text)
    finish()
    return tuple(runs)


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@lru_cache(maxsize=512)
def _styled(style: Style, parameters: str) -> Style:
    """The style after an SGR sequence; what it does not know, it leaves."""
    codes = [int(code or 0) for code in parameters.split(";")]
    position = 0
    while position < len(codes):
        code = codes[position]
        position += 1
        if code in (38, 48):
            colour, used = _extended(codes[position : position + 4])
            position += used
            if colour is not None:
                style = replace(style, fg=colour) if code == 38 else replace(style, bg=colour)
        else:
            style = _simple(style, code)
    return style


def _extended(codes: list[int]) -> tuple[Colour | None, int]:
    """The colour behind 38 or 48, and how many codes it took."""
    if codes[:1] == [5]:
        valid = len(codes) > 1 and codes[1] < 256
        return (codes[1] if valid else None), 2
    if codes[:1] == [2]:
        valid = len(codes) == 4 and max(codes[1:]) < 256
        return ((codes[1], codes[2], codes[3]) if valid else None), 4
    return None, 0


def _simple(style: Style, code: int) -> Style:
    match code:
        case 0:
            return PLAIN
        case 1:
            return replace(style, bold=True)
        case 2:
            return replace(style, dim=True)
        case 3:
            return replace(style, italic=True)
        case 4:
            return replace(style, underline=True)
        case 7:
            return replace(style, reverse=True)
        case 22:
            return replace(style, bold=False, dim=False)
        case 23:
            return replace(style, italic=False)
        case 24:
            return replace(style, underline=False)
        case 27:
            return replace(style, reverse=False)
        case 39:
            return replace(style, fg=None)
        case 49:
            return replace(style, bg=None)
    for first, last, base, bright in ((30, 37, 30, 0), (90, 97, 90, 8)):
        if first <= code <= last:
            return replace(style, fg=code - base + bright)
        if first + 10 <= code <= last + 10:
            return replace(style, bg=code - base - 10 + bright)
    return style
