"""The Live screen: every pod and container of the node, and what happens to them."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from pleg_tui.feed.types import Delta, Health, Phase
from pleg_tui.model import Container, LifecycleEvent, Pod
from pleg_tui.ui.content.backlog import Backlog
from pleg_tui.ui.content.bars import (
    Message,
    StatusFacts,
    Usage,
    banner_text,
    pods_title,
    status_line,
)
from pleg_tui.ui.content.columns import layout_for
from pleg_tui.ui.content.empty import empty_lines
from pleg_tui.ui.content.filters import NO_FILTER
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.order import SortBy, View
from pleg_tui.ui.content.pods import heading_line
from pleg_tui.ui.screens.events_pane import in_order
from pleg_tui.ui.screens.filter_pane import FilterPane
from pleg_tui.ui.screens.hint_pane import HintPane
from pleg_tui.ui.screens.list_pane import SCROLL_BAR, ListPane
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.event_list import EventList
from pleg_tui.ui.widgets.key_bar import KeyBar
from pleg_tui.ui.widgets.pod_list import PodList
from pleg_tui.ui.widgets.strip_pane import StripPane
from pleg_tui.ui.widgets.timeline import TALL, Timeline

MIN_WIDTH, MIN_HEIGHT = 60, 15
MESSAGE_S = 8.0
FIGURES = frozenset({"status", "pods-title", "events-title"})
"""Bars with figures that run on while much happens. Those are drawn once a second then, not with
each change: nobody reads them faster."""
SLOW_FIGURES = frozenset({"status", "events-title"})
"""Every other second is enough for these: sparklines with a cell for two seconds, what this program
costs, which is read as often, and counts of what the list shows at once."""
FOOTER = (
    "app.help",
    "time.earlier",
    "time.later",
    "time.in",
    "time.out",
    "time.back",
    "time.forth",
    "time.now",
    "view.filter",
    "look.details",
    "look.logs",
    "look.raw",
    "view.sort",
    "view.pause",
    "app.quit",
    "look.shell",
    "look.processes",
    "view.running",
    "view.unhealthy",
    "app.panes",
    "list.copy-name",
    "app.palette",
)


class Live(FilterPane, ListPane, HintPane):
    """Pods above, events below, the stream's health on top."""

    AUTO_FOCUS = "#pods"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,d", "details", "details", id="look.details",
                tooltip="Everything about the container or pod under the cursor"),
        Binding("y", "raw", "raw", id="look.raw",
                tooltip="The runtime's own answer about it, as JSON"),
        Binding("c", "copy('name')", "copy", id="list.copy-name",
                tooltip="Copy its name through the terminal"),
        Binding("C", "copy('id')", "copy id", id="list.copy-id",
                tooltip="Copy its full id through the terminal"),
        Binding("space,Z", "pause", "pause", id="view.pause",
                tooltip="Hold the screen still; nothing is lost meanwhile"),
        Binding("t", "timeline", "timeline", id="view.timeline",
                tooltip="Show or hide the strips of the pod under the cursor"),
        Binding("tab", "other_pane(1)", "panes", id="app.panes", tooltip="Go to the next pane"),
        Binding("shift+tab", "other_pane(-1)", "panes", show=False, id="app.panes-back",
                tooltip="Go to the pane before"),
        Binding("escape", "back", "Back", show=False, id="app.back",
                tooltip="Clear the filter; go back to the pods"),
        Binding("question_mark,f1", "help", "help", id="app.help", tooltip="All keys"),
        Binding("q", "app.quit", "quit", id="app.quit", tooltip="End the program"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._message: tuple[Message, float] | None = None
        self._usage = Usage()
        self._state: tuple[Health, Part | None] = (Health(), None)
        """The stream's state and the kubelet's mode as the bars have them, without what runs on."""
        self._ran_on: set[str | None] = set()
        """Bars that said something else when they were looked at last."""
        self._held: Backlog | None = None
        self._too_small: Static | None = None
        """Not there until the terminal is."""
        self._more = False
        """Pods are listed that are not shown yet."""

    @property
    def held(self) -> bool:
        """The screen is held still."""
        return self._held is not None

    # -- what is on it

    def compose(self) -> ComposeResult:
        """Build the screen."""
        self._suit_the_terminal()
        glyphs = self.tui.glyphs
        yield Bar(self._status_line, id="status")
        yield self.drift_bar()
        yield Static("", id="banner", markup=False)
        yield Bar(self._pods_title, id="pods-title")
        yield Bar(self._heading, clicked=self.sort_at, id="heading")
        yield PodList(glyphs, self.tui.monotonic, id="pods")
        yield Timeline(glyphs, id="timeline")
        yield Bar(self.events_title_line, id="events-title")
        yield EventList(glyphs, id="events")
        yield from self.hint()
        yield KeyBar(FOOTER, id="keys")

    def _suit_the_terminal(self) -> None:
        """Have the classes of the terminal's size before there are parts to be styled anew."""
        size = self.app.size
        for most, limits in (
            (size.width, self.app.HORIZONTAL_BREAKPOINTS or ()),
            (size.height, self.app.VERTICAL_BREAKPOINTS or ()),
        ):
            self.add_class(*[name for least, name in limits if least <= most][-1:], update=False)
        if size.height >= TALL:
            self.add_class("-timeline", update=False)

    def on_mount(self) -> None:
        """The parts are there: from now on the feed is drawn."""
        self.pods = self.query_one("#pods", PodList)
        self.events = self.query_one("#events", EventList)
        self.timeline = self.query_one("#timeline", Timeline)
        self.pods.strip = self.timeline.short_strip
        self.pods.chosen = self._cursor_moved
        self.timeline.suit(self.size.height)
        options = self.tui.options
        self.pods.model.set_view(View(sort=SortBy(options.sort), columns=options.columns))
        self._bars = tuple(self.query(Bar))
        self._banner = self.query_one("#banner", Static)
        self._banner_drawn = ("", "")
        self.open_hint()
        self._refresh_bars()
        self.tui.ready()

    def on_resize(self, event: events.Resize) -> None:
        """Too small a terminal is told what it takes."""
        width, height = event.size
        if self.is_mounted:
            self.timeline.suit(height)
        small = width < MIN_WIDTH or height < MIN_HEIGHT
        self.set_class(small, "-too-small")
        if small:
            need = f"pleg-tui needs {MIN_WIDTH}×{MIN_HEIGHT}\nthis terminal has {width}×{height}"
            if self._too_small is None:
                self._too_small = Static("", id="too-small", markup=False)
                self.mount(self._too_small)
            self._too_small.update(need.replace("×", "x") if self.tui.options.ascii else need)
        elif self._too_small is not None and self.focused is None:
            self.call_after_refresh(self.pods.focus)  # what was hidden had lost the keys

    def _status_line(self, width: int) -> Line:
        facts = StatusFacts(
            node=self.tui.options.node,
            health=self.tui.health,
            usage=self._usage,
            message=self._message[0] if self._message else None,
            paused=self._held.changes if self._held is not None else None,
            resume_key=self.tui.key_name("view.pause", "space"),
            modes=self.tui.mode_bar(),
            activity=self.tui.activity(),
            pleg=self.tui.pleg(),
        )
        return status_line(facts, width, self.tui.glyphs)

    def _pods_title(self, width: int) -> Line:
        model = self.pods.model
        focused = self.pods.has_focus
        return pods_title(
            model.totals,
            model.view,
            focused=focused,
            width=width,
            glyphs=self.tui.glyphs,
            listed=len(self.tui.feed.pods) if self._more else 0,
        )

    def _heading(self, width: int) -> Line:
        columns = layout_for(width - SCROLL_BAR, self.view)
        return heading_line(columns, self.tui.glyphs, self.view)

    def _refresh_bars(self, may_wait: frozenset[str] = frozenset()) -> None:
        """Draw the bars that say something else now.

        Args:
            may_wait: those in which nothing but figures is another; after a quiet time none does.
        """
        state = (replace(self.tui.health, events=0, lag_ms=None), self.tui.pleg())
        if state != self._state:
            self._state, may_wait = state, frozenset()
        for bar in self._bars:
            if bar.id in may_wait and bar.id in self._ran_on:
                continue
            if bar.check():
                self._ran_on.add(bar.id)
            else:
                self._ran_on.discard(bar.id)

    # -- what the feed says

    def apply(self, delta: Delta) -> None:
        """Draw what changed, or hold it back while paused."""
        listing = delta.more or self._more
        self._more = delta.more
        now = self.tui.now()
        self.timeline.feed(delta, self.tui.feed.pods, now)
        self.count_events(delta, now)
        if self._held is not None:
            self._held.add(delta, in_order(delta))
        else:
            self._draw(delta.changed | delta.removed, now)
            if delta.events or delta.notices:
                self.add_entries(in_order(delta), now)
        self.drop_slow_filters()
        self._refresh_health(now)
        self._refresh_bars(frozenset() if listing else FIGURES)

    def _draw(self, touched: frozenset[str] | set[str], now: int) -> None:
        if touched:
            self.pods.take(self.tui.feed.pods, touched, now)
        self.timeline.look(self.pods.row, now)

    def _refresh_health(self, now: int) -> None:
        tui = self.tui
        health = tui.health
        moment = self.tui.monotonic()
        text, style = banner = banner_text(health, moment, tui.glyphs)
        waiting = health.phase is not Phase.LIVE and not self.pods.model.totals.pods
        if waiting and style == "error":
            text, style = banner = "", ""  # the empty list says it all, in more words
        if banner != self._banner_drawn:
            self._banner_drawn = banner
            self._banner.set_class(bool(text), "-shown")
            self._banner.set_class(style == "error", "-error")
            if text:
                self._banner.update(text)
        lost = health.phase in (Phase.LOST, Phase.STOPPED)
        lost |= health.phase is Phase.CONNECTING and bool(self.pods.model.totals.pods)
        self.pods.set_stale(lost)
        self.pods.set_empty(
            empty_lines(
                health,
                self.pods.model.totals,
                self.pods.model.view,
                endpoint=tui.options.endpoint,
                since=tui.started_at,
                now=now,
                monotonic=moment,
                glyphs=tui.glyphs,
                key=tui.key_name,
            )
        )

    def second(self, usage: Usage | None) -> None:
        """A second has passed; `usage` is a new reading of what this program costs."""
        may_wait = SLOW_FIGURES
        if usage is not None:
            self._usage, may_wait = usage, frozenset()
        if self._message is not None and self.tui.monotonic() >= self._message[1]:
            self._message, may_wait = None, frozenset()
        self.hint_second()
        now = self.tui.now()
        if self._held is None:
            self.pods.tick(now)
            self.events_second(now)
            self.timeline.look(self.pods.row, now)
        self._refresh_health(now)
        self._refresh_bars(may_wait)

    def drift_changed(self) -> None:
        """The kubelet's mode stands in the status line."""
        self._refresh_bars(FIGURES)

    def say(self, text: str, style: str = "accent", seconds: float = MESSAGE_S) -> None:
        """Say something in the status line for a while."""
        self._message = (Message.of(text, style), self.tui.monotonic() + seconds)
        self._refresh_bars()

    # -- what the keys do

    def look(self, view: View) -> None:
        """Look at the list in another way."""
        refilter = view.filter != self.view.filter
        self.pods.look(view)
        if refilter:
            self.look_at_events()
        self._refresh_health(self.tui.now())
        self._refresh_bars()

    def action_pause(self) -> None:
        """Hold the screen still, or let it catch up."""
        if self._held is None:
            self._held = Backlog(self.tui.feed.pods)
        else:
            held, self._held = self._held, None
            now = self.tui.now()
            self._draw(held.touched, now)
            self.add_entries(held.entries, now, held.dropped)
            self._refresh_health(self.tui.now())
        self._refresh_bars()

    def action_other_pane(self, step: int) -> None:
        """Go to the next pane that is shown, or to the one before."""
        panes = [self.pods, self.timeline.pane, self.events]
        if not self.timeline.display:
            del panes[1]
        here = next((i for i, pane in enumerate(panes) if pane.has_focus), 0)
        panes[(here + step) % len(panes)].focus()
        self._refresh_bars()

    def action_timeline(self) -> None:
        """Show the strips, or put them away."""
        if self.timeline.pane.has_focus:
            self.pods.focus()
        self.timeline.toggle()
        self._cursor_moved()

    def _cursor_moved(self) -> None:
        self.timeline.look(self.pods.row, self.tui.now())

    def action_back(self) -> None:
        """Undo the nearest thing: the filter line, the pane, the filter."""
        if self.timeline.pane.has_focus:
            self.pods.focus()
            self.timeline.pane.action_now()
        elif self.events.has_focus:
            if not self.clear_events_view():
                self.pods.focus()
                self.events.follow()
        elif self.view.filter:
            self.look(replace(self.view, filter=NO_FILTER))
        else:
            self.clear_events_view()
        self._refresh_bars()

    def action_help(self) -> None:
        """Show all keys."""
        from pleg_tui.ui.screens.pages import HelpScreen

        self.app.push_screen(HelpScreen(list(self.active_bindings.values())))

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    @on(EventList.Changed)
    @on(StripPane.Changed)
    def _titles_changed(self) -> None:
        if self.is_mounted:
            self._refresh_bars()

    # -- one row's details

    @on(PodList.Opened)
    def action_details(self) -> None:
        """Show all about what is under the cursor."""
        entry = self.events.entry if self.events.has_focus else None
        if isinstance(entry, LifecycleEvent) and entry.pod_uid not in self.tui.feed.pods:
            self.show_gone(entry)
            return
        target = self.target()
        if target is not None:
            from pleg_tui.ui.screens.pages import DetailsScreen

            self.app.push_screen(DetailsScreen(*target))

    def action_raw(self) -> None:
        """Show the runtime's own answer about it."""
        target = self.target()
        if target is not None:
            from pleg_tui.ui.screens.raw import RawScreen

            self.app.push_screen(RawScreen(*target))

    def action_copy(self, what: str) -> None:
        """Copy the name or the id of what is under the cursor."""
        target = self.target()
        if target is None:
            return
        pod, container = target
        if what == "name":
            text = f"{pod.namespace}/{pod.name}" if container is None else container.name
        elif container is not None:
            text = container.id
        else:
            text = pod.sandbox.id if pod.sandbox is not None else pod.uid
        self.tui.copy(text)

    def choices(self, pod: Pod) -> list[Container]:
        """Of a pod that is filtered, those that pass: of `state:oom`, what was killed."""
        shown = self.pods.model.shown_of(pod.uid) if self.view.filter else []
        return shown or super().choices(pod)

    def target(self) -> tuple[Pod, Container | None] | None:
        """What is under the cursor of the pane that has the focus."""
        if self.events.has_focus:
            return self.event_target()
        row = self.pods.row
        if row is not None and self.timeline.pane.has_focus:
            return row.pod, self.timeline.container(row.pod)
        return None if row is None else (row.pod, row.container)
