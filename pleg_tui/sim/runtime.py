"""The runtime behind the calls: the world, and everybody who must hear what happens in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from pathlib import Path
from typing import NamedTuple

from pleg_tui.sim import encode
from pleg_tui.sim.events import Hub, NativeHub, make_hub
from pleg_tui.sim.faults import FaultPlan
from pleg_tui.sim.flavours import FLAVOURS, CriEvents, Flavour, runtime_version
from pleg_tui.sim.logs import Logs
from pleg_tui.sim.native import envelopes
from pleg_tui.sim.objects import Container, Happening, Sandbox, Step
from pleg_tui.sim.options import Options
from pleg_tui.sim.world import World

RECORDED = 50_000
"""Steps that the record keeps, the newest."""


class Recorded(NamedTuple):
    """One step as it was done, whatever the event streams made of it."""

    at: int
    """Wall time, ns."""
    id: str
    step: str


class Runtime:
    """One simulated runtime without its server."""

    def __init__(self, options: Options, world: World, logs: Logs, faults: FaultPlan) -> None:
        self.flavour: Flavour = FLAVOURS[options.flavour]
        self.version = runtime_version(self.flavour, options.version)
        self.options = options
        self.world = world
        self.logs = logs
        self.faults = faults
        self.hub: Hub = make_hub(self.flavour.cri_events)
        self.native = NativeHub()
        self.record: deque[Recorded] = deque(maxlen=RECORDED)
        self.steps = 0
        """How many steps were done, all told."""
        self._readable = self.flavour.cri_events not in (CriEvents.EOF, CriEvents.UNIMPLEMENTED)
        self._posted: list[bytes] = []
        world.listeners.append(self._hear)

    def renew(self) -> None:
        """Forget every reader and queue, as a restart of the process does; pods live on."""
        self.hub.close()
        self.hub = make_hub(self.flavour.cri_events)
        self.native = NativeHub()
        self._posted.clear()

    def flush(self) -> Awaitable[None] | None:
        """Send on what happened since the last call; what is returned holds the cause up.

        Call it right after a verb, with nothing awaited between.
        """
        if not self._posted:
            return None
        events, self._posted = self._posted, []
        return self.hub.post(events)

    def status_of(self, container: Container) -> bytes:
        """Its serialized ContainerStatus; the log that it names exists."""
        self.logs.ensure(container)
        return encode.container_status(container)

    def pod_of(self, sandbox: Sandbox) -> list[Container]:
        """The containers whose statuses go with a sandbox's.

        containerd takes those of the sandbox, CRI-O those of the pod.
        """
        if self.flavour.is_containerd:
            return list(sandbox.containers.values())
        attempts = self.world.by_uid.get(sandbox.uid, ())
        return [c for attempt in attempts for c in attempt.containers.values()]

    def _hear(self, happening: Happening) -> None:
        self.steps += 1
        self.record.append(Recorded(happening.at, happening.id, happening.step.value))
        self._log(happening)
        if self.faults.drop is not None and self.faults.drop(happening):
            return
        if self.flavour.native_events and self.native.subscribers:
            for event in envelopes(happening):
                self.native.post(event)
        if self._readable and happening.step in encode.EVENT_TYPES and self._tells(happening):
            containers = self.pod_of(happening.sandbox)
            for container in containers:
                if container.status_bytes is None:
                    self.logs.ensure(container)
            status = (
                self.flavour.sandbox_deleted_status or happening.step is not Step.SANDBOX_REMOVED
            )
            self._posted.append(encode.cri_event(happening, containers, status=status))

    def _tells(self, happening: Happening) -> bool:
        flavour = self.flavour
        if happening.step is Step.SANDBOX_CREATED:
            return flavour.sandbox_created_event
        if happening.step is Step.SANDBOX_REMOVED:
            return flavour.sandbox_deleted_event
        return flavour.deleted_with_sandbox or not happening.implied

    def _log(self, happening: Happening) -> None:
        container = happening.container
        if container is None:
            if happening.step is Step.SANDBOX_REMOVED:
                self.logs.sandbox_removed(happening.sandbox)
        elif happening.step is Step.CONTAINER_STARTED:
            self.logs.ensure(container)
        elif happening.step is Step.CONTAINER_EXITED:
            self.logs.exited(container, happening.at)
        elif happening.step is Step.CONTAINER_REMOVED:
            self.logs.removed(container)


def make_logs(folder: str) -> Logs:
    """Logs under a folder, in the kubelet's layout below `pods/`."""
    return Logs(Path(folder) / "pods")
