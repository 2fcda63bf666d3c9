"""The plan of a switch: every file with its old and new bytes, every restart in order, the risks.

Only reads. A node that is not understood is refused with the reason, never touched.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from pleg_tui.cri import traits
from pleg_tui.cri.clean import clean
from pleg_tui.migrate import edits
from pleg_tui.migrate.checks import relevant, static_pods
from pleg_tui.migrate.facts import Facts
from pleg_tui.migrate.files import FileRefused, FileState, NodeFiles
from pleg_tui.migrate.ladder import Rung, Status, at_least
from pleg_tui.node.kubelet.types import Mode

Target = Literal["evented", "generic"]

_KUBELET_NAMES = ("90-pleg-tui.conf", "99-pleg-tui.conf", "zz-pleg-tui.conf")
_CRIO_NAMES = ("90-pleg-tui.conf", "99-pleg-tui.conf", "zz-pleg-tui.conf")
"""Drop-ins of ours; the first that comes after whatever else sets the same wins."""
_HEADER = "Written by `pleg-tui switch`; `pleg-tui rollback` takes it away."


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file: what it is, and what it is to be."""

    path: str
    """As the node sees it, without --root."""
    before: FileState | None
    """None: it does not exist."""
    after: FileState | None
    """None: it is removed."""
    why: str


@dataclass(frozen=True, slots=True)
class Restart:
    """One service to restart."""

    unit: str
    """Without ".service"."""
    why: str
    kubelet: bool
    """The kubelet runs in it."""


@dataclass(frozen=True, slots=True)
class Plan:
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


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no plan."""

    reason: str
    """One sentence."""
    remedy: str = ""


class _Refuse(Exception):
    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.refused = Refused(reason, remedy)


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
    except _Refuse as refuse:
        return refuse.refused
    except (FileRefused, edits.EditRefused) as refused:
        return Refused(str(refused))


def targets(facts: Facts, files: NodeFiles) -> tuple[str, ...]:
    """The files that a switch to events would write, for the checklist; empty when not known."""
    home = facts.kubelet.home
    found = []
    try:
        if home.drop_in_dir:
            found.append(_drop_in_name(home.drop_in_dir, files, facts)[0])
        elif home.config_file:
            found.append(home.config_file)
        if _needs_crio(facts) and facts.runtime_config.drop_in_dir:
            found.append(f"{facts.runtime_config.drop_in_dir}/{_CRIO_NAMES[0]}")
    except (_Refuse, FileRefused, edits.EditRefused):
        if home.config_file:
            found.append(home.config_file)
    return tuple(found)


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


def _lines(state: FileState | None) -> list[str]:
    return [] if state is None else state.data.decode(errors="replace").splitlines(keepends=True)


# -- who is refused


def _understood(facts: Facts, files: NodeFiles) -> None:
    kubelet = facts.kubelet
    home = kubelet.home
    if facts.unfinished is not None:
        raise _Refuse("an earlier switch was left half done", "finish it or undo it first")
    if kubelet.pid is None:
        raise _Refuse(
            f"no kubelet was found: {clean(kubelet.why)}", "run this on the node, as root"
        )
    if len(kubelet.pids) > 1:
        raise _Refuse(
            f"several kubelets run here (processes {', '.join(map(str, kubelet.pids))})",
            "a node with one kubelet is understood; change these by hand",
        )
    if kubelet.root not in (files.root, "/"):
        raise _Refuse(
            f"the kubelet (process {kubelet.pid}) runs in a container and has files of its own",
            "run this inside that container, such as kind's node",
        )
    if home.distribution is None or home.supported is not True:
        raise _Refuse(
            f"this node's layout is {'not ' if home.distribution is None else 'only partly '}"
            f"understood: {clean(home.source)}"
            if home.supported is None or home.distribution is None
            else f"on {clean(home.distribution)} a change on the node itself does not last "
            f"({clean(home.overwritten_by or home.source)})",
            clean(home.change) or "change the gate where this node's configuration is made",
        )
    if not home.unit:
        raise _Refuse(
            "the systemd unit that runs the kubelet is not known, so it could not be restarted",
            "run the kubelet as a systemd unit, or change the gate by hand",
        )
    for file in kubelet.config_files:
        if file.error:
            raise _Refuse(f"{clean(file.path)}: {clean(file.error)}", "mend this file first")


def _fit_for_events(facts: Facts, accept_risks: bool) -> None:
    version = facts.kubelet.version
    if at_least(version.value, 1, 26) is None:
        raise _Refuse(f"the kubelet's version is not known: {clean(version.source)}")
    if not facts.runtime.name:
        raise _Refuse(
            f"the runtime is not known: {clean(facts.runtime.why)}",
            "name its socket with -r, and run this as root",
        )
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    if known.version is None or known.name not in traits.NAMES:
        raise _Refuse(f"nothing is known about the events of {known.title}")
    for rung in relevant(facts):
        if rung.status is Status.FAIL:
            raise _Refuse(f"{rung.says} ({rung.source})", rung.remedy)
    if not accept_risks and static_pods(facts) and not at_least(version.value, 1, 37):
        named = clean(", ".join(facts.pods.static or ()), 200)
        raise _Refuse(
            f"static pods run here ({named}), and with events they may start twice or not at all "
            "(k/k#121349, k/k#123087)",
            "leave this node on polling, or accept that with --accept-risks",
        )


# -- what is done


def _plan(target: Target, facts: Facts, files: NodeFiles) -> Plan:
    kubelet = facts.kubelet
    on = target == "evented"
    notes: list[str] = []
    changes = list(_crio(facts, files)) if on else []
    crio_changed = bool(changes)
    changes += _gate(on, facts, files)
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
        notes.append(f"would be overwritten by {clean(facts.kubelet.home.overwritten_by)}")
    if not on and any(file.sets for file in facts.runtime_config.files):
        notes.append("CRI-O keeps sending events, which costs it little; nothing reads them then")
    if on and facts.kubelet.node.cordoned is not True and facts.pods.running:
        notes.append(
            "the documentation says to drain the node first: "
            f"`kubectl drain {clean(kubelet.node.name or 'NODE')} --ignore-daemonsets`"
        )
    if restarts and not changes and kubelet.mode is Mode.UNKNOWN:
        notes.append("what the kubelet does now is not known")
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
    return (Mode.HINT_ONLY,) if at_least(facts.kubelet.version.value, 1, 37) else (Mode.EVENTED,)


def _runtime_restart(on: bool, crio_changed: bool, facts: Facts) -> Iterator[Restart]:
    """The runtime, before the kubelet: restarted after it, it would cut the kubelet's stream."""
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    process = facts.runtime_config.process
    default = {"cri-o": "crio"}.get(known.name, known.name)
    unit = (process.unit if process else None) or default
    if crio_changed:
        yield Restart(unit, "reads enable_pod_events only when it starts", False)
    elif on and known.name == "containerd" and _is_1_7(known.version):
        why = "containerd 1.7 would give the kubelet up to 1000 stale events; this empties them"
        yield Restart(unit, why, False)


def _is_1_7(version: traits.Version | None) -> bool:
    return version is not None and (version.major, version.minor) == (1, 7)


def _needs_crio(facts: Facts) -> bool:
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    return known.name == "cri-o" and facts.runtime_config.pod_events.on is not True


def _crio(facts: Facts, files: NodeFiles) -> Iterator[FileChange]:
    if not _needs_crio(facts):
        return
    config = facts.runtime_config
    for file in config.files:
        if file.error:
            raise _Refuse(f"{clean(file.path)}: {file.error}", file.remedy)
    if config.flag.on is False:
        raise _Refuse(
            f"CRI-O's events are turned off by {config.flag.source}, which is above every file",
            "take that away, and restart crio",
        )
    if config.process is None:
        raise _Refuse(f"CRI-O's process was not found, so its flags are not known: {config.why}")
    folder = config.drop_in_dir or ""
    last = max((f.path for f in config.files if f.sets is not None), default="")
    inside = last.removeprefix(f"{folder}/") if last.startswith(f"{folder}/") else ""
    name = next((name for name in _CRIO_NAMES if name >= inside), None)
    if name is None:
        raise _Refuse(f"{clean(last)} turns events off after every name of ours", "change it there")
    path = f"{folder}/{name}"
    before = files.read(path)
    after = edits.crio_events(before.data if before else None, _HEADER)
    yield _change(
        path,
        before,
        after,
        _like(files, config.files[0].path if config.files else ""),
        "CRI-O sends events only with this",
    )


def _gate(on: bool, facts: Facts, files: NodeFiles) -> Iterator[FileChange]:
    kubelet = facts.kubelet
    home = kubelet.home
    if "feature-gates" in kubelet.flags and edits.GATE in kubelet.flags["feature-gates"]:
        yield from _flag(on, facts, files)
        return
    if home.drop_in_dir:
        yield from _drop_in(on, facts, files)
        return
    if not home.config_file:
        raise _Refuse(
            "this kubelet has neither a configuration file nor a folder of drop-ins",
            f"add --feature-gates={edits.GATE}={str(on).lower()} to its flags by hand",
        )
    before = files.read(home.config_file)
    if before is None:
        raise _Refuse(f"{clean(home.config_file)} is not there, though the kubelet reads it")
    now = edits.gate_in(before.data)
    if (_all_alpha(facts) if now is None else now) is on:
        return
    after = edits.set_gate(before.data, _wanted(on, facts))
    if after != before.data:
        why = "turns the gate on" if on else "takes the gate away: off is the default"
        yield FileChange(home.config_file, before, _same(before, after), why)


def _wanted(on: bool, facts: Facts) -> bool | None:
    """What to write: nothing at all for off, unless AllAlpha would turn it on.

    A gate that is set keeps a kubelet from starting once the gate is gone (feature_gate.go).
    """
    if on:
        return True
    return False if _all_alpha(facts) else None


def _all_alpha(facts: Facts) -> bool:
    return bool(facts.kubelet.gates.get("AllAlpha"))


def _flag(on: bool, facts: Facts, files: NodeFiles) -> Iterator[FileChange]:
    """The flag --feature-gates is above every file: change it where it is written."""
    said = facts.kubelet.flags["feature-gates"]
    now = f"{edits.GATE}={'true' if on else 'false'}"
    if now in said.replace(" ", ""):
        return
    found = []
    for path in facts.kubelet.home.flags_files:
        state = files.read(path)
        if state is not None and edits.gate_flags(state.data):
            found.append((path, state))
    where = ", ".join(facts.kubelet.home.flags_files) or "its unit or its start script"
    if len(found) != 1 or found[0][0].endswith((".service", ".conf")):
        raise _Refuse(
            f"the flag --feature-gates sets {edits.GATE}, which is above every file",
            f"change it in {clean(where)}, and restart the kubelet",
        )
    path, state = found[0]
    after = edits.set_gate_flag(state.data, on)
    if after != state.data:
        yield FileChange(path, state, _same(state, after), "the flag is above every file")


def _drop_in(on: bool, facts: Facts, files: NodeFiles) -> Iterator[FileChange]:
    home = facts.kubelet.home
    folder = home.drop_in_dir or ""
    path, others, outdone = _drop_in_name(folder, files, facts)
    for other in outdone:
        yield FileChange(other, files.read(other), None, "another file has outdone it")
    without = others
    if without is None and home.config_file and (state := files.read(home.config_file)):
        without = edits.gate_in(state.data)
    if without is None:
        without = _all_alpha(facts)
    before = files.read(path)
    now = edits.gate_in(before.data) if before else None
    if (without if now is None else now) is on:
        return
    if before is None:
        siblings = files.names(folder) or ()
        like = f"{folder}/{siblings[0]}" if siblings else home.config_file or ""
        why = "turns the gate on" if on else "turns off what another file turns on"
        yield _change(path, None, edits.gate_drop_in(on, _HEADER), _like(files, like), why)
    elif without is on and before.data.startswith(f"# {_HEADER}".encode()):
        yield FileChange(path, before, None, "without it the gate is as wanted")
    else:
        after = edits.set_gate(before.data, on)
        yield FileChange(path, before, _same(before, after), "turns the gate over")


def _drop_in_name(
    folder: str, files: NodeFiles, facts: Facts
) -> tuple[str, bool | None, tuple[str, ...]]:
    """Our drop-in, what the others set the gate to (None: nothing), and ours that are outdone."""
    read = {f.path for f in facts.kubelet.config_files if f.path.startswith(f"{folder}/")}
    # The kubelet takes only these, those in folders below too.
    read |= {f"{folder}/{name}" for name in files.names(folder) or () if name.endswith(".conf")}
    others: bool | None = None
    last = ""
    mine = []
    for path in sorted(read):
        name = path.removeprefix(f"{folder}/")
        if name in _KUBELET_NAMES:
            mine.append(path)
            continue
        state = files.read(path)
        try:
            says = edits.gate_in(state.data) if state else None
        except edits.EditRefused as refused:
            raise _Refuse(f"{clean(path)}: {refused}", "mend this file first") from None
        if says is not None:
            others, last = says, name
    ours = next((name for name in _KUBELET_NAMES if name > last), "")
    if not ours:
        raise _Refuse(
            f"{clean(folder)}/{clean(last)} sets the gate after every name of ours",
            "change it there",
        )
    path = f"{folder}/{ours}"
    later = max(mine, default="")
    if later > path and edits.gate_in(_data(files, later)) is not None:
        path = later
    return path, others, tuple(one for one in mine if one != path)


def _data(files: NodeFiles, path: str) -> bytes:
    state = files.read(path)
    return b"{}" if state is None else state.data


def _like(files: NodeFiles, path: str) -> FileState:
    """Mode and owner of a new file: those of its neighbour."""
    try:
        state = files.read(path) if path else None
    except FileRefused:
        state = None
    labels = () if state is None else tuple(x for x in state.xattrs if x[0] == "security.selinux")
    if state is None:
        return FileState(b"")
    return FileState(b"", state.mode & 0o644, state.uid, state.gid, labels)


def _change(
    path: str, before: FileState | None, data: bytes, like: FileState, why: str
) -> FileChange:
    return FileChange(path, before, _same(before or like, data), why)


def _same(state: FileState, data: bytes) -> FileState:
    return FileState(data, state.mode, state.uid, state.gid, state.xattrs)


Tell = Callable[[str], None]
"""Takes one line about what happens now."""
