"""A storm of events that were serialized beforehand: the collector beside a bare reader.

The same server sends the same events as fast as the stream takes them, in turns to a Python gRPC
client that throws them away, and to a whole dashboard, whose collector is asked how long it took.
Afterwards what the dashboard shows must be what a listing says.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from pleg_tui.node.process_cpu import clock_ns
from tests.bench.harness import PEERS, Report, Setting, entry
from tests.bench.peers.storm_server import PODS
from tests.bench.screen import environment

REACH = 0.9
SECOND_S = 1.0


def _within(child: subprocess.Popen[bytes], seconds: float = 90) -> subprocess.Popen[bytes]:
    """The child, which is ended after so long: then whoever waits for its words hears nothing."""
    timer = threading.Timer(seconds, child.kill)
    timer.daemon = True
    timer.start()
    return child


class Server:
    """The peer that sends, in a process of its own."""

    def __init__(self, events: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pleg-tui-storm-")
        self.socket = f"{self._folder.name}/cri.sock"
        command = [sys.executable, "-P", str(PEERS / "storm_server.py"), self.socket, str(events)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
        self.line()

    def line(self) -> str:
        """What it says next."""
        assert self._child.stdout is not None
        return self._child.stdout.readline().decode()

    def go(self) -> float:
        """Let it send to whoever has subscribed; seconds until the last was sent."""
        while (said := self.line().strip()) != "made":
            if not said and self._child.poll() is not None:
                raise RuntimeError("the storm's server has ended")
        time.sleep(0.3)
        Path(f"{self.socket}.go").touch()
        return float(self.line().split()[0])

    def close(self) -> None:
        """End it."""
        self._child.terminate()
        self._child.wait()
        self._folder.cleanup()


def bare(server: Server, events: int) -> tuple[float, float]:
    """(seconds, CPU seconds) of the client that throws the events away."""
    command = [
        sys.executable, "-P", str(PEERS / "bare_reader.py"), f"unix://{server.socket}", str(events),
    ]  # fmt: skip
    child = _within(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()))
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.3)
    server.go()
    seconds, cpu = child.stdout.readline().split()
    child.wait()
    return float(seconds), float(cpu)


def dashboard_run(server: Server, events: int) -> dict[str, float]:
    """What a whole dashboard makes of the storm, as peers/storm_dashboard.py says."""
    command = [
        sys.executable, "-P", str(PEERS / "storm_dashboard.py"), f"unix://{server.socket}",
        str(events),
    ]  # fmt: skip
    child = _within(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()))
    assert child.stdout is not None
    child.stdout.readline()
    collector = int(child.stdout.readline())
    time.sleep(0.5)
    before = clock_ns(collector) or 0
    sent = server.go()
    told = json.loads(child.stdout.readline())
    told["sent_s"] = sent
    told["collector_cpu_s"] = ((clock_ns(collector) or 0) - before) / 1e9
    child.terminate()
    child.wait()
    return dict(told)


def measure(setting: Setting) -> Report:
    """In turns."""
    events, rounds = (8_000, 3) if setting.quick else (20_000, 5)
    report = Report(
        "storm", f"A storm of {events:,} events, UI on", f"a server of this benchmark, {PODS} pods"
    )
    server = Server(events)
    bares, mine = [], []
    try:
        for _ in range(rounds):
            bares.append(bare(server, events))
            mine.append(dashboard_run(server, events))
    finally:
        server.close()
    floor = report.add(
        "a bare Python gRPC reader", "events/s", [events / seconds for seconds, _ in bares]
    )
    rate = report.add(
        "the collector, UI on", "events/s", [events / one["received_s"] for one in mine]
    )
    rate.ratio = (rate.median or 0) / (floor.median or 1)
    rate.against, rate.reach, rate.reached = "the bare reader", "≥ 0.9 ×", rate.ratio >= REACH
    least = report.add(
        "a bare reader, CPU for an event", "µs", [c / events * 1e6 for _, c in bares]
    )
    cpu = report.add(
        "the collector, CPU for an event",
        "µs",
        [one["collector_cpu_s"] / events * 1e6 for one in mine],
    )
    cpu.ratio, cpu.against = (cpu.median or 0) / (least.median or 1), "the bare reader"
    report.add("frames dropped for the UI, and counted", "", [one["lost"] for one in mine])
    wrong = sum(not one["same"] for one in mine)
    after = [one["settled_s"] for one in mine]
    report.add(
        "from the last event until the state equals a listing", "s", after,
        reach=f"≤ {SECOND_S:g} s", reached=not wrong and statistics.median(after) <= SECOND_S,
        note=f"equal in {rounds - wrong} of {rounds} runs",
    )  # fmt: skip
    return report


if __name__ == "__main__":
    entry(measure)
