"""The live list: pods with their containers under them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from pleg_tui.model import Pod
from pleg_tui.ui.content.columns import layout_for
from pleg_tui.ui.content.empty import centred
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.model import Cell, Row, RowKey, RowModel
from pleg_tui.ui.content.order import View
from pleg_tui.ui.content.pods import Drawing, Lines, row_line
from pleg_tui.ui.content.text import SECOND, steady
from pleg_tui.ui.content.usage import NO_SAMPLES, Sample
from pleg_tui.ui.widgets.line_list import BLANK, LineList
from pleg_tui.ui.widgets.line_styles import STALE

GLOW_S = 1.0
"""How long a value that has just changed glows."""


class PodList(LineList):
    """Draws the rows of a RowModel; the cursor stays with its row wherever that goes.

    Until the admin moves it, the cursor stays at the top instead: nothing was chosen yet.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "fold(True)", "Fold the pod", show=False, id="list.fold"),
        Binding("right", "fold(False)", "Unfold the pod", show=False, id="list.unfold"),
        Binding("z", "fold_all", "Fold or unfold all pods", show=False, id="list.fold-all"),
    ]

    class Opened(Message):
        """A row was clicked twice."""

    def __init__(
        self,
        glyphs: Glyphs,
        monotonic: Callable[[], float],
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self._monotonic = monotonic
        self.model = RowModel()
        self._glyphs = glyphs
        self._now = 0
        self._steady_until = 0
        self._key: RowKey | None = None
        self._glow: dict[RowKey, dict[str, float]] = {}
        self._lines = Lines()
        self._stale = False
        self._empty: list[Line] = []
        self._samples: Mapping[str, Sample] = NO_SAMPLES
        self.strip: Callable[[str, int, int], Line] | None = None
        """Draws the last minutes of a pod: its key, cells, wall time in ns."""
        self.chosen: Callable[[], None] | None = None
        """Is told when the admin has chosen another row; no message, which would come after the
        list is painted, and have the rest painted a frame later."""

    # -- what is shown

    def take(self, pods: Mapping[str, Pod], touched: Iterable[str], now: int) -> None:
        """Take in what changed; `now` is wall time in ns."""
        changes = self.model.update(pods, touched, now)
        self._glow_up(changes.cells)
        self._changed(changes.rows, now)

    def tick(self, now: int) -> None:
        """Let time pass: ages grow, glows end, rows of pods long gone leave."""
        moment = self._monotonic()
        for key in [key for key, cells in self._glow.items() if max(cells.values()) <= moment]:
            del self._glow[key]
            self._steady_until = 0
        changes = self.model.tick(now)
        self._glow_up(changes.cells)
        before, self._now = self._now, now
        if changes.rows or changes.cells or not before <= now < self._steady_until:
            self._changed(changes.rows, now)
            self._steady_until = self._next_age(now)

    def repaint(self) -> None:
        """As in every list; what grows with time is to be thought of anew."""
        self._steady_until = 0
        super().repaint()

    def _next_age(self, now: int) -> int:
        """Wall time, ns, until which no row that can be seen reads differently by itself."""
        if self._glow or layout_for(self.window.width, self.model.view).strip is not None:
            return 0
        ages = (
            now - at
            for row in self._seen_rows
            for at in (row.change.at, (row.container or row.pod).created_at)
        )
        return now + min(map(steady, ages), default=60 * SECOND)

    @property
    def _seen_rows(self) -> Sequence[Row]:
        top = round(self.scroll_y)
        return self.model.rows[top : top + self.window.height]

    def look(self, view: View) -> None:
        """Look at the list in another way."""
        self.model.set_view(view)
        self._changed(True, self._now)
        self.show_cursor()

    def show_usage(self, samples: Mapping[str, Sample], *, at_once: bool) -> None:
        """Show what is used, by container id and pod key; other figures with the next second."""
        self._samples = samples
        self._steady_until = 0
        order = self.model.set_samples(samples)
        if order or at_once:
            self._changed(order, self._now)

    @property
    def seen(self) -> frozenset[str]:
        """The keys of the pods that can be seen now."""
        return frozenset(row.key.pod for row in self._seen_rows)

    @property
    def has_room_for_usage(self) -> bool:
        """CPU or memory is shown, or would be if it could be read."""
        return layout_for(self.window.width, replace(self.model.view, measured=True)).measured

    def set_stale(self, stale: bool) -> None:
        """Show the rows as what was last known, or as what is."""
        if stale != self._stale:
            self._stale = stale
            self.repaint()

    def _glow_up(self, cells: Iterable[Cell]) -> None:
        until = self._monotonic() + GLOW_S
        top = round(self.scroll_y)
        visible = range(top, top + self.window.height)
        for key, column in cells:
            if self.model.index(key) in visible:
                self._glow.setdefault(key, {})[column] = until

    def _changed(self, rows: bool, now: int) -> None:
        self._now = now
        if rows:
            self._follow()
        self.repaint()

    def _follow(self) -> None:
        """Keep the cursor on its row, and the row where it stands on the screen."""
        before = self.cursor
        self.count = len(self.model.rows)
        if self._key is None:
            return
        index = self.model.index(self._key)
        if index is None and self._key.container:
            index = self.model.index(RowKey(self._key.pod))
        if index is None:
            index = max(0, min(before, self.count - 1))
        self.cursor = index
        if self.count:
            self._key = self.model.rows[index].key
        top = round(self.scroll_y)
        if top and index != before and top <= before < top + self.window.height:
            self.scroll_to(y=max(top + index - before, 0), animate=False)
        self.show_cursor()

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        rows = self.model.rows
        return rows[self.cursor] if self.cursor < len(rows) else None

    def go(self, key: RowKey) -> bool:
        """Put the cursor on a row, unfolding its pod; False when it is not shown at all."""
        if key.container and self.model.is_folded(key.pod):
            self.model.fold(key.pod, False)
            self._changed(True, self._now)
        index = self.model.index(key)
        if index is None:
            return False
        self.action_cursor(index - self.cursor)
        return True

    # -- drawing

    def line(self, index: int) -> Line:
        """The line of one row."""
        row = self.model.rows[index]
        glow = self._glow.get(row.key)
        drawing = Drawing(
            layout_for(self.window.width, self.model.view),
            self._glyphs,
            self._now,
            self.strip,
            self._samples,
        )
        if not glow or self._stale:
            return self._lines.line(row, drawing)
        moment = self._monotonic()
        return row_line(row, drawing, [name for name, until in glow.items() if until > moment])

    def mode(self, index: int) -> str:
        """The cursor's line, or all lines when they are what was last known."""
        return super().mode(index) or (STALE if self._stale else "")

    def set_empty(self, lines: list[Line]) -> None:
        """What to say in the middle of the list while it has no rows."""
        if lines != self._empty:
            self._empty = lines
            self.repaint()

    def filler(self, y: int) -> Line:
        """Below the rows: hatched when they are what was last known."""
        if not self.count and self._empty:
            return centred(self._empty, y, self.window.width, self.window.height)
        if not self._stale:
            return BLANK
        width = self.window.width
        hatch = (self._glyphs.hatch + " ") * (width // 2 + 1)
        return (Part((" " * (y % 2) + hatch)[:width], "hatch"),)

    # -- what the keys do

    def moved(self) -> None:
        """The admin chose a row."""
        row = self.row
        self._key = row.key if row is not None else None
        self._tell()

    def _tell(self) -> None:
        if self.chosen is not None:
            self.chosen()

    def on_click(self, event: events.Click) -> None:
        """Two clicks open the row."""
        if event.chain == 2:
            self.post_message(self.Opened())

    def action_fold(self, folded: bool) -> None:
        """Fold or unfold the pod under the cursor; folding from a container goes to its pod."""
        row = self.row
        if row is None:
            return
        if folded and row.container is not None:
            self._key = RowKey(row.key.pod)
        else:
            self._key = row.key
        if self.model.fold(row.key.pod, folded):
            self._changed(True, self._now)
            self._tell()

    def action_fold_all(self) -> None:
        """Fold every pod, or unfold every one."""
        if self.row is not None:
            self._key = self.row.key
        self.model.fold_all(not self.model.all_folded)
        self._changed(True, self._now)
