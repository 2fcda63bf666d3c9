"""What every benchmark here shares: figures, the command line, and the runtimes to measure on.

A benchmark is a file `bench_NAME.py` with `measure(setting) -> Report`. It runs alone
(`python -m tests.bench.bench_idle --quick`) or with the others (`python -m tests.bench`, which is
`make bench`). Nothing here fails because a machine is slow: a figure stands beside what it is to
reach and beside its peer of the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, to_builtins

from pleg_tui.node.process_cpu import clock_ns

if TYPE_CHECKING:
    from tests.node.rig.containerd import RealContainerd

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).with_name("peers")
PODS = 100
QUICK_PODS = 20


class Unavailable(Exception):
    """Something that a benchmark needs is not here; its text is the reason, in one sentence."""


class Figure(Struct):
    """One line of the table: the median of some readings and how far they spread."""

    what: str
    unit: str
    median: float | None
    low: float | None = None
    high: float | None = None
    """Least and greatest reading; with more than 20 of them, the 5th and 95th percentile."""
    n: int = 0
    ratio: float | None = None
    against: str = ""
    """What it is a ratio to, of the same run."""
    reach: str = ""
    """What is to be reached, in words."""
    reached: bool | None = None
    note: str = ""


def figure(what: str, unit: str, readings: Sequence[float], **more: Any) -> Figure:
    """A figure from its readings."""
    if not readings:
        return Figure(what, unit, None, **{"note": "no reading", **more})
    ordered = sorted(readings)
    cut = len(ordered) // 20 if len(ordered) > 20 else 0
    return Figure(
        what,
        unit,
        statistics.median(ordered),
        ordered[cut],
        ordered[-1 - cut],
        len(ordered),
        **more,
    )


def percentile(readings: Sequence[float], share: float) -> float:
    """The reading below which that share of them lies (nearest rank)."""
    ordered = sorted(readings)
    return ordered[min(len(ordered) - 1, max(0, int(len(ordered) * share + 0.5) - 1))]


class Report(Struct):
    """What one benchmark gives."""

    name: str
    title: str
    on: str
    """What it was measured on: a simulated runtime, or a real one with its version."""
    figures: list[Figure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Peers and parts that could not be measured, each with the reason."""
    series: dict[str, list[list[float]]] = field(default_factory=dict)
    """Costs that grow: points of (N, cost), by name."""
    seconds: float = 0.0

    def add(self, what: str, unit: str, readings: Sequence[float], **more: Any) -> Figure:
        """Append a figure; returns it."""
        one = figure(what, unit, readings, **more)
        self.figures.append(one)
        return one


class Setting(Struct):
    """How a benchmark is to run."""

    quick: bool = False
    node: RealNode | None = None

    def real(self) -> RealNode:
        """The real containerd with its pods, made when first asked for.

        Raises:
            Unavailable: it cannot run here.
        """
        if self.node is None:
            self.node = RealNode(QUICK_PODS if self.quick else PODS)
        return self.node

    def close(self) -> None:
        """Remove what was made."""
        if self.node is not None:
            self.node.close()
            self.node = None


class RealNode:
    """A real containerd with pods of two idle containers each."""

    def __init__(self, pods: int) -> None:
        from tests.node.rig.chroot import UnavailableError, ensure, require_major
        from tests.node.rig.client import Spec
        from tests.node.rig.containerd import RealContainerd
        from tests.node.rig.namespace import RigError

        print(f"  making a real containerd with {pods} pods", file=sys.stderr)
        try:
            chroot = require_major(ensure("sid"), 2)
        except UnavailableError as error:
            raise Unavailable(str(error)) from None
        runtime = RealContainerd(chroot)
        try:
            self.runtime: RealContainerd = runtime.start()
        except RigError as error:
            raise Unavailable(f"a real containerd does not start: {error}") from None
        self.pods = pods
        try:
            client = self.runtime.client
            with ThreadPoolExecutor(4) as pool:
                specs = [Spec("app"), Spec("sidecar")]
                made = [
                    pool.submit(client.run_pod, f"web-{n}", *specs, namespace="shop")
                    for n in range(pods)
                ]
                for one in made:
                    one.result()
        except BaseException:
            self.runtime.stop()
            raise
        self.made = time.monotonic()
        """When the last of its pods was there."""

    @property
    def endpoint(self) -> str:
        """Its CRI endpoint."""
        return self.runtime.endpoint

    @property
    def on(self) -> str:
        """What it is, for a table."""
        return (
            f"containerd {self.runtime.version.partition('+')[0]} (real), {self.pods} pods of "
            "2 containers"
        )

    def cpu_ns(self) -> int:
        """Processor time of containerd itself."""
        return clock_ns(self.runtime.pid) or 0

    def shims_ns(self) -> int:
        """Processor time of its shims, all together: no longer its children, but in its mounts."""
        return sum(clock_ns(pid) or 0 for pid in self.shims())

    def shims(self) -> list[int]:
        """Its shims."""
        mounts = _mounts(self.runtime.pid)
        return [pid for pid in _pids_with("shim-runc-v2\0") if _mounts(pid) == mounts]

    def close(self) -> None:
        """End it and remove everything."""
        self.runtime.stop()


def _pids_with(*words: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
                if all(word in line for word in words):
                    yield int(entry.name)


def _mounts(pid: int) -> int:
    """The mount namespace of a process; 0 when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/mnt").stat().st_ino
    return 0


def pss_mib(pid: int) -> float:
    """Proportional set size of a process, MiB; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def load() -> str:
    """The load average of the last minute, and the number of processors."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def run(name: str, measure: Callable[[Setting], Report], setting: Setting) -> Report:
    """One benchmark; what cannot run here becomes a report that says why."""
    begun = time.perf_counter()
    try:
        report = measure(setting)
    except Unavailable as error:
        report = Report(name, name, "nothing", skipped=[f"all of it: {error}"])
    except Exception as error:  # the others' figures are not lost with it
        why = f"it failed ({type(error).__name__}: {error})"
        report = Report(name, name, "nothing", skipped=[f"all of it: {why}"])
    report.seconds = time.perf_counter() - begun
    return report


def entry(measure: Callable[[Setting], Report]) -> None:
    """The command line of one benchmark: prints a table, and writes JSON where it is asked to."""
    from tests.bench.table import markdown

    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="shorter: less sure figures")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    setting = Setting(options.quick)
    name = Path(sys.argv[0]).stem.removeprefix("bench_")
    try:
        report = run(name, measure, setting)
    finally:
        setting.close()
    print(markdown([report]))
    if options.json:
        Path(options.json).write_text(json.dumps(to_builtins(report), indent=2) + "\n")
