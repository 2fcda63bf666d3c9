"""The timeline pane: its title and the strips of the pod under the list's cursor."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical

from pleg_tui.feed.types import Delta
from pleg_tui.model import Container, Pod
from pleg_tui.pleg.history import History
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.model import Row
from pleg_tui.ui.content.strip import overlay, strip_line, window
from pleg_tui.ui.content.text import SECOND
from pleg_tui.ui.content.timeline import timeline_title
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.strip_pane import StripPane

TALL = 32
"""Lines of a terminal from which on it is shown unless it was put away."""
SHORT_STRIP = 600 * SECOND
"""What the strip in a row of the list shows, ns."""
_MOST_STRIPS = 2000


class Timeline(Vertical):
    """Keeps the history that it is fed, shown or not, and draws one pod's part of it."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.history = History()
        self.bar = Bar(self._title, id="timeline-title")
        """The title."""
        self.pane = StripPane(self.history, glyphs, id="strips")
        """The strips themselves, which take the focus."""
        self._glyphs = glyphs
        self._wanted: bool | None = None
        self._strips: dict[str, tuple[tuple[int, int, int, int], Line]] = {}
        self._frame = (0, 0, window(0, SHORT_STRIP, 1))

    def compose(self) -> ComposeResult:
        """Build the pane."""
        yield self.bar
        yield self.pane

    # -- whether it is shown

    def suit(self, height: int) -> None:
        """The terminal has so many lines."""
        shown = height >= TALL if self._wanted is None else self._wanted
        if shown is not self.display:
            self.display = shown
        self.screen.set_class(shown, "-timeline")

    def toggle(self) -> None:
        """Show it, or put it away."""
        self._wanted = not self.display
        self.suit(self.screen.size.height)

    # -- what it shows

    def feed(self, delta: Delta, pods: Mapping[str, Pod], now: int) -> None:
        """Remember what has happened; `now` is wall time in ns."""
        for notice in delta.notices:
            if notice.state == "lost":
                self.history.lost(notice.at)
            elif notice.state == "connected":
                self.history.connected(notice.at)
        self.history.apply(
            pods,
            changed=delta.changed,
            removed=delta.removed,
            transitions=delta.transitions,
            events=delta.events,
            now=now,
        )

    def look(self, row: Row | None, now: int) -> None:
        """Show the pod of this row at this time."""
        if not self.display:
            return
        container = row.container.name if row is not None and row.container is not None else ""
        self.pane.look(row.pod if row is not None else None, container, now)
        self.bar.check()

    def container(self, pod: Pod) -> Container | None:
        """The container of this pod at the cursor of time, as long as it exists."""
        chosen = self.pane.container_id
        return next((c for c in pod.containers if c.id == chosen), None)

    def _title(self, width: int) -> Line:
        pane = self.pane
        return timeline_title(pane.facts, focused=pane.has_focus, width=width, glyphs=self._glyphs)

    # -- the strips in the list

    def short_strip(self, key: str, width: int, now: int) -> Line:
        """The last minutes of a pod in so many cells, kept until it changes or a cell is over."""
        if self._frame[:2] != (now, width):
            self._frame = (now, width, window(now, SHORT_STRIP, width))
        frame = self._frame[2]
        history = self.history
        seen = (history.version(key), history.gap_version, frame.end, width)
        kept = self._strips.get(key)
        if kept is not None and kept[0] == seen:
            return kept[1]
        if len(self._strips) >= _MOST_STRIPS:
            self._strips.clear()
        cells = overlay(history.spans(key), history.gaps, frame)
        line: Line = strip_line(cells, self._glyphs) if any(cells) else (Part(" " * width),)
        self._strips[key] = (seen, line)
        return line
