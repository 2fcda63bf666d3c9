"""The nouns: what a node holds and what happens to it, in plain Python.

Every instance is frozen and slotted, and none is looked at by the garbage collector: a node may
have very many of them, and they hold no ring. Times are integers in nanoseconds since the epoch
(UTC), and 0 means "the runtime has not said", as in the CRI itself. Every string here has been
cleaned by `pleg_tui.cri` and is safe to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from msgspec import Struct

from pleg_tui.labels import NO_LABELS


class ContainerState(IntEnum):
    """A container's state, ranked: for one id the state only ever climbs (CRI ContainerState)."""

    UNKNOWN = 0
    CREATED = 1
    RUNNING = 2
    EXITED = 3
    REMOVED = 4


class SandboxState(IntEnum):
    """A pod sandbox's state, ranked: for one id it only ever climbs (CRI PodSandboxState)."""

    UNKNOWN = 0
    READY = 1
    NOTREADY = 2
    REMOVED = 3


class Sandbox(Struct, frozen=True, gc=False):
    """One attempt at a pod's sandbox (CRI PodSandbox and PodSandboxStatus)."""

    id: str
    uid: str
    """The pod's UID: the same for every attempt."""
    namespace: str
    name: str
    attempt: int = 0
    state: SandboxState = SandboxState.UNKNOWN
    created_at: int = 0
    ips: tuple[str, ...] = ()
    labels: Mapping[str, str] = NO_LABELS
    annotations: Mapping[str, str] = NO_LABELS
    runtime_handler: str = ""

    @property
    def reached_at(self) -> int:
        """When it reached the state it is in, ns; 0 when that is not known."""
        return self.created_at if self.state is SandboxState.READY else 0


class Container(Struct, frozen=True, gc=False):
    """One attempt at a container (CRI Container and ContainerStatus); its id never restarts."""

    id: str
    sandbox_id: str
    name: str
    attempt: int = 0
    state: ContainerState = ContainerState.UNKNOWN
    image: str = ""
    image_ref: str = ""
    created_at: int = 0
    started_at: int = 0
    finished_at: int = 0
    exit_code: int | None = None
    """None until it has exited."""
    reason: str = ""
    message: str = ""
    restarts: int = 0
    """By the kubelet's annotation io.kubernetes.container.restartCount, else the attempt."""
    pod_uid: str = ""
    pod_name: str = ""
    pod_namespace: str = ""
    labels: Mapping[str, str] = NO_LABELS
    annotations: Mapping[str, str] = NO_LABELS
    log_path: str = ""
    memory_limit: int = 0
    """Bytes; 0 where there is no limit or the runtime has not said."""

    @property
    def reached_at(self) -> int:
        """When it reached the state it is in, ns; 0 when that is not known."""
        match self.state:
            case ContainerState.CREATED:
                return self.created_at
            case ContainerState.RUNNING:
                return self.started_at
            case ContainerState.EXITED:
                return self.finished_at
            case _:
                return 0


class Pod(Struct, frozen=True, gc=False):
    """A pod as its sandboxes and containers make it up; a pod is its UID."""

    uid: str
    """The pod's UID, or the sandbox's id where the runtime gave no UID."""
    namespace: str
    name: str
    sandbox: Sandbox | None
    """The newest attempt; None while only containers of it are known."""
    sandboxes: tuple[Sandbox, ...]
    """Every attempt that still exists, newest first."""
    containers: tuple[Container, ...]
    """Every container that still exists, by name, newest attempt of a name first."""
    version: int
    """Grows with every change of this pod, so a view can tell what it has drawn."""
    changed_at: int
    """Wall time of the newest transition in this pod, ns; 0 when none was seen."""

    @property
    def current(self) -> tuple[Container, ...]:
        """The newest attempt of each container name."""
        if len(self.containers) < 2:
            return self.containers
        newest: dict[str, Container] = {}
        for container in self.containers:
            newest.setdefault(container.name, container)
        return tuple(newest.values())

    @property
    def created_at(self) -> int:
        """When the pod's oldest known part was created, ns; 0 when unknown."""
        if self.sandbox is not None:
            return self.sandbox.created_at
        return min((c.created_at for c in self.containers if c.created_at), default=0)

    @property
    def restarts(self) -> int:
        """Restarts of its containers, newest attempt of each name, summed."""
        return sum(c.restarts for c in self.current)

    @property
    def counted(self) -> tuple[Container, ...]:
        """The containers that count towards "ready", as kubectl counts them.

        The CRI does not tell init containers apart; the kubelet creates the others only after every
        init container has ended well, so one that ended with 0 before another was created is one.
        """
        current = self.current
        if ContainerState.EXITED not in [c.state for c in current]:
            return current
        newest_creation = max((c.created_at for c in current), default=0)
        return tuple(
            c
            for c in current
            if not (
                c.state is ContainerState.EXITED
                and c.exit_code == 0
                and 0 < c.finished_at <= newest_creation
                and c.created_at < newest_creation
            )
        )

    @property
    def running(self) -> int:
        """How many of the counted containers run."""
        return sum(c.state is ContainerState.RUNNING for c in self.counted)

    @property
    def ready(self) -> bool:
        """The sandbox is ready and every counted container runs (the CRI knows no probes)."""
        if self.sandbox is None or self.sandbox.state is not SandboxState.READY:
            return False
        return all(container.state is ContainerState.RUNNING for container in self.counted)


class EventType(StrEnum):
    """What happened, in the words of the output shapes."""

    SANDBOX_CREATED = "SandboxCreated"
    SANDBOX_STARTED = "SandboxStarted"
    SANDBOX_STOPPED = "SandboxStopped"
    SANDBOX_REMOVED = "SandboxRemoved"
    CONTAINER_CREATED = "ContainerCreated"
    CONTAINER_STARTED = "ContainerStarted"
    CONTAINER_DIED = "ContainerDied"
    CONTAINER_REMOVED = "ContainerRemoved"
    CONTAINER_OOM = "ContainerOOM"


class Source(StrEnum):
    """Where the live view's knowledge comes from."""

    CRI = "cri"
    CONTAINERD = "containerd"
    RELIST = "relist"


class LifecycleEvent(Struct, frozen=True, gc=False):
    """One step in the life of a sandbox or container, told once."""

    seq: int
    """Counts from 1 in one run of the program."""
    type: EventType
    source: Source
    created_at: int
    """When it happened, as the runtime said; 0 when it did not say."""
    received_at: int
    """Wall time at which our collector had it, ns."""
    container_id: str
    """The container's id; the sandbox's own id in sandbox events."""
    replayed: bool = False
    """It happened before this program's stream was open."""
    namespace: str = ""
    pod: str = ""
    pod_uid: str = ""
    container: str = ""
    exit_code: int | None = None
    reason: str = ""

    @property
    def lag_ns(self) -> int | None:
        """How long it took from happening to being received; None when unknown or replayed."""
        if not self.created_at or self.replayed:
            return None
        return self.received_at - self.created_at


class Transition(Struct, frozen=True, gc=False):
    """A climb of one id's state, however it became known."""

    id: str
    pod_uid: str
    is_sandbox: bool
    old: int
    """Rank of the state before (ContainerState or SandboxState); 0 when the id is new."""
    new: int
    at: int
    """When it happened, ns, as well as is known; 0 when it is not."""


class RuntimeInfo(Struct, frozen=True):
    """What answers on the socket (CRI Version)."""

    name: str
    version: str
    endpoint: str
    api_version: str = ""
    simulated: bool = False
