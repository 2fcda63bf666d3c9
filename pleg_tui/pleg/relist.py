"""The kubelet's generic relist as pure functions (pkg/kubelet/pleg/generic.go).

The kubelet lists every pod, compares each container's state with the one of the last relist and
tells its sync loop what changed. Sandboxes take part as containers. For emulation in Compare only:
the live view has its own state (`pleg_tui.pleg.live`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from pleg_tui.model import Container, ContainerState, Sandbox, SandboxState


class PlegState(StrEnum):
    """A container's state as the relist compares it (kubelet: plegContainerState)."""

    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"
    NON_EXISTENT = "non-existent"


class PodLifecycleType(StrEnum):
    """What a PLEG tells the kubelet's sync loop (kubelet: PodLifeCycleEventType)."""

    CONTAINER_STARTED = "ContainerStarted"
    CONTAINER_DIED = "ContainerDied"
    CONTAINER_REMOVED = "ContainerRemoved"
    CONTAINER_CHANGED = "ContainerChanged"


class PodLifecycleEvent(Struct, frozen=True):
    """One event for the kubelet's sync loop (kubelet: PodLifecycleEvent)."""

    pod_uid: str
    type: PodLifecycleType
    container_id: str
    """The container's id, or the sandbox's."""


_CONTAINER_STATES = {
    ContainerState.RUNNING: PlegState.RUNNING,
    ContainerState.EXITED: PlegState.EXITED,
    ContainerState.REMOVED: PlegState.NON_EXISTENT,
}
_SANDBOX_STATES = {
    SandboxState.READY: PlegState.RUNNING,
    SandboxState.NOTREADY: PlegState.EXITED,
    SandboxState.REMOVED: PlegState.NON_EXISTENT,
}

PodRecords = Mapping[str, Mapping[str, PlegState]]
"""Pod UID to container or sandbox id to state (kubelet: podRecords, one side of it)."""


class Relisted(NamedTuple):
    """What one relist came to."""

    records: PodRecords
    """The old records of the next relist."""
    inspect: tuple[str, ...]
    """Pods whose status the kubelet asks for, one after the other (updateCache)."""
    events: tuple[PodLifecycleEvent, ...]
    """What it sends on."""


def convert_state(item: Sandbox | Container) -> PlegState:
    """The state that the relist sees (kubelet: convertState, SandboxToContainerState).

    The kubelet knows no "created": it is unknown, and so no change that anybody is told.
    """
    if isinstance(item, Sandbox):
        return _SANDBOX_STATES.get(item.state, PlegState.UNKNOWN)
    return _CONTAINER_STATES.get(item.state, PlegState.UNKNOWN)


def pod_records(sandboxes: Iterable[Sandbox], containers: Iterable[Container]) -> PodRecords:
    """What is listed now, by pod UID (kubelet: kubeGenericRuntimeManager.GetPods).

    A container whose sandbox is not listed still makes up a pod, by the UID in its labels.
    """
    pods: dict[str, dict[str, PlegState]] = {}
    for sandbox in sandboxes:
        pods.setdefault(sandbox.uid, {})[sandbox.id] = convert_state(sandbox)
    for container in containers:
        pods.setdefault(container.pod_uid, {})[container.id] = convert_state(container)
    return pods


def generate_events(
    pod_uid: str, container_id: str, old: PlegState, new: PlegState
) -> tuple[PodLifecycleEvent, ...]:
    """The events of one container's change of state (kubelet: generateEvents)."""
    if old is new:
        return ()
    types: tuple[PodLifecycleType, ...]
    match new:
        case PlegState.RUNNING:
            types = (PodLifecycleType.CONTAINER_STARTED,)
        case PlegState.EXITED:
            types = (PodLifecycleType.CONTAINER_DIED,)
        case PlegState.UNKNOWN:
            types = (PodLifecycleType.CONTAINER_CHANGED,)
        case PlegState.NON_EXISTENT if old is PlegState.EXITED:
            types = (PodLifecycleType.CONTAINER_REMOVED,)
        case PlegState.NON_EXISTENT:
            types = (PodLifecycleType.CONTAINER_DIED, PodLifecycleType.CONTAINER_REMOVED)
    return tuple(PodLifecycleEvent(pod_uid, kind, container_id) for kind in types)


def compute_events(old: PodRecords, current: PodRecords) -> dict[str, list[PodLifecycleEvent]]:
    """The changes of every pod that has some (kubelet: computeEvents and its loop in Relist).

    The kubelet goes through its maps in random order; here pods and containers are sorted.
    """
    changes: dict[str, list[PodLifecycleEvent]] = {}
    for uid in sorted(old.keys() | current.keys()):
        before, now = old.get(uid, {}), current.get(uid, {})
        if before == now:
            continue
        changes[uid] = [
            event
            for container_id in sorted(before.keys() | now.keys())
            for event in generate_events(
                uid,
                container_id,
                before.get(container_id, PlegState.NON_EXISTENT),
                now.get(container_id, PlegState.NON_EXISTENT),
            )
        ]
    return changes


def relist(old: PodRecords, current: PodRecords, *, failed: Collection[str] = ()) -> Relisted:
    """One relist: what to inspect, what to send, what to remember (kubelet: GenericPLEG.Relist).

    Args:
        old: the records that the last relist left.
        current: what is listed now.
        failed: pods whose status could not be had, or whose status the cache rejected (gate on):
            nothing of them is sent or remembered now, so the next relist finds the change again.
    """
    changes = compute_events(old, current)
    records = {uid: pod for uid, pod in current.items() if uid not in failed or uid not in changes}
    records |= {uid: old[uid] for uid in failed if uid in changes and uid in old}
    return Relisted(
        records,
        tuple(changes),
        tuple(
            event
            for uid, events in changes.items()
            if uid not in failed
            for event in events
            if event.type is not PodLifecycleType.CONTAINER_CHANGED
        ),
    )
