"""From what was measured to the whole answer."""

from __future__ import annotations

from collections.abc import Sequence

from pleg_tui.compare.document import NotOurs, from_json, to_json
from pleg_tui.compare.types import Block, Context, Plan, Report, Sighting

__all__ = ["NotOurs", "build", "from_json", "to_json"]


def build(
    plan: Plan, blocks: Sequence[Block], sightings: Sequence[Sighting], context: Context
) -> Report:
    """The report of the blocks so far; pure, and cheap enough for once a second."""
    raise NotImplementedError
