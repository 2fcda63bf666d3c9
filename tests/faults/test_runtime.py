"""Whatever the runtime does, the state ends as a fresh listing has it and losses are counted."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.feed.types import AskError, Phase, Settings, SourceChoice
from pleg_tui.model import Source
from pleg_tui.sim.faults import Failure
from pleg_tui.sim.native import NativeEvent
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from pleg_tui.sim.server import Simulator
from tests.following import comes_right, following, states, until

SOURCES = {"containerd-2": SourceChoice.CONTAINERD, "crio": SourceChoice.CRI}
"""Each kind of event stream on a runtime where it is the default."""
STREAM = {"containerd-2": "Subscribe", "crio": "GetContainerEvents"}
each_source = pytest.mark.parametrize("flavour", list(SOURCES))


def options(flavour: str, pods: int = 8, churn: float = 4) -> Options:
    return Options(flavour=flavour, pods=pods, churn=churn, manual=True)


def is_live(feed: object) -> Callable[[], bool]:
    return lambda: feed.health.phase is Phase.LIVE and bool(feed.pods)  # type: ignore[attr-defined]


@each_source
async def test_killed_in_the_middle_of_a_stream_and_started_anew(flavour: str) -> None:
    """SIGKILL takes the runtime's process; another one comes up on the same socket."""
    with SimulatorProcess(Options(flavour=flavour, pods=8, churn=20, seed=1)) as first:
        async with following(Settings(first.endpoint)) as feed:
            await until(is_live(feed))
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)
            await until(lambda: feed.health.phase is Phase.LOST)
            assert feed.health.error
            # Everything is another one now: nothing of the old may stay.
            still = Options(flavour=flavour, pods=5, churn=0, seed=2, socket=first.socket)
            with SimulatorProcess(still) as second:
                await until(lambda: feed.health.phase is Phase.LIVE)
                await comes_right(feed, second.endpoint)
                assert feed.health.missed == 0, "nobody was there to be told"


@each_source
async def test_gone_in_the_middle_of_a_listing(flavour: str) -> None:
    async with Simulator(options(flavour)) as simulator:
        simulator.faults.delay_s["ListContainers"] = 1.0
        async with following(Settings(simulator.endpoint)) as feed:
            await until(lambda: feed.health.collector_pid is not None)
            await asyncio.sleep(0.5)
            await simulator.restart(0.3)
            simulator.faults.clear()
            await until(is_live(feed))
            await simulator.step(50)
            await comes_right(feed, simulator.endpoint)


@each_source
async def test_stopped_for_a_while_and_continued(flavour: str) -> None:
    """SIGSTOP: nothing answers, nothing is lost, and the state is right soon after."""
    with SimulatorProcess(Options(flavour=flavour, pods=8, churn=20)) as runtime:
        assert runtime.pid is not None
        async with following(Settings(runtime.endpoint)) as feed:
            await until(is_live(feed))
            os.kill(runtime.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(0.5)
                with pytest.raises(AskError, match=r"did not answer|nothing is connected"):
                    await feed.ask("runtime")
            finally:
                os.kill(runtime.pid, signal.SIGCONT)
            await until(is_live(feed))
            seen = feed.health.events
            await until(lambda: feed.health.events > seen)
            assert feed.health.lost == 0
            assert feed.health.restarts == 0, "our own collector was well"


@each_source
async def test_a_socket_that_is_another_one(flavour: str) -> None:
    async with Simulator(options(flavour)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(is_live(feed))
            Path(simulator.socket).unlink()
            await simulator.step(20)
            await simulator.restart()
            await simulator.step(20)
            await until(is_live(feed))
            await comes_right(feed, simulator.endpoint)


@pytest.mark.parametrize("code", ["OK", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL"])
@each_source
async def test_a_stream_that_ends(flavour: str, code: str) -> None:
    async with Simulator(options(flavour)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(is_live(feed))
            simulator.faults.end_after = 1
            simulator.faults.end_with = None if code == "OK" else Failure(code)
            await simulator.step(10)
            await asyncio.sleep(0.3)
            simulator.faults.clear()
            await simulator.step(30)
            await until(is_live(feed))
            await comes_right(feed, simulator.endpoint)


async def test_a_runtime_that_stops_knowing_the_call_is_listed_instead() -> None:
    async with Simulator(options("crio")) as simulator:
        simulator.faults.errors["GetContainerEvents"] = Failure("UNIMPLEMENTED")
        async with following(Settings(simulator.endpoint, relist_s=1.0)) as feed:
            await until(lambda: feed.health.source is Source.RELIST)
            await simulator.step(30)
            await comes_right(feed, simulator.endpoint)


@each_source
async def test_a_listing_that_hangs_does_not_hang_the_feed(flavour: str) -> None:
    async with Simulator(options(flavour)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(is_live(feed))
            simulator.faults.hang.add("ContainerStatus")
            container = next(c for p in feed.pods.values() for c in p.containers)
            with pytest.raises(AskError):
                await feed.ask("container", container.id)
            await simulator.step(20)
            simulator.faults.clear()
            # Those who hang are let go by their deadlines; what they were for is looked up again.
            await comes_right(feed, simulator.endpoint, 60)


@pytest.mark.parametrize("label_bytes", [30_000, 120_000])
async def test_listings_of_many_megabytes(label_bytes: int) -> None:
    """Over 4 MiB (gRPC's default) is read; over 16 MiB is refused and said, as the kubelet does."""
    async with Simulator(options("crio", pods=200, churn=0)) as simulator:
        for sandbox in simulator.world.sandboxes.values():
            sandbox.labels["padding"] = "x" * label_bytes
            sandbox.list_bytes = None
        async with following(Settings(simulator.endpoint)) as feed:
            if label_bytes * 200 < 16 << 20:
                await until(is_live(feed))
                assert len(feed.pods) == 200
            else:
                await until(lambda: bool(feed.health.error))
                assert "16 MiB" in feed.health.error or "larger" in feed.health.error
                assert not feed.pods
                # The sizes are data: once it is smaller again, all is well.
                for sandbox in simulator.world.sandboxes.values():
                    sandbox.labels["padding"] = ""
                    sandbox.list_bytes = None
                await until(is_live(feed), 90)


@each_source
@pytest.mark.parametrize("fault", ["reorder", "replay", "both", "loss"])
async def test_out_of_order_doubled_and_lost(flavour: str, fault: str) -> None:
    async with Simulator(options(flavour)) as simulator:
        settings = Settings(simulator.endpoint, resync_s=2.0)
        simulator.faults.stream_delay_s = 1e-9  # a stream is bent from its start or never
        async with following(settings) as feed:
            # What the first looks find was not missed: count from the first resync on.
            await until(lambda: any(n.state == "resynced" for n in feed.take().notices))
            if fault in ("reorder", "both"):
                simulator.faults.reorder = 7
            if fault in ("replay", "both"):
                simulator.faults.replay_every = 2
            if fault == "loss":
                simulator.faults.drop_every = 3
            for _ in range(20):
                await simulator.step(10)
                await asyncio.sleep(0.01)
            await comes_right(feed, simulator.endpoint)
            if fault == "loss":
                await until(lambda: feed.health.missed > 0)
            else:
                assert feed.health.missed == 0


def altered(event: bytes, change: Callable[[cri.ContainerEventResponse], None]) -> bytes:
    message = cri.ContainerEventResponse.FromString(event)
    change(message)
    return message.SerializeToString()


def without_status(message: cri.ContainerEventResponse) -> None:
    message.ClearField("pod_sandbox_status")
    message.ClearField("containers_statuses")


def of_unknown_type(message: cri.ContainerEventResponse) -> None:
    message.container_event_type = 77  # type: ignore[assignment]


def back_in_time(message: cri.ContainerEventResponse) -> None:
    message.created_at -= 3_600_000_000_000


def five_minutes_old(message: cri.ContainerEventResponse) -> None:
    message.created_at -= 300_000_000_000


def with_unknown_fields(message: cri.ContainerEventResponse) -> None:
    # Field 4000, length-delimited: what a later version of the CRI may add.
    message.MergeFromString(b"\x82\xfa\x01\x05later")


@pytest.mark.parametrize(
    "change",
    [without_status, of_unknown_type, back_in_time, five_minutes_old, with_unknown_fields],
    ids=lambda change: change.__name__,
)
async def test_events_that_are_not_what_they_should_be(
    change: Callable[[cri.ContainerEventResponse], None],
) -> None:
    async with Simulator(options("crio")) as simulator:
        hub = simulator.runtime.hub
        post = hub.post
        hub.post = lambda events: post([altered(e, change) for e in events])  # type: ignore[method-assign]
        async with following(Settings(simulator.endpoint, resync_s=3.0)) as feed:
            await until(is_live(feed))
            for _ in range(20):
                await simulator.step(5)
                await asyncio.sleep(0.01)
            await comes_right(feed, simulator.endpoint)
            assert feed.health.restarts == 0


@each_source
async def test_random_bytes_are_counted_and_cost_nothing_else(flavour: str) -> None:
    async with Simulator(options(flavour)) as simulator:
        async with following(Settings(simulator.endpoint, resync_s=3.0)) as feed:
            await until(is_live(feed))
            noise = [bytes((i * 37 + n * 11) % 256 for n in range(40)) for i in range(50)]
            if flavour == "crio":
                simulator.runtime.hub.post(noise)
            else:
                for one in noise:
                    simulator.runtime.native.post(NativeEvent("/tasks/exit", one))
            await simulator.step(30)
            await until(lambda: feed.health.unreadable > 0)
            await comes_right(feed, simulator.endpoint)
            assert feed.health.restarts == 0


@each_source
async def test_ten_thousand_events_at_once(flavour: str) -> None:
    async with Simulator(options(flavour, pods=50, churn=20)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(is_live(feed))
            pid = feed.health.collector_pid
            assert pid is not None
            before = psutil.Process(pid).memory_info().rss
            done = 0
            while done < 10_000:
                done += await simulator.step(1000)
                await asyncio.sleep(0)
            await comes_right(feed, simulator.endpoint, 60)
            grown = psutil.Process(pid).memory_info().rss - before
            assert grown < 64 << 20, f"the collector grew by {grown >> 20} MiB"
            assert feed.health.missed == 0


async def test_a_pod_with_five_hundred_containers() -> None:
    async with Simulator(options("crio", pods=1, churn=0)) as simulator:
        world = simulator.world
        sandbox = next(iter(world.sandboxes.values()))
        async with following(Settings(simulator.endpoint)) as feed:
            await until(is_live(feed))
            for number in range(500):
                container = world.create_container(
                    sandbox, name=f"many-{number}", image_id="sha256:1", image_name="many:1"
                )
                world.start_container(container)
                waiting = simulator.runtime.flush()
                if waiting is not None:
                    await waiting
            await comes_right(feed, simulator.endpoint, 60)
            assert len(states(feed)) > 500


async def test_a_feed_that_nobody_reads_is_bounded_and_right_again() -> None:
    """The screen hangs: the collector holds so much and no more, counts, and lists anew."""
    async with Simulator(options("containerd-2", pods=20, churn=20)) as simulator:
        async with following(Settings(simulator.endpoint)) as feed:
            await until(is_live(feed))
            assert feed._process is not None
            asyncio.get_running_loop().remove_reader(feed._process.frames_fd)
            pid = feed.health.collector_pid
            assert pid is not None
            for _ in range(80):
                await simulator.step(1000)
                await asyncio.sleep(0.05)
            assert psutil.Process(pid).memory_info().rss < 160 << 20
            asyncio.get_running_loop().add_reader(feed._process.frames_fd, feed._readable)
            await until(lambda: feed.health.lost > 0)
            await comes_right(feed, simulator.endpoint, 60)
