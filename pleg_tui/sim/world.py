"""The node's state and its time: the runtime's verbs, and a queue of what is due when.

Pure: no wall clock, no I/O, no randomness but the seeded one. `now` is virtual, in ns since the
start; whoever runs the world says how far it has come. Two worlds of one seed and scenario do the
same things in the same order at the same virtual times.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from itertools import count
from typing import TypeVar

from pleg_tui.sim.objects import (
    SIMULATED_LABEL,
    Container,
    Happening,
    MountPoint,
    Sandbox,
    State,
    Step,
)

SECOND = 1_000_000_000
Action = Callable[[], object]
T = TypeVar("T")


class WorldError(Exception):
    """A verb that cannot be done; its text is the reason."""


class NotFoundError(WorldError):
    """There is no sandbox or container of that id."""


class ConflictError(WorldError):
    """The state does not allow it, or the name is taken."""


class World:
    """Sandboxes, containers, and what happens to them."""

    def __init__(self, seed: int, base_ns: int) -> None:
        """base_ns is the wall time, ns, at which virtual time starts."""
        self.random = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        self.base_ns = base_ns
        self.now = 0
        self.sandboxes: dict[str, Sandbox] = {}
        self.containers: dict[str, Container] = {}
        self.by_uid: dict[str, list[Sandbox]] = {}
        self.listeners: list[Callable[[Happening], None]] = []
        self.wall: Callable[[], int] = self._virtual_wall
        """Stamps what happens; a running simulator puts the real clock here."""
        self.quiet = False
        """True while the past is being built: nobody is told."""
        self._due: list[tuple[int, int, Action]] = []
        self._order = count()
        self._pid = count(4321)
        self._address = count(2)

    def _virtual_wall(self) -> int:
        return self.base_ns + self.now

    # ---- time ----

    def after(self, seconds: float, action: Action) -> None:
        """Do something that many virtual seconds from now (a thousand years are for ever)."""
        due = self.now + int(min(max(0.0, seconds), 3e10) * SECOND)
        heapq.heappush(self._due, (due, next(self._order), action))

    @property
    def next_due(self) -> int | None:
        """Virtual time, ns, of the next thing to do; None when nothing is planned."""
        return self._due[0][0] if self._due else None

    def advance(self, until: int) -> bool:
        """Do the next thing if it is due by then; False when nothing was."""
        if not self._due or self._due[0][0] > until:
            return False
        due, _, action = heapq.heappop(self._due)
        self.now = max(self.now, due)
        action()
        return True

    # ---- ids ----

    def new_id(self) -> str:
        """64 hex digits, as runtimes name things."""
        return f"{self.random.getrandbits(256):064x}"

    def new_uid(self) -> str:
        """A version 4 UUID, as the API server names pods."""
        bits = self.random.getrandbits(128)
        bits = bits & ~(0xF << 76) | 4 << 76
        bits = bits & ~(0x3 << 62) | 2 << 62
        text = f"{bits:032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def new_ip(self) -> str:
        """The next address of the pod network; they come round after 65 thousand."""
        number = next(self._address) % 65_000
        return f"10.244.{number // 250}.{number % 250 + 2}"

    def find_sandbox(self, sandbox_id: str) -> Sandbox:
        """A sandbox by its id or a beginning of it that is unique, as runtimes resolve it.

        Raises:
            NotFoundError: there is none, or more than one.
        """
        return _find(self.sandboxes, sandbox_id)

    def find_container(self, container_id: str) -> Container:
        """A container, as `find_sandbox` does it."""
        return _find(self.containers, container_id)

    # ---- the runtime's verbs ----

    def run_sandbox(
        self,
        *,
        name: str,
        namespace: str,
        uid: str,
        attempt: int = 0,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        host_network: bool = False,
        handler: str = "",
        log_directory: str = "",
        at: int = 0,
    ) -> Sandbox:
        """RunPodSandbox: a sandbox that is made and ready. at: its creation, if in the past.

        Raises:
            ConflictError: that attempt of that pod exists already.
        """
        same = self.by_uid.get(uid, ())
        if any((s.attempt, s.name, s.namespace) == (attempt, name, namespace) for s in same):
            reserved = f"{name}_{namespace}_{uid}_{attempt}"
            raise ConflictError(f'failed to reserve sandbox name "{reserved}": name is reserved')
        sandbox = Sandbox(
            id=self.new_id(),
            name=name,
            namespace=namespace,
            uid=uid,
            attempt=attempt,
            created_at=at or self.wall(),
            labels={**(labels or {}), SIMULATED_LABEL: "true"},
            annotations=annotations or {},
            ip="" if host_network else self.new_ip(),
            host_network=host_network,
            handler=handler,
            log_directory=log_directory,
            pid=next(self._pid),
        )
        self.sandboxes[sandbox.id] = sandbox
        self.by_uid.setdefault(uid, []).append(sandbox)
        self._tell(Step.SANDBOX_CREATED, sandbox)
        self._tell(Step.SANDBOX_STARTED, sandbox)
        return sandbox

    def create_container(
        self,
        sandbox: Sandbox,
        *,
        name: str,
        attempt: int = 0,
        image_id: str,
        image_name: str,
        image_ref: str = "",
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        log_path: str = "",
        memory_limit: int = 0,
        cpu_millis: int = 0,
        mounts: tuple[MountPoint, ...] = (),
        at: int = 0,
    ) -> Container:
        """CreateContainer.

        Raises:
            ConflictError: the sandbox is not ready, or that attempt exists already.
        """
        if not sandbox.ready:
            raise ConflictError(f'sandbox "{sandbox.id}" is not ready')
        if any((c.name, c.attempt) == (name, attempt) for c in sandbox.containers.values()):
            reserved = f"{name}_{sandbox.name}_{sandbox.namespace}_{sandbox.uid}_{attempt}"
            raise ConflictError(f'failed to reserve container name "{reserved}": name is reserved')
        container = Container(
            id=self.new_id(),
            sandbox=sandbox,
            name=name,
            attempt=attempt,
            created_at=at or self.wall(),
            labels={**(labels or {}), SIMULATED_LABEL: "true"},
            annotations=annotations or {},
            image_id=image_id,
            image_name=image_name,
            image_ref=image_ref or image_id,
            log_path=log_path,
            memory_limit=memory_limit,
            cpu_millis=cpu_millis,
            mounts=mounts,
        )
        self.containers[container.id] = container
        sandbox.containers[container.id] = container
        self._tell(Step.CONTAINER_CREATED, sandbox, container)
        return container

    def start_container(self, container: Container, *, at: int = 0) -> None:
        """StartContainer.

        Raises:
            ConflictError: it is running or has ended: an id never starts twice.
        """
        if container.state is not State.CREATED:
            raise ConflictError(f"container is in CONTAINER_{container.state.name} state")
        container.state = State.RUNNING
        container.started_at = at or self.wall()
        container.pid = next(self._pid)
        self._tell(Step.CONTAINER_STARTED, container.sandbox, container)

    def exit_container(
        self,
        container: Container,
        code: int,
        *,
        oom: bool = False,
        message: str = "",
        at: int = 0,
    ) -> None:
        """Its process ended; nothing happens to one that does not run."""
        if container.state is not State.RUNNING:
            return
        if oom:
            self._tell(Step.CONTAINER_OOM, container.sandbox, container)
        container.state = State.EXITED
        container.finished_at = at or self.wall()
        container.exit_code = code
        container.reason = "OOMKilled" if oom else "Completed" if code == 0 else "Error"
        container.message = message
        self._tell(Step.CONTAINER_EXITED, container.sandbox, container)

    def remove_container(self, container: Container, *, implied: bool = False) -> None:
        """RemoveContainer; one that runs is killed first. implied: its sandbox is being removed."""
        if container.id not in self.containers:
            return
        self.exit_container(container, 137)
        del self.containers[container.id]
        container.sandbox.containers.pop(container.id, None)
        self._tell(Step.CONTAINER_REMOVED, container.sandbox, container, implied=implied)

    def stop_sandbox(self, sandbox: Sandbox) -> None:
        """StopPodSandbox: its containers end, then it does."""
        for container in list(sandbox.containers.values()):
            self.exit_container(container, 137)
        if sandbox.ready:
            sandbox.ready = False
            self._tell(Step.SANDBOX_STOPPED, sandbox)

    def remove_sandbox(self, sandbox: Sandbox) -> None:
        """RemovePodSandbox: it and its containers are gone."""
        if sandbox.id not in self.sandboxes:
            return
        self.stop_sandbox(sandbox)
        for container in list(sandbox.containers.values()):
            self.remove_container(container, implied=True)
        del self.sandboxes[sandbox.id]
        attempts = self.by_uid[sandbox.uid]
        attempts.remove(sandbox)
        if not attempts:
            del self.by_uid[sandbox.uid]
        self._tell(Step.SANDBOX_REMOVED, sandbox)

    def exec(self, container: Container) -> None:
        """A process runs in it and ends, as probes do; its state stays.

        Raises:
            ConflictError: it does not run.
        """
        if container.state is not State.RUNNING:
            raise ConflictError(f"container is in CONTAINER_{container.state.name} state")
        self._tell(Step.EXEC, container.sandbox, container, self.new_id())

    def _tell(
        self,
        step: Step,
        sandbox: Sandbox,
        container: Container | None = None,
        exec_id: str = "",
        *,
        implied: bool = False,
    ) -> None:
        changed = sandbox if container is None else container
        changed.list_bytes = changed.status_bytes = None
        if self.quiet:
            return
        happening = Happening(step, self.wall(), sandbox, container, exec_id, implied)
        for listener in self.listeners:
            listener(happening)


def _find(things: dict[str, T], wanted: str) -> T:
    found = things.get(wanted)
    if found is not None:
        return found
    if wanted:
        some = [thing for key, thing in things.items() if key.startswith(wanted)]
        if len(some) == 1:
            return some[0]
    raise NotFoundError(wanted)


def matches(labels: dict[str, str], selector: Iterable[tuple[str, str]]) -> bool:
    """Every key of a CRI label selector has that value."""
    return all(labels.get(key) == value for key, value in selector)
