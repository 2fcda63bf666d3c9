"""The whole experiment on simulated runtimes, with short blocks: what it tells, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pleg_tui.collector.lane_options import Work
from pleg_tui.compare.experiment import SideBySide
from pleg_tui.compare.prepare import events_of, prepare, relist_of
from pleg_tui.compare.types import Arm, Lane, NotMeasurable, Plan
from pleg_tui.cri.traits import traits
from pleg_tui.feed.types import Settings
from pleg_tui.model import EventType, LifecycleEvent, Source
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess

SHORT = Plan(duration_s=12.0, block_s=1.0, warmup_s=0.4, period_s=0.2, seed=3)
"""Twelve blocks."""


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(Options(pods=5, scenario="jobs", churn=4, speed=20)) as running:
        yield running


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


async def eventually(what: Callable[[], bool], seconds: float = 40.0) -> None:
    end_at = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end_at, "it never came to be"
        await asyncio.sleep(0.02)


async def at_block(experiment: SideBySide, block: int) -> None:
    """Wait until the measured part of a block goes on."""
    await eventually(
        lambda: (
            experiment.progress.phase == "running"
            and experiment.progress.block >= block
            and not experiment.progress.warming_up
        )
    )


@pytest.mark.timeout(120)
async def test_a_run_from_start_to_end(simulator: SimulatorProcess) -> None:
    experiment = await prepare(Settings(simulator.endpoint), SHORT, beside="the live view")
    phases: list[str] = []
    pids: set[int] = set()

    def changed() -> None:
        phases.append(experiment.progress.phase)
        pids.update(experiment.pids)
        experiment.report()

    experiment.on_change = changed
    report = await experiment.run()
    assert [p for p, before in zip(phases, ["", *phases], strict=False) if p != before] == [
        "running",
        "finishing",
        "done",
    ]
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    assert experiment.pids == ()
    assert experiment.progress.left_s == 0

    assert report.simulated
    assert "simulated" in report.runtime
    assert [block.index for block in report.measured] == list(range(12))
    assert {arm: sum(b.arm is arm for b in report.measured) for arm in Arm} == dict.fromkeys(Arm, 3)
    for block in report.measured:
        assert set(block.lanes) == set(block.arm.lanes) or block.spoiled
        assert block.pods >= 5
        if block.spoiled:
            continue
        assert 0.5 < block.seconds < 1.7
        assert block.runtime_cpu_ns is not None
        assert block.runtime_cpu_ns > 0
        assert block.runtime_rss_bytes
        assert block.shims_cpu_ns is None, "a simulator has no shims"
    polling, evented = report.lanes[Lane.POLLING], report.lanes[Lane.EVENTED]
    assert polling is not None
    assert evented is not None
    assert polling.source.startswith("generic relist of kubelet 1.")
    assert polling.source.endswith("every 0.2 s")
    assert evented.source == "GetContainerEvents"
    assert polling.calls_per_s is not None
    assert polling.calls_per_s >= 4
    assert evented.rss_bytes
    assert report.kubelet.why == "the runtime is simulated, and no kubelet works with it"
    assert "itself spent" in report.overhead
    assert "The live view ran beside it in every block." in report.overhead
    assert report.started_at > 0
    assert report.blocks + len(report.spoiled) == 12


@pytest.mark.timeout(120)
async def test_both_lanes_can_do_the_same(simulator: SimulatorProcess) -> None:
    plan = Plan(12.0, 1.0, 0.4, 0.2, seed=4, same=Lane.POLLING)
    report = await (await prepare(Settings(simulator.endpoint), plan)).run()
    sources = {one.source for one in report.lanes.values() if one is not None}
    assert len(sources) == 1
    assert "both lanes do the same" in sources.pop()
    # Whether the difference is none is no question for a machine that is busy with other tests.
    if not report.spoiled:
        assert report.difference_ms_per_s is not None
    calls = [one.calls_per_s for one in report.lanes.values() if one is not None]
    assert all(rate and rate >= 4 for rate in calls)


@pytest.mark.timeout(120)
async def test_stopped_early_it_tells_what_there_is(simulator: SimulatorProcess) -> None:
    experiment = await prepare(Settings(simulator.endpoint), SHORT)
    running = asyncio.create_task(experiment.run())
    await at_block(experiment, 3)
    pids = experiment.pids
    experiment.stop()
    report = await asyncio.wait_for(running, 20)
    assert [block.index for block in report.measured] == [0, 1, 2]
    assert experiment.progress.blocks == 3, "it is done with those, not with all that were planned"
    assert all(gone(pid) for pid in pids)
    assert experiment.progress.phase == "done"


@pytest.mark.timeout(120)
async def test_cancelled_it_leaves_no_lane_and_loses_nothing(simulator: SimulatorProcess) -> None:
    experiment = await prepare(Settings(simulator.endpoint), SHORT)
    running = asyncio.create_task(experiment.run())
    await at_block(experiment, 2)
    pids = experiment.pids
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    assert [block.index for block in experiment.report().measured] == [0, 1]


@pytest.mark.timeout(120)
async def test_stopped_before_its_first_block_it_still_ends_well(
    simulator: SimulatorProcess,
) -> None:
    experiment = await prepare(Settings(simulator.endpoint), SHORT)
    experiment.stop()
    report = await experiment.run()
    assert report.measured == ()
    assert experiment.pids == ()
    assert report.verdict


@pytest.mark.timeout(120)
async def test_a_restart_of_the_runtime_spoils_its_block_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    options = Options(socket=str(tmp_path / "cri.sock"), pods=3)
    first = SimulatorProcess(options).start()
    second = SimulatorProcess(options)
    try:
        experiment = await prepare(Settings(first.endpoint), SHORT)
        running = asyncio.create_task(experiment.run())
        await at_block(experiment, 1)
        hit = experiment.progress.block
        await asyncio.to_thread(first.stop)
        await asyncio.to_thread(second.start)
        report = await running
    finally:
        first.stop()
        second.stop()
    assert len(report.measured) == 12
    spoiled = {block.index: block.spoiled for block in report.measured if block.spoiled}
    assert hit in spoiled
    assert "restarted" in spoiled[hit] or "broke" in spoiled[hit]
    assert report.spoiled, "what is left out is told"
    assert not report.measured[-1].spoiled
    assert report.measured[-1].runtime_cpu_ns is not None, "the new process was found"


@pytest.mark.timeout(120)
async def test_after_a_restart_no_stream_is_opened_on_another_runtime(tmp_path: Path) -> None:
    options = Options(socket=str(tmp_path / "cri.sock"), pods=3)
    first = SimulatorProcess(options).start()
    second = SimulatorProcess(replace(options, flavour="containerd-1.7"))
    try:
        experiment = await prepare(Settings(first.endpoint), SHORT)
        running = asyncio.create_task(experiment.run())
        await at_block(experiment, 1)
        await asyncio.to_thread(first.stop)
        await asyncio.to_thread(second.start)
        report = await running
    finally:
        first.stop()
        second.stop()
    assert len(report.measured) < 12
    assert any("another runtime answers now" in caveat for caveat in report.caveats)


@pytest.mark.timeout(120)
async def test_a_runtime_that_is_gone_ends_it_honestly(simulator: SimulatorProcess) -> None:
    experiment = await prepare(Settings(simulator.endpoint), SHORT)
    running = asyncio.create_task(experiment.run())
    await at_block(experiment, 2)
    await asyncio.to_thread(simulator.stop)
    report = await running
    assert len(report.measured) < 12
    assert any("it ended early" in caveat for caveat in report.caveats)


@pytest.mark.timeout(120)
async def test_a_lane_that_died_spoils_its_block_and_is_started_again(
    simulator: SimulatorProcess,
) -> None:
    experiment = await prepare(Settings(simulator.endpoint), SHORT)
    running = asyncio.create_task(experiment.run())
    await at_block(experiment, 1)
    pid = experiment.pids[0]
    os.kill(pid, signal.SIGKILL)
    report = await running
    assert len(report.measured) == 12
    assert any("ended during it" in block.spoiled for block in report.measured)
    assert not report.measured[-1].spoiled


@pytest.mark.timeout(120)
async def test_an_event_stream_that_the_guard_had_to_end_is_not_opened_again(
    simulator: SimulatorProcess,
) -> None:
    plan = Plan(36.0, 3.0, 0.4, 0.2, seed=5, same=Lane.EVENTED)
    experiment = await prepare(Settings(simulator.endpoint), plan)
    running = asyncio.create_task(experiment.run())
    await at_block(experiment, 0)
    os.kill(experiment.pids[0], signal.SIGSTOP)
    report = await asyncio.wait_for(running, 60)
    assert len(report.measured) < 12
    assert any("the guard had to end" in caveat for caveat in report.caveats)
    assert experiment.pids == ()


@pytest.mark.timeout(120)
async def test_where_events_are_off_only_polling_is_measured_and_the_setting_is_named() -> None:
    with SimulatorProcess(Options(flavour="crio-events-off", pods=3)) as simulator:
        plan = Plan(8.0, 1.0, 0.4, 0.2)
        with pytest.raises(NotMeasurable, match="duration"):
            await prepare(Settings(simulator.endpoint), plan)
        experiment = await prepare(Settings(simulator.endpoint), SHORT)
        report = await experiment.run()
    assert report.lanes[Lane.EVENTED] is None
    assert report.lanes[Lane.POLLING] is not None
    assert "enable_pod_events = true" in report.reason
    assert {block.arm for block in report.measured} == {Arm.OFF, Arm.POLLING}


@pytest.mark.timeout(120)
async def test_what_the_live_view_was_told_counts_in_every_block(
    simulator: SimulatorProcess,
) -> None:
    experiment = await prepare(Settings(simulator.endpoint), SHORT)
    running = asyncio.create_task(experiment.run())
    told = 0

    async def tell() -> None:
        nonlocal told
        while True:
            await asyncio.sleep(0.1)
            told += 1
            now = time.time_ns()
            event = LifecycleEvent(
                told, EventType.CONTAINER_STARTED, Source.CONTAINERD, now, now, f"c{told}"
            )
            experiment.observe([event])

    telling = asyncio.create_task(tell())
    report = await running
    telling.cancel()
    assert all(block.transitions > 0 for block in report.measured if not block.spoiled)
    assert sum(block.transitions for block in report.measured) < told


async def test_where_there_is_no_runtime_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotMeasurable, match="is not there"):
        await prepare(Settings(f"unix://{tmp_path}/none.sock"), SHORT)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Plan(duration_s=3600, block_s=61), "--block 60s"),
        (Plan(duration_s=10), "--duration"),
        (Plan(period_s=0), "--period"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_with_the_remedy(
    simulator: SimulatorProcess, plan: Plan, says: str
) -> None:
    with pytest.raises(NotMeasurable, match=says):
        await prepare(Settings(simulator.endpoint), plan)


@pytest.mark.parametrize(
    ("name", "version", "work", "says"),
    [
        ("containerd", "2.1.9", Work.CRI_EVENTS, "GetContainerEvents"),
        ("containerd", "v2.0.2", Work.CONTAINERD_EVENTS, "containerd events, not CRI"),
        ("containerd", "1.7.24~ds1", Work.CONTAINERD_EVENTS, "containerd events, not CRI"),
        ("containerd", "1.6.39", Work.CONTAINERD_EVENTS, "containerd events, not CRI"),
        ("containerd", "?", Work.CONTAINERD_EVENTS, "containerd events, not CRI"),
        ("cri-o", "1.33.0", Work.CRI_EVENTS, "GetContainerEvents"),
        ("cri-o", "1.32.13", None, "1.33 or newer"),
        ("cri-o", "1.26.0", None, "1.33 or newer"),
        ("docker", "0.3.0", None, "does not implement"),
        ("something", "9", None, "nothing is known"),
    ],
)
def test_events_are_read_only_where_that_harms_nobody(
    name: str, version: str, work: Work | None, says: str
) -> None:
    found, source, reason = events_of(traits(name, version))
    assert found is work
    assert says in (source or reason)
    assert bool(source) is (work is not None)


@pytest.mark.parametrize(
    ("version", "second", "says"),
    [
        ("1.35.9", True, "kubelet 1.35.9 (as asked for)"),
        ("v1.36.2", False, "kubelet 1.36.2 (as asked for)"),
        ("1.37", False, "kubelet 1.37 (as asked for)"),
        ("1.32.4+k3s1", True, "kubelet 1.32.4+k3s1 (as asked for)"),
        ("", False, "version is not known"),
    ],
)
def test_the_relist_is_that_of_the_kubelets_version(version: str, second: bool, says: str) -> None:
    found, told = relist_of(version, asked_for=True)
    assert found is second
    assert says in told


def test_what_is_no_version_of_a_kubelet_is_refused() -> None:
    with pytest.raises(NotMeasurable, match="--kubelet-version"):
        relist_of("the newest", asked_for=True)
