"""What the kubelet's Evented PLEG makes of a CRI event (pkg/kubelet/pleg/evented.go, 1.26 to 1.36).

For emulation in Compare only. From 1.37 on the kubelet only asks for a relist of the pod when a
container stopped, and none of this holds.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, IntEnum
from typing import TypeVar

from msgspec import Struct

from pleg_tui.pleg.cache import Cache
from pleg_tui.pleg.relist import PodLifecycleEvent, PodLifecycleType

StatusT = TypeVar("StatusT")


class CriEventType(IntEnum):
    """What a CRI event tells (CRI ContainerEventType)."""

    CREATED = 0
    STARTED = 1
    STOPPED = 2
    DELETED = 3


class CacheAction(Enum):
    """What an event does to the pod's cached status."""

    NONE = "none"
    SET = "set"
    DELETE = "delete"


class Outcome(Struct, frozen=True):
    """One line of the mapping."""

    action: CacheAction
    types: tuple[PodLifecycleType, ...]
    """What is sent on; after SET only if the cache accepted the status."""


_TYPES: dict[CriEventType, tuple[PodLifecycleType, ...]] = {
    CriEventType.CREATED: (),
    CriEventType.STARTED: (PodLifecycleType.CONTAINER_STARTED,),
    CriEventType.STOPPED: (PodLifecycleType.CONTAINER_DIED,),
    CriEventType.DELETED: (
        PodLifecycleType.CONTAINER_DIED,
        PodLifecycleType.CONTAINER_REMOVED,
    ),
}


def outcome(kind: CriEventType, *, of_sandbox: bool) -> Outcome:
    """The mapping (kubelet: EventedPLEG.processCRIEvents and processCRIEvent).

    A removed container stays in the cached status until the next event or relist of its pod; a
    removed sandbox takes the whole pod out of the cache.
    """
    if kind is not CriEventType.DELETED:
        action = CacheAction.SET
    else:
        action = CacheAction.DELETE if of_sandbox else CacheAction.NONE
    return Outcome(action, _TYPES[kind])


def process(
    cache: Cache[StatusT],
    kind: CriEventType,
    container_id: str,
    *,
    pod_uid: str | None,
    sandbox_ids: Collection[str],
    status: StatusT,
    created_at: int,
) -> tuple[PodLifecycleEvent, ...]:
    """Take one event in, as the kubelet does (kubelet: EventedPLEG.processCRIEvents).

    Args:
        cache: the kubelet's cache, which this changes.
        kind: the event's type.
        container_id: the event's id, a container's or a sandbox's.
        pod_uid: from the event's pod_sandbox_status; None when the event carries none, and then
            the kubelet logs an error and drops the event.
        sandbox_ids: of the sandboxes in the event's snapshot.
        status: what the snapshot makes of the pod.
        created_at: the event's own time, ns.

    Returns:
        What is sent to the sync loop.
    """
    if pod_uid is None:
        return ()
    todo = outcome(kind, of_sandbox=container_id in sandbox_ids)
    if todo.action is CacheAction.DELETE:
        cache.delete(pod_uid)
    elif todo.action is CacheAction.SET and not cache.set(pod_uid, status, created_at):
        return ()
    return tuple(PodLifecycleEvent(pod_uid, kind_sent, container_id) for kind_sent in todo.types)
