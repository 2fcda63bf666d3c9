"""A shell in a container: the command is shown, may be changed, and then has the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from pleg_tui.model import Container, ContainerState, Pod
from pleg_tui.ui.content.exec_command import (
    CommandError,
    as_text,
    as_words,
    shell_command,
)
from pleg_tui.ui.content.text import tidy
from pleg_tui.ui.foreground import Outcome, run_in_foreground
from pleg_tui.ui.screens.base import PlegModal

if TYPE_CHECKING:
    from pleg_tui.ui.app import PlegTui

SAYS = "crictl runs it, as you. Enter runs the command, escape leaves it."
MISSING = (
    "crictl is not installed where this program looks (PATH, /usr/local/bin, /opt/bin): "
    "run this elsewhere on the node, or name another program here."
)


class CommandScreen(PlegModal[str | None]):
    """Shows a command to be changed or run; returns it, or None when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Leave", id="command.leave"),
        Binding("ctrl+y", "copy", "Copy", id="command.copy"),
    ]

    def __init__(self, title: str, command: str, says: str) -> None:
        super().__init__()
        self._title = title
        self._command = command
        self._says = says

    def compose(self) -> ComposeResult:
        """Build the box."""
        box = Vertical(id="command-box")
        box.border_title = self._title.replace("[", "(").replace("]", ")")
        with box:
            field = Input(self._command, select_on_focus=False, id="command-input")
            field.cursor_blink = False
            yield field
            yield Static("", id="command-whole", markup=False)
            yield Static(f"{self._says}  ctrl+y copies it.", markup=False)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._show_whole()

    def on_resize(self) -> None:
        """Another width."""
        self.call_after_refresh(self._show_whole)

    def _show_whole(self) -> None:
        """A command that is longer than its line is shown whole below it."""
        field = self.query_one("#command-input", Input)
        whole = self.query_one("#command-whole", Static)
        long = len(field.value) >= field.size.width > 0
        whole.display = long
        whole.update(tidy(field.value) if long else "")

    @on(Input.Submitted)
    def _run(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)

    def action_copy(self) -> None:
        """Copy the command, to be run elsewhere."""
        from typing import cast

        text = self.query_one("#command-input", Input).value
        cast("PlegTui", self.app).copy(text, "the command")


def open_shell(tui: PlegTui, pod: Pod, container: Container) -> None:
    """Ask for the command and run it; where that cannot be, say why."""
    runtime = tui.health.runtime
    if tui.options.demo or (runtime is not None and runtime.simulated):
        tui.say("no shell: the runtime is simulated", "warn")
        return
    if container.state is not ContainerState.RUNNING:
        state = container.state.name.lower()
        tui.say(f"no shell: {container.name} does not run (it is {state})", "warn")
        return
    endpoint = runtime.endpoint if runtime is not None else tui.options.endpoint
    words, found = shell_command(container.id, endpoint, tui.options.root)

    def answered(text: str | None) -> None:
        if text is None:
            return
        try:
            chosen = as_words(text)
        except CommandError as error:
            tui.say(str(error), "warn")
            return
        name = f"{pod.namespace}/{pod.name}/{container.name}"
        tui.run_worker(_run(tui, chosen, name), exclusive=False, exit_on_error=True)

    title = f"Shell in {pod.name}/{container.name}"
    screen = CommandScreen(title, as_text(words), SAYS if found else MISSING)
    tui.push_screen(screen, answered)


async def _run(tui: PlegTui, words: list[str], name: str) -> None:
    title = f"pleg-tui: {name}: {as_text(words)}"
    outcome: Outcome = await run_in_foreground(tui, words, title)
    if outcome.why:
        tui.say(outcome.why, "warn")
    elif outcome.code:
        tui.say(f"{words[0]} ended with exit code {outcome.code}", "warn")
    else:
        tui.say("back from the shell")
