"""Lines of text to read and scroll: details, raw answers, help."""

from __future__ import annotations

from collections.abc import Sequence

from pleg_tui.ui.content.lines import Line, wrap
from pleg_tui.ui.widgets.line_list import LineList


class TextPane(LineList):
    """Shows lines, folded to its width; the keys that move a cursor elsewhere scroll here."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._source: Sequence[Line] = ()
        self._lines: list[Line] = []

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines instead; the place in the text stays."""
        self._source = lines
        self._fold()

    def _fold(self) -> None:
        width = self.window.width
        self._lines = [part for line in self._source for part in wrap(line, width)]
        self.count = len(self._lines)
        self.repaint()

    def go_to(self, text: str) -> None:
        """Scroll to the first line that begins with this, unless it is in sight."""
        top, height = round(self.scroll_y), self.window.height
        for index, line in enumerate(self._lines):
            if line and line[0].text.startswith(text):
                if not top <= index < top + height - 3:
                    self.move_to(index)
                return

    def on_resize(self) -> None:
        """Fold to the new width."""
        self._fold()

    def line(self, index: int) -> Line:
        """One line of the window."""
        return self._lines[index]

    def mode(self, index: int) -> str:  # noqa: ARG002 - there is no cursor
        """There is no cursor."""
        return ""

    def move_to(self, index: int) -> None:
        """Scroll so that this line is the first."""
        self.cursor = max(0, min(index, self.max_scroll_y))
        self.scroll_to(y=self.cursor, animate=False)

    def show_cursor(self) -> None:
        """There is none to show."""

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The wheel scrolls as well."""
        super().watch_scroll_y(old_value, new_value)
        self.cursor = round(new_value)
