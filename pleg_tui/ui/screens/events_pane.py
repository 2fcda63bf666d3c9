"""What the Live screen does about its pane of events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import ClassVar

from msgspec.structs import replace
from textual import on
from textual.binding import Binding, BindingType

from pleg_tui.feed.types import Delta, Notice
from pleg_tui.model import Container, LifecycleEvent, Pod
from pleg_tui.pleg.relist_model import RelistModel
from pleg_tui.ui.content.event_title import PaneFacts, events_title, held_note
from pleg_tui.ui.content.event_view import EventView, Only
from pleg_tui.ui.content.events import WIDE
from pleg_tui.ui.content.filters import Filter
from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.content.model import RowKey
from pleg_tui.ui.content.order import View
from pleg_tui.ui.content.pulse import Pulse, PulseMeter
from pleg_tui.ui.content.subject import subject
from pleg_tui.ui.screens.looking import LookingScreen, Target
from pleg_tui.ui.widgets.event_list import EventList
from pleg_tui.ui.widgets.pod_list import PodList

_PODS_KEPT = 1000
"""Pods that are gone or not, of which the labels and containers are kept for their events."""


class EventsPane(LookingScreen):
    """A screen with a list of events beside a list of pods."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("E", "own_events", "events", show=False, id="view.events",
                tooltip="Show events by the list's filter, or by their own (/ while they have the "
                        "focus)"),
        Binding("v", "only_events", "its events", show=False, id="view.events-of",
                tooltip="Show only the events of what is under the cursor, or all again"),
        Binding("m", "modelled", "relist", show=False, id="view.relist",
                tooltip="Show what a relist every second would have seen (modelled), or the lag"),
    ]  # fmt: skip

    pods: PodList
    events: EventList

    def __init__(self) -> None:
        super().__init__()
        self._event_view = EventView()
        self._pulses = PulseMeter()
        self._pulse: Pulse | None = None
        self._relists: RelistModel | None = None
        self._judged = False
        """Relists had their say, and it is not shown yet."""
        self._known: OrderedDict[str, Pod] = OrderedDict()

    @property
    def view(self) -> View:
        """How the list is looked at."""
        return self.pods.model.view

    # -- what comes in

    def count_events(self, delta: Delta, now: int) -> None:
        """Take in events for what is derived of them; also while the screen is held still."""
        if self._relists is None:
            self._relists = RelistModel(now)
        if not delta.events:
            return
        self._pulses.add(delta.events, now)
        for event in delta.events:
            self._relists.add(event)
            self._know(event.pod_uid)
        self._judge(now)

    def _judge(self, now: int) -> None:
        if self._relists is not None and (verdicts := self._relists.advance(now)):
            self.events.kept.learn(verdicts)
            self._judged = True

    def add_entries(
        self, entries: Iterable[LifecycleEvent | Notice], now: int, skipped: int = 0
    ) -> None:
        """Show what came in; so many events before that are not kept."""
        self.events.add(entries, skipped)
        if note := held_note(skipped):
            self.say(note, "warn")
        self.events_second(now)

    def events_second(self, now: int) -> None:
        """Time has passed: the sparklines move, relists have their say (wall time, ns)."""
        self._pulse = self._pulses.pulse(now)
        self._judge(now)
        if self._judged:
            self._judged = False
            self.events.repaint()

    def _know(self, uid: str) -> None:
        """Keep what is known of a pod: filters look at its labels when it is long gone."""
        pod = self.tui.feed.pods.get(uid) or self.pods.model.pod(uid)
        if pod is not None:
            self._known[uid] = pod
            self._known.move_to_end(uid)
            if len(self._known) > _PODS_KEPT:
                self._known.popitem(last=False)

    # -- what is shown

    def events_title_line(self, width: int) -> Line:
        """The title of the pane."""
        pane = self.events
        facts = PaneFacts(
            total=pane.kept.total,
            shown=pane.count,
            skipped=pane.kept.skipped,
            unseen=pane.unseen,
            focused=pane.has_focus,
            following=pane.following,
            view=self._event_view,
            listed=self.view.filter,
            pulse=self._pulse,
            modelled=pane.modelled,
        )
        return events_title(facts, width, self.tui.glyphs)

    def look_at_events(self, view: EventView | None = None) -> None:
        """Look at the events in another way, or again because the list's filter is another."""
        if view is not None:
            self._event_view = view
        view, listed = self._event_view, self.view.filter
        passes = view.passes(listed, self._known.get, self.tui.now)
        shown = passes if view.hides(listed) else None
        self.events.look(shown)

    @property
    def filter_here(self) -> Filter:
        """What the filter line begins with: the events' own filter while they have the focus."""
        return self._event_view.own if self.events.has_focus else self.view.filter

    @property
    def own_filter(self) -> Filter:
        """The events' own filter."""
        return self._event_view.own

    def filter_events(self, filter_: Filter) -> None:
        """Give the events a filter of their own."""
        self.look_at_events(replace(self._event_view, follows=False, own=filter_))

    def clear_events_view(self) -> bool:
        """Undo the nearest choice of events; False when there was none."""
        view = self._event_view
        if view.only is not None:
            self.look_at_events(replace(view, only=None))
        elif not view.follows:
            self.look_at_events(EventView())
        else:
            return False
        return True

    # -- what the keys do

    def action_own_events(self) -> None:
        """Let the list's filter count for the events, or not."""
        view = self._event_view
        self.look_at_events(replace(view, follows=not view.follows))
        if view.follows:
            own = view.own.text
            self.say(f"events by a filter of their own: {own}" if own else
                     "all events, whatever the list's filter")  # fmt: skip
        else:
            self.say("events by the list's filter")

    def action_only_events(self) -> None:
        """Only the events of what is under the cursor, or of everything."""
        target = self._chosen()
        only = None
        if target is not None:
            pod, container = target
            name = f"{pod.namespace}/{pod.name}"
            only = Only(pod.uid, container.name, f"{name}/{container.name}") if container else (
                Only(pod.uid, "", name))  # fmt: skip
        if only == self._event_view.only:
            only = None
        self.look_at_events(replace(self._event_view, only=only))
        self.say(f"only the events of {only.title}" if only else "events of everything")

    def _chosen(self) -> Target | None:
        if not self.events.has_focus:
            row = self.pods.row
            return None if row is None else (row.pod, row.container)
        entry = self.events.entry
        if not isinstance(entry, LifecycleEvent):
            return None
        return subject(entry, self._known.get(entry.pod_uid))

    def action_modelled(self) -> None:
        """On a narrow screen: what a relist would have seen in the place of the lag."""
        if self.events.window.width >= WIDE:
            self.say("both are shown: the lag, and relist 1s (modelled)")
            return
        self.events.show_modelled(not self.events.modelled)
        self.say("relist 1s (modelled): when a relist would have seen it"
                 if self.events.modelled else "lag: from happening to being received"
        )  # fmt: skip

    @on(EventList.Jumped)
    def _jump(self) -> None:
        """Go to what the event is about in the list, or say what is known of it."""
        entry = self.events.entry
        if not isinstance(entry, LifecycleEvent):
            return
        if entry.pod_uid not in self.tui.feed.pods:
            self.show_gone(entry)
            return
        target = self.event_target()
        if target is None:
            return
        pod, container = target
        if self.pods.go(RowKey(pod.uid, container.id if container else "")):
            self.pods.focus()
        elif self.pods.go(RowKey(pod.uid)):
            self.pods.focus()
            self.say("That container is not shown; this is its pod", "warn")
        else:
            self.say("That pod is hidden: what is shown leaves it out", "warn")

    def show_gone(self, event: LifecycleEvent) -> None:
        """Show what is known of something that is gone."""
        from pleg_tui.ui.screens.pages import DetailsScreen

        page = DetailsScreen(*subject(event, self._known.get(event.pod_uid)))
        self.app.push_screen(page)
        page.say("gone; this is what was last known", "warn")

    def event_target(self) -> tuple[Pod, Container | None] | None:
        """What the event under the cursor is about, if it still exists."""
        entry = self.events.entry
        if not isinstance(entry, LifecycleEvent):
            return None
        pod = self.tui.feed.pods.get(entry.pod_uid)
        if pod is None:
            self.say("That pod is gone; only its events are left", "warn")
            return None
        container = next((c for c in pod.containers if c.id == entry.container_id), None)
        if container is None and entry.container:
            self.say("That container is gone; this is its pod", "warn")
        return pod, container


def in_order(delta: Delta) -> list[LifecycleEvent | Notice]:
    """Events and notices of a delta by the time at which they became known here."""
    entries: list[LifecycleEvent | Notice] = [*delta.events, *delta.notices]
    if delta.notices and delta.events:
        entries.sort(key=lambda e: e.at if isinstance(e, Notice) else e.received_at)
    return entries
