"""A small menu over the screen: choose one, or escape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.screens.base import PlegModal
from pleg_tui.ui.widgets.line_list import LineList


class Menu(LineList):
    """The choices, with a number before each."""

    class Clicked(Message):
        """A choice was clicked."""

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        self._labels = labels

    def line(self, index: int) -> Line:
        """One choice."""
        return Part(f" {index + 1} ", "key"), Part(self._labels[index])

    def on_click(self, event: events.Click) -> None:  # noqa: ARG002
        """A click chooses; the cursor is put there first."""
        self.call_later(self.post_message, self.Clicked())


class MenuScreen(PlegModal[str | None]):
    """Returns the value that was chosen; None when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "choose", "Choose", id="menu.choose"),
        Binding("escape,q", "dismiss", "Back", id="menu.back"),
    ]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], current: str) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._current = current

    def compose(self) -> ComposeResult:
        """Build the menu."""
        box = Vertical(id="menu-box")
        box.border_title = self._title
        with box:
            yield Menu([label for _, label in self._choices])

    def on_mount(self) -> None:
        """Begin at what is chosen now."""
        menu = self.query_one(Menu)
        menu.count = len(self._choices)
        menu.styles.height = len(self._choices)
        values = [value for value, _ in self._choices]
        menu.move_to(values.index(self._current) if self._current in values else 0)
        menu.focus()

    @on(Menu.Clicked)
    def action_choose(self) -> None:
        """Take the choice under the cursor."""
        self.dismiss(self._choices[self.query_one(Menu).cursor][0])

    def on_key(self, event: events.Key) -> None:
        """A number takes that choice."""
        character = event.character
        if character and character.isdecimal() and 1 <= int(character) <= len(self._choices):
            event.stop()  # the screen below has numbers of its own
            self.dismiss(self._choices[int(character) - 1][0])
