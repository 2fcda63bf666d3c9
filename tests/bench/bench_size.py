"""Memory of UI and collector (PSS), and how it grows with the number of containers."""

from __future__ import annotations

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.bench.bench_scale import until_whole
from tests.bench.harness import Report, Setting, entry, pss_mib
from tests.bench.screen import dashboard

PODS = (181, 603, 1809)
"""About 300, 1,000 and 3,000 containers."""
QUICK_PODS = (181, 603)
SIZE_REACH, GROWTH_REACH = 90.0, 3.0


def measure(setting: Setting) -> Report:
    """A dashboard for each size."""
    report = Report("size", "Memory, UI + collector (PSS)", "simulated runtimes, 120×40")
    points: list[list[float]] = []
    for pods in QUICK_PODS if setting.quick else PODS:
        with (
            SimulatorProcess(Options(pods=pods, churn=0)) as simulator,
            dashboard(simulator.endpoint) as screen,
        ):
            containers = int(simulator.info["containers"])
            until_whole(screen, containers)
            ui, collector = (pss_mib(pid) for pid in screen.pids)
        points.append([containers, ui + collector])
        one = report.add(f"{containers:,} containers", "MiB", [ui + collector])
        one.note = f"UI {ui:.1f}, collector {collector:.1f} MiB"
        if pods == PODS[0]:
            one.reach, one.reached = f"≤ {SIZE_REACH:g} MB", (ui + collector) * 1.048576 <= 90
    report.series["memory"] = points
    grown = (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0]) * 1000
    report.add(
        "growth for each 1,000 containers", "MiB", [grown],
        reach=f"≤ {GROWTH_REACH:g} MB", reached=grown * 1.048576 <= GROWTH_REACH,
    )  # fmt: skip
    return report


if __name__ == "__main__":
    entry(measure)
