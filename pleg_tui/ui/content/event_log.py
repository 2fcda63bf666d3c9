"""The events that are kept, those of them that are shown, and what relists would have seen."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pleg_tui.feed.types import Notice
from pleg_tui.model import LifecycleEvent
from pleg_tui.pleg.relist_model import Verdict

MOST = 5000
"""Events and notices kept."""
SLACK = 500
"""They are dropped in lots, so that this costs nothing per event."""

_VERDICTS = 3 * MOST
"""Kept for the newest events: those in the list, and those that wait to be shown."""

Entry = LifecycleEvent | Notice


class Seen(NamedTuple):
    """What the modelled relists made of an event."""

    after_ms: float | None
    """How much later they would have seen it; None for never."""


class Added(NamedTuple):
    """What an addition did to what is shown."""

    shown: int
    """Entries that came at the end."""
    dropped: int
    """Entries that went at the beginning."""


class EventLog:
    """Entries in, those that are shown out, in the order in which they came."""

    def __init__(self) -> None:
        self.shown: Sequence[Entry] = ()
        self.total = 0
        """Lifecycle events that came in all."""
        self.skipped = 0
        """Those of them that were never kept: more came at once than are."""
        self._entries: list[Entry] = []
        self._shown: list[Entry] = []
        self._passes: Callable[[Entry], bool] | None = None
        self._seen: dict[int, Seen] = {}
        self._count_shown()

    def add(self, entries: Iterable[Entry], skipped: int = 0) -> Added:
        """Put entries at the end; so many lifecycle events came before them and were not kept."""
        new = list(entries)
        self.total += skipped
        self.skipped += skipped
        self._entries += new
        self.total += sum(isinstance(entry, LifecycleEvent) for entry in new)
        passes = self._passes
        shown = new if passes is None else [entry for entry in new if passes(entry)]
        if passes is not None:
            self._shown += shown
        return Added(len(shown), self._drop())

    def look(self, passes: Callable[[Entry], bool] | None) -> None:
        """Show these alone; None for all."""
        self._passes = passes
        self._shown = [] if passes is None else [e for e in self._entries if passes(e)]
        self._count_shown()

    def learn(self, verdicts: Iterable[Verdict]) -> None:
        """Take in what the relists made of events."""
        for verdict in verdicts:
            seen = Seen(verdict.after_ms if verdict.seen else None)
            self._seen.update(dict.fromkeys(verdict.seqs, seen))
        over = len(self._seen) - _VERDICTS
        if over > SLACK:
            for seq in [*itertools.islice(self._seen, over)]:
                del self._seen[seq]

    def seen(self, seq: int) -> Seen | None:
        """What the relists made of this event; None when that is not known, or makes no sense."""
        return self._seen.get(seq)

    def place(self, entry: Entry) -> int:
        """Where an entry stands among those that are shown, or would stand."""
        at = _known_at(entry)
        for index, shown in enumerate(self.shown):
            if shown is entry or _known_at(shown) > at:
                return index
        return len(self.shown) - 1

    def _count_shown(self) -> None:
        self.shown = self._entries if self._passes is None else self._shown

    def _drop(self) -> int:
        over = len(self._entries) - MOST
        if over <= SLACK:
            return 0
        gone = self._entries[:over]
        del self._entries[:over]
        passes = self._passes
        if passes is None:
            return over
        # The same entries in the same order: those that were shown stand first in both.
        left = set(map(id, gone))
        dropped = 0
        while dropped < len(self._shown) and id(self._shown[dropped]) in left:
            dropped += 1
        del self._shown[:dropped]
        return dropped


def _known_at(entry: Entry) -> int:
    return entry.at if isinstance(entry, Notice) else entry.received_at
