"""The new lines of a kubelet's log since the last look: of a file, or of the journal."""

from __future__ import annotations

import os
import stat
import time

from pleg_tui.node.kubelet.log import journal_since, mixed_name, split_lines, standard_error
from pleg_tui.node.kubelet.log_lines import LogFacts, digest, of_this_kubelet
from pleg_tui.node.kubelet.process import KubeletProcess

_MAX = 2 << 20
_JOURNAL_EVERY_S = 15.0
"""A run of journalctl costs tens of milliseconds: not at every look."""


class LogTail:
    """Follows one kubelet's log, from where it ends now."""

    def __init__(
        self,
        root: str,
        process: KubeletProcess,
        log_file: str,
        source: str,
        read: tuple[float, int],
    ) -> None:
        """Begin where a full look has ended, or else at the end.

        Args:
            root: where the node's file system is seen from here.
            process: the kubelet.
            log_file: as given by the admin, as this program sees it; empty: find it.
            source: what a full look has read, a file or the journal; empty: nothing.
            read: when and up to which byte it has.
        """
        self._root = root
        self._process = process
        self._path = log_file or standard_error(root, process) or source_file(source)
        self._journal = not self._path and source.startswith("the journal")
        self._identity: tuple[int, int] | None = None
        self._offset = 0
        self._asked = read[0] or time.time()
        if self._path:
            self._begin(read[1] if self._path == source else None)

    def new(self, timeout_s: float) -> LogFacts:
        """What the lines since the last call say; without lines where there are none."""
        if self._path:
            return self._new_of_file()
        if self._journal and time.time() - self._asked >= _JOURNAL_EVERY_S:
            since, self._asked = self._asked, time.time()
            return journal_since(self._root, self._process, since, timeout_s)
        return LogFacts()

    def _begin(self, offset: int | None) -> None:
        try:
            status = os.stat(self._path)  # noqa: PTH116
        except OSError:
            return
        self._identity = (status.st_dev, status.st_ino)
        self._offset = status.st_size if offset is None else min(offset, status.st_size)

    def _new_of_file(self) -> LogFacts:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError:
            return LogFacts()
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return LogFacts()
            identity = (status.st_dev, status.st_ino)
            if identity != self._identity or status.st_size < self._offset:
                self._identity, self._offset = identity, 0  # rotated, or emptied
            start = max(self._offset, status.st_size - _MAX)
            data = os.pread(fd, _MAX, start)
        except OSError:
            return LogFacts()
        finally:
            os.close(fd)
        # The last line may be only half written: it is read when it is whole.
        whole = data[: data.rfind(b"\n") + 1]
        self._offset = start + len(whole)
        lines = split_lines(whole, mixed=mixed_name(self._path))
        return digest(of_this_kubelet(lines, self._process.inner_pids))


def source_file(source: str) -> str:
    """The path in what a full look tells as its source; empty: it was no file."""
    return source if source.startswith("/") else ""
