"""The facts about one container's or sandbox's life, and the spans of time that follow from them.

Kept are facts: when the runtime says that an id reached each state, and when that was first seen
here. Spans are worked out whenever somebody looks, so a look-up that comes late and a doubled
message set themselves right. What the CRI does not tell is an UNKNOWN span: the attempts before the
oldest one known, the time between two states that nobody saw. All times are wall time in ns.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from pleg_tui.model import Container, ContainerState, Sandbox, SandboxState

MOST_SPANS = 300
"""Spans of one track, the newest."""
OOM = "OOMKilled"
OF_SANDBOX = {
    SandboxState.UNKNOWN: ContainerState.UNKNOWN,
    SandboxState.READY: ContainerState.RUNNING,
    SandboxState.NOTREADY: ContainerState.EXITED,
    SandboxState.REMOVED: ContainerState.REMOVED,
}
"""A sandbox's states in a container's words."""

_CREATED = ContainerState.CREATED
_RUNNING = ContainerState.RUNNING
_EXITED = ContainerState.EXITED
_REMOVED = ContainerState.REMOVED
_UNKNOWN = ContainerState.UNKNOWN


class Span(Struct, frozen=True):
    """One state of one life, from start to before end. It may have no length at all."""

    state: ContainerState
    """A sandbox that is READY is RUNNING here, one that is NOTREADY is EXITED."""
    start_ns: int
    end_ns: int | None
    """None while it lasts."""
    container_id: str
    """The container's or sandbox's id; empty for attempts that nothing is known of."""
    exit_code: int | None = None
    reason: str = ""
    known_start: bool = True
    """False when start_ns is only when it was first seen: it began then or before."""
    attempt: int | None = None
    """None where only events told of it."""
    removed: bool = False
    """It ended because its id was removed."""
    known_end: bool = True
    """False when end_ns is only when it was first missed: it was removed then or before."""


class Track(Struct, frozen=True):
    """All attempts at one container name of a pod, or at its sandbox, oldest first."""

    name: str
    """The container's name; empty for the sandbox."""
    is_sandbox: bool
    spans: tuple[Span, ...]
    """In order, none overlapping the next."""


class Gap(Struct, frozen=True):
    """A time in which nobody watched: the stream was lost."""

    start_ns: int
    end_ns: int | None
    """None while it lasts."""


class Life(Struct, eq=False, gc=False):
    """The facts about one id."""

    id: str
    is_sandbox: bool
    pod: str = ""
    name: str = ""
    attempt: int | None = None
    state: ContainerState = _UNKNOWN
    exit_code: int | None = None
    reason: str = ""
    part: Sandbox | Container | None = None
    """As last looked at; dropped once it is removed."""
    times: array[int] = field(default_factory=lambda: array("q", bytes(80)))
    """By rank: when it was reached as the runtime says (0 to 4), when first seen (5 to 9)."""

    def told(self, state: ContainerState) -> int:
        """When it reached a state, as the runtime says; 0 when it did not say."""
        return self.times[state]

    def seen(self, state: ContainerState) -> int:
        """When it was first seen in a state here; 0 when it never was."""
        return self.times[5 + state]

    @property
    def began(self) -> int:
        """The first time that is known of it."""
        return next((at for at in (*self.times[:5], *self.times[5:]) if at), 0)

    def note(self, state: ContainerState, at: int, now: int) -> bool:
        """It was seen in this state, reached at `at` (0: unknown); True when that is news."""
        times = self.times
        changed = False
        if at > 0 and not times[state]:
            times[state] = at
            changed = True
        if state > self.state or (state == _UNKNOWN and not any(times[5:])):
            self.state = state
            times[5 + state] = now
            changed = True
        return changed

    def ended(self, exit_code: int | None, reason: str) -> bool:
        """How it ended, which never becomes less known."""
        changed = False
        if exit_code is not None and exit_code != self.exit_code:
            self.exit_code = exit_code
            changed = True
        if reason and reason != self.reason and self.reason != OOM:
            self.reason = reason
            changed = True
        return changed

    def learn(self, part: Sandbox | Container, now: int) -> bool:
        """What the CRI says of it."""
        if part is self.part:
            return False
        self.part = part
        self.attempt = part.attempt
        if isinstance(part, Sandbox):
            state = OF_SANDBOX[part.state]
            changed = self.note(state, 0, now)
            return self._say(_RUNNING, part.created_at) or changed
        changed = self.name != part.name
        self.name = part.name
        changed |= self.note(part.state, 0, now)
        changed |= self._say(_CREATED, part.created_at)
        if part.state >= _RUNNING:
            changed |= self._say(_RUNNING, part.started_at)
        if part.state >= _EXITED:
            changed |= self._say(_EXITED, part.finished_at)
            changed |= self.ended(part.exit_code, part.reason)
        return changed

    def _say(self, state: ContainerState, at: int) -> bool:
        """A time that a status gives: surer than an event's, but no sighting of that state."""
        if at <= 0 or self.times[state] == at:
            return False
        self.times[state] = at
        return True


def tracks(lives: Iterable[Life]) -> tuple[Track, ...]:
    """The tracks that these lives of one pod make up: containers by name, then the sandbox."""
    by_name: dict[tuple[bool, str], list[Life]] = {}
    first = 0
    for life in sorted(lives, key=lambda life: (life.began, life.attempt or 0, life.id)):
        if life.is_sandbox or life.name:
            by_name.setdefault((life.is_sandbox, life.name), []).append(life)
        if life.is_sandbox and not first:
            first = life.told(_RUNNING)
    return tuple(
        Track(name, is_sandbox, _in_a_row(by_name[is_sandbox, name], first))
        for is_sandbox, name in sorted(by_name)
    )


def _in_a_row(lives: list[Life], pod_start: int) -> tuple[Span, ...]:
    """The spans of one name's lives, put together from the newest back.

    The newest times were taken by the clock as it goes now, so where two contradict each other the
    older one gives way. The kubelet numbers attempts one by one: a number that is left out is an
    attempt that nobody saw.
    """
    backwards: list[Span] = []
    attempt: int | None = None
    limit: int | None = None
    for life in reversed(lives):
        spans = _spans(life, limit)
        if not spans:
            continue
        if limit is not None and attempt is not None and life.attempt is not None:
            last = spans[-1]
            since = limit if last.end_ns is None else last.end_ns
            if attempt > life.attempt + 1:
                if last.state is _EXITED and not last.removed:
                    since = last.start_ns
                    spans[-1] = replace(last, end_ns=since)
                backwards.append(Span(_UNKNOWN, since, limit, "", known_start=False))
        backwards += reversed(spans)
        attempt, limit = life.attempt, spans[0].start_ns
        if len(backwards) > MOST_SPANS:
            break
    if attempt and limit is not None and 0 < pod_start < limit:
        backwards.append(Span(_UNKNOWN, pod_start, limit, "", known_start=False))
    backwards.reverse()
    return tuple(backwards[-MOST_SPANS:])


def _spans(life: Life, limit: int | None) -> list[Span]:
    """The spans of one life, none later than limit (the start of the next life of its name)."""
    end: int | None = None
    removed = life.state is _REMOVED
    if removed:
        end = life.told(_REMOVED) or life.seen(_REMOVED)
    if limit is not None and (end is None or end > limit):
        end, removed = limit, False
    spans: list[Span] = []
    for at, state, known in reversed(_points(life)):
        start = at if end is None else min(at, end)
        span = Span(state, start, end, life.id, attempt=life.attempt)
        span = replace(span, known_start=known and start == at)
        if removed and not spans:
            span = replace(span, removed=True, known_end=bool(life.told(_REMOVED)))
        spans.append(span)
        if state is _EXITED:
            spans[-1] = replace(spans[-1], exit_code=life.exit_code, reason=life.reason)
        end = start
    spans.reverse()
    return spans


_Point = tuple[int, ContainerState, bool]
"""(when, which state began, whether the runtime said so)."""


def _points(life: Life) -> list[_Point]:
    """When each state of a life began; UNKNOWN where nobody can say which it was."""
    told, seen = life.told, life.seen
    ran = bool(told(_RUNNING) or seen(_RUNNING))
    exited = bool(told(_EXITED) or seen(_EXITED))
    untold = life.state is _UNKNOWN
    points: list[_Point] = []
    if told(_CREATED) or seen(_CREATED):
        # First met when it was further on: it is not known how long it was only created.
        sure = seen(_CREATED) or told(_RUNNING) or not (ran or exited or untold)
        at = told(_CREATED) or seen(_CREATED)
        points.append((at, _CREATED if sure else _UNKNOWN, bool(told(_CREATED))))
    if ran:
        sure = (seen(_RUNNING) or told(_EXITED) or not exited) and not untold
        at = told(_RUNNING) or seen(_RUNNING)
        points.append((at, _RUNNING if sure else _UNKNOWN, bool(told(_RUNNING))))
    if exited:
        points.append((told(_EXITED) or seen(_EXITED), _EXITED, bool(told(_EXITED))))
    if not points and seen(_UNKNOWN):
        points.append((seen(_UNKNOWN), _UNKNOWN, False))
    return points
