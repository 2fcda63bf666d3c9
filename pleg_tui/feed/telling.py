"""Steps told as lifecycle events, and kept until somebody takes them."""

from __future__ import annotations

from collections.abc import Iterable, Set

from msgspec import Struct, field

from pleg_tui.feed.step import Step
from pleg_tui.model import EventType, LifecycleEvent, Sandbox, Transition

UNTAKEN = 50_000
"""Events kept for a reader that does not take them, as when its standard output is blocked."""

MOST_PODS = 500
"""Pods told of at once, so that a screen can draw them and still look up in between."""
_MOST_TRANSITIONS = 4 * MOST_PODS

Names = tuple[str, str, str, str]
"""Namespace, pod, pod UID, container; empty where unknown."""
NAMELESS: Names = ("", "", "", "")


class Told(Struct):
    """What a story has to tell since it was last asked."""

    events: list[LifecycleEvent] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.events or self.changed or self.removed or self.transitions)

    def note(self, changed: Set[str], removed: Set[str], transitions: Iterable[Transition]) -> None:
        """Take in what changed; a pod that came back is not gone, and the other way round."""
        self.changed -= removed
        self.changed |= changed
        self.removed -= changed
        self.removed |= removed
        self.transitions.extend(transitions)


class Teller:
    """Numbers events and holds them, bounded, for whoever takes them."""

    def __init__(self) -> None:
        self.told = Told()
        self.events = 0
        self.untaken = 0
        """Events dropped because nobody took them."""
        self.lag_ns: int | None = None
        """Of the newest event that was not replayed."""

    def take(self) -> Told:
        """What there is since the last call; of very much the first part, the rest next time."""
        told, self.told = self.told, Told()
        self.told.changed = _rest(told.changed)
        self.told.removed = _rest(told.removed)
        self.told.transitions = told.transitions[_MOST_TRANSITIONS:]
        del told.transitions[_MOST_TRANSITIONS:]
        return told

    def tell(self, step: Step, kind: EventType, names: Names, reason: str) -> None:
        """A step has become an event."""
        self.events += 1
        namespace, pod, pod_uid, container = names
        event = LifecycleEvent(
            seq=self.events,
            type=kind,
            source=step.source,
            created_at=step.at,
            received_at=step.wall,
            container_id=step.id,
            replayed=step.replayed,
            namespace=namespace,
            pod=pod,
            pod_uid=pod_uid,
            container=container,
            exit_code=step.exit_code if kind is EventType.CONTAINER_DIED else None,
            reason=reason,
        )
        if event.lag_ns is not None:
            self.lag_ns = event.lag_ns
        events = self.told.events
        events.append(event)
        if len(events) > UNTAKEN:
            # Nobody takes them: the oldest go, and are counted.
            self.untaken += len(events) - UNTAKEN // 2
            del events[: -UNTAKEN // 2]
            del self.told.transitions[: -UNTAKEN // 2]


def _rest(keys: set[str]) -> set[str]:
    """Those beyond MOST_PODS, which are taken out."""
    return {keys.pop() for _ in range(len(keys) - MOST_PODS)}


def names_of(sandbox: Sandbox) -> Names:
    """Whose a sandbox is."""
    return sandbox.namespace, sandbox.name, sandbox.uid, ""
