"""Reads one container's log for a page: what blocks is done in threads, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from pleg_tui.node.log_follow import Follower
from pleg_tui.node.log_format import LogLine
from pleg_tui.node.logs import ContainerLog, Page, Position
from pleg_tui.ui.content.log_buffer import Entry

FIRST_LINES = 1000
"""Lines read at once, of the end or the beginning of a log."""
SLICE = 64 << 10
"""Bytes read in one go; parsing them takes some 10 ms, in which no key is answered late."""
SLICES = 4
"""Read at one look; a log that grows faster is read on at the next."""
BEHIND = 8
"""Looks at which there was still more to read, after which the rest is skipped."""


class Since(Enum):
    """Which part of a log is shown; the value is in seconds for those that are a span."""

    TAIL = 0
    HEAD = -1
    MINUTE = 60
    FIVE = 300
    QUARTER = 900
    HALF = 1800
    HOUR = 3600

    @property
    def label(self) -> str:
        """As it is shown."""
        if self is Since.TAIL:
            return "tail"
        if self is Since.HEAD:
            return "head"
        return f"{self.value // 60}m" if self.value < 3600 else f"{self.value // 3600}h"


CHOICES = tuple(Since)
"""By their keys, 0 to 6, as in k9s."""


class News(Struct, frozen=True):
    """What a look brought."""

    entries: tuple[Entry, ...] = ()
    pending: tuple[LogLine, ...] = ()
    more: bool = False
    """There is more to read now."""
    anew: bool = False
    """The entries follow a gap: what was between was skipped."""
    why: str = ""


class LogReading:
    """One log, read from one place on.

    Every method may block; none is to be called from the loop.

    Args:
        log_path: as the runtime tells it.
        root: where the node's file system is seen from here.
        since: what to show.
        now: wall time, ns.
    """

    def __init__(self, log_path: str, root: str, since: Since, now: Callable[[], int]) -> None:
        self.log = ContainerLog(log_path, root)
        self.since = since
        self._now = now
        self._lock = threading.Lock()
        self._follower: Follower | None = None
        self._older: Position | None = None
        self._newer: Position | None = None
        self._closed = False
        self._behind = 0
        self._since_ns: int | None = None

    @property
    def has_older(self) -> bool:
        """There is something before the first line."""
        return self._older is not None

    def begin(self) -> News:
        """The first lines to be shown."""
        with self._lock:
            if self.since is Since.HEAD:
                return self._head()
            if self.since is not Since.TAIL:
                self._since_ns = self._now() - self.since.value * 1_000_000_000
            page, self._follower = self.log.follow(FIRST_LINES, self._since_ns)
            self._older = page.older
            return News(tuple(p.line for p in page.lines), page.pending, why=page.why)

    def _head(self) -> News:
        parts = self.log.parts()
        first = next((p.identity for p in parts if p.identity is not None), None)
        if first is None:
            return News(why=self.log.tail(1).why)
        self._newer = Position(first, 0)
        return self._on()

    def _on(self) -> News:
        if self._newer is None:
            return News()
        page = self.log.newer(self._newer, FIRST_LINES)
        self._newer = page.newer
        more = page.newer is not None
        return News(tuple(p.line for p in page.lines), page.pending, more=more, why=page.why)

    def on(self) -> News:
        """The lines after the last, in a log that is read from its beginning."""
        with self._lock:
            return self._on()

    def look(self) -> News:
        """What was written since the last look."""
        with self._lock:
            follower = self._follower
            if follower is None or self._closed:
                return News()
            entries: list[Entry] = []
            for _ in range(SLICES):
                update = follower.poll(SLICE)
                if update.truncated:
                    entries.append("the file was emptied or written anew")
                entries += update.lines
                if update.rotated:
                    entries.append("rotated: a new file begins")
                if not update.more:
                    break
            self._behind = self._behind + 1 if update.more and not update.rotated else 0
            if self._behind > BEHIND:
                return self._skip(entries)
            return News(tuple(entries), update.pending, update.more, why=update.why)

    def _skip(self, entries: list[Entry]) -> News:
        """Too far behind: go on with the newest."""
        if self._follower is not None:
            self._follower.close()
        page, self._follower = self.log.follow(FIRST_LINES)
        self._behind = 0
        note = "the log grows faster than it is shown: lines were skipped here"
        lines: tuple[Entry, ...] = (note, *(p.line for p in page.lines))
        return News((*entries, *lines), page.pending, anew=True, why=page.why)

    def older(self) -> Page:
        """The lines before the first."""
        with self._lock:
            if self._older is None or self._closed:
                return Page()
            page = self.log.older(self._older, FIRST_LINES, self._since_ns)
            self._older = page.older
            return page

    def previous_path(self) -> str:
        """The log of the instance before this one; empty when none is left."""
        with self._lock:
            path = self.log.log_path
            number = path.rpartition("/")[2].removesuffix(".log")
            if not number.isdecimal():
                return ""
            older = [i for i in self.log.instances() if i.attempt < int(number)]
            return older[0].log_path if older else ""

    def close(self) -> None:
        """Let go of every file, once whoever reads is done."""
        with self._lock:
            self._closed = True
            if self._follower is not None:
                self._follower.close()
                self._follower = None
            self.log.close()

    def close_soon(self) -> None:
        """As close(), from the loop."""
        threading.Thread(target=self.close, daemon=True).start()
