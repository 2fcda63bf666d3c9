"""A container's log, read from its files: the last lines, the ones before, and around any place.

Files are read backwards in blocks, never whole. Every call is bounded in what it reads (a few MiB,
or one compressed file), but a disk may be slow: call from a thread that may wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.node.log_files import (
    Identity,
    Instance,
    LogError,
    PackedFile,
    Part,
    PlainFile,
    Source,
    current_path,
    instances_of,
    parts_of,
)
from pleg_tui.node.log_follow import Follower
from pleg_tui.node.log_format import LogLine, Record
from pleg_tui.node.log_reading import END, read_after, read_before, reader_at_end

NO_PATH = "the runtime keeps no log file for this container"
ROTATED_AWAY = "that part of the log has been rotated away since"


class Position(Struct, frozen=True):
    """A place between two lines of a log; it stays good when the file is renamed."""

    file: Identity
    offset: int


class Placed(Struct, frozen=True):
    """A line and its place: older(position) is what is before it, newer(position) begins at it."""

    line: LogLine
    position: Position


class Page(Struct, frozen=True):
    """Some lines of a log, oldest first."""

    lines: tuple[Placed, ...] = ()
    older: Position | None = None
    """What is before them is read from here; None when there is nothing more (that is wanted)."""
    newer: Position | None = None
    """What is after them is read from here; None when they are at the end."""
    pending: tuple[LogLine, ...] = ()
    """At the log's end, lines whose own ends have not been written."""
    why: str = ""
    """Why there is nothing, or not all, in one sentence; empty when all is well."""


class ContainerLog:
    """Reads one container's log.

    Args:
        log_path: as the runtime tells it (CRI ContainerStatus.log_path).
        root: where the node's file system is seen from here.
    """

    def __init__(self, log_path: str, root: str = "/") -> None:
        self.log_path = log_path
        self.root = root
        self._unpacked: PackedFile | None = None

    def instances(self) -> list[Instance]:
        """The logs of all attempts at this container that still exist, newest first."""
        return instances_of(self.log_path, self.root) if self.log_path else []

    def tail(self, count: int, since_ns: int | None = None) -> Page:
        """The last lines.

        Args:
            count: how many at most.
            since_ns: none that was written before this time, ns since the epoch.
        """
        return self._backwards(None, count, since_ns)

    def older(self, position: Position, count: int, since_ns: int | None = None) -> Page:
        """The lines before a place; rotated files are read on from the newest to the oldest."""
        return self._backwards(position, count, since_ns)

    def newer(self, position: Position, count: int) -> Page:
        """The lines from a place on, to the end of its file; the next file is another page."""
        parts = self.parts()
        index = _find(parts, position.file)
        if index is None:
            return Page(why=ROTATED_AWAY)
        current = index == len(parts) - 1
        try:
            source = self.open(parts[index])
            try:
                chunk = read_after(source, position.offset, max(1, count), not current)
            finally:
                self.release(source)
        except LogError as error:
            return Page(why=str(error))
        after: Position | None = Position(position.file, chunk.end)
        if chunk.last:
            after = None if current else _beginning(parts[index + 1])
        placed = _placed(chunk.records, position.file)
        pending = tuple(record.line() for record in chunk.pending)
        return Page(placed, Position(position.file, chunk.start), after, pending)

    def follow(self, count: int, since_ns: int | None = None) -> tuple[Page, Follower]:
        """The last lines, and what goes on from exactly there; the caller closes it."""
        if not self.log_path:
            return Page(why=NO_PATH), Follower("", self.root)
        try:
            file = PlainFile(current_path(self.log_path, self.root))
        except LogError:
            return self.tail(count, since_ns), Follower(self.log_path, self.root)
        try:
            reader = reader_at_end(file)
        except LogError as error:
            file.close()
            return Page(why=str(error)), Follower(self.log_path, self.root)
        follower = Follower(self.log_path, self.root, file, reader)
        page = self.older(Position(file.identity, reader.line_offset), count, since_ns)
        pending = tuple(record.line() for record in reader.pending())
        return replace(page, pending=pending), follower

    def parts(self) -> list[Part]:
        """The files that it is made of now, oldest first."""
        return parts_of(self.log_path, self.root) if self.log_path else []

    def open(self, part: Part) -> Source:
        """Open one of its files; a compressed one stays unpacked until another is asked for.

        Raises:
            LogError: it cannot be read.
        """
        if not part.packed:
            return PlainFile(part.path)
        if self._unpacked is None or self._unpacked.identity != part.identity:
            self.close()
            self._unpacked = PackedFile(part.path)
        return self._unpacked

    def release(self, source: Source) -> None:
        """Be done with a file that open() gave."""
        if source is not self._unpacked:
            source.close()

    def close(self) -> None:
        """Keep nothing unpacked."""
        if self._unpacked is not None:
            self._unpacked.close()
            self._unpacked = None

    def _backwards(self, position: Position | None, count: int, since_ns: int | None) -> Page:
        if not self.log_path:
            return Page(why=NO_PATH)
        parts = self.parts()
        index = len(parts) - 1 if position is None else _find(parts, position.file)
        if index is None:
            return Page(why=ROTATED_AWAY)
        count = max(1, count)
        end = END if position is None else position.offset
        pending: tuple[LogLine, ...] = ()
        lines: tuple[Placed, ...] = ()
        why = ""
        while True:
            current = index == len(parts) - 1
            try:
                source = self.open(parts[index])
                try:
                    chunk = read_before(source, end, count - len(lines), not current)
                finally:
                    self.release(source)
            except LogError as error:
                # Of a log that is just being rotated, the new file may not be there yet.
                if not (current and index) or why:
                    return Page(lines, None, None, pending, why or str(error))
                why = str(error)
            else:
                kept, ended = _since(chunk.records, since_ns)
                lines = _placed(kept, source.identity) + lines
                if current:
                    pending = tuple(record.line() for record in chunk.pending)
                if ended:
                    return Page(lines, None, None, pending)
                if chunk.start > source.first:
                    older = Position(source.identity, chunk.start)
                    return Page(lines, older, None, pending)
            if index == 0:
                return Page(lines, None, None, pending)
            index -= 1
            end = END
            # Unpacking is for whoever asks for more than there is without it.
            if len(lines) >= count or (lines and parts[index].packed):
                identity = parts[index].identity
                older_file = None if identity is None else Position(identity, END)
                return Page(lines, older_file, None, pending)


def _find(parts: Sequence[Part], file: Identity) -> int | None:
    for index in range(len(parts) - 1, -1, -1):
        if parts[index].identity == file:
            return index
    return None


def _beginning(part: Part) -> Position | None:
    identity = part.identity
    return None if identity is None else Position(identity, 0)


def _placed(records: Sequence[Record], file: Identity) -> tuple[Placed, ...]:
    return tuple(Placed(r.line(), Position(file, r.offset)) for r in records)


def _since(records: Sequence[Record], since_ns: int | None) -> tuple[Sequence[Record], bool]:
    """The records from a time on, and whether there were any before it.

    One that does not say when it was goes with the one before it.
    """
    if since_ns is None:
        return records, False
    kept: list[Record] = []
    at: int | None = None
    ended = False
    for record in records:
        at = at if record.at_ns is None else record.at_ns
        if at is not None and at < since_ns:
            ended = True
        else:
            kept.append(record)
    return kept, ended
