"""The runtimes that a simulator can behave like, as plain data.

What differs between them is what a reader of events meets: whether `GetContainerEvents` exists, who
gets which event, what happens to a reader that stalls, and whether containerd's own event service
is on the socket. Each rule's source is the runtime's own code, named beside it.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

MARKER = "pleg-tui-simulated"
"""A file of this name in a root says that the node is simulated."""
SUFFIX = "+simulated"
"""Every runtime_version ends in it, so that no reader can take a simulator for a runtime."""


class CriEvents(StrEnum):
    """What GetContainerEvents does."""

    BROADCAST = "broadcast"
    """containerd >= 2.0 (internal/eventq): every reader gets all, each through a queue of 100; a
    full queue blocks whoever sends. Without a reader events wait 5 minutes for the first."""
    SHARED = "shared"
    """containerd 1.7 (pkg/cri/server): one queue of 1000, each event to exactly one reader; full:
    the newest is dropped."""
    CHANNEL = "channel"
    """CRI-O >= 1.28: a queue of 1000 that drops the newest when full, one broadcaster that writes
    to the readers one after the other."""
    EOF = "eof"
    """CRI-O with enable_pod_events off: the stream ends with OK at once."""
    UNIMPLEMENTED = "unimplemented"


class Flavour(Struct, frozen=True):
    """One runtime's visible habits."""

    name: str
    runtime_name: str
    version: str
    """Without the suffix; see `runtime_version`."""
    cri_events: CriEvents
    native_events: bool
    """containerd's own events service is on the socket."""
    sandbox_created_event: bool = True
    """CRI-O sends STARTED and STOPPED for a sandbox, but no CREATED."""
    sandbox_deleted_event: bool = True
    """CRI-O never sends it (removeSandbox runs before generateCRIEvent)."""
    deleted_with_sandbox: bool = True
    """RemovePodSandbox sends DELETED for the containers that it takes along (containerd)."""
    sandbox_deleted_status: bool = True
    """containerd 1.7's DELETED of a sandbox carries no pod status."""
    fat_sandbox_status: bool = False
    """PodSandboxStatus carries containers_statuses and timestamp (CRI-O with events on)."""
    max_message: int = 16 << 20
    """Largest answer in bytes: containerd 16 MiB, CRI-O 80 MiB."""
    snapshotter_root: str = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"

    @property
    def is_containerd(self) -> bool:
        """It words its errors as containerd does."""
        return self.runtime_name == "containerd"


_CRIO_ROOT = "/var/lib/containers/storage/overlay-images"

FLAVOURS: dict[str, Flavour] = {
    flavour.name: flavour
    for flavour in (
        Flavour("containerd-2", "containerd", "v2.1.9", CriEvents.BROADCAST, True),
        Flavour(
            "containerd-1.7",
            "containerd",
            "1.7.34",
            CriEvents.SHARED,
            True,
            sandbox_deleted_status=False,
        ),
        Flavour("containerd-1.6", "containerd", "1.6.39", CriEvents.UNIMPLEMENTED, True),
        Flavour(
            "crio",
            "cri-o",
            "1.35.0",
            CriEvents.CHANNEL,
            False,
            sandbox_created_event=False,
            sandbox_deleted_event=False,
            deleted_with_sandbox=False,
            fat_sandbox_status=True,
            max_message=80 << 20,
            snapshotter_root=_CRIO_ROOT,
        ),
        Flavour(
            "crio-events-off",
            "cri-o",
            "1.35.0",
            CriEvents.EOF,
            False,
            max_message=80 << 20,
            snapshotter_root=_CRIO_ROOT,
        ),
        Flavour(
            "cri-dockerd",
            "docker",
            "28.3.2",
            CriEvents.UNIMPLEMENTED,
            False,
            snapshotter_root="/var/lib/docker",
        ),
    )
}
DEFAULT_FLAVOUR = "containerd-2"


def runtime_version(flavour: Flavour, version: str = "") -> str:
    """What the Version call says: the flavour's version, or another, marked as simulated."""
    base = version or flavour.version
    return base if base.endswith(SUFFIX) else base + SUFFIX
