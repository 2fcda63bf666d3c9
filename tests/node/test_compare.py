"""The experiment on a real containerd 2.x: what polling missed is what was done between relists."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from pleg_tui.collector.lane_options import LaneOptions, Work
from pleg_tui.compare.lane_process import LaneProcess, end
from pleg_tui.compare.prepare import prepare
from pleg_tui.compare.types import Lane, Plan, Watch
from pleg_tui.feed.types import Settings
from tests.node.rig.churn import Life, Truth, one_pod
from tests.node.rig.client import Spec
from tests.node.rig.containerd import RealContainerd


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


async def churning(runtime: RealContainerd, stop: threading.Event, truth: Truth) -> None:
    """Short lives, one after another in one pod, until told to stop; all are recorded."""

    def live() -> None:
        number = 0
        while not stop.is_set():
            done = one_pod(runtime.client, 5, f"churn-{number}", exit_code=0)
            truth.pods += done.pods
            truth.lives += done.lives
            truth.failures += done.failures
            number += 1

    await asyncio.to_thread(live)


@pytest.mark.timeout(240)
async def test_what_polling_missed_is_exactly_what_was_done_between_its_relists(
    containerd2: RealContainerd,
) -> None:
    plan = Plan(duration_s=84.0, block_s=7.0, warmup_s=1.0, period_s=1.0, seed=7)
    experiment = await prepare(Settings(containerd2.endpoint), plan)
    stop, truth = threading.Event(), Truth()
    worker = asyncio.create_task(churning(containerd2, stop, truth))
    try:
        report = await experiment.run()
    finally:
        stop.set()
        await worker
    assert not truth.failures
    lives = {life.id: life for life in truth.complete}
    polled = {s.id for s in experiment.sightings if s.lane is Lane.POLLING}
    missed = {one.id: one for one in report.missed if one.lane is Lane.POLLING}
    assert missed, "lives of some 100 ms end between relists of 1 s"
    # None that polling saw is listed as a life that it missed, and each that is, was really lived.
    whole = {key: one for key, one in missed.items() if one.state == "life"}
    assert not polled & whole.keys()
    for object_id, one in whole.items():
        if object_id in lives:  # sandboxes are among them, too
            assert one.name.endswith(f"/{lives[object_id].name}")
    # Each life that was lived wholly while both lanes were on, and that polling did not see, is.
    spans = _both(experiment.watches)
    watched = [life for life in lives.values() if _inside(life, spans, plan)]
    assert watched, "some lives were lived in blocks of both lanes"
    unlisted = [life for life in watched if life.id not in polled and life.id not in missed]
    assert not unlisted
    # Events missed none of them.
    assert not [one for one in report.missed if one.lane is Lane.EVENTED]


def _both(watches: list[Watch]) -> list[tuple[int, int]]:
    """The stretches in which both lanes were on."""
    return [
        (max(one.since, other.since), min(one.until, other.until))
        for one in watches
        for other in watches
        if one.lane is Lane.POLLING
        and other.lane is Lane.EVENTED
        and max(one.since, other.since) < min(one.until, other.until)
    ]


def _inside(life: Life, spans: list[tuple[int, int]], plan: Plan) -> bool:
    """Lived in a stretch, away from its edges by what a relist and an event may need."""
    before, after = 1_000_000_000, round((plan.period_s + 1) * 1e9)
    first = life.created - 500_000_000
    return any(since + before < first and life.removed < until - after for since, until in spans)


@pytest.mark.timeout(240)
async def test_an_a_a_run_measures_the_daemon_and_its_shims_and_leaves_nothing(
    containerd2: RealContainerd,
) -> None:
    for number in range(3):
        containerd2.client.run_pod(f"idle-{number}", Spec("main"), Spec("side"))
    plan = Plan(30.0, 2.5, 0.5, 1.0, seed=2, same=Lane.POLLING)
    experiment = await prepare(Settings(containerd2.endpoint), plan)
    pids: set[int] = set()
    experiment.on_change = lambda: pids.update(experiment.pids)
    report = await experiment.run()
    assert all(gone(pid) for pid in pids)
    assert len(report.measured) == 12
    assert not report.simulated
    counted = [block for block in report.measured if not block.spoiled]
    assert counted
    assert all(block.runtime_cpu_ns for block in counted)
    assert all(block.shims_cpu_ns is not None for block in counted)
    assert {(block.pods, block.containers) for block in counted} == {(3, 6)}
    assert not report.missed


@pytest.mark.timeout(120)
async def test_the_runtime_waits_for_nobody_while_a_lane_is_frozen(
    containerd2: RealContainerd,
) -> None:
    """A stopped evented lane is ended by its guard within the 3 s that are promised."""
    process = LaneProcess(Lane.EVENTED, LaneOptions(containerd2.endpoint, Work.CRI_EVENTS))
    try:
        await process.hello()
        process.on(0, 60.0)
        assert (await process.standing(0, 20)).since
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.to_thread(one_pod, containerd2.client, 60, "beside", 0)
    finally:
        await end([process])
    assert process.killed
    slowest = max(call.seconds for call in containerd2.client.calls)
    assert all(call.code == "OK" for call in containerd2.client.calls)
    assert slowest < 5.0


@pytest.mark.timeout(120)
async def test_on_1_7_containerds_own_events_are_read_and_none_is_taken_away(
    containerd17: RealContainerd,
) -> None:
    plan = Plan(20.0, 1.5, 0.4, 0.5)
    experiment = await prepare(Settings(containerd17.endpoint), plan)
    running = asyncio.create_task(experiment.run())
    await asyncio.to_thread(one_pod, containerd17.client, 10, "beside", 0)
    experiment.stop()
    report = await running
    evented = report.lanes[Lane.EVENTED]
    assert evented is not None
    assert evented.source.startswith("containerd events, not CRI")


@pytest.mark.timeout(120)
def test_kill_minus_nine_of_the_whole_program_leaves_no_lane(containerd2: RealContainerd) -> None:
    code = f"""
        import asyncio
        from pleg_tui.compare.prepare import prepare
        from pleg_tui.compare.types import Plan
        from pleg_tui.feed.types import Settings

        async def main():
            plan = Plan(60.0, 3.0, 0.5, 1.0)
            experiment = await prepare(Settings({containerd2.endpoint!r}), plan)
            def told():
                if experiment.progress.block >= 2:
                    print(*experiment.pids, flush=True)
            experiment.on_change = told
            await experiment.run()

        asyncio.run(main())
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    end_at = time.monotonic() + 20
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < end_at, "a lane outlived the program"
        time.sleep(0.05)
    started = time.monotonic()
    one_pod(containerd2.client, 3, "after", 0)
    assert time.monotonic() - started < 30
