"""Writes styled text with as few escape codes as its changes of style need.

rich begins every run of text with all its codes and ends it with a reset. Most neighbours share
their ground and differ in one colour, so only what changes is written here.
"""

from __future__ import annotations

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
_Look = tuple[str, str, str]
"""Codes of attributes, foreground and background; empty for the terminal's own."""
_PLAIN: _Look = ("", "", "")
RESET = "\x1b[0m"
_SEEN_ON_BLANKS = frozenset(("4", "7", "9", "21", "53"))
"""Underline, reverse, strike, the other underline and overline."""


def marks_blanks(style: Style) -> bool:
    """Whether more of it is seen on a space than its background."""
    return bool(style.underline or style.reverse or style.strike or style.underline2
                or style.overline)  # fmt: skip


class Pen:
    """What the terminal writes with."""

    def __init__(self, color_system: str | None) -> None:
        self._system = _SYSTEMS.get(color_system or "", ColorSystem.TRUECOLOR)
        self._looks: dict[Style, _Look] = {}
        self._look = _PLAIN

    def write(self, text: str, style: Style | None) -> str:
        """The text, after what the pen has to change for it."""
        look = _PLAIN if style is None else self._looks.get(style) or self._learn(style)
        if text.isspace():
            look = self._for_blanks(look)
        return self._change(look) + text

    def put_down(self) -> str:
        """What leaves the terminal plain."""
        return self._change(_PLAIN)

    def _for_blanks(self, look: _Look) -> _Look:
        """What the pen is now, but for the background: of spaces no more is seen."""
        attributes, foreground, _ = self._look
        if _SEEN_ON_BLANKS.isdisjoint(f"{attributes};{look[0]}".split(";")):
            return attributes, foreground, look[2]
        return look

    def _change(self, look: _Look) -> str:
        before = self._look
        if look == before:
            return ""
        self._look = look
        if look == _PLAIN:
            return RESET
        attributes, foreground, background = look
        if attributes != before[0]:  # taking single ones back differs from terminal to terminal
            codes = ["0", attributes, foreground, background]
        else:
            codes = []
            if foreground != before[1]:
                codes.append(foreground or "39")
            if background != before[2]:
                codes.append(background or "49")
        return f"\x1b[{';'.join(code for code in codes if code)}m"

    def _learn(self, style: Style) -> _Look:
        attributes = ";".join(code for name, code in _ATTRIBUTES if getattr(style, name))
        look = attributes, self._color(style.color, True), self._color(style.bgcolor, False)
        self._looks[style] = look
        return look

    def _color(self, color: Color | None, foreground: bool) -> str:
        if color is None or color.is_default:
            return ""
        return ";".join(color.downgrade(self._system).get_ansi_codes(foreground))
