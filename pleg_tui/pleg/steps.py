"""The steps of an id's life, which of them a source announces, and which it failed to announce.

The KEP asked the kubelet for a metric of missed events (KEP-3386, `kube_pod_missed_events`); the
kubelet never got it. Here a step is missed when a listing shows that it happened, the source is one
that announces such steps, and no event did within a time of grace.
"""

from __future__ import annotations

from enum import IntFlag

from msgspec import Struct

from pleg_tui.model import ContainerState, SandboxState


class Announced(IntFlag):
    """Which steps of an id's life an event told."""

    NONE = 0
    CREATED = 1
    """Containers only."""
    RUNNING = 2
    """A container runs, or a sandbox is READY."""
    EXITED = 4
    """A container exited, or a sandbox is NOTREADY."""
    REMOVED = 8


class Coverage(Struct, frozen=True):
    """Which events a source is known to send at all: only those can be missed."""

    sandbox: frozenset[SandboxState]
    container: frozenset[ContainerState]


CONTAINERD = Coverage(
    frozenset({SandboxState.READY, SandboxState.NOTREADY, SandboxState.REMOVED}),
    frozenset(
        {
            ContainerState.CREATED,
            ContainerState.RUNNING,
            ContainerState.EXITED,
            ContainerState.REMOVED,
        }
    ),
)
"""containerd, by its own events or by the CRI's, announces every step."""

CRIO = Coverage(
    frozenset({SandboxState.READY, SandboxState.NOTREADY}),
    frozenset({ContainerState.CREATED, ContainerState.RUNNING, ContainerState.EXITED}),
)
"""CRI-O says DELETED only after an explicit RemoveContainer and never for a sandbox."""

NOTHING = Coverage(frozenset(), frozenset())
"""A source that only lists announces nothing, so nothing can be missed."""


class Missed(Struct, frozen=True):
    """One step that happened and that no event announced."""

    id: str
    is_sandbox: bool
    state: int
    """The step: a SandboxState or ContainerState."""
    pod_uid: str
    """The key of its pod; empty when it was never known."""
    namespace: str
    pod: str
    container: str
    """The container's name; empty for a sandbox."""


# Indexed by is_sandbox, then by the rank of the state.
BIT: tuple[tuple[int, ...], tuple[int, ...]] = ((0, 1, 2, 4, 8), (0, 2, 4, 8))
UP_TO: tuple[tuple[int, ...], tuple[int, ...]] = ((0, 1, 3, 7, 15), (0, 2, 6, 14))
REMOVED: tuple[int, int] = (int(ContainerState.REMOVED), int(SandboxState.REMOVED))

# The same moment in the other kind's words, at least: for an event that mistook a sandbox for a
# container (containerd's own events do not say which) or the other way round.
_AS_SANDBOX = (0, SandboxState.READY, SandboxState.READY, SandboxState.NOTREADY, REMOVED[1])
_AS_CONTAINER = (0, ContainerState.CREATED, ContainerState.EXITED, REMOVED[0])


def as_kind(state: int, *, is_sandbox: bool) -> int:
    """A rank of the other kind in this kind's words, never further than is certain."""
    return int(_AS_SANDBOX[state] if is_sandbox else _AS_CONTAINER[state])


def bits_as_kind(bits: int, *, is_sandbox: bool) -> int:
    """Announced steps of the other kind in this kind's words."""
    other = not is_sandbox
    return sum(
        {
            BIT[is_sandbox][as_kind(rank, is_sandbox=is_sandbox)]
            for rank, bit in enumerate(BIT[other])
            if bits & bit
        }
    )


def steps(bits: int, *, is_sandbox: bool) -> tuple[int, ...]:
    """The ranks that these bits stand for, in the order of life."""
    return tuple(rank for rank, bit in enumerate(BIT[is_sandbox]) if bits & bit)


def covered(coverage: Coverage) -> tuple[int, int]:
    """The bits a source announces: (of a container, of a sandbox)."""
    return (
        sum(BIT[False][state] for state in coverage.container),
        sum(BIT[True][state] for state in coverage.sandbox),
    )
