"""A line of the screen that draws itself, and only when it says something else than before."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.widgets.own_lines import OwnLines
from pleg_tui.ui.widgets.painting import Painter


class Bar(Widget):
    """One line, made for its width by the function it is given; another is told of clicks."""

    ALLOW_SELECT = False

    def __init__(
        self,
        make: Callable[[int], Line],
        *,
        clicked: Callable[[int], None] | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._styles_cache = OwnLines()
        self._make = make
        self._clicked = clicked
        self._painter = Painter(self)
        self._drawn: Line | None = None
        self._width = 0

    def check(self) -> bool:
        """Draw the line again if it is another one now, and say whether it is."""
        if self._drawn is None or self._make(self._width) == self._drawn:
            return False
        self._drawn = None
        self.redraw()
        return True

    def redraw(self) -> None:
        """Have the line drawn again."""
        self.refresh(Region(0, 0, self._width, 1))

    def render_line(self, y: int) -> Strip:
        """Draw it."""
        width = self._width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        self._drawn = self._make(width)
        return self._painter.strip(self._drawn, width)

    def on_click(self, event: events.Click) -> None:
        """Say in which cell."""
        if self._clicked is not None:
            self._clicked(event.x)

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._painter.clear()
        self.refresh()
