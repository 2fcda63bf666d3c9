"""The processes of a container, from its control group and /proc.

Sources: cgroup.procs of the group and of those below it; proc(5) for stat, status and cmdline.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.cri.clean import clean, clean_name
from pleg_tui.cri.sockets import under
from pleg_tui.node.hierarchy import Hierarchy

MAX_PROCESSES = 500
MAX_COMMAND = 1024
_MAX_GROUPS = 200
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "disk sleep",
    "Z": "zombie",
    "T": "stopped",
    "t": "traced",
    "X": "dead",
    "I": "idle",
    "P": "parked",
}


class Process(Struct, frozen=True):
    """One process, as it was when it was read."""

    pid: int
    """As the node counts, not as the container does."""
    ppid: int
    depth: int
    """0 for one whose parent is not of this container."""
    uid: int | None
    user: str
    """The name that the node has for the uid, or the uid; empty when it is unknown."""
    state: str
    """One letter, as in ps."""
    cpu_ns: int
    """Processor time since it exists, user and system."""
    rss: int
    """Resident bytes."""
    threads: int
    command: str
    """Its arguments, or its name in brackets where it has none; cleaned and on one line."""

    @property
    def state_name(self) -> str:
        """The state in words."""
        return STATES.get(self.state, "unknown")


class Processes(Struct, frozen=True):
    """What runs in a container."""

    processes: tuple[Process, ...] = ()
    """Parents before their children, each with its own right after it."""
    total: int = 0
    """How many there are; more than are listed when they are very many."""
    why: str = ""
    """Why nothing, or not all, is listed; empty when all is."""


def read_processes(root: str, hierarchy: Hierarchy, path: str) -> Processes:
    """The processes of the group at this path below each tree's folder, as a tree.

    A kernel that is short of memory may hold up whoever reads a process's arguments: call it from
    a thread that may wait.

    Args:
        root: where the node's file system is seen from here.
        hierarchy: how the node mounts its control groups.
        path: as CgroupIndex.path() gives it.
    """
    try:
        pids = _pids(f"{hierarchy.walked}/{path}")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            return Processes(why="its control group is gone: it has ended")
        if error.errno in (errno.EACCES, errno.EPERM):
            return Processes(why="no permission to read its control group: run as root")
        return Processes(why=f"its control group cannot be read: {error.strerror}")
    if pids and not any(pids):
        return Processes(
            total=len(pids),
            why="its processes are in a PID namespace that cannot be seen from here: "
            "run in the node's (hostPID)",
        )
    proc = under(root, "/proc")
    users = read_users(root)
    listed = sorted(set(pids) - {0})
    found = [p for pid in listed[:MAX_PROCESSES] if (p := _read(proc, pid, users)) is not None]
    why = ""
    if len(listed) > MAX_PROCESSES:
        why = f"only the first {MAX_PROCESSES} of {len(listed)} are listed"
    elif listed and not found:
        why = f"none of its {len(listed)} processes can be read in {clean(proc)}"
    return Processes(as_tree(found), len(listed), why)


def as_tree(processes: Iterable[Process]) -> tuple[Process, ...]:
    """Parents before their children, by pid, with their depths; each process once; pure."""
    by_pid = {process.pid: process for process in processes}
    children: dict[int, list[int]] = {}
    tops: list[int] = []
    for pid, process in sorted(by_pid.items()):
        known = process.ppid in by_pid and process.ppid != pid
        (children.setdefault(process.ppid, []) if known else tops).append(pid)
    ordered: list[Process] = []
    done: set[int] = set()
    # Whatever is in no tree is in a ring, which only pids that were used anew between two readings
    # can make: it begins with its lowest.
    for top in (*tops, *sorted(by_pid)):
        stack = [(top, 0)]
        while stack:
            pid, depth = stack.pop()
            if pid in done:
                continue
            done.add(pid)
            ordered.append(replace(by_pid[pid], depth=depth))
            stack += [(child, depth + 1) for child in reversed(children.get(pid, []))]
    return tuple(ordered)


def read_users(root: str) -> dict[int, str]:
    """User names by uid from the node's own /etc/passwd; empty when it cannot be read."""
    try:
        with open(under(root, "/etc/passwd"), "rb") as file:  # noqa: PTH123
            text = file.read(1 << 20).decode("utf-8", "replace")
    except OSError:
        return {}
    users: dict[int, str] = {}
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) > 2 and parts[2].isascii() and parts[2].isdigit():
            users.setdefault(int(parts[2]), clean_name(parts[0]))
    return users


def _pids(folder: str) -> list[int]:
    """The pids in a group and all below it; 0 for each that this PID namespace does not know."""
    pids: list[int] = []
    queue = deque([folder])
    for number in range(_MAX_GROUPS):
        if not queue:
            break
        here = queue.popleft()
        try:
            pids += _numbers(here)
            with os.scandir(here) as entries:
                queue.extend(e.path for e in entries if e.is_dir(follow_symlinks=False))
        except OSError:
            if number == 0:
                raise  # of those below it one may go at any time
    return pids


def _numbers(folder: str) -> list[int]:
    try:
        text = _small(f"{folder}/cgroup.procs", 1 << 20)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        # A threaded group of v2 tells its threads only; their processes are in the group above.
        text = b""
    return [int(word) for word in text.split() if word.isdigit()]


def _read(proc: str, pid: int, users: dict[int, str]) -> Process | None:
    """One process; None when it is gone."""
    folder = f"{proc}/{pid}"
    try:
        stat = _small(f"{folder}/stat")
        status = _small(f"{folder}/status")
        # The name may hold anything, brackets and spaces too: what follows it is behind the last.
        name, _, rest = stat.partition(b"(")[2].rpartition(b")")
        fields = rest.split()
        state = fields[0].decode("ascii", "replace")
        uid = _uid(status)
        return Process(
            pid=pid,
            ppid=int(fields[1]),
            depth=0,
            uid=uid,
            user="" if uid is None else users.get(uid, str(uid)),
            state=state if state in STATES else "?",
            cpu_ns=(int(fields[11]) + int(fields[12])) * _TICK_NS,
            rss=max(0, int(fields[21])) * _PAGE,
            threads=int(fields[17]),
            command=_command(folder, name, state),
        )
    except (OSError, ValueError, IndexError):
        return None


def _uid(status: bytes) -> int | None:
    """The effective uid; of real, effective, saved and file-system uid the second."""
    words = status.partition(b"\nUid:")[2].split(None, 4)
    return int(words[1]) if len(words) > 1 else None


def _command(folder: str, name: bytes, state: str) -> str:
    arguments = b""
    if state not in "DZX":  # reading the arguments of one that is stuck may get us stuck, too
        try:
            arguments = _small(f"{folder}/cmdline").rstrip(b"\0")
        except OSError:
            arguments = b""
    text = arguments.replace(b"\0", b" ").decode("utf-8", "replace")
    return clean(text or f"[{name.decode('utf-8', 'replace')}]", MAX_COMMAND)


def _small(path: str, limit: int = 8192) -> bytes:
    """At most so many bytes of a file of the kernel's.

    Raises:
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        text = os.read(fd, limit)
        while len(text) < limit and (more := os.read(fd, limit - len(text))):
            text += more
        return text
    finally:
        os.close(fd)
