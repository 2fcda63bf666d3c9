"""The few looks at a file system that endpoint discovery needs; tests bring their own."""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
import socket
import stat
from enum import StrEnum
from pathlib import Path
from typing import Protocol

_LINKS_AT_MOST = 40
"""As the kernel (MAXSYMLINKS)."""


class Probe(StrEnum):
    """What is at a path where a runtime's socket may be."""

    ANSWERS = "answers"
    ABSENT = "absent"
    NOT_A_SOCKET = "not-a-socket"
    DENIED = "denied"
    REFUSED = "refused"
    """A socket that nobody listens on: left behind by a runtime that is gone."""


class Files(Protocol):
    """A view of a file system."""

    def probe(self, path: str) -> Probe:
        """What is at the path."""
        ...

    def read(self, path: str) -> str:
        """A small text file.

        Raises:
            OSError: it cannot be read.
        """
        ...

    def readlink(self, path: str) -> str | None:
        """Where a symbolic link leads; None for everything else."""
        ...

    def beside_crictl(self) -> str | None:
        """The path of crictl.yaml beside the crictl program; None where there is no crictl."""
        ...


class NodeFiles:
    """The file system as it is."""

    def probe(self, path: str) -> Probe:
        """What is at the path, by stat and a connect that never blocks."""
        try:
            if not stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116
                return Probe.NOT_A_SOCKET
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.setblocking(False)
                connection.connect(path)
        except OSError as error:
            return _PROBES.get(error.errno or 0, Probe.REFUSED)
        return Probe.ANSWERS

    def read(self, path: str) -> str:
        """A small text file.

        Raises:
            OSError: it cannot be read.
        """
        return Path(path).read_text(errors="replace")

    def readlink(self, path: str) -> str | None:
        """Where a symbolic link leads; None for everything else."""
        try:
            return os.readlink(path)  # noqa: PTH115 - its text, not a path
        except OSError:
            return None

    def beside_crictl(self) -> str | None:
        """The path of crictl.yaml beside the crictl program; None where there is no crictl."""
        program = shutil.which("crictl")
        return str(Path(program).resolve().with_name("crictl.yaml")) if program else None


NODE = NodeFiles()

_PROBES = {
    errno.ENOENT: Probe.ABSENT,
    errno.ENOTDIR: Probe.ABSENT,
    errno.ELOOP: Probe.ABSENT,
    errno.ENAMETOOLONG: Probe.ABSENT,
    errno.EACCES: Probe.DENIED,
    errno.EPERM: Probe.DENIED,
    # Its queue of connections is full just now, so somebody listens.
    errno.EAGAIN: Probe.ANSWERS,
    errno.EINPROGRESS: Probe.ANSWERS,
}


def under(root: str, path: str, files: Files = NODE) -> str:
    """An absolute path as a program with this root directory would see it, seen from here.

    Symbolic links are followed inside the root: a node's /var/run leads to /run, which from outside
    is not ours but the node's.
    """
    if posixpath.normpath(root) == "/":
        return path
    base = os.path.abspath(root)  # noqa: PTH100
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            del done[-1:]
            continue
        done.append(part)
        target = files.readlink(posixpath.join(base, *done))
        if target is None or links >= _LINKS_AT_MOST:
            continue
        links += 1
        done = [] if target.startswith("/") else done[:-1]
        todo += [piece for piece in reversed(target.split("/")) if piece not in ("", ".")]
    return posixpath.join(base, *done)
