"""`switch evented|generic`: the plan, and with --apply its carrying out."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterable

from pleg_tui.cli.check import columns
from pleg_tui.cli.errors import FAULT, GOOD, INTERRUPTED, CliError, UsageError, say
from pleg_tui.cli.node_facts import Site, gather, site
from pleg_tui.cli.table import align
from pleg_tui.cri import traits
from pleg_tui.cri.clean import clean
from pleg_tui.migrate import apply as applying
from pleg_tui.migrate.changes import FileChange
from pleg_tui.migrate.facts import Facts
from pleg_tui.migrate.hands import SystemHands
from pleg_tui.migrate.journal import JournalError, Record, Stage
from pleg_tui.migrate.measure import Usage, measure
from pleg_tui.migrate.plan import Plan, Refused, Restart, diff, expected, plan
from pleg_tui.migrate.rollback import UndoFailed
from pleg_tui.node.kubelet.process import find_kubelet
from pleg_tui.node.runtime_config import find_runtime

MEASURE_S = 120.0


class Refusal(CliError):
    """The answer is no."""

    code = FAULT


def run(options: Namespace) -> int:
    """`switch`: print the plan; with --apply carry it out. Returns the exit code.

    Raises:
        CliError: it is refused, or the options make no sense.
    """
    check_usage(options)
    with site(options) as found:
        facts = gather(found)
        record = _unfinished(found)
        if record is not None:
            return _resume(options, found, facts, record)
        made = plan(
            options.target, facts, found.files, accept_risks=hasattr(options, "accept_risks")
        )
        if isinstance(made, Refused):
            remedy = f": {made.remedy}" if made.remedy else ""
            raise Refusal(f"refused: {made.reason}{remedy}")
        print_lines(describe(made, facts, simulated=found.simulated))
        if made.nothing_to_do or not hasattr(options, "apply"):
            return GOOD
        if not found.restart_command and facts.machine.systemd.on is not True:
            raise Refusal(
                f"refused: services cannot be restarted: {facts.machine.systemd.source}; give the "
                "command with --restart-command"
            )
        by = hands(found, facts)
        confirm(options, "carry this out")
        return _carry(options, found, facts, made, by)


# -- what is printed


def describe(made: Plan, facts: Facts, *, simulated: bool) -> list[str]:
    """The plan as plain text: diffs whole, prose no wider than the terminal."""
    lines = ["-- SIMULATED node"] if simulated or facts.runtime.simulated else []
    kubelet = facts.kubelet
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    lines += prose(
        f"switch to {made.target}: kubelet {clean(kubelet.version.value or 'of unknown version')}, "
        f"now {kubelet.mode.value}; {known.title}; {clean(kubelet.home.distribution or '')}"
    )
    if made.nothing_to_do:
        lines.append("nothing to do: the node is already configured so")
        lines += [line for note in made.notes for line in prose(note, "  note: ")]
        return lines
    lines += steps(made.changes, made.restarts)
    for rung in made.risks:
        lines += prose(f"{rung.says} ({rung.source})", "  risk: ")
        lines += prose(rung.remedy, "        -> ")
    for note in made.notes:
        lines += prose(note, "  note: ")
    return lines


def steps(changes: Iterable[FileChange], restarts: Iterable[Restart]) -> list[str]:
    """What is done, numbered: files with their diffs, then restarts."""
    lines = []
    number = 0
    for change in changes:
        number += 1
        verb = "make" if change.before is None else "change" if change.after else "remove"
        lines += prose(f"{verb} {clean(change.path)}: {change.why}", f"{number:>3}. ")
        lines += [f"     {line}" for line in diff(change)]
    for restart in restarts:
        number += 1
        lines += prose(f"restart {restart.unit}: {restart.why}", f"{number:>3}. ")
    return lines


def _side_by_side(before: tuple[Usage, ...], after: tuple[Usage, ...]) -> list[str]:
    """CPU before and after, in one table."""
    rows = [("CPU, ms per s", "BEFORE", "AFTER", "MEASURED OVER")]
    rows += [
        (one.name, _figure(one), _figure(other), f"{one.seconds:.0f} s and {other.seconds:.0f} s")
        for one, other in zip(before, after, strict=True)
    ]
    notes = [
        f"  {word}, {one.name}: unknown, {one.why}"
        for word, side in (("before", before), ("after", after))
        for one in side
        if one.cpu_ms_per_s is None
    ]
    return [*align(rows), *notes, "two single measurements: what else ran meanwhile is in them"]


def _figure(usage: Usage) -> str:
    return "unknown" if usage.cpu_ms_per_s is None else f"{usage.cpu_ms_per_s:.1f}"


def prose(text: str, first: str = "", width: int = 0) -> list[str]:
    """A paragraph, no wider than the terminal."""
    return textwrap.wrap(
        text,
        width or columns(),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
        break_long_words=False,
    )


def print_lines(lines: Iterable[str]) -> None:
    """Lines on standard output, at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def tell(line: str) -> None:
    """Progress; a terminal that is gone must not stop what has begun."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"-- {line}\n")
        sys.stdout.flush()


# -- what is done


def _carry(options: Namespace, found: Site, facts: Facts, made: Plan, by: SystemHands) -> int:
    seconds = getattr(options, "measure", MEASURE_S)
    before = _measured(found, facts, seconds, "before")
    try:
        outcome = applying.apply(made, found.files, found.journal, by, tell)
    except applying.ApplyError as error:
        raise Refusal(f"refused, and nothing was changed: {error}") from None
    except UndoFailed as error:
        raise Refusal(str(error)) from None
    ended = _ended(outcome, made.target, facts)
    if outcome.applied and seconds > 0:
        after = _measured(found, facts, seconds, "after")
        print_lines(_side_by_side(before, after))
    return ended


def _ended(outcome: applying.Outcome, target: str, facts: Facts) -> int:
    if not outcome.applied:
        say(f"the switch failed and every file was put back as it was: {outcome.why}")
        return INTERRUPTED if outcome.interrupted else FAULT
    verdict = outcome.verdict
    if verdict is None:
        print_lines(["applied; nothing was restarted"])
        return GOOD
    if verdict.ok:
        print_lines(prose(f"verified: the kubelet is {verdict.mode.value}: {verdict.says}"))
        if target == "evented" and facts.kubelet.mode is not verdict.mode:
            print_lines(
                prose("from now on: after each restart of the runtime restart the kubelet too")
            )
        return GOOD
    say(
        f"applied, but not proven: what the kubelet does now could not be told ({verdict.says}); "
        "see `pleg-tui check`, or undo it with `pleg-tui rollback`"
    )
    return FAULT


def _resume(options: Namespace, found: Site, facts: Facts, record: Record) -> int:
    """An earlier switch was interrupted: finish it, or have it undone."""
    what = f"a switch to {record.target} was interrupted at: {clean(record.reached)}"
    if record.stage is Stage.UNDOING:
        raise Refusal(f"{what}: its rollback is half done, finish it with `pleg-tui rollback`")
    if record.target != options.target or not hasattr(options, "apply"):
        raise Refusal(
            f"{what}: finish it with `pleg-tui switch {record.target} --apply`, or undo it with "
            "`pleg-tui rollback`"
        )
    print_lines([*prose(what), *steps(_as_changes(record), record.restarts)])
    by = hands(found, facts)
    confirm(options, "finish it")
    try:
        expects = expected(record.target, facts)
        outcome = applying.finish(expects, found.files, found.journal, by, tell)
    except (applying.ApplyError, UndoFailed) as error:
        raise Refusal(str(error)) from None
    return _ended(outcome, record.target, facts)


def _as_changes(record: Record) -> list[FileChange]:
    return [FileChange(e.path, e.before, e.after, "as planned") for e in record.entries]


def _measured(found: Site, facts: Facts, seconds: float, word: str) -> tuple[Usage, ...]:
    if seconds <= 0:
        return ()
    tell(f"measuring the CPU {word} for {seconds:.0f} s (--measure 0 leaves it out)")
    kubelet = find_kubelet(found.root, found.kubelet.pid).chosen
    endpoint = facts.kubelet.runtime_endpoint.value or facts.runtime.endpoint
    runtime, _ = find_runtime(found.root, endpoint, facts.runtime.name, facts.runtime.endpoint)
    pids = {
        "kubelet": kubelet.pid if kubelet else None,
        runtime.name if runtime else "runtime": runtime.pid if runtime else None,
    }
    return measure(found.root, pids, seconds)


def hands(found: Site, facts: Facts) -> SystemHands:
    """What restarts and looks, as the options want it.

    Raises:
        UsageError: the command makes no sense.
    """
    try:
        return SystemHands(
            facts.kubelet,
            root=found.root,
            options=found.kubelet,
            restart_command=found.restart_command,
            endpoint=facts.runtime.endpoint,
            tell=tell,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _unfinished(found: Site) -> Record | None:
    try:
        return found.journal.unfinished()
    except JournalError as error:
        raise Refusal(str(error)) from None


def check_usage(options: Namespace) -> None:
    """Refuse options that make no sense.

    Raises:
        UsageError: they do.
    """
    command = getattr(options, "restart_command", None)
    if command is not None and not command.strip():
        raise UsageError("--restart-command is empty: give the command, {unit} stands for the unit")


def confirm(options: Namespace, what: str) -> None:
    """Ask, unless --yes was given.

    Raises:
        UsageError: there is nobody to ask.
        Refusal: no.
    """
    if hasattr(options, "yes"):
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError(f"--yes is needed to {what} where nobody can be asked")
    sys.stdout.write(f"{what[0].upper()}{what[1:]}? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refusal("nothing was changed")
