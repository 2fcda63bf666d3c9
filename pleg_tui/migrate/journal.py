"""The journal of a switch: what is done to which files, so that a crash at any step can be mended.

One folder for each switch under /var/lib/pleg-tui/switches, with the old and new bytes of every
file and a journal that is replaced atomically before each step; all for its owner only.
"""

from __future__ import annotations

import calendar
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.migrate.facts import Unfinished
from pleg_tui.migrate.files import FileRefused, FileState, read_state, sync_folder
from pleg_tui.migrate.plan import Plan, Restart, Target

STATE_DIR = "/var/lib/pleg-tui"
SCHEMA = "pleg-tui/journal/v1"
_KEPT = 10
_ID = re.compile(r"(\d{8}T\d{6})-(\d{9})", re.ASCII)
"""A switch's name; whatever else lies in the folder is none."""


class JournalError(Exception):
    """The journal cannot be used; its text is one sentence."""


class Busy(JournalError):
    """Another switch or rollback is running."""


class Stage(StrEnum):
    """How far a switch has come."""

    APPLYING = "applying"
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"


class Entry(Struct, frozen=True):
    """One file of a switch, as the journal holds it."""

    path: str
    before: FileState | None
    after: FileState | None
    new_folders: tuple[str, ...] = ()
    """Folders that were made for it, outermost first, as the node sees them."""


class Record(Struct, frozen=True):
    """One switch."""

    id: str
    target: Target
    stage: Stage
    reached: str
    """The step that was begun last, in words."""
    entries: tuple[Entry, ...]
    restarts: tuple[Restart, ...]
    begun: tuple[str, ...] = ()
    """Units whose restart was begun; an undo restarts them again."""
    done: tuple[str, ...] = ()
    """Units that were restarted by the present stage and were well afterwards."""
    healthz: bool | None = None
    """Whether the kubelet answered on its healthz before; None: not looked."""
    says: str = ""
    """Why it was undone, or how it was verified."""

    @property
    def finished(self) -> bool:
        """Nothing is half done."""
        return self.stage in (Stage.APPLIED, Stage.UNDONE)

    def temporary(self, index: int) -> str:
        """The name of the temporary file for the entry with this number."""
        return f".pleg-tui-{self.id}-{index}.tmp"


class Journal(Struct):
    """All switches of one node. Take the lock before writing."""

    folder: str
    """/var/lib/pleg-tui as seen from here."""
    _lock: int | None = None

    @classmethod
    def at(cls, root: str = "/", folder: str = "") -> Journal:
        """The journal of the node under this root, or in this folder."""
        return cls(folder or under(root, STATE_DIR))

    # -- reading

    def last(self) -> Record | None:
        """The newest switch that has a journal; None: there is none.

        Raises:
            JournalError: it cannot be read, or is damaged.
        """
        for name in reversed(self._names()):
            if (record := self._read(name)) is not None:
                return record
        return None

    def unfinished(self) -> Record | None:
        """The switch that was interrupted; None: there is none.

        Raises:
            JournalError: as last().
        """
        record = self.last()
        return None if record is None or record.finished else record

    def applied(self) -> Record | None:
        """The newest switch that stands and could be undone.

        Raises:
            JournalError: as last().
        """
        for name in reversed(self._names()):
            record = self._read(name)
            if record is not None and record.entries and record.stage is not Stage.UNDONE:
                return record
        return None

    def kept(self, record: Record, index: int) -> str:
        """Where the old bytes of the file with this number lie, as seen from here."""
        return f"{self._of(record.id)}/{index}.before"

    # -- writing

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else switches meanwhile; a killed process lets go by itself.

        Raises:
            Busy: somebody does.
            JournalError: the folder cannot be made or is not ours.
        """
        self._prepare()
        path = f"{self.folder}/lock"
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._cannot(error) from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise self._cannot(error) from None
                raise Busy(
                    "another switch or rollback is running on this node: wait until it has ended"
                ) from None
            self._lock = lock
            yield
        finally:
            self._lock = None
            os.close(lock)

    def begin(self, plan: Plan, entries: tuple[Entry, ...], *, healthz: bool | None) -> Record:
        """Keep everything that is needed to undo or finish, before anything is changed.

        Raises:
            JournalError: it cannot be kept; nothing was changed.
        """
        identity = _identity(time.time_ns(), max(self._names(), default=""))
        record = Record(
            identity,
            plan.target,
            Stage.APPLYING,
            "keeping the old files",
            entries,
            plan.restarts,
            healthz=healthz,
        )
        folder = self._of(identity)
        try:
            os.mkdir(folder, 0o700)  # noqa: PTH102
            for index, entry in enumerate(entries):
                for word, state in (("before", entry.before), ("after", entry.after)):
                    if state is not None:
                        _write_new(f"{folder}/{index}.{word}", state.data)
            sync_folder(folder)
            sync_folder(self._switches)
        except OSError as error:
            raise self._cannot(error) from None
        self.write(record)
        self._prune()
        return record

    def write(self, record: Record) -> Record:
        """Keep how far it has come; when this returns it outlasts a power failure.

        Raises:
            JournalError: it cannot be kept.
        """
        if self._lock is None:
            raise JournalError("the journal was to be written without its lock")
        folder = self._of(record.id)
        path = f"{folder}/journal.json"
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{path}.tmp")  # noqa: PTH108
            _write_new(f"{path}.tmp", _to_json(record))
            os.rename(f"{path}.tmp", path)  # noqa: PTH104
            sync_folder(folder)
        except OSError as error:
            raise self._cannot(error) from None
        return record

    def step(self, record: Record, reached: str, **changes: Any) -> Record:
        """Write that a step begins.

        Raises:
            JournalError: as write().
        """
        return self.write(replace(record, reached=reached, **changes))

    # -- inside

    @property
    def _switches(self) -> str:
        return f"{self.folder}/switches"

    def _of(self, identity: str) -> str:
        return f"{self._switches}/{identity}"

    def _names(self) -> list[str]:
        try:
            return sorted(filter(_ID.fullmatch, os.listdir(self._switches)))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._cannot(error) from None

    def _read(self, name: str) -> Record | None:
        """One switch; None when it has no journal yet, and so has changed nothing."""
        folder = self._of(name)
        try:
            state = read_state(f"{folder}/journal.json")
            return None if state is None else _from_json(state.data, folder)
        except FileRefused as refused:
            raise JournalError(str(refused)) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise JournalError(
                f"the journal in {clean(folder)} is damaged ({clean(str(error), 120)}): the old "
                "files lie beside it, named as N.before"
            ) from None

    def _prepare(self) -> None:
        try:
            for folder in (self.folder, self._switches):
                try:
                    os.makedirs(folder, 0o700)  # noqa: PTH103
                    sync_folder(os.path.dirname(folder))  # noqa: PTH120
                except FileExistsError:
                    status = os.lstat(folder)
                    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                        raise JournalError(
                            f"{clean(folder)} is not a folder of this user's own: look at it, and "
                            "move it away"
                        ) from None
                    if stat.S_IMODE(status.st_mode) != 0o700:
                        os.chmod(folder, 0o700)  # noqa: PTH101
        except OSError as error:
            raise self._cannot(error) from None

    def _prune(self) -> None:
        """Old switches are forgotten, and folders that a crash left without a journal."""
        for name in self._names()[:-_KEPT]:
            # Without its journal a folder counts as nothing, however far the removal comes.
            with contextlib.suppress(OSError):
                os.unlink(f"{self._of(name)}/journal.json")  # noqa: PTH108
            shutil.rmtree(self._of(name), ignore_errors=True)

    def _cannot(self, error: OSError) -> JournalError:
        remedy = "run this as root"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "make room on its disk"
        elif error.errno not in (errno.EACCES, errno.EPERM):
            remedy = "mend that first"
        return JournalError(
            f"the journal in {clean(self.folder)} cannot be used: {error.strerror}; {remedy}"
        )


def _identity(now: int, newest: str) -> str:
    """The next switch's name: its time in nanoseconds, yet after the newest though the clock fell.

    The newest by name is the one to finish or undo, and the oldest are forgotten.
    """
    if match := _ID.fullmatch(newest):
        then = calendar.timegm(time.strptime(match[1], "%Y%m%dT%H%M%S"))
        now = max(now, then * 10**9 + int(match[2]) + 1)
    day = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9))
    return f"{day}-{now % 10**9:09d}"


def unfinished(record: Record | None) -> Unfinished | None:
    """As the checklist wants it."""
    if record is None:
        return None
    return Unfinished(record.target, record.reached, record.stage is Stage.UNDOING)


def _write_new(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _to_json(record: Record) -> bytes:
    def state(one: FileState | None) -> dict[str, Any] | None:
        if one is None:
            return None
        return one.to_json() | {"sha256": hashlib.sha256(one.data).hexdigest()}

    told = {
        "schema": SCHEMA,
        "id": record.id,
        "target": record.target,
        "stage": record.stage.value,
        "reached": record.reached,
        "files": [
            {
                "path": entry.path,
                "before": state(entry.before),
                "after": state(entry.after),
                "new_folders": list(entry.new_folders),
            }
            for entry in record.entries
        ],
        "restarts": [
            {"unit": one.unit, "why": one.why, "kubelet": one.kubelet} for one in record.restarts
        ],
        "begun": list(record.begun),
        "done": list(record.done),
        "healthz": record.healthz,
        "says": record.says,
    }
    return json.dumps(told, indent=1).encode() + b"\n"


def _from_json(data: bytes, folder: str) -> Record:
    told = json.loads(data)
    if told["schema"] != SCHEMA:
        raise ValueError(f"its schema is {told['schema']}, and {SCHEMA} is known")

    if told["id"] != os.path.basename(folder):  # noqa: PTH119
        raise ValueError("it belongs to another folder")

    def state(said: dict[str, Any] | None, index: int, word: str) -> FileState | None:
        if said is None:
            return None
        kept = read_state(f"{folder}/{index}.{word}")
        if kept is None or hashlib.sha256(kept.data).hexdigest() != said["sha256"]:
            raise ValueError(f"{index}.{word} is not what was kept")
        return FileState.from_json(kept.data, said)

    target = told["target"]
    if target not in ("evented", "generic"):
        raise ValueError(f"its target is {target}")
    return Record(
        str(told["id"]),
        target,
        Stage(told["stage"]),
        str(told["reached"]),
        tuple(
            Entry(
                str(one["path"]),
                state(one["before"], index, "before"),
                state(one["after"], index, "after"),
                tuple(map(str, one["new_folders"])),
            )
            for index, one in enumerate(told["files"])
        ),
        tuple(Restart(str(r["unit"]), str(r["why"]), bool(r["kubelet"])) for r in told["restarts"]),
        tuple(map(str, told["begun"])),
        tuple(map(str, told["done"])),
        told["healthz"],
        str(told["says"]),
    )
