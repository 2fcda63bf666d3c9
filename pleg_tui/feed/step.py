"""One step in the life of an id, as a runtime's event or a relist told it."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from pleg_tui.cri import decode
from pleg_tui.frames import Frame
from pleg_tui.model import ContainerState, EventType, SandboxState, Source, Transition

_REMEMBERED = 20_000
"""Steps remembered to drop the doubles of overlapping streams."""

SANDBOX_EVENTS = {
    SandboxState.UNKNOWN: EventType.SANDBOX_CREATED,
    SandboxState.READY: EventType.SANDBOX_STARTED,
    SandboxState.NOTREADY: EventType.SANDBOX_STOPPED,
    SandboxState.REMOVED: EventType.SANDBOX_REMOVED,
}
CONTAINER_EVENTS = {
    ContainerState.CREATED: EventType.CONTAINER_CREATED,
    ContainerState.RUNNING: EventType.CONTAINER_STARTED,
    ContainerState.EXITED: EventType.CONTAINER_DIED,
    ContainerState.REMOVED: EventType.CONTAINER_REMOVED,
}
_CRI_STEPS = {
    0: (ContainerState.CREATED, SandboxState.UNKNOWN),
    1: (ContainerState.RUNNING, SandboxState.READY),
    2: (ContainerState.EXITED, SandboxState.NOTREADY),
    3: (ContainerState.REMOVED, SandboxState.REMOVED),
}
"""By the CRI's ContainerEventType."""
_CONTAINERD_STEPS = {
    "/containers/create": _CRI_STEPS[0],
    "/tasks/start": _CRI_STEPS[1],
    "/tasks/exit": _CRI_STEPS[2],
    "/containers/delete": _CRI_STEPS[3],
}


class Step(Struct):
    """A step that was told, before it is known whether its id is a container or a sandbox."""

    id: str
    container_state: ContainerState
    sandbox_state: SandboxState
    oom: bool
    at: int
    """When it happened, wall time in ns; 0 when that is not known."""
    exit_code: int | None
    mono: int
    wall: int
    replayed: bool
    source: Source


def of_containerd(event: decode.ContainerdEvent, frame: Frame) -> Step:
    """What an event of containerd's own stream tells; an OOM kill precedes an exit."""
    container_state, sandbox_state = _CONTAINERD_STEPS.get(event.topic, _CRI_STEPS[2])
    return Step(
        event.id,
        container_state,
        sandbox_state,
        event.topic == "/tasks/oom",
        event.at,
        event.exit_code,
        frame.mono,
        frame.wall,
        False,
        Source.CONTAINERD,
    )


def of_cri(event: decode.CriEvent, frame: Frame, *, replayed: bool) -> Step | None:
    """What an event of GetContainerEvents tells; None for a kind that is not known."""
    states = _CRI_STEPS.get(event.kind)
    if states is None:
        return None
    mine = next((c for c in event.containers if c.id == event.id), None)
    return Step(
        event.id,
        *states,
        False,
        event.created_at,
        mine.exit_code if mine is not None else None,
        frame.mono,
        frame.wall,
        replayed,
        Source.CRI,
    )


def of_relist(change: Transition, frame: Frame) -> Step:
    """What a relist found; when it happened and how it ended only a look-up knows."""
    return Step(
        change.id,
        ContainerState(0 if change.is_sandbox else change.new),
        SandboxState(change.new if change.is_sandbox else 0),
        False,
        change.at,
        None,
        frame.mono,
        frame.wall,
        False,
        Source.RELIST,
    )


class Doubles:
    """Knows the steps that overlapping streams have told before."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str, int], None] = OrderedDict()

    def is_double(self, step: Step) -> bool:
        """It was told before; from now on it was."""
        kind = "oom" if step.oom else str(int(step.container_state))
        key = (step.id, kind, step.at)
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False
