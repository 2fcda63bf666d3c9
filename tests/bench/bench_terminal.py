"""What 10 changes a second cost by the terminal's size: CPU of UI and collector, and bytes."""

from __future__ import annotations

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.bench.bench_rate import cost_of, tell
from tests.bench.harness import PODS, Report, Setting, entry
from tests.bench.screen import dashboard, settle

SIZES = ((80, 24), (120, 40), (160, 50), (200, 50), (250, 80))
QUICK_SIZES = ((80, 24), (160, 50))
RATE = 10.0


def measure(setting: Setting) -> Report:
    """Every size, each in a dashboard of its own on the same runtime."""
    seconds = 5.0 if setting.quick else 15.0
    report = Report(
        "terminal", "What 10 changes a second cost, by the terminal's size", "a simulated runtime"
    )
    cpu: list[list[float]] = []
    with SimulatorProcess(Options(pods=PODS, churn=0)) as simulator:
        for columns, lines in QUICK_SIZES if setting.quick else SIZES:
            options = ("--theme", "pleg-dark", "--fps", "4")
            with dashboard(simulator.endpoint, columns, lines, *options) as screen:
                settle(screen, 8)
                cost = cost_of(screen, simulator.endpoint, RATE, seconds)
            cpu.append([columns * lines, tell(report, f"{columns}×{lines}", cost)])
    report.series["UI and collector"] = cpu
    return report


if __name__ == "__main__":
    entry(measure)
