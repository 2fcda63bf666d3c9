"""What each lane costs a daemon that it does not own, with a 95 % interval."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from pleg_tui.compare import schedule
from pleg_tui.compare.student import quantile
from pleg_tui.compare.types import Arm, Block, Interval, Lane

Cost = Callable[[Block], int | None]
"""Nanoseconds of CPU in a block; None: they could not be read."""


def runtime(block: Block) -> int | None:
    """The runtime's daemon."""
    return block.runtime_cpu_ns


def shims(block: Block) -> int | None:
    """Its shims or conmons."""
    return block.shims_cpu_ns


def kubelet(block: Block) -> int | None:
    """The node's real kubelet."""
    return block.kubelet_cpu_ns


@dataclass(frozen=True, slots=True)
class Effects:
    """Of the lanes on one daemon, ms of CPU per second."""

    lanes: Mapping[Lane, Interval | None]
    """None: not to be told with these blocks."""
    difference: Interval | None
    """Polling minus evented."""
    baseline: float | None
    """The mean of the blocks with no lane on."""
    adjusted: bool = False
    """Changes per second were taken into account."""
    weak: tuple[tuple[int, float], ...] = ()
    """Outliers: the index of the block and the weight below 1 that it was given."""


NOTHING = Effects({lane: None for lane in Lane}, None, None)


def effects(
    blocks: Sequence[Block], cost: Cost, available: Collection[Lane], *, adjust: bool = False
) -> Effects:
    """Estimate what each lane costs.

    Args:
        blocks: as measured; those that are spoiled or could not be read are left alone.
        cost: of what.
        available: the lanes that the schedule was made of, so the size of a replicate.
        adjust: let Block.transitions explain part of the cost; only where they were counted in
            the same way in every arm.
    """
    raise NotImplementedError
