"""Which columns fit into a width, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pleg_tui.ui.content.order import SortBy

MARGIN = 1
"""Cells left of the first column."""
NARROW = 90
"""Below this the pod's age is left out: when it last changed says more."""
WIDE = 150
"""From here on there is room for images."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `name` is also what model.Cell calls it."""

    name: str
    title: str
    width: int
    sort: SortBy | None = None
    right: bool = False
    gap: int = 2
    """Empty cells before it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one width, from left to right."""

    columns: tuple[Column, ...]
    width: int

    def column_at(self, x: int) -> Column | None:
        """The column that stands in cell x, counting the gap before it."""
        for column in self.columns:
            x -= column.gap + column.width
            if x < 0:
                return column
        return None


@lru_cache(maxsize=8)
def layout(width: int) -> Layout:
    """The columns of a list of this width, in cells."""
    narrow = width < NARROW
    gap = 1 if narrow else 2
    restarts = ("RST", 4) if narrow else ("RESTARTS", 9)
    fixed = [
        Column("ready", "READY", 5, SortBy.READY, right=True, gap=gap),
        Column("state", "STATE", 11, SortBy.STATE, gap=gap),
        Column("restarts", *restarts, SortBy.RESTARTS, right=True, gap=gap),
        Column("since", "LAST", 5, SortBy.CHANGE, right=True, gap=gap),
    ]
    if not narrow:
        fixed.insert(3, Column("age", "AGE", 5, SortBy.AGE, right=True, gap=gap))
    wide = width >= WIDE
    taken = MARGIN + 1 + sum(c.gap + c.width for c in fixed) + gap * wide
    room = max(width - taken, 24)
    name = room * 36 // 100 if wide else room * 58 // 100
    change = (room - name) // 2 if wide else room - name
    columns = [
        Column("name", "NAMESPACE/POD", name, SortBy.NAME, gap=MARGIN),
        *fixed,
        Column("change", "CHANGE", change, SortBy.CHANGE, gap=1),
    ]
    if wide:
        columns.append(Column("image", "IMAGE", room - name - change, gap=gap))
    return Layout(tuple(columns), width)
