"""Which events are shown: those that the list's filter lets through, or another choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pleg_tui.feed.types import Notice
from pleg_tui.model import Container, LifecycleEvent, Pod
from pleg_tui.ui.content.filters import NO_FILTER, Filter

PodOf = Callable[[str], Pod | None]
"""The pod of this key (UID), as it is or was last known."""


@dataclass(frozen=True, slots=True)
class Only:
    """The one pod or container whose events are wanted."""

    pod: str
    """The pod's key (UID)."""
    container: str = ""
    """The container's name, so that later attempts count as well; empty for the whole pod."""
    title: str = ""
    """How it is called."""


@dataclass(frozen=True, slots=True)
class EventView:
    """How the event list is looked at."""

    follows: bool = True
    """The list's filter counts here as well; otherwise `own` does."""
    own: Filter = NO_FILTER
    only: Only | None = None

    def passes(self, listed: Filter, pod_of: PodOf) -> Callable[[LifecycleEvent | Notice], bool]:
        """Whether to show an entry; notices about the stream itself are always shown.

        Args:
            listed: the filter of the list of pods.
            pod_of: finds the labels and the images that an event does not carry.
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
            return not filter_ or matches(filter_, entry, pod_of(entry.pod_uid))

        return shown

    def hides(self, listed: Filter) -> bool:
        """There may be events that are not shown."""
        return self.only is not None or bool(listed if self.follows else self.own)


def matches(filter_: Filter, event: LifecycleEvent, pod: Pod | None) -> bool:
    """The filter lets this event through: its pod passes, or the container that it is about.

    What is not known of a pod that was gone before its events came (labels, images) matches
    nothing.
    """
    if pod is None:
        pod = Pod(event.pod_uid, event.namespace, event.pod, None, (), (), 0, 0)
    if not event.container:
        return filter_.select(pod, ()) is not None
    container = next((c for c in pod.containers if c.id == event.container_id), None)
    if container is None:
        container = Container(event.container_id, "", event.container)
    return filter_.select(pod, (container,)) is not None
