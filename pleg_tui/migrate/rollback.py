"""Put a node back to the exact bytes that it had before a switch.

Used by a switch that fails, by `pleg-tui rollback`, and after a crash. Each step can be repeated.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import Any

from msgspec.structs import replace

from pleg_tui.cri.clean import clean
from pleg_tui.migrate.changes import FileChange
from pleg_tui.migrate.files import (
    FileRefused,
    NodeFiles,
    remove,
    remove_temporary,
    sync_folder,
    write_state,
)
from pleg_tui.migrate.hands import Hands, HandsError
from pleg_tui.migrate.journal import Entry, Journal, JournalError, Record, Stage
from pleg_tui.migrate.plan import Restart, Tell
from pleg_tui.migrate.signals import deaf


class RollbackRefused(Exception):
    """There is nothing to undo, or it would overwrite somebody's work; nothing was changed."""


class UndoFailed(Exception):
    """Not everything could be put back; its text says what, and what to do."""


def candidate(journal: Journal) -> Record | None:
    """The switch that a rollback would undo: the interrupted one, else the newest that stands.

    Raises:
        JournalError: the journal cannot be read.
    """
    return journal.unfinished() or journal.applied()


def preview(
    record: Record, files: NodeFiles | None = None
) -> tuple[tuple[FileChange, ...], tuple[Restart, ...]]:
    """What a rollback of this switch would do: files in their order, then restarts.

    Args:
        record: the switch.
        files: the node's, to see what an interrupted one has written already; None: not looked.
    """
    if files is not None:
        record = may_have_read(record, files)
    changes = tuple(
        FileChange(entry.path, entry.after, entry.before, "as it was before")
        for entry in reversed(record.entries)
    )
    return changes, tuple(one for one in record.restarts if one.unit in record.begun)


def may_have_read(record: Record, files: NodeFiles) -> Record:
    """The interrupted switch with every service that may run with a new file among the begun.

    Since the interruption the machine may have been booted, or a service restarted by somebody
    else: once a file is new, only a restart is sure to make a service read the old one.
    """
    if record.finished:
        return record
    for entry in record.entries:
        try:
            now = files.read(entry.path)
        except FileRefused:
            continue
        if (now and now.data) == (entry.after and entry.after.data):
            units = (restart.unit for restart in record.restarts)
            return replace(record, begun=tuple(dict.fromkeys((*record.begun, *units))))
    return record


def rollback(journal: Journal, files: NodeFiles, hands: Hands, tell: Tell = print) -> Record:
    """Undo the interrupted switch, or the newest one that stands.

    Returns:
        The switch that was undone.

    Raises:
        RollbackRefused: nothing was changed.
        UndoFailed: not everything could be put back; call it again.
    """
    try:
        with journal.locked():
            record = candidate(journal)
            if record is None:
                raise RollbackRefused("no switch of this program stands on this node")
            if record.stage is Stage.APPLIED:
                _untouched(record, files)
            record = may_have_read(record, files)
            return undo_record(record, files, journal, hands, tell, "it was asked for")
    except JournalError as error:
        raise RollbackRefused(str(error)) from None


def undo_record(
    record: Record, files: NodeFiles, journal: Journal, hands: Hands, tell: Tell, why: str
) -> Record:
    """Put every file of a switch back, and restart what it had restarted. Holds the lock already.

    A journal that cannot be written any more (a full disk) does not stop this: its last entry and
    the files, each old or new, are enough to begin again.

    Raises:
        UndoFailed: something could not be put back.
    """
    with deaf():
        return _undo(record, files, journal, hands, tell, why)


def _undo(
    record: Record, files: NodeFiles, journal: Journal, hands: Hands, tell: Tell, why: str
) -> Record:
    first = record.stage is not Stage.UNDOING
    record = _note(
        journal, record, "putting the old files back", stage=Stage.UNDOING, says=why,
        done=() if first else record.done,
    )  # fmt: skip
    faults: list[str] = []
    for index in range(len(record.entries) - 1, -1, -1):
        entry = record.entries[index]
        tell(f"putting back {clean(entry.path)}")
        record = _note(journal, record, f"putting back {entry.path}")
        try:
            _put_back(record, index, entry, files)
        except FileRefused as error:
            faults.append(str(error))
        except OSError as error:
            faults.append(f"{clean(entry.path)} cannot be written: {error.strerror}")
    if faults:
        # The services go on as they are: what they would read now is nobody's intention.
        raise UndoFailed(_told(faults, _by_hand(record, files, journal)))
    for restart in record.restarts:
        if restart.unit not in record.begun or restart.unit in record.done:
            continue
        tell(f"restarting {restart.unit}")
        record = _note(journal, record, f"restarting {restart.unit}, with the old files")
        try:
            hands.restart(restart)
            tell(f"waiting until {restart.unit} is well")
            hands.wait_well(restart, record.healthz)
        except HandsError as error:
            faults.append(str(error))
        else:
            record = _note(journal, record, f"{restart.unit} is well",
                           done=(*record.done, restart.unit))  # fmt: skip
    if faults:
        by_hand = _by_hand(record, files, journal)
        raise UndoFailed(f"the files are as they were, but {_told(faults, by_hand)}")
    try:
        return journal.step(record, "everything is as it was", stage=Stage.UNDONE)
    except JournalError as error:
        raise UndoFailed(f"everything is as it was, but {error}") from None


def _told(faults: list[str], by_hand: str) -> str:
    again = "mend that, then run `pleg-tui rollback` to finish"
    return f"{'; '.join(faults)}: {again}" + (f"; by hand it is: {by_hand}" if by_hand else "")


def _by_hand(record: Record, files: NodeFiles, journal: Journal) -> str:
    """The commands that would do what is left."""
    steps = []
    for index, entry in enumerate(record.entries):
        real = clean(shlex.quote(files.real(entry.path)))
        try:
            now = files.read(entry.path)
        except FileRefused:
            now = entry.after
        if (now and now.data) == (entry.before and entry.before.data):
            continue
        kept = clean(shlex.quote(journal.kept(record, index)))
        steps.append(f"rm {real}" if entry.before is None else f"cp {kept} {real}")
    steps += [
        f"systemctl restart {clean(one.unit)}"
        for one in record.restarts
        if one.unit in record.begun and one.unit not in record.done
    ]
    return "`" + " && ".join(steps) + "`" if steps else ""


def _note(journal: Journal, record: Record, reached: str, **changes: Any) -> Record:
    try:
        return journal.step(record, reached, **changes)
    except JournalError:
        return replace(record, reached=reached, **changes)


def _put_back(record: Record, index: int, entry: Entry, files: NodeFiles) -> None:
    real = files.real(entry.path)
    remove_temporary(real, record.temporary(index))
    now = files.read(entry.path)
    data = now and now.data
    if data != (entry.before and entry.before.data):
        if data != (entry.after and entry.after.data):
            raise FileRefused(f"{clean(entry.path)} was changed by somebody else since the switch")
        if entry.before is None:
            remove(real)
        else:
            write_state(real, entry.before, record.temporary(index))
    for folder in reversed(entry.new_folders):
        path = files.real(folder)
        with contextlib.suppress(OSError):  # somebody else has put something there
            os.rmdir(path)  # noqa: PTH106
            sync_folder(os.path.dirname(path))  # noqa: PTH120


def _untouched(record: Record, files: NodeFiles) -> None:
    changed = []
    for entry in record.entries:
        try:
            now = files.read(entry.path)
        except FileRefused as refused:
            raise RollbackRefused(str(refused)) from None
        data = now and now.data
        known = (entry.before and entry.before.data, entry.after and entry.after.data)
        if data not in known:
            changed.append(clean(entry.path))
    if changed:
        raise RollbackRefused(
            f"{', '.join(changed)} was changed since the switch, and putting back the old file "
            f"would lose that: use `pleg-tui switch {_other(record)}` instead"
        )


def _other(record: Record) -> str:
    return "generic" if record.target == "evented" else "evented"
