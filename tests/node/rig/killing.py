"""The tool started and killed, again and again, at moments that nobody chose."""

from __future__ import annotations

import contextlib
import os
import pty
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from msgspec import Struct

from tests.terminal import children_of, command_line

REPOSITORY = Path(__file__).resolve().parents[3]
LATEST_S = 4.0
"""Half are killed within so long of their start, however far they have come; the others within
half of it after their collector was started, so that a busy machine does not kill them all early.
"""
START_S = 20.0
GONE_S = 10.0


class Killed(Struct):
    """What was done."""

    started: int = 0
    collector_first: int = 0
    """Times that the collector was killed a moment before its parent."""
    had_collector: int = 0
    """Times that a collector ran when the kill came."""
    orphans: int = 0
    """Processes that outlived their parent by more than 10 s; none may."""


def start_and_kill(endpoint: str, source: str, times: int, seed: int) -> Killed:
    """Start the dashboard on a terminal of its own and SIGKILL it at a random moment, so often."""
    chance = random.Random(seed)
    killed = Killed()
    for _ in range(times):
        _one(endpoint, source, chance, killed)
    return killed


def _one(endpoint: str, source: str, chance: random.Random, killed: Killed) -> None:
    outer, inner = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pleg_tui", "-r", endpoint, "--source", source],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
        env=environment,
    )
    os.close(inner)
    reader = threading.Thread(target=_throw_away, args=(outer,), daemon=True)
    reader.start()
    killed.started += 1
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0.05, LATEST_S))
    else:
        _wait_for_collector(process.pid)
        time.sleep(chance.uniform(0, LATEST_S / 2))
    children = children_of(process.pid)
    killed.had_collector += bool(children)
    if children and chance.random() < 0.25:
        killed.collector_first += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(children[0], 9)
        time.sleep(chance.uniform(0, 0.3))
        children = children_of(process.pid)
    process.kill()
    process.wait(10)
    end = time.monotonic() + GONE_S
    while left := [pid for pid in children if "pleg_tui" in command_line(pid)]:
        if time.monotonic() > end:
            killed.orphans += len(left)
            break
        time.sleep(0.02)
    reader.join(5)
    os.close(outer)


def _wait_for_collector(pid: int) -> None:
    end = time.monotonic() + START_S
    while not children_of(pid) and time.monotonic() < end:
        time.sleep(0.02)


def _throw_away(fd: int) -> None:
    with contextlib.suppress(OSError):  # the other end is closed
        while os.read(fd, 65536):
            pass
