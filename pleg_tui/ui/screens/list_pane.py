"""What the Live screen does about how its list of pods is looked at: order, columns, toggles."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace
from textual.binding import Binding, BindingType

from pleg_tui.ui.content.columns import layout_for
from pleg_tui.ui.content.order import BY_USAGE, SortBy, View
from pleg_tui.ui.screens.usage_pane import UsagePane

SCROLL_BAR = 1
"""Cells that a list's scroll bar takes."""


class ListPane(UsagePane):
    """A screen with a list of pods that can be looked at in several ways."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort", id="view.sort", tooltip="Choose what the pods are sorted by"),
        Binding("o", "columns", "columns", id="view.columns",
                tooltip="Choose the columns and their order"),
        Binding("r", "reverse", "reverse", id="view.reverse", tooltip="Turn the order round"),
        Binding("a", "running_only", "all", id="view.running",
                tooltip="Show everything, or only what runs"),
        Binding("exclamation_mark", "unhealthy_only", "unhealthy", id="view.unhealthy",
                tooltip="Show only what is unhealthy or was restarted within 10 minutes"),
    ]  # fmt: skip

    def look(self, view: View) -> None:
        """Look at the list in another way."""
        raise NotImplementedError

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.look(replace(self.view, reverse=not self.view.reverse))

    def action_running_only(self) -> None:
        """Show all, or only what runs."""
        self.look(replace(self.view, running_only=not self.view.running_only))

    def action_unhealthy_only(self) -> None:
        """Show all, or only what is unhealthy or was lately."""
        self.look(replace(self.view, unhealthy_only=not self.view.unhealthy_only))

    def action_sort(self) -> None:
        """Ask what to sort by."""
        from pleg_tui.ui.screens.menu import MenuScreen

        def chosen(name: str | None) -> None:
            if name is not None:
                self.sort_by(SortBy(name))

        choices = [(sort.value, sort.value) for sort in SortBy
                   if self.view.measured or sort not in BY_USAGE]  # fmt: skip
        self.app.push_screen(MenuScreen("Sort by", choices, self.view.sort.value), chosen)

    def action_columns(self) -> None:
        """Ask which columns to show; the list follows at once."""
        from pleg_tui.ui.screens.columns import choose_columns

        def show(columns: tuple[str, ...] | None) -> None:
            self.look(replace(self.view, columns=columns))

        choose_columns(self.tui, self.view.columns, self.pods.window.width, show)

    def sort_by(self, sort: SortBy) -> None:
        """Sort by this; the same again turns the order round."""
        reverse = not self.view.reverse if sort is self.view.sort else False
        self.look(replace(self.view, sort=sort, reverse=reverse))

    def sort_at(self, x: int) -> None:
        """Sort by the column that stands in cell x."""
        column = layout_for(self.size.width - SCROLL_BAR, self.view).column_at(x)
        if column is not None and column.sort is not None:
            self.sort_by(column.sort)
