"""What the Live screen does about CPU and memory."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace
from textual.binding import Binding, BindingType

from pleg_tui.ui.content.order import BY_USAGE, SortBy, View
from pleg_tui.ui.screens.base import PlegScreen
from pleg_tui.ui.usages import Watched
from pleg_tui.ui.widgets.pod_list import PodList


class UsagePane(PlegScreen):
    """A screen whose list of pods shows what they use."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("P", "sort_by_usage('cpu')", "by CPU", show=False, id="view.sort-cpu",
                tooltip="Sort by CPU, the most first"),
        Binding("M", "sort_by_usage('memory')", "by memory", show=False, id="view.sort-memory",
                tooltip="Sort by memory, the most first"),
    ]  # fmt: skip

    pods: PodList

    @property
    def view(self) -> View:
        """How the list is looked at."""
        return self.pods.model.view

    @property
    def held(self) -> bool:
        """The screen is held still."""
        raise NotImplementedError

    def sort_by(self, sort: SortBy) -> None:
        """Sort by this; the same again turns the order round."""
        raise NotImplementedError

    def watched(self) -> Watched | None:
        """The pods that can be seen, often; the others now and then; nobody's while held still.

        Where the list has no room for figures, one pod is read until it is known that there are
        any, and then none.
        """
        if self.held:
            return None
        if self.pods.has_room_for_usage:
            seen = self.pods.seen if self.view.measured else frozenset()
            return Watched(seen, others=True, ordered=self.view.sort in BY_USAGE)
        row = self.pods.row
        if row is None or self.tui.usages.readable:
            return None
        return Watched(frozenset((row.key.pod,)))

    def usage_read(self) -> None:
        """Show what was read, unless the screen is held still; what is new, at once."""
        if self.held:
            return
        usages = self.tui.usages
        if usages.readable and not self.view.measured:
            self.pods.look(replace(self.view, measured=True))
        self.pods.show_usage(usages.samples, at_once=usages.news)

    def action_sort_by_usage(self, name: str) -> None:
        """Sort by CPU or memory; where that is unknown, say why."""
        if self.tui.usages.readable:
            self.sort_by(SortBy(name))
            self.tui.read_usage(self)  # a narrow list has not had any read before
        else:
            self.say(f"CPU and memory are unknown here: {self.tui.usages.why}", "warn")
