"""Writes styled text with as few escape codes as its places and its changes of style need.

rich begins every run of text with all its codes and ends it with a reset, and puts the cursor where
a run begins by its row and column. Here only what changes of the style is written, from one picture
to the next too, the cursor takes the shortest way, and what is drawn in one picture is drawn colour
by colour where that is shorter: over a colour of 24 bits (19 bytes) the cursor is moved several
times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
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
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27"}
"""What takes an attribute back, everywhere alike (22 both bold and dim); the others are not."""
_REVERSE = "7"
_MOVE = 5
"""Bytes that take the cursor elsewhere, mostly; colours with longer codes, of 24 bits and of 256,
are drawn one after another."""
_MOST_LOOKS = 40
"""More are drawn as they stand: which of them is nearest to which would take too long to find."""
MOST_BEFORE = 3
"""So many cells are sent again where the cursor would have to be taken over them."""
ERASE = "\x1b[K"
"""Makes blanks up to the end of the row; their ground is the pen's where `erases()` says so."""
_ERASING = ("xterm", "linux", "tmux", "rxvt", "vte", "konsole", "putty", "alacritty", "foot", "st-")
"""Terminals that erase with the pen's ground (terminfo's `bce`; tmux since 2.4 although its entry
leaves it out). GNU screen does not, and what is not known here may not. Lines that they insert are
another matter: kitty and those of VTE leave them in the terminal's own ground."""
_FEEDING = (*_ERASING, "screen")
"""Terminals in which a vertical tab leads one row down; a line feed would not do, as the system
makes a new line of it."""


class Look(NamedTuple):
    """A style as escape codes; empty for the terminal's own."""

    attributes: str
    background: str
    foreground: str

    @property
    def ground(self) -> Look:
        """What of it is seen on a space."""
        if self.attributes == _REVERSE:  # the other ground
            return Look(_REVERSE, "", self.foreground)
        seen = not _SEEN_ON_BLANKS.isdisjoint(self.attributes.split(";"))
        return self if seen else Look("", self.background, "")


PLAIN = Look("", "", "")


class Stroke(NamedTuple):
    """A text of one look in one row."""

    row: int
    column: int
    width: int
    """In cells; 0 for ERASE, which comes before all else in its row."""
    look: Look
    text: str
    before: str = ""
    """What stands in the cells before it and is of its look, too; MOST_BEFORE cells at most."""


Place = tuple[int, int]
"""(row, column) of the cursor; a column of -1 is not known."""


def erases(environment: Mapping[str, str]) -> bool:
    """Whether the terminal erases with the pen's ground."""
    return environment.get("TERM", "").startswith(_ERASING) and "STY" not in environment


def feeds(environment: Mapping[str, str]) -> bool:
    """Whether a vertical tab takes the terminal's cursor one row down."""
    return environment.get("TERM", "").startswith(_FEEDING)


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


def draw(
    strokes: list[Stroke], last: list[Stroke], pen: Look | None, columns: int, feeds: bool
) -> tuple[str, Look | None]:
    """The codes and texts that draw these, and the pen as it is then.

    Args:
        strokes: none over another.
        last: what is to be drawn after them as it stands here, as its width is not sure.
        pen: as it is now; None where that is not known.
        columns: of the terminal.
        feeds: a vertical tab takes its cursor one row down.
    """
    strokes.sort()
    first: list[Stroke] = []
    of_look: dict[Look, list[Stroke]] = {}
    ground = next((stroke.look for stroke in strokes if not stroke.width), None)
    for stroke in strokes:
        if not stroke.width or (stroke.look == ground and stroke.text.isspace()):
            first.append(stroke)
        else:
            of_look.setdefault(stroke.look, []).append(stroke)
    colours = sum(len(look.foreground) for look in of_look)
    if _MOVE * len(of_look) < colours and len(of_look) <= _MOST_LOOKS:
        strokes = _look_by_look(of_look, first, pen, feeds)
    return _drawn(strokes, last, pen, columns, feeds)


def _look_by_look(
    of_look: dict[Look, list[Stroke]], first: list[Stroke], pen: Look | None, feeds: bool
) -> list[Stroke]:
    """After each look the one that takes the fewest bytes then; `of_look` is used up.

    Args:
        of_look: the strokes of each look, from the top down.
        first: what erases, and blanks of the same ground.
        pen: as it is before that.
        feeds: as draw() has it.
    """
    found: list[Stroke] = []
    at: Place | None = None
    if first:  # erased on the way, best when a look is drawn that comes to most of these rows
        pen = _for_blanks(pen, first[-1].look)
        rows = {stroke.row for stroke in first}

        def less(look: Look) -> int:
            met = sum(stroke.row in rows for stroke in of_look[look])
            return len(_change(pen, look)) - _MOVE * met

        pen = min(of_look, key=less)
        found = sorted(first + of_look.pop(pen))
        at = _after(found[-1])
    while of_look:
        ways = [
            (len(_change(pen, look)) + _cost(at, strokes[end], feeds), -end, look)
            for look, strokes in of_look.items()
            for end in (0, -1)
        ]
        _, up, pen = min(ways)
        strokes = of_look.pop(pen)
        if up:
            strokes.sort(key=_upwards)
        found += strokes
        at = _after(found[-1])
    return found


def _upwards(stroke: Stroke) -> Place:
    return -stroke.row, stroke.column


def _after(stroke: Stroke) -> Place:
    return stroke.row, stroke.column + stroke.width


def _cost(at: Place | None, stroke: Stroke, feeds: bool) -> int:
    way, again = _way(at, stroke.row, stroke.column, len(stroke.before), feeds)
    return len(way) + again


def _drawn(
    strokes: list[Stroke], last: list[Stroke], pen: Look | None, columns: int, feeds: bool
) -> tuple[str, Look | None]:
    out: list[str] = []
    at: Place | None = None
    for row, column, width, look, text, before in strokes:
        way, again = _way(at, row, column, len(before), feeds)
        if again:
            text = before[-again:] + text
        wanted = _for_blanks(pen, look) if not width or text.isspace() else look
        if wanted != pen:
            way += _change(pen, wanted)
            pen = wanted
        out += (way, text)
        end = column + width  # in the last column terminals differ in where the cursor is then
        at = (row, end if end < columns else -1)
    at = None
    for stroke in last:
        if at != (stroke.row, stroke.column):
            out.append(_to(stroke.row, stroke.column))
        if stroke.look != pen:
            pen, was = stroke.look, pen
            out.append(_change(was, pen))
        out.append(stroke.text)
        at = _after(stroke)
    return "".join(out), pen


def _for_blanks(pen: Look | None, look: Look) -> Look:
    """The pen as it is but for what of the look is seen of a space."""
    if pen is None:
        return look
    if look.attributes == _REVERSE:
        return Look(_REVERSE, pen.background, look.foreground)
    if not look.attributes and not pen.ground.attributes:
        return Look(pen.attributes, look.background, pen.foreground)
    return look


@lru_cache(4096)
def _change(pen: Look | None, look: Look) -> str:
    """What makes one look of another, None: of any."""
    if look == PLAIN:
        return "\x1b[m"
    attributes, background, foreground = look
    anew = _codes(["0", attributes, foreground, background])
    if pen is None:
        return anew
    had, wanted = set(pen.attributes.split(";")), set(attributes.split(";"))
    gone = had - wanted - {""}
    if not gone <= _OFF.keys():
        return anew
    off = {_OFF[code] for code in gone}
    if "22" in off:
        had -= {"1", "2"}
    codes = [*sorted(off), *sorted(wanted - had)]
    if foreground != pen.foreground:
        codes.append(foreground or "39")
    if background != pen.background:
        codes.append(background or "49")
    return min(anew, _codes(codes), key=len)


def _codes(codes: Iterable[str]) -> str:
    return f"\x1b[{';'.join(code for code in codes if code)}m"


@lru_cache(256)
def _way(at: Place | None, row: int, column: int, before: int, feeds: bool) -> tuple[str, int]:
    """The shortest way for the cursor, and how many of the cells before are then sent again.

    Args:
        at: where it is; None: anywhere.
        row: where it is to go.
        column: where it is to go.
        before: so many cells before that can be sent again.
        feeds: as draw() has it.
    """
    if at == (row, column):
        return "", 0
    ways = [(_to(row, column), 0)]
    if at is not None:
        upright = _upright(row - at[0], feeds)
        starts = [(f"{upright}\r", 0)]
        if at[1] >= 0:
            starts.append((upright, at[1]))
        for way, start in starts:
            step = column - start
            if 0 <= step <= before:
                ways.append((way, step))
            elif step > 0:
                ways.append((f"{way}\x1b[{step if step > 1 else ''}C", 0))
            else:
                ways.append((way + min("\b" * -step, f"\x1b[{-step}D", key=len), 0))
    return min(ways, key=lambda way: len(way[0]) + way[1])


def _upright(step: int, feeds: bool) -> str:
    """So many rows down, or up, in the same column."""
    if step < 0:
        return min("\x1bM" * -step, f"\x1b[{-step}A", key=len)
    if step and not (feeds and step <= 4):
        return f"\x1b[{step if step > 1 else ''}B"
    return "\v" * step


def _to(row: int, column: int) -> str:
    return f"\x1b[{row + 1}H" if column == 0 else f"\x1b[{row + 1};{column + 1}H"
