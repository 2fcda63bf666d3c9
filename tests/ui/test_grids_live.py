"""Every state of the Live screen as text, at three sizes: `grids/live/NAME-WIDTHxHEIGHT.txt`.

`--update-grids` writes them anew; then the diff is to be read. The main states have a second twin,
`NAME-WIDTHxHEIGHT.looks.txt`, that says how they are painted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import Struct, field
from msgspec.structs import replace
from textual.widgets import Input

from pleg_tui.feed.types import Health, Notice, Phase
from pleg_tui.model import EventType, Pod, Source
from tests.ui.conftest import GRIDS, Opener, Stage
from tests.ui.fakes import (
    LIVE,
    RUNTIME,
    T0,
    FakeFeed,
    FakeSampler,
    S,
    a_node,
    container,
    event,
    exited,
    pod,
)
from tests.ui.looks import keep
from tests.ui.test_timeline import looper, other

SIZES = [(80, 24), (120, 40), (200, 50)]
MS = 1_000_000
MIB = 1 << 20
DIED, CREATED, STARTED = (
    EventType.CONTAINER_DIED, EventType.CONTAINER_CREATED, EventType.CONTAINER_STARTED,
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _folder() -> None:
    (GRIDS / "live").mkdir(parents=True, exist_ok=True)


class State(Struct):
    """What the screen is to show, and what is done to get there."""

    act: Callable[[Stage], Awaitable[None]]
    pods: Callable[[], list[Pod]] = a_node
    health: Health = LIVE
    options: dict[str, Any] = field(default_factory=dict)


async def nothing(stage: Stage) -> None:
    """As it opens."""


def keys(*pressed: str) -> Callable[[Stage], Awaitable[None]]:
    """Press these."""

    async def act(stage: Stage) -> None:
        await stage.press(*pressed)

    return act


async def filtering(stage: Stage) -> None:
    await stage.press("slash")
    stage.app.screen.query_one(Input).value = "ns:default !web"
    await stage.settle()


async def nothing_matches(stage: Stage) -> None:
    await stage.press("slash")
    stage.app.screen.query_one(Input).value = "payments"
    await stage.press("enter")


async def events(stage: Stage) -> None:
    """A stream that broke and came back, a relist's verdicts, something of every kind."""
    stage.feed.happen(
        Notice("connected", T0 - 300 * S, Source.CONTAINERD),
        event(1, CREATED, at=T0 - 301 * S, replayed=True),
        event(2, STARTED, at=T0 - 290 * S),
        event(3, EventType.SANDBOX_CREATED, container="", at=T0 - 200 * S),
        Notice("lost", T0 - 100 * S, Source.CONTAINERD, error="the socket was closed"),
        Notice("resynced", T0 - 95 * S, Source.CONTAINERD, lost=3, missed=2),
    )
    await stage.settle()
    stage.feed.happen(
        event(4, EventType.CONTAINER_OOM, "api-6c9b7d-qqq11", container="worker",
              container_id="4" * 64, at=T0 + 70 * MS),
        event(5, DIED, "api-6c9b7d-qqq11", container="worker", exit_code=137, reason="OOMKilled",
              container_id="4" * 64, at=T0 + 80 * MS),
        event(6, CREATED, "short-k2j1l", namespace="batch", container="brief",
              container_id="6" * 64, at=T0 + 1100 * MS),
        event(7, STARTED, "short-k2j1l", namespace="batch", container="brief",
              container_id="6" * 64, at=T0 + 1200 * MS),
        event(8, DIED, "short-k2j1l", namespace="batch", container="brief", exit_code=0,
              container_id="6" * 64, at=T0 + 1300 * MS),
        event(9, DIED, "looper-0", container="main", exit_code=1, container_id="7" * 64,
              at=T0 + 1580 * MS, received_at=T0 + 3380 * MS),
    )  # fmt: skip
    await stage.wait(5)


async def many_events(stage: Stage) -> None:
    """A reader has scrolled back; more has come since."""
    stage.feed.happen(*(event(n, pod=f"p{n:03}", at=T0 - (80 - n) * S) for n in range(60)))
    await stage.settle()
    await stage.press("tab", "tab") if stage.app.live.timeline.display else await stage.press("tab")
    await stage.press("k", "k", "pageup")
    stage.feed.happen(*(event(n, pod=f"p{n:03}", at=T0 - (80 - n) * S) for n in range(60, 73)))
    await stage.settle()


async def own_filter(stage: Stage) -> None:
    """The events have a filter of their own."""
    await events(stage)
    stage.app.live.events.focus()
    await stage.press("slash")
    stage.app.screen.query_one(Input).value = "worker"
    await stage.press("enter")


async def timeline(stage: Stage) -> None:
    """Among the strips, at the change before the last three."""
    if not stage.app.live.timeline.display:
        await stage.press("t")
    await stage.press("tab", "left", "left", "left")


async def zoomed(stage: Stage) -> None:
    await timeline(stage)
    await stage.press("plus", "plus")


async def paused(stage: Stage) -> None:
    await stage.press("space")
    stage.feed.put(pod("new-one", container("app"), age=1))
    stage.feed.happen(event(1), event(2), event(3))
    await stage.settle()


async def waiting(stage: Stage) -> None:
    stage.feed.turn(
        phase=Phase.CONNECTING,
        error="nothing listens on the socket: is containerd running?",
        retry_at=stage.clock.mono + 3,
    )
    await stage.wait(1)


async def lost(stage: Stage) -> None:
    """Stale: the list stays as it was last known."""
    stage.feed.turn(
        phase=Phase.LOST,
        error="containerd closed the connection: is it restarting?",
        retry_at=stage.clock.mono + 5,
    )
    await stage.wait(1)


async def reconnecting(stage: Stage) -> None:
    """The time to try again has come."""
    await lost(stage)
    await stage.wait(5)


async def stopped(stage: Stage) -> None:
    stage.feed.turn(phase=Phase.STOPPED, error="the collector cannot be started", retry_at=None)
    await stage.wait(1)


async def warned(stage: Stage) -> None:
    stage.feed.turn(
        lost=17,
        missed=4,
        unreadable=2,
        restarts=1,
        warning="CRI events were forced (--source cri): they may harm this node",
    )
    await stage.wait(1)  # fmt: skip


async def gone(stage: Stage) -> None:
    """A pod has just gone; another has just changed."""
    stage.feed.drop("web-7d9f8b6c5-x2x4z")
    stage.feed.put(pod("coredns-5d78c9869d-abcde", exited("coredns", 2, ago=0),
                       namespace="kube-system", version=2))  # fmt: skip
    await stage.settle()


async def measured(stage: Stage) -> None:
    """The figures have been read."""
    for _ in range(6):
        await stage.wait(1)
        for _ in range(200):
            if "web" in stage.app.usages.samples:
                break
            await stage.pilot.pause(0.01)
    await stage.settle()


async def by_memory(stage: Stage) -> None:
    await measured(stage)
    await stage.press("M")


async def usage_unknown(stage: Stage) -> None:
    """Sorted by what cannot be read: the reason is said."""
    for _ in range(4):
        await stage.wait(1)
    await stage.press("P")


def used(cores: float, memory: int, limit: int = 0, **more: Any) -> dict[str, Any]:
    plain = {"cores": cores, "cpu_ns": 1, "working_set": memory * MIB, "interval_ns": 2 * S,
             "memory_limit": limit * MIB}  # fmt: skip
    return {**plain, **more}


def sampler() -> FakeSampler:
    return FakeSampler({
        "web": used(1.5, 610), "a" * 64: used(1.25, 512, 1024), "b" * 64: used(0.25, 98),
        "api": used(0.31, 70), "c" * 64: used(0.31, 62, 64, oom_kills=2, throttled_share=0.4),
        "idle": used(0.0, 1),
    })  # fmt: skip


def measured_pods() -> list[Pod]:
    return [
        pod("web", container("web", id="a" * 64), container("log", id="b" * 64)),
        pod("api", container("api", id="c" * 64), exited("job", 0, id="e" * 64)),
        pod("idle", container("idle", id="f" * 64)),
    ]


def crowd() -> list[Pod]:
    """More pods than any screen holds."""
    return [
        pod(
            f"web-{n:03}",
            container("app", id=f"a{n:063}", sandbox_id=f"sandbox-of-web-{n:03}"),
            container("log", id=f"b{n:063}", sandbox_id=f"sandbox-of-web-{n:03}"),
        )
        for n in range(40)
    ]


def strange() -> list[Pod]:
    """Long, wide and empty names."""
    return [
        pod("a-very-long-name-of-a-deployment-nobody-should-have-chosen-7d9f8b6c5-x2x4z",
            container("a-container-with-a-long-name-as-well", image="r.example/" + "x" * 90 + ":1"),
            namespace="a-namespace-that-is-long-too"),
        pod("日本語のポッド", container("容器"), namespace="名前空間"),
        pod("", container("nameless"), namespace="", uid="u-1"),
        pod("no-containers"),
        pod("many-restarts", exited("app", 255, restarts=12345, ago=86400 * 400)),
    ]  # fmt: skip


SIMULATED = replace(LIVE, runtime=replace(RUNTIME, simulated=True))
STATES: dict[str, State] = {
    "list-moved": State(keys("j", "j", "j", "j")),
    "list-crowd": State(keys("G"), crowd),
    "list-strange": State(nothing, strange),
    "list-folded": State(keys("z", "j", "j", "right")),
    "list-unhealthy": State(keys("exclamation_mark")),
    "list-none-unhealthy": State(keys("exclamation_mark"), lambda: [pod("web", container("app"))]),
    "list-running": State(keys("a")),
    "list-filtering": State(filtering),
    "list-nothing-matches": State(nothing_matches),
    "list-by-restarts": State(keys("s", "4", "r")),
    "list-gone": State(gone),
    "list-simulated": State(nothing, health=SIMULATED),
    "sort-menu": State(keys("s")),
    "usage": State(measured, measured_pods, options={"sampler": sampler}),
    "usage-by-memory": State(by_memory, measured_pods, options={"sampler": sampler}),
    "usage-unknown": State(usage_unknown),
    "timeline": State(timeline, lambda: [looper(), other()]),
    "timeline-zoomed": State(zoomed, lambda: [looper(), other()]),
    "events": State(events),
    "events-many": State(many_events),
    "events-filtered": State(own_filter),
    "paused": State(paused),
    "starting": State(nothing, list, Health()),
    "waiting": State(waiting, list, Health()),
    "empty": State(nothing, list),
    "lost": State(lost),
    "reconnecting": State(reconnecting),
    "stopped": State(stopped),
    "warned": State(warned),
    "ascii": State(events, options={"ascii": True}),
}
LOOKS = ("list-unhealthy", "list-gone", "usage", "timeline", "events", "lost", "paused")
"""The states whose colours are kept as well, at the middle size."""


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", STATES)
async def test_a_state_of_the_live_screen(
    opened: Opener,
    same_grid: Callable[[Stage, str], None],
    request: pytest.FixtureRequest,
    name: str,
    size: tuple[int, int],
) -> None:
    state = STATES[name]
    options = dict(state.options)
    if "sampler" in options:
        options["sampler"] = options["sampler"]()
    feed = FakeFeed(health=state.health)
    async with opened(*state.pods(), feed=feed, size=size, timeline=True, **options) as stage:
        await state.act(stage)
        whole = f"live/{name}-{size[0]}x{size[1]}"
        same_grid(stage, whole)
        if name in LOOKS and size == SIZES[1]:
            keep(stage, whole, update=request.config.getoption("--update-grids"))


@pytest.mark.parametrize("size", [(59, 24), (80, 14), (20, 3)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_too_small_a_terminal(
    opened: Opener, same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    async with opened(*a_node(), size=size, timeline=True) as stage:
        same_grid(stage, f"live/too-small-{size[0]}x{size[1]}")


async def test_the_keys_are_the_lists_again_once_the_terminal_is_large_enough(
    opened: Opener,
) -> None:
    async with opened(*a_node(), size=(80, 24)) as stage:
        for columns, lines in ((50, 10), (80, 24)):
            await stage.pilot.resize_terminal(columns, lines)
            await stage.settle()
        assert "Pods" in stage.text()
        before = stage.app.live.pods.cursor
        await stage.press("j")
        assert stage.app.live.pods.cursor == before + 1


async def test_the_smallest_terminal_that_will_do(
    opened: Opener, same_grid: Callable[[Stage, str], None]
) -> None:
    async with opened(*a_node(), size=(60, 15), timeline=True) as stage:
        same_grid(stage, "live/smallest-60x15")


@pytest.mark.parametrize("theme", ["pleg-dark", "pleg-light", "ansi-dark", "ansi-light", "none"])
async def test_how_a_node_is_painted(
    opened: Opener, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    if theme == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    more = {} if theme == "none" else {"theme": theme}
    async with opened(*a_node(), size=(80, 24), timeline=True, **more) as stage:
        await events(stage)
        await stage.press("j", "j", "j", "j")
        name = "no-color" if theme == "none" else theme
        keep(stage, f"live/node-{name}", update=request.config.getoption("--update-grids"))
