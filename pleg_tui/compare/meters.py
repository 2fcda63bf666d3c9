"""One reading of everything that is metered at the edges of a block."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from msgspec import Struct

from pleg_tui.compare.lane_process import LaneProcess
from pleg_tui.compare.types import Lane
from pleg_tui.cri.sockets import under
from pleg_tui.node.process_cpu import CpuMeter
from pleg_tui.node.runtime_process import RuntimeProcesses, ShimMeter, find_runtime, same_namespace


class LaneReading(Struct, frozen=True):
    """One lane's process."""

    cpu_ns: int
    switches: int
    rss: int


class Reading(Struct, frozen=True):
    """Everything at one moment; processor times since some beginning, so only differences count."""

    mono: int
    wall: int
    asleep_ns: int
    """How long the machine has slept since it booted (CLOCK_BOOTTIME - CLOCK_MONOTONIC)."""
    runtime_ns: int | None
    shims_ns: int | None
    kubelet_ns: int | None
    runtime_rss: int | None
    own_ns: int
    """Of this very process."""
    lanes: Mapping[Lane, LaneReading | None]
    """None: its process is gone."""


class Meters:
    """What is read, and how; blocking, a few milliseconds at the most."""

    def __init__(
        self, endpoint: str, root: str, runtime_name: str, kubelet_pid: int | None
    ) -> None:
        """Find the processes; blocking, some milliseconds."""
        self._endpoint, self._root, self._name = endpoint, root, runtime_name
        self._proc = under(root, "/proc")
        self._same = same_namespace(root)
        self._kubelet = self._meter(kubelet_pid) if kubelet_pid else None
        self.found: RuntimeProcesses
        self.find()

    def find(self) -> None:
        """Find the runtime's processes, again after it was restarted."""
        self.found = find_runtime(self._endpoint, self._root, self._name)
        self._daemons = [self._meter(pid) for pid in self.found.pids]
        daemon = self.found.pids[0] if self.found.pids else 0
        self._shims = ShimMeter(self._endpoint, self._root, daemon) if daemon else None
        if self._shims is not None:
            self._shims.read()  # the first look knows none of them yet and takes the longest
        # CRI-O answers events by running its OCI runtime, whose cost is that of children.
        self._children = self._name.lower() == "cri-o"

    @property
    def runtime_alive(self) -> bool:
        """The daemon is the very process that it was."""
        return bool(self._daemons) and all(meter.alive for meter in self._daemons)

    @property
    def how(self) -> str:
        """How the daemon's processor time is read, and how fine; empty when it is not."""
        return self._daemons[0].how if self._daemons else ""

    @property
    def shims_counted(self) -> int:
        """Shims or conmons at the last look."""
        return self._shims.count if self._shims else 0

    def look(self) -> None:
        """Note what the shims have spent, often, so that little is lost of those that end."""
        if self._shims is not None:
            self._shims.read()

    def read(self, lanes: Mapping[Lane, LaneProcess]) -> Reading:
        """Read everything; the runtime first, as close to the time as can be."""
        mono = time.monotonic_ns()
        runtime = _sum(meter.read() for meter in self._daemons)
        kubelet = self._kubelet.read() if self._kubelet else None
        lane_cpu = {lane: process.cpu.read() for lane, process in lanes.items()}
        asleep = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
        shims = self._shims.read() if self._shims else None
        if shims is not None and self._children:
            children = _sum(meter.children() for meter in self._daemons)
            shims = None if children is None else shims + children
        return Reading(
            mono=mono,
            wall=time.time_ns() - (time.monotonic_ns() - mono),
            asleep_ns=asleep,
            runtime_ns=runtime,
            shims_ns=shims,
            kubelet_ns=kubelet,
            runtime_rss=_sum(meter.rss() for meter in self._daemons),
            own_ns=time.process_time_ns(),
            lanes={
                lane: None
                if cpu is None
                else LaneReading(cpu, lanes[lane].cpu.switches() or 0, lanes[lane].cpu.rss() or 0)
                for lane, cpu in lane_cpu.items()
            },
        )

    def _meter(self, pid: int) -> CpuMeter:
        return CpuMeter(pid, self._proc, same_namespace=self._same)


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if not known or None in known else sum(v for v in known if v is not None)
