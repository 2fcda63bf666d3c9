"""The choices that crictl's letters make, as questions to ask of a pod or an event."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from pleg_tui.model import EventType, LifecycleEvent, Pod

POD_STATES = ("ready", "notready", "unknown")
EVENT_STATES = ("created", "running", "exited", "removed", "ready", "notready")

_LEADS_TO = {
    EventType.CONTAINER_CREATED: "created",
    EventType.CONTAINER_STARTED: "running",
    EventType.CONTAINER_DIED: "exited",
    EventType.CONTAINER_OOM: "exited",
    EventType.CONTAINER_REMOVED: "removed",
    EventType.SANDBOX_CREATED: "ready",
    EventType.SANDBOX_STARTED: "ready",
    EventType.SANDBOX_STOPPED: "notready",
    EventType.SANDBOX_REMOVED: "removed",
}


class Filter(Struct, frozen=True):
    """What the command line asks for; everything that is set must hold."""

    name: re.Pattern[str] | None = None
    namespace: re.Pattern[str] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    state: str = ""
    pod: str = ""
    """The beginning of a sandbox's id or of a pod's UID, or a pod's whole name."""

    def takes_pod(self, pod: Pod) -> bool:
        """True for a pod that was asked for; `name` is the pod's."""
        if not _found(self.name, pod.name) or not _found(self.namespace, pod.namespace):
            return False
        if self.state and self.state != (
            pod.sandbox.state.name.lower() if pod.sandbox else "unknown"
        ):
            return False
        ids = [sandbox.id for sandbox in pod.sandboxes]
        return self._names(pod.uid, pod.name, *ids) and self.takes_labels(labels_of(pod))

    def takes_event(self, event: LifecycleEvent, labels: Mapping[str, str], sandbox: str) -> bool:
        """True for an event that was asked for; `name` is the pod's or the container's.

        Args:
            event: the event.
            labels: of its pod, as far as they are known.
            sandbox: id of its pod's sandbox, empty when unknown.
        """
        if not (_found(self.name, event.pod) or _found(self.name, event.container)):
            return False
        if not _found(self.namespace, event.namespace):
            return False
        if self.state and self.state != _LEADS_TO[event.type]:
            return False
        if event.type.startswith("Sandbox"):
            sandbox = event.container_id
        return self._names(event.pod_uid, event.pod, sandbox) and self.takes_labels(labels)

    def takes_labels(self, labels: Mapping[str, str]) -> bool:
        """True when every label that was asked for is there."""
        return all(labels.get(key) == value for key, value in self.labels)

    def _names(self, uid: str, name: str, *ids: str) -> bool:
        wanted = self.pod
        return not wanted or name == wanted or any(each.startswith(wanted) for each in (uid, *ids))


def labels_of(pod: Pod) -> Mapping[str, str]:
    """A pod's labels: its sandbox's; none are known of a pod without one."""
    return pod.sandbox.labels if pod.sandbox else {}


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression, found anywhere as in crictl.

    Raises:
        ValueError: it is none.
    """
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None


def label(text: str) -> tuple[str, str]:
    """A label as key=value.

    Raises:
        ValueError: there is no = in it.
    """
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise ValueError(f"{text!r} is no label: write key=value")
    return key, value


def _found(wanted: re.Pattern[str] | None, text: str) -> bool:
    return wanted is None or wanted.search(text) is not None
