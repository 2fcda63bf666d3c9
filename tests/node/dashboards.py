"""Dashboards on a real runtime, each in a terminal, and what can happen to them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from tests.terminal import Terminal, children_of, command_line

REPOSITORY = Path(__file__).resolve().parents[2]
STUCK = Path(__file__).with_name("stuck_dashboard.py")


class Dashboard(Terminal):
    """`pleg-tui` on an endpoint, live.

    Args:
        endpoint: of the runtime.
        source: what it is to read.
        cgroup: a folder of the cgroup file system in which all of it is to run; None for ours.
    """

    def __init__(self, endpoint: str, source: str = "auto", cgroup: Path | None = None) -> None:
        super().__init__(120, 40, {"PYTHONPATH": str(REPOSITORY)})
        try:
            if cgroup is not None:
                (cgroup / "cgroup.procs").write_text(str(self.pid))
            self.press(f"{sys.executable} {STUCK} -r {endpoint} --source {source}\n")
            self.wait_for("\u25cf live", 60)
            assert self.collector
        except BaseException:
            self.close()
            raise

    @property
    def collector(self) -> int:
        """Process id of its collector now; 0 for none."""
        return self._child("pleg_tui.collector")

    @property
    def screen(self) -> int:
        """Process id of the screen's process; 0 for none."""
        return self._child(STUCK.name)

    def _child(self, words: str) -> int:
        return next((pid for pid in children_of(self.pid) if words in command_line(pid)), 0)

    def suspend(self) -> None:
        """Ctrl-Z."""
        self.press("\x1a")
        self.wait_until(lambda _: process_state(self.screen) == "T", "a stopped job")

    def block(self) -> None:
        """Its terminal takes nothing any more."""
        self.stop_reading()

    def get_stuck(self) -> None:
        """Its screen runs in circles."""
        os.kill(self.screen, signal.SIGUSR1)

    def stop_collector(self) -> None:
        """SIGSTOP for the collector."""
        os.kill(self.collector, signal.SIGSTOP)

    def kill_screen(self) -> int:
        """SIGKILL for the screen, which is the collector's parent; the collector's process id."""
        collector = self.collector
        os.kill(self.screen, signal.SIGKILL)
        return collector

    def stop_all(self) -> None:
        """SIGSTOP for both: nothing of ours runs."""
        collector = self.collector
        os.kill(self.screen, signal.SIGSTOP)
        os.kill(collector, signal.SIGSTOP)

    def end(self) -> None:
        """Kill what is left of it, and hang up."""
        for pid in (self.screen, self.collector):
            if pid:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        self.close()


def process_state(pid: int) -> str:
    """One letter of /proc/PID/stat; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
