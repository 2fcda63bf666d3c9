"""The processor time of a process in nanoseconds, where the kernel keeps it so.

`utime` and `stime` of proc(5) count in ticks of 10 ms, which is coarser than what is measured here.
The kernel's own sum of run time (sum_exec_runtime) is exact, and can be had in two ways: from the
process's CPU clock (clock_getcpuclockid(3): any process of our PID namespace, whoever owns it, and
its ended threads are in it), or from the schedstat files of its threads, which work through any
/proc, but forget a thread when it ends.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CPUCLOCK_SCHED = 2


def clock_ns(pid: int) -> int | None:
    """Processor time of a process of our own PID namespace since it began, ns; None: it is gone."""
    if pid <= 0:  # 0 is ourselves, and others are other clocks
        return None
    try:
        # As clock_getcpuclockid(3) makes the number: glibc's MAKE_PROCESS_CPUCLOCK.
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
    except (OSError, OverflowError):
        return None


class CpuMeter:
    """Processor time of one process, in the finest way that there is; blocking, microseconds."""

    def __init__(self, pid: int, proc: str = "/proc", *, same_namespace: bool = True) -> None:
        """Choose the way.

        Args:
            pid: as that /proc counts.
            proc: the folder in which the process is seen.
            same_namespace: its pids are those of our own PID namespace.
        """
        self.pid = pid
        self._folder = f"{proc}/{pid}"
        self._start = start_ticks(self._folder)
        self._threads: dict[str, int] = {}
        self._ended_ns = 0
        self._clock = same_namespace and clock_ns(pid) is not None
        self._schedstat = not self._clock and self._read_threads() is not None
        self.how = (
            "its CPU clock (ns)"
            if self._clock
            else "schedstat of its threads (ns)"
            if self._schedstat
            else f"utime and stime (ticks of {TICK_NS // 1_000_000} ms)"
        )
        """How it is read and how fine, in words."""

    @property
    def alive(self) -> bool:
        """It still is the process that it was; not another that was given its pid."""
        return self._start is not None and start_ticks(self._folder) == self._start

    def read(self) -> int | None:
        """Processor time since it began, ns; None when it is gone or cannot be read."""
        if self._clock:
            return clock_ns(self.pid)
        if self._schedstat:
            return self._read_threads()
        fields = _stat(self._folder)
        return None if fields is None else (int(fields[11]) + int(fields[12])) * TICK_NS

    def children(self) -> int | None:
        """Processor time of the children that it has waited for, ns in ticks; None: unknown."""
        fields = _stat(self._folder)
        return None if fields is None else (int(fields[13]) + int(fields[14])) * TICK_NS

    def rss(self) -> int | None:
        """Resident bytes; None: unknown."""
        fields = _stat(self._folder)
        return None if fields is None else int(fields[21]) * _PAGE

    def switches(self) -> int | None:
        """Context switches of its threads that live, wanted or not; None: unknown."""
        total = 0
        try:
            for thread in os.listdir(f"{self._folder}/task"):  # noqa: PTH208 - many times
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    total += _switches(f"{self._folder}/task/{thread}/status")
        except OSError:
            return None
        return total

    def _read_threads(self) -> int | None:
        try:
            threads = os.listdir(f"{self._folder}/task")  # noqa: PTH208 - many times
        except OSError:
            return None
        now: dict[str, int] = {}
        for thread in threads:
            with contextlib.suppress(OSError, ValueError, IndexError):
                text = Path(f"{self._folder}/task/{thread}/schedstat").read_bytes()
                now[thread] = int(text.split()[0])
        if not now:
            return None
        # A thread that has ended takes its file along: what was last read of it still counts.
        self._ended_ns += sum(self._threads[t] for t in self._threads.keys() - now.keys())
        self._threads = now
        return self._ended_ns + sum(now.values())


def start_ticks(folder: str) -> int | None:
    """Clock ticks from boot to the start of the process in this folder of /proc; None: gone."""
    fields = _stat(folder)
    return None if fields is None else int(fields[19])


def small_file(path: str) -> bytes:
    """A file of /proc, its first 4 KiB; read often, so without what Python puts around open files.

    Raises:
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)


def _stat(folder: str) -> list[bytes] | None:
    """The fields of stat behind the name, which may hold anything; None: it cannot be read."""
    try:
        fields = small_file(f"{folder}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    return fields if len(fields) > 21 and fields[0] not in (b"Z", b"X") else None


def _switches(path: str) -> int:
    text = Path(path).read_bytes()
    return sum(
        int(text.partition(word)[2].split(None, 1)[0])
        for word in (b"\nvoluntary_ctxt_switches:", b"\nnonvoluntary_ctxt_switches:")
    )
