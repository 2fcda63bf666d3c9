"""Bytes a second over the line at 160×50: idle and at 10 changes a second, beside btop and htop.

All run at the same time, each on a pseudo-terminal of its own, all for the same seconds. The
dashboards are on simulated runtimes, as over SSH (two repaints a second) and as at a console.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.bench.churn import run_churn
from tests.bench.harness import Report, Setting, entry
from tests.bench.screen import Screen, dashboard

COLUMNS, LINES = 160, 50
PEERS = {"htop": ["htop"], "btop": ["btop", "--utf-force"]}
IDLE_REACH, BUSY_REACH = 500.0, 8192.0
THEMES = ("pleg-dark", "ansi-dark")


def measure(setting: Setting) -> Report:
    """Count them."""
    seconds = 15.0 if setting.quick else 60.0
    report = Report(
        "ssh",
        f"Bytes to the terminal at {COLUMNS}×{LINES}, averaged over {seconds:g} s",
        "simulated runtimes of 100 pods; htop and btop on this machine",
    )
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        still = stack.enter_context(SimulatorProcess(Options(pods=100, churn=0)))
        busy = stack.enter_context(SimulatorProcess(Options(pods=100, churn=0)))
        screens: dict[str, Screen] = {}
        for theme in THEMES:
            for state, simulator in (("idle", still), ("10 changes/s", busy)):
                for pace, fps in (("2 repaints/s, as over SSH", "2"), ("4 repaints/s", "4")):
                    if theme != THEMES[0] and fps == "4":
                        continue
                    name = f"{state}, theme {theme}, {pace}"
                    options = ("--theme", theme, "--fps", fps)
                    screens[name] = stack.enter_context(
                        dashboard(simulator.endpoint, COLUMNS, LINES, *options)
                    )
        for name, command in PEERS.items():
            if shutil.which(command[0]):
                screens[name] = stack.enter_context(Screen(command, COLUMNS, LINES))
            else:
                report.skipped.append(f"{name}: it is not installed (a Debian package)")
        worker = threading.Thread(target=run_churn, args=(busy.endpoint, 10.0, stop))
        worker.start()
        try:
            time.sleep(15)
            before = {name: screen.bytes for name, screen in screens.items()}
            begun = time.perf_counter()
            time.sleep(seconds)
            spent = time.perf_counter() - begun
            found = {name: (s.bytes - before[name]) / spent for name, s in screens.items()}
        finally:
            stop.set()
            worker.join()
    least_peer = min((found[name] for name in PEERS if name in found), default=None)
    for name, rate in found.items():
        one = report.add(name, "B/s", [rate])
        if name not in PEERS:
            most = IDLE_REACH if name.startswith("idle") else BUSY_REACH
            one.reach, one.reached = f"≤ {most:,.0f} B/s, less than htop and btop", rate <= most
            if least_peer is not None:
                one.ratio, one.against = rate / least_peer, "the lesser of htop and btop"
                one.reached = one.reached and rate < least_peer
    return report


if __name__ == "__main__":
    entry(measure)
