"""A pane whose lines are made for its width, and made again when either changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.widgets.text_pane import TextPane


class SheetPane(TextPane):
    """Shows what a function makes of its size; the place in the text stays."""

    def __init__(
        self,
        make: Callable[[int, int], Sequence[Line]],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self._make = make

    def draw(self) -> None:
        """Make the lines again; only those that look different are painted."""
        width, height = self.window
        if width > 0:
            self.show(self._make(width, height))

    def on_resize(self) -> None:
        """Make them for the new size."""
        self.draw()
