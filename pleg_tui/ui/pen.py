"""Writes styled text with as few escape codes as its places and its changes of style need.

rich begins every run of text with all its codes and ends it with a reset, and puts the cursor where
a run begins by its row and column. Here only what changes of the style is written, the cursor takes
the shortest way, and what is drawn in one frame is drawn colour by colour where that is shorter:
over a colour of 24 bits (20 bytes) the cursor is moved several times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple

from rich.color import Color, ColorSystem
from rich.style import Style

_ATTRIBUTES = (
    ("bold", "1"),
    ("dim", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("blink2", "6"),
    ("reverse", "7"),
    ("conceal", "8"),
    ("strike", "9"),
    ("underline2", "21"),
    ("overline", "53"),
)
_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
}
_SEEN_ON_BLANKS = frozenset(("4", "7", "9", "21", "53"))
"""Underline, reverse, strike, the other underline and overline."""
_MOVE = 8
"""Bytes that take the cursor elsewhere; colours with longer codes are drawn one after another."""
_MOST_LOOKS = 40
"""More are drawn as they stand: which of them is nearest to which would take too long to find."""
ERASE = "\x1b[K"
"""Makes blanks up to the end of the row; their ground is the pen's where `erases()` says so."""
_ERASING = ("xterm", "linux", "tmux", "rxvt", "vte", "konsole", "putty", "alacritty", "foot", "st-")
"""Terminals that erase with the pen's ground (terminfo's `bce`; tmux since 2.4 although its entry
leaves it out). GNU screen does not, and what is not known here may not."""


class Look(NamedTuple):
    """A style as escape codes; empty for the terminal's own."""

    attributes: str
    background: str
    foreground: str

    @property
    def ground(self) -> Look:
        """What of it is seen on a space."""
        seen = not _SEEN_ON_BLANKS.isdisjoint(self.attributes.split(";"))
        return self if seen else Look("", self.background, "")


PLAIN = Look("", "", "")


class Stroke(NamedTuple):
    """A text of one look in one row."""

    look: Look
    row: int
    column: int
    width: int
    """In cells; 0 for ERASE."""
    text: str


def erases(environment: Mapping[str, str]) -> bool:
    """Whether the terminal erases with the pen's ground."""
    return environment.get("TERM", "").startswith(_ERASING) and "STY" not in environment


class Looks:
    """The looks of styles in as many colours as the terminal has."""

    def __init__(self, color_system: str | None) -> None:
        self._system = _SYSTEMS.get(color_system or "", ColorSystem.TRUECOLOR)

    def of(self, style: Style | None) -> Look:
        """The look of a style."""
        if style is None:
            return PLAIN
        return Look(
            ";".join(code for name, code in _ATTRIBUTES if getattr(style, name)),
            self._codes(style.bgcolor, False),
            self._codes(style.color, True),
        )

    def _codes(self, color: Color | None, foreground: bool) -> str:
        if color is None or color.is_default:
            return ""
        return ";".join(color.downgrade(self._system).get_ansi_codes(foreground))


def draw(first: list[Stroke], strokes: list[Stroke], last: list[Stroke], columns: int) -> str:
    """The codes and texts that draw these, the terminal plain before and after.

    Args:
        first: what is to be drawn before the others, as it erases.
        strokes: in the order in which they stand there, none over another.
        last: what is to be drawn as it stands here, as its width is not sure.
        columns: of the terminal.
    """
    of_look: dict[Look, list[Stroke]] = {}
    for stroke in strokes:
        of_look.setdefault(stroke.look, []).append(stroke)
    colours = sum(len(look.foreground) for look in of_look)
    if _MOVE * len(of_look) < colours and len(of_look) <= _MOST_LOOKS:
        strokes = _look_by_look(of_look, first)
    return _drawn([*first, *strokes, *last], columns)


def _look_by_look(of_look: dict[Look, list[Stroke]], first: list[Stroke]) -> list[Stroke]:
    """After each look the one that takes the fewest codes then; `of_look` is used up."""
    found: list[Stroke] = []
    last = first[-1] if first else Stroke(PLAIN, -1, 0, 0, "")
    while of_look:
        look = min(of_look, key=partial(_codes_between, last.look))
        strokes = of_look.pop(look)
        if strokes[0].row != last.row == strokes[-1].row:  # up again, and no way back down to it
            strokes.sort(key=_upwards)
        found += strokes
        last = strokes[-1]
    return found


def _upwards(stroke: Stroke) -> tuple[int, int]:
    return -stroke.row, stroke.column


def _drawn(strokes: Iterable[Stroke], columns: int) -> str:
    out: list[str] = []
    pen = PLAIN
    at: tuple[int, int] | None = None
    for look, row, column, width, text in strokes:
        out.append(_way(at, row, column))
        wanted = _for_blanks(pen, look) if not width or text.isspace() else look
        if wanted != pen:
            out.append(_change(pen, wanted))
            pen = wanted
        out.append(text)
        end = column + width  # in the last column terminals differ in where the cursor is then
        at = (row, end) if end < columns else None
    if pen != PLAIN:
        out.append(_change(pen, PLAIN))
    return "".join(out)


def _for_blanks(pen: Look, look: Look) -> Look:
    """The pen as it is but for the ground, where no more is seen of a space."""
    if not look.attributes and not pen.ground.attributes:
        return Look(pen.attributes, look.background, pen.foreground)
    return look


def _codes_between(pen: Look, look: Look) -> int:
    return len(_change(pen, look))


@lru_cache(4096)
def _change(pen: Look, look: Look) -> str:
    """What makes one look of another."""
    if look == PLAIN:
        return "\x1b[m"
    attributes, background, foreground = look
    if attributes != pen.attributes and pen.attributes:
        # Taking single attributes back differs from terminal to terminal.
        codes = ["0", attributes, foreground, background]
    else:
        codes = [attributes] if attributes != pen.attributes else []
        if foreground != pen.foreground:
            codes.append(foreground or "39")
        if background != pen.background:
            codes.append(background or "49")
    return f"\x1b[{';'.join(code for code in codes if code)}m"


def _way(at: tuple[int, int] | None, row: int, column: int) -> str:
    """The shortest way for the cursor, None: from anywhere; with what every terminal knows."""
    if at == (row, column):
        return ""
    if at is not None and at[0] == row:
        if column == 0:
            return "\r"
        step = column - at[1]
        if step < 0:
            return "\b" * -step if step > -4 else f"\x1b[{-step}D"
        return f"\x1b[{step if step > 1 else ''}C"
    if at is not None and at[1] == column and row > at[0]:
        step = row - at[0]
        return f"\x1b[{step if step > 1 else ''}B"
    return f"\x1b[{row + 1}H" if column == 0 else f"\x1b[{row + 1};{column + 1}H"
