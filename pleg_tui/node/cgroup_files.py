"""What the files of one control group say, in one shape for v1, v2 and hybrid.

Working set and resident memory are figured as the kubelet's own statistics are (cAdvisor's
libcontainer handler): usage less inactive file pages, never below 0; v1 counts the group and all
below it (`total_…`), as v2 always does.
"""

from __future__ import annotations

import errno
import os
import resource
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct, field

from pleg_tui.node.hierarchy import Hierarchy

GONE = "its control group is gone: it has ended"
NOT_READ = "it was not read: only what lists show is read of them all"
NO_LIMIT = 0
_UNLIMITED = 1 << 62
"""v1 says "no limit" as the largest number of whole pages."""
_READ = 16384
"""Longer than any of these files; memory.stat has some 2 KiB."""
_MAX_KEPT = 512
_IDLE_ROUNDS = 10


class OpenFiles:
    """Reads small kernel files over and over; some of them stay open.

    A file that is open already costs a fifth of one that has to be opened and closed. When as many
    are open as may be, one gives way only after it was not read in the last rounds: giving way to
    whichever comes next would keep none long enough to be of use.

    Args:
        limit: how many may stay open; by default a quarter of what this process may, 512 at most.
    """

    def __init__(self, limit: int | None = None) -> None:
        if limit is None:
            allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            limit = _MAX_KEPT if allowed < 0 else min(_MAX_KEPT, allowed // 4)
        self._limit = limit
        self._round = 0
        self._open: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """Path to file descriptor and the round in which it was last read, longest unread first."""

    def __len__(self) -> int:
        return len(self._open)

    def begin_round(self) -> None:
        """Another round of readings begins."""
        self._round += 1

    def read(self, path: str) -> bytes:
        """The file's contents now.

        Raises:
            OSError: it cannot be read. ENODEV: its group was removed.
        """
        kept = self._open.get(path)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK) if kept is None else kept[0]
        keep = kept is not None or self._has_room()
        try:
            text = os.pread(fd, _READ, 0)
        except OSError:
            self._open.pop(path, None)
            os.close(fd)
            raise
        if keep:
            self._open[path] = (fd, self._round)
            self._open.move_to_end(path)
        else:
            os.close(fd)
        return text

    def _has_room(self) -> bool:
        if len(self._open) < self._limit:
            return True
        if not self._open:
            return False
        path, (fd, read_in) = next(iter(self._open.items()))
        if read_in >= self._round - _IDLE_ROUNDS:
            return False
        del self._open[path]
        os.close(fd)
        return True

    def forget(self, folder: str) -> None:
        """Close what is open in this folder."""
        for path in [path for path in self._open if path.rpartition("/")[0] == folder]:
            os.close(self._open.pop(path)[0])

    def close(self) -> None:
        """Close everything."""
        while self._open:
            os.close(self._open.popitem()[1][0])


class Counts(Struct):
    """One reading of a control group; None is unknown, and `reasons` then says why, by field."""

    cpu_ns: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_ns: int | None = None
    working_set: int | None = None
    memory_limit: int | None = None
    anon: int | None = None
    oom_kills: int | None = None
    pids: int | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    gone: bool = False
    """The group does not exist any more."""


_THROTTLING = ("periods", "throttled_periods", "throttled_ns")

_LISTED = frozenset({"cpu_ns", "working_set", "memory_limit"})
"""What a brief reading is for: the other files are not opened for it."""

_Part = tuple[str, str, tuple[str, ...], Callable[[str, Counts], None]]
"""Controller, the folder of its tree, the fields that it tells, and what reads them."""


class GroupReader:
    """Reads the figures of control groups, each from the tree that has its controller."""

    def __init__(self, hierarchy: Hierarchy, files: OpenFiles) -> None:
        self.hierarchy = hierarchy
        self._files = files
        v1, v2 = hierarchy.v1, hierarchy.v2
        self._v1_memory = "memory" in v1
        memory = v1.get("memory", v2)
        read_memory = self._memory_v1 if self._v1_memory else self._memory_v2
        self._parts: list[_Part] = [
            ("memory", memory, ("working_set", "anon"), read_memory),
            ("memory", memory, ("memory_limit",), self._limit),
            ("memory", memory, ("oom_kills",), self._oom),
            ("pids", v1.get("pids", v2), ("pids",), self._pids),
        ]
        if "cpuacct" in v1 or "cpu" in v1:
            read_cpu = self._cpu_v1 if "cpuacct" in v1 else self._cpu_v2
            self._parts.append(("cpuacct", v1.get("cpuacct", v2), ("cpu_ns",), read_cpu))
            self._parts.append(("cpu", v1.get("cpu", v2), _THROTTLING, self._throttling))
        else:
            self._parts.append(("cpu", v2, ("cpu_ns", *_THROTTLING), self._cpu_v2))
        self._brief = [part for part in self._parts if _LISTED.intersection(part[2])]
        kept = {name for part in self._brief for name in part[2]}
        fields = {name for part in self._parts for name in part[2]}
        self._left_out = dict.fromkeys(fields - kept, NOT_READ)
        self.sources = _sources(hierarchy)
        """Which files, and what of them, a figure is made of; by field."""

    def read(self, path: str, *, brief: bool = False) -> Counts:
        """The figures of the group at this path below each tree's folder.

        Args:
            path: the group's.
            brief: only what lists show, from half the files.
        """
        counts = Counts(reasons=dict(self._left_out) if brief else {})
        for controller, folder, fields, part in self._brief if brief else self._parts:
            if not folder:
                why = f"the {controller} controller is not mounted on this node"
            else:
                try:
                    part(f"{folder}/{path}", counts)
                    continue
                except OSError as error:
                    why = self._why(error, path, controller)
                except (ValueError, KeyError):
                    why = f"its {controller} files say nothing that is understood"
            for name in fields:
                if getattr(counts, name) is None:
                    counts.reasons.setdefault(name, why)
            if why is GONE:
                counts.gone = True
        return counts

    def forget(self, path: str) -> None:
        """Keep nothing open of the group at this path."""
        for folder in {folder for _, folder, _, _ in self._parts if folder}:
            self._files.forget(f"{folder}/{path}")

    def _why(self, error: OSError, path: str, controller: str) -> str:
        if error.errno == errno.ENODEV:
            return GONE
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            there = os.path.isdir(f"{self.hierarchy.walked}/{path}")  # noqa: PTH112
            return f"the {controller} controller does not count this group" if there else GONE
        if error.errno in (errno.EACCES, errno.EPERM):
            return "no permission to read its control group: run as root"
        return f"its control group cannot be read: {error.strerror}"

    def _cpu_v1(self, folder: str, counts: Counts) -> None:
        counts.cpu_ns = int(self._files.read(f"{folder}/cpuacct.usage"))

    def _cpu_v2(self, folder: str, counts: Counts) -> None:
        stat = self._files.read(f"{folder}/cpu.stat")
        counts.cpu_ns = 1000 * number(stat, b"usage_usec")
        if "cpu" not in self.hierarchy.v1:
            self._throttled(stat, counts)

    def _throttling(self, folder: str, counts: Counts) -> None:
        self._throttled(self._files.read(f"{folder}/cpu.stat"), counts)

    @staticmethod
    def _throttled(stat: bytes, counts: Counts) -> None:
        if b"nr_periods" not in stat:  # v2 tells only the time used where it controls nothing
            why = "the cpu controller does not count this group"
            counts.reasons.update(dict.fromkeys(_THROTTLING, why))
            return
        counts.periods = number(stat, b"nr_periods")
        counts.throttled_periods = number(stat, b"nr_throttled")
        if b"throttled_usec" in stat:
            counts.throttled_ns = 1000 * number(stat, b"throttled_usec")
        else:
            counts.throttled_ns = number(stat, b"throttled_time")

    def _memory_v1(self, folder: str, counts: Counts) -> None:
        used = int(self._files.read(f"{folder}/memory.usage_in_bytes"))
        stat = self._files.read(f"{folder}/memory.stat")
        counts.working_set = max(0, used - number(stat, b"total_inactive_file"))
        counts.anon = number(stat, b"total_rss")

    def _memory_v2(self, folder: str, counts: Counts) -> None:
        used = int(self._files.read(f"{folder}/memory.current"))
        stat = self._files.read(f"{folder}/memory.stat")
        counts.working_set = max(0, used - number(stat, b"inactive_file"))
        counts.anon = number(stat, b"anon")

    def _limit(self, folder: str, counts: Counts) -> None:
        name = "memory.limit_in_bytes" if self._v1_memory else "memory.max"
        text = self._files.read(f"{folder}/{name}").strip()
        limit = NO_LIMIT if text == b"max" else int(text)
        counts.memory_limit = NO_LIMIT if limit >= _UNLIMITED else limit

    def _oom(self, folder: str, counts: Counts) -> None:
        name = "memory.oom_control" if self._v1_memory else "memory.events"
        try:
            counts.oom_kills = number(self._files.read(f"{folder}/{name}"), b"oom_kill")
        except KeyError:
            counts.reasons["oom_kills"] = "this kernel does not count them (Linux 4.13 does)"

    def _pids(self, folder: str, counts: Counts) -> None:
        counts.pids = int(self._files.read(f"{folder}/pids.current"))


def number(text: bytes, key: bytes) -> int:
    """The number that follows a key, in a file of `key number` lines.

    Raises:
        KeyError: there is no such key.
        ValueError: what follows is no number.
    """
    start = 0 if text.startswith(key + b" ") else text.find(b"\n" + key + b" ") + 1
    if not start and not text.startswith(key + b" "):
        raise KeyError(key)
    start += len(key) + 1
    end = text.find(b"\n", start)
    return int(text[start:] if end < 0 else text[start:end])


def _sources(hierarchy: Hierarchy) -> dict[str, str]:
    if not hierarchy.walked:
        return {}
    v1 = hierarchy.v1
    v1_memory = "memory" in v1
    cpu = "cpuacct.usage" if "cpuacct" in v1 else "cpu.stat usage_usec"
    slowed = "throttled_time" if "cpu" in v1 else "throttled_usec"
    return {
        "cores": cpu,
        "cpu_ns": cpu,
        "periods": "cpu.stat nr_periods",
        "throttled_periods": "cpu.stat nr_throttled",
        "throttled_ns": f"cpu.stat {slowed}",
        "throttled_share": "cpu.stat nr_throttled / nr_periods",
        "working_set": "memory.usage_in_bytes - memory.stat total_inactive_file"
        if v1_memory
        else "memory.current - memory.stat inactive_file",
        "anon": "memory.stat total_rss" if v1_memory else "memory.stat anon",
        "memory_limit": "memory.limit_in_bytes" if v1_memory else "memory.max",
        "oom_kills": f"{'memory.oom_control' if v1_memory else 'memory.events'} oom_kill",
        "pids": "pids.current",
    }
