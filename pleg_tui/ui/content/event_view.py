"""Which events are shown: those that the list's filter lets through, or another choice."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from pleg_tui.feed.types import Notice
from pleg_tui.model import Container, LifecycleEvent, Pod
from pleg_tui.ui.content.filters import NO_FILTER, Filter
from pleg_tui.ui.content.states import container_states, event_states, pod_states
from pleg_tui.ui.content.status import pod_status, status_in

PodOf = Callable[[str], Pod | None]
"""The pod of this key (UID), as it is or was last known."""


class Only(Struct, frozen=True):
    """The one pod or container whose events are wanted."""

    pod: str
    """The pod's key (UID)."""
    container: str = ""
    """The container's name, so that later attempts count as well; empty for the whole pod."""
    title: str = ""
    """How it is called."""


class EventView(Struct, frozen=True):
    """How the event list is looked at."""

    follows: bool = True
    """The list's filter counts here as well; otherwise `own` does."""
    own: Filter = NO_FILTER
    only: Only | None = None

    def passes(
        self, listed: Filter, pod_of: PodOf, now: Callable[[], int]
    ) -> Callable[[LifecycleEvent | Notice], bool]:
        """Whether to show an entry; notices about the stream itself are always shown.

        Args:
            listed: the filter of the list of pods.
            pod_of: finds the labels and the images that an event does not carry.
            now: wall time, ns; some states end although nothing happens.
        """
        filter_ = listed if self.follows else self.own
        only = self.only

        def shown(entry: LifecycleEvent | Notice) -> bool:
            if isinstance(entry, Notice):
                return True
            if only is not None and not (
                entry.pod_uid == only.pod
                and (not only.container or entry.container == only.container)
            ):
                return False
            return not filter_ or matches(filter_, entry, pod_of(entry.pod_uid), now())

        return shown

    def hides(self, listed: Filter) -> bool:
        """There may be events that are not shown."""
        return self.only is not None or bool(listed if self.follows else self.own)


def matches(filter_: Filter, event: LifecycleEvent, pod: Pod | None, now: int) -> bool:
    """The filter lets this event through: its pod passes, or the container that it is about.

    A state is the one that the event led to. What is not known of a pod that was gone before its
    events came (labels, images) matches nothing.

    Args:
        filter_: the filter.
        event: the event.
        pod: its pod as it is or was last known.
        now: wall time, ns.
    """
    if pod is None:
        pod = Pod(event.pod_uid, event.namespace, event.pod, None, (), (), 0, 0)
    container = next((c for c in pod.containers if c.id == event.container_id), None)
    known = container

    def of(asked: Container | None) -> frozenset[str]:
        # The event speaks for the container, or where there is none, for the pod.
        if (asked is None) == bool(event.container):
            return frozenset()
        return event_states(event, _now(known, pod, now))

    if not event.container:
        return filter_.select(pod, (), of) is not None
    if container is None:
        container = Container(event.container_id, "", event.container)
    return filter_.select(pod, (container,), of) is not None


def _now(container: Container | None, pod: Pod, now: int) -> frozenset[str]:
    """What holds at present of what an event is about."""
    if container is not None:
        return container_states(container, status_in(pod, container, now))
    statuses = [(c, status_in(pod, c, now)) for c in pod.current]
    return pod_states(pod, pod_status(pod, statuses, now))
