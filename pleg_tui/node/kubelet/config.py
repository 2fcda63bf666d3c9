"""The kubelet's configuration file and drop-ins, merged as the kubelet merges them.

Sources: cmd/kubelet/app/server.go (mergeKubeletConfigurations: filepath.Walk over --config-dir,
files named *.conf, JSON merge patch; loadDropinConfigFileIntoJSON wants apiVersion and kind), and
RFC 7386. A file that the kubelet would refuse is never half believed.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.files import Unreadable, read_file, why
from pleg_tui.node.kubelet.gates import Settings
from pleg_tui.node.kubelet.types import ConfigFile
from pleg_tui.node.kubelet.yaml_text import Document, NotData, merge_patch, parse_document

MAX_BYTES = 64 << 10
_MAX_DROP_INS = 500
_MAX_DEPTH = 20
_CLOCK_S = 2.0
"""The kernel tells the time of boot, and so a process's start, in whole seconds."""

_SECRET = frozenset(("staticPodURLHeader",))
_MATTERS = frozenset(("featureGates", "EventedPLEG", "AllAlpha", "AllBeta"))


class ReadConfig(Struct, frozen=True):
    """What the files say."""

    files: tuple[ConfigFile, ...] = ()
    merged: Mapping[str, object] = field(default_factory=dict)
    """Without secrets, every text cleaned."""
    now: Settings = field(default_factory=Settings)
    """The gates in the files as they are."""
    running: Settings = field(default_factory=Settings)
    """The same for the kubelet that runs: files that have changed since its start are in doubt."""


def read_config(
    root: str, config: str, config_dir: str, started_at: float | None = None
) -> ReadConfig:
    """Read and merge them; a file that cannot be understood is listed with its error.

    Args:
        root: where the kubelet's file system is seen from here.
        config: --config, absolute; empty: it has none.
        config_dir: --config-dir, absolute; empty: it has none.
        started_at: of the kubelet, seconds since the epoch.
    """
    found = [(config, "config")] if config else []
    problem = None
    if config_dir:
        drop_ins, problem = _drop_ins(root, config_dir, started_at)
        found += [(path, "drop-in") for path in drop_ins]
    files: list[ConfigFile] = []
    merged: object = {}
    now, running = Settings(), Settings()
    for path, kind in found:
        document, file = _read(root, path, kind, started_at)
        files.append(file)
        name = clean(path)
        if document is None:
            now = now.doubted(f"{name} {file.error}")
            running = running.doubted(f"{name} {file.error}")
            continue
        merged = merge_patch(merged, document.value)
        now = _laid_over(now, document, name, file.error)
        running = _laid_over(running, document, name, file.error)
        if file.newer:
            running = running.doubted(
                f"{name} was changed after this kubelet's start, so what it started with is unknown"
            )
    if problem is not None:
        files.append(problem)
        doubt = f"{problem.path} {problem.error}"
        running = running.doubted(doubt)
        now = now if problem.newer else now.doubted(doubt)
    plain = shown(merged)
    return ReadConfig(tuple(files), plain if isinstance(plain, dict) else {}, now, running)


def _read(
    root: str, path: str, kind: str, started_at: float | None
) -> tuple[Document | None, ConfigFile]:
    """A file's document, or None and why it has none that counts."""
    name = clean(path)
    try:
        text = read_file(root, path, MAX_BYTES)
    except Unreadable as error:
        return None, ConfigFile(name, kind, str(error))
    newer = started_at is not None and text.changed_at > started_at + _CLOCK_S
    try:
        document = parse_document(text.text)
        _check(document.value)
    except NotData as error:
        return None, ConfigFile(name, kind, str(error), newer)
    if not document.duplicates:
        return document, ConfigFile(name, kind, "", newer)
    twice = document.duplicates[0]
    wrong = f"has {'.'.join(twice.path)} twice (line {twice.line})"
    return document, ConfigFile(name, kind, wrong, newer)


def _check(value: object) -> None:
    """What the kubelet itself checks before it takes a file.

    Raises:
        NotData: it would refuse this one.
    """
    if not isinstance(value, dict):
        raise NotData("is empty" if value is None else "is not a list of `key: value` lines")
    kind, version = value.get("kind"), value.get("apiVersion")
    if kind != "KubeletConfiguration":
        raise NotData(f"has kind {_quoted(kind)}, not KubeletConfiguration")
    if not isinstance(version, str) or not version.startswith("kubelet.config.k8s.io/"):
        raise NotData(f"has apiVersion {_quoted(version)}, not kubelet.config.k8s.io/v1beta1")
    gates = value.get("featureGates")
    if gates is None:
        return
    if not isinstance(gates, dict):
        raise NotData("has featureGates that are not `name: true` or `name: false` lines")
    for name, on in gates.items():
        if on is not None and not isinstance(on, bool):
            raise NotData(f"has featureGates.{clean(name, 60)}: {_quoted(on)}, not true or false")


def _laid_over(below: Settings, document: Document, name: str, error: str) -> Settings:
    """The gates with those of one more file."""
    value = document.value
    if any(_MATTERS & set(twice.path) for twice in document.duplicates):
        return below.doubted(f"{name} {error}")
    if not isinstance(value, dict) or "featureGates" not in value:
        return below
    gates = value["featureGates"]
    if gates is None:
        return Settings()  # a null takes away all that was set below
    gone = {gate for gate, on in gates.items() if on is None}
    kept = Settings({k: v for k, v in below.gates.items() if k not in gone}, below.doubt)
    return kept.over(name, {gate: on for gate, on in gates.items() if on is not None})


def _drop_ins(
    root: str, folder: str, started_at: float | None
) -> tuple[list[str], ConfigFile | None]:
    """The drop-ins in the order of the merge, and what speaks against trusting that list."""
    paths: list[str] = []
    try:
        for path in _walk(root, folder, 0):
            paths.append(path)
            if len(paths) > _MAX_DROP_INS:
                return paths, ConfigFile(clean(folder), "drop-in", "has too many files to read")
        changed = os.stat(under(root, folder)).st_mtime  # noqa: PTH116
    except OSError as error:
        return paths, ConfigFile(clean(folder), "drop-in", why(error))
    except ValueError:
        return paths, ConfigFile(clean(folder), "drop-in", "its name cannot be one")
    if started_at is not None and changed > started_at + _CLOCK_S:
        reason = "had files added, renamed or removed after this kubelet's start"
        return paths, ConfigFile(clean(folder), "drop-in", reason, newer=True)
    return paths, None


def _walk(root: str, folder: str, depth: int) -> Iterator[str]:
    """As filepath.Walk: by name, folders in their place, links to folders not followed.

    Raises:
        OSError: a folder cannot be read, at which the kubelet would not start.
    """
    with os.scandir(under(root, folder)) as entries:
        listed = sorted((e.name, e.is_dir(follow_symlinks=False)) for e in entries)
    for name, is_folder in listed:
        path = posixpath.join(folder, name)
        if is_folder:
            if depth < _MAX_DEPTH:
                yield from _walk(root, path, depth + 1)
        elif name.endswith(".conf"):
            yield path


def shown(value: object) -> object:
    """A configuration without secrets and with every text cleaned; pure."""
    if isinstance(value, dict):
        return {clean(k, 253): shown(v) for k, v in value.items() if k not in _SECRET}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return clean(value) if isinstance(value, str) else value


def _quoted(value: object) -> str:
    return "none" if value is None else f"“{clean(str(value), 60)}”"
