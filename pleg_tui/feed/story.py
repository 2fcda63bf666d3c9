"""From frames to what happened: keeps the live state and tells each step of each life once.

Pure but for the frames it is fed: no process, no loop, no clock of its own. An event whose id is
not known yet waits until a look-up has said whose it is, so every event has its names; it waits no
longer than HOLD_NS.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from pleg_tui import frames
from pleg_tui.cri import decode
from pleg_tui.cri.wire import WireError
from pleg_tui.feed.look_ups import LookUps
from pleg_tui.feed.step import (
    CONTAINER_EVENTS,
    SANDBOX_EVENTS,
    Doubles,
    Step,
    of_containerd,
    of_cri,
    of_relist,
)
from pleg_tui.feed.telling import NAMELESS, Names, Teller, Told, names_of
from pleg_tui.frames import Flag, Frame, Kind
from pleg_tui.model import (
    Container,
    ContainerState,
    EventType,
    Pod,
    Sandbox,
    SandboxState,
    Source,
    Transition,
)
from pleg_tui.pleg.live import CONTAINERD, CRIO, NOTHING, LiveState
from pleg_tui.pleg.pieces import pieces

HOLD_NS = 5_000_000_000
"""How long an event may wait for its names."""
SETTLE_NS = 3_000_000_000
"""How late an event may come after a listing that shows what it announces."""
REPLAY_SLACK_NS = 500_000_000
_REMEMBERED = 20_000
"""Ids remembered that were killed for memory."""

_NEVER_RAN = (ContainerState.CREATED, ContainerState.REMOVED)
_OOM = "OOMKilled"
_READERS: tuple[Callable[[bytes], Iterator[Sandbox | Container]], ...] = (
    decode.listed_sandboxes,
    decode.listed_containers,
)
"""Of the two payloads of a listing."""


class Story:
    """Applies frames to a live state and turns them into lifecycle events."""

    def __init__(self) -> None:
        self.state = LiveState()
        self.source: Source | None = None
        self.missed = 0
        self.unreadable = 0
        self._teller = Teller()
        self._look_ups = LookUps()
        self._first = True
        self._listed = True
        """No listing has been taken in to a part only."""
        self._baseline = True
        self._opened = 0
        self._held: OrderedDict[str, list[Step]] = OrderedDict()
        self._doubles = Doubles()
        self._oomed: OrderedDict[str, None] = OrderedDict()

    @property
    def pods(self) -> Mapping[str, Pod]:
        """Every pod, by its key."""
        return self.state.pods

    @property
    def news(self) -> bool:
        """True when there is something to take()."""
        return bool(self._teller.told)

    @property
    def events(self) -> int:
        """How many were told, ever."""
        return self._teller.events

    @property
    def untaken(self) -> int:
        """Events dropped because nobody took them."""
        return self._teller.untaken

    @property
    def lag_ns(self) -> int | None:
        """Of the newest event that was not replayed."""
        return self._teller.lag_ns

    @property
    def details(self) -> deque[str]:
        """Ids of which something is not known: worth a look-up."""
        return self._look_ups.due

    @property
    def outstanding(self) -> int:
        """Look-ups that were asked for and have not been answered."""
        return self._look_ups.outstanding

    @property
    def lingering(self) -> bool:
        """True while something is in a state that no event may end."""
        return self._look_ups.lingering

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
        for _ in self.take_in(frame):
            pass

    def take_in(self, frame: Frame) -> Iterator[None]:
        """Do as apply(), a listing in pieces, one each time when the next is asked for.

        No other frame may be taken in before the last piece. take() tells nothing of a listing
        before it is in the state as a whole.

        Raises:
            FrameError: the frame is not what its kind says.
        """
        try:
            if frame.kind == Kind.LISTING:
                yield from self._listing(frame)
            else:
                self._apply(frame)
        except WireError:
            self.unreadable += 1
        finally:
            self._listed = True

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
        elif frame.kind == Kind.ERROR:
            # It may be asked again: the next listing finds what is still not known.
            self._look_ups.answered(str(frame.json().get("id", "")))
        elif frame.kind == Kind.GONE:
            gone = frame.payload.decode("utf-8", "replace")
            self._look_ups.answered(gone)
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
        self._look_ups.postpone()

    def look_at_lingering(self) -> bool:
        """Have those looked up whose next step may go untold; True: better by a listing."""
        return self._look_ups.look_at_lingering()

    def take(self) -> Told:
        """What there is to tell since the last call; of very much a part (`news` then)."""
        self.collect()
        return self._teller.take()

    def _listing(self, frame: Frame) -> Iterator[None]:
        asked, *payloads = frames.unpack_listing(frame.payload)
        listed: list[Sandbox | Container] = []
        for read, payload in zip(_READERS, payloads, strict=True):
            for piece in pieces(read(payload)):
                listed += piece
                yield
        # What a new connection, our own loss or the confirming second look makes us find was not
        # missed: the runtime did send it, or nobody was there to be told.
        first, self._first = self._first, False
        baseline = self._baseline or bool(frame.flags & (Flag.CONFIRM | Flag.RECONNECT))
        self._baseline = False
        self.collect()
        self._listed = False
        yield from self.state.take_in(
            listed, asked=asked, mono=frame.mono, wall=frame.wall, baseline=baseline
        )
        found = self.state.take()
        for changes in pieces(found[2]):
            self._note_lingering(changes)
            yield
        self._teller.told.note(*found)
        for piece in pieces(listed):
            for item in piece:
                self._look_ups.want(self.state.container(item.id))
                if self.source is not Source.RELIST:
                    self._release(item.id)
            yield
        if self.source is Source.RELIST and not first:
            for changes in pieces(found[2]):
                self._tell_found(changes, frame)
                yield

    def collect(self) -> None:
        """Take in what the live state noted; take() does it too."""
        if self._listed:
            found = self.state.take()
            self._teller.told.note(*found)
            self._note_lingering(found[2])

    def _note_lingering(self, transitions: Iterable[Transition]) -> None:
        for change in transitions:
            self._look_ups.linger(change.id, self._may_linger(change))

    def _may_linger(self, change: Transition) -> bool:
        if not change.is_sandbox:
            return change.new == ContainerState.CREATED
        untold = SandboxState.REMOVED not in self.state.coverage.sandbox
        return change.new == SandboxState.NOTREADY and untold and self.source is Source.CRI

    def _container(self, container: Container, frame: Frame) -> None:
        self._look_ups.answered(container.id)
        before = self.state.container(container.id)
        if before is not None and not container.sandbox_id:
            container = replace(container, sandbox_id=before.sandbox_id)
        self.state.apply_container(container, mono=frame.mono, wall=frame.wall)
        self._release(container.id)

    def _containerd_event(self, frame: Frame) -> None:
        event = decode.containerd_event(frame.payload)
        if event is None:
            return
        step = of_containerd(event, frame)
        if not self._doubles.is_double(step):
            self._follow(step)

    def _cri_event(self, frame: Frame) -> None:
        event = decode.cri_event(frame.payload)
        age = frame.wall - event.created_at
        replayed = age > frame.mono - self._opened + REPLAY_SLACK_NS
        step = of_cri(event, frame, replayed=replayed)
        if step is None:
            self.unreadable += 1
            return
        if self._doubles.is_double(step):
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

    def _follow(self, step: Step) -> None:
        """Apply a step, or hold it until it is known whether its id is a sandbox."""
        if self.state.is_sandbox(step.id) is None or step.id in self._held:
            self._held.setdefault(step.id, []).append(step)
            return
        self._step(step)

    def _release(self, object_id: str) -> None:
        steps = self._held.pop(object_id, None)
        for step in steps or ():
            self._step(step)

    def _note(self, step: Step, *, is_sandbox: bool, reason: str) -> None:
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

    def _step(self, step: Step) -> None:
        is_sandbox = bool(self.state.is_sandbox(step.id))
        if step.source is Source.RELIST:
            step = self._completed(step)
        identity = self._identity(step.id)
        if step.oom:
            self._oomed[step.id] = None
            if len(self._oomed) > _REMEMBERED:
                self._oomed.popitem(last=False)
            self._teller.tell(step, EventType.CONTAINER_OOM, identity, _OOM)
            return
        reason = _OOM if step.id in self._oomed and not is_sandbox else ""
        self._note(step, is_sandbox=is_sandbox, reason=reason)
        if is_sandbox:
            self._teller.tell(step, SANDBOX_EVENTS[step.sandbox_state], identity, "")
            return
        if step.container_state is ContainerState.EXITED and not reason:
            known = self.state.container(step.id)
            reason = known.reason if known is not None else ""
        ended = step.container_state >= ContainerState.EXITED
        self._teller.tell(
            step, CONTAINER_EVENTS[step.container_state], identity, reason if ended else ""
        )

    def _identity(self, object_id: str) -> Names:
        """Whose id it is, also after its removal, which an event may tell late."""
        names = self.state.names(object_id)
        if names is None:
            return NAMELESS
        return names.namespace, names.pod, names.pod_uid, names.container

    def _tell_replayed(self, step: Step, event: decode.CriEvent) -> None:
        sandbox = event.sandbox
        names = names_of(sandbox) if sandbox is not None else NAMELESS
        if sandbox is not None and sandbox.id == step.id:
            self._teller.tell(step, SANDBOX_EVENTS[step.sandbox_state], names, "")
            return
        mine = next((c for c in event.containers if c.id == step.id), None)
        identity = (*names[:3], mine.name if mine is not None else "")
        reason = mine.reason if mine is not None else ""
        self._teller.tell(step, CONTAINER_EVENTS[step.container_state], identity, reason)

    def _tell_found(self, transitions: Iterable[Transition], frame: Frame) -> None:
        """What a relist found, as events; those that a look-up will complete wait for it."""
        for change in transitions:
            step = of_relist(change, frame)
            if change.id in self._held or self._look_ups.is_asked(change.id):
                self._held.setdefault(change.id, []).append(step)
            else:
                self._step(step)

    def _completed(self, step: Step) -> Step:
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
