"""The list of lifecycle events, newest at the bottom."""

from __future__ import annotations

from collections.abc import Iterable

from textual.message import Message

from pleg_tui.feed.types import Notice
from pleg_tui.model import LifecycleEvent
from pleg_tui.ui.content.events import event_line, notice_line
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.widgets.line_list import LineList

MOST = 5000
"""Events and notices kept."""
_SLACK = 500
"""They are dropped in lots, so that this costs nothing per event."""

Entry = LifecycleEvent | Notice


class EventList(LineList):
    """Follows the newest event while the cursor is on the last line, else stays where it is."""

    class Changed(Message):
        """How far back it is scrolled has changed."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._glyphs = glyphs
        self._entries: list[Entry] = []
        self.following = True
        self.unseen = 0
        """Entries that came since it was scrolled back."""
        self.total = 0
        """Lifecycle events that came in all."""

    def add(self, entries: Iterable[Entry]) -> None:
        """Put entries at the end."""
        before = len(self._entries)
        self._entries.extend(entries)
        added = len(self._entries) - before
        self.total += sum(isinstance(e, LifecycleEvent) for e in self._entries[before:])
        if not added:
            return
        dropped = 0
        if len(self._entries) > MOST + _SLACK:
            dropped = len(self._entries) - MOST
            del self._entries[:dropped]
        if self.following:
            self.count = len(self._entries)
            self.move_to(self.count - 1)
        else:
            self.unseen += added
            top = max(round(self.scroll_y) - dropped, 0)
            self.cursor = max(self.cursor - dropped, 0)
            self.count = len(self._entries)
            if dropped:
                self.scroll_to(y=top, animate=False)
            self.repaint()

    def follow(self) -> None:
        """Go back to the newest."""
        self.action_last()

    @property
    def entry(self) -> Entry | None:
        """The entry under the cursor."""
        return self._entries[self.cursor] if self.cursor < len(self._entries) else None

    def line(self, index: int) -> Line:
        """The line of one entry."""
        entry = self._entries[index]
        draw = notice_line if isinstance(entry, Notice) else event_line
        return draw(entry, self.window.width, self._glyphs)  # type: ignore[arg-type]

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

    def _set_following(self, following: bool) -> None:
        if following:
            self.unseen = 0
        if following != self.following:
            self.following = following
            self.post_message(self.Changed())
