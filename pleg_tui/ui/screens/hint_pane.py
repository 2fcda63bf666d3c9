"""What the Live screen says in the first runs, until a key is pressed or some time has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from pleg_tui.ui.content.first_help import hint_line
from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.memory import MOST_HINTS, MemoryFault
from pleg_tui.ui.screens.base import PlegScreen
from pleg_tui.ui.widgets.bar import Bar

HINT_S = 30.0


class HintPane(PlegScreen):
    """A screen with a line for those who are new."""

    _hint_until = 0.0

    def hint(self) -> Iterator[Bar]:
        """The line, if this is one of the first runs."""
        if self.tui.options.hints is not None:
            yield Bar(self._hint_line, id="hint")

    def _hint_line(self, width: int) -> Line:
        return hint_line(width, self.tui.key_name)

    def open_hint(self) -> None:
        """Say it, if this is one of the first runs."""
        if self.tui.options.hints is not None:
            self._hint_until = self.tui.monotonic() + HINT_S
            self.query_one("#hint").add_class("-shown")

    def hint_second(self) -> None:
        """A second has passed."""
        if self._hint_until and self.tui.monotonic() >= self._hint_until:
            self._close_hint()

    def key_pressed(self) -> None:
        """Some key was pressed, on whatever screen: it has been seen."""
        if self._hint_until:
            self._close_hint(read=True)

    def _close_hint(self, *, read: bool = False) -> None:
        self._hint_until = 0.0
        self.query_one("#hint").remove_class("-shown")
        self.tui.run_worker(self._remember(read))

    async def _remember(self, read: bool) -> None:
        """Who has closed it has seen it; who was away sees it again, a few times."""
        memory = self.tui.options.hints
        if memory is None:
            return
        try:
            shown = MOST_HINTS if read else await asyncio.to_thread(memory.hints) + 1
            await asyncio.to_thread(memory.keep_hints, shown)
        except MemoryFault:
            return  # it is said again next time: no reason to complain
