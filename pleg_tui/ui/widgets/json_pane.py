"""An answer as a tree under a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from pleg_tui.ui.content.finding import MATCH, MATCH_HERE, mark, next_of, pattern
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.json_tree import JsonTree
from pleg_tui.ui.content.lines import Line, note_row
from pleg_tui.ui.widgets.line_list import BLANK, LineList


class JsonPane(LineList):
    """Draws the visible nodes of a JsonTree."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "fold", id="tree.toggle",
                tooltip="Fold or unfold; a long value is opened whole"),
        Binding("left,h", "fold", "Fold, or go to what it is part of", show=False, id="tree.fold",
                tooltip="Fold, or go to what it is part of"),
        Binding("right", "unfold", "Unfold, or go into it", show=False, id="tree.unfold",
                tooltip="Unfold, or go into it"),
        Binding("z", "fold_all", "fold all", id="tree.fold-all",
                tooltip="Fold or unfold everything"),
    ]  # fmt: skip

    class Moved(Message):
        """Another node is under the cursor, or there are other matches."""

    class Opened(Message):
        """A value is to be seen whole."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._glyphs = glyphs
        self._note: Sequence[Line] = ()
        self.tree_shown: JsonTree | None = None
        self.sought = ""
        self.matches: list[int] = []
        """Places of the nodes that match."""

    def show(self, data: Any) -> None:
        """Show this answer; as another before it was folded, where the two are the same."""
        before, place = self.tree_shown, self.place
        self.tree_shown = tree = JsonTree(data)
        line = 0
        if before is not None and place is not None:
            line = tree.line_of(tree.resemble(before, place))
        self.matches = tree.find(self.sought)
        self._changed(line)

    def note(self, lines: Sequence[Line]) -> None:
        """What to say while there is no answer."""
        self._note = lines
        self.repaint()

    @property
    def place(self) -> int | None:
        """The node under the cursor."""
        tree = self.tree_shown
        if tree is None or not 0 <= self.cursor < len(tree.visible):
            return None
        return tree.visible[self.cursor]

    # -- drawing

    def line(self, index: int) -> Line:
        """The line of one node."""
        tree = self.tree_shown
        assert tree is not None  # noqa: S101 - without one there are no lines
        style = MATCH_HERE if index == self.cursor else MATCH
        line = tree.line(tree.visible[index], self.window.width, self._glyphs)
        return mark(line, pattern(self.sought), style)

    def filler(self, y: int) -> Line:
        """While there is no answer: why."""
        return note_row(self._note, y, self.window.width) if self.tree_shown is None else BLANK

    def moved(self) -> None:
        """The admin moved."""
        self.post_message(self.Moved())

    def _changed(self, line: int) -> None:
        tree = self.tree_shown
        self.count = len(tree.visible) if tree is not None else 0
        self.move_to(line)
        self.post_message(self.Moved())

    # -- finding

    def seek(self, text: str) -> None:
        """Mark what matches, and go to the first match from here on."""
        self.sought = text
        tree, place = self.tree_shown, self.place
        self.matches = tree.find(text) if tree is not None else []
        if tree is not None and place is not None and self.matches:
            self._go(next_of(self.matches, place - 1, 1))
        else:
            self.repaint()
            self.post_message(self.Moved())

    def step(self, step: int) -> None:
        """Go to the next match, or the one before."""
        place = self.place
        if place is not None:
            self._go(next_of(self.matches, place, step))

    def _go(self, place: int | None) -> None:
        if place is not None and self.tree_shown is not None:
            self._changed(self.tree_shown.reveal(place))

    # -- folding

    def action_open(self) -> None:
        """Fold or unfold; a value is opened."""
        tree, place = self.tree_shown, self.place
        if tree is None or place is None:
            return
        if tree.folds(place):
            tree.fold(place, not tree.is_folded(place))
            self._changed(self.cursor)
        else:
            self.post_message(self.Opened())

    def action_fold(self) -> None:
        """Fold this; where it is folded or has nothing under it, go to what it is part of."""
        tree, place = self.tree_shown, self.place
        if tree is None or place is None:
            return
        if tree.fold(place, True):
            self._changed(self.cursor)
        elif tree.nodes[place].parent >= 0:
            self._changed(tree.line_of(tree.nodes[place].parent))

    def action_unfold(self) -> None:
        """Unfold this; where it is unfolded, go to the first node under it."""
        tree, place = self.tree_shown, self.place
        if tree is None or place is None or not tree.folds(place):
            return
        moved = 0 if tree.fold(place, False) else 1
        self._changed(self.cursor + moved)

    def action_fold_all(self) -> None:
        """Fold everything, or unfold everything; the cursor stays on what it was in."""
        tree, place = self.tree_shown, self.place
        if tree is None or place is None:
            return
        tree.fold_all(not tree.any_folded)
        self._changed(tree.line_of(place))

    def on_click(self, event: events.Click) -> None:
        """A click goes there, a second one folds."""
        if event.chain == 2:
            self.action_open()
