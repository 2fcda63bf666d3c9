"""An SSH line that stalls for a minute and resumes: nobody else waits, the screen catches up."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pleg_tui.feed.types import Phase, Settings, SourceChoice
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator
from tests.faults.test_terminal import back_at_the_shell, ours
from tests.following import following, until
from tests.node.rig.subscriber import cri_events
from tests.terminal import Terminal, command_line

REPOSITORY = Path(__file__).resolve().parents[2]
STALL_S = 60.0
PROMISE_S = 3.0
"""No call and no other subscriber waits longer for a collector that runs."""
MIB = 1 << 20


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Forked before there are gRPC's threads here."""
    with Terminal(120, 40, {"PYTHONPATH": str(REPOSITORY)}) as one:
        yield one


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("source", ["auto", "cri"])
async def test_a_line_that_stalls_for_a_minute(terminal: Terminal, source: str) -> None:
    """On a runtime whose every call waits for a CRI subscriber that does not read."""
    options = Options(flavour="containerd-2", pods=10, churn=4, manual=True)
    async with Simulator(options) as simulator:
        posted = _times_of_posts(simulator)
        other = await asyncio.to_thread(cri_events, simulator.endpoint)
        try:
            before = terminal.condition
            started = f"{sys.executable} -m pleg_tui -r {simulator.endpoint} --source {source}\n"
            terminal.press(started)
            await asyncio.to_thread(terminal.wait_for, "● live", 60)
            collector = next(p for p in ours(terminal) if "collector" in command_line(p))
            fresh = psutil.Process(collector).memory_info().rss
            terminal.stop_reading()
            slowest = await _work(simulator, STALL_S)
            assert slowest < PROMISE_S, f"a call waited {slowest:.1f} s"
            written, blocked = terminal.written, ours(terminal)
            assert collector in blocked, "the collector was started anew"
            grown = psutil.Process(collector).memory_info().rss - fresh
            assert grown < 64 * MIB, f"the collector grew by {grown / MIB:.0f} MiB"

            terminal.read_on()
            await asyncio.to_thread(terminal.wait_for, "away ", 30)
            assert terminal.written > written
            await asyncio.to_thread(terminal.wait_for, "● live", 30)
            pods = await _pods(simulator.endpoint)
            shown = re.compile(rf"▎Pods  {pods} ")
            await asyncio.to_thread(
                terminal.wait_until, lambda text: shown.search(text) is not None, f"{pods} pods"
            )
            assert collector in ours(terminal)
            terminal.press("q")
            assert await asyncio.to_thread(back_at_the_shell, terminal, before) == 0

            await until(lambda: len(other.received) >= len(posted))
            delays = [got.mono - at for got, at in zip(other.received, posted, strict=True)]
            assert len(delays) > 1000, "there was something to be read"
            assert max(delays) / 1e9 < PROMISE_S
            assert not other.error
        finally:
            other.close()


def _times_of_posts(simulator: Simulator) -> list[int]:
    """When each CRI event was handed to the subscribers, ns of CLOCK_MONOTONIC, from now on."""
    times: list[int] = []
    hub = simulator.runtime.hub
    post = hub.post

    def timed(events: object) -> object:
        times.extend([time.monotonic_ns()] * len(events))  # type: ignore[arg-type]
        return post(events)  # type: ignore[arg-type]

    hub.post = timed  # type: ignore[assignment]
    return times


async def _work(simulator: Simulator, seconds: float) -> float:
    """Have pods come and go for so long; the seconds that the slowest lot of changes took."""
    slowest = 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        await simulator.step(5)
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.05)
    return slowest


async def _pods(endpoint: str) -> int:
    """How many a fresh listing has, by another client."""
    settings = Settings(endpoint, source=SourceChoice.NONE, details=False)
    async with following(settings) as fresh:
        await until(lambda: fresh.health.phase is Phase.LIVE)
        return len(fresh.pods)
