"""What changes cost: CPU of UI and collector, and bytes, by how many there are a second.

On a simulated runtime of 100 pods, in a terminal of 120×40 with the theme pleg-dark at 4 repaints a
second, one rate after another in the same dashboard.
"""

from __future__ import annotations

import asyncio
import threading
import time

from pleg_tui.node.process_cpu import clock_ns
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.bench.churn import restart_containers
from tests.bench.harness import PODS, Report, Setting, entry
from tests.bench.screen import Screen, dashboard, settle

RATES = (1.0, 10.0, 50.0, 200.0)
QUICK_RATES = (1.0, 10.0)
LEAD_S = 2.0


def cost_of(screen: Screen, endpoint: str, rate: float, seconds: float) -> tuple[float, float]:
    """(CPU ms a second of UI and collector, bytes a second to the terminal) at so many changes."""
    worker = threading.Thread(
        target=lambda: asyncio.run(restart_containers(endpoint, rate, LEAD_S + seconds + 1))
    )
    worker.start()
    try:
        time.sleep(LEAD_S)
        cpu, sent, begun = _spent(screen), screen.bytes, time.perf_counter()
        time.sleep(seconds)
        passed = time.perf_counter() - begun
        return (_spent(screen) - cpu) / 1e6 / passed, (screen.bytes - sent) / passed
    finally:
        worker.join()


def tell(report: Report, what: str, cost: tuple[float, float]) -> float:
    """Put such a cost into the report; returns the CPU of it."""
    spent, sent = cost
    report.add(f"{what}, UI + collector", "ms/s", [spent])
    report.add(f"{what}, to the terminal", "B/s", [sent])
    return spent


def _spent(screen: Screen) -> int:
    return sum(clock_ns(pid) or 0 for pid in screen.pids)


def measure(setting: Setting) -> Report:
    """Every rate."""
    seconds = 5.0 if setting.quick else 15.0
    report = Report(
        "rate", "What changes cost, by their number a second, 120×40", "a simulated runtime"
    )
    cpu: list[list[float]] = []
    with (
        SimulatorProcess(Options(pods=PODS, churn=0)) as simulator,
        dashboard(simulator.endpoint, 120, 40, "--theme", "pleg-dark", "--fps", "4") as screen,
    ):
        settle(screen, 8)
        for rate in QUICK_RATES if setting.quick else RATES:
            cost = cost_of(screen, simulator.endpoint, rate, seconds)
            cpu.append([rate, tell(report, f"{rate:g} changes/s", cost)])
    report.series["UI and collector"] = cpu
    return report


if __name__ == "__main__":
    entry(measure)
