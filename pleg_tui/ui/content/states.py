"""The words for states that a filter takes, and which of them hold of a container, pod or event.

Several hold at once: a container that was killed for memory has exited, is an error, is unhealthy.
"""

from __future__ import annotations

from functools import lru_cache

from pleg_tui.model import Container, ContainerState, EventType, LifecycleEvent, Pod
from pleg_tui.ui.content.status import Status, is_evicted, is_oom

STATES = (
    "running", "exited", "created", "ready", "notready", "unhealthy", "restarted", "oom",
    "crashloop", "evicted", "error", "completed", "stopped", "starting", "stopping", "removed",
    "unknown",
)  # fmt: skip
"""Every word, those that are asked for most first."""
_OTHER_NAMES = {
    "oomkilled": "oom",
    "crashloopbackoff": "crashloop",
    "failed": "error",
    "succeeded": "completed",
    "terminated": "exited",
    "dead": "exited",
    "terminating": "stopping",
    "pending": "starting",
    "gone": "removed",
}
"""What kubectl, crictl and docker call them."""
_RUNTIME = {state: state.name.lower() for state in ContainerState}
_ONLY_NOW = frozenset({"crashloop", "unhealthy", "restarted", "unknown"})
"""What no event tells: it holds of an event when it holds of its container or pod now."""
_LEADS_TO = {
    EventType.CONTAINER_CREATED: "created",
    EventType.CONTAINER_STARTED: "running",
    EventType.CONTAINER_DIED: "exited",
    EventType.CONTAINER_REMOVED: "removed",
    EventType.CONTAINER_OOM: "oom",
    EventType.SANDBOX_CREATED: "starting",
    EventType.SANDBOX_STARTED: "ready",
    EventType.SANDBOX_STOPPED: "notready",
    EventType.SANDBOX_REMOVED: "removed",
}


class StateError(ValueError):
    """There is no such state; the text is one clear sentence."""


def state_named(word: str) -> str:
    """The state that a word means; letters' case, - and _ make no difference.

    Raises:
        StateError: none.
    """
    plain = word.lower().replace("-", "").replace("_", "")
    if plain in STATES:
        return plain
    if plain == "healthy":
        raise StateError("there is no state healthy: write !state:unhealthy")
    if plain in _OTHER_NAMES:
        return _OTHER_NAMES[plain]
    raise StateError(f"there is no state {word}{_nearest(plain)}")


def _nearest(word: str) -> str:
    from difflib import get_close_matches

    begins = [state for state in STATES if word and state.startswith(word)]
    names = [*STATES, *_OTHER_NAMES]
    found = begins or [_OTHER_NAMES.get(n, n) for n in get_close_matches(word, names, 1, 0.5)]
    return f": did you mean {found[0]}?" if found else f": there are {', '.join(STATES[:9])} …"


def container_states(container: Container, status: Status) -> frozenset[str]:
    """What holds of a container: the runtime's state, the word shown for it, and how it ended."""
    words = _words(_RUNTIME[container.state], status.word, status.unhealthy, status.restarted)
    if container.state is ContainerState.EXITED:
        words |= _ending(container)
    return words


def pod_states(pod: Pod, status: Status) -> frozenset[str]:
    """What holds of a pod; `ready` as kubectl counts it, as far as the CRI knows (no probes)."""
    ready = "ready" if pod.ready else "notready"
    return _words(ready, status.word, status.unhealthy, status.restarted)


def event_states(event: LifecycleEvent, now: frozenset[str]) -> frozenset[str]:
    """What an event led to; `now` is what holds at present of what it is about."""
    words = {_LEADS_TO[event.type], *(now & _ONLY_NOW)}
    if event.type is EventType.CONTAINER_DIED:
        ended = Container("", "", "", exit_code=event.exit_code, reason=event.reason)
        words |= _ending(ended)
    return frozenset(words)


@lru_cache(maxsize=256)
def _words(state: str, shown: str, unhealthy: bool, restarted: bool) -> frozenset[str]:
    """For the state, the word that is shown, and the health: there are few, asked for often."""
    words = {state, _plain(shown)}
    if unhealthy:
        words.add("unhealthy")
    if restarted:
        words.add("restarted")
    return frozenset(words)


def _ending(container: Container) -> set[str]:
    words = {"oom"} if is_oom(container) else set()
    if is_evicted(container):
        words.add("evicted")
    if container.exit_code:
        words.add("error")
    elif container.exit_code == 0:
        words.add("completed")
    return words


def _plain(word: str) -> str:
    plain = word.lower().replace(" ", "")
    return _OTHER_NAMES.get(plain, plain)
