"""A feed that plays what a test tells it, a clock that stands still, and a node to look at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from pleg_tui.feed.types import AskError, Delta, Health, Notice, Phase
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
    Transition,
)
from pleg_tui.node.figures import FIGURES, Usage
from pleg_tui.node.usage import History

T0 = 1_700_000_000_000_000_000
S = 1_000_000_000
ENDPOINT = "unix:///run/containerd/containerd.sock"
RUNTIME = RuntimeInfo("containerd", "v2.1.9", ENDPOINT, "v1")
LIVE = Health(phase=Phase.LIVE, runtime=RUNTIME, source=Source.CONTAINERD, events=12, lag_ms=3.0)


@dataclass
class Clock:
    """Wall and monotonic time, moved by hand."""

    wall: int = T0
    mono: float = 1000.0

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def advance(self, seconds: float) -> None:
        self.wall += int(seconds * S)
        self.mono += seconds


def container(name: str, **more: Any) -> Container:
    """A container that has run for an hour, unless told otherwise."""
    plain = {
        "id": f"{name:-<12}".encode().hex()[:24] + "0" * 40,
        "sandbox_id": "5" * 64,
        "name": name,
        "state": ContainerState.RUNNING,
        "image": f"registry.example/{name}:1.0",
        "created_at": T0 - 3601 * S,
        "started_at": T0 - 3600 * S,
    }
    return Container(**{**plain, **more})


def exited(name: str, code: int | None, ago: float = 5, **more: Any) -> Container:
    """A container that has ended so many seconds ago."""
    return container(
        name,
        state=ContainerState.EXITED,
        exit_code=code,
        finished_at=T0 - int(ago * S),
        **more,
    )


def pod(
    name: str,
    *containers: Container,
    namespace: str = "default",
    state: SandboxState = SandboxState.READY,
    age: float = 3602,
    version: int = 1,
    labels: Mapping[str, str] | None = None,
    **more: Any,
) -> Pod:
    """A pod with its sandbox; its UID is its name."""
    uid = more.pop("uid", name)
    sandbox = Sandbox(
        id=f"sandbox-of-{uid}",
        uid=uid,
        namespace=namespace,
        name=name,
        state=state,
        created_at=T0 - int(age * S),
        ips=("10.0.0.7",),
        labels=labels or {},
    )
    given = {"sandbox": sandbox, "sandboxes": (sandbox,), "changed_at": T0 - int(age * S), **more}
    return Pod(
        uid=uid,
        namespace=namespace,
        name=name,
        containers=tuple(replace(c, pod_uid=uid) for c in containers),
        version=version,
        **given,
    )


def event(
    seq: int,
    type_: EventType = EventType.CONTAINER_STARTED,
    pod: str = "web",
    **more: Any,
) -> LifecycleEvent:
    """An event of a container of a pod, three milliseconds old when it came."""
    at = more.pop("at", T0)
    plain = {
        "source": Source.CONTAINERD,
        "created_at": at,
        "received_at": at + 3_000_000,
        "container_id": "c" * 64,
        "namespace": "default",
        "pod": pod,
        "pod_uid": pod,
        "container": "app",
    }
    return LifecycleEvent(seq=seq, type=type_, **{**plain, **more})


@dataclass
class FakeFeed:
    """A `feed.types.Feed` without a runtime."""

    health: Health = LIVE
    pods: dict[str, Pod] = field(default_factory=dict)
    answers: dict[str, dict[str, Any] | str] = field(default_factory=dict)
    """By id; a text is the error that the look-up fails with."""
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    on_dirty: Callable[[], None] | None = None
    started: bool = False
    stopped: bool = False
    takes: int = 0
    _delta: Delta = field(default_factory=Delta)

    def container(self, container_id: str) -> Container | None:
        return None

    def sandbox(self, sandbox_id: str) -> Sandbox | None:
        return None

    async def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.stopped = True

    def take(self) -> Delta:
        self.takes += 1
        delta, self._delta = self._delta, Delta()
        return delta

    async def ask(self, op: str, object_id: str = "", *, verbose: bool = False) -> dict[str, Any]:
        self.asked.append((op, object_id, verbose))
        answer = self.answers.get(object_id, {})
        if isinstance(answer, str):
            raise AskError(answer)
        return answer

    # -- what a test does

    def put(self, *pods: Pod) -> None:
        """These pods are new or different."""
        self.pods.update({pod.uid: pod for pod in pods})
        self.tell(changed=frozenset(pod.uid for pod in pods))

    def drop(self, *uids: str) -> None:
        """These pods are gone."""
        for uid in uids:
            del self.pods[uid]
        self.tell(removed=frozenset(uids))

    def happen(self, *events: LifecycleEvent | Notice) -> None:
        """These events and notices came."""
        self.tell(
            events=tuple(e for e in events if isinstance(e, LifecycleEvent)),
            notices=tuple(e for e in events if isinstance(e, Notice)),
            transitions=tuple(
                Transition(e.container_id, e.pod_uid, False, 1, 2, e.created_at)
                for e in events
                if isinstance(e, LifecycleEvent)
            ),
        )

    def turn(self, **health: Any) -> None:
        """The stream stands otherwise now."""
        self.health = replace(self.health, **health)
        self.tell(health=True)

    def tell(self, **more: Any) -> None:
        """Add to what there is to take."""
        before = self._delta
        self._delta = Delta(
            changed=before.changed | more.get("changed", frozenset()),
            removed=before.removed | more.get("removed", frozenset()),
            events=before.events + more.get("events", ()),
            transitions=before.transitions + more.get("transitions", ()),
            notices=before.notices + more.get("notices", ()),
            health=before.health or more.get("health", False),
            more=more.get("more", False),
        )
        if self.on_dirty is not None and not bool(before):
            self.on_dirty()


def a_node() -> list[Pod]:
    """A small node with something of everything."""
    old = exited("sidecar", 1, ago=45, id="a" * 64, started_at=T0 - 60 * S)
    return [
        pod("coredns-5d78c9869d-abcde", container("coredns"), namespace="kube-system"),
        pod("web-7d9f8b6c5-x2x4z", container("nginx"), container("logger"),
            labels={"app": "web"}),
        pod("api-6c9b7d-qqq11", container("api"),
            exited("worker", 137, ago=12, reason="OOMKilled", restarts=1,
                   started_at=T0 - 100 * S)),
        pod("looper-0", exited("main", 1, ago=3, restarts=4, attempt=4, started_at=T0 - 5 * S)),
        pod("patched-1", container("sidecar", restarts=1, attempt=1, id="b" * 64,
                                   created_at=T0 - 44 * S, started_at=T0 - 43 * S), old),
        pod("job-28391-k2j1l", exited("job", 0, ago=90), namespace="batch",
            state=SandboxState.NOTREADY),
        pod("fresh-9", container("app", state=ContainerState.CREATED, created_at=T0 - 1 * S,
                                 started_at=0), age=2),
    ]  # fmt: skip


@dataclass
class FakeSampler:
    """A `node.usage.UsageSampler` that reads what a test says; all else is unknown."""

    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of node.figures.Usage, by container id or pod key."""
    why: str = "no control groups are mounted at /sys/fs/cgroup"
    rounds: list[tuple[set[str], set[str]]] = field(default_factory=list)
    """The ids of containers and the keys of pods that were read each time."""
    forgotten: set[str] = field(default_factory=set)
    read_at: dict[str, int] = field(default_factory=dict)
    threads: set[str] = field(default_factory=set)
    brief: list[bool] = field(default_factory=list)
    """For each time, whether only what lists show was wanted."""
    _histories: dict[str, History] = field(default_factory=dict)

    def sample(self, ids: Collection[str], now: int, *, brief: bool = False) -> dict[str, Usage]:
        self.brief.append(brief)
        self.threads.add(threading.current_thread().name)
        self.rounds.append((set(ids), set()))
        return {identity: self._read(identity, now) for identity in ids}

    def sample_pods(
        self, pods: Mapping[str, Sequence[str]], now: int, *, brief: bool = False
    ) -> dict[str, Usage]:
        assert brief == self.brief[-1]
        self.rounds[-1][1].update(pods)
        return {uid: self._read(uid, now) for uid in pods}

    def holds(self, uid: str, _containers: Sequence[str]) -> bool:
        return uid in self.figures

    def history(self, identity: str) -> History:
        return self._histories.get(identity, History())

    def forget(self, ids: Collection[str]) -> None:
        self.forgotten |= set(ids)

    def _read(self, identity: str, now: int) -> Usage:
        figures = self.figures.get(identity)
        reasons = dict.fromkeys(FIGURES, self.why)
        usage = Usage(identity, now, reasons=reasons, **(figures or {}))
        self.read_at[identity] = now
        self._histories.setdefault(identity, History()).add(usage)
        return usage
