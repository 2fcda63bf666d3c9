"""`rollback`: put back, to the byte, what the newest switch changed."""

from __future__ import annotations

from argparse import Namespace

from pleg_tui.cli.errors import GOOD
from pleg_tui.cli.node_facts import Site, gather, site
from pleg_tui.cli.switch import (
    Refusal,
    check_usage,
    confirm,
    hands,
    print_lines,
    prose,
    steps,
    tell,
)
from pleg_tui.cri.clean import clean
from pleg_tui.migrate.files import NodeFiles
from pleg_tui.migrate.hands import SystemHands
from pleg_tui.migrate.journal import JournalError, Record
from pleg_tui.migrate.rollback import RollbackRefused, UndoFailed, candidate, preview, rollback


def run(options: Namespace) -> int:
    """Put back what the newest switch changed. Returns the exit code.

    Raises:
        CliError: there is nothing to put back, it is refused, or the options make no sense.
    """
    check_usage(options)
    with site(options) as found:
        try:
            record = candidate(found.journal)
        except JournalError as error:
            raise Refusal(str(error)) from None
        if record is None:
            raise Refusal("nothing to roll back: no switch of this program stands on this node")
        facts = gather(found, quick=True)
        print_lines(_describe_undo(record, found.files))
        with_hands = hands(found, facts)
        confirm(options, "put this back")
        return _undo(found, with_hands)


def _describe_undo(record: Record, files: NodeFiles) -> list[str]:
    changes, restarts = preview(record, files)
    lines = [f"roll back the switch to {record.target} of {record.id.partition('-')[0]}"]
    if not record.finished:
        lines += prose(f"it was interrupted at: {clean(record.reached)}", "  note: ")
    return lines + steps(changes, restarts)


def _undo(found: Site, with_hands: SystemHands) -> int:
    try:
        record = rollback(found.journal, found.files, with_hands, tell)
    except (RollbackRefused, UndoFailed) as error:
        raise Refusal(str(error)) from None
    print_lines([f"rolled back: every file is as it was before the switch to {record.target}"])
    return GOOD
