"""What a feed tells its reader: its health, what changed, and notices about the stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from pleg_tui.model import Container, LifecycleEvent, Pod, RuntimeInfo, Sandbox, Source, Transition


class SourceChoice(StrEnum):
    """What the admin may ask for with --source."""

    AUTO = "auto"
    CRI = "cri"
    CONTAINERD = "containerd"
    RELIST = "relist"
    NONE = "none"
    """List once and never subscribe; `pods` uses it."""


class Phase(StrEnum):
    """How the connection to the runtime stands."""

    STARTING = "starting"
    """The collector has not said anything yet."""
    CONNECTING = "connecting"
    """Nothing has been connected yet; it tries again and again."""
    LIVE = "live"
    LOST = "lost"
    """It was live and is not now; it tries again and again."""
    STOPPED = "stopped"


class Settings(Struct, frozen=True):
    """What a feed is to do."""

    endpoint: str
    """A CRI endpoint, `unix:///…`."""
    source: SourceChoice = SourceChoice.AUTO
    resync_s: float = 300.0
    relist_s: float = 5.0
    root: str = "/"
    """Where the node's file system is seen from here."""
    details: bool = True
    """Look up what listings do not say (exit codes, start times) of every container, gently."""
    debug: str = ""
    """A file for the collector's log; empty for none."""


class Health(Struct, frozen=True):
    """The state of the stream, all of it; replaced as a whole when anything changes."""

    phase: Phase = Phase.STARTING
    runtime: RuntimeInfo | None = None
    source: Source | None = None
    why: str = ""
    """Why this source, in one sentence."""
    warning: str = ""
    """What the admin must know about it: a source that was forced, a guard that acted."""
    error: str = ""
    """Why it is not live, in one sentence with the remedy."""
    retry_at: float | None = None
    """time.monotonic() of the next attempt."""
    events: int = 0
    lost: int = 0
    """Messages that this program dropped because its reader was slow."""
    missed: int = 0
    """Events that the runtime never sent: a resync found what they should have announced."""
    lag_ms: float | None = None
    """From happening to being received, of the newest event that was not replayed."""
    unreadable: int = 0
    """Messages from the runtime that could not be understood."""
    restarts: int = 0
    """How often the guard had to start a new collector."""
    collector_pid: int | None = None


class Notice(Struct, frozen=True):
    """A control line of the event list: the stream itself changed."""

    state: str
    """connected, lost, resynced or ended."""
    at: int
    """Wall time, ns."""
    source: Source | None = None
    lost: int = 0
    missed: int = 0
    error: str = ""


class Delta(Struct, frozen=True):
    """What changed since the last take(), coalesced."""

    changed: frozenset[str] = frozenset()
    """Keys of pods that are new or different."""
    removed: frozenset[str] = frozenset()
    """Keys of pods that are gone."""
    events: tuple[LifecycleEvent, ...] = ()
    transitions: tuple[Transition, ...] = ()
    notices: tuple[Notice, ...] = ()
    health: bool = False
    """True when the health is another one than at the last take()."""
    more: bool = False
    """Not all that changed is in here: the next take() has more at once."""

    def __bool__(self) -> bool:
        return bool(
            self.changed
            or self.removed
            or self.events
            or self.transitions
            or self.notices
            or self.health
        )


class AskError(Exception):
    """A look-up that could not be answered; its text is one clear sentence."""


class Feed(Protocol):
    """What a screen or a command needs of a feed. Everything is for one asyncio loop's thread."""

    on_dirty: Callable[[], None] | None
    """Called once when something is there to take(), and not again until it was taken."""

    @property
    def health(self) -> Health:
        """How the stream stands now."""
        ...

    @property
    def pods(self) -> Mapping[str, Pod]:
        """Every pod by its key (UID); read-only."""
        ...

    def container(self, container_id: str) -> Container | None:
        """A container that still exists, by its full id."""
        ...

    def sandbox(self, sandbox_id: str) -> Sandbox | None:
        """A sandbox that still exists, by its full id."""
        ...

    def take(self) -> Delta:
        """What changed since the last call."""
        ...

    async def start(self) -> None:
        """Attach to the running loop and begin; returns at once."""
        ...

    async def ask(self, op: str, object_id: str = "", *, verbose: bool = False) -> dict[str, Any]:
        """Look one thing up: op is "container", "sandbox" or "runtime".

        Returns:
            The response as JSON-like data in the CRI's own field names, every string cleaned;
            `info` values that are JSON texts are parsed.

        Raises:
            AskError: it is gone, the call failed, or nothing is connected.
        """
        ...

    async def stop(self) -> None:
        """End the collector and detach."""
        ...
