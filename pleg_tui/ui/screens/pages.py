"""Pages of text over the Live screen: details, the raw answer, help."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType

from pleg_tui.feed.types import AskError, Delta
from pleg_tui.model import Container, Pod
from pleg_tui.ui.content.bars import Message
from pleg_tui.ui.content.details import (
    container_sections,
    json_lines,
    pod_sections,
    section_lines,
)
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line
from pleg_tui.ui.content.text import tidy
from pleg_tui.ui.screens.base import PlegScreen
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.key_bar import KeyBar
from pleg_tui.ui.widgets.text_pane import TextPane

FOOTER = ("page.back", "page.again", "page.copy", "page.raw", "app.help", "app.quit")


class Page(PlegScreen):
    """A title, text to scroll, the keys."""

    AUTO_FOCUS = "#text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,left", "dismiss", "back", id="page.back"),
    ]

    def __init__(self, title: str, kind: str) -> None:
        super().__init__()
        self._title = title
        self._kind = kind
        self._message: Message | None = None

    def compose(self) -> ComposeResult:
        """Build the page."""
        yield Bar(self._title_line, classes="page-title")
        yield TextPane(id="text")
        yield KeyBar(FOOTER, id="keys")

    def _title_line(self, width: int) -> Line:
        left = [
            Item((Part(self._kind, "title-focus"),)),
            Item((Part(tidy(self._title), "strong"),), 1),
        ]
        right = [Item((Part(self._message.text, self._message.style),))] if self._message else []
        return bar_line(left, right, width)

    def say(self, text: str, style: str = "accent") -> None:
        """Say something in the title line."""
        self._message = Message(tidy(text), style)
        self.query_one(Bar).check()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines."""
        self.query_one(TextPane).show(lines)


class LookUp(Page):
    """A page about one container or pod, which the runtime is asked about."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,f5", "again", "ask again", id="page.again"),
    ]

    def __init__(self, kind: str, pod: Pod, container: Container | None) -> None:
        name = f"{pod.namespace}/{pod.name}"
        super().__init__(f"{name}/{container.name}" if container is not None else name, kind)
        self._pod = pod
        self._container = container
        self._answer: dict[str, Any] | None = None
        self._note: tuple[str, str] | None = None

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


class DetailsScreen(LookUp):
    """Everything about one container or pod, in sections."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "raw", "raw", id="page.raw"),
        Binding("c", "copy", "copy id", id="page.copy"),
    ]

    def __init__(self, pod: Pod, container: Container | None) -> None:
        super().__init__("Container" if container is not None else "Pod", pod, container)

    def draw(self) -> None:
        """Show the sections."""
        now = self.tui.now()
        if self._container is not None:
            sections = container_sections(self._container, self._pod, self._answer, now)
        else:
            sections = pod_sections(self._pod, self._answer, now)
        self.show(section_lines(sections, self._note))

    def apply(self, delta: Delta) -> None:
        """Follow the pod as it changes; what is gone stays as it was last known."""
        if self._pod.uid not in delta.changed | delta.removed:
            return
        pod = self.tui.feed.pods.get(self._pod.uid)
        before = self._container
        if pod is not None:
            self._pod = pod
            if before is not None:
                found = (c for c in pod.containers if c.id == before.id)
                self._container = next(found, before)
        gone = pod is None or (
            before is not None and all(c.id != before.id for c in pod.containers)
        )
        if gone:
            self.say("gone; this is what was last known", "warn")
        elif (
            self._container is not None
            and before is not None
            and (self._container.state is not before.state)
        ):
            self.action_again()
        self.draw()

    def action_raw(self) -> None:
        """Show the raw answer."""
        self.app.push_screen(RawScreen(self._pod, self._container))

    def action_copy(self) -> None:
        """Copy the id."""
        sandbox = self._pod.sandbox
        if self._container is not None:
            self.tui.copy(self._container.id)
        else:
            self.tui.copy(sandbox.id if sandbox is not None else self._pod.uid)


class RawScreen(LookUp):
    """The runtime's own answer, verbose, as JSON."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "copy all", id="page.copy"),
    ]

    def __init__(self, pod: Pod, container: Container | None) -> None:
        super().__init__("Raw answer", pod, container)

    def draw(self) -> None:
        """Show the answer."""
        lines: list[Line] = []
        if self._note is not None:
            lines += [(Part(" "), Part(tidy(self._note[0]), self._note[1])), ()]
        if self._answer is not None:
            lines += json_lines(self._answer)
        self.show(lines)

    def action_copy(self) -> None:
        """Copy the whole answer."""
        if self._answer is not None:
            self.tui.copy(json.dumps(self._answer, indent=2, ensure_ascii=False), "the answer")


_GROUPS = {
    "move": "Moving",
    "list": "The list",
    "view": "What is shown",
    "look": "Looking closer",
    "app": "The program",
}


class HelpScreen(Page):
    """Every key in force, made from the bindings themselves."""

    def __init__(self, bindings: Sequence[ActiveBinding]) -> None:
        super().__init__("what each does here", "Keys")
        self._active = bindings

    def on_mount(self) -> None:
        """Show them, by group."""
        keys: dict[str, list[str]] = {}
        says: dict[str, str] = {}
        for active in self._active:
            binding = active.binding
            if binding.id and binding.id.partition(".")[0] in _GROUPS:
                keys.setdefault(binding.id, []).append(self.app.get_key_display(binding))
                says[binding.id] = binding.tooltip or binding.description
        lines: list[Line] = []
        for group, title in _GROUPS.items():
            members = [name for name in keys if name.startswith(group + ".")]
            if not members:
                continue
            lines += [(), (Part(f" {title}", "section"),)]
            for name in members:
                shown = "  ".join(dict.fromkeys(keys[name]))
                lines.append((Part(f"   {shown:<18}", "key"), Part(says[name])))
        self.show(lines)
