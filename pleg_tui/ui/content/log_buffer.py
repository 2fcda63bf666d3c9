"""The lines of a log that are held: so many at most, found by a number that never changes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from pleg_tui.node.log_format import LogLine
from pleg_tui.ui.content.finding import pattern

Entry = LogLine | str
"""A line of the log, or a note about it, such as that a new file was begun."""

MOST = 20_000
"""Lines held while the newest are followed; twice as many while the admin reads further up."""
MOST_CHARACTERS = 32 << 20
"""Characters held of all lines together."""


class LogBuffer:
    """Lines from `first` on, in order; those whose ends have not come stand last."""

    def __init__(self, most: int = MOST, most_characters: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._most_characters = most_characters
        self._entries: list[Entry] = []
        self._pending: tuple[LogLine, ...] = ()
        self._characters = 0
        self.first = 0
        """The number of the first line; grows as lines are dropped, sinks as older ones come."""
        self.dropped = 0
        """Lines that were dropped from the front."""
        self.sought = ""
        self.matches: list[int] = []
        """Numbers of the lines that match, ascending."""

    def __len__(self) -> int:
        return len(self._entries) + len(self._pending)

    @property
    def end(self) -> int:
        """The number after the last line."""
        return self.first + len(self)

    def __getitem__(self, number: int) -> Entry:
        index = number - self.first
        if index < len(self._entries):
            return self._entries[index]
        return self._pending[index - len(self._entries)]

    @property
    def pending(self) -> int:
        """How many lines at the end may still change."""
        return len(self._pending)

    def entries(self) -> list[Entry]:
        """All of them."""
        return [*self._entries, *self._pending]

    def clear(self) -> None:
        """Hold nothing."""
        self._entries.clear()
        self._pending = ()
        self._characters = 0
        self.first = self.dropped = 0
        self.matches = []

    def add(self, entries: Sequence[Entry], pending: Sequence[LogLine], *, keep: bool) -> int:
        """Put lines at the end.

        Args:
            entries: new ones.
            pending: what replaces the lines whose ends had not come.
            keep: the admin reads further up: hold twice as much before dropping anything.

        Returns:
            How many were dropped from the front.
        """
        first_new = self.first + len(self._entries)
        self._entries += entries
        self._pending = tuple(pending)
        self._characters += sum(map(_size, entries))
        self._forget_from(first_new)
        found = pattern(self.sought)
        if found is not None:
            self.matches += [
                number
                for number in range(first_new, self.end)
                if found.search(text_of(self[number]))
            ]
        return self._trim(2 if keep else 1)

    def add_before(self, entries: Sequence[Entry]) -> int:
        """Put older lines before the first; returns how many were taken: the newest of them."""
        room = 2 * self._most - len(self._entries)
        taken = list(entries[-room:]) if room > 0 else []
        self._entries[:0] = taken
        self.first -= len(taken)
        self._characters += sum(map(_size, taken))
        found = pattern(self.sought)
        if found is not None:
            self.matches[:0] = [
                self.first + index
                for index, entry in enumerate(taken)
                if found.search(text_of(entry))
            ]
        return len(taken)

    def seek(self, text: str) -> None:
        """Find the lines that hold this text, now and from now on."""
        self.sought = text
        found = pattern(text)
        self.matches = []
        if found is not None:
            self.matches = [
                self.first + index
                for index, entry in enumerate(self.entries())
                if found.search(text_of(entry))
            ]

    def _forget_from(self, number: int) -> None:
        del self.matches[bisect_left(self.matches, number) :]

    def _trim(self, times: int) -> int:
        """Drop from the front what is too much, in lots, so that it costs nothing per line."""
        over = len(self._entries) - times * self._most
        if over <= self._most // 10:
            over = 0
        room = self._characters - times * self._most_characters
        for entry in self._entries[over:] if room > 0 else ():
            if room <= 0:
                break
            room -= _size(entry)
            over += 1
        over = min(over, len(self._entries) - 1)
        if over <= 0:
            return 0
        self._characters -= sum(map(_size, self._entries[:over]))
        del self._entries[:over]
        self.first += over
        self.dropped += over
        del self.matches[: bisect_left(self.matches, self.first)]
        return over


class RowMap:
    """Which line a row of the screen belongs to, where long lines take several rows.

    Args:
        heights: rows of each line, from the line `first` on.
        first: number of the first line.
    """

    def __init__(self, heights: Sequence[int], first: int) -> None:
        self.first = first
        self._ends: list[int] = []
        self._base = 0
        self.add(heights)

    @property
    def rows(self) -> int:
        """Rows of all lines together."""
        return (self._ends[-1] if self._ends else self._base) - self._base

    def add(self, heights: Sequence[int]) -> None:
        """More lines at the end."""
        end = self._ends[-1] if self._ends else self._base
        for height in heights:
            end += height
            self._ends.append(end)

    def drop(self, lines: int) -> int:
        """Fewer lines in front; returns how many rows those had."""
        if lines <= 0:
            return 0
        before = self._base
        self._base = self._ends[lines - 1]
        del self._ends[:lines]
        self.first += lines
        return self._base - before

    def cut_end(self, lines: int) -> None:
        """Fewer lines at the end."""
        if lines:
            del self._ends[-lines:]

    def line_of(self, row: int) -> tuple[int, int]:
        """(number of the line, which of its rows) of a row."""
        index = min(bisect_right(self._ends, row + self._base), len(self._ends) - 1)
        start = self._ends[index - 1] if index else self._base
        return self.first + index, row + self._base - start

    def row_of(self, number: int) -> int:
        """The first row of a line."""
        index = max(min(number - self.first, len(self._ends)), 0)
        return (self._ends[index - 1] if index else self._base) - self._base


def text_of(entry: Entry) -> str:
    """The text of a line or note."""
    return entry if isinstance(entry, str) else entry.plain


def _size(entry: Entry) -> int:
    if isinstance(entry, str):
        return len(entry)
    return sum(len(run.text) for run in entry.runs)
