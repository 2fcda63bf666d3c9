"""A list's scroll bar, of which only the cells that look different are drawn again."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from rich.color import Color
from rich.style import Style
from textual.geometry import Region
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip

from pleg_tui.ui.widgets.own_lines import OwnLines
from pleg_tui.ui.widgets.own_strip import OwnStrip

_NONE = Color.default()


class SideBar(ScrollBar):
    """Textual's own draws all of itself whenever a line is added, mostly as it was before."""

    def __init__(self) -> None:
        super().__init__(name="vertical")
        self._styles_cache = OwnLines()
        self._shown: list[Strip] = []

    def follow(self, lines: int, position: float) -> None:
        """There are so many lines, and this is the first that is seen."""
        self.set_reactive(ScrollBar.window_virtual_size, lines)
        self.set_reactive(ScrollBar.position, self.validate_position(position))
        shown, now = self._shown, self._strips()
        self._shown = now
        if len(shown) != len(now):
            self.refresh()
        elif shown is not now:
            for y, (was, strip) in enumerate(zip(shown, now, strict=True)):
                if was != strip:
                    self.refresh(Region(0, y, 1, 1))

    def render_line(self, y: int) -> Strip:
        """Draw one cell of it."""
        return self._strips()[y]

    def _strips(self) -> list[Strip]:
        bar = cast("ScrollBarRender", self.render())
        style = cast("Style", bar.style)
        height = self.outer_size.height
        return _strips(height, bar.window_size, bar.virtual_size, bar.position, style)


@lru_cache(maxsize=16)
def _strips(height: int, window: int, lines: int, position: float, style: Style) -> list[Strip]:
    drawn = ScrollBarRender.render_bar(
        height, lines, window, position,
        back_color=style.bgcolor or _NONE, bar_color=style.color or _NONE,
    )  # fmt: skip
    # Beyond the last position it makes more cells than it was asked for.
    return [OwnStrip([segment], 1) for segment in drawn.segments[:height]]
