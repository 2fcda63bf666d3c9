"""A line that is kept long, without the seven caches that Textual gives to each of its lines.

A line as wide as its widget is "divided" into itself, and Textual's keeps that answer, so it holds
itself: nothing but the garbage collector, which runs seldom here, would ever free it. Of the caches
only that of the filters is of use to a line that is drawn again. Measured: docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.segment import Segment
from textual.cache import FIFOCache
from textual.color import Color
from textual.filter import LineFilter
from textual.strip import Strip


class _Nothing(FIFOCache[Any, Any]):
    """A cache for all lines together: it never has anything."""

    def __setitem__(self, key: object, value: object) -> None:
        """Forget it at once."""


_NOTHING = _Nothing(0)


class OwnStrip(Strip):
    """Segments of known width."""

    __slots__ = ("_filtered",)

    def __init__(self, segments: Iterable[Segment], cell_length: int) -> None:
        """Takes the place of Textual's, which would make the caches."""
        self._segments = list(segments)
        self._cell_length = cell_length
        self._divide_cache = self._crop_cache = self._style_cache = _NOTHING
        self._filter_cache = self._line_length_cache = _NOTHING
        self._crop_extend_cache = self._offsets_cache = _NOTHING
        self._render_cache = self._link_ids = self._cell_count = None
        self._filtered: tuple[LineFilter, Color, OwnStrip] | None = None

    def apply_filter(self, filter: LineFilter, background: Color) -> Strip:  # noqa: A002
        """The line as the filter shows it; the last answer is kept."""
        kept = self._filtered
        if kept is None or kept[0] is not filter or kept[1] != background:
            strip = OwnStrip(filter.apply(self._segments, background), self.cell_length)
            kept = self._filtered = (filter, background, strip)
        return kept[2]
