"""The keys that matter here, made from the bindings in force."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from pleg_tui.ui.content.bars import key_line
from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.widgets.bar import Bar


class KeyBar(Bar):
    """Shows the bindings with the given ids, in that order; a click presses the key.

    While the filter line is open it shows that line's keys: letters are text then.
    """

    def __init__(self, ids: Sequence[str], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(self._line, clicked=self._press, id=id)
        self._ids = ids
        self._keys: list[tuple[str, str, str]] = []
        self._shown: tuple[tuple[str, str], ...] = ()
        self._spots: Sequence[tuple[int, int, int]] = ()
        self.cover: Widget | None = None
        """What lies over it, and draws its line while it has none of its own to draw."""

    def on_mount(self) -> None:
        """Follow the bindings: they differ by focus, and the keymap may change."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._collect())
        self._collect()

    def _collect(self) -> None:
        first: dict[str, tuple[str, str, str]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            name = binding.id or ""
            if name in first and binding.key != "enter":
                continue
            if name in self._ids or name.startswith("filter."):
                shown = self.app.get_key_display(binding)
                first[name] = (shown, binding.description, binding.key)
        own = [name for name in first if name.startswith("filter.")]
        self._keys = [first[name] for name in own or self._ids if name in first]
        self._shown = tuple((key, label) for key, label, _ in self._keys)
        self.check()

    def redraw(self) -> None:
        """Have the line drawn again, by whatever draws it."""
        if self.cover is not None:
            self.cover.refresh()
        else:
            super().redraw()

    def _line(self, width: int) -> Line:
        line, self._spots = key_line(self._shown, width)
        return line

    def _press(self, x: int) -> None:
        for start, end, index in self._spots:
            if start <= x < end:
                self.app.simulate_key(self._keys[index][2])
