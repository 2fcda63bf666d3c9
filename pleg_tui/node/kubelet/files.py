"""Files of the node, read whole and bounded: no device, no pipe, no endless file can hold us up."""

from __future__ import annotations

import errno
import os
import stat

from msgspec import Struct

from pleg_tui.cri.sockets import under

MAX_BYTES = 1 << 20
"""A kubelet's configuration is some kilobytes; the API server itself refuses objects of 1.5 MB."""


class Unreadable(Exception):
    """Why a file cannot be read: a few words that go behind its name."""

    def __init__(self, why: str, *, absent: bool = False) -> None:
        super().__init__(why)
        self.absent = absent


class Text(Struct, frozen=True):
    """A file's content."""

    text: str
    changed_at: float
    """When its content, or what the name leads to, was last changed; seconds since the epoch."""


_WHY = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "does not exist",
    errno.EACCES: "no permission to read it (run as root)",
    errno.EPERM: "no permission to read it (run as root)",
    errno.ELOOP: "its symbolic links run in a circle",
    errno.EISDIR: "is a folder, not a file",
    errno.ENXIO: "is not a plain file",
    errno.ESTALE: "is on a network file system that is gone",
    errno.ESRCH: "the process is gone",
}


def why(error: OSError) -> str:
    """An error of the operating system in a few words."""
    return _WHY.get(error.errno or 0) or (error.strerror or "cannot be read").lower()


def read_file(root: str, path: str, limit: int = MAX_BYTES) -> Text:
    """The text of a file of the node.

    Args:
        root: where the node's file system is seen from here.
        path: absolute, as the node sees it.
        limit: bytes; a larger file is refused, not cut, for a cut file says something else.

    Raises:
        Unreadable: it cannot be read, is too large, is not a plain file or not text.
    """
    here = under(root, path)
    # The links were followed inside the root by now; one that is left would lead outside of it.
    no_links = os.O_NOFOLLOW if here != path else 0
    try:
        fd = os.open(here, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | no_links)
        try:
            status = os.fstat(fd)
            if stat.S_ISDIR(status.st_mode):
                raise Unreadable("is a folder, not a file")
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("is not a plain file")
            data = _all(fd, limit + 1)
            # A link that was pointed elsewhere is news too, as a ConfigMap's ..data is.
            changed = max(status.st_mtime, _link_time(root, path))
        finally:
            os.close(fd)
    except OSError as error:
        raise Unreadable(why(error), absent=error.errno in (errno.ENOENT, errno.ENOTDIR)) from None
    except ValueError:
        raise Unreadable("its name cannot be one") from None
    if len(data) > limit:
        raise Unreadable(f"is larger than {limit >> 10} KiB, which no such file is")
    try:
        return Text(data.decode("utf-8"), changed)
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8 text") from None


def read_proc(proc: str, pid: int | str, name: str, limit: int = 1 << 17) -> bytes | None:
    """A file of a process, cut at the limit; None when it cannot be read."""
    try:
        fd = os.open(f"{proc}/{pid}/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _all(fd, limit)
    except OSError:
        return None
    finally:
        os.close(fd)


def exists(root: str, path: str) -> bool:
    """Whether there is anything at a path of the node; False too where we may not look."""
    try:
        os.stat(under(root, path))  # noqa: PTH116
    except (OSError, ValueError):
        return False
    return True


def _link_time(root: str, path: str) -> float:
    folder, _, name = path.rpartition("/")
    return os.lstat(f"{under(root, folder or '/')}/{name}").st_mtime


def _all(fd: int, limit: int) -> bytes:
    chunks = []
    left = limit
    while left > 0:
        chunk = os.read(fd, min(left, 1 << 16))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)
