"""What this program costs the node: its own processor time and memory, from /proc."""

from __future__ import annotations

import os
from collections.abc import Callable

from pleg_tui.node.process_cpu import small_file
from pleg_tui.ui.content.bars import Usage

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def process_usage(pid: int) -> tuple[float, int] | None:
    """(processor seconds so far, resident bytes) of a process; None when it is gone."""
    try:
        fields = small_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_S, int(fields[21]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


class UsageMeter:
    """Reads this process and the collector, and tells what they used since the last reading."""

    def __init__(self, read: Callable[[int], tuple[float, int] | None] = process_usage) -> None:
        self._read = read
        self._before: dict[int, float] = {}
        self._at: float | None = None

    def measure(self, collector: int | None, now: float) -> Usage:
        """The usage since the last call; `now` is a monotonic time in seconds."""
        pids = [os.getpid()] + ([collector] if collector else [])
        readings = {pid: reading for pid in pids if (reading := self._read(pid)) is not None}
        if not readings:
            return Usage()
        spent = sum(
            cpu - self._before[pid] for pid, (cpu, _) in readings.items() if pid in self._before
        )
        percent = None
        if self._at is not None and now > self._at:
            percent = 100 * spent / (now - self._at)
        self._before = {pid: cpu for pid, (cpu, _) in readings.items()}
        self._at = now
        return Usage(percent, sum(rss for _, rss in readings.values()))
