"""Figures over time as a row of blocks, one cell each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pleg_tui.ui.content.glyphs import Glyphs


def spark(values: Sequence[float], glyphs: Glyphs, top: float | None = None) -> str:
    """Each value as a block whose height is its share of the top; NaN (unknown) is a blank.

    The lowest block is zero and nothing else: what is more than that is seen to be more.

    Args:
        values: none below zero is shown as such.
        glyphs: the signs to use.
        top: what the highest block stands for; the greatest of the values unless given.
    """
    levels = glyphs.levels
    known = [value for value in values if not math.isnan(value)]
    top = max(known, default=0.0) if top is None else top
    cells: list[str] = []
    for value in values:
        if math.isnan(value):
            cells.append(" ")
        elif value <= 0 or top <= 0:
            cells.append(levels[0])
        else:
            share = min(value / top, 1.0)
            cells.append(levels[max(math.ceil(share * (len(levels) - 1)), 1)])
    return "".join(cells)
