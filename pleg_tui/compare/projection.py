"""Projection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pleg_tui.compare.types import Block, Interval, Lane, Plan, Projection


def project(
    plan: Plan,
    blocks: Sequence[Block],
    runtime_effects: Mapping[Lane, Interval | None],
    *,
    pods: int,
    containers: int,
) -> Projection | None:
    """The table, or None while there is nothing to make it of."""
    raise NotImplementedError
