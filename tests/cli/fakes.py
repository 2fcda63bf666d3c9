"""A feed without a runtime, and a command line that is run against it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from pleg_tui.feed.types import AskError, Delta, Health, Notice, Phase, Settings
from pleg_tui.model import (
    Container,
    ContainerState,
    EventType,
    LifecycleEvent,
    Pod,
    RuntimeInfo,
    Sandbox,
    SandboxState,
    Source,
)

T0 = 1_700_000_000_000_000_000
RUNTIME = RuntimeInfo("containerd", "v2.1.9", "unix:///fake.sock", "v1")


@dataclass
class FakeFeed:
    """Plays what it is given; what it is asked is written down."""

    settings: Settings = field(default_factory=lambda: Settings("unix:///fake.sock"))
    pods: Mapping[str, Pod] = field(default_factory=dict)
    deltas: list[Delta] = field(default_factory=list)
    """Told one after the other, the first at once."""
    healths: list[Health] = field(default_factory=lambda: [live()])
    """One after the other, the last for ever."""
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    stopped: bool = False
    on_dirty: Callable[[], None] | None = None

    @property
    def health(self) -> Health:
        return self.healths[0]

    def container(self, container_id: str) -> Container | None:
        return None

    def sandbox(self, sandbox_id: str) -> Sandbox | None:
        return None

    def take(self) -> Delta:
        delta = self.deltas.pop(0) if self.deltas else Delta()
        if len(self.healths) > 1:
            self.healths.pop(0)
            delta = replace(delta, health=True)
        if self.deltas or len(self.healths) > 1:
            asyncio.get_running_loop().call_soon(self._tell)
        return delta

    async def start(self) -> None:
        asyncio.get_running_loop().call_soon(self._tell)

    def spawn(self) -> None:
        pass

    async def ask(self, op: str, object_id: str = "", *, verbose: bool = False) -> dict[str, Any]:
        self.asked.append(object_id)
        await asyncio.sleep(0)
        if object_id not in self.answers:
            raise AskError("it is gone")
        return self.answers[object_id]

    async def stop(self) -> None:
        self.stopped = True

    def _tell(self) -> None:
        if self.on_dirty is not None:
            self.on_dirty()


def live(
    source: Source = Source.CONTAINERD, *, simulated: bool = False, warning: str = ""
) -> Health:
    runtime = replace(RUNTIME, simulated=simulated)
    return Health(Phase.LIVE, runtime, source, warning=warning)


def pod(
    name: str,
    *containers: Container,
    namespace: str = "default",
    state: SandboxState = SandboxState.READY,
    created_at: int = T0,
    labels: Mapping[str, str] | None = None,
) -> Pod:
    sandbox = Sandbox(
        f"s-{name}".ljust(64, "0"),
        f"uid-{name}",
        namespace,
        name,
        state=state,
        created_at=created_at,
        ips=("10.0.0.1",),
        labels=labels or {"app": name},
    )
    return Pod(f"uid-{name}", namespace, name, sandbox, (sandbox,), containers, 1, 0)


def container(name: str, state: ContainerState = ContainerState.RUNNING, **more: Any) -> Container:
    more.setdefault("created_at", T0)
    return Container(f"c-{name}".ljust(64, "0"), "s", name, state=state, image="img:1", **more)


def event(seq: int, type_: EventType = EventType.CONTAINER_STARTED, **more: Any) -> LifecycleEvent:
    settings: dict[str, Any] = {
        "source": Source.CONTAINERD,
        "created_at": T0 + seq * 1_000_000,
        "received_at": T0 + seq * 1_000_000 + 1_500_000,
        "container_id": f"c-{seq}".ljust(64, "0"),
        "namespace": "default",
        "pod": "web",
        "pod_uid": "uid-web",
        "container": "app",
        **more,
    }
    return LifecycleEvent(seq, type_, **settings)


def events(*told: LifecycleEvent, notices: tuple[Notice, ...] = (), **more: Any) -> Delta:
    return Delta(events=told, notices=notices, **more)
