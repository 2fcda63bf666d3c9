"""The filter line; it filters while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import Reactive
from textual.suggester import Suggester
from textual.widgets import Input

from pleg_tui.ui.content.completing import completed

if TYPE_CHECKING:
    from pleg_tui.ui.screens.filter_pane import FilterPane


class Completer(Suggester):
    """Completes namespaces and states."""

    def __init__(self, field: FilterInput) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._field = field

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last word completed."""
        return completed(value, self._field.pane.namespaces)


class FilterInput(Input):
    """Enter keeps the filter, escape gives it up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "keep", "keep", id="filter.keep"),
        Binding("tab", "complete", "complete", id="filter.complete"),
        Binding("escape", "give_up", "clear", id="filter.give-up"),
    ]

    virtual_size = Reactive(Size(0, 0), layout=False)
    """How wide the text is, which lays nothing out: the line is as wide as there is room."""

    def __init__(self) -> None:
        super().__init__(
            placeholder="text  ~regex  !not  ns:kube-system  state:oom,error  -l app=web",
            select_on_focus=False,
            suggester=Completer(self),
            id="filter-input",
        )
        self.cursor_blink = False

    @property
    def pane(self) -> FilterPane:
        """The screen that it filters."""
        return cast("FilterPane", self.screen)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.pane.filter_by(event.value)

    def action_keep(self) -> None:
        """Go back to the list, filtered; what is no filter is to be mended first."""
        self.pane.filter_by(self.value)  # what was just typed may not have been told yet
        if not self.pane.fault:
            self.pane.close_filter()

    def action_complete(self) -> None:
        """Take the completion that is shown; go back to the list where there is none."""
        if self._suggestion and self._suggestion != self.value:
            self.action_end()
            self.action_cursor_right()
        else:
            self.action_keep()

    def action_give_up(self) -> None:
        """Go back to the whole list."""
        self.pane.filter_by("")
        self.pane.close_filter()
