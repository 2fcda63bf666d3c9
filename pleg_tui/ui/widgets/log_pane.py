"""A log to read and follow: it follows the newest line until it is scrolled back."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from pleg_tui.node.log_format import LogLine
from pleg_tui.ui.content.finding import MATCH, MATCH_HERE, mark, next_of, pattern
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part, note_row
from pleg_tui.ui.content.log_buffer import Entry, LogBuffer, RowMap, text_of
from pleg_tui.ui.content.logs import log_rows, rows_of
from pleg_tui.ui.content.text import fit
from pleg_tui.ui.widgets.line_list import BLANK, LineList

_MOST_KEPT = 400
"""Lines of which the rows are kept as they were drawn."""


class LogPane(LineList):
    """Draws the lines of a LogBuffer; the keys that move a cursor elsewhere scroll here."""

    class Changed(Message):
        """It follows or does not, or what is found is other than before."""

    class AtTop(Message):
        """It was scrolled to its first line."""

    class AtEnd(Message):
        """It was scrolled to its last line."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.buffer = LogBuffer()
        self.following = True
        self.may_follow = True
        """Being at the end means following; not so in a log that is read from its beginning."""
        self.unseen = 0
        """Lines that came since it was scrolled back."""
        self.stamps = False
        self.wraps = False
        self.here: int | None = None
        """The number of the match that was gone to last."""
        self._glyphs = glyphs
        self._note: Sequence[Line] = ()
        self._rows = RowMap((), 0)
        self._kept: dict[int, list[Line]] = {}
        self._moving = False

    # -- what is shown

    def clear(self, *, following: bool) -> None:
        """Begin anew."""
        self.buffer.clear()
        self._kept.clear()
        self._rows = RowMap((), 0)
        self.here = None
        self.unseen = 0
        self.following = self.may_follow = following
        self._set_count()
        self._scroll(0)

    def note(self, lines: Sequence[Line]) -> None:
        """What to say while there is no line."""
        if lines != self._note:
            self._note = lines
            self.repaint()

    def add(self, entries: Sequence[Entry], pending: Sequence[LogLine]) -> None:
        """More lines; `pending` replaces those at the end that were not complete."""
        buffer = self.buffer
        before = buffer.pending
        if not entries and not pending and not before:
            return
        for number in range(buffer.end - before, buffer.end):
            self._kept.pop(number, None)
        self._rows.cut_end(before)
        start = buffer.end - before
        dropped = buffer.add(entries, pending, keep=not self.following)
        # What was dropped may reach into what has just come, so measure all of that first.
        heights = [self._height(entry) for entry in entries]
        heights += [self._height(line) for line in pending]
        self._rows.add(heights)
        assert start + len(heights) == buffer.end  # noqa: S101
        gone = self._rows.drop(dropped)
        if dropped:
            for number in [number for number in self._kept if number < buffer.first]:
                del self._kept[number]
        top = round(self.scroll_y)
        self._set_count()
        if self.following:
            self._scroll(self.max_scroll_y)
        else:
            self.unseen += len(entries)
            if gone:
                self._scroll(max(top - gone, 0))
        self.repaint()

    def add_before(self, entries: Sequence[Entry]) -> int:
        """Older lines, above the first; what is seen stays where it is."""
        before = self._rows.rows
        taken = self.buffer.add_before(entries)
        if taken:
            top = round(self.scroll_y)
            self._measure()
            self._set_count()
            self._scroll(top + self._rows.rows - before)
            self.repaint()
        return taken

    def _height(self, entry: Entry) -> int:
        if not self.wraps or isinstance(entry, str):
            return 1
        return rows_of(entry, self.window.width, stamps=self.stamps)

    def _measure(self) -> None:
        heights = [self._height(entry) for entry in self.buffer.entries()]
        self._rows = RowMap(heights, self.buffer.first)

    def relayout(self) -> None:
        """Another width, or lines wrap now, or do not: the line at the top stays there."""
        number = self._rows.line_of(round(self.scroll_y))[0] if self._rows.rows else None
        self._kept.clear()
        self._measure()
        self._set_count()
        if self.following:
            self._scroll(self.max_scroll_y)
        elif number is not None:
            self._scroll(self._rows.row_of(number))
        self._drawn.clear()
        self.refresh()

    # -- drawing

    def line(self, index: int) -> Line:
        """One row."""
        number, row = self._rows.line_of(index)
        entry = self.buffer[number]
        width = self.window.width
        if isinstance(entry, str):
            rule = self._glyphs.rule
            return (Part(fit(f" {rule * 2} {entry} {rule * 2}", width), "warn"),)
        rows = self._kept.get(number)
        if rows is None:
            rows = log_rows(entry, width, self._glyphs, stamps=self.stamps, wrap=self.wraps)
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[number] = rows
        found = pattern(self.buffer.sought)
        return mark(rows[row], found, MATCH_HERE if number == self.here else MATCH)

    def mode(self, index: int) -> str:  # noqa: ARG002 - there is no cursor
        """There is no cursor."""
        return ""

    def filler(self, y: int) -> Line:
        """While there is no line: why."""
        return note_row(self._note, y, self.window.width) if not self.count else BLANK

    def seen_text(self) -> str:
        """The lines that are on the screen, whole."""
        if not self._rows.rows:
            return ""
        top = round(self.scroll_y)
        first = self._rows.line_of(top)[0]
        last = self._rows.line_of(min(top + self.window.height, self._rows.rows) - 1)[0]
        return "\n".join(text_of(self.buffer[number]) for number in range(first, last + 1))

    # -- finding

    def seek(self, text: str, *, go: bool) -> None:
        """Mark what matches; go to the last match that is not below the screen."""
        self.buffer.seek(text)
        self.here = None
        if go and self.buffer.matches:
            end = self._bottom_line() + 1
            self._go(next_of(self.buffer.matches, end, -1))
        self.repaint()
        self.post_message(self.Changed())

    def step(self, step: int) -> None:
        """Go to the next match, or the one before."""
        start = self.here
        if start is None:
            start = self._bottom_line() + 1
        self._go(next_of(self.buffer.matches, start, step))

    def _bottom_line(self) -> int:
        if not self._rows.rows:
            return self.buffer.first
        row = min(round(self.scroll_y) + self.window.height, self._rows.rows) - 1
        return self._rows.line_of(row)[0]

    def _go(self, number: int | None) -> None:
        if number is None:
            return
        self.here = number
        row = self._rows.row_of(number)
        top, height = round(self.scroll_y), self.window.height
        if not top <= row < top + height:
            self._set_following(False)
            self._scroll(max(row - height // 3, 0))
        elif row < self.max_scroll_y:
            self._set_following(False)
        self.repaint()
        self.post_message(self.Changed())

    # -- moving

    def follow(self, following: bool) -> None:
        """Follow the newest line, or stay."""
        if following:
            self._scroll(self.max_scroll_y)
        self._set_following(following)

    def move_to(self, index: int) -> None:
        """Scroll so that this row is the first."""
        self.scroll_to(y=max(0, min(index, self.max_scroll_y)), animate=False)

    def show_cursor(self) -> None:
        """There is none to show."""

    def action_cursor(self, step: int) -> None:
        """Scroll by rows."""
        top = round(self.scroll_y)
        self.move_to(top + step)
        if step < 0 and top == 0:
            self.post_message(self.AtTop())
        elif step > 0 and top >= self.max_scroll_y:
            self._reached_end()

    def action_first(self) -> None:
        """Go to the first line."""
        if round(self.scroll_y) == 0:
            self._set_following(False)
            self.post_message(self.AtTop())
        self.move_to(0)

    def action_last(self) -> None:
        """Go to the last line, and follow."""
        self.move_to(self._rows.rows)
        self._reached_end()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolled by the admin: that leaves the end, or comes back to it."""
        super().watch_scroll_y(old_value, new_value)
        if self._moving or round(old_value) == round(new_value):
            return
        if new_value < old_value:
            if round(new_value) < self.max_scroll_y:  # else only the window has grown
                self._set_following(False)
            if round(new_value) == 0:
                self.post_message(self.AtTop())
        elif round(new_value) >= self.max_scroll_y:
            self._reached_end()

    def _reached_end(self) -> None:
        if self.may_follow:
            self._set_following(True)
        self.post_message(self.AtEnd())

    def on_resize(self) -> None:
        """Another size."""
        self.relayout()

    def _set_count(self) -> None:
        self._moving = True
        try:
            self.count = self._rows.rows
        finally:
            self._moving = False

    def _scroll(self, row: int) -> None:
        """Scroll by this program's own will."""
        self._moving = True
        try:
            self.scroll_to(y=row, animate=False)
        finally:
            self._moving = False

    def _set_following(self, following: bool) -> None:
        if following:
            self.unseen = 0
        if following != self.following:
            self.following = following
            self.post_message(self.Changed())
