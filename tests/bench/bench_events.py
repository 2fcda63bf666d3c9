"""From an event on a real containerd to its receipt, and to the bytes on the terminal.

A container is created, and again and again started and ended in one pod whose rows are on the
screen. Received: `created_at` of the CRI event (or the time in containerd's own) to the collector's
time of receipt, as `pleg-tui events` prints it; beside it, on the same stream, a bare client in
Python. On the screen: from receipt to the first bytes that come after it, for events that come
after a quiet time and for those within a storm of 10 changes a second.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time

from pleg_tui.cri import runtime_pb2 as cri
from tests.bench.churn import restart_containers
from tests.bench.harness import RealNode, Report, Setting, entry, percentile
from tests.bench.screen import dashboard, environment

FPS = 4.0
TICK_MS = 1000 / FPS


def lags(node: RealNode, source: str, seconds: float) -> tuple[list[float], list[float]]:
    """(lag of each event that `pleg-tui events` tells, lag in a bare client), ms."""
    from tests.node.rig.subscriber import cri_events

    bare = cri_events(node.endpoint)
    command = [
        sys.executable, "-P", "-m", "pleg_tui", "events", "-r", node.endpoint, "--source", source,
        "-o", "json", "--duration", str(seconds + 4),
    ]  # fmt: skip
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
    )
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line).get("state") == "connected":
            break
    before = len(bare.received)
    asyncio.run(restart_containers(node.endpoint, 10, seconds))
    told = [json.loads(line) for line in child.communicate()[0].splitlines()]
    bare.close()
    mine = [
        one["lag_ms"]
        for one in told
        if one.get("lag_ms") is not None and not one["replayed"] and one.get("created_at")
    ]
    theirs = [
        (one.wall - one.message.created_at) / 1e6
        for one in bare.received[before:]
        if isinstance(one.message, cri.ContainerEventResponse)
    ]
    return mine, theirs


def to_screen(node: RealNode, source: str, seconds: float, rate: float) -> list[float]:
    """Milliseconds from a bare client's receipt of an event to the next bytes on the terminal."""
    from tests.node.rig.subscriber import cri_events

    chunks: list[float] = []
    with dashboard(
        node.endpoint, 120, 40, "--source", source, "--fps", f"{FPS:g}",
        heard=lambda when, _: chunks.append(when),
    ) as screen:  # fmt: skip
        time.sleep(10)
        offset = time.perf_counter() - time.monotonic()
        bare = cri_events(node.endpoint)
        before = len(bare.received)
        worker = threading.Thread(
            target=lambda: asyncio.run(restart_containers(node.endpoint, rate, seconds))
        )
        worker.start()
        worker.join()
        time.sleep(1)
        received = [one.mono / 1e9 + offset for one in bare.received[before:]]
        bare.close()
        del screen
    waits = []
    for at in received:
        after = next((when for when in chunks if when > at), None)
        if after is not None:
            waits.append((after - at) * 1e3)
    return waits


def measure(setting: Setting) -> Report:
    """Both sources."""
    node = setting.real()
    seconds = 6.0 if setting.quick else 12.0
    report = Report("events", "From an event to its receipt and to the screen", node.on)
    for source in ("cri", "containerd"):
        mine, bare = lags(node, source, seconds)
        one = report.add(f"received, --source {source}", "ms", mine)
        other = report.add(
            f"received by a bare Python client of CRI events, beside --source {source}", "ms", bare
        )
        one.ratio = (one.median or 0) / (other.median or 1)
        one.against = "the bare client"
        if source == "cri":
            one.reach, one.reached = "≤ 1.5 ×", one.ratio <= 1.5
        for rate, when in ((1.0, "after a quiet time"), (10.0, "at 10 changes/s")):
            waits = to_screen(node, source, seconds, rate)
            if not waits:
                report.skipped.append(f"on the screen, --source {source}, {when}: no event came")
                continue
            p99 = percentile(waits, 0.99)
            report.add(
                f"receipt to the terminal, --source {source}, {when}", "ms", waits,
                reach=f"p99 within one tick ({TICK_MS:g} ms)", reached=p99 <= TICK_MS,
                note=f"p50 {statistics.median(waits):.0f} ms, p99 {p99:.0f} ms",
            )  # fmt: skip
    report.skipped.append(
        "a Go client on the same stream: no Go toolchain is needed to run this; a bare Python "
        "client stands in its place"
    )
    return report


if __name__ == "__main__":
    entry(measure)
