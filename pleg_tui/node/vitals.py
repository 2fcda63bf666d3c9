"""CPU, memory and threads of kubelet, runtime and shims, read cheaply every few seconds.

Sources: the processes' CPU clocks or schedstat (see process_cpu), /proc/<pid>/stat. Blocking, some
hundred microseconds: call it from a thread.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterable

from msgspec import Struct, field

from pleg_tui.cri.sockets import under
from pleg_tui.node.process_cpu import CpuMeter, small_file
from pleg_tui.node.runtime_process import ShimMeter, find_runtime, same_namespace

SPAN_S = 900.0
"""How long readings are kept."""
EVERY_S = 5.0
NAMES = ("kubelet", "runtime", "shims")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK_AGAIN_S = 30.0
"""A process that was not found is looked for no more often, nor are new shims: both mean to go
through all processes. The shims' memory and threads, a file each, are not read more often either.
"""


class Reading(Struct, frozen=True):
    """One part at one moment; None is unknown."""

    cpu_ms_per_s: float | None = None
    """Since the reading before; 1000 is the whole of one core."""
    rss: int | None = None
    """Resident bytes."""
    threads: int | None = None
    processes: int = 0


class Machine(Struct, frozen=True):
    """The machine as its /proc has it; None is unknown."""

    cores: int | None = None
    load: tuple[float, float, float] | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    pressure: tuple[tuple[str, float], ...] = ()
    """By resource, the share of the last minute in which something waited for it, per cent (PSI
    `some avg60`); empty where the kernel does not count it."""


class Vitals(Struct, frozen=True):
    """All parts at one moment."""

    at: float
    """CLOCK_MONOTONIC, seconds."""
    parts: tuple[Reading, Reading, Reading]
    """In the order of NAMES."""
    machine: Machine = Machine()
    why: tuple[str, str, str] = ("", "", "")
    """Why a part is unknown, in the same order."""
    who: tuple[str, str, str] = ("", "", "")
    """Which processes they are."""
    runtime_restarted: bool = False
    """Its daemon is another process than at the reading before."""


class History(Struct):
    """The readings of the last fifteen minutes."""

    readings: deque[Vitals] = field(
        default_factory=lambda: deque(maxlen=int(SPAN_S / EVERY_S) + 20)
    )

    def add(self, vitals: Vitals) -> None:
        """Keep one, and forget what is too old."""
        self.readings.append(vitals)
        while self.readings and vitals.at - self.readings[0].at > SPAN_S:
            self.readings.popleft()


class VitalsMeter:
    """Reads them; one thread at a time."""

    def __init__(self, root: str, endpoint: str, runtime_name: str) -> None:
        """For the runtime behind this endpoint, as seen from here."""
        self._root = root
        self._proc = under(root, "/proc")
        self._endpoint = endpoint
        self._name = runtime_name
        self._same = same_namespace(root)
        self._kubelet: CpuMeter | None = None
        self._runtime: CpuMeter | None = None
        self._runtime_was: int | None = None
        self._runtime_names = ""
        self._shims: ShimMeter | None = None
        self._runtime_why = ""
        self._next_search = 0.0
        self._shims_at = 0.0
        self._shims_have: tuple[int | None, int | None] = None, None
        self._before: dict[str, tuple[float, int, int]] = {}

    def read(self, kubelet_pid: int | None, kubelet_why: str = "") -> Vitals:
        """One reading.

        Args:
            kubelet_pid: as the kubelet's own watch found it; None: there is none.
            kubelet_why: why there is none.
        """
        now = time.monotonic()
        if kubelet_pid is None:
            self._kubelet = None
        elif self._kubelet is None or self._kubelet.pid != kubelet_pid:
            self._kubelet = CpuMeter(kubelet_pid, self._proc, same_namespace=self._same)
        restarted = self._find_runtime(now)
        kubelet, runtime = self._kubelet, self._runtime
        shims = Reading()
        shims_why = self._runtime_why
        if self._shims is not None:
            look = now >= self._shims_at
            spent = self._shims.read(look=look)
            pids = self._shims.pids
            if look:
                self._shims_at = now + _LOOK_AGAIN_S
                self._shims_have = self._sum(pids)
            shims = Reading(self._rate("shims", now, spent, 0), *self._shims_have, len(pids))
            shims_why = "" if spent is not None else "no shim or conmon of this runtime runs"
        return Vitals(
            now,
            (self._one("kubelet", kubelet, now), self._one("runtime", runtime, now), shims),
            self._machine(),
            (kubelet_why if kubelet is None else "", self._runtime_why, shims_why),
            (
                f"process {kubelet.pid}" if kubelet else "",
                f"{self._runtime_names}, process {runtime.pid}" if runtime else "",
                "" if self._shims is None else f"{shims.processes} of them",
            ),
            restarted,
        )

    def _find_runtime(self, now: float) -> bool:
        """See that the runtime's process is the right one; whether it is another than before."""
        if self._runtime is not None and self._runtime.alive:
            return False
        if self._runtime is not None:
            self._runtime, self._shims = None, None
            self._runtime_why = "its process has gone"
        elif now < self._next_search:
            return False
        self._next_search = now + (_LOOK_AGAIN_S if self._runtime_was is None else EVERY_S)
        found = find_runtime(self._endpoint, self._root, self._name)
        if not found.pids:
            self._runtime_why = found.why
            return False
        self._runtime_why = ""
        self._runtime_names = " and ".join(found.names)
        self._runtime = CpuMeter(found.pids[0], self._proc, same_namespace=self._same)
        self._shims = ShimMeter(self._endpoint, self._root, found.pids[0])
        self._shims_at = now
        self._before.pop("shims", None)
        before, self._runtime_was = self._runtime_was, found.pids[0]
        return before is not None

    def _one(self, name: str, meter: CpuMeter | None, now: float) -> Reading:
        if meter is None:
            self._before.pop(name, None)
            return Reading()
        rss, threads = self._sum((meter.pid,))
        return Reading(self._rate(name, now, meter.read(), meter.pid), rss, threads, 1)

    def _rate(self, name: str, now: float, spent: int | None, pid: int) -> float | None:
        """Milliseconds a second since the reading before of the same process."""
        before = self._before.pop(name, None)
        if spent is None:
            return None
        self._before[name] = (now, spent, pid)
        if before is None or before[2] != pid or now - before[0] < 0.2:
            return None
        return max(0.0, (spent - before[1]) / 1e6 / (now - before[0]))

    def _sum(self, pids: Iterable[int]) -> tuple[int | None, int | None]:
        """(resident bytes, threads) of processes together; None where one cannot be read."""
        rss = threads = found = 0
        for pid in pids:
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = small_file(f"{self._proc}/{pid}/stat").rpartition(b")")[2].split(None, 22)
                threads += int(fields[17])
                rss += int(fields[21]) * _PAGE
                found += 1
        empty = not found and bool(tuple(pids))
        return (None, None) if empty else (rss, threads)

    def _machine(self) -> Machine:
        load: tuple[float, float, float] | None = None
        total = available = None
        with contextlib.suppress(OSError, ValueError):
            one, five, fifteen, *_ = _text(f"{self._proc}/loadavg").split()
            load = float(one), float(five), float(fifteen)
        with contextlib.suppress(OSError, ValueError, IndexError):
            lines = _text(f"{self._proc}/meminfo").splitlines()
            found = {line.partition(":")[0]: line.split()[1] for line in lines[:5]}
            total = int(found["MemTotal"]) * 1024 if "MemTotal" in found else None
            available = int(found["MemAvailable"]) * 1024 if "MemAvailable" in found else None
        pressure = []
        for name in ("cpu", "memory", "io"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                text = _text(f"{self._proc}/pressure/{name}")
                some = next(line for line in text.splitlines() if line.startswith("some"))
                pressure.append((name, float(some.partition("avg60=")[2].split()[0])))
        return Machine(os.cpu_count(), load, total, available, tuple(pressure))


def _text(path: str) -> str:
    return small_file(path).decode("ascii", "replace")
