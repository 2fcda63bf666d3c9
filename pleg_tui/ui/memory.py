"""What the dashboard remembers from one time to the next: columns chosen, how often it greeted.

One small file that only its owner may read, replaced whole, and never by way of a symbolic link:
the program mostly runs as root, often with another's home (`sudo -E`), and there a link may lead
anywhere. What is written as root into another's home is given to that other.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.json import decode, encode

from pleg_tui.private import open_folder

FILE = "state.json"
MOST_HINTS = 3
"""Runs that greet at most."""
_MOST_BYTES = 64 << 10
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class MemoryFault(Exception):
    """It could not be read or written; the text says why, in few words."""


def place(environ: Mapping[str, str] = os.environ) -> tuple[Path, tuple[str, ...]] | None:
    """The folder to begin at and the folders under it; None where there is no home."""
    base = environ.get("XDG_STATE_HOME", "")
    if base.startswith("/"):
        return Path(base), ("pleg-tui",)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path's own raises where there is none
    return (home, (".local", "state", "pleg-tui")) if home.is_absolute() else None


class Memory:
    """The state file of one user."""

    def __init__(self, base: Path, below: tuple[str, ...]) -> None:
        self._base = base
        self._below = below
        self.told = False
        """That it does not work has been said."""

    @property
    def path(self) -> Path:
        """Where it is, or would be."""
        return self._base.joinpath(*self._below, FILE)

    def columns(self) -> tuple[str, ...] | None:
        """The columns that were chosen last, in their order; None when none were.

        Raises:
            MemoryFault: there is a file, but it cannot be read.
        """
        names = self._known().get("columns")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
        return None

    def keep(self, columns: tuple[str, ...] | None) -> None:
        """Remember these columns; None: those that suit the width.

        Raises:
            MemoryFault: it could not be written; what was there before still is.
        """
        self._keep("columns", columns)

    def hints(self) -> int:
        """How many runs have greeted.

        Raises:
            MemoryFault: as for columns().
        """
        number = self._known().get("hints")
        return min(max(number, 0), MOST_HINTS) if isinstance(number, int) else 0

    def keep_hints(self, number: int) -> None:
        """Remember how many runs have greeted.

        Raises:
            MemoryFault: as for keep().
        """
        self._keep("hints", number)

    def _known(self) -> dict[str, Any]:
        try:
            data = self._read()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise MemoryFault(_why(error)) from None
        except (ValueError, RecursionError):
            raise MemoryFault("it is damaged") from None
        return data if isinstance(data, dict) else {}

    def _keep(self, name: str, value: object) -> None:
        """Put one thing among those that are remembered; what is damaged is begun anew."""
        try:
            known = self._known()
        except MemoryFault:
            known = {}
        data = encode({**known, "version": 1, name: value}) + b"\n"
        try:
            self._write(data)
        except OSError as error:
            raise MemoryFault(_why(error)) from None

    def _read(self) -> Any:
        folder, _ = self._open(make=False)
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(FILE, flags, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise ValueError("not a file")
            return decode(os.read(file, _MOST_BYTES))
        finally:
            os.close(file)

    def _write(self, data: bytes) -> None:
        folder, owner = self._open(make=True)
        name = f".{FILE}.{os.urandom(6).hex()}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(name, flags, 0o600, dir_fd=folder)
            try:
                try:
                    _give(file, owner)
                    while data:
                        data = data[os.write(file, data) :]
                    os.fsync(file)
                finally:
                    os.close(file)
                os.replace(name, FILE, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(name, dir_fd=folder)
                raise
        finally:
            os.close(folder)

    def _open(self, *, make: bool) -> tuple[int, os.stat_result]:
        """The folder, and whose the one is that it began at; folders are made when asked for."""
        if make:
            self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = open_folder(str(self._base))
        try:
            owner = os.fstat(folder)
            for name in self._below:
                made = False
                if make:
                    try:
                        os.mkdir(name, 0o700, dir_fd=folder)
                        made = True
                    except FileExistsError:
                        pass
                below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = below
                if made:
                    _give(folder, owner)
        except BaseException:
            os.close(folder)
            raise
        return folder, owner


def _give(descriptor: int, owner: os.stat_result) -> None:
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _why(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "a symbolic link, or a file where a folder should be, is in the way"
    return error.strerror or "no reason given"
