"""In which order pods stand, and what the admin may change about the list."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from pleg_tui.model import ContainerState, Pod
from pleg_tui.ui.content.filters import NO_FILTER, Filter
from pleg_tui.ui.content.status import Change, Status

if TYPE_CHECKING:
    from pleg_tui.node.figures import Usage

Key = tuple[object, ...]
"""A sort key. Keys of one order compare with one another; the pod's key ends each, so no two are
equal."""


class SortBy(StrEnum):
    """What pods are sorted by; ties go by namespace and name."""

    NAME = "name"
    READY = "ready"
    STATE = "state"
    RESTARTS = "restarts"
    AGE = "age"
    CHANGE = "last change"
    IMAGE = "image"
    CPU = "cpu"
    MEMORY = "memory"


class View(Struct, frozen=True):
    """How the list is looked at."""

    sort: SortBy = SortBy.NAME
    reverse: bool = False
    filter: Filter = NO_FILTER
    running_only: bool = False
    unhealthy_only: bool = False
    """Only what is unhealthy, or was restarted a short time ago."""
    columns: tuple[str, ...] | None = None
    """Names of content.columns in the order wanted; None for those that suit the width."""
    measured: bool = False
    """CPU and memory can be read on this machine."""


def _ready_share(pod: Pod) -> float:
    counted = pod.counted
    running = sum(c.state is ContainerState.RUNNING for c in counted)
    return running / len(counted) if counted else 0.0


_LEADING: dict[SortBy, Callable[[Pod, Status, Change], object]] = {
    SortBy.NAME: lambda _pod, _status, _change: 0,
    SortBy.READY: lambda pod, _status, _change: _ready_share(pod),
    SortBy.STATE: lambda _pod, status, _change: status.severity,
    SortBy.RESTARTS: lambda pod, _status, _change: -pod.restarts,
    SortBy.AGE: lambda pod, _status, _change: -pod.created_at,
    SortBy.CHANGE: lambda _pod, _status, change: -change.at,
    SortBy.IMAGE: lambda pod, _status, _change: next((c.image for c in pod.containers), ""),
}


_USED: dict[SortBy, Callable[[Usage], float | None]] = {
    SortBy.CPU: lambda usage: usage.cores,
    SortBy.MEMORY: lambda usage: usage.working_set,
}
BY_USAGE = frozenset(_USED)
"""Orders that change although nothing happens."""


def sort_key(
    sort: SortBy, pod: Pod, status: Status, change: Change, usage: Usage | None = None
) -> Key:
    """Where a pod stands: by name from a to z, else what wants attention first.

    Of CPU and memory the most comes first, and what is unknown last.
    """
    leading: object
    if sort in BY_USAGE:
        used = _USED[sort](usage) if usage is not None else None
        leading = 1.0 if used is None else -used
    else:
        leading = _LEADING[sort](pod, status, change)
    return (leading, pod.namespace, pod.name, pod.uid)
