"""The filter line; it filters while it is typed.

It lies over the line of keys, draws its whole line itself, with what is wrong with the filter or
its own keys at the end, and the line of keys when it is closed: nothing is laid out anew when it
opens or closes, and for no letter and no fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import Reactive
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widgets import Input

from pleg_tui.ui.content.bars import key_line
from pleg_tui.ui.content.completing import completed
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.text import cut, width_of
from pleg_tui.ui.widgets.key_bar import KeyBar
from pleg_tui.ui.widgets.own_lines import OwnLines
from pleg_tui.ui.widgets.painting import Painter

if TYPE_CHECKING:
    from pleg_tui.ui.screens.filter_pane import FilterPane

_PROMPT: Line = (Part(" / ", "accent"),)
_MOST_FAULT = 0.7
"""How much of the line a fault may take from the text."""
_KEYS = (
    ("filter.keep", "enter", "keep"),
    ("filter.complete", "tab", "complete"),
    ("filter.give-up", "esc", "clear"),
)
"""Ids, usual keys, and what they do: also the names of the actions."""


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
        Binding("escape", "clear", "clear", id="filter.give-up"),
    ]

    virtual_size = Reactive(Size(0, 0), layout=False)
    """How wide the text is, which lays nothing out: the line is as wide as there is room."""

    def __init__(self, keys: KeyBar) -> None:
        super().__init__(
            placeholder="text  ~regex  !not  ns:kube-system  state:oom,error  -l app=web",
            select_on_focus=False,
            suggester=Completer(self),
            id="filter-input",
        )
        self.cursor_blink = False
        self.can_focus = False
        self._keys = keys
        self._fault = ""
        self._spots: Sequence[tuple[int, int, int]] = ()
        self._styles_cache = OwnLines()
        self._painter = Painter(self)

    @property
    def pane(self) -> FilterPane:
        """The screen that it filters."""
        return cast("FilterPane", self.screen)

    @property
    def is_open(self) -> bool:
        """It may be typed in."""
        return self.can_focus

    def be_open(self, is_open: bool) -> None:
        """Show it, or the line of keys."""
        self.can_focus = is_open
        self.refresh()

    # -- drawing

    def on_mount(self) -> None:
        """From now on the line of keys is seen through this."""
        self._keys.cover = self

    def blame(self, fault: str) -> None:
        """Say what is wrong with what was typed, or nothing."""
        if fault != self._fault:
            self._fault = fault
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The prompt, the text, and at the end what is wrong with it, or the keys."""
        if not self.is_open:
            return self._keys.render_line(y)
        width = self.outer_size.width
        prompt = self._painter.strip(_PROMPT, width_of(_PROMPT[0].text))
        text = super().render_line(y)
        room = width - prompt.cell_length
        end = self._painter.strip(*self._end(room, width))
        room -= end.cell_length
        # A fault may hide where the text ends, but never where it is typed.
        hidden = max(self._cursor_offset - round(self.scroll_x) - room, 0)
        text = text.crop(hidden, hidden + room).adjust_cell_length(room, self.rich_style)
        return Strip.join([prompt, text, end])

    def _end(self, room: int, width: int) -> tuple[Line, int]:
        """What stands at the end of the line, and how many cells that takes."""
        self._spots = ()
        free = max(room - width_of(self._suggestion or self.value or self.placeholder) - 2, 0)
        tui = self.pane.tui
        if self._fault:
            most = max(free, int(room * _MOST_FAULT))
            text = f"  {cut(self._fault, most - 3, tui.glyphs.cut)} "
            return (Part(text, "warn"),), width_of(text)
        keys = tuple((tui.key_name(id_, usual), says) for id_, usual, says in _KEYS)
        needed = sum(width_of(key) + width_of(says) + 3 for key, says in keys)
        if needed > free:
            return (), 0
        line, spots = key_line(keys, needed)
        self._spots = [(width - needed + start, width - needed + end, n) for start, end, n in spots]
        return line, needed

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._painter.clear()

    async def _on_mouse_down(self, event: events.MouseDown) -> None:
        if self.is_open:
            await super()._on_mouse_down(event)

    async def on_click(self, event: events.Click) -> None:
        """A click on a key presses it."""
        if not self.is_open:
            self._keys.on_click(event)
            return
        for start, end, index in self._spots:
            if start <= event.x < end:
                await self.run_action(_KEYS[index][2])

    # -- what the keys do

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

    def action_clear(self) -> None:
        """Go back to the whole list."""
        self.pane.filter_by("")
        self.pane.close_filter()
