"""A line at the bottom of a page that asks for a text: what to find, which command to run."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class _Field(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "take", id="filter.take"),
        Binding("escape", "screen.leave_prompt", "leave", id="filter.leave"),
    ]


class Prompt(Horizontal):
    """Shown while it asks; tells what is typed, and what was taken in the end."""

    class Typed(Message):
        """The text is another one now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Taken(Message):
        """Enter was pressed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def compose(self) -> ComposeResult:
        """Build the line."""
        yield Static("", id="prompt-label", markup=False)
        field = _Field(select_on_focus=False, id="prompt-input")
        field.cursor_blink = False
        # Hidden, it must not be what Tab goes to.
        field.disabled = True
        yield field

    @property
    def asking(self) -> bool:
        """It is shown."""
        return self.has_class("-shown")

    def ask(self, label: str, text: str = "") -> None:
        """Ask."""
        self.add_class("-shown")
        shown = self.query_one("#prompt-label", Static)
        shown.update(label)
        shown.styles.width = len(label)
        field = self.query_one(_Field)
        field.disabled = False
        with field.prevent(Input.Changed):
            field.value = text
        field.cursor_position = len(text)
        field.focus()

    def close(self) -> None:
        """Ask no more."""
        self.remove_class("-shown")
        self.query_one(_Field).disabled = True

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.asking:
            self.post_message(self.Typed(event.value))

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        event.stop()
        if self.asking:
            self.post_message(self.Taken(event.value))
