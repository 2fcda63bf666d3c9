"""Files of the node, read and written whole: exact bytes, mode, owner and extended attributes.

Writing is atomic: a killed process leaves either the old file or the new one. The temporary file
lies one folder up where that is the same file system, because CRI-O takes every file in its drop-in
folder for configuration (config.go walks it), a half-written one too.
"""

from __future__ import annotations

import array
import base64
import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.cri.clean import clean
from pleg_tui.node.log_files import seen
from pleg_tui.node.runtime_config import Setting

MAX_BYTES = 1 << 20
_GET_FLAGS = 0x80086601
_IMMUTABLE, _APPEND_ONLY = 0x10, 0x20
_LABEL = "security.selinux"
"""Every file has one where SELinux is on, and it cannot be taken away."""
_NOT_FROM_ABOVE = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS)
_TRANSIENT = ("security.evm", "security.ima")
"""Attributes that the kernel computes itself and lets nobody set."""


class FileRefused(Exception):
    """A file that is not touched; its text is one sentence."""


class FileState(Struct, frozen=True):
    """A whole file."""

    data: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    xattrs: tuple[tuple[str, bytes], ...] = ()
    """Sorted by name."""

    def to_json(self) -> dict[str, Any]:
        """Everything but the bytes."""
        return {
            "mode": self.mode,
            "uid": self.uid,
            "gid": self.gid,
            "xattrs": {name: base64.b64encode(value).decode() for name, value in self.xattrs},
        }

    @classmethod
    def from_json(cls, data: bytes, said: Mapping[str, Any]) -> FileState:
        """The file that to_json() described, with its bytes.

        Raises:
            ValueError, KeyError, TypeError: it is no such description.
        """
        xattrs = tuple(
            sorted((str(k), base64.b64decode(v, validate=True)) for k, v in said["xattrs"].items())
        )
        return cls(data, int(said["mode"]), int(said["uid"]), int(said["gid"]), xattrs)


class NodeFiles:
    """The node's files, by their paths as the node sees them."""

    def __init__(self, root: str = "/") -> None:
        self.root = root

    def real(self, path: str) -> str:
        """Where it is seen from here; links in its folders are followed, one at its end is not."""
        return seen(path, self.root)

    def read(self, path: str) -> FileState | None:
        """The file; None when there is none.

        Raises:
            FileRefused: it is a link, no plain file, has several names, or cannot be read.
        """
        return read_state(self.real(path), path)

    def names(self, folder: str) -> tuple[str, ...] | None:
        """The names in a folder, sorted; None when there is no such folder.

        Raises:
            FileRefused: it cannot be read.
        """
        try:
            return tuple(sorted(os.listdir(self.real(folder + "/."))))  # noqa: PTH208
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileRefused(f"{clean(folder)} cannot be read: {error.strerror}") from None

    def writable(self, path: str) -> Setting:
        """Whether the file, or one of this name in its folder, could be replaced."""
        real = self.real(path)
        folder = os.path.dirname(real)  # noqa: PTH120
        while not os.path.isdir(folder) and folder != "/":  # noqa: PTH112
            folder = os.path.dirname(folder)  # noqa: PTH120
        try:
            if os.statvfs(folder).f_flag & os.ST_RDONLY:
                return Setting(False, "its file system is mounted read-only")
            if not os.access(folder, os.W_OK | os.X_OK):
                return Setting(False, "its folder cannot be written by this user")
            if _flags(folder) & (_IMMUTABLE | _APPEND_ONLY):
                return Setting(False, "its folder is immutable (chattr +i or +a)")
            if self.read(path) is not None and _flags(real) & (_IMMUTABLE | _APPEND_ONLY):
                return Setting(False, "it is immutable (chattr +i or +a)")
        except FileRefused as refused:
            return Setting(False, str(refused))
        except OSError as error:
            return Setting(None, f"cannot be told: {error.strerror}")
        return Setting(True, "writable")


def read_state(real: str, shown: str = "") -> FileState | None:
    """The file at this path; None when there is none.

    Raises:
        FileRefused: as NodeFiles.read().
    """
    name = clean(shown or real)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(real, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            target = ""
            with contextlib.suppress(OSError):
                target = f" to {clean(os.readlink(real), 200)}"  # noqa: PTH115
            raise FileRefused(
                f"{name} is a symbolic link{target}, and replacing it would cut that link: change "
                "the gate in what it leads to, or make it a plain file"
            ) from None
        raise FileRefused(f"{name} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FileRefused(f"{name} is not a plain file")
        if status.st_nlink > 1:
            raise FileRefused(
                f"{name} has {status.st_nlink} names (hard links), and replacing it would part them"
            )
        data = bytearray()
        while piece := os.read(fd, 1 << 16):
            data += piece
            if len(data) > MAX_BYTES:
                raise FileRefused(f"{name} is larger than 1 MiB, which no such file is")
        xattrs = _xattrs(fd)
    except OSError as error:
        raise FileRefused(f"{name} cannot be read: {error.strerror}") from None
    finally:
        os.close(fd)
    mode = stat.S_IMODE(status.st_mode)
    return FileState(bytes(data), mode, status.st_uid, status.st_gid, xattrs)


def same(now: FileState | None, wanted: FileState | None) -> bool:
    """Whether a file is as it was to be; a label that nobody asked for is the system's own."""
    if now is None or wanted is None or _LABEL in dict(wanted.xattrs):
        return now == wanted
    return replace(now, xattrs=tuple(x for x in now.xattrs if x[0] != _LABEL)) == wanted


def write_state(real: str, state: FileState, temporary: str) -> None:
    """Replace, or make, a file at once: bytes, mode, owner and attributes together.

    Args:
        real: where, as seen from here.
        state: what it is to be.
        temporary: the name of the temporary file; what lies there from a killed process is removed.

    Raises:
        OSError: it could not; the old file stands.
    """
    folder = os.path.dirname(real)  # noqa: PTH120
    above = temporary_folder(real)
    try:
        _replace(real, state, f"{above}/{temporary}")
    except OSError as error:
        # A bind mount is the same device, and yet nothing can be renamed across it.
        if above == folder or error.errno not in _NOT_FROM_ABOVE:
            raise
        _replace(real, state, f"{folder}/{temporary}")
    sync_folder(folder)


def _replace(real: str, state: FileState, path: str) -> None:
    """By way of a temporary file at this path."""
    _remove_plain(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.fchown(fd, state.uid, state.gid)
            view = memoryview(state.data)
            while view:
                view = view[os.write(fd, view) :]
            # After the owner: changing that takes set-user-ID bits and capabilities away.
            os.fchmod(fd, state.mode)
            wanted = dict(state.xattrs)
            for name, _ in _xattrs(fd):
                if name not in wanted and name != _LABEL:
                    os.removexattr(fd, name)
            for name, value in state.xattrs:
                os.setxattr(fd, name, value)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(path, real)  # noqa: PTH104
    except BaseException:
        _remove_plain(path)
        raise


def remove(real: str) -> None:
    """Remove a file, for good even if the power fails; one that is gone is no error.

    Raises:
        OSError: it cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(real)  # noqa: PTH108
    sync_folder(os.path.dirname(real))  # noqa: PTH120


def remove_temporary(real: str, temporary: str) -> None:
    """Remove what a killed write_state() may have left."""
    for folder in (temporary_folder(real), os.path.dirname(real)):  # noqa: PTH120
        _remove_plain(f"{folder}/{temporary}")


def temporary_folder(real: str) -> str:
    """Where a new file waits for its name: one folder up if possible (see the module's text)."""
    folder = os.path.dirname(real)  # noqa: PTH120
    above = os.path.dirname(folder)  # noqa: PTH120
    with contextlib.suppress(OSError):
        if os.stat(folder).st_dev == os.stat(above).st_dev and os.access(above, os.W_OK):  # noqa: PTH116
            return above
    return folder


def sync_folder(folder: str) -> None:
    """Make a folder's entries last; a folder that is gone has none.

    Raises:
        OSError: the disk fails.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove_plain(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108


def _xattrs(fd: int) -> tuple[tuple[str, bytes], ...]:
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return ()
        raise
    return tuple((n, os.getxattr(fd, n)) for n in sorted(names) if n not in _TRANSIENT)


def _flags(path: str) -> int:
    """The attributes that chattr sets; 0 where the file system has none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        flags = array.array("l", [0])
        fcntl.ioctl(fd, _GET_FLAGS, flags, True)
        return flags[0]
    except OSError:
        return 0
    finally:
        os.close(fd)
