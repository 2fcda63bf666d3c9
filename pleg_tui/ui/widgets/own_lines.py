"""Lets widgets that draw whole lines themselves be drawn without Textual's styling of each line.

For every line that is drawn again Textual works out borders, padding, outlines, hatches, tints and
opacity, and it puts every line of a widget, drawn again or not, through the app's filters whenever
something near it changes. The widgets here have none of the former, and paint every cell of their
lines, so a line is made and filtered once, and then only looked up. Measured: docs/performance.md.
"""

from __future__ import annotations

from textual._styles_cache import StylesCache
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class OwnLines(StylesCache):
    """Keeps the lines of one widget until Textual says that they are to be drawn again."""

    def render_widget(self, widget: Widget, crop: Region) -> list[Strip]:
        """The lines of this part of the widget, which has no border and no padding."""
        width = widget.outer_size.width
        if width != self._width:
            self.clear()
            self._width = width
        kept, dirty = self._cache, self._dirty_lines
        rows = crop.line_range
        again = [y for y in rows if y in dirty or y not in kept]
        if again:
            filters, background = widget.get_line_filters(), widget.background_colors[1]
            for y in again:
                strip = widget.render_line(y)
                for line_filter in filters:
                    strip = strip.apply_filter(line_filter, background)
                kept[y] = strip
            dirty.difference_update(rows)
        strips = [kept[y] for y in rows]
        if crop.column_span != (0, width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips
