"""What the Live screen does about its filter line: of the list, or of the events."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from pleg_tui.ui.content.filters import NO_FILTER, Filter, FilterError, parse
from pleg_tui.ui.content.order import View
from pleg_tui.ui.screens.events_pane import EventsPane


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
        self.fault = ""
        """What is wrong with what is being typed, in one sentence; the last good filter stays."""

    def look(self, view: View) -> None:
        """Look at the list in another way."""
        raise NotImplementedError

    def filter_line(self) -> ComposeResult:
        """The line, empty until it is asked for."""
        yield Horizontal(id="filter")

    async def action_filter(self) -> None:
        """Open the filter line."""
        from pleg_tui.ui.widgets.filter_input import FilterInput

        box = self.query_one("#filter", Horizontal)
        if not box.children:
            await box.mount(
                Static(" /", id="filter-prompt", markup=False),
                FilterInput(),
                Static("", id="filter-fault", markup=False),
            )
        box.add_class("-shown")
        field = self.query_one(FilterInput)
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
        if fault == self.fault:
            return  # to say nothing again would have the whole screen laid out
        self.fault = fault
        text = fault.replace("…", self.tui.glyphs.cut)
        self.query_one("#filter-fault", Static).update(f"{text} " if text else "")

    def close_filter(self) -> None:
        """Put the filter line away; the filter stays."""
        self.query_one("#filter").remove_class("-shown")
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
    def namespaces(self) -> set[str]:
        """Those that there are, to be completed."""
        return {pod.namespace for pod in self.tui.feed.pods.values()}
