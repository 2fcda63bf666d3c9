"""What the screens of the modes have in common: the status line, its messages, the keys."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pleg_tui.ui.content.bars import Message, StatusFacts, Usage, status_line
from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.screens.base import PlegScreen
from pleg_tui.ui.themes import screens_file
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.key_bar import KeyBar

MESSAGE_S = 8.0


class ModeScreen(PlegScreen):
    """The status line, a body, the keys."""

    CSS_PATH = screens_file()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "help", id="app.help", tooltip="All keys"),
        Binding("q", "app.quit", "quit", id="app.quit", tooltip="End the program"),
        Binding("escape", "back", "Back", show=False, id="app.back",
                tooltip="Go back to the pods"),
    ]  # fmt: skip
    FOOTER: ClassVar[tuple[str, ...]] = ("app.help", "app.quit")
    """Ids of the bindings that are shown at the bottom, in this order."""

    def __init__(self) -> None:
        super().__init__()
        self._message: tuple[Message, float] | None = None
        self._usage = Usage()

    def compose(self) -> ComposeResult:
        """Build the screen."""
        yield Bar(self._status_line, id="status")
        yield self.drift_bar()
        yield from self.body()
        yield KeyBar(self.FOOTER, id="keys")

    def body(self) -> ComposeResult:
        """What is between the status line and the keys."""
        raise NotImplementedError

    def _status_line(self, width: int) -> Line:
        facts = StatusFacts(
            node=self.tui.options.node,
            health=self.tui.health,
            usage=self._usage,
            message=self._message[0] if self._message else None,
            modes=self.tui.mode_bar(),
            activity=self.tui.activity(),
            pleg=self.tui.pleg(),
        )
        return status_line(facts, width, self.tui.glyphs)

    def check_bars(self) -> None:
        """Draw the bars again that say something else now."""
        if self.is_mounted:
            for bar in self.query(Bar):
                bar.check()

    def apply(self, delta: object) -> None:  # noqa: ARG002 - the status line shows all of it
        """The feed has changed."""
        self.check_bars()

    def drift_changed(self) -> None:
        """The kubelet's mode stands in the status line."""
        self.check_bars()

    def second(self, usage: Usage | None) -> None:
        """A second has passed; `usage` is a new reading of what this program costs."""
        if usage is not None:
            self._usage = usage
        if self._message is not None and self.tui.monotonic() >= self._message[1]:
            self._message = None
        self.check_bars()

    def say(self, text: str, style: str = "accent") -> None:
        """Say something in the status line for a while."""
        self._message = Message.of(text, style), self.tui.monotonic() + MESSAGE_S
        self.check_bars()

    async def action_back(self) -> None:
        """Go back to the pods."""
        await self.tui.action_mode("live")

    def action_help(self) -> None:
        """Show all keys."""
        from pleg_tui.ui.screens.pages import HelpScreen

        self.app.push_screen(HelpScreen(list(self.active_bindings.values())))
