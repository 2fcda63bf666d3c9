"""What each pod's containers and sandboxes did over time, as far as that is known; pure, no clock.

It is fed with what each take() of a feed brings and keeps, for a while and in bounds, what is gone
from the live state. All times are wall time in nanoseconds; a clock that is put back puts nothing
out of bounds, it only makes lives of before and after overlap, and then the later one is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from pleg_tui.model import (
    Container,
    ContainerState,
    EventType,
    LifecycleEvent,
    Pod,
    Sandbox,
    SandboxState,
    Transition,
)
from pleg_tui.pleg.lives import OF_SANDBOX, OOM, Gap, Life, Span, Track, tracks

__all__ = ["KEEP_GONE_NS", "MOST_ENDED", "MOST_GONE", "Gap", "History", "Span", "Track"]

KEEP_GONE_NS = 900 * 10**9
"""How long a pod's history outlives the pod."""
MOST_GONE = 2000
"""Pods that are gone and still remembered."""
MOST_ENDED = 100
"""Removed attempts remembered in one pod; those that exist are bounded by the runtime."""
MOST_GAPS = 100
_MOST_QUIET = 50
"""Containers of a pod that is taken as quiet: each costs a look at all of them."""
_MOST_STRAYS = 1000
"""Ids of which nobody has said yet to which pod they belong."""

_CREATED = ContainerState.CREATED
_RUNNING = ContainerState.RUNNING
_EXITED = ContainerState.EXITED
_REMOVED = ContainerState.REMOVED
_STEP_OF = {
    EventType.SANDBOX_STARTED: _RUNNING,
    EventType.SANDBOX_STOPPED: _EXITED,
    EventType.SANDBOX_REMOVED: _REMOVED,
    EventType.CONTAINER_CREATED: _CREATED,
    EventType.CONTAINER_STARTED: _RUNNING,
    EventType.CONTAINER_DIED: _EXITED,
    EventType.CONTAINER_REMOVED: _REMOVED,
}
_SANDBOX_EVENTS = frozenset(type_ for type_ in EventType if type_.startswith("Sandbox"))


class _Past(Struct, eq=False, gc=False):
    """One pod."""

    alive: dict[str, Life]
    ended: list[Life]
    version: int = 0
    drawn: tuple[int, tuple[Track, ...]] = (-1, ())


class _Quiet(Struct, eq=False, gc=False):
    """A pod to which nothing has happened since it was met: its lives follow from what it is.

    Of a node's pods most are so, and nobody looks at their time.
    """

    pod: Pod
    met: int
    """When it was first seen."""
    version: int


class History:
    """What happened in every pod that exists, and in those that were there a while ago."""

    def __init__(self, *, most_ended: int = MOST_ENDED, most_gone: int = MOST_GONE) -> None:
        self._most_ended = most_ended
        self._most_gone = most_gone
        self._pods: dict[str, _Past] = {}
        self._quiet: dict[str, _Quiet] = {}
        self._lives: dict[str, Life] = {}
        self._strays: dict[str, Life] = {}  # in the order in which they came
        self._gone: dict[str, int] = {}  # in the order in which they went
        self._gaps: list[Gap] = []
        self._fresh: set[str] = set()
        self._version = 0
        self.gap_version = 0
        """Grows whenever `gaps` are others."""

    # -- what it is told

    def apply(
        self,
        pods: Mapping[str, Pod],
        *,
        changed: Iterable[str] = (),
        removed: Iterable[str] = (),
        transitions: Iterable[Transition] = (),
        events: Iterable[LifecycleEvent] = (),
        now: int,
    ) -> None:
        """Take in what one take() of a feed brought.

        Args:
            pods: every pod that exists.
            changed: keys of pods that are new or different.
            removed: keys of pods that are gone.
            transitions: climbs of states, with their times.
            events: for the names and exit codes of what came and went between two calls.
            now: wall time, ns.
        """
        for transition in transitions:
            self._transition(transition, pods, now)
        for event in events:
            self._event(event, now)
        for key in changed:
            pod = pods.get(key)
            if pod is not None:
                self._pod(pod, now)
        for key in removed:
            past = None if key in pods else self._past(key)
            if past is not None:
                for life in list(past.alive.values()):
                    self._bury(past, life, 0, now)
                self._leave(key, now)
        self._forget(pods, now)

    def lost(self, at: int) -> None:
        """The stream was lost at this wall time: from now on nobody watches."""
        if not self._gaps or self._gaps[-1].end_ns is not None:
            self._gaps.append(Gap(at, None))
            del self._gaps[:-MOST_GAPS]
            self.gap_version += 1

    def connected(self, at: int) -> None:
        """The stream is there at this wall time."""
        if self._gaps and self._gaps[-1].end_ns is None:
            start = self._gaps[-1].start_ns
            self._gaps[-1] = Gap(start, max(at, start))
            self.gap_version += 1

    # -- what it answers

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The times in which nobody watched, oldest first."""
        return tuple(self._gaps)

    def version(self, key: str) -> int:
        """Grows with every change of a pod's history; 0 for a pod that is not remembered."""
        known = self._pods.get(key) or self._quiet.get(key)
        return 0 if known is None else known.version

    def spans(self, key: str) -> tuple[Track, ...]:
        """A pod's tracks: its containers by name, then its sandbox; empty when not remembered."""
        past = self._past(key)
        if past is None:
            return ()
        if past.drawn[0] != past.version:
            past.drawn = (past.version, tracks((*past.ended, *past.alive.values())))
        return past.drawn[1]

    # -- pods to which nothing happened

    def _rest(self, pod: Pod, now: int) -> bool:
        """Take a pod as one to which nothing has happened yet; False where something has.

        Whose key is not its UID may yet turn out to be another pod.
        """
        if pod.uid in self._pods or len(pod.containers) > _MOST_QUIET:
            return False
        if pod.sandbox is None or pod.sandbox.uid != pod.uid:
            return False
        quiet = self._quiet.get(pod.uid)
        if quiet is None:
            if any(part.id in self._lives or part.id in self._strays for part in _parts(pod)):
                return False
            self._version += 1
            self._quiet[pod.uid] = _Quiet(pod, now, self._version)
            return True
        if [(part.id, part.state) for part in _parts(pod)] != [
            (part.id, part.state) for part in _parts(quiet.pod)
        ]:
            return False
        self._version += 1
        quiet.pod, quiet.version = pod, self._version
        return True

    def _follows(self, transition: Transition, pods: Mapping[str, Pod], now: int) -> bool:
        """A transition is but how a quiet pod became known."""
        key = transition.pod_uid
        if transition.old or key in self._pods:
            return False
        quiet = self._quiet.get(key)
        pod = pods.get(key) if quiet is None else quiet.pod
        if pod is None:
            return False
        part = next((part for part in _parts(pod) if part.id == transition.id), None)
        if part is None or part.state != transition.new:
            return False
        told = transition.at in (0, part.reached_at)
        return told and (quiet is not None or self._rest(pod, now))

    def _past(self, key: str) -> _Past | None:
        """What is remembered of a pod, which is quiet no more; None where nothing is."""
        quiet = self._quiet.pop(key, None)
        if quiet is None:
            return self._pods.get(key)
        past = self._pods[key] = _Past({}, [], quiet.version)
        for part in _parts(quiet.pod):
            life = past.alive[part.id] = self._lives[part.id] = Life(
                part.id, isinstance(part, Sandbox), key
            )
            life.learn(part, quiet.met)
        return past

    # -- taking in

    def _life(self, object_id: str, is_sandbox: bool) -> Life:
        life = self._lives.get(object_id) or self._strays.get(object_id)
        if life is None:
            life = self._strays[object_id] = Life(object_id, is_sandbox)
        return life

    def _settle(self, life: Life, key: str) -> _Past:
        """Put a life where it belongs."""
        past = self._past(key)
        if past is None:
            past = self._pods[key] = _Past({}, [])
            self._fresh.add(key)
        if life.pod != key and not (life.pod and life.state is _REMOVED):
            before = self._pods.get(life.pod)
            if before is not None:
                before.alive.pop(life.id, None)
                self._touch(before)
            self._strays.pop(life.id, None)
            self._lives[life.id] = life
            life.pod = key
            past.alive[life.id] = life
            self._touch(past)
        return past

    def _touch(self, past: _Past) -> None:
        self._version += 1
        past.version = self._version

    def _transition(self, transition: Transition, pods: Mapping[str, Pod], now: int) -> None:
        if self._follows(transition, pods, now):
            return
        self._past(transition.pod_uid)
        life = self._life(transition.id, transition.is_sandbox)
        past = self._settle(life, transition.pod_uid) if transition.pod_uid else None
        state = (
            OF_SANDBOX[SandboxState(transition.new)]
            if transition.is_sandbox
            else ContainerState(transition.new)
        )
        self._reach(life, past, state, transition.at, now)

    def _event(self, event: LifecycleEvent, now: int) -> None:
        key = event.pod_uid
        if not key:
            return
        self._past(key)
        life = self._life(event.container_id, event.type in _SANDBOX_EVENTS)
        past = self._pods.get(life.pod) or self._settle(life, key)
        if event.container and not life.name:
            life.name = event.container
            self._touch(past)
        state = _STEP_OF.get(event.type)
        if event.type is EventType.CONTAINER_OOM:
            ended = life.ended(None, OOM)
        else:
            ended = state == _EXITED and life.ended(event.exit_code, event.reason)
        if ended:
            self._touch(past)
        if state is not None:
            self._reach(life, past, state, event.created_at, now)

    def _reach(
        self, life: Life, past: _Past | None, state: ContainerState, at: int, now: int
    ) -> None:
        if state is _REMOVED and past is not None:
            self._bury(past, life, at, now)
        elif life.note(state, at, now) and past is not None:
            self._touch(past)

    def _pod(self, pod: Pod, now: int) -> None:
        self._gone.pop(pod.uid, None)
        if self._rest(pod, now):
            return
        self._past(pod.uid)
        parts = _parts(pod)
        for part in parts:
            life = self._life(part.id, isinstance(part, Sandbox))
            past = self._settle(life, pod.uid)
            if life.state is not _REMOVED and life.learn(part, now):
                self._touch(past)
        present = self._pods.get(pod.uid)
        if present is not None and len(present.alive) > len(parts):
            ids = {part.id for part in parts}
            for life in [life for life in present.alive.values() if life.id not in ids]:
                self._bury(present, life, 0, now)

    def _bury(self, past: _Past, life: Life, at: int, now: int) -> None:
        if life.note(_REMOVED, at, now):
            self._touch(past)
        life.part = None
        if past.alive.pop(life.id, None) is not None:
            past.ended.append(life)
            if len(past.ended) > self._most_ended:
                self._lives.pop(past.ended.pop(0).id, None)

    def _leave(self, key: str, now: int) -> None:
        self._gone.pop(key, None)
        self._gone[key] = now

    def _forget(self, pods: Mapping[str, Pod], now: int) -> None:
        for key in self._fresh:
            if key not in pods:  # only events spoke of it
                self._leave(key, now)
        self._fresh.clear()
        while self._gone:
            key, at = next(iter(self._gone.items()))
            if len(self._gone) <= self._most_gone and now - at < KEEP_GONE_NS:
                break
            del self._gone[key]
            past = self._pods.pop(key)
            for life in (*past.alive.values(), *past.ended):
                self._lives.pop(life.id, None)
        while len(self._strays) > _MOST_STRAYS:
            del self._strays[next(iter(self._strays))]


def _parts(pod: Pod) -> tuple[Sandbox | Container, ...]:
    return (*pod.sandboxes, *pod.containers)
