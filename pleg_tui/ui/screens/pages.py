"""Pages of text over the Live screen: details, help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType

from pleg_tui.feed.types import Delta
from pleg_tui.model import Container, Pod
from pleg_tui.ui.content.details import container_sections, pod_sections, section_lines
from pleg_tui.ui.content.first_help import filter_lines, health_lines, what_died
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.usage import help_lines, usage_pairs, uses
from pleg_tui.ui.screens.page import LookUp, Page
from pleg_tui.ui.usages import Watched
from pleg_tui.ui.widgets.text_pane import TextPane


class DetailsScreen(LookUp):
    """Everything about one container or pod, in sections."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "raw", "raw", id="page.raw",
                tooltip="The runtime's own answer about it, as JSON"),
        Binding("v", "values", "values", id="page.values",
                tooltip="Show or hide the values of environment variables: they may be secrets"),
        Binding("c", "copy('name')", "copy name", show=False, id="list.copy-name",
                tooltip="Copy its name through the terminal"),
        Binding("C", "copy('id')", "copy id", id="list.copy-id",
                tooltip="Copy its full id through the terminal"),
    ]  # fmt: skip

    def __init__(self, pod: Pod, container: Container | None) -> None:
        super().__init__("Container" if container is not None else "Pod", pod, container)
        self._values = False

    def body(self) -> ComposeResult:
        """The sections."""
        yield TextPane(id="text")

    def draw(self) -> None:
        """Show the sections."""
        now = self.tui.now()
        if self._container is not None:
            sections = container_sections(
                self._container, self._pod, self._answer, now, values=self._values
            )
        else:
            sections = pod_sections(self._pod, self._answer, now, values=self._values)
        if uses(self._pod, self._container):
            usages = self.tui.usages
            key = self._container.id if self._container is not None else self._pod.uid
            pairs = usage_pairs(usages.samples.get(key), usages.why, self.tui.glyphs)
            place = next(i for i, (title, _) in enumerate(sections) if title == "Ids")
            sections.insert(place, ("Usage", [pair for pair in pairs if pair[1][0]]))
        self.query_one(TextPane).show(section_lines(sections, self._note))

    def watched(self) -> Watched:
        """This pod, often."""
        return Watched(frozenset((self._pod.uid,)))

    def usage_read(self) -> None:
        """Show what was read."""
        self.draw()

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
        from pleg_tui.ui.screens.raw import RawScreen

        self.app.push_screen(RawScreen(self._pod, self._container))

    def action_values(self) -> None:
        """Show or hide the values of environment variables."""
        self._values = not self._values
        if self._values:
            self.say("values may be secrets; v hides them", "warn")
        self.draw()
        where = " Annotations" if self._container is None else " Environment"
        self.query_one(TextPane).go_to(where)

    def action_copy(self, what: str) -> None:
        """Copy the name or the id."""
        pod, container = self._pod, self._container
        if what == "name":
            self.tui.copy(container.name if container else f"{pod.namespace}/{pod.name}")
        elif container is not None:
            self.tui.copy(container.id)
        else:
            self.tui.copy(pod.sandbox.id if pod.sandbox is not None else pod.uid)


_GROUPS = {
    "look": "Looking closer",
    "view": "What is shown",
    "list": "The list",
    "events": "The events",
    "move": "Moving",
    "time": "The timeline",
    "log": "The log",
    "tree": "The tree",
    "find": "Finding",
    "page": "This page",
    "compare": "The experiment",
    "mode": "The modes",
    "app": "The program",
}


class HelpScreen(Page):
    """Every key in force, made from the bindings themselves."""

    def __init__(self, bindings: Sequence[ActiveBinding]) -> None:
        super().__init__("what each does here", "Keys")
        self._active = bindings

    def body(self) -> ComposeResult:
        """The list of them."""
        yield TextPane(id="text")

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
        if "view.filter" in keys:
            lines += what_died(self.tui.key_name)[1:]
        for group, title in _GROUPS.items():
            members = [name for name in keys if name.startswith(group + ".")]
            if not members:
                continue
            lines += [(), (Part(f" {title}", "section"),)]
            for name in members:
                shown = "  ".join(dict.fromkeys(keys[name]))
                lines.append((Part(f"   {shown:<18}", "key"), Part(says[name])))
        if "view.filter" in keys:
            lines += [*filter_lines(), *health_lines()]
        lines += help_lines(self.tui.usages.readable, self.tui.usages.why)
        self.query_one(TextPane).show(lines)
