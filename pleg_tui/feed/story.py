"""From frames to what happened: keeps the live state and tells each step of each life once.

Pure but for the frames it is fed: no process, no loop, no clock of its own. An event whose id is
not known yet waits until a look-up has said whose it is, so every event has its names; it waits no
longer than HOLD_NS.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pleg_tui import frames
from pleg_tui.cri import decode
from pleg_tui.cri.wire import WireError
from pleg_tui.frames import Flag, Frame, Kind
from pleg_tui.model import (
    Container,
    ContainerState,
    EventType,
    LifecycleEvent,
    Pod,
    Sandbox,
    SandboxState,
    Source,
    Transition,
)
from pleg_tui.pleg.live import CONTAINERD, CRIO, NOTHING, LiveState

HOLD_NS = 5_000_000_000
"""How long an event may wait for its names."""
SETTLE_NS = 3_000_000_000
"""How late an event may come after a listing that shows what it announces."""
LINGER_S = 2.0
"""How often what may have moved on untold is thought of."""
_LINGER_TURNS = (0, 2, 6, 14, 30, 62, 126)
"""In which of those turns it is looked up: ever rarer, for about four minutes."""
REPLAY_SLACK_NS = 500_000_000
UNTAKEN = 50_000
"""Events kept for a reader that does not take them, as when its standard output is blocked."""
_REMEMBERED = 20_000
"""Events remembered to drop the doubles of overlapping streams."""

_SANDBOX_EVENTS = {
    SandboxState.UNKNOWN: EventType.SANDBOX_CREATED,
    SandboxState.READY: EventType.SANDBOX_STARTED,
    SandboxState.NOTREADY: EventType.SANDBOX_STOPPED,
    SandboxState.REMOVED: EventType.SANDBOX_REMOVED,
}
_CONTAINER_EVENTS = {
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
_CONTAINERD_STEPS = {
    "/containers/create": _CRI_STEPS[0],
    "/tasks/start": _CRI_STEPS[1],
    "/tasks/exit": _CRI_STEPS[2],
    "/containers/delete": _CRI_STEPS[3],
}
_NEVER_RAN = (ContainerState.CREATED, ContainerState.REMOVED)
_OOM = "OOMKilled"

_Names = tuple[str, str, str, str]
"""Namespace, pod, pod UID, container; empty where unknown."""
_NAMELESS: _Names = ("", "", "", "")


@dataclass(slots=True)
class _Step:
    """A step that an event told, before it is known whose it is."""

    id: str
    container_state: ContainerState
    sandbox_state: SandboxState
    oom: bool
    at: int
    exit_code: int | None
    mono: int
    wall: int
    replayed: bool
    source: Source


@dataclass(slots=True)
class Told:
    """What a story has to tell since it was last asked."""

    events: list[LifecycleEvent] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)


class Story:
    """Applies frames to a live state and turns them into lifecycle events."""

    def __init__(self) -> None:
        self.state = LiveState()
        self.source: Source | None = None
        self.events = 0
        self.missed = 0
        self.unreadable = 0
        self.untaken = 0
        """Events dropped because nobody took them."""
        self.lag_ns: int | None = None
        self.details: deque[str] = deque()
        """Ids of which something is not known: worth a look-up."""
        self._lingering: dict[str, int] = {}
        self._first = True
        self._baseline = True
        self._opened = 0
        self._told = Told()
        self._held: OrderedDict[str, list[_Step]] = OrderedDict()
        self._seen: OrderedDict[tuple[str, str, int], None] = OrderedDict()
        self._oomed: OrderedDict[str, None] = OrderedDict()
        self._asked_details: set[str] = set()

    @property
    def pods(self) -> Mapping[str, Pod]:
        """Every pod, by its key."""
        return self.state.pods

    @property
    def news(self) -> bool:
        """True when there is something to take()."""
        told = self._told
        return bool(told.events or told.changed or told.removed or told.transitions)

    @property
    def outstanding(self) -> int:
        """Look-ups that were asked for and have not been answered."""
        return max(len(self._asked_details) - len(self.details), 0)

    @property
    def holding(self) -> bool:
        """True while events wait for their names."""
        return bool(self._held)

    def connected(self, source: Source, runtime_name: str, mono: int) -> None:
        """A connection was made; what happened before mono is replayed, not new."""
        self.source = source
        self._opened = mono
        self._baseline = True
        self.postpone_details()
        coverage = CRIO if runtime_name == "cri-o" else CONTAINERD
        if source is Source.RELIST:
            coverage = NOTHING
        if coverage is not self.state.coverage:
            self.state.coverage = coverage

    def apply(self, frame: Frame) -> None:
        """Take one frame in.

        Raises:
            FrameError: the frame is not what its kind says.
        """
        try:
            self._apply(frame)
        except WireError:
            self.unreadable += 1

    def _apply(self, frame: Frame) -> None:
        if frame.kind == Kind.EVENT_CONTAINERD:
            self._containerd_event(frame)
        elif frame.kind == Kind.EVENT_CRI:
            self._cri_event(frame)
        elif frame.kind == Kind.CONTAINER_STATUS:
            container = decode.container_status(frame.payload)
            if container is not None:
                self._container(container, frame)
        elif frame.kind == Kind.SANDBOX_STATUS:
            sandbox = decode.sandbox_status(frame.payload)
            if sandbox is not None:
                self.state.apply_sandbox(sandbox, mono=frame.mono, wall=frame.wall)
                self._release(sandbox.id)
        elif frame.kind == Kind.LISTING:
            self._listing(frame)
        elif frame.kind == Kind.ERROR:
            # It may be asked again: the next listing finds what is still not known.
            self._asked_details.discard(str(frame.json().get("id", "")))
        elif frame.kind == Kind.GONE:
            gone = frame.payload.decode("utf-8", "replace")
            self._asked_details.discard(gone)
            self._release(gone)
            self._gone(gone, frame)

    def _gone(self, object_id: str, frame: Frame) -> None:
        is_sandbox = self.state.is_sandbox(object_id)
        if is_sandbox is None:
            return
        sandbox = self.state.sandbox(object_id)
        pod = self.pods.get(sandbox.uid or sandbox.id) if sandbox is not None else None
        self.state.remove(object_id, mono=frame.mono, wall=frame.wall)
        # A sandbox takes its containers with it (CRI RemovePodSandbox).
        for container in pod.containers if pod is not None else ():
            if container.sandbox_id == object_id:
                self.state.remove(container.id, mono=frame.mono, wall=frame.wall)

    def settle(self, mono: int) -> int:
        """Count what was missed, let go of what waited too long; returns the newly missed."""
        missed = len(self.state.settle(mono - SETTLE_NS))
        self.missed += missed
        for object_id in [i for i, steps in self._held.items() if steps[0].mono < mono - HOLD_NS]:
            steps = self._held[object_id]
            if all(step.container_state in _NEVER_RAN for step in steps):
                # Made and unmade below the CRI, which never knew it: a sandbox that failed.
                for step in self._held.pop(object_id):
                    self._note(step, is_sandbox=False, reason="")
            else:
                self._release(object_id)
        self.state.forget(mono)
        return missed

    def postpone_details(self) -> None:
        """Forget what was worth a look-up; the next listing finds it again."""
        self.details.clear()
        self._asked_details.clear()

    @property
    def lingering(self) -> bool:
        """True while something is in a state that no event may end."""
        return bool(self._lingering)

    def look_at_lingering(self) -> None:
        """Have those looked up whose next step may go untold: call it every LINGER_S seconds.

        No runtime announces a start that failed, and CRI-O no sandbox's removal.
        """
        for object_id, turn in list(self._lingering.items()):
            self._lingering[object_id] = turn + 1
            if turn in _LINGER_TURNS:
                self.details.append(object_id)
            elif turn > _LINGER_TURNS[-1]:
                del self._lingering[object_id]

    def take(self) -> Told:
        """What there is to tell since the last call."""
        self.collect()
        told, self._told = self._told, Told()
        return told

    def _listing(self, frame: Frame) -> None:
        asked, sandboxes, containers = frames.unpack_listing(frame.payload)
        listed = decode.listing(sandboxes, containers)
        # What a new connection, our own loss or the confirming second look makes us find was not
        # missed: the runtime did send it, or nobody was there to be told.
        first, self._first = self._first, False
        baseline = self._baseline or bool(frame.flags & (Flag.CONFIRM | Flag.RECONNECT))
        self._baseline = False
        before = len(self._told.transitions)
        self.collect()
        self.state.apply_listing(
            *listed, asked=asked, mono=frame.mono, wall=frame.wall, baseline=baseline
        )
        self.collect()
        for container in listed[1]:
            self._want_details(container.id)
        if self.source is Source.RELIST:
            if not first:
                self._tell_found(self._told.transitions[before:], frame)
            return
        for sandbox in listed[0]:
            self._release(sandbox.id)
        for container in listed[1]:
            self._release(container.id)

    def collect(self) -> None:
        """Take in what the live state noted; take() does it too."""
        changed, removed, transitions = self.state.take()
        told = self._told
        told.changed -= removed
        told.changed |= changed
        told.removed -= changed
        told.removed |= removed
        told.transitions.extend(transitions)
        for change in transitions:
            if self._may_linger(change):
                self._lingering[change.id] = 0
            else:
                self._lingering.pop(change.id, None)

    def _may_linger(self, change: Transition) -> bool:
        if not change.is_sandbox:
            return change.new == ContainerState.CREATED
        untold = SandboxState.REMOVED not in self.state.coverage.sandbox
        return change.new == SandboxState.NOTREADY and untold and self.source is Source.CRI

    def _want_details(self, container_id: str) -> None:
        known = self.state.container(container_id)
        if known is None or known.state < ContainerState.RUNNING:
            return
        ended = known.state is ContainerState.EXITED and known.exit_code is None
        if (ended or not known.started_at) and container_id not in self._asked_details:
            self._asked_details.add(container_id)
            (self.details.appendleft if ended else self.details.append)(container_id)

    def _container(self, container: Container, frame: Frame) -> None:
        self._asked_details.discard(container.id)
        before = self.state.container(container.id)
        if before is not None and not container.sandbox_id:
            container = replace(container, sandbox_id=before.sandbox_id)
        self.state.apply_container(container, mono=frame.mono, wall=frame.wall)
        self._release(container.id)

    def _containerd_event(self, frame: Frame) -> None:
        event = decode.containerd_event(frame.payload)
        if event is None:
            return
        oom = event.topic == "/tasks/oom"
        container_state, sandbox_state = _CONTAINERD_STEPS.get(event.topic, _CRI_STEPS[2])
        step = _Step(
            event.id,
            container_state,
            sandbox_state,
            oom,
            event.at,
            event.exit_code,
            frame.mono,
            frame.wall,
            False,
            Source.CONTAINERD,
        )
        if self._is_double(step):
            return
        self._follow(step)

    def _cri_event(self, frame: Frame) -> None:
        event = decode.cri_event(frame.payload)
        states = _CRI_STEPS.get(event.kind)
        if states is None:
            self.unreadable += 1
            return
        age = frame.wall - event.created_at
        replayed = age > frame.mono - self._opened + REPLAY_SLACK_NS
        step = _Step(
            event.id,
            *states,
            False,
            event.created_at,
            _exit_code(event),
            frame.mono,
            frame.wall,
            replayed,
            Source.CRI,
        )
        if self._is_double(step):
            return
        if replayed:
            # The listing knows what is; a replayed snapshot may show what is long gone.
            self._tell_replayed(step, event)
            return
        if event.sandbox is not None:
            self.state.apply_sandbox(event.sandbox, mono=frame.mono, wall=frame.wall)
        for container in event.containers:
            self.state.apply_container(container, mono=frame.mono, wall=frame.wall)
        self._follow(step)

    def _is_double(self, step: _Step) -> bool:
        kind = "oom" if step.oom else str(int(step.container_state))
        key = (step.id, kind, step.at)
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _follow(self, step: _Step) -> None:
        """Apply a step, or hold it until it is known whether its id is a sandbox."""
        if self.state.is_sandbox(step.id) is None or step.id in self._held:
            self._held.setdefault(step.id, []).append(step)
            return
        self._step(step)

    def _release(self, object_id: str) -> None:
        steps = self._held.pop(object_id, None)
        for step in steps or ():
            self._step(step)

    def _note(self, step: _Step, *, is_sandbox: bool, reason: str) -> None:
        """Have the live state know that this step was announced."""
        self.state.apply_event(
            step.id,
            is_sandbox=is_sandbox,
            state=step.sandbox_state if is_sandbox else step.container_state,
            at=step.at,
            mono=step.mono,
            wall=step.wall,
            exit_code=None if is_sandbox else step.exit_code,
            reason=reason if step.container_state is ContainerState.EXITED else "",
        )

    def _step(self, step: _Step) -> None:
        is_sandbox = bool(self.state.is_sandbox(step.id))
        if step.source is Source.RELIST:
            step = self._completed(step)
        identity = self._identity(step.id)
        if step.oom:
            self._oomed[step.id] = None
            if len(self._oomed) > _REMEMBERED:
                self._oomed.popitem(last=False)
            self._tell(step, EventType.CONTAINER_OOM, identity, _OOM)
            return
        reason = _OOM if step.id in self._oomed and not is_sandbox else ""
        self._note(step, is_sandbox=is_sandbox, reason=reason)
        if is_sandbox:
            self._tell(step, _SANDBOX_EVENTS[step.sandbox_state], identity, "")
            return
        if step.container_state is ContainerState.EXITED and not reason:
            known = self.state.container(step.id)
            reason = known.reason if known is not None else ""
        ended = step.container_state >= ContainerState.EXITED
        self._tell(step, _CONTAINER_EVENTS[step.container_state], identity, reason if ended else "")

    def _identity(self, object_id: str) -> _Names:
        """Whose id it is, also after its removal, which an event may tell late."""
        names = self.state.names(object_id)
        if names is None:
            return _NAMELESS
        return names.namespace, names.pod, names.pod_uid, names.container

    def _tell_replayed(self, step: _Step, event: decode.CriEvent) -> None:
        sandbox = event.sandbox
        names = _of_sandbox(sandbox) if sandbox is not None else _NAMELESS
        if sandbox is not None and sandbox.id == step.id:
            self._tell(step, _SANDBOX_EVENTS[step.sandbox_state], names, "")
            return
        mine = next((c for c in event.containers if c.id == step.id), None)
        identity = (*names[:3], mine.name if mine is not None else "")
        reason = mine.reason if mine is not None else ""
        self._tell(step, _CONTAINER_EVENTS[step.container_state], identity, reason)

    def _tell_found(self, transitions: list[Transition], frame: Frame) -> None:
        """What a relist found, as events; those that a look-up will complete wait for it."""
        for change in transitions:
            step = _Step(
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
            if change.id in self._held or change.id in self._asked_details:
                self._held.setdefault(change.id, []).append(step)
            else:
                self._step(step)

    def _completed(self, step: _Step) -> _Step:
        """A relist's step with what has been looked up since."""
        container = self.state.container(step.id)
        if container is None:
            return step
        if step.container_state is ContainerState.EXITED:
            at, exit_code = container.finished_at, container.exit_code
            return replace(step, at=at or step.at, exit_code=exit_code)
        if step.container_state is ContainerState.RUNNING:
            return replace(step, at=container.started_at or step.at)
        return step

    def _tell(self, step: _Step, kind: EventType, identity: _Names, reason: str) -> None:
        exit_code = step.exit_code if kind is EventType.CONTAINER_DIED else None
        self._event(
            kind,
            step.source,
            step.at,
            step.wall,
            step.id,
            identity,
            step.replayed,
            exit_code,
            reason,
        )

    def _event(
        self,
        kind: EventType,
        source: Source,
        at: int,
        wall: int,
        object_id: str,
        identity: _Names,
        replayed: bool,
        exit_code: int | None,
        reason: str,
    ) -> None:
        self.events += 1
        namespace, pod, pod_uid, container = identity
        event = LifecycleEvent(
            seq=self.events,
            type=kind,
            source=source,
            created_at=at,
            received_at=wall,
            container_id=object_id,
            replayed=replayed,
            namespace=namespace,
            pod=pod,
            pod_uid=pod_uid,
            container=container,
            exit_code=exit_code,
            reason=reason,
        )
        if event.lag_ns is not None:
            self.lag_ns = event.lag_ns
        events = self._told.events
        events.append(event)
        if len(events) > UNTAKEN:
            # Nobody takes them: the oldest go, and are counted.
            self.untaken += len(events) - UNTAKEN // 2
            del events[: -UNTAKEN // 2]
            del self._told.transitions[: -UNTAKEN // 2]


def _of_sandbox(sandbox: Sandbox) -> _Names:
    return sandbox.namespace, sandbox.name, sandbox.uid, ""


def _exit_code(event: decode.CriEvent) -> int | None:
    for container in event.containers:
        if container.id == event.id:
            return container.exit_code
    return None
