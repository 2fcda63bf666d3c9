"""The menu of columns: which are shown, and in which order; the list behind follows at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from pleg_tui.ui.content.columns import KINDS, layout, usual
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.memory import MemoryFault
from pleg_tui.ui.screens.base import PlegModal
from pleg_tui.ui.widgets.key_bar import KeyBar
from pleg_tui.ui.widgets.line_list import LineList

if TYPE_CHECKING:
    from pleg_tui.ui.app import PlegTui

Chosen = tuple[str, ...] | None
_TITLES = {kind.name: kind.title for kind in KINDS}
_WIDEST = max(map(len, _TITLES.values()))
_SAYS = {kind.name: kind.says for kind in KINDS}


def choose_columns(
    tui: PlegTui, chosen: Chosen, width: int, changed: Callable[[Chosen], None]
) -> None:
    """Open the menu over what is on the screen.

    Args:
        tui: the app.
        chosen: what is chosen now.
        width: of the list, in cells.
        changed: is told of every change, so that the list can follow.
    """

    def done(columns: Chosen) -> None:
        if columns != chosen:
            tui.run_worker(_remember(tui, columns))

    tui.push_screen(ColumnsScreen(chosen, width, tui.usages.readable, changed), done)


async def _remember(tui: PlegTui, columns: Chosen) -> None:
    """Have the choice remembered; where that does not work, say so once."""
    memory = tui.options.memory
    if memory is None:
        if tui.options.columns is not None:
            tui.say("For now only: the settings file names the columns", "dim")
        return
    try:
        # In a thread, because the disk of a node in distress may take its time.
        await asyncio.to_thread(memory.keep, columns)
    except MemoryFault as fault:
        if not memory.told:
            memory.told = True
            tui.say(f"The columns are not remembered: {memory.path}: {fault}", "warn")


class ColumnMenu(LineList):
    """Every column: those that are shown in their order, then the others."""

    def __init__(self, chosen: Chosen, width: int, measured: bool) -> None:
        super().__init__(id="columns")
        self._width = width
        self._usage_shown = measured
        self.put(chosen)

    def put(self, chosen: Chosen) -> None:
        """Show this choice."""
        names = usual(self._width, self._usage_shown) if chosen is None else chosen
        self.shown = [name for name in dict.fromkeys(names) if name in _TITLES]
        self.names = self.shown + [name for name in _TITLES if name not in self.shown]
        self._there = {
            column.name for column in layout(self._width, chosen, self._usage_shown).columns
        }
        self.count = len(self.names)

    def line(self, index: int) -> Line:
        """One column."""
        name = self.names[index]
        shown = name in self.shown
        says = _SAYS[name] if not shown or name in self._there else "no room for it now"
        return (
            Part(f" [{'x' if shown else ' '}] ", "key"),
            Part(f"{_TITLES[name]:<{_WIDEST}}  ", "strong" if shown else "dim"),
            Part(says, "dim"),
        )

    def on_click(self, event: events.Click) -> None:
        """A click shows or hides; the cursor is put there first."""
        if event.y < self.count:
            self.call_later(self.run_action, "screen.show_or_hide")


class ColumnsScreen(PlegModal[Chosen]):
    """Returns what was chosen at last; tells of every change meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,x", "show_or_hide", "show, hide", id="columns.toggle",
                tooltip="Show the column, or hide it"),
        Binding("K,shift+up", "shift(-1)", "left", id="columns.left",
                tooltip="Put the column further to the left"),
        Binding("J,shift+down", "shift(1)", "right", id="columns.right",
                tooltip="Put the column further to the right"),
        Binding("u", "usual", "usual", id="columns.usual",
                tooltip="The columns that suit the width, as if none were chosen"),
        Binding("enter,escape,q,o", "done", "done", id="columns.done",
                tooltip="Go back to the list"),
    ]  # fmt: skip

    def __init__(
        self, chosen: Chosen, width: int, measured: bool, changed: Callable[[Chosen], None]
    ) -> None:
        super().__init__()
        self._usage_shown = measured
        self._chosen = chosen
        self._width = width
        self._changed = changed

    def compose(self) -> ComposeResult:
        """Build the menu."""
        box = Vertical(id="columns-box")
        box.border_title = "Columns"
        with box:
            yield ColumnMenu(self._chosen, self._width, self._usage_shown)
            yield KeyBar(("columns.toggle", "columns.left", "columns.right", "columns.usual",
                          "columns.done"))  # fmt: skip

    def on_mount(self) -> None:
        """Every column has a line."""
        self.menu = self.query_one(ColumnMenu)
        self.menu.styles.height = self.menu.count
        self.menu.focus()

    def action_show_or_hide(self) -> None:
        """Show or hide the column under the cursor."""
        name = self.menu.names[self.menu.cursor]
        shown = self.menu.shown
        self._take(tuple(n for n in shown if n != name) if name in shown else (*shown, name), name)

    def action_shift(self, step: int) -> None:
        """Move the column under the cursor; only what is shown has a place."""
        shown = list(self.menu.shown)
        index = self.menu.cursor
        if index < len(shown) and 0 <= index + step < len(shown):
            name = shown.pop(index)
            shown.insert(index + step, name)
            self._take(tuple(shown), name)

    def action_usual(self) -> None:
        """Choose none."""
        self._take(None, "")

    def action_done(self) -> None:
        """Leave it as it is now."""
        self.dismiss(self._chosen)

    def _take(self, chosen: Chosen, name: str) -> None:
        self._chosen = chosen
        self.menu.put(chosen)
        self.menu.move_to(self.menu.names.index(name) if name else 0)
        self._changed(chosen)
