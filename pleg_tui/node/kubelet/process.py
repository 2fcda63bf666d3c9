"""The kubelet's process: which one it is, since when it runs, and whose files it sees.

Sources: proc(5) for comm, cmdline, stat (field 22), cgroup and ns; the names that distributions
give the program that a kubelet runs in.
"""

from __future__ import annotations

import os
import re

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.files import Unreadable, read_file, read_proc
from pleg_tui.node.process_cpu import small_file

_TICKS = os.sysconf("SC_CLK_TCK")
_MAX_PROCESSES = 200_000
_MAX_ARGUMENTS = 1000

_HOSTS = {
    "kubelet": "",
    "hyperkube": "",
    "k3s": "k3s",
    "k3s-server": "k3s",
    "k3s-agent": "k3s",
    "microshift": "microshift",
    "kubelite": "microk8s",
}
"""Process names, with the program that has a kubelet inside it; RKE2, k0s and kind run a kubelet
as a process of its own."""


class KubeletProcess(Struct, frozen=True):
    """One running kubelet."""

    pid: int
    command: tuple[str, ...]
    """As it is, arguments not cleaned: they are parsed."""
    embedded: str
    """k3s, microshift or microk8s; empty for a kubelet of its own."""
    started_at: float | None
    """Seconds since the epoch; None: unknown."""
    root: str
    """Where the files that it sees are seen from here."""
    foreign: bool
    """It has a mount namespace of its own, as one in a container has."""
    cgroup: str | None
    inner_pids: frozenset[int]
    """Its pid in every PID namespace that it is in: its log has the innermost."""


class Search(Struct, frozen=True):
    """What a search found."""

    chosen: KubeletProcess | None
    pids: tuple[int, ...]
    why: str
    """Why none, or why this one of several; empty when there is just one."""


def find_kubelet(root: str, pid: int | None = None) -> Search:
    """The kubelet of the node under this root.

    Of several the one is taken that sees the node's own files, and of those the oldest; `why` says
    so. Reads the names of all processes, and more only of those that are named as a kubelet is.

    Args:
        root: where the node's file system is seen from here.
        pid: only this one.
    """
    proc = under(root, "/proc")
    try:
        with os.scandir(proc) as entries:
            pids = [int(e.name) for e in entries if e.name.isascii() and e.name.isdigit()]
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        return Search(None, (), f"{clean(proc)} cannot be read ({reason}): is --root right?")
    if not pids:
        return Search(None, (), f"no process is in {clean(proc)}: is --root right?")
    found = [
        process
        for number in sorted(pids)[:_MAX_PROCESSES]
        if (process := read_kubelet_process(root, number)) is not None
    ]
    every = tuple(process.pid for process in found)
    if pid is not None:
        chosen = next((process for process in found if process.pid == pid), None)
        why = "" if chosen else f"process {pid} is no kubelet; {_listed(every)}"
        return Search(chosen, every, why)
    if not found:
        return Search(
            None,
            (),
            f"none of {len(pids)} processes in {clean(proc)} is a kubelet "
            f"(looked for {', '.join(sorted(set(_HOSTS)))}); in a container, run in the node's "
            "PID namespace (hostPID)",
        )
    chosen = min(found, key=lambda p: (p.foreign, p.started_at or 0.0, p.pid))
    if len(found) == 1:
        return Search(chosen, every, "")
    own = "sees the node's own files and " if len({p.foreign for p in found}) > 1 else ""
    return Search(
        chosen,
        every,
        f"{_listed(every)}; {chosen.pid} was taken, which {own}is the oldest: "
        "choose another with --kubelet-pid",
    )


def read_kubelet_process(root: str, pid: int) -> KubeletProcess | None:
    """The kubelet that runs as this process; None when it is gone or is none."""
    proc = under(root, "/proc")
    try:  # of every process there is
        name = small_file(f"{proc}/{pid}/comm").strip().decode("utf-8", "replace")
    except OSError:
        return None
    if name not in _HOSTS:
        return None
    data = read_proc(proc, pid, "cmdline")
    if not data:
        return None  # a zombie, or a thread of the kernel
    command = tuple(
        part.decode("utf-8", "replace")
        for part in data.rstrip(b"\0").split(b"\0", _MAX_ARGUMENTS)[:_MAX_ARGUMENTS]
    )
    embedded = _host_of(name, command)
    if embedded is None:
        return None
    foreign = _foreign(root, proc, pid)
    inner = _inner_pids(proc, pid)
    return KubeletProcess(
        pid=pid,
        command=command,
        embedded=embedded,
        started_at=started_at(root, pid),
        root=f"{proc}/{pid}/root" if foreign else root,
        foreign=foreign,
        cgroup=_cgroup(proc, pid),
        inner_pids=inner | {pid},
    )


def started_at(root: str, pid: int) -> float | None:
    """When a process began, in seconds since the epoch, to a hundredth; None: unknown."""
    proc = under(root, "/proc")
    ticks = start_ticks(root, pid)
    try:
        booted = re.search(r"^btime (\d+)$", read_file(proc, "/stat", 1 << 22).text, re.MULTILINE)
    except Unreadable:
        return None
    if ticks is None or booted is None:
        return None
    return int(booted[1]) + ticks / _TICKS


def start_ticks(root: str, pid: int) -> int | None:
    """Clock ticks from boot to a process's start: with its pid they tell it from all others."""
    data = read_proc(under(root, "/proc"), pid, "stat", 4096)
    try:
        return int((data or b"").rpartition(b")")[2].split()[19])
    except (IndexError, ValueError):
        return None


def cpu_seconds(root: str, pid: int) -> float | None:
    """Processor time of a process since its start, user and system; None: unknown."""
    data = read_proc(under(root, "/proc"), pid, "stat", 4096)
    fields = (data or b"").rpartition(b")")[2].split()
    try:
        return (int(fields[11]) + int(fields[12])) / _TICKS
    except (IndexError, ValueError):
        return None


def _host_of(name: str, command: tuple[str, ...]) -> str | None:
    """The program that the kubelet is inside of, "" for none; None: this is no kubelet."""
    words = [word for word in command[1:] if not word.startswith("-")]
    if name == "hyperkube":
        return "" if words[:1] == ["kubelet"] else None
    if name == "microshift":
        return "microshift" if words[:1] == ["run"] else None
    if name.startswith("k3s"):
        # Both are also names of short-lived commands: "k3s kubectl", "k3s crictl".
        whole = " ".join(command)
        if "--disable-agent" in whole:
            return None
        runs = re.search(r"\b(server|agent)\b", whole)
        return "k3s" if runs else None
    return _HOSTS[name]


def _foreign(root: str, proc: str, pid: int) -> bool:
    """Whether it sees other files than those under the root; False when that cannot be known."""
    ours = "self" if os.path.normpath(root) == "/" else "1"
    try:
        theirs = os.readlink(f"{proc}/{pid}/ns/mnt")  # noqa: PTH115 - a text, not a path
        if theirs == os.readlink(f"{proc}/{ours}/ns/mnt"):  # noqa: PTH115
            return False
        os.listdir(f"{proc}/{pid}/root")  # noqa: PTH208
    except OSError:
        return False
    return True


def _inner_pids(proc: str, pid: int) -> frozenset[int]:
    status = read_proc(proc, pid, "status", 1 << 14) or b""
    line = re.search(rb"^NSpid:\s*([\d\s]+?)$", status, re.MULTILINE)
    return frozenset(int(word) for word in line[1].split()) if line else frozenset()


def _cgroup(proc: str, pid: int) -> str | None:
    text = (read_proc(proc, pid, "cgroup", 1 << 14) or b"").decode("utf-8", "replace")
    paths = {
        parts[1]: parts[2]
        for line in text.splitlines()
        if len(parts := line.split(":", 2)) == 3 and parts[1] in ("", "name=systemd")
    }
    path = paths.get("name=systemd") or paths.get("")
    return clean(path) if path else None


def _listed(pids: tuple[int, ...]) -> str:
    if not pids:
        return "no kubelet runs here"
    if len(pids) == 1:
        return f"one kubelet runs here (process {pids[0]})"
    shown = ", ".join(map(str, pids[:5])) + (" …" if len(pids) > 5 else "")
    return f"{len(pids)} kubelets run here (processes {shown})"
