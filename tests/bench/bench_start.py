"""From the command to the first paint with data, beside the first paint of a one-widget app."""

from __future__ import annotations

import sys
import threading
import time

from pleg_tui.node.process_cpu import clock_ns
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.bench.harness import PEERS, Report, Setting, entry
from tests.bench.screen import Screen, dashboard

REACH = 1.3
POD = b"default/"
"""In the first names of the simulated node's pods: seen, there is data."""


def first(make: str, endpoint: str, sign: bytes) -> tuple[float, float]:
    """(ms, CPU ms of its process) from starting a program until its terminal was sent a text."""
    seen = threading.Event()
    at, cpu = 0.0, 0
    kept = b""

    def heard(when: float, data: bytes) -> None:
        nonlocal at, cpu, kept
        kept = kept[-64:] + data
        if not seen.is_set() and sign in kept:
            at, cpu = when, clock_ns(screen.pid) or 0
            seen.set()

    begun = time.perf_counter()
    if make == "one widget":
        screen = Screen([sys.executable, "-P", str(PEERS / "one_widget.py")], heard=heard)
    else:
        screen = dashboard(endpoint, heard=heard)
    with screen:
        if not seen.wait(60):
            raise RuntimeError(f"{make} has not drawn {sign!r} in 60 s")
    return (at - begun) * 1e3, cpu / 1e6


def measure(setting: Setting) -> Report:
    """In turns, so that what else the machine does meets both."""
    rounds = 5 if setting.quick else 12
    report = Report("start", "Start to first paint with data, 100 pods", "a simulated containerd")
    mine: list[tuple[float, float]] = []
    least: list[tuple[float, float]] = []
    with SimulatorProcess(Options(pods=100, churn=0)) as simulator:
        first("dashboard", simulator.endpoint, POD)  # the files are in the cache from here on
        for _ in range(rounds):
            mine.append(first("dashboard", simulator.endpoint, POD))
            least.append(first("one widget", "", b"ready-to-be-seen"))
    for what, index, reach in (("first paint", 0, REACH), ("CPU until then", 1, None)):
        one = report.add(f"a one-widget Textual app, {what}", "ms", [t[index] for t in least])
        my = report.add(f"pleg-tui, {what} (with data)", "ms", [t[index] for t in mine])
        my.ratio = (my.median or 0) / (one.median or 1)
        my.against = "a one-widget app"
        if reach is not None:
            my.reach, my.reached = f"≤ {reach:g} ×", my.ratio <= reach
    return report


if __name__ == "__main__":
    entry(measure)
