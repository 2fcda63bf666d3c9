"""A lane's process against a simulated runtime: what it does when on, off, cut off and orphaned."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import grpc
import grpc.aio
import pytest

from pleg_tui.collector.lane_options import LaneOptions, Work
from pleg_tui.compare.lane_process import LaneError, LaneProcess, Told, end, who
from pleg_tui.compare.types import Lane, Sighting
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess

EVENTS = [Work.CRI_EVENTS, Work.CONTAINERD_EVENTS]
ALL = [Work.RELIST, *EVENTS]


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(Options(pods=6, scenario="jobs", churn=4, speed=20)) as running:
        yield running


async def eventually(what: Callable[[], bool], seconds: float = 20.0) -> None:
    end_at = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end_at, "it never came to be"
        await asyncio.sleep(0.02)


async def started(endpoint: str, work: Work, **more: object) -> LaneProcess:
    lane = Lane.POLLING if work is Work.RELIST else Lane.EVENTED
    process = LaneProcess(lane, LaneOptions(endpoint, work, **more))  # type: ignore[arg-type]
    await process.hello()
    return process


async def one_block(process: LaneProcess, block: int, seconds: float) -> Told:
    process.on(block, 30.0)
    told = await process.standing(block, 20.0)
    assert told.since, told.why
    await asyncio.sleep(seconds)
    process.off()
    return await process.settled(block)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def connections(socket: str) -> int:
    """How many are connected to a unix socket, as the kernel lists its server's ends."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return sum(line.endswith(f" {socket}") and line.split()[5] == "03" for line in lines)


@pytest.mark.parametrize("work", ALL)
async def test_a_lane_sees_what_happens_while_it_is_on_and_counts_its_work(
    simulator: SimulatorProcess, work: Work
) -> None:
    process = await started(simulator.endpoint, work, period_s=0.3)
    try:
        assert "simulated" in process.runtime_version
        told = await one_block(process, 0, 3.0)
    finally:
        await end([process])
    assert not told.why
    assert told.until > told.since
    assert told.pods >= 6
    assert told.containers >= 6
    assert told.lost == 0
    fresh = [s for s in told.sightings if (s.happened_at or s.seen_at) >= told.since]
    assert fresh
    assert {s.state for s in fresh} <= {"created", "running", "exited", "removed"}
    assert all(s.seen_at <= told.until for s in fresh)
    assert any(s.name.count("/") == 2 for s in fresh), "containers have their pod's name"
    assert sum(work[1] for work in told.work) >= 3
    assert sum(work[2] for work in told.work) > 1000
    assert sum(work[3] for work in told.work) > 0
    keys = [(s.id, s.state) for s in told.sightings]
    assert len(keys) == len(set(keys)), "each change is told once"


@pytest.mark.parametrize("work", ALL)
async def test_a_lane_that_is_off_has_no_connection(
    simulator: SimulatorProcess, work: Work
) -> None:
    process = await started(simulator.endpoint, work)
    try:
        await eventually(lambda: connections(simulator.socket) == 0)
        process.on(0, 30.0)
        await process.standing(0, 20.0)
        assert connections(simulator.socket) >= 1
        process.off()
        await process.settled(0)
        await eventually(lambda: connections(simulator.socket) == 0)
    finally:
        await end([process])


@pytest.mark.parametrize("second", [False, True])
async def test_polling_lists_a_changed_pod_once_more_only_as_kubelets_until_1_35_do(
    second: bool,
) -> None:
    calm = Options(pods=4, churn=0)
    with SimulatorProcess(calm) as simulator:
        process = await started(
            simulator.endpoint, Work.RELIST, period_s=0.2, second_listing=second
        )
        try:
            told = await one_block(process, 0, 1.5)
        finally:
            await end([process])
    calls = sum(work[1] for work in told.work)
    assert calls % 2 == 0, "nothing changes, so there is nothing but the two listings"
    assert 4 <= calls <= 2 * (1.5 / 0.2 + 2)


@pytest.mark.parametrize("work", EVENTS)
async def test_the_two_kinds_of_clients_tell_of_the_same_changes(
    simulator: SimulatorProcess, work: Work
) -> None:
    evented = await started(simulator.endpoint, work)
    polling = await started(simulator.endpoint, Work.RELIST, period_s=0.2)
    try:
        for process in (evented, polling):
            process.on(0, 30.0)
        since = max([(await p.standing(0, 20.0)).since for p in (evented, polling)])
        await asyncio.sleep(4.0)
        for process in (polling, evented):
            process.off()
        by_events = await evented.settled(0)
        by_polling = await polling.settled(0)
    finally:
        await end([evented, polling])

    def changes(told: Told) -> dict[tuple[str, str], Sighting]:
        return {(s.id, s.state): s for s in told.sightings if s.state != "created"}

    seen, polled = changes(by_events), changes(by_polling)
    # What a relist saw in the middle of the block, the events told as well, and no later.
    sure = {
        key: one
        for key, one in polled.items()
        if since + 1_000_000_000 < (one.happened_at or one.seen_at) < by_events.until - 500_000_000
    }
    assert sure
    assert not sure.keys() - seen.keys()
    for key, one in sure.items():
        assert seen[key].seen_at <= one.seen_at + 100_000_000
        assert seen[key].name == one.name


async def test_no_stream_outlives_its_deadline_whatever_the_parent_does() -> None:
    with SimulatorProcess(Options(pods=2, churn=0)) as simulator:
        process = await started(simulator.endpoint, Work.CRI_EVENTS)
        try:
            process.on(0, 1.0)
            told = await process.standing(0, 20.0)
            await eventually(lambda: bool(told.why))
            assert "DEADLINE_EXCEEDED" in told.why
            process.off()
            await process.settled(0)
        finally:
            await end([process])


async def test_the_second_relist_comes_after_a_part_of_a_period_and_the_others_after_whole_ones(
    simulator: SimulatorProcess,
) -> None:
    process = await started(simulator.endpoint, Work.RELIST, period_s=2.0)
    try:
        process.on(0, 30.0, 0.25)
        await process.standing(0, 20.0)
        await asyncio.sleep(3.2)
        process.off()
        told = await process.settled(0)
    finally:
        await end([process])
    listed = [at / 1e9 for at, calls, size, _ in told.work if calls and size > 1000]
    apart = [b - a for a, b in pairwise(listed) if b - a > 0.3]
    assert len(apart) == 2
    assert 0.5 <= apart[0] < 2.0 <= apart[1]
    assert told.since < told.steady < told.until


async def test_polling_ends_by_itself_when_nobody_ends_its_block(
    simulator: SimulatorProcess,
) -> None:
    process = await started(simulator.endpoint, Work.RELIST, period_s=0.2)
    try:
        process.on(0, 1.0)
        told = await process.standing(0, 20.0)
        await eventually(lambda: bool(told.why))
        assert "nobody switched it off" in told.why
        process.off()
        told = await process.settled(0)
    finally:
        await end([process])
    assert max(at for at, *_ in told.work) <= told.failed_at


async def test_events_that_are_switched_off_are_told_with_the_setting() -> None:
    with SimulatorProcess(Options(flavour="crio-events-off")) as simulator:
        process = await started(simulator.endpoint, Work.CRI_EVENTS)
        try:
            process.on(0, 10.0)
            told = await process.standing(0, 20.0)
            assert not told.since
            assert "enable_pod_events = true" in told.why
        finally:
            await end([process])


async def test_a_lane_that_is_frozen_is_killed_by_its_guard(simulator: SimulatorProcess) -> None:
    process = await started(simulator.endpoint, Work.CRI_EVENTS)
    try:
        process.on(0, 30.0)
        await process.standing(0, 20.0)
        os.kill(process.pid, signal.SIGSTOP)
        await eventually(lambda: process.ended)
        assert process.killed
        await eventually(lambda: gone(process.pid))
    finally:
        await end([process])


async def test_a_runtime_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LaneError, match="is not there"):
        await who(LaneOptions(f"unix://{tmp_path}/none.sock", Work.RELIST))


def test_the_death_of_the_parent_ends_every_lane(simulator: SimulatorProcess) -> None:
    code = f"""
        import asyncio
        from pleg_tui.collector.lane_options import LaneOptions, Work
        from pleg_tui.compare.lane_process import LaneProcess
        from pleg_tui.compare.types import Lane

        async def main():
            lanes = []
            for work in (Work.RELIST, Work.CRI_EVENTS):
                lane = LaneProcess(Lane.POLLING, LaneOptions({simulator.endpoint!r}, work))
                await lane.hello()
                lane.on(0, 30.0)
                await lane.standing(0, 20.0)
                lanes.append(lane)
            print(*(lane.pid for lane in lanes), flush=True)
            await asyncio.Event().wait()

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
        assert time.monotonic() < end_at, "a lane outlived its parent"
        time.sleep(0.05)


async def test_who_is_no_cri_is_told_in_a_sentence(tmp_path: Path) -> None:
    server = grpc.aio.server()
    server.add_insecure_port(f"unix://{tmp_path}/other.sock")
    await server.start()
    try:
        with pytest.raises(LaneError, match="not a CRI v1 runtime"):
            await who(LaneOptions(f"unix://{tmp_path}/other.sock", Work.RELIST))
    finally:
        await server.stop(None)


async def test_who_takes_calls_and_never_answers_is_given_up_on(tmp_path: Path) -> None:
    server = await asyncio.start_unix_server(lambda _reader, _writer: None, tmp_path / "mute.sock")
    async with server:
        with pytest.raises(LaneError, match="did not answer"):
            await who(LaneOptions(f"unix://{tmp_path}/mute.sock", Work.RELIST))
