"""Which processes are the runtime: its daemon, and the shims or conmons of its containers.

The daemon is who listens on the CRI socket (unix(7): SO_PEERCRED), unless that was a service
manager that opened the socket for it, or is in a PID namespace that cannot be seen from here; then
it is known by its name.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from pathlib import Path

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.process_cpu import CpuMeter, start_ticks

_DAEMONS = {
    "containerd": ("containerd",),
    "cri-o": ("crio",),
    # cri-dockerd hands each call on to the Docker daemon, so the work is done by both.
    "docker": ("cri-dockerd", "dockerd"),
}
"""Names of the processes (comm) by the runtime's name in the CRI."""
_SERVICE_MANAGERS = frozenset({"systemd", "init"})
_SHIMS = ("containerd-shim", "conmon")
"""comm is cut after 15 characters: containerd-shim-runc-v2 is containerd-shim."""
_ADDRESS = re.compile(rb"(?:^|\0)-?-address[\0=]([^\0]+)")


class RuntimeProcesses(Struct, frozen=True):
    """The daemon's processes, the first being the one that answers."""

    pids: tuple[int, ...]
    names: tuple[str, ...]
    how: str
    """How they were found."""
    why: str = ""
    """Why there are none, with the remedy; empty when there are."""


def same_namespace(root: str) -> bool:
    """Whether the pids in /proc under this root are those of our own PID namespace."""
    try:
        text = Path(under(root, "/proc/self/status")).read_bytes()
    except OSError:
        return False
    # NSpid lists our pid in every namespace from that /proc's own down to ours.
    words = text.partition(b"\nNSpid:")[2].partition(b"\n")[0].split()
    return words == [str(os.getpid()).encode()]


def find_runtime(endpoint: str, root: str, runtime_name: str) -> RuntimeProcesses:
    """The daemon behind an endpoint; blocking, some milliseconds.

    Args:
        endpoint: `unix:///…`, as seen from here.
        root: where the node's file system is seen from here.
        runtime_name: as CRI Version says it.
    """
    proc = under(root, "/proc")
    peer = _peer(endpoint.removeprefix("unix://"))
    if peer and same_namespace(root):
        name = _comm(proc, peer)
        if name and name not in _SERVICE_MANAGERS:
            pids: tuple[int, ...] = (peer,)
            names: tuple[str, ...] = (name,)
            if name == "cri-dockerd":
                for pid in _named(proc, ("dockerd",)):
                    pids, names = (*pids, pid), (*names, "dockerd")
            return RuntimeProcesses(pids, names, "it listens on the socket")
    wanted = _DAEMONS.get(runtime_name.lower().removesuffix("-simulated"), ())
    found = [(pid, name) for name in wanted for pid in _named(proc, (name,))]
    if len(found) == len({name for _, name in found}) and found:
        return RuntimeProcesses(
            tuple(pid for pid, _ in found), tuple(name for _, name in found), "by its name"
        )
    if found:
        return RuntimeProcesses(
            (),
            (),
            "",
            f"{len(found)} processes are named {wanted[0]} and which one serves this socket cannot "
            "be seen from here: run in the node's PID namespace (hostPID)",
        )
    return RuntimeProcesses(
        (),
        (),
        "",
        f"no process of {clean(runtime_name or 'the runtime')} is in {clean(proc)}: run on the "
        "node, or in its PID namespace (hostPID) with --root",
    )


class ShimMeter:
    """Processor time of all shims or conmons together, of those too that ended meanwhile.

    A shim that ends takes its figure along, so what was last read of it is kept: look once a second
    and only what it spent after the last look is missed. What shims themselves start (runc, the
    containers) is not counted.
    """

    def __init__(self, endpoint: str, root: str, daemon: int) -> None:
        """Look for those of the daemon that runs as this process and serves this endpoint."""
        self._proc = under(root, "/proc")
        self._mounts = _mounts(self._proc, str(daemon))
        host = _mounts(self._proc, "self" if os.path.normpath(root) == "/" else "1")
        # Where the daemon sees other files than we do, its sockets' names say nothing here.
        self._foreign = bool(host and self._mounts and host != self._mounts)
        self._same = same_namespace(root)
        path = os.path.realpath(endpoint.removeprefix("unix://"))
        inside = os.path.realpath(root)
        self._address = (path.removeprefix(inside) if inside != "/" else path).encode()
        self._meters: dict[int, CpuMeter] = {}
        self._last: dict[int, int] = {}
        self._others: dict[int, int | None] = {}
        self._gone_ns = 0
        self._first = True
        self._any = False

    @property
    def count(self) -> int:
        """How many there were at the last look."""
        return len(self._meters)

    @property
    def pids(self) -> tuple[int, ...]:
        """Those that there were at the last look."""
        return tuple(self._meters)

    def read(self, *, look: bool = True) -> int | None:
        """Processor time since the first look, ns and growing.

        None: /proc cannot be read, or there never was one, as with a runtime that has none.

        Args:
            look: for new ones, too, which means to go through all processes.
        """
        if look and not self._look():
            return None
        for pid, meter in list(self._meters.items()):
            now = meter.read()
            if now is None or now < self._last.get(pid, 0):
                self._gone_ns += self._last.pop(pid, 0)
                del self._meters[pid]
            else:
                self._last[pid] = now
        self._first = False
        self._any = self._any or bool(self._meters)
        if not self._any:
            return None
        return self._gone_ns + sum(self._last.values())

    def _look(self) -> bool:
        """Find those that are new; False: /proc cannot be read."""
        try:
            names = os.listdir(self._proc)  # noqa: PTH208 - many, and nothing but their names
            pids = {int(name) for name in names if name.isascii() and name.isdigit()}
        except OSError:
            return False
        for pid in self._others.keys() - pids:
            del self._others[pid]
        for pid in pids - self._meters.keys() - self._others.keys():
            if self._is_ours(pid):
                meter = CpuMeter(pid, self._proc, same_namespace=self._same)
                self._meters[pid] = meter
                if self._first:  # what it spent before we came is not of our time
                    self._gone_ns -= meter.read() or 0
            else:
                self._others[pid] = None
        return True

    def _is_ours(self, pid: int) -> bool:
        name = _comm(self._proc, pid)
        if not name.startswith(_SHIMS):
            return False
        mounts = _mounts(self._proc, str(pid))
        if mounts and self._mounts and mounts != self._mounts:
            return False
        if self._foreign or name.startswith("conmon"):
            return True
        try:
            command = Path(f"{self._proc}/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        # Another containerd's shims name another socket.
        told = _ADDRESS.search(command)
        return told is None or _same_file(told[1], self._address)


def _same_file(told: bytes, address: bytes) -> bool:
    """Whether a shim's -address is this socket; its containerd's ttrpc socket lies beside it."""
    return told.removesuffix(b".ttrpc") == address or (
        told.removeprefix(b"/var") == address.removeprefix(b"/var")
    )


def _mounts(proc: str, pid: str) -> str:
    """The mount namespace of a process; empty when it must not be seen."""
    try:
        return os.readlink(f"{proc}/{pid}/ns/mnt")  # noqa: PTH115 - a text, not a path
    except OSError:
        return ""


def _peer(path: str) -> int:
    """The pid of who listens on a socket, as our PID namespace counts; 0 when it cannot be told."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            connection.connect(path)
            data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    except OSError:
        return 0
    return int(struct.unpack("iII", data)[0])


def _comm(proc: str, pid: int) -> str:
    try:
        text = Path(f"{proc}/{pid}/comm").read_bytes()
    except OSError:
        return ""
    return clean(text.strip().decode("utf-8", "replace"), 64)


def _named(proc: str, names: tuple[str, ...]) -> list[int]:
    """Pids of the processes of these names that live."""
    try:
        with os.scandir(proc) as entries:
            pids = sorted(int(e.name) for e in entries if e.name.isascii() and e.name.isdigit())
    except OSError:
        return []
    return [
        pid
        for pid in pids
        if _comm(proc, pid) in names and start_ticks(f"{proc}/{pid}") is not None
    ]
