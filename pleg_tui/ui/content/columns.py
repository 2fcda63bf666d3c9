"""Which columns there are, which of them fit into a width, and where they stand."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from pleg_tui.ui.content.order import SortBy, View

MARGIN = 1
"""Cells left of the first column."""
NARROW = 90
"""Below this the pod's age is left out: when it last changed says more."""
WIDE = 150
"""From here on there is room for images."""
VERY_WIDE = 159
"""From here on there is room for strips: a terminal of 160 cells, less the scroll bar."""
SPACIOUS = 140
"""From here on the last change, of all columns the one to be read whole, has room enough beside
the pod's age and CPU and memory, and titles that could be shorter are not."""
USAGE = 119
"""From here on there is room for CPU and memory: a terminal of 120 cells, less the scroll bar."""
TREND = 199
"""From here on there is room for the trend of CPU."""
NAME = "name"
"""The column that is always there, and always first."""
_SHARES = {0: (100,), 1: (50, 50), 2: (38, 33, 29)}
"""Percent of the room for text that the name has and each other column of text, by their number."""
_NARROW_SHARES = {**_SHARES, 1: (56, 44)}
_LEAST_NAME = 24
_LEAST_TEXT = 10
"""Cells below which a column of text says nothing: what was chosen last is left out before that."""


class Kind(Struct, frozen=True):
    """What may be shown of a pod or container; `name` is also what model.Cell calls it."""

    name: str
    title: str
    width: int
    """Cells; 0 for text, which shares the room that the others leave."""
    says: str
    """What it shows, for the menu of columns."""
    sort: SortBy | None = None
    right: bool = False
    narrow: tuple[str, int] | None = None
    """Its title and width in a narrow list, where they differ."""
    full: int = NARROW
    """The width of the list from which on they are the usual ones."""
    begins: int = 0
    """The width of the list from which on it is shown unless the columns were chosen."""
    gap: int = 2
    """Empty cells before it; a narrow list has one."""
    measured: bool = False
    """It is CPU or memory: shown where that can be read, at any width where it gives the order."""
    makes_room: int = 0
    """As `begins`, where CPU and memory are shown as well."""


KINDS = (
    Kind("ready", "READY", 5, "containers that run, of those that should", SortBy.READY, True),
    Kind("state", "STATE", 11, "the state in a word", SortBy.STATE),
    Kind("restarts", "RESTARTS", 9, "how often it was restarted", SortBy.RESTARTS, True,
         narrow=("RST", 4), full=SPACIOUS),
    Kind("age", "AGE", 5, "how long ago it was created", SortBy.AGE, True, begins=NARROW,
         makes_room=SPACIOUS),
    Kind("since", "LAST", 5, "how long ago it last changed", SortBy.CHANGE, True),
    Kind("cpu", "CPU", 5, "processor time: 1.00 is one whole core", SortBy.CPU, True,
         narrow=("CPU", 4), begins=USAGE, measured=True),
    Kind("memory", "MEM   LIM%", 10, "working set, and its share of the limit",
         SortBy.MEMORY, True, narrow=("MEM", 5), begins=USAGE, measured=True),
    Kind("trend", "CPU TREND", 12, "CPU lately, on one scale for all rows",
         begins=TREND, measured=True),
    Kind("change", "CHANGE", 0, "what changed last, and why", SortBy.CHANGE, gap=1),
    Kind("strip", "LAST 10 MIN", 20, "what its containers did lately",
         begins=VERY_WIDE),
    Kind("image", "IMAGE", 0, "the image of the container", SortBy.IMAGE, begins=WIDE,
         makes_room=190),
)  # fmt: skip
"""Every column but the name, in the order in which they stand unless they were chosen. A column is
added here, its cells in content/pods.py."""
NAMES = tuple(kind.name for kind in KINDS)
"""What the settings file and the menu of columns call them."""
_BY_NAME = {kind.name: kind for kind in KINDS}


class Column(Struct, frozen=True):
    """One column as it stands in a list of some width."""

    name: str
    title: str
    width: int
    sort: SortBy | None = None
    right: bool = False
    gap: int = 2
    """Empty cells before it."""


class Layout(Struct, frozen=True):
    """The columns of one width, from left to right."""

    columns: tuple[Column, ...]
    width: int
    figures: tuple[Column, ...] = ()
    """Those of them that show CPU or memory."""

    @property
    def strip(self) -> Column | None:
        """The column of strips, where there is one."""
        return next((column for column in self.columns if column.name == "strip"), None)

    @property
    def measured(self) -> bool:
        """CPU or memory is shown."""
        return bool(self.figures)

    def column_at(self, x: int) -> Column | None:
        """The column that stands in cell x, counting the gap before it."""
        for column in self.columns:
            x -= column.gap + column.width
            if x < 0:
                return column
        return None

    def sorted_by(self, sort: SortBy) -> Column | None:
        """The column whose title tells of this order: the last of those that show it."""
        return next((c for c in reversed(self.columns) if c.sort is sort), None)


def usual(width: int, measured: bool = False, sort: SortBy | None = None) -> tuple[str, ...]:
    """The names of the columns that a list of this width has unless they were chosen.

    Args:
        width: of the list.
        measured: CPU and memory can be read.
        sort: what the list is sorted by.
    """

    def shown(kind: Kind) -> bool:
        if kind.measured:
            return measured and (width >= kind.begins or (sort is not None and kind.sort is sort))
        return width >= max(kind.begins, kind.makes_room * measured)

    return tuple(kind.name for kind in KINDS if shown(kind))


def layout_for(width: int, view: View) -> Layout:
    """The columns of a list of this width that is looked at in this way."""
    return layout(width, view.columns, view.measured, view.sort)


@lru_cache(maxsize=32)
def layout(
    width: int,
    chosen: tuple[str, ...] | None = None,
    measured: bool = False,
    sort: SortBy | None = None,
) -> Layout:
    """The columns of a list of this width, in cells.

    Args:
        width: of the list.
        chosen: names of columns in the order wanted; None for those that suit the width. Of these,
            the last are left out where there is no room for all; names that are none do nothing.
        measured: as in usual().
        sort: as in usual().
    """
    narrow = width < NARROW
    names = usual(width, measured, sort) if chosen is None else tuple(dict.fromkeys(chosen))
    kinds = [_BY_NAME[name] for name in names if name in _BY_NAME]
    while chosen is not None and kinds and _room(kinds, width) < _least(kinds):
        kinds.pop()
    if chosen is None and _room(kinds, width) < _LEAST_NAME:
        kinds = [kind for kind in kinds if not kind.measured]
    texts = [kind for kind in kinds if not kind.width]
    room = max(_room(kinds, width), _LEAST_NAME)
    shares = (_NARROW_SHARES if narrow else _SHARES)[len(texts)]
    name, *rest = (room * share // 100 for share in shares)
    widths = dict(zip((kind.name for kind in texts), rest, strict=True))
    name += room - name - sum(rest)
    columns = [Column(NAME, "NAMESPACE/POD", name, SortBy.NAME, gap=MARGIN)]
    for kind in kinds:
        title, cells = _title(kind, width)
        cells = cells or widths[kind.name]
        gap = min(kind.gap, 1) if narrow else kind.gap
        columns.append(Column(kind.name, title, cells, kind.sort, kind.right, gap))
    figures = tuple(column for column in columns[1:] if _BY_NAME[column.name].measured)
    return Layout(tuple(columns), width, figures)


def _room(kinds: list[Kind], width: int) -> int:
    """Cells that are left for the name and the other columns of text."""
    narrow = width < NARROW
    taken = MARGIN
    for kind in kinds:
        taken += min(kind.gap, 1) if narrow else kind.gap
        taken += _title(kind, width)[1]
    return width - taken


def _title(kind: Kind, width: int) -> tuple[str, int]:
    """Its title and how wide it is in a list of this width."""
    if kind.narrow is not None and width < kind.full:
        return kind.narrow
    return kind.title, kind.width


def _least(kinds: list[Kind]) -> int:
    return _LEAST_NAME + _LEAST_TEXT * sum(not kind.width for kind in kinds)
