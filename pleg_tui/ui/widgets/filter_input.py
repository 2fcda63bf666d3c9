"""The filter line; it filters while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

if TYPE_CHECKING:
    from pleg_tui.ui.screens.live import Live


class FilterInput(Input):
    """Enter keeps the filter, escape gives it up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,tab,down", "keep", "keep", id="filter.keep"),
        Binding("escape", "give_up", "clear", id="filter.give-up"),
    ]

    def __init__(self) -> None:
        super().__init__(
            placeholder="text   !not   ns:kube-system   -l app=web",
            select_on_focus=False,
            id="filter-input",
        )
        self.cursor_blink = False

    @property
    def _live(self) -> Live:
        return cast("Live", self.screen)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._live.filter_by(event.value)

    def action_keep(self) -> None:
        """Go back to the list, filtered."""
        self._live.close_filter()

    def action_give_up(self) -> None:
        """Go back to the whole list."""
        self._live.filter_by("")
        self._live.close_filter()
