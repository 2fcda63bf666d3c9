"""Carry a plan out, or finish one that was interrupted; any failure puts everything back.

Each step is in the journal before it begins, and each can be done again: a process that is killed
anywhere leaves every file old or new, and the next one finishes or undoes.
"""

from __future__ import annotations

import os

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.migrate.changes import FileChange
from pleg_tui.migrate.files import (
    FileRefused,
    NodeFiles,
    remove,
    remove_temporary,
    same,
    sync_folder,
    write_state,
)
from pleg_tui.migrate.hands import Hands, HandsError, Verdict
from pleg_tui.migrate.journal import Entry, Journal, JournalError, Record, Stage
from pleg_tui.migrate.plan import Plan, Tell
from pleg_tui.migrate.rollback import may_have_read, undo_record
from pleg_tui.migrate.signals import steadfast
from pleg_tui.node.kubelet.types import Mode


class ApplyError(Exception):
    """It was not begun; nothing was changed. Its text is one sentence."""


class _Failed(Exception):
    """A step did not come out as it should."""


class Outcome(Struct, frozen=True):
    """How a switch ended."""

    applied: bool
    """False: everything is as it was before."""
    verdict: Verdict | None
    """None: it did not come to that."""
    why: str = ""
    """Why it was undone; empty when it was not."""
    interrupted: bool = False
    """By a signal."""


def apply(
    plan: Plan, files: NodeFiles, journal: Journal, hands: Hands, tell: Tell = print
) -> Outcome:
    """Carry a plan out; on any failure put everything back.

    Raises:
        ApplyError: nothing was begun.
        UndoFailed: it failed, and not everything could be put back; the journal says so too.
    """
    try:
        with journal.locked(), steadfast():
            if journal.unfinished() is not None:
                raise ApplyError("an earlier switch was left half done: finish it or undo it first")
            entries = tuple(_entry(change, files) for change in plan.changes)
            healthz = hands.healthz()
            if healthz is False:
                raise ApplyError(
                    "the kubelet's healthz says that it is not well already: mend that"
                )
            tell("keeping the old files")
            record = journal.begin(plan, entries, healthz=healthz)
            return _carry(record, plan.expects, files, journal, hands, tell)
    except (JournalError, FileRefused) as error:
        raise ApplyError(str(error)) from None


def finish(
    expects: tuple[Mode, ...], files: NodeFiles, journal: Journal, hands: Hands, tell: Tell = print
) -> Outcome:
    """Finish a switch that was interrupted; one whose undoing was interrupted is undone.

    Args:
        expects: the modes that prove that it worked.
        files: the node's.
        journal: with the interrupted switch.
        hands: as in apply().
        tell: takes a line about what happens now.

    Raises:
        ApplyError: there is none, or it cannot be begun.
        UndoFailed: as apply().
    """
    try:
        with journal.locked(), steadfast():
            record = journal.unfinished()
            if record is None:
                raise ApplyError("no switch was left half done")
            if record.stage is Stage.UNDOING:
                record = may_have_read(record, files)
                undo_record(record, files, journal, hands, tell, record.says)
                return Outcome(False, None, record.says)
            record = may_have_read(record, files)
            return _carry(record, expects, files, journal, hands, tell)
    except (JournalError, FileRefused) as error:
        raise ApplyError(str(error)) from None


def _carry(
    record: Record,
    expects: tuple[Mode, ...],
    files: NodeFiles,
    journal: Journal,
    hands: Hands,
    tell: Tell,
) -> Outcome:
    verdict: Verdict | None = None
    try:
        for index, entry in enumerate(record.entries):
            tell(f"writing {clean(entry.path)}")
            record = journal.step(record, f"writing {entry.path}")
            _put(record, index, entry, files)
        for restart in record.restarts:
            if restart.unit in record.done:
                continue
            tell(f"restarting {restart.unit}")
            begun = tuple(dict.fromkeys((*record.begun, restart.unit)))
            record = journal.step(record, f"restarting {restart.unit}", begun=begun)
            hands.restart(restart)
            tell(f"waiting until {restart.unit} is well")
            hands.wait_well(restart, record.healthz)
            done = (*record.done, restart.unit)
            record = journal.step(record, f"{restart.unit} is well", done=done)
        if record.restarts:
            tell("looking at what the kubelet does now")
            record = journal.step(record, "looking at what the kubelet does")
            verdict = hands.verify(expects)
            if verdict.ok is False:
                raise _Failed(f"the kubelet is {verdict.mode.value}: {verdict.says}")
        says = verdict.says if verdict else ""
        journal.step(record, "applied", stage=Stage.APPLIED, says=says)
        return Outcome(True, verdict)
    except (_Failed, HandsError, FileRefused, JournalError, OSError) as error:
        why = _sentence(error)
        interrupted = False
    except KeyboardInterrupt:
        why = "it was interrupted"
        interrupted = True
    tell(f"failed: {why}")
    undo_record(record, files, journal, hands, tell, why)
    return Outcome(False, verdict, why, interrupted)


def _entry(change: FileChange, files: NodeFiles) -> Entry:
    missing: list[str] = []
    folder = os.path.dirname(change.path)  # noqa: PTH120
    while folder != "/" and not os.path.lexists(files.real(folder)):
        missing.append(folder)
        folder = os.path.dirname(folder)  # noqa: PTH120
    now = files.read(change.path)
    if now != change.before:
        raise ApplyError(f"{clean(change.path)} was changed since the plan was made: plan again")
    return Entry(change.path, change.before, change.after, tuple(reversed(missing)))


def _put(record: Record, index: int, entry: Entry, files: NodeFiles) -> None:
    """Make one file new; done already, it stays."""
    real = files.real(entry.path)
    for folder in entry.new_folders:
        path = files.real(folder)
        if not os.path.isdir(path):  # noqa: PTH112
            os.mkdir(path, 0o755)  # noqa: PTH102
            os.chmod(path, 0o755)  # noqa: PTH101, S103 - whatever the umask is
            sync_folder(os.path.dirname(path))  # noqa: PTH120
    remove_temporary(real, record.temporary(index))
    now = files.read(entry.path)
    if (now and now.data) == (entry.after and entry.after.data):
        return
    if (now and now.data) != (entry.before and entry.before.data):
        raise _Failed(f"{clean(entry.path)} was changed by somebody else meanwhile")
    if entry.after is None:
        remove(real)
        return
    write_state(real, entry.after, record.temporary(index))
    if not same(files.read(entry.path), entry.after):
        raise _Failed(f"{clean(entry.path)} does not read back as it was written")


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError):
        name = f" ({clean(str(error.filename))})" if error.filename else ""
        return f"{error.strerror or type(error).__name__}{name}"
    return str(error)
