"""What the open dashboard costs while nothing happens, with the usage columns, and at 10 changes/s.

On a real containerd with 100 pods. The peers run on the same node, one after another: a plain
client that lists every second (cheaper than `watch crictl ps -a`, which starts a program each
time), `watch` itself with crictl where that is found (PATH or CRICTL=), else with a small program
in Go that lists as crictl does and is cheaper, and a client that asks the runtime for its figures
every two seconds, as `crictl stats` does.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pleg_tui.node.process_cpu import clock_ns
from tests.bench.churn import restart_containers
from tests.bench.go_peer import build
from tests.bench.harness import PEERS, RealNode, Report, Setting, Unavailable, entry
from tests.bench.screen import Screen, dashboard
from tests.terminal import children_of

NARROW, WIDE = 110, 160
"""Columns of a terminal without and with room for the usage columns."""
IDLE_REACH, USAGE_REACH, BUSY_REACH = 4.0, 15.0, 50.0
"""CPU ms a second."""
MINUTE_S = 65.0
STAND_IN = "watch -n1 of a small Go program that lists as crictl does, and is cheaper"


def crictl() -> str | None:
    """The program, if there is one."""
    return os.environ.get("CRICTL") or shutil.which("crictl")


def tree_ns(pid: int) -> int:
    """CPU of a process, its living descendants and those that it has waited for (in ticks)."""
    total = 0
    for one in (pid, *children_of(pid)):
        total += clock_ns(one) or 0
        try:
            words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(words[13]) + int(words[14])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return total


def rates(seconds: float, windows: int, *meters: Callable[[], int]) -> list[list[float]]:
    """For each meter its CPU ms a second, window by window."""
    found: list[list[float]] = [[] for _ in meters]
    for _ in range(windows):
        before, begun = [meter() for meter in meters], time.perf_counter()
        time.sleep(seconds)
        spent = time.perf_counter() - begun
        for one, meter, was in zip(found, meters, before, strict=True):
            one.append((meter() - was) / 1e6 / spent)
    return found


def peer(node: RealNode, command: list[str], seconds: float, windows: int) -> list[list[float]]:
    """CPU ms a second of a client, of containerd and of its shims while the client runs,
    on a terminal of its own.
    """
    with Screen(command, WIDE, 50) as child:
        time.sleep(4)
        return rates(seconds, windows, lambda: tree_ns(child.pid), node.cpu_ns, node.shims_ns)


def meter(screen: Screen) -> Callable[[], int]:
    """Of UI and collector together."""
    return lambda: sum(clock_ns(pid) or 0 for pid in screen.pids)


def measure(setting: Setting) -> Report:
    """Idle, with usage, busy, and the peers."""
    node = setting.real()
    report = Report("idle", "What it costs while nothing happens, and while much does", node.on)
    seconds, windows = (5.0, 2) if setting.quick else (10.0, 3)
    few = max(windows // 2, 2)
    # Ages below a minute change every second: until then something does happen on the screen.
    time.sleep(max(0.0, node.made + MINUTE_S - time.monotonic()))
    alone, alone_shims = rates(seconds, few, node.cpu_ns, node.shims_ns)
    report.add("containerd, nobody attached", "ms/s", alone)
    with dashboard(node.endpoint, NARROW, 40) as screen:
        time.sleep(12)
        ui, collector, both, runtime = rates(
            seconds, windows,
            lambda: clock_ns(screen.pid) or 0, lambda: clock_ns(screen.collector) or 0,
            meter(screen), node.cpu_ns,
        )  # fmt: skip
        idle = report.add(
            "idle, UI + collector", "ms/s", both,
            reach=f"≤ {IDLE_REACH:g} ms/s", reached=statistics.median(both) <= IDLE_REACH,
        )  # fmt: skip
        report.add("idle, of that the UI", "ms/s", ui)
        report.add("idle, of that the collector", "ms/s", collector)
        report.add("idle, containerd beside it", "ms/s", runtime)
        busy_ui, busy_runtime = _busy(node, screen, seconds, windows)
        median = statistics.median(busy_ui)
        report.add(
            "10 changes/s, UI + collector", "ms/s", busy_ui,
            reach="≤ 5 % of a core", reached=median <= BUSY_REACH,
        )  # fmt: skip
        report.add("10 changes/s, containerd beside it", "ms/s", busy_runtime)
    with dashboard(node.endpoint, WIDE, 50) as screen:
        time.sleep(12)
        (shown,) = rates(seconds, windows, meter(screen))
        more = statistics.median(shown) - (idle.median or 0)
        report.add(
            "idle with CPU and memory shown (160×50), UI + collector", "ms/s", shown,
            reach=f"≤ {USAGE_REACH:g} ms/s more", reached=more <= USAGE_REACH,
            note=f"{more:.1f} ms/s more than without, at 110×40",
        )  # fmt: skip
    mine = (idle.median or 0) + max(statistics.median(runtime) - statistics.median(alone), 0)
    _polling_peers(node, report, mine, statistics.median(alone), seconds, few)
    _stats_peer(node, report, more, alone, alone_shims, seconds, few)
    return report


def _busy(
    node: RealNode, screen: Screen, seconds: float, windows: int
) -> tuple[list[float], list[float]]:
    """UI + collector, and containerd, while ten things a second change."""
    long = seconds * windows + 4
    worker = threading.Thread(
        target=lambda: asyncio.run(restart_containers(node.endpoint, 10, long))
    )
    worker.start()
    try:
        time.sleep(2)
        ui, runtime = rates(seconds, windows, meter(screen), node.cpu_ns)
    finally:
        worker.join()
    return ui, runtime


def _polling_peers(
    node: RealNode, report: Report, mine: float, alone: float, seconds: float, windows: int
) -> None:
    """`watch crictl ps -a` or what stands in for it, and a plain loop in any case."""
    loop = [sys.executable, "-P", str(PEERS / "relist_loop.py"), node.endpoint, "1"]
    peers = {"a plain Python client that lists every second": loop}
    watch = shutil.which("watch")
    with tempfile.TemporaryDirectory(prefix="pleg-tui-go-") as folder:
        if watch is None:
            report.skipped.append("`watch -n1 crictl ps -a`: there is no `watch`")
        elif program := crictl():
            peers["watch -n1 crictl ps -a"] = [
                watch, "-n1", program, "-r", node.endpoint, "ps", "-a",
            ]  # fmt: skip
        else:
            report.skipped.append(
                "`watch -n1 crictl ps -a`: crictl is not on PATH; CRICTL= names one"
            )
            try:
                lister = str(build("go_lister", Path(folder)))
            except Unavailable as error:
                report.skipped.append(f"a small program in Go in its place: {error}")
            else:
                socket = node.endpoint.removeprefix("unix://")
                peers[STAND_IN] = [watch, "-n1", lister, socket]
        _compare(node, report, peers, mine, alone, seconds, windows)


def _compare(
    node: RealNode,
    report: Report,
    peers: dict[str, list[str]],
    mine: float,
    alone: float,
    seconds: float,
    windows: int,
) -> None:
    """Each of them, one after another."""
    for name, command in peers.items():
        client, runtime, _ = peer(node, command, seconds, windows)
        report.add(f"{name}: the client", "ms/s", client)
        report.add(f"{name}: containerd", "ms/s", runtime)
        cost = statistics.median(client) + max(statistics.median(runtime) - alone, 0)
        report.add(
            f"{name}: both, less containerd alone", "ms/s", [cost],
            ratio=cost / mine, against="UI + collector + what containerd spends more",
            reach="≥ 10 ×" if name.endswith("crictl ps -a") else "",
            reached=cost >= 10 * mine if name.endswith("crictl ps -a") else None,
        )  # fmt: skip


def _stats_peer(
    node: RealNode,
    report: Report,
    more: float,
    alone: list[float],
    shims: list[float],
    seconds: float,
    windows: int,
) -> None:
    """What asking the runtime for its figures costs."""
    loop = [sys.executable, "-P", str(PEERS / "relist_loop.py"), node.endpoint, "2", "stats"]
    client, runtime, of_shims = peer(node, loop, seconds, windows)
    cost = (
        statistics.median(client)
        + statistics.median(runtime) - statistics.median(alone)
        + statistics.median(of_shims) - statistics.median(shims)
    )  # fmt: skip
    share = max(more, 0) / cost
    report.add(
        "a plain Python client asking ListContainerStats every 2 s: all it costs the node", "ms/s",
        [cost], ratio=share, against="this, for our usage columns", reach="≤ 0.02 ×",
        reached=share <= 0.02,
    )  # fmt: skip


if __name__ == "__main__":
    entry(measure)
