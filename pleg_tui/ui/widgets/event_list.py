"""The list of lifecycle events, newest at the bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from pleg_tui.feed.types import Notice
from pleg_tui.ui.content.event_log import Entry, EventLog
from pleg_tui.ui.content.events import event_line, notice_line
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.widgets.line_list import LineList


class EventList(LineList):
    """Follows the newest event while the cursor is on the last line, else stays where it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "jump", "to the pod", show=False, id="events.jump",
                tooltip="Go to the pod or container in the list; say what is known if it is gone"),
    ]  # fmt: skip

    class Changed(Message):
        """How far back it is scrolled has changed."""

    class Jumped(Message):
        """The admin wants to go to what the event under the cursor is about."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._glyphs = glyphs
        self.kept = EventLog()
        self.following = True
        self.unseen = 0
        """Entries that came since it was scrolled back."""
        self.modelled = False
        """A narrow list shows what a relist would have seen in the place of the lag."""

    def add(self, entries: Iterable[Entry], skipped: int = 0) -> None:
        """Put entries at the end; so many events that came before them were not kept."""
        added, dropped = self.kept.add(entries, skipped)
        if not added and not dropped:
            return
        if self.following:
            self._to_end()
            return
        self.unseen += added
        top = max(round(self.scroll_y) - dropped, 0)
        self.cursor = max(self.cursor - dropped, 0)
        self.count = len(self.kept.shown)
        if dropped:
            self.scroll_to(y=top, animate=False)
        self.repaint()

    def look(self, passes: Callable[[Entry], bool] | None) -> None:
        """Show these entries alone; a reader stays at the entry, or at the next that is shown."""
        reader = None if self.following else self.entry
        self.kept.look(passes)
        self.unseen = 0
        if reader is None:
            self._to_end()
            return
        # The cursor first: a shorter list that is scrolled to its end must not take it along.
        self.cursor = max(self.kept.place(reader), 0)
        self.count = len(self.kept.shown)
        self.move_to(self.cursor)
        self.moved()

    def show_modelled(self, modelled: bool) -> None:
        """Show what a relist would have seen in the place of the lag, where one has room."""
        self.modelled = modelled
        self.repaint()

    def follow(self) -> None:
        """Go back to the newest."""
        self.action_last()

    @property
    def entry(self) -> Entry | None:
        """The entry under the cursor."""
        shown = self.kept.shown
        return shown[self.cursor] if self.cursor < len(shown) else None

    def line(self, index: int) -> Line:
        """The line of one entry."""
        entry = self.kept.shown[index]
        width = self.window.width
        if isinstance(entry, Notice):
            return notice_line(entry, width, self._glyphs)
        seen = self.kept.seen(entry.seq)
        return event_line(entry, width, self._glyphs, seen, modelled=self.modelled)

    def mode(self, index: int) -> str:
        """The cursor is only shown where the keys go."""
        return super().mode(index) if self.has_focus else ""

    def moved(self) -> None:
        """The admin moved: at the last line it follows again."""
        self._set_following(self.cursor >= self.count - 1)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolled, perhaps by the wheel: that too leaves the end, and comes back to it."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) >= self.max_scroll_y:
            if new_value > old_value or self.cursor >= self.count - 1:
                self.cursor = max(self.count - 1, 0)
                self._set_following(True)
        elif new_value < old_value:
            self._set_following(False)

    def on_resize(self) -> None:
        """Another size: the newest stays in sight if it was."""
        if self.following and self.count:
            self.move_to(self.count - 1)

    def action_jump(self) -> None:
        """Go to what the event is about."""
        self.post_message(self.Jumped())

    def on_click(self, event: events.Click) -> None:
        """Two clicks jump; one puts the cursor there."""
        if event.chain == 2:
            self.post_message(self.Jumped())

    def _to_end(self) -> None:
        self.count = len(self.kept.shown)
        self.move_to(self.count - 1)

    def _set_following(self, following: bool) -> None:
        if following:
            self.unseen = 0
        if following != self.following:
            self.following = following
            self.post_message(self.Changed())
