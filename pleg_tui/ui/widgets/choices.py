"""A few things to be chosen, a line each: up and down between them, left and right for another."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.widgets.line_list import LineList


class ChoiceList(LineList):
    """Tells of what is turned; what it looks like is made elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h,minus", "turn(-1)", "less", show=False, id="compare.less",
                tooltip="Less of what is under the cursor"),
        Binding("right,l,plus", "turn(1)", "more", show=False, id="compare.more",
                tooltip="More of what is under the cursor"),
    ]  # fmt: skip

    class Turned(Message):
        """Another value was asked for."""

        def __init__(self, index: int, step: int) -> None:
            super().__init__()
            self.index = index
            self.step = step

    def __init__(
        self,
        make: Callable[[int, bool], Line],
        count: int,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self._make = make
        self._number = count

    def on_mount(self) -> None:
        """The lines are there."""
        self.count = self._number

    def line(self, index: int) -> Line:
        """One choice."""
        return self._make(index, index == self.cursor)

    def action_turn(self, step: int) -> None:
        """Ask for the next value, or the one before."""
        self.post_message(self.Turned(self.cursor, step))
