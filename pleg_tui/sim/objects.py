"""What the simulated runtime holds: sandboxes, containers, images, and the steps of their lives.

Mutable, unlike `pleg_tui.model`: this is the runtime's side. States have the CRI's own numbers.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

from msgspec import Struct, field

SIMULATED_LABEL = "pleg-tui.io/simulated"
REGISTRY = "sim.invalid/"
"""`.invalid` never resolves (RFC 2606): no image of a simulator can be pulled by mistake."""
PAUSE_IMAGE = REGISTRY + "pause:3.10"

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"
CONTAINER_HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"
TERMINATION_PATH = "io.kubernetes.container.terminationMessagePath"
TERMINATION_POLICY = "io.kubernetes.container.terminationMessagePolicy"
GRACE_PERIOD = "io.kubernetes.pod.terminationGracePeriod"


class State(IntEnum):
    """A container's state, numbered as CRI ContainerState."""

    CREATED = 0
    RUNNING = 1
    EXITED = 2


class Step(StrEnum):
    """One thing that the runtime did; each is recorded once, whoever listens."""

    SANDBOX_CREATED = "sandbox-created"
    SANDBOX_STARTED = "sandbox-started"
    SANDBOX_STOPPED = "sandbox-stopped"
    SANDBOX_REMOVED = "sandbox-removed"
    CONTAINER_CREATED = "container-created"
    CONTAINER_STARTED = "container-started"
    CONTAINER_OOM = "container-oom"
    CONTAINER_EXITED = "container-exited"
    CONTAINER_REMOVED = "container-removed"
    EXEC = "exec"
    """A probe's process ran in a container: no change of state, but tasks events."""


class Image(Struct, frozen=True):
    """An image, named under a registry that cannot exist."""

    name: str
    """Repository and tag, without the registry."""
    digest: str
    """64 hex digits."""
    size: int

    @property
    def tag(self) -> str:
        """Its full name."""
        return REGISTRY + self.name

    @property
    def id(self) -> str:
        """As the CRI names it."""
        return "sha256:" + self.digest

    @property
    def repo_digest(self) -> str:
        """Its name by digest."""
        return f"{REGISTRY}{self.name.rpartition(':')[0]}@sha256:{self.digest[::-1]}"


class MountPoint(NamedTuple):
    """A mount of a container."""

    container_path: str
    host_path: str
    readonly: bool = False


class Sandbox(Struct, eq=False):
    """A pod sandbox; times in ns since the epoch."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    created_at: int
    labels: dict[str, str]
    annotations: dict[str, str]
    ready: bool = True
    ip: str = ""
    host_network: bool = False
    handler: str = ""
    log_directory: str = ""
    pid: int = 0
    containers: dict[str, Container] = field(default_factory=dict)
    list_bytes: bytes | None = None
    """Its serialized PodSandbox, kept by `encode` until something changes."""
    status_bytes: bytes | None = None


class Container(Struct, eq=False):
    """A container; times in ns since the epoch, 0 for "not yet"."""

    id: str
    sandbox: Sandbox
    name: str
    attempt: int
    created_at: int
    labels: dict[str, str]
    annotations: dict[str, str]
    image_id: str
    image_name: str
    image_ref: str
    state: State = State.CREATED
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    log_path: str = ""
    """Absolute; empty where the client gave none."""
    memory_limit: int = 0
    cpu_millis: int = 0
    mounts: tuple[MountPoint, ...] = ()
    pid: int = 0
    list_bytes: bytes | None = None
    """Its serialized Container with field tag, kept by `encode` until something changes."""
    status_bytes: bytes | None = None


class Happening(NamedTuple):
    """A step as it is told to those who listen."""

    step: Step
    at: int
    """ns since the epoch."""
    sandbox: Sandbox
    container: Container | None = None
    exec_id: str = ""
    implied: bool = False
    """It came with something else that was asked for (a container's removal with its sandbox's)."""

    @property
    def id(self) -> str:
        """Of the container, or of the sandbox itself."""
        return self.container.id if self.container is not None else self.sandbox.id
