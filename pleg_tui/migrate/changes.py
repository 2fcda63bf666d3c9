"""Which files a switch changes: the kubelet's gate and CRI-O's option, where each belongs.

Only reads. What is not understood is refused with the file's name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import Struct

from pleg_tui.cri import traits
from pleg_tui.cri.clean import clean
from pleg_tui.migrate import edits
from pleg_tui.migrate.facts import Facts
from pleg_tui.migrate.files import FileRefused, FileState, NodeFiles
from pleg_tui.node.kubelet.flags import parse_gates
from pleg_tui.node.kubelet.gates import parse_release, stage

_KUBELET_NAMES = ("90-pleg-tui.conf", "99-pleg-tui.conf", "zz-pleg-tui.conf")
_CRIO_NAMES = ("90-pleg-tui.conf", "99-pleg-tui.conf", "zz-pleg-tui.conf")
"""Drop-ins of ours; the first that comes after whatever else sets the same wins."""
_HEADER = "Written by `pleg-tui switch`; `pleg-tui rollback` takes it away."


class FileChange(Struct, frozen=True):
    """One file: what it is, and what it is to be."""

    path: str
    """As the node sees it, without --root."""
    before: FileState | None
    """None: it does not exist."""
    after: FileState | None
    """None: it is removed."""
    why: str


class Refuse(Exception):
    """There is no plan: why, and what to do."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


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
    except (Refuse, FileRefused):
        if home.config_file:
            found.append(home.config_file)
    return tuple(found)


def _needs_crio(facts: Facts) -> bool:
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    return known.name == "cri-o" and facts.runtime_config.pod_events.on is not True


def crio_changes(facts: Facts, files: NodeFiles) -> Iterator[FileChange]:
    """What makes CRI-O send events; nothing where it does, or where another runtime runs.

    Raises:
        Refuse, FileRefused: it cannot be done safely.
    """
    if not _needs_crio(facts):
        return
    config = facts.runtime_config
    for file in config.files:
        if file.error:
            raise Refuse(f"{clean(file.path)}: {file.error}", file.remedy)
    if config.flag.on is False:
        raise Refuse(
            f"CRI-O's events are turned off by {config.flag.source}, which is above every file",
            "take that away, and restart crio",
        )
    if config.process is None:
        raise Refuse(f"CRI-O's process was not found, so its flags are not known: {config.why}")
    folder = config.drop_in_dir or ""
    # Only the drop-ins' names matter: all of them come after the main file, whatever its name.
    setting = (f.path for f in config.files if f.sets is not None)
    last = max((path for path in setting if path.startswith(f"{folder}/")), default="")
    inside = last.removeprefix(f"{folder}/")
    name = next((name for name in _CRIO_NAMES if name >= inside), None)
    if name is None:
        raise Refuse(f"{clean(last)} turns events off after every name of ours", "change it there")
    path = f"{folder}/{name}"
    before = files.read(path)
    with _naming(path):
        after = edits.crio_events(before.data if before else None, _HEADER)
    yield _change(
        path,
        before,
        after,
        _like(files, config.files[0].path if config.files else ""),
        "CRI-O sends events only with this",
    )


def gate_changes(on: bool, facts: Facts, files: NodeFiles) -> Iterator[FileChange]:
    """What turns the kubelet's gate on, or takes it away; nothing where it is so.

    Raises:
        Refuse, FileRefused: it cannot be done safely.
    """
    kubelet = facts.kubelet
    home = kubelet.home
    flagged, _ = parse_gates(kubelet.flags.get("feature-gates", ""))
    if edits.GATE in flagged:
        if flagged[edits.GATE] is not on:
            yield from _flag(on, facts, files)
        return
    if home.drop_in_dir:
        yield from _drop_in(on, facts, files)
        return
    if not home.config_file:
        raise Refuse(
            "this kubelet has neither a configuration file nor a folder of drop-ins",
            f"add --feature-gates={edits.GATE}={str(on).lower()} to its flags by hand",
        )
    before = files.read(home.config_file)
    if before is None:
        raise Refuse(f"{clean(home.config_file)} is not there, though the kubelet reads it")
    now = _gate_in(home.config_file, before)
    if (_by_group(facts) if now is None else now) is on:
        return
    with _naming(home.config_file):
        after = edits.set_gate(before.data, _wanted(on, facts))
    if after != before.data:
        why = "turns the gate on" if on else "takes the gate away: off is the default"
        yield FileChange(home.config_file, before, _same(before, after), why)


def _wanted(on: bool, facts: Facts) -> bool | None:
    """What to write: nothing at all for off, unless AllAlpha or AllBeta may turn it on.

    A gate that is set keeps a kubelet from starting once the gate is gone (feature_gate.go).
    """
    if on:
        return True
    return None if _by_group(facts) is False else False


def _by_group(facts: Facts) -> bool | None:
    """What an unset gate is: on where the group of its stage is on; None: may be either."""
    all_alpha, all_beta = (bool(facts.kubelet.gates.get(n)) for n in ("AllAlpha", "AllBeta"))
    at = stage(parse_release(facts.kubelet.version.value))
    if at in ("alpha", "beta"):
        return all_alpha if at == "alpha" else all_beta
    return None if all_alpha or all_beta else False


def _flag(on: bool, facts: Facts, files: NodeFiles) -> Iterator[FileChange]:
    """The flag --feature-gates is above every file: change it where it is written."""
    found = []
    for path in facts.kubelet.home.flags_files:
        state = files.read(path)
        with _naming(path):
            if state is not None and edits.gate_flags(state.data):
                found.append((path, state))
    where = ", ".join(facts.kubelet.home.flags_files) or "its unit or its start script"
    if len(found) != 1 or found[0][0].endswith((".service", ".conf")):
        raise Refuse(
            f"the flag --feature-gates sets {edits.GATE}, which is above every file",
            f"change it in {clean(where)}, and restart the kubelet",
        )
    path, state = found[0]
    with _naming(path):
        after = edits.set_gate_flag(state.data, on)
    if after != state.data:
        yield FileChange(path, state, _same(state, after), "the flag is above every file")


def _drop_in(on: bool, facts: Facts, files: NodeFiles) -> Iterator[FileChange]:
    home = facts.kubelet.home
    folder = home.drop_in_dir or ""
    path, others, outdone = _drop_in_name(folder, files, facts)
    for other in outdone:
        if _all_ours(state := files.read(other)):
            yield FileChange(other, state, None, "another file has outdone it")
    without = others
    if without is None and home.config_file and (state := files.read(home.config_file)):
        without = _gate_in(home.config_file, state)
    if without is None:
        without = _by_group(facts)
    before = files.read(path)
    now = _gate_in(path, before)
    if (without if now is None else now) is on:
        return
    if before is None:
        siblings = files.names(folder) or ()
        like = f"{folder}/{siblings[0]}" if siblings else home.config_file or ""
        why = "turns the gate on" if on else "turns off what another file turns on"
        yield _change(path, None, edits.gate_drop_in(on, _HEADER), _like(files, like), why)
    elif without is on and _all_ours(before):
        yield FileChange(path, before, None, "without it the gate is as wanted")
    else:
        with _naming(path):
            after = edits.set_gate(before.data, None if without is on else on)
        yield FileChange(path, before, _same(before, after), "turns the gate over")


def _all_ours(state: FileState | None) -> bool:
    """Whether a drop-in holds what this program wrote and nothing that somebody added."""
    return state is not None and state.data in (
        edits.gate_drop_in(True, _HEADER),
        edits.gate_drop_in(False, _HEADER),
    )


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
        says = _gate_in(path, state)
        with _naming(path):
            if state and edits.takes_gates_away(state.data):
                raise Refuse(
                    f"{clean(path)} has a null in its featureGates, which takes away what other "
                    "files set",
                    "write there what is meant, or take the line away",
                )
        if says is not None:
            others, last = says, name
    ours = next((name for name in _KUBELET_NAMES if name > last), "")
    if not ours:
        raise Refuse(
            f"{clean(folder)}/{clean(last)} sets the gate after every name of ours",
            "change it there",
        )
    path = f"{folder}/{ours}"
    later = max(mine, default="")
    if later > path and _gate_in(later, files.read(later)) is not None:
        path = later
    return path, others, tuple(one for one in mine if one != path)


def _gate_in(path: str, state: FileState | None) -> bool | None:
    with _naming(path):
        return edits.gate_in(state.data) if state else None


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """An edit that is refused names its file."""
    try:
        yield
    except edits.EditRefused as refused:
        raise Refuse(f"{clean(path)}: {refused}", "mend this file first") from None


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
