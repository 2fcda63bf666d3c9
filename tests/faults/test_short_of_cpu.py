"""A machine whose every core is busy: the collector is late, but is not ended and loses nothing."""

from __future__ import annotations

import asyncio
import time

import pytest

from pleg_tui.feed.types import Phase, Settings
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator
from tests.following import comes_right, following, until
from tests.node.rig.scarcity import busy_cores

BUSY_S = 12.0


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["containerd-2", "crio"])
async def test_a_busy_loop_for_each_core_ends_no_stream(flavour: str) -> None:
    """Each kind of event stream where it is the default; a resync would tell what was missed."""
    async with Simulator(Options(flavour=flavour, pods=10, churn=4, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint, resync_s=3.0)) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE and bool(feed.pods))
            collector, source = feed.health.collector_pid, feed.health.source
            with busy_cores():
                end = time.monotonic() + BUSY_S
                while time.monotonic() < end:
                    await simulator.step(10)
                    assert feed.health.phase is Phase.LIVE, feed.health.error
                    await asyncio.sleep(0.1)
            await comes_right(feed, simulator.endpoint)
            assert (feed.health.collector_pid, feed.health.source) == (collector, source)
            assert feed.health.restarts == 0
            assert (feed.health.lost, feed.health.missed) == (0, 0)
            assert not feed.health.warning
