"""What the pages over the Live screen have in common: a title, a body, the keys, a search."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from pleg_tui.feed.types import AskError
from pleg_tui.model import Container, Pod
from pleg_tui.ui.content.bars import Message
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line
from pleg_tui.ui.content.text import count, cut_middle, tidy
from pleg_tui.ui.content.text import width_of as cells
from pleg_tui.ui.screens.base import PlegScreen
from pleg_tui.ui.screens.looking import LookingScreen, Target
from pleg_tui.ui.themes import screens_file
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.key_bar import KeyBar
from pleg_tui.ui.widgets.prompt import Prompt

MESSAGE_S = 8.0


class Page(PlegScreen):
    """A title, a body that has the id "text" and the focus, the keys."""

    AUTO_FOCUS = "#text"
    CSS_PATH = screens_file()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,left", "back", "back", id="page.back", tooltip="Go back"),
    ]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "page.back", "app.help", "page.again", "list.copy-id", "tree.copy", "page.raw",
        "page.values", "look.logs", "look.processes", "look.shell", "app.quit",
    )  # fmt: skip
    """Ids of the bindings that are shown at the bottom, in this order."""

    def __init__(self, title: str, kind: str) -> None:
        super().__init__()
        self._title = title
        self._kind = kind
        self._message: tuple[Message, float] | None = None

    def compose(self) -> ComposeResult:
        """Build the page."""
        yield Bar(self._title_line, id="page-title", classes="page-title")
        yield from self.body()
        yield KeyBar(self.FOOTER, id="keys")

    def body(self) -> ComposeResult:
        """What is between the title and the keys."""
        raise NotImplementedError

    def facts(self) -> list[Item]:
        """What the right end of the title says."""
        return []

    def _title_line(self, width: int) -> Line:
        if self._message is not None:
            message = self._message[0]
            if cells(message.text) > width // 2:  # it has the line to itself
                text = cut_middle(message.text, width - 2, self.tui.glyphs.cut)
                return bar_line([Item((Part(text, message.style),))], [], width)
            right = [Item((Part(message.text, message.style),))]
        else:
            right = self.facts()
        taken = sum(cells(text) for item in right for text, _ in item.parts) + 2 * len(right)
        room = max(width - taken - cells(self._kind) - 6, 12)
        left = [
            Item((Part(self._kind, "title-focus"),)),
            Item((Part(cut_middle(tidy(self._title), room, self.tui.glyphs.cut), "strong"),)),
        ]
        return bar_line(left, right, width)

    def check_bars(self) -> None:
        """Draw the bars again that say something else now."""
        for bar in self.query(Bar):
            bar.check()

    def say(self, text: str, style: str = "accent") -> None:
        """Say something in the title line for a while."""
        self._message = Message.of(text, style), self.tui.monotonic() + MESSAGE_S
        if self.is_mounted:
            self.check_bars()

    def second(self, usage: Any) -> None:  # noqa: ARG002 - no page shows this program's cost
        """What was said long enough ago goes."""
        if self._message is not None and self.tui.monotonic() >= self._message[1]:
            self._message = None
        self.check_bars()

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()

    def action_help(self) -> None:
        """Show all keys."""
        from pleg_tui.ui.screens.pages import HelpScreen

        self.app.push_screen(HelpScreen(list(self.active_bindings.values())))


class SearchPage(Page):
    """A page that can be searched: `/`, then `n` and `N`; escape ends the search first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "find", id="find.open", tooltip="Find a text"),
        Binding("n", "step(1)", "next", show=False, id="find.next", tooltip="The next match"),
        Binding("N", "step(-1)", "before", show=False, id="find.before",
                tooltip="The match before"),
        Binding("question_mark,f1", "help", "help", id="app.help", tooltip="All keys"),
    ]  # fmt: skip

    def compose(self) -> ComposeResult:
        """Build the page, with the search line above the keys."""
        parts = list(super().compose())
        yield from parts[:-1]
        yield Prompt(id="prompt")
        yield parts[-1]

    def seek(self, text: str, *, typing: bool) -> None:
        """Search for this text; nothing is sought when it is empty.

        Args:
            text: what to find.
            typing: it is still being typed.
        """
        raise NotImplementedError

    def step(self, step: int) -> None:
        """Go to the next match (1) or the one before (-1)."""
        raise NotImplementedError

    @property
    def sought(self) -> str:
        """What is searched for now."""
        raise NotImplementedError

    @property
    def main(self) -> Widget:
        """The body that is searched."""
        return self.query_one("#text")

    def action_find(self) -> None:
        """Ask what to find."""
        self.query_one(Prompt).ask(" / ")

    def action_step(self, step: int) -> None:
        """Go on to another match."""
        if self.sought:
            self.step(step)
            self.check_bars()
        else:
            self.action_find()

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        event.stop()
        self.typed(event.text)

    @on(Prompt.Taken)
    def _taken(self, event: Prompt.Taken) -> None:
        event.stop()
        self.close_prompt()
        self.taken(event.text)
        self.check_bars()

    def typed(self, text: str) -> None:
        """The text in the line is another one."""
        self.seek(text, typing=True)
        self.check_bars()

    def taken(self, text: str) -> None:
        """The text in the line was taken."""
        self.seek(text, typing=False)

    def action_leave_prompt(self) -> None:
        """Escape in the search line: search for nothing."""
        self.close_prompt()
        self.seek("", typing=False)
        self.check_bars()

    def close_prompt(self) -> None:
        """Put the line away."""
        self.query_one(Prompt).close()
        self.main.focus()

    def action_back(self) -> None:
        """End the search, or go back."""
        if self.sought:
            self.seek("", typing=False)
            self.check_bars()
        else:
            self.dismiss()


def found_item(matches: list[int], here: int | None, sought: str) -> Item:
    """How many matches there are, and which of them is under the cursor."""
    if not matches:
        return Item((Part(f"nothing found for {tidy(sought)[:24]}", "warn"),))
    if here in matches:
        text = f"match {matches.index(here) + 1:,} of {len(matches):,}"
    else:
        text = count(len(matches), "match", "matches")
    return Item((Part(text, "accent"),))


class LookUp(Page, LookingScreen):
    """A page about one container or pod, which the runtime is asked about."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,f5", "again", "ask again", id="page.again", tooltip="Ask the runtime again"),
        Binding("question_mark,f1", "help", "help", id="app.help", tooltip="All keys"),
    ]

    def __init__(self, kind: str, pod: Pod, container: Container | None) -> None:
        name = f"{pod.namespace}/{pod.name}"
        super().__init__(f"{name}/{container.name}" if container is not None else name, kind)
        self._pod = pod
        self._container = container
        self._answer: dict[str, Any] | None = None
        self._note: tuple[str, str] | None = None

    def target(self) -> Target:
        """What this page is about."""
        return self._pod, self._container

    def on_mount(self) -> None:
        """Show what is known, and ask for the rest."""
        self.draw()
        self.action_again()

    def action_again(self) -> None:
        """Ask the runtime."""
        self._note = ("Asking the runtime …", "dim")
        self.draw()
        self.run_worker(self._ask(), exclusive=True, exit_on_error=True)

    async def _ask(self) -> None:
        sandbox = self._pod.sandbox
        try:
            if self._container is not None:
                answer = await self.tui.feed.ask("container", self._container.id, verbose=True)
            elif sandbox is not None:
                answer = await self.tui.feed.ask("sandbox", sandbox.id, verbose=True)
            else:
                raise AskError("the pod's sandbox is not known, so it cannot be looked up")
        except AskError as error:
            self._note = (f"Only what is known here is shown: {error}.", "warn")
        else:
            self._answer = answer
            self._note = None
        self.draw()

    def draw(self) -> None:
        """Show what is known now."""
        raise NotImplementedError
