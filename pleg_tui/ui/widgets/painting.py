"""Turns lines of parts into strips: resolves the names of styles, and keeps what was drawn."""

from __future__ import annotations

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from pleg_tui.ui.content.finding import MATCH, MATCH_HERE
from pleg_tui.ui.content.lines import OWN, Line
from pleg_tui.ui.content.pods import GLOW
from pleg_tui.ui.widgets.line_styles import GLOWING, line_style
from pleg_tui.ui.widgets.own_strip import OwnStrip

_MOST_STRIPS = 500


def _own_style(name: str) -> Style:
    """The style that a line of a log asks for itself."""
    from pleg_tui.ui.content.logs import look_of  # only logs have such

    look = look_of(name)
    colour: Color | None = None
    if isinstance(look.fg, tuple):
        colour = Color.from_rgb(*look.fg)
    elif look.fg is not None:
        colour = Color.from_ansi(look.fg)
    return Style.from_color(colour) + Style(
        bold=look.bold or None,
        dim=look.dim or None,
        italic=look.italic or None,
        underline=look.underline or None,
    )


class Painter:
    """Paints lines for one widget; what it knows is forgotten when the styles change."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._base: Style | None = None
        self._styles: dict[tuple[str, str], Style] = {}
        self._strips: dict[tuple[Line, str, int], Strip] = {}

    def clear(self) -> None:
        """Forget everything: the theme or the widget's styles are others."""
        self._base = None
        self._styles.clear()
        self._strips.clear()

    def strip(self, line: Line, width: int, mode: str = "") -> Strip:
        """The line as a strip of exactly this width."""
        key = (line, mode, width)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _MOST_STRIPS:
                self._strips.clear()
            style = self._style
            segments = [Segment(text, style(name, mode)) for text, name in line if text]
            length = sum(segment.cell_length for segment in segments)
            if length < width:
                segments.append(Segment(" " * (width - length), style("", mode)))
            elif length > width:
                segments = [*Strip(segments, length).adjust_cell_length(width)]
            strip = self._strips[key] = OwnStrip(segments, width)
        return strip

    def _style(self, name: str, mode: str) -> Style:
        key = (name, mode)
        style = self._styles.get(key)
        if style is None:
            app = self._widget.app
            if self._base is None:
                self._base = self._widget.rich_style
            style = self._base
            plain = name.removesuffix(GLOW)
            if plain.startswith(OWN):
                style += _own_style(plain)
            elif plain:
                style += line_style(app, plain)
            if plain is not name:
                style += line_style(app, GLOWING)
            if mode:
                style += line_style(app, mode)
            if plain in (MATCH, MATCH_HERE):  # seen on the cursor's line, too
                style += line_style(app, plain)
            self._styles[key] = style
        return style
