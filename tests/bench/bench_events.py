"""From an event on a real containerd to its receipt, and to the bytes on the terminal.

A container is created, and again and again started and ended in pods whose rows are on the screen.
Received: `created_at` of the CRI event (or the time in containerd's own) to the collector's time of
receipt, as `pleg-tui events` prints it; beside it, on the same stream, a client in Go and a plain
one in Python, each in a process of its own. On the screen: from receipt, by a plain client of the
same kind of stream, to the bytes with which a terminal has a line with the event's time and pod,
for events after a quiet time and for those within 10 changes a second, which wait for the next
tick. The bytes themselves tell little: what a terminal shows already is not sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import pyte
from msgspec import Struct

from pleg_tui.cri import decode
from pleg_tui.ui.content.text import clock
from tests.bench.churn import restart_containers
from tests.bench.go_peer import GoReader
from tests.bench.harness import RealNode, Report, Setting, Unavailable, entry, percentile
from tests.bench.screen import dashboard, environment

FPS = 4.0
TICK_MS = 1000 / FPS
COLUMNS, LINES = 160, 50
_EVENT = re.compile(r"(\d\d:\d\d:\d\d\.\d{3})  Container\w+ +[^/ ]+/([^/ ]+)/")
"""In the list of events: (time of day, pod)."""


class Lags(Struct):
    """From an event's own time to its receipt, ms, by who received it."""

    ours: list[float]
    python: list[float]
    go: list[float]
    no_go: str
    """Why there is no Go client; empty where there is one."""


def lags(node: RealNode, source: str, seconds: float) -> Lags:
    """What the collector, a Go client and a Python client needed for the same changes."""
    from tests.node.rig.kubelet_like import KubeletLike

    command = [
        sys.executable, "-P", "-m", "pleg_tui", "events", "-r", node.endpoint, "--source", source,
        "-o", "json", "--duration", str(seconds + 4),
    ]  # fmt: skip
    no_go, go = "", None
    with contextlib.ExitStack() as peers:
        try:
            go = peers.enter_context(GoReader(node.endpoint))
        except Unavailable as error:
            no_go = str(error)
        python = peers.enter_context(KubeletLike(node.endpoint))
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
        )
        assert child.stdout is not None
        for line in child.stdout:
            if json.loads(line).get("state") == "connected":
                break
        since = time.time_ns()
        asyncio.run(restart_containers(node.endpoint, 10, seconds))
        told = [json.loads(line) for line in child.communicate()[0].splitlines()]
    return Lags(
        [
            one["lag_ms"]
            for one in told
            if one.get("lag_ms") is not None and not one["replayed"] and one.get("created_at")
        ],
        [one.lag_ms for one in python.events if one.created_at > since],
        [lag for created, lag in go.lags.items() if created > since] if go else [],
        no_go,
    )


class Told(NamedTuple):
    """An event as a plain client received it."""

    pod: str
    at: int
    """When it happened, wall time in ns, as the list of events shows it."""
    received: float
    """time.perf_counter()"""


def waits(
    told: Sequence[Told], chunks: Sequence[tuple[float, bytes]], columns: int, lines: int
) -> list[float | None]:
    """Milliseconds from each receipt until a terminal shows the event; None for not within 2 s."""
    screen = pyte.Screen(columns, lines)
    stream = pyte.ByteStream(screen)
    shown: dict[tuple[str, str], float] = {}
    for when, data in chunks:
        stream.feed(data)
        for y in screen.dirty:
            text = "".join(screen.buffer[y][x].data for x in range(columns))
            for time_of_day, pod in _EVENT.findall(text):
                shown.setdefault((time_of_day, pod), when)
        screen.dirty.clear()
    found: list[float | None] = []
    for event in told:
        at = shown.get((clock(event.at, milliseconds=True), event.pod))
        late = at is None or at > event.received + 2
        found.append(None if at is None or late else (at - event.received) * 1e3)
    return found


def to_screen(node: RealNode, source: str, seconds: float, rate: float) -> list[float | None]:
    """As waits(), for changes made on the node."""
    from tests.node.rig.kubelet_like import KubeletLike
    from tests.node.rig.subscriber import native_events

    chunks: list[tuple[float, bytes]] = []
    with dashboard(
        node.endpoint, COLUMNS, LINES, "--source", source, "--fps", f"{FPS:g}",
        heard=lambda when, data: chunks.append((when, data)),
    ), KubeletLike(node.endpoint) as plain, native_events(node.endpoint) as native:  # fmt: skip
        time.sleep(10)
        offset = time.perf_counter() - time.time()
        since = time.time_ns()
        worker = threading.Thread(
            target=lambda: asyncio.run(restart_containers(node.endpoint, rate, seconds))
        )
        worker.start()
        worker.join()
        time.sleep(2)
    pods = {sandbox.id: sandbox.metadata.name for sandbox in node.runtime.client.pods()}
    names = {event.container_id: pods[event.sandbox_id] for event in plain.events}
    received = [(event.container_id, event.created_at, event.received_at) for event in plain.events]
    if source == "containerd":
        native_told = [
            (decode.containerd_event(one.message.SerializeToString()), one.wall)
            for one in native.received
        ]
        received = [(event.id, event.at, wall) for event, wall in native_told if event is not None]
    told = [
        Told(names[which], at, wall / 1e9 + offset)
        for which, at, wall in received
        if wall > since and which in names
    ]
    return waits(told, chunks, COLUMNS, LINES)


def measure(setting: Setting) -> Report:
    """Both sources."""
    node = setting.real()
    seconds = 6.0 if setting.quick else 20.0
    report = Report("events", "From an event to its receipt and to the screen", node.on)
    for source in ("cri", "containerd"):
        found = lags(node, source, seconds)
        one = report.add(f"received, --source {source}", "ms", found.ours)
        beside = f", beside --source {source}"
        report.add(f"received by a plain Python client of CRI events{beside}", "ms", found.python)
        if found.no_go:
            report.skipped.append(f"a Go client on the same stream{beside}: {found.no_go}")
        else:
            go = report.add(f"received by a Go client of CRI events{beside}", "ms", found.go)
            one.ratio, one.against = (one.median or 0) / (go.median or 1), "the Go client"
            if source == "cri":
                one.reach, one.reached = "≤ 1.5 ×", one.ratio <= 1.5
        for rate, when in ((1.0, "after a quiet time"), (10.0, "at 10 changes/s")):
            every = to_screen(node, source, seconds, rate)
            drawn = [wait for wait in every if wait is not None]
            if not drawn:
                report.skipped.append(f"on the screen, --source {source}, {when}: nothing came")
                continue
            p99 = percentile([2000.0 if wait is None else wait for wait in every], 0.99)
            report.add(
                f"receipt to the terminal, --source {source}, {when}", "ms", drawn,
                reach=f"p99 within one tick ({TICK_MS:g} ms)", reached=p99 <= TICK_MS,
                note=f"p50 {statistics.median(drawn):.0f} ms, p99 {p99:.0f} ms, "
                f"{len(every) - len(drawn)} not within 2 s",
            )  # fmt: skip
    return report


if __name__ == "__main__":
    entry(measure)
