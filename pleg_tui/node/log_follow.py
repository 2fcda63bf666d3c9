"""Following a container's log as it grows, through rotation and truncation.

A file is asked for by its inode and size at each look; nothing is watched and nothing waits.
"""

from __future__ import annotations

from msgspec import Struct

from pleg_tui.node.log_files import LogError, PlainFile, current_path, identity_of, parts_of
from pleg_tui.node.log_format import LineReader, LogLine, Record

_AT_ONCE = 1 << 20
_MARK = 64
"""Bytes before the place reached that are looked at again, to tell a rewritten file."""


class Update(Struct, frozen=True):
    """What a look at the log brought."""

    lines: tuple[LogLine, ...] = ()
    """New ones, oldest first."""
    pending: tuple[LogLine, ...] = ()
    """Lines whose ends have not come, as far as they are known; they replace the last ones."""
    rotated: bool = False
    """A new file was begun."""
    truncated: bool = False
    """The file was emptied, or written anew: what was in it and had not been read is lost."""
    more: bool = False
    """There is more to read now."""
    why: str = ""
    """Why nothing can be read, in one sentence; the next look tries again."""


class Follower:
    """Looks at a log again and again. Made by ContainerLog.follow().

    Args:
        log_path: as the runtime tells it.
        root: where the node's file system is seen from here.
        file: the file to go on with; None to begin with whatever comes.
        reader: what has read that file up to where to go on.
    """

    def __init__(
        self,
        log_path: str,
        root: str = "/",
        file: PlainFile | None = None,
        reader: LineReader | None = None,
    ) -> None:
        self._log_path = log_path
        self._root = root
        self._file = file
        self._reader = reader or LineReader()
        self._mark = b""
        self._seen = (-1, -1)
        """Size and modification time at the last look that reached the end."""
        self._leaving = False
        """At the last look, the path already led to another file."""
        if file is not None:
            self._remember(file)

    def poll(self, max_bytes: int = _AT_ONCE) -> Update:
        """What was written since the last look, of at most so many bytes."""
        if self._file is None:
            try:
                self._file = PlainFile(current_path(self._log_path, self._root))
            except LogError as error:
                return Update(pending=self._pending(), why=str(error))
            self._seen = (-1, -1)
        try:
            return self._look(self._file, max(1, max_bytes))
        except LogError as error:
            return Update(pending=self._pending(), why=str(error))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _look(self, file: PlainFile, max_bytes: int) -> Update:
        status = file.status()
        now = (status.st_size, status.st_mtime_ns)
        records: list[Record] = []
        truncated = False
        if now != self._seen:
            if self._rewritten(file, status.st_size):
                truncated = True
                records += self._reader.pending()
                self._reader = LineReader()
            start = self._reader.offset
            data = file.read(start, min(status.st_size, start + max_bytes))
            records += self._reader.feed(data)
            self._remember(file)
            if self._reader.offset < status.st_size:
                return self._update(records, truncated=truncated, more=True)
            self._seen = now
        rotated, why = self._move_on(file, records, status.st_nlink == 0)
        return self._update(records, rotated=rotated, truncated=truncated, more=rotated, why=why)

    def _move_on(self, file: PlainFile, records: list[Record], removed: bool) -> tuple[bool, str]:
        """At the end of a file: go to the next if there is one; (whether it did, what is wrong)."""
        there = identity_of(current_path(self._log_path, self._root))
        if there is None or there == file.identity:
            self._leaving = False
            return False, "the log file has been removed" if removed else ""
        if not self._leaving:
            # Whoever writes may have written its last line there after we looked: once more.
            self._leaving = True
            return False, ""
        self._leaving = False
        parts = parts_of(self._log_path, self._root)
        identities = [part.identity for part in parts]
        place = identities.index(file.identity) if file.identity in identities else len(parts) - 2
        following = next((p for p in parts[place + 1 :] if not p.packed), parts[-1])
        try:
            successor = PlainFile(following.path)
        except LogError as error:
            return False, str(error)
        file.close()
        self._file = successor
        self._seen = (-1, -1)
        records += self._reader.next_file()
        self._mark = b""
        return True, ""

    def _rewritten(self, file: PlainFile, size: int) -> bool:
        offset = self._reader.offset
        if size < offset:
            return True
        return file.read(offset - len(self._mark), offset) != self._mark

    def _remember(self, file: PlainFile) -> None:
        offset = self._reader.offset
        self._mark = file.read(max(0, offset - _MARK), offset)

    def _pending(self) -> tuple[LogLine, ...]:
        return tuple(record.line() for record in self._reader.pending())

    def _update(
        self,
        records: list[Record],
        *,
        rotated: bool = False,
        truncated: bool = False,
        more: bool = False,
        why: str = "",
    ) -> Update:
        lines = tuple(record.line() for record in records)
        return Update(lines, self._pending(), rotated, truncated, more, why)
