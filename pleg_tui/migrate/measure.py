"""The processor time of the kubelet and of the runtime, before and after a switch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from msgspec import Struct

from pleg_tui.node.kubelet.process import cpu_seconds, start_ticks


class Usage(Struct, frozen=True):
    """What one process spent."""

    name: str
    cpu_ms_per_s: float | None
    """User and system, milliseconds per second (10 = 1 % of a core); None: unknown."""
    seconds: float
    """Over how long it was measured."""
    why: str
    """Which process; or why it is unknown."""


def measure(
    root: str,
    pids: Mapping[str, int | None],
    seconds: float,
    tick: Callable[[float], None] = lambda _: None,
) -> tuple[Usage, ...]:
    """Watch processes for some time; /proc/<pid>/stat counts in hundredths of a second.

    Args:
        root: where the node's file system is seen from here.
        pids: by name; None for one that was not found.
        seconds: how long.
        tick: called about once a second with what is left.
    """
    begun = time.monotonic()
    first = {name: _read(root, pid) for name, pid in pids.items()}
    while (left := begun + seconds - time.monotonic()) > 0:
        tick(left)
        time.sleep(min(1.0, left))
    took = time.monotonic() - begun
    return tuple(
        _usage(name, pid, first[name], _read(root, pid), took) for name, pid in pids.items()
    )


def _read(root: str, pid: int | None) -> tuple[float, int | None] | None:
    if pid is None:
        return None
    spent = cpu_seconds(root, pid)
    return None if spent is None else (spent, start_ticks(root, pid))


def _usage(
    name: str,
    pid: int | None,
    first: tuple[float, int | None] | None,
    last: tuple[float, int | None] | None,
    took: float,
) -> Usage:
    if pid is None:
        return Usage(name, None, took, "its process was not found")
    if first is None or last is None or first[1] != last[1]:
        return Usage(name, None, took, f"process {pid} ended meanwhile")
    return Usage(name, max(0.0, (last[0] - first[0]) * 1000 / took), took, f"process {pid}")
