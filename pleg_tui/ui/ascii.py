"""Nothing but ASCII reaches a terminal that cannot show more."""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_DRAWN = {
    **dict.fromkeys("─━═╌┄", "-"),
    **dict.fromkeys("│┃║╎▎▏▕▌▐", "|"),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
    **dict.fromkeys("█▇▆▅▄▃▂▁▀▔", " "),
    "…": "~",
    "·": "-",
    "×": "x",
    "µ": "u",
    "↓": "v",
    "↑": "^",
}


def ascii_text(text: str) -> str:
    """The text in ASCII, as many cells wide as before; what has no likeness is a question mark."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else _likeness(c) for c in text)


def _likeness(character: str) -> str:
    drawn = _DRAWN.get(character)
    if drawn is not None:
        return drawn
    plain = unicodedata.normalize("NFKD", character)[:1]
    width = cell_len(character)
    return plain if plain.isascii() and width == 1 else "?" * width


class AsciiFilter(LineFilter):
    """Textual's hook for changing what is painted."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """The segments, their text in ASCII."""
        return [
            Segment(ascii_text(segment.text), segment.style, segment.control)
            for segment in segments
        ]


ASCII_ONLY = AsciiFilter()
