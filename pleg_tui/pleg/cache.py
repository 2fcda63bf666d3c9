"""The kubelet's timestamped cache of pod statuses (pkg/kubelet/container/cache.go).

For emulation in Compare only. Times are integers of any one clock, larger is later.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

StatusT = TypeVar("StatusT")


class Entry(Struct, Generic[StatusT], frozen=True):
    """One pod's status and when it was true (kubelet: data)."""

    status: StatusT
    modified: int


class Cache(Generic[StatusT]):
    """Pod statuses by UID, and the time up to which all of them are known to be fresh."""

    def __init__(self, *, evented: bool = True) -> None:
        self._evented = evented
        self._entries: dict[str, Entry[StatusT]] = {}
        self._timestamp: int | None = None

    def get(self, uid: str) -> Entry[StatusT] | None:
        """What is cached of a pod; None where the kubelet makes up an empty status (Get)."""
        return self._entries.get(uid)

    def set(self, uid: str, status: StatusT, timestamp: int) -> bool:
        """Cache a status; False when it was rejected (kubelet: Set).

        With the EventedPLEG gate on, a status is rejected when the cached one is of a later time;
        one of the same time is accepted. With the gate off every status is accepted.
        """
        cached = self._entries.get(uid)
        if self._evented and cached is not None and cached.modified > timestamp:
            return False
        self._entries[uid] = Entry(status, timestamp)
        return True

    def delete(self, uid: str) -> None:
        """Forget a pod, and with it the time of its last status (kubelet: Delete)."""
        self._entries.pop(uid, None)

    def update_time(self, timestamp: int) -> None:
        """Everything cached is as fresh as this (kubelet: UpdateTime).

        A relist says so of the time it began; Evented PLEG says so of now, every 5 s.
        """
        self._timestamp = timestamp

    def is_newer_than(self, uid: str, minimum: int) -> bool:
        """Whether a pod worker that waits for news after a time would go on.

        As in the kubelet's getIfNewerThan, on which GetNewerThan waits: the pod's own status is
        later, or all of the cache is; the same time is not later. A pod that is not cached counts
        only by the cache's own time (since 1.29; with the gate on, 1.26 to 1.28 did not wait).
        """
        if self._timestamp is not None and self._timestamp > minimum:
            return True
        cached = self._entries.get(uid)
        return cached is not None and cached.modified > minimum
