"""What a container runtime's configuration says about events, each value with its source.

CRI-O sends CRI events only with `enable_pod_events` on (server/container_events.go): read from
crio.conf, then every file of crio.conf.d in lexical order, then its flags (crio.8.md). containerd
has no switch for them. Only reads; blocking.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node import runtime_process
from pleg_tui.node.kubelet.process import started_at

CRIO_CONFIG = "/etc/crio/crio.conf"
CRIO_DROP_INS = "/etc/crio/crio.conf.d"
OPTION = "enable_pod_events"
_MAX_BYTES = 1 << 20
_MAX_FILES = 500
_COMMS = {"containerd": "containerd", "crio": "cri-o"}
_YAML_STYLE = re.compile(rf"^\s*{OPTION}\s*:\s*(\S*)", re.M)
_UNIT = re.compile(r"/([\w.@:-]+)\.service(?:/|$)", re.ASCII)
_IN_POD = re.compile(r"kubepods|docker[-/]|cri-containerd-|crio-|libpod")
"""In the control group of a container: a runtime in there is not the node's."""


class Setting(Struct, frozen=True):
    """A switch and what decided it; None: unknown, and `source` says why."""

    on: bool | None
    source: str


class RuntimeFile(Struct, frozen=True):
    """One file that the runtime reads, in the order of the merge."""

    path: str
    """As the runtime sees it, without --root."""
    error: str = ""
    """What is wrong with it, one sentence; empty: nothing."""
    remedy: str = ""
    sets: bool | None = None
    """What it sets `enable_pod_events` to; None: it does not."""
    changed_at: float = 0.0
    """Seconds since the epoch; 0: unknown."""


class RuntimeProcess(Struct, frozen=True):
    """A process that may be the runtime."""

    pid: int
    name: str
    """containerd or cri-o."""
    command: tuple[str, ...]
    unit: str | None
    """Its systemd unit without ".service", by its control group; None: unknown."""
    environment: Mapping[str, str]
    """ENABLE_POD_EVENTS and nothing else of it."""
    in_pod: bool = False
    """It runs in a container, as Docker in Docker does."""
    started_at: float | None = None
    """Seconds since the epoch; None: unknown."""


class RuntimeConfig(Struct, frozen=True):
    """The runtime's process and what it is told about events."""

    process: RuntimeProcess | None
    why: str
    """Where the process was looked for, or which of several was taken."""
    pod_events: Setting
    files: tuple[RuntimeFile, ...] = ()
    drop_in_dir: str | None = None
    """Where a drop-in of CRI-O's belongs; None for other runtimes."""
    flag: Setting = Setting(None, "no flag")
    """What its command line or environment says, which is above every file."""
    unread: str = ""
    """A file that sets the option and was changed after the runtime's start; empty: none."""


def read_runtime_config(
    root: str = "/", endpoint: str = "", name: str = "", socket: str = ""
) -> RuntimeConfig:
    """Look at the runtime's process and files.

    Args:
        root: where the node's file system is seen from here.
        endpoint: the socket that the kubelet uses, to tell several runtimes apart.
        name: what the runtime called itself (containerd, cri-o), where that is known.
        socket: the same socket as seen from here; who listens there is the runtime.
    """
    process, why = find_runtime(root, endpoint, name, socket)
    kind = (process.name if process else "") or name.lower() or _kind_of(endpoint)
    if kind != "cri-o":
        return RuntimeConfig(process, why, _without_switch(kind))
    return read_crio(root, process, why)


def read_crio(root: str, process: RuntimeProcess | None, why: str = "") -> RuntimeConfig:
    """CRI-O's files and flags, merged as it merges them."""
    arguments = process.command if process else ()
    main = _argument(arguments, ("--config", "-c")) or CRIO_CONFIG
    folder = _argument(arguments, ("--config-dir", "-d")) or CRIO_DROP_INS
    files = [_read(root, main)] if os.path.lexists(under(root, main)) else []
    files += [_read(root, path) for path in _drop_ins(root, folder)]
    flag = _flag(process)
    decided = _decide(files, flag)
    unread = "" if flag.on is not None else _unread(files, process)
    return RuntimeConfig(process, why, decided, tuple(files), folder, flag, unread)


def _unread(files: Sequence[RuntimeFile], process: RuntimeProcess | None) -> str:
    """The file that the process cannot have read: CRI-O takes the option only when it starts."""
    if process is None or process.started_at is None:
        return ""
    # The kernel tells the time of boot, and so a process's start, in whole seconds.
    late = (f.path for f in files if f.sets is not None and f.changed_at > process.started_at + 2)
    return next(late, "")


def find_runtime(
    root: str, endpoint: str, name: str = "", socket: str = ""
) -> tuple[RuntimeProcess | None, str]:
    """The runtime's process: who listens on the socket, else the one that path or name point to.

    Args:
        root: where the node's file system is seen from here.
        endpoint: the socket as the node sees it.
        name: what the runtime called itself, where that is known.
        socket: the socket as seen from here; empty: it is not looked at.
    """
    found = list(_processes(root))
    if socket:
        peers = runtime_process.find_runtime(socket, root, name).pids
        if peers and (mine := [process for process in found if process.pid in peers]):
            return mine[0], f"process {mine[0].pid}, which serves the socket"
    found = [process for process in found if not process.in_pod]
    kind = name.lower() or _kind_of(endpoint)
    if kind in _COMMS.values():
        found = [process for process in found if process.name == kind]
    if not found:
        return None, "no process named containerd or crio was found"
    path = endpoint.removeprefix("unix://")
    if len(found) > 1 and path:
        named = [p for p in found if any(path in argument for argument in p.command)]
        if not named:
            # One that names no socket of its own sits at the usual place.
            named = [p for p in found if not _argument(p.command, ("--address", "-a", "--listen"))]
        found = named or found
    if len(found) > 1:
        pids = ", ".join(str(process.pid) for process in found)
        return None, f"several runtimes run (processes {pids}): name the socket with -r"
    return found[0], f"process {found[0].pid}"


def judge_toml(data: bytes) -> RuntimeFile:
    """What one file of CRI-O's says about `enable_pod_events`; its path is left empty."""
    try:
        text = data.decode()
        table = tomllib.loads(text)
    except UnicodeDecodeError:
        return RuntimeFile("", "it is not UTF-8 text", "write it anew as UTF-8")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return _not_toml(data.decode(errors="replace"), str(error))
    crio = table.get("crio")
    runtime = crio.get("runtime") if isinstance(crio, dict) else None
    value = runtime.get(OPTION) if isinstance(runtime, dict) else None
    if isinstance(value, bool):
        return RuntimeFile("", sets=value)
    if value is not None:
        return RuntimeFile(
            "", f"{OPTION} is not true or false", f"write `{OPTION} = true` under [crio.runtime]"
        )
    if OPTION in table or (isinstance(crio, dict) and OPTION in crio):
        return RuntimeFile(
            "",
            f"{OPTION} stands outside [crio.runtime], where CRI-O does not look for it",
            f"move `{OPTION} = true` under a line [crio.runtime]",
        )
    return RuntimeFile("")


def _not_toml(text: str, error: str) -> RuntimeFile:
    match = _YAML_STYLE.search(text)
    if match is None:
        return RuntimeFile("", f"not TOML: {clean(error, 120)}", "mend it, or move it elsewhere")
    line = text.count("\n", 0, match.start(1)) + 1
    value = "false" if match[1].lower().startswith("f") else "true"
    return RuntimeFile(
        "",
        f"line {line} is `{clean(match[0].strip(), 60)}`, which is YAML; CRI-O reads TOML, and "
        "does not start with this file",
        f"make line {line} `{OPTION} = {value}`, under a line [crio.runtime]",
    )


def _read(root: str, path: str) -> RuntimeFile:
    try:
        fd = os.open(under(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return RuntimeFile(path, "it is not a file", "remove it")
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        why = error.strerror or "it cannot be read"
        return RuntimeFile(path, f"it cannot be read: {why}", "run this as root")
    if len(data) > _MAX_BYTES:
        return RuntimeFile(path, "it is larger than 1 MiB, which no such file is", "look at it")
    judged = judge_toml(data)
    return RuntimeFile(path, judged.error, judged.remedy, judged.sets, status.st_mtime)


def _drop_ins(root: str, folder: str) -> list[str]:
    """Every file below the folder: CRI-O walks it and asks for no ending (config.go)."""
    found: list[str] = []
    seen = under(root, folder)
    for base, folders, names in os.walk(seen):
        folders.sort()
        relative = os.path.relpath(base, seen)
        inner = folder if relative == "." else f"{folder}/{relative}"
        found += [f"{inner}/{name}" for name in names]
        if len(found) > _MAX_FILES:
            break
    return sorted(found)[:_MAX_FILES]


def _decide(files: Sequence[RuntimeFile], flag: Setting) -> Setting:
    if flag.on is not None:
        return flag
    for file in files:
        if file.error and file.sets is None:
            return Setting(None, f"{clean(file.path)}: {file.error}")
    for file in reversed(files):
        if file.sets is not None:
            return Setting(file.sets, clean(file.path))
    return Setting(False, "CRI-O's default: no file and no flag sets it")


def _flag(process: RuntimeProcess | None) -> Setting:
    if process is None:
        return Setting(None, "no process was found, so its flags are not known")
    for argument in reversed(process.command):
        if argument in ("--enable-pod-events", "-enable-pod-events"):
            return Setting(True, "the flag --enable-pod-events")
        name, equals, value = argument.lstrip("-").partition("=")
        if equals and name == "enable-pod-events" and argument.startswith("-"):
            return Setting(_boolean(value), f"the flag --enable-pod-events={clean(value, 20)}")
    value = process.environment.get("ENABLE_POD_EVENTS", "")
    if value:
        return Setting(_boolean(value), "the environment variable ENABLE_POD_EVENTS")
    return Setting(None, "no flag")


def _boolean(text: str) -> bool | None:
    """As Go's strconv.ParseBool."""
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    return False if text in ("0", "f", "F", "FALSE", "false", "False") else None


def _without_switch(kind: str) -> Setting:
    if kind == "containerd":
        return Setting(True, "containerd sends events always: it has no switch for them")
    return Setting(None, "nothing is known about this runtime's configuration")


def _kind_of(endpoint: str) -> str:
    if "crio" in endpoint:
        return "cri-o"
    return "containerd" if "containerd" in endpoint else ""


def _argument(command: Sequence[str], names: tuple[str, ...]) -> str:
    """The value of a flag in a command line, the last one if it is given twice."""
    value = ""
    for index, argument in enumerate(command):
        name, equals, rest = argument.partition("=")
        if name in names:
            if equals:
                value = rest
            elif index + 1 < len(command):
                value = command[index + 1]
    return value


def _processes(root: str) -> Iterator[RuntimeProcess]:
    proc = under(root, "/proc")
    try:
        names = os.listdir(proc)  # noqa: PTH208
    except OSError:
        return
    # A node that is itself a container, as kind's are, has that in every control group.
    plain = not _IN_POD.search(_text(f"{proc}/1/cgroup"))
    for name in names:
        if not name.isdigit():
            continue
        comm = _text(f"{proc}/{name}/comm").strip()
        if comm not in _COMMS:
            continue
        command = tuple(_text(f"{proc}/{name}/cmdline").split("\0")[:-1])
        unit = None
        groups = _text(f"{proc}/{name}/cgroup")
        for line in groups.splitlines():
            if match := _UNIT.search(line.rpartition(":")[2]):
                unit = match[1]
        environment = {}
        for pair in _text(f"{proc}/{name}/environ").split("\0"):
            key, _, value = pair.partition("=")
            if key == "ENABLE_POD_EVENTS":
                environment[key] = value
        yield RuntimeProcess(
            int(name),
            _COMMS[comm],
            command,
            unit,
            environment,
            plain and bool(_IN_POD.search(groups)),
            started_at(root, int(name)),
        )


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
