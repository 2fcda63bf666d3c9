"""The plan of a switch: every file with its old and new bytes, every restart in order, the risks.

Only reads. A node that is not understood is refused with the reason, never touched.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct, field

from pleg_tui.cri import traits
from pleg_tui.cri.clean import clean
from pleg_tui.migrate.changes import FileChange, Refuse, crio_changes, gate_changes
from pleg_tui.migrate.checks import relevant, static_pods
from pleg_tui.migrate.facts import Facts
from pleg_tui.migrate.files import FileRefused, FileState, NodeFiles
from pleg_tui.migrate.ladder import Rung, Status, at_least
from pleg_tui.node.kubelet.types import Mode

Target = Literal["evented", "generic"]


class Restart(Struct, frozen=True):
    """One service to restart."""

    unit: str
    """Without ".service"."""
    why: str
    kubelet: bool
    """The kubelet runs in it."""


class Plan(Struct, frozen=True):
    """Everything that a switch does, before it does it."""

    target: Target
    changes: tuple[FileChange, ...] = ()
    restarts: tuple[Restart, ...] = ()
    risks: tuple[Rung, ...] = ()
    """What is known against this very kubelet and runtime."""
    notes: tuple[str, ...] = ()
    """What the admin should know besides."""
    expects: tuple[Mode, ...] = field(default=())
    """The modes that prove that it worked."""

    @property
    def nothing_to_do(self) -> bool:
        """The node is already so."""
        return not self.changes and not self.restarts


class Refused(Struct, frozen=True):
    """Why there is no plan."""

    reason: str
    """One sentence."""
    remedy: str = ""


def plan(
    target: Target, facts: Facts, files: NodeFiles, *, accept_risks: bool = False
) -> Plan | Refused:
    """What must be done to bring this node's kubelet to polling or to events.

    Args:
        target: evented or generic.
        facts: one look at the node.
        files: its files; only read.
        accept_risks: plan the switch to events although static pods run here.
    """
    try:
        _understood(facts, files)
        if target == "evented":
            _fit_for_events(facts, accept_risks)
        return _plan(target, facts, files)
    except Refuse as refuse:
        return Refused(refuse.reason, refuse.remedy)
    except FileRefused as refused:
        return Refused(str(refused))


def diff(change: FileChange) -> list[str]:
    """A unified diff of one file, plain text, cleaned, without line ends."""
    old = _lines(change.before)
    new = _lines(change.after)
    path = clean(change.path)
    head = "/dev/null" if change.before is None else f"a{path}"
    tail = "/dev/null" if change.after is None else f"b{path}"
    found = difflib.unified_diff(old, new, head, tail, lineterm="")
    lines = []
    for line in found:
        plain, end = (line[:-1], True) if line.endswith("\n") else (line, False)
        lines.append(clean(plain))
        if not end and line[:1] in "+- " and not line.startswith(("+++", "---")):
            lines.append("\\ No newline at end of file")
    return lines


_SECRET = re.compile(
    r"""((?:token|password|secret|manifest-url-header)["']?[ \t]*[=:][ \t]*)[^\s"',]+""", re.I
)
_HEADERS = re.compile(r"""(\s*)["']?staticPodURLHeader["']?\s*:""")


def _lines(state: FileState | None) -> list[str]:
    """The lines to be compared and shown: a change of ours is no secret, what stands by may be."""
    if state is None:
        return []
    lines = []
    indent: int | None = None
    for line in state.data.decode(errors="replace").splitlines(keepends=True):
        end = "\n" if line.endswith("\n") else ""
        depth = len(line) - len(line.lstrip())
        if match := _HEADERS.match(line):
            indent = depth
            lines.append(f"{match[0]} …{end}")
            continue
        if indent is not None and line.strip():
            if depth > indent or (depth == indent and line.lstrip().startswith("- ")):
                lines.append(f"{line[:depth]}…{end}")
                continue
            indent = None
        lines.append(_SECRET.sub(r"\1…", line))
    return lines


# -- who is refused


def _understood(facts: Facts, files: NodeFiles) -> None:
    kubelet = facts.kubelet
    home = kubelet.home
    if facts.unfinished is not None:
        raise Refuse("an earlier switch was left half done", "finish it or undo it first")
    if kubelet.pid is None:
        raise Refuse(f"no kubelet was found: {clean(kubelet.why)}", "run this on the node, as root")
    if len(kubelet.pids) > 1:
        raise Refuse(
            f"several kubelets run here (processes {', '.join(map(str, kubelet.pids))})",
            "a node with one kubelet is understood; change these by hand",
        )
    if kubelet.root not in (files.root, "/"):
        raise Refuse(
            f"the kubelet (process {kubelet.pid}) runs in a container and has files of its own",
            "run this inside that container, such as kind's node",
        )
    if home.distribution is None or home.supported is not True:
        raise Refuse(
            f"this node's layout is {'not ' if home.distribution is None else 'only partly '}"
            f"understood: {clean(home.source)}"
            if home.supported is None or home.distribution is None
            else f"on {clean(home.distribution)} a change on the node itself does not last "
            f"({clean(home.overwritten_by or home.source)})",
            clean(home.change) or "change the gate where this node's configuration is made",
        )
    if not home.unit:
        raise Refuse(
            "the systemd unit that runs the kubelet is not known, so it could not be restarted",
            "run the kubelet as a systemd unit, or change the gate by hand",
        )
    for file in kubelet.config_files:
        if file.error:
            raise Refuse(f"{clean(file.path)}: {clean(file.error)}", "mend this file first")


def _fit_for_events(facts: Facts, accept_risks: bool) -> None:
    version = facts.kubelet.version
    if at_least(version.value, 1, 26) is None:
        raise Refuse(f"the kubelet's version is not known: {clean(version.source)}")
    if not facts.runtime.name:
        raise Refuse(
            f"the runtime is not known: {clean(facts.runtime.why)}",
            "name its socket with -r, and run this as root",
        )
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    if known.version is None or known.name not in traits.NAMES:
        raise Refuse(f"nothing is known about the events of {known.title}")
    for rung in relevant(facts):
        if rung.status is Status.FAIL:
            raise Refuse(f"{rung.says} ({rung.source})", rung.remedy)
    if not accept_risks and static_pods(facts) and not at_least(version.value, 1, 37):
        named = clean(", ".join(facts.pods.static or ()), 200)
        raise Refuse(
            f"static pods run here ({named}), and with events they may start twice or not at all "
            "(k/k#121349, k/k#123087)",
            "leave this node on polling, or accept that with --accept-risks",
        )


# -- what is done


def _plan(target: Target, facts: Facts, files: NodeFiles) -> Plan:
    kubelet = facts.kubelet
    on = target == "evented"
    notes: list[str] = []
    changes = list(crio_changes(facts, files)) if on else []
    crio_changed = bool(changes)
    changes += gate_changes(on, facts, files)
    restarts: list[Restart] = []
    unit = kubelet.home.unit or "kubelet"
    gate_changed = len(changes) > crio_changed
    stale = kubelet.mode in _WRONG[target] and not changes
    if changes or stale:
        why = "reads its configuration only when it starts"
        if stale and not gate_changed:
            why = f"its configuration is right, but it is {kubelet.mode.value}: it must start anew"
        restarts = [*_runtime_restart(on, crio_changed, facts), Restart(unit, why, True)]
        if restarts[0].unit == unit:
            restarts = restarts[:1] if restarts[0].kubelet else restarts[1:]
    if facts.kubelet.home.overwritten_by and changes:
        notes.append(clean(facts.kubelet.home.overwritten_by))
    if not on and any(file.sets for file in facts.runtime_config.files):
        notes.append("CRI-O keeps sending events, which costs it little; nothing reads them then")
    if on and facts.kubelet.node.cordoned is not True and facts.pods.running:
        notes.append(
            "the documentation says to drain the node first: "
            f"`kubectl drain {clean(kubelet.node.name or 'NODE')} --ignore-daemonsets`"
        )
    if not changes and kubelet.mode is Mode.UNKNOWN:
        notes.append("what the kubelet does now is not known: see `pleg-tui check`")
    risks = tuple(rung for rung in relevant(facts) if rung.remedy) if on else ()
    return Plan(
        target, tuple(changes), tuple(restarts), risks, tuple(notes), expected(target, facts)
    )


_WRONG: dict[Target, tuple[Mode, ...]] = {
    "evented": (Mode.GENERIC, Mode.FALLEN_BACK),
    "generic": (Mode.EVENTED, Mode.FALLEN_BACK, Mode.HINT_ONLY),
}
"""Modes that say that the kubelet runs otherwise than it is configured."""


def expected(target: Target, facts: Facts) -> tuple[Mode, ...]:
    """The modes that prove that a switch worked on this kubelet."""
    if target == "generic":
        return (Mode.GENERIC,)
    hint_only = at_least(facts.kubelet.version.value, 1, 37)
    if hint_only is None:
        # Such as one that is down while an interrupted switch is finished.
        return (Mode.EVENTED, Mode.HINT_ONLY)
    return (Mode.HINT_ONLY,) if hint_only else (Mode.EVENTED,)


def _runtime_restart(on: bool, crio_changed: bool, facts: Facts) -> Iterator[Restart]:
    """The runtime, before the kubelet: restarted after it, it would cut the kubelet's stream."""
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    process = facts.runtime_config.process
    default = {"cri-o": "crio"}.get(known.name, known.name)
    unit = (process.unit if process else None) or default
    if crio_changed:
        yield Restart(unit, "reads enable_pod_events only when it starts", False)
    elif on and known.name == "cri-o" and facts.runtime_config.unread:
        why = (
            f"has not read {clean(facts.runtime_config.unread)}, which was changed after its start"
        )
        yield Restart(unit, why, False)
    elif on and known.name == "containerd" and _is_1_7(known.version):
        why = "containerd 1.7 would give the kubelet up to 1000 stale events; this empties them"
        yield Restart(unit, why, False)


def _is_1_7(version: traits.Version | None) -> bool:
    return version is not None and (version.major, version.minor) == (1, 7)


Tell = Callable[[str], None]
"""Takes one line about what happens now."""
