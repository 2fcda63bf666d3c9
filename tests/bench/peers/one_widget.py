"""The least that Textual can be: one widget, one screen."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class OneWidget(App[None]):
    """Shows a line."""

    def compose(self) -> ComposeResult:
        """The one widget."""
        yield Static("ready-to-be-seen")


OneWidget().run()
