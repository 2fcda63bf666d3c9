"""The files that a container's log is made of: the current one, rotated ones, other attempts'.

The kubelet renames `0.log` to `0.log.20240102-030405` when it is full, has the runtime open a new
one, and compresses all but the newest of the old (container_log_manager.go). The file of another
attempt is `1.log` beside it. Docker's own are `….log.1`, with the newest the lowest.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import zlib
from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under

MAX_UNPACKED = 32 << 20
"""Bytes of a compressed file that are unpacked and kept; of a larger one its end."""
_UNPACK_AT_MOST = 128 << 20
"""Bytes after which unpacking is given up: it takes half a second to come this far."""
_BLOCK = 1 << 18
_MAX_ENTRIES = 2000

_ATTEMPT = re.compile(r"(\d{1,9})\.log")
_STAMP = re.compile(r"\d{8}-\d{6}")
_NUMBER = re.compile(r"\d{1,9}")

Identity = tuple[int, int]
"""Device and inode: which file it is, whatever it is called by now."""


class LogError(Exception):
    """A log cannot be read; its text is one clear sentence."""


class Source(Protocol):
    """Bytes that can be read from anywhere."""

    @property
    def identity(self) -> Identity:
        """Which file it is."""
        ...

    @property
    def first(self) -> int:
        """The lowest offset that can be read."""
        ...

    def size(self) -> int:
        """The offset behind the last byte, now."""
        ...

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two offsets, or as many as there are."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class PlainFile:
    """A log file as it is; it may grow.

    Args:
        path: as seen from here.

    Raises:
        LogError: it is not there, not a file, or not for us to read.
    """

    def __init__(self, path: str) -> None:
        self.fd, self.identity = _open(path)
        self.first = 0

    def status(self) -> os.stat_result:
        """What the kernel says of it now."""
        return os.fstat(self.fd)

    def size(self) -> int:
        """The offset behind the last byte, now."""
        return self.status().st_size

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two offsets, or as many as there are.

        Raises:
            LogError: the disk fails.
        """
        parts = []
        while start < end:
            try:
                part = os.pread(self.fd, end - start, start)
            except OSError as error:
                raise LogError(f"the log file cannot be read: {error.strerror}") from None
            if not part:
                break
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Let go of it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class PackedFile:
    """A compressed log file, unpacked in memory: whole, or the end of a very large one.

    Args:
        path: as seen from here.

    Raises:
        LogError: it is not there, not a file, not for us to read, or not of gzip's format.
    """

    def __init__(self, path: str) -> None:
        fd, self.identity = _open(path)
        self.first = 0
        self._data = bytearray()
        try:
            for part in _unpacked(fd):
                self._data += part
                over = len(self._data) - MAX_UNPACKED
                if over > MAX_UNPACKED // 4:
                    del self._data[:over]
                    self.first += over
                if self.size() > _UNPACK_AT_MOST:
                    limit = _UNPACK_AT_MOST >> 20
                    raise LogError(f"{clean(path)} holds more than {limit} MiB: not unpacked")
        except OSError as error:
            raise LogError(f"the log file cannot be read: {error.strerror}") from None
        except zlib.error:
            if not self._data:
                raise LogError(f"{clean(path)} is not compressed as it says") from None
        finally:
            os.close(fd)

    def size(self) -> int:
        """The offset behind the last byte."""
        return self.first + len(self._data)

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two offsets, or as many as there are."""
        return bytes(self._data[max(0, start - self.first) : max(0, end - self.first)])

    def close(self) -> None:
        """Let go of it."""
        self._data.clear()


class Part(Struct, frozen=True):
    """One file of a container's log."""

    path: str
    """As seen from here."""
    packed: bool = False

    def open(self) -> PlainFile | PackedFile:
        """Open it.

        Raises:
            LogError: it cannot be read.
        """
        return PackedFile(self.path) if self.packed else PlainFile(self.path)

    @property
    def identity(self) -> Identity | None:
        """Which file it is; None when it is gone."""
        return identity_of(self.path)


class Instance(Struct, frozen=True):
    """The log of one attempt at a container."""

    attempt: int
    log_path: str
    """As the node sees it."""
    files: int
    """Of how many files it is made."""
    size: int
    """Bytes of all of them, as they are on the disk."""


def parts_of(log_path: str, root: str = "/") -> list[Part]:
    """The files of one container's log, oldest first; the current one is last, there or not.

    Args:
        log_path: as the runtime tells it.
        root: where the node's file system is seen from here.
    """
    here = seen(log_path, root)
    target = current_path(log_path, root)
    rotated: dict[str, Part] = {}
    for path in dict.fromkeys((here, target)):  # a link may lead to where it is rotated
        folder, _, name = path.rpartition("/")
        for part in _rotated(folder, name):
            rotated.setdefault(part.path.rpartition("/")[2], part)
    ordered = sorted(rotated.values(), key=lambda part: _age(part.path))
    return [*ordered, Part(target)]


def current_path(log_path: str, root: str = "/") -> str:
    """The file that is written now, as seen from here, behind all links."""
    if os.path.normpath(root) == "/":
        return os.path.realpath(log_path)
    return under(root, log_path)


def instances_of(log_path: str, root: str = "/") -> list[Instance]:
    """The logs of all attempts at this container that still exist, newest first."""
    folder = log_path.rpartition("/")[0]
    found = []
    for name in _names(seen(folder, root)):
        match = _ATTEMPT.fullmatch(name)
        if match is not None:
            path = f"{folder}/{name}"
            sizes = [_size(part.path) for part in parts_of(path, root)]
            known = [size for size in sizes if size is not None]
            found.append(Instance(int(match[1]), path, len(known), sum(known)))
    return sorted(found, key=lambda instance: -instance.attempt)


def seen(path: str, root: str) -> str:
    """A path of the node's as seen from here; a link at its end is not followed."""
    folder, _, name = path.rpartition("/")
    return f"{under(root, folder or '/').rstrip('/')}/{name}"


def identity_of(path: str) -> Identity | None:
    """Which file is there; None when none is."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _rotated(folder: str, base: str) -> Iterator[Part]:
    names = set(_names(folder))
    for name in names:
        if not name.startswith(f"{base}."):
            continue
        packed = name.endswith(".gz")
        if packed and name.removesuffix(".gz") in names:
            continue  # it is being compressed just now
        suffix = name[len(base) + 1 :].removesuffix(".gz")
        if _STAMP.fullmatch(suffix) or _NUMBER.fullmatch(suffix):
            yield Part(f"{folder}/{name}", packed)


def _age(path: str) -> tuple[int, str, int]:
    """Sorts the oldest first: stamps by themselves, numbers the other way round."""
    suffix = path.removesuffix(".gz").rpartition(".")[2]
    if _STAMP.fullmatch(suffix):
        return 1, suffix, 0
    return 0, "", -int(suffix)


def _names(folder: str) -> list[str]:
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(names) >= _MAX_ENTRIES:
                    break
                names.append(entry.name)
    except OSError:
        return names
    return names


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return None


def _open(path: str) -> tuple[int, Identity]:
    """An open regular file and which it is; never waits, whatever is at the path."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise LogError(_sentence(path, error)) from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise LogError(f"{clean(path)} is not a file")
    return fd, (status.st_dev, status.st_ino)


def _sentence(path: str, error: OSError) -> str:
    name = clean(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"there is no log file at {name}: it was not written yet, or has been removed"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission to read {name}: run as root"
    return f"{name} cannot be read: {error.strerror}"


def _unpacked(fd: int) -> Iterator[bytes]:
    """The contents of a gzip file, piece by piece; members that follow each other are one.

    Raises:
        zlib.error: it is broken.
        OSError: the disk fails.
    """
    unpack = zlib.decompressobj(wbits=31)
    while data := os.read(fd, _BLOCK):
        while data:
            yield unpack.decompress(data, _BLOCK)
            data = unpack.unconsumed_tail
            if unpack.eof:
                data = unpack.unused_data
                unpack = zlib.decompressobj(wbits=31)
