"""What came in while the screen was held still, in bounded room."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from pleg_tui.feed.types import Delta, Notice
from pleg_tui.model import LifecycleEvent
from pleg_tui.ui.content.event_log import MOST


class Backlog:
    """Which pods to draw again, and the newest of the events that the list has missed.

    However long the screen is held: what the list would not keep is only counted.

    Args:
        listed: the keys of the pods that are in the list.
        most: entries kept.
    """

    def __init__(self, listed: Iterable[str], most: int = MOST) -> None:
        self.touched: set[str] = set()
        """Keys of pods that are to be looked at again."""
        self.entries: deque[LifecycleEvent | Notice] = deque(maxlen=most)
        self.changes = 0
        """Changes since then, as the status line counts them."""
        self.dropped = 0
        """Lifecycle events that are not among the entries any more."""
        self._listed = frozenset(listed)

    def add(self, delta: Delta, entries: Iterable[LifecycleEvent | Notice]) -> None:
        """Keep what changed, and these entries of it."""
        self.touched |= delta.changed | delta.removed
        # A pod that came and went in between is nothing to the list.
        self.touched -= delta.removed - self._listed
        self.changes += len(delta.transitions) or len(delta.events)
        for entry in entries:
            if len(self.entries) == self.entries.maxlen:
                self.dropped += isinstance(self.entries[0], LifecycleEvent)
            self.entries.append(entry)
