"""What the Live screen does about its filter line: of the list, or of the events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.binding import Binding, BindingType

from pleg_tui.ui.content.filters import NO_FILTER, Filter, FilterError, parse
from pleg_tui.ui.content.order import View
from pleg_tui.ui.screens.events_pane import EventsPane
from pleg_tui.ui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from pleg_tui.ui.widgets.filter_input import FilterInput


class FilterPane(EventsPane):
    """A screen with a line in which its list of pods, or of events, is filtered."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="view.filter",
                tooltip="Show only what matches: text, ~regex, !not, ns:namespace, state:oom, "
                        "-l label=value"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._filters_events = False
        self._line: FilterInput | None = None
        """Not there until it is asked for."""
        self.fault = ""
        """What is wrong with what is being typed, in one sentence; the last good filter stays."""

    def look(self, view: View) -> None:
        """Look at the list in another way."""
        raise NotImplementedError

    async def action_filter(self) -> None:
        """Open the filter line, in the place of the keys' line: nothing is laid out anew."""
        if self._line is None:
            from pleg_tui.ui.widgets.filter_input import FilterInput

            self._line = FilterInput(self.query_one(KeyBar))
            await self.mount(self._line)
        field = self._line
        field.be_open(True)
        self._filters_events = self.events.has_focus
        field.value = self.filter_here.text
        self._blame("")
        field.focus()

    def filter_by(self, text: str) -> None:
        """Show only what this filter line lets through."""
        before = self.own_filter if self._filters_events else self.view.filter
        try:
            filter_ = parse(text)
        except FilterError as error:
            self._blame(str(error))
            return
        if filter_.text != before.text:
            self._use(filter_)
            if filter_.slow:
                self._use(before)
        self._blame(filter_.slow)

    def _use(self, filter_: Filter) -> None:
        if self._filters_events:
            self.filter_events(filter_)
        else:
            self.look(replace(self.view, filter=filter_))

    def _blame(self, fault: str) -> None:
        self.fault = fault
        if self._line is not None:
            self._line.blame(fault.replace("…", self.tui.glyphs.cut))

    def close_filter(self) -> None:
        """Put the filter line away; the filter stays."""
        if self._line is not None:
            self._line.be_open(False)
        (self.events if self._filters_events else self.pods).focus()

    def drop_slow_filters(self) -> None:
        """A name came on which an expression takes too long: say so, and show everything."""
        if slow := self.view.filter.slow:
            self.look(replace(self.view, filter=NO_FILTER))
            self.say(slow, "warn")
        elif slow := self.own_filter.slow:
            self.filter_events(NO_FILTER)
            self.say(slow, "warn")

    @property
    def namespaces(self) -> Iterator[str]:
        """Those of all pods, to be completed."""
        return (pod.namespace for pod in self.tui.feed.pods.values())
