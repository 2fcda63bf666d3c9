"""What the live state keeps of one id."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from pleg_tui.model import Container, ContainerState, Sandbox, SandboxState
from pleg_tui.pleg import merge, steps


class Names(NamedTuple):
    """Whose id it is; empty where it was never said."""

    pod_uid: str
    """The key of its pod."""
    namespace: str
    pod: str
    container: str
    """Empty for a sandbox."""


class Record(Struct, eq=False, gc=False):
    """One id: a sandbox or a container that exists, or its tombstone."""

    id: str
    is_sandbox: bool
    first: int
    """When it was first known, mono."""
    sandbox: Sandbox | None = None
    container: Container | None = None
    state: int = 0
    climbed: int = 0
    """When its state last climbed, wall; 0 when nobody saw it climb."""
    announced: int = 0
    """Bits (Announced): steps that need no event any more."""
    suspected: int = 0
    """Bits: steps that a listing showed before any event announced them."""
    ran: bool | None = None
    """Whether it ever ran; None while nothing told."""
    vouched: bool = False
    """The CRI itself spoke of it, so that its absence there means something."""
    detailed: bool = False
    """A status came, so that a listing can only know less."""
    heard: Sandbox | Container | None = None
    """The status that was merged last, while it says nothing new; None after anything else."""
    key: str = ""
    """Its pod's key; empty while it belongs to none."""
    buried: int | None = None
    """When it was removed, mono; from then on it is a tombstone."""
    names: Names | None = None
    """Kept in the tombstone, where the rest is dropped."""

    def __post_init__(self) -> None:
        self._blank(self.is_sandbox)

    def _blank(self, is_sandbox: bool) -> None:
        self.is_sandbox = is_sandbox
        self.sandbox = Sandbox(self.id, "", "", "") if is_sandbox else None
        self.container = None if is_sandbox else Container(self.id, "", "")

    def become(self, is_sandbox: bool) -> None:
        """Turn out to be the other kind, as far along in its life as is certain."""
        self.announced = steps.bits_as_kind(self.announced, is_sandbox=is_sandbox)
        self.state = steps.as_kind(self.state, is_sandbox=is_sandbox)
        self._blank(is_sandbox)
        if self.sandbox is not None:
            self.sandbox = merge.sandbox_event(self.sandbox, SandboxState(self.state), 0)
        if self.container is not None:
            self.container = merge.container_event(self.container, ContainerState(self.state), 0)

    def learn_whether_it_ran(self, container: Container, *, is_status: bool) -> None:
        """Only a status tells when a container started; an ended one without that never ran."""
        if container.started_at or container.state == ContainerState.RUNNING:
            self.ran = True
        elif is_status and container.state >= ContainerState.EXITED and self.ran is None:
            self.ran = False

    def bury(self, names: Names, mono: int) -> None:
        """Become a tombstone: keep what a late message or a missed step needs, drop the rest."""
        self.names = names
        self.buried = mono
        self.sandbox = self.container = self.heard = None
