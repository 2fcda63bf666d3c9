"""The whole path, from a simulated runtime's socket to what a screen is told."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pleg_tui import frames
from pleg_tui.collector.options import Options as Orders
from pleg_tui.feed.live import LiveFeed
from pleg_tui.feed.types import AskError, Phase, Settings, SourceChoice
from pleg_tui.model import ContainerState, Source
from pleg_tui.sim.faults import Failure
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator
from tests.following import following, states, truth, until

FLAVOURS = {
    "containerd-2": Source.CONTAINERD,
    "containerd-1.7": Source.CONTAINERD,
    "containerd-1.6": Source.CONTAINERD,
    "crio": Source.CRI,
    "crio-events-off": Source.RELIST,
    "cri-dockerd": Source.RELIST,
}


@pytest.mark.parametrize(("flavour", "source"), FLAVOURS.items())
async def test_after_much_change_the_state_is_that_of_a_fresh_listing(
    flavour: str, source: Source
) -> None:
    async with Simulator(Options(flavour=flavour, pods=10, churn=4, manual=True)) as simulator:
        settings = Settings(simulator.endpoint, relist_s=1.0)
        async with following(settings) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE and bool(feed.pods))
            await until(lambda: feed.health.source is source)
            for _ in range(10):
                await simulator.step(12)
                await asyncio.sleep(0.02)
            after = await truth(simulator.endpoint)
            await until(lambda: states(feed) == after)
            assert feed.health.missed == 0
            assert feed.health.runtime is not None
            assert feed.health.runtime.simulated


async def test_a_listing_in_pieces_loses_nothing_of_what_happens_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop has its turn after every piece, and no pod is ever told of without all its parts."""
    monkeypatch.setattr("pleg_tui.feed.live.MOMENT_S", 0.0)
    monkeypatch.setattr("pleg_tui.pleg.pieces.PIECE", 7)
    async with Simulator(Options(pods=60, churn=4, manual=True)) as simulator:
        whole = await truth(simulator.endpoint)
        async with following(Settings(simulator.endpoint)) as feed:
            turns = 0
            told: set[str] = set()
            while feed.health.phase is not Phase.LIVE:
                await asyncio.sleep(0)
                turns += feed._working
                for key in feed.take().changed:
                    told.add(key)
                    assert {c.id for c in feed.pods[key].containers} <= whole.keys()
                    assert states(feed) == whole
            assert turns
            for _ in range(10):
                await simulator.step(12)
                await simulator.step(12)
                request = frames.encode_json(frames.Kind.REQUEST, {"op": "listing"})
                assert feed._process is not None
                assert feed._process.request(request)
            after = await truth(simulator.endpoint)
            await until(lambda: states(feed) == after)
            assert feed.health.missed == 0
            assert feed.health.lost == 0


STEPS = {
    "sandbox-created": "SandboxCreated",
    "sandbox-started": "SandboxStarted",
    "sandbox-stopped": "SandboxStopped",
    "sandbox-removed": "SandboxRemoved",
    "container-created": "ContainerCreated",
    "container-started": "ContainerStarted",
    "container-oom": "ContainerOOM",
    "container-exited": "ContainerDied",
    "container-removed": "ContainerRemoved",
}
NEVER_TOLD = {
    ("crio", "SandboxCreated"),
    ("crio", "SandboxRemoved"),
    ("crio", "ContainerOOM"),
    ("crio", "ContainerRemoved"),  # only when it was removed by itself, not with its sandbox
}


@pytest.mark.parametrize("flavour", ["containerd-2", "containerd-1.7", "crio"])
async def test_every_step_of_every_life_is_told_once_and_in_order(flavour: str) -> None:
    async with Simulator(Options(flavour=flavour, pods=5, churn=4, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE and bool(feed.pods))
            await asyncio.sleep(0.2)
            feed.take()
            simulator.record.clear()
            for _ in range(200):
                await simulator.step(1)
                await asyncio.sleep(0.002)
                # However busy the machine, a life takes longer than a look-up.
                await until(lambda: not feed._story.holding)
            done: dict[str, list[str]] = {}
            for step in simulator.record:
                told = STEPS.get(step.step)
                if told and (flavour, told) not in NEVER_TOLD:
                    done.setdefault(step.id, []).append(told)
            lives: dict[str, list[str]] = {}

            def all_told() -> bool:
                for event in feed.take().events:
                    assert event.pod, "every event has its pod's name"
                    if (flavour, event.type.value) not in NEVER_TOLD:
                        lives.setdefault(event.container_id, []).append(event.type.value)
                return sum(map(len, lives.values())) >= sum(map(len, done.values()))

            await until(all_told)
            assert lives == done


async def test_events_off_on_crio_names_the_setting_and_lists_instead() -> None:
    async with Simulator(Options(flavour="crio-events-off", churn=0, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.source is Source.RELIST and bool(feed.pods))
            assert "enable_pod_events = true" in feed.health.warning


async def test_what_listings_leave_out_is_looked_up() -> None:
    async with Simulator(Options(pods=10, churn=0, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE and bool(feed.pods))

            def complete() -> bool:
                containers = [c for pod in feed.pods.values() for c in pod.containers]
                return all(
                    c.started_at and (c.state is not ContainerState.EXITED or c.finished_at)
                    for c in containers
                    if c.state >= ContainerState.RUNNING
                )

            await until(complete)


async def test_a_dashboard_started_first_waits_and_says_for_what(tmp_path: Path) -> None:
    socket = tmp_path / "cri.sock"
    async with following(Settings(f"unix://{socket}")) as feed:
        await until(lambda: bool(feed.health.error))
        assert feed.health.phase is Phase.CONNECTING
        assert f"{socket} is not there" in feed.health.error
        with pytest.raises(AskError, match="nothing is connected"):
            await feed.ask("runtime")
        async with Simulator(Options(socket=str(socket), churn=0, manual=True)):
            await until(lambda: feed.health.phase is Phase.LIVE)
            assert feed.health.error == ""
            assert feed.pods


async def test_a_runtime_that_restarts_is_found_again_with_the_state_right() -> None:
    async with Simulator(Options(pods=8, churn=3, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE and bool(feed.pods))
            lost: list[str] = []
            feed.take()
            feed.on_dirty = lambda: lost.extend(n.state for n in feed.take().notices)
            await simulator.step(10)
            await simulator.restart()
            await simulator.step(10)
            await until(lambda: "lost" in lost and feed.health.phase is Phase.LIVE)
            after = await truth(simulator.endpoint)
            await until(lambda: states(feed) == after)
            await until(lambda: "resynced" in lost)


async def test_a_reader_that_slept_is_right_again_and_knows_what_it_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = functools.partial(Orders, buffer_bytes=20_000)
    monkeypatch.setattr("pleg_tui.feed.process.Options", orders)
    monkeypatch.setattr("pleg_tui.feed.process._PIPE_SIZE", 4096)
    async with Simulator(Options(pods=8, churn=4, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE and bool(feed.pods))
            process = feed._process
            assert process is not None
            loop = asyncio.get_running_loop()
            loop.remove_reader(process.frames_fd)  # the screen is stuck or asleep
            for _ in range(30):
                await simulator.step(50)
                await asyncio.sleep(0.05)
            loop.add_reader(process.frames_fd, feed._readable)
            after = await truth(simulator.endpoint)
            await until(lambda: states(feed) == after, 20)
            await until(lambda: feed.health.lost > 0)
            assert feed.health.lost > 0
            assert feed.health.missed == 0, "what we lost, the runtime did send"


async def test_a_collector_that_starts_slowly_is_given_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(3.5)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with Simulator(Options(churn=0, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE, 20)
            assert feed.health.restarts == 0


async def test_on_crio_a_guard_that_acted_says_why_it_lists_now() -> None:
    async with Simulator(Options(flavour="crio", churn=0, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.source is Source.CRI)
            assert feed.health.collector_pid is not None
            os.kill(feed.health.collector_pid, signal.SIGSTOP)
            await until(lambda: feed.health.source is Source.RELIST)
            assert feed.health.why.startswith("a CRI event stream had to be ended")
            assert "stay closed" in feed.health.warning


async def test_a_collector_that_was_killed_by_someone_else_proves_nothing() -> None:
    async with Simulator(Options(flavour="crio", churn=0, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.source is Source.CRI)
            assert feed.health.collector_pid is not None
            os.kill(feed.health.collector_pid, signal.SIGKILL)
            await until(lambda: feed.health.restarts == 1 and feed.health.phase is Phase.LIVE)
            assert feed.health.source is Source.CRI
            assert feed.health.warning == ""


async def test_connections_that_break_at_once_are_not_hammered() -> None:
    async with Simulator(Options(churn=0, manual=True)) as simulator:
        simulator.faults.end_after = 1
        simulator.faults.end_with = Failure("INTERNAL")
        async with following(Settings(simulator.endpoint)) as feed:
            connected: list[str] = []
            end = time.monotonic() + 4
            while time.monotonic() < end:
                await simulator.step(1)
                await asyncio.sleep(0.05)
                connected += [n.state for n in feed.take().notices if n.state == "connected"]
            assert 1 <= len(connected) <= 5


async def test_look_ups_are_few_at_once_however_slow_the_runtime() -> None:
    async with Simulator(Options(pods=60, churn=0, manual=True)) as simulator:
        simulator.faults.hang.add("ContainerStatus")
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE and bool(feed.pods))
            await asyncio.sleep(1.0)
            assert 0 < feed._story.outstanding <= 25


async def test_a_stopped_collector_is_ended_and_cri_events_stay_closed() -> None:
    async with Simulator(Options(flavour="containerd-2", churn=1, manual=True)) as simulator:
        settings = Settings(simulator.endpoint, source=SourceChoice.CRI)
        async with following(settings) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE)
            first = feed.health.collector_pid
            assert first is not None
            os.kill(first, signal.SIGSTOP)
            await until(lambda: feed.health.restarts == 1 and feed.health.phase is Phase.LIVE)
            assert feed.health.source is Source.CONTAINERD
            assert "stay closed" in feed.health.warning
            assert not _alive(first)
            await simulator.step(10)
            after = await truth(simulator.endpoint)
            await until(lambda: states(feed) == after)


async def test_what_is_gone_is_said_to_be_gone() -> None:
    async with Simulator(Options(churn=0, manual=True)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.phase is Phase.LIVE)
            with pytest.raises(AskError, match="gone"):
                await feed.ask("container", "f" * 64)
            answer = await feed.ask("runtime")
            assert answer["status"]["conditions"]


def test_the_collector_goes_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pleg_tui.feed.live import LiveFeed\n"
        "from pleg_tui.feed.types import Settings\n"
        "async def main():\n"
        f"    feed = LiveFeed(Settings('unix://{tmp_path}/none.sock'))\n"
        "    await feed.start()\n"
        "    print(feed.health.collector_pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        collector = int(parent.stdout.readline())
        assert Path(f"/proc/{collector}").exists()
        parent.kill()
        parent.wait()
        end = time.monotonic() + 5
        while _alive(collector):
            assert time.monotonic() < end, "the collector outlived its parent"
            time.sleep(0.02)


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.mark.parametrize(("missed", "told"), [(0, 0), (2, 1)])
def test_a_listing_to_see_what_lingers_is_told_where_it_found_something(
    monkeypatch: pytest.MonkeyPatch, missed: int, told: int
) -> None:
    feed = LiveFeed(Settings("unix:///nowhere.sock"))
    monkeypatch.setattr(feed._story, "settle", lambda _: missed)
    feed._resynced = feed._asked_listing = True
    feed._settle()
    assert len(feed.take().notices) == told
    feed._resynced = True  # the next one is as any other
    feed._settle()
    assert len(feed.take().notices) == 1
