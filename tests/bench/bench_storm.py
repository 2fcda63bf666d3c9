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
from types import TracebackType
from typing import Self

from pleg_tui.node.process_cpu import clock_ns
from tests.bench.harness import PEERS, Report, Setting, entry
from tests.bench.peers.storm_server import PODS
from tests.bench.screen import environment

REACH = 0.9
SECOND_S = 1.0


def _within(command: list[str], seconds: float = 90) -> subprocess.Popen[bytes]:
    """A child, which is ended after so long: then whoever waits for its words hears nothing."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    timer = threading.Timer(seconds, child.kill)
    timer.daemon = True
    timer.start()
    return child


def _line(child: subprocess.Popen[bytes]) -> str:
    """What it says next.

    Raises:
        RuntimeError: it has ended.
    """
    assert child.stdout is not None
    said = child.stdout.readline().decode().strip()
    if not said:
        raise RuntimeError(f"{Path(str(child.args[2])).name} has ended")  # type: ignore[index]
    return said


class Storm:
    """The peer that sends, and one that reads, each in a process of its own."""

    def __init__(self, events: int, reader: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pleg-tui-storm-")
        self._socket = f"{self._folder.name}/cri.sock"
        program = [sys.executable, "-P"]
        size = str(events)
        self._server = _within([*program, str(PEERS / "storm_server.py"), self._socket, size])
        _line(self._server)
        endpoint = f"unix://{self._socket}"
        self.reader = _within([*program, str(PEERS / reader), endpoint, size])

    def go(self) -> float:
        """Let it send to the reader, when that has subscribed; the sender's CPU seconds."""
        _line(self._server)
        time.sleep(0.3)
        Path(f"{self._socket}.go").touch()
        return float(_line(self._server))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in (self.reader, self._server):
            child.terminate()
            child.wait()
        self._folder.cleanup()


def bare(events: int) -> dict[str, float]:
    """The client that throws the events away."""
    with Storm(events, "bare_reader.py") as storm:
        sender_cpu = storm.go()
        seconds, cpu = _line(storm.reader).split()
    return {"received_s": float(seconds), "cpu_s": float(cpu), "sender_cpu_s": sender_cpu}


def dashboard_run(events: int) -> dict[str, float]:
    """What a whole dashboard makes of the storm, as peers/storm_dashboard.py says."""
    with Storm(events, "storm_dashboard.py") as storm:
        _line(storm.reader)
        collector = int(_line(storm.reader))
        before = clock_ns(collector) or 0, clock_ns(storm.reader.pid) or 0
        sender_cpu = storm.go()
        told: dict[str, float] = json.loads(_line(storm.reader))
        after = clock_ns(collector) or 0, clock_ns(storm.reader.pid) or 0
    told["cpu_s"], told["ui_cpu_s"] = ((b - a) / 1e9 for a, b in zip(before, after, strict=True))
    return told | {"sender_cpu_s": sender_cpu}


def measure(setting: Setting) -> Report:
    """In turns."""
    events, rounds = (8_000, 3) if setting.quick else (20_000, 5)
    report = Report(
        "storm", f"A storm of {events:,} events, UI on", f"a server of this benchmark, {PODS} pods"
    )
    bares, mine = [], []
    for _ in range(rounds):
        bares.append(bare(events))
        mine.append(dashboard_run(events))

    def per_second(runs: list[dict[str, float]]) -> list[float]:
        return [events / one["received_s"] for one in runs]

    def per_event(runs: list[dict[str, float]], whose: str) -> list[float]:
        return [one[whose] / events * 1e6 for one in runs]

    floor = report.add("a bare Python gRPC reader", "events/s", per_second(bares))
    rate = report.add("the collector, UI on", "events/s", per_second(mine))
    rate.ratio = (rate.median or 0) / (floor.median or 1)
    rate.against, rate.reach, rate.reached = "the bare reader", "≥ 0.9 ×", rate.ratio >= REACH
    least = report.add("a bare reader, CPU for an event", "µs", per_event(bares, "cpu_s"))
    cpu = report.add("the collector, CPU for an event", "µs", per_event(mine, "cpu_s"))
    cpu.ratio, cpu.against = (cpu.median or 0) / (least.median or 1), "the bare reader"
    report.add("the UI, CPU for an event, drawing and all", "µs", per_event(mine, "ui_cpu_s"))
    sender = per_event(bares + mine, "sender_cpu_s")
    report.add("the sender, CPU for an event", "µs", sender, note="none is faster than this")
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
