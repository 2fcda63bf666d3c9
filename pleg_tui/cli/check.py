"""`check`: is this node's kubelet on events, could it be, and what stands in the way."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from argparse import Namespace
from collections.abc import Iterable
from typing import Any

from pleg_tui.cli.errors import FAULT, GOOD, NO_RUNTIME
from pleg_tui.cli.node_facts import Site, gather, site
from pleg_tui.cli.shapes import dumps
from pleg_tui.cli.times import rfc3339
from pleg_tui.cri import traits
from pleg_tui.cri.clean import clean
from pleg_tui.migrate.checks import Answer, Check, answer, because, check
from pleg_tui.migrate.facts import Facts
from pleg_tui.migrate.ladder import Status
from pleg_tui.node.kubelet.types import Change, ChangeKind, Mode, Weight
from pleg_tui.node.kubelet.watch import KubeletWatch

CHECK_SCHEMA = "pleg-tui/check/v1"
CHANGE_SCHEMA = "pleg-tui/check-change/v1"
MODES = {
    Mode.GENERIC: "generic: it polls, a relist every second",
    Mode.EVENTED: "evented: it lives on the runtime's events",
    Mode.FALLEN_BACK: "fallen-back: its gate is on, and it polls all the same",
    Mode.HINT_ONLY: "hint-only: it polls, and events hurry terminations",
    Mode.UNKNOWN: "unknown",
}
_WATCH_S = 5.0
_ANEW = {ChangeKind.APPEARED, ChangeKind.GONE, ChangeKind.RESTARTED, ChangeKind.MODE,
         ChangeKind.FELL_BACK}  # fmt: skip
"""Changes after which everything is looked at again."""
_MOST_COLUMNS = 100


def run(options: Namespace) -> int:
    """Print the checklist; with --watch also what changes. Returns the exit code.

    Raises:
        CliError: the options make no sense.
    """
    as_json = getattr(options, "output", "table") == "json"
    watching = hasattr(options, "watch")
    with site(options) as found:
        facts = gather(found)
        checks = check(facts)
        _print(shown(facts, checks, as_json=as_json, line=watching, simulated=found.simulated))
        if watching:
            facts, checks = _watch(found, facts, checks, options, as_json)
    return code(facts, checks)


def code(facts: Facts, checks: tuple[Check, ...]) -> int:
    """0 for ready and in-use; 3 where there is no runtime to speak of; else 1."""
    if answer(facts, checks) in (Answer.READY, Answer.IN_USE):
        return GOOD
    return FAULT if facts.runtime.name else NO_RUNTIME


def shape(facts: Facts, checks: tuple[Check, ...], *, simulated: bool) -> dict[str, Any]:
    """What `check -o json` answers."""
    kubelet = facts.kubelet
    return {
        "schema": CHECK_SCHEMA,
        "simulated": simulated or facts.runtime.simulated,
        "answer": answer(facts, checks).value,
        "because": because(facts, checks),
        "kubelet": {
            "version": kubelet.version.value,
            "mode": kubelet.mode.value,
            "evidence": [
                {"source": one.source, "says": one.says, "weight": one.weight.value}
                for one in kubelet.evidence
            ],
            "mode_why": kubelet.mode_why or None,
            "distribution": kubelet.home.distribution,
            "remedies": list(kubelet.remedies),
        },
        "runtime": {
            "name": facts.runtime.name or None,
            "version": facts.runtime.version or None,
            "endpoint": facts.runtime.endpoint or None,
        },
        "checks": [
            {
                "id": one.id,
                "status": one.status.value,
                "title": one.title,
                "evidence": one.evidence or None,
                "remedy": one.remedy or None,
                "source": one.source or None,
            }
            for one in checks
        ],
    }


def shown(
    facts: Facts, checks: tuple[Check, ...], *, as_json: bool, line: bool, simulated: bool
) -> list[str]:
    """The answer as lines; with `line` JSON stands on one, as in a stream."""
    if as_json:
        told = shape(facts, checks, simulated=simulated)
        return [dumps(told, indent=None if line else 2)]
    return table(facts, checks, simulated=simulated, width=columns())


def table(facts: Facts, checks: tuple[Check, ...], *, simulated: bool, width: int) -> list[str]:
    """The answer for people, no line longer than the width."""
    kubelet = facts.kubelet
    runtime = traits.traits(facts.runtime.name, facts.runtime.version)
    lines = []
    if simulated or facts.runtime.simulated:
        lines.append("-- SIMULATED node")
    lines += _item("answer", f"{answer(facts, checks).value}: {because(facts, checks)}", width)
    version = kubelet.version.value or "unknown"
    lines += _item("kubelet", f"{clean(version)}, {MODES[kubelet.mode]}", width)
    if kubelet.mode_why:
        lines += _item("", clean(kubelet.mode_why), width)
    lines += _item("runtime", runtime.title if facts.runtime.name else "unknown", width)
    lines.append("")
    for one in checks:
        lines += _check(one, width)
    seen = [one for one in kubelet.evidence if one.weight is not Weight.NOTHING]
    if seen:
        lines += ["", "evidence of the mode"]
        for evidence in seen:
            told = f"{evidence.source} ({evidence.weight.value}): {evidence.says}"
            lines += _wrapped(clean(told), "  - ", "    ", width)
    if kubelet.remedies and kubelet.mode is Mode.UNKNOWN:
        lines += ["", "to know more"]
        for remedy in kubelet.remedies:
            first, *rest = remedy.splitlines()
            lines += _wrapped(clean(first), "  - ", "    ", width)
            # Such as a manifest: its line breaks and indentation matter.
            lines += [f"    {clean(line)}" for line in rest]
    return lines


def _check(one: Check, width: int) -> list[str]:
    lines = _wrapped(
        f"{one.title}: {one.evidence}", f"{one.status.value.upper():<8}", " " * 8, width
    )
    if one.status is not Status.PASS:
        if one.remedy:
            lines += _wrapped(one.remedy, " " * 8 + "-> ", " " * 11, width)
        if one.source:
            lines += _wrapped(one.source, " " * 8 + "by ", " " * 11, width)
    return lines


def _item(title: str, text: str, width: int) -> list[str]:
    return _wrapped(text, f"{title:<9}", " " * 9, width)


def _wrapped(text: str, first: str, rest: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first.rstrip()]


def columns() -> int:
    """How wide text may be: as the terminal, 100 at most."""
    return max(40, min(shutil.get_terminal_size().columns, _MOST_COLUMNS))


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


# -- watching


def _watch(
    found: Site, facts: Facts, checks: tuple[Check, ...], options: Namespace, as_json: bool
) -> tuple[Facts, tuple[Check, ...]]:
    """Tell what changes until the time is over, or for ever."""
    duration = getattr(options, "duration", 0.0)
    deadline = time.monotonic() + duration if duration else None
    watch = KubeletWatch(found.root, found.kubelet, facts.kubelet)
    try:
        while deadline is None or time.monotonic() < deadline:
            left = _WATCH_S if deadline is None else deadline - time.monotonic()
            time.sleep(max(0.0, min(_WATCH_S, left)))
            changes = watch.look().changes
            for change in changes:
                _print([_change(change, as_json, simulated=found.simulated)])
            if any(change.kind in _ANEW for change in changes):
                before = answer(facts, checks), facts.kubelet.mode
                facts = gather(found)
                checks = check(facts)
                if (answer(facts, checks), facts.kubelet.mode) != before:
                    _print(_again(found, facts, checks, as_json))
                watch.close()
                watch = KubeletWatch(found.root, found.kubelet, facts.kubelet)
    finally:
        watch.close()
    return facts, checks


def _again(found: Site, facts: Facts, checks: tuple[Check, ...], as_json: bool) -> list[str]:
    if as_json:
        return shown(facts, checks, as_json=True, line=True, simulated=found.simulated)
    now = rfc3339(time.time_ns()) or ""
    return [
        f"{now[:19]}Z  {answer(facts, checks).value}: {because(facts, checks)} "
        f"(the kubelet is {facts.kubelet.mode.value})"
    ]


def _change(change: Change, as_json: bool, *, simulated: bool) -> str:
    at = rfc3339(int(change.at * 1e9))
    if as_json:
        return dumps(
            {
                "schema": CHANGE_SCHEMA,
                "simulated": simulated,
                "at": at,
                "kind": change.kind.value,
                "says": change.says,
                "remedy": change.remedy or None,
                "source": change.source or None,
            }
        )
    remedy = f" -> {change.remedy}" if change.remedy else ""
    return f"{(at or '')[:19]}Z  {change.kind.value}: {clean(change.says)}{clean(remedy)}"
