"""The checklist: a line a check, and under the one that is chosen everything about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events

from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.widgets.line_list import LineList
from pleg_tui.ui.widgets.line_styles import CURSOR, CURSOR_BLURRED

Make = Callable[[int, int], tuple[Sequence[Line], Sequence[Sequence[Line]]]]
"""From (width, the one chosen) to (the line of each, what stands below each)."""


class CheckList(LineList):
    """The cursor goes from check to check."""

    def __init__(
        self,
        make: Make,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self._make = make
        self.chosen = 0
        self._lines: list[Line] = []
        self._owners: list[int] = []
        self._heads: list[int] = []

    def draw(self) -> None:
        """Make the lines again."""
        width = self.window.width
        if width <= 0:
            return
        heads, bodies = self._make(width, self.chosen)
        self.chosen = max(0, min(self.chosen, len(heads) - 1))
        self._lines, self._owners, self._heads = [], [], []
        for index, head in enumerate(heads):
            self._heads.append(len(self._lines))
            block = [head, *(bodies[index] if index == self.chosen else ())]
            self._lines += block
            self._owners += [index] * len(block)
        self.count = len(self._lines)
        self.cursor = self._heads[self.chosen] if self._heads else 0
        self.show_cursor()
        self.repaint()

    def line(self, index: int) -> Line:
        """One line."""
        return self._lines[index]

    def mode(self, index: int) -> str:
        """Only the check's own line has the cursor."""
        if not self._heads or index != self._heads[self.chosen]:
            return ""
        return CURSOR if self.has_focus else CURSOR_BLURRED

    def show_cursor(self) -> None:
        """Scroll so that all of what is chosen is seen, its head at least."""
        height = self.window.height
        if height <= 0 or not self._heads:
            return
        top = round(self.scroll_y)
        head = self._heads[self.chosen]
        end = head + self._owners.count(self.chosen)
        if end > top + height:
            top = end - height
        top = min(top, head)
        if top != round(self.scroll_y):
            self.scroll_to(y=top, animate=False)

    def choose(self, index: int) -> None:
        """Open another one."""
        self.chosen = index
        self.draw()

    def action_cursor(self, step: int) -> None:
        """Move by checks."""
        self.choose(max(0, self.chosen + step))

    def action_page(self, pages: float) -> None:
        """Move by some."""
        step = 5 if abs(pages) >= 1 else 3
        self.action_cursor(step if pages > 0 else -step)

    def action_first(self) -> None:
        """Open the first."""
        self.choose(0)

    def action_last(self) -> None:
        """Open the last."""
        self.choose(len(self._heads) - 1)

    def on_click(self, event: events.Click) -> None:
        """A click opens."""
        index = round(self.scroll_y) + event.y
        if 0 <= index < len(self._owners):
            self.choose(self._owners[index])

    def on_resize(self) -> None:
        """Make them for the new size."""
        super().on_resize()
        self.draw()
