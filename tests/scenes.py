"""A feed that plays a simulated node in virtual time: the same seed gives the same screen.

It runs the simulator's world and the real story, with nothing between them but the bytes of the
runtime's own messages, so what is shown is what the program makes of them. Screenshots and snapshot
tests use it; it says that it is simulated, as the simulator itself does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pleg_tui import frames
from pleg_tui.cri import decode
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.feed.story import Story
from pleg_tui.feed.types import AskError, Delta, Health, Notice, Phase
from pleg_tui.frames import Flag, Frame, Kind
from pleg_tui.model import Container, Pod, RuntimeInfo, Sandbox, Source
from pleg_tui.sim import encode
from pleg_tui.sim.faults import FaultPlan
from pleg_tui.sim.objects import Happening
from pleg_tui.sim.options import Options
from pleg_tui.sim.runtime import Runtime, make_logs
from pleg_tui.sim.scenarios import build
from pleg_tui.sim.world import World

START = 1_790_000_000_000_000_000
"""Wall time, ns, at which every scene begins: a quiet Monday of September 2026, UTC."""
SECOND = 1_000_000_000
_MONO = 1_000 * SECOND
_LAGS_NS = (900_000, 1_300_000, 700_000, 2_100_000, 1_100_000, 800_000, 4_600_000)
ENDPOINT = "unix:///run/containerd/containerd.sock"


class SceneFeed:
    """A `types.Feed` on a simulated node whose time is moved by hand."""

    def __init__(self, options: Options, log_dir: Path) -> None:
        self.on_dirty: Callable[[], None] | None = None
        self.world = World(options.seed, START)
        self.runtime = Runtime(options, self.world, make_logs(str(log_dir)), FaultPlan())
        build(
            self.world,
            options.scenario,
            pods=options.pods,
            churn=options.churn,
            speed=options.speed,
            log_root=str(self.runtime.logs.root),
        )
        self._story = Story()
        self._lags = itertools.cycle(_LAGS_NS)
        self._notices: list[Notice] = []
        self._tells_health = True
        self._health = Health(
            phase=Phase.LIVE,
            runtime=RuntimeInfo("containerd", self.runtime.version, ENDPOINT, "v1", simulated=True),
            source=Source.CONTAINERD,
            why="a simulated node",
        )
        self.world.listeners.append(self._hear)

    # -- time

    def now(self) -> int:
        """Wall time of the scene, ns."""
        return START + self.world.now

    def monotonic(self) -> float:
        """The scene's monotonic time, seconds."""
        return (_MONO + self.world.now) / SECOND

    def play(self, seconds: float) -> None:
        """Let so much of the scene's time pass."""
        until = self.world.now + int(seconds * SECOND)
        while self.world.advance(until):
            pass
        self.world.now = until
        self._tell()

    # -- what a screen needs of a feed

    @property
    def health(self) -> Health:
        from msgspec.structs import replace

        lag = self._story.lag_ns
        return replace(
            self._health,
            events=self._story.events,
            missed=self._story.missed,
            lag_ms=None if lag is None else lag / 1e6,
        )

    @health.setter
    def health(self, health: Health) -> None:
        self._health = health
        self._tells_health = True
        self._tell()

    @property
    def pods(self) -> Mapping[str, Pod]:
        return self._story.pods

    def container(self, container_id: str) -> Container | None:
        return self._story.state.container(container_id)

    def sandbox(self, sandbox_id: str) -> Sandbox | None:
        return self._story.state.sandbox(sandbox_id)

    def take(self) -> Delta:
        told = self._story.take()
        notices, self._notices = tuple(self._notices), []
        health, self._tells_health = self._tells_health, False
        return Delta(
            changed=frozenset(told.changed),
            removed=frozenset(told.removed),
            events=tuple(told.events),
            transitions=tuple(told.transitions),
            notices=notices,
            health=health,
        )

    async def start(self) -> None:
        """List the node, as it is before anything of the scene happens."""
        self._story.connected(Source.CRI, "containerd", self._mono())
        self._notices.append(Notice("connected", self.now(), Source.CONTAINERD))
        sandboxes = encode.listing(map(encode.sandbox_item, self.world.sandboxes.values()))
        containers = encode.listing(map(encode.container_item, self.world.containers.values()))
        payload = frames.pack_listing(self._mono(), sandboxes, containers)
        self._apply(Kind.LISTING, payload, int(Flag.CONFIRM))
        for container in self.world.containers.values():
            status = cri.ContainerStatusResponse()
            status.status.ParseFromString(self.runtime.status_of(container))
            self._apply(Kind.CONTAINER_STATUS, status.SerializeToString())
        self._tell()

    async def ask(self, op: str, object_id: str = "", *, verbose: bool = False) -> dict[str, Any]:
        """Answer as the runtime would."""
        if op == "container" and object_id in self.world.containers:
            container = self.world.containers[object_id]
            answer = cri.ContainerStatusResponse()
            answer.status.ParseFromString(self.runtime.status_of(container))
            if verbose:
                answer.info["info"] = '{"simulated": true}'
            return decode.as_json(cri.ContainerStatusResponse, answer.SerializeToString())
        if op == "sandbox" and object_id in self.world.sandboxes:
            pod = cri.PodSandboxStatusResponse()
            pod.status.ParseFromString(encode.sandbox_status(self.world.sandboxes[object_id]))
            if verbose:
                pod.info["info"] = '{"simulated": true}'
            return decode.as_json(cri.PodSandboxStatusResponse, pod.SerializeToString())
        raise AskError("it is gone: the runtime does not know it any more")

    async def stop(self) -> None:
        """Nothing to end."""

    # -- from the world to the story

    def _hear(self, happening: Happening) -> None:
        if happening.step not in encode.EVENT_TYPES:
            return
        containers = self.runtime.pod_of(happening.sandbox)
        for container in containers:
            self.runtime.status_of(container)
        self._apply(Kind.EVENT_CRI, encode.cri_event(happening, containers, status=True))

    def _apply(self, kind: Kind, payload: bytes, flags: int = 0) -> None:
        lag = next(self._lags) if kind is Kind.EVENT_CRI else 0
        self._story.apply(Frame(kind, payload, self._mono() + lag, self.now() + lag, 0, flags))

    def _mono(self) -> int:
        return _MONO + self.world.now

    def _tell(self) -> None:
        if self.on_dirty is not None:
            self.on_dirty()
