"""Whatever befalls a real containerd, the state ends as a fresh listing has it.

The same faults as tests/faults/test_runtime.py does to the simulator, as far as a real runtime can
have them: losses are counted, the collector stays whole and its memory bounded.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
import pytest
from msgspec import Struct

from pleg_tui import frames
from pleg_tui.feed.live import LiveFeed
from pleg_tui.feed.types import AskError, Phase, Settings, SourceChoice
from pleg_tui.frames import Kind
from pleg_tui.model import LifecycleEvent
from tests.following import comes_right, following, until
from tests.node.rig.churn import Truth, growing_pod, many_pods
from tests.node.rig.client import Spec
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.results import tell
from tests.node.rig.strength import FROZEN_S, FULL, LIVES, MANY

GROWTH_MIB = 48
"""What the collector may grow by, whatever happens: its buffer is 16 MiB."""
SOON_S = 60.0

_EACH = [(2, "auto"), (2, "cri"), (1, "auto")]
each = pytest.mark.parametrize(
    ("any_containerd", "source"),
    _EACH,
    indirect=["any_containerd"],
    ids=lambda value: value if isinstance(value, str) else f"containerd{value}",
)
hardest = pytest.mark.parametrize(
    ("any_containerd", "source"),
    _EACH if FULL else _EACH[1:],
    indirect=["any_containerd"],
    ids=lambda value: value if isinstance(value, str) else f"containerd{value}",
)
WHOLE = ["ContainerCreated", "ContainerStarted", "ContainerDied", "ContainerRemoved"]


class Followed(Struct):
    """A feed on a real runtime, what it told, and what its collector weighed at first."""

    runtime: RealContainerd
    feed: LiveFeed
    events: list[LifecycleEvent]
    first_mib: float

    def take(self) -> None:
        """Keep what it has told."""
        self.events += self.feed.take().events

    def of(self, object_id: str) -> list[str]:
        """The types of what it told of one container or sandbox."""
        return [e.type.value for e in self.events if e.container_id == object_id]

    @property
    def mib(self) -> float:
        """What its collector weighs."""
        return _mib(self.feed)


def _mib(feed: LiveFeed) -> float:
    pid = feed.health.collector_pid
    assert pid is not None
    return float(psutil.Process(pid).memory_info().rss) / 2**20


def is_live(feed: LiveFeed) -> Callable[[], bool]:
    return lambda: feed.health.phase is Phase.LIVE


@asynccontextmanager
async def followed(runtime: RealContainerd, source: str, fault: str) -> AsyncIterator[Followed]:
    """A live feed; at the end its state must be the runtime's, its collector the same and small."""
    settings = Settings(runtime.endpoint, source=SourceChoice(source))
    async with following(settings) as feed:
        await until(is_live(feed), SOON_S)
        one = Followed(runtime, feed, [], _mib(feed))
        yield one
        began = time.monotonic()
        await until(is_live(feed), SOON_S, lambda: feed.health.error)
        await comes_right(feed, runtime.endpoint, SOON_S)
        one.take()
        health = feed.health
        tell(
            fault,
            containerd=runtime.version,
            source=source,
            events=health.events,
            lost=health.lost,
            missed=health.missed,
            unreadable=health.unreadable,
            restarts=health.restarts,
            right_after_s=round(time.monotonic() - began, 2),
            collector_mib=[round(one.first_mib, 1), round(one.mib, 1)],
        )
        assert (health.restarts, health.lost, health.unreadable) == (0, 0, 0), health
        assert one.mib - one.first_mib < GROWTH_MIB


async def churn_until(runtime: RealContainerd, enough: threading.Event) -> list[Truth]:
    """Pods and containers come and go until told; what fails meanwhile is the runtime's fault."""
    truths: list[Truth] = []

    def work() -> None:
        client = runtime.new_client()
        while not enough.is_set():
            truths.append(many_pods(client, 3, 4, workers=3, timeout_s=5))
        client.close()

    await asyncio.to_thread(work)
    return truths


@each
async def test_killed_in_the_middle_of_a_stream_and_started_again(
    any_containerd: RealContainerd, source: str
) -> None:
    async with followed(any_containerd, source, "SIGKILL mid-stream") as one:
        enough = threading.Event()
        churning = asyncio.create_task(churn_until(any_containerd, enough))
        for _ in range(3 if FULL else 1):
            seen = one.feed.health.events
            await until(lambda seen=seen: one.feed.health.events > seen + 20, SOON_S)  # type: ignore[misc]
            await asyncio.to_thread(any_containerd.kill)
            await until(lambda: one.feed.health.phase is Phase.LOST, SOON_S)
            assert one.feed.health.error
            await asyncio.to_thread(any_containerd.boot)
            await until(is_live(one.feed), SOON_S)
        enough.set()
        await churning
        await asyncio.to_thread(any_containerd.client.remove_everything, 20)
        truth = await asyncio.to_thread(many_pods, any_containerd.client, 2, 3)
        await everything_told(one, truth)


@hardest
async def test_killed_in_the_middle_of_a_listing_and_started_again(
    any_containerd: RealContainerd, source: str
) -> None:
    """Stopped, asked for a listing that it cannot give, and killed before it could."""
    await asyncio.to_thread(growing_pod, any_containerd.client, 10)
    async with followed(any_containerd, source, "SIGKILL mid-listing") as one:
        process = one.feed._process
        assert process is not None
        os.kill(any_containerd.pid, signal.SIGSTOP)
        assert process.request(frames.encode_json(Kind.REQUEST, {"op": "listing"}))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(any_containerd.kill)
        await until(lambda: one.feed.health.phase is Phase.LOST, SOON_S)
        await asyncio.to_thread(any_containerd.boot)


@hardest
async def test_stopped_for_a_while_and_continued(
    any_containerd: RealContainerd, source: str
) -> None:
    pod = await asyncio.to_thread(any_containerd.client.run_pod, "waits")
    async with followed(any_containerd, source, f"SIGSTOP for {FROZEN_S:.0f} s") as one:
        pid = any_containerd.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            end = time.monotonic() + FROZEN_S
            with pytest.raises(AskError, match=r"did not answer|nothing is connected"):
                await one.feed.ask("runtime")
            await asyncio.sleep(end - time.monotonic())
        finally:
            os.kill(pid, signal.SIGCONT)
        await until(is_live(one.feed), SOON_S)
        container = await asyncio.to_thread(any_containerd.client.run, pod, Spec("after"))
        await until(lambda: one.feed.container(container) is not None, SOON_S)


@hardest
async def test_a_socket_that_is_removed_and_another_one_that_comes(
    any_containerd: RealContainerd, source: str
) -> None:
    async with followed(any_containerd, source, "socket removed and recreated") as one:
        any_containerd.socket.unlink()
        await asyncio.sleep(1)
        assert one.feed.health.phase is Phase.LIVE, "the connection that there is goes on"
        await asyncio.to_thread(any_containerd.restart)
        pod = await asyncio.to_thread(any_containerd.client.run_pod, "later")
        await until(lambda: one.feed.sandbox(pod.id) is not None, SOON_S)


@pytest.mark.timeout(300)
@hardest
async def test_a_pod_with_many_containers(any_containerd: RealContainerd, source: str) -> None:
    async with followed(any_containerd, source, f"a pod with {MANY} containers") as one:
        truth = await asyncio.to_thread(growing_pod, any_containerd.client, MANY)
        assert not truth.failures
        ids = [life.id for life in truth.lives]
        await until(lambda: all(one.feed.container(i) for i in ids), SOON_S)
        one.take()
        assert all(one.of(i) == WHOLE[:2] for i in ids)


@pytest.mark.timeout(300)
@hardest
async def test_a_burst_as_fast_as_the_runtime_can(
    any_containerd: RealContainerd, source: str
) -> None:
    """Eight pods at once; every step of every life is told once and in order."""
    async with followed(any_containerd, source, "burst") as one:
        began = time.monotonic()
        truth = await asyncio.to_thread(
            many_pods, any_containerd.client, 8, max(LIVES // 8, 5), workers=8
        )
        seconds = time.monotonic() - began
        await everything_told(one, truth)
        steps = 4 * (len(truth.lives) + len(truth.pods))
        tell("burst: rate", containerd=any_containerd.version, per_s=round(steps / seconds, 1))
        assert one.feed.health.missed == 0


async def everything_told(one: Followed, truth: Truth) -> None:
    """Every life that was lived was told once and in order."""
    assert not truth.failures

    def told() -> bool:
        one.take()
        return all(one.of(life.id) == WHOLE for life in truth.lives)

    def wrong() -> object:
        return [one.of(life.id) for life in truth.lives if one.of(life.id) != WHOLE][:3]

    await until(told, SOON_S, wrong)
