"""The runtime's own answer as a tree, and one value of it as text."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pleg_tui.cri.clean import clean
from pleg_tui.model import Container, Pod
from pleg_tui.ui.content.lines import Item, Line, Part
from pleg_tui.ui.content.secrets import masked
from pleg_tui.ui.content.text import cut_middle, fit, tidy
from pleg_tui.ui.screens.page import LookUp, Page, SearchPage, found_item
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.json_pane import JsonPane
from pleg_tui.ui.widgets.text_pane import TextPane

MAX_TEXT = 65536
"""Characters kept of one string."""


class TreePage(SearchPage):
    """Data as a tree: folds, is searched, and says the path of what is under the cursor."""

    FOOTER: ClassVar[tuple[str, ...]] = (
        "page.back", "app.help", "tree.toggle", "find.open", "page.values", "tree.copy",
        "tree.copy-path", "tree.fold-all", "page.again", "tree.copy-all", "look.logs",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "back", "back", id="page.back", tooltip="End the search; go back"),
        Binding("c", "copy", "copy value", id="tree.copy",
                tooltip="Copy the value under the cursor through the terminal"),
        Binding("C", "copy_path", "copy path", id="tree.copy-path",
                tooltip="Copy the path of the value, as jq writes it"),
        Binding("Y", "copy_all", "copy all", id="tree.copy-all",
                tooltip="Copy the whole answer"),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        """The tree, and where the cursor is in it."""
        yield JsonPane(self.tui.glyphs, id="text")
        yield Bar(self._path_line, id="path")

    @property
    def tree_pane(self) -> JsonPane:
        """The tree."""
        return self.query_one(JsonPane)

    @property
    def data(self) -> Any:
        """All of the data; None while there is none."""
        raise NotImplementedError

    def facts(self) -> list[Item]:
        """What was found."""
        pane = self.tree_pane
        return [found_item(pane.matches, pane.place, pane.sought)] if pane.sought else []

    def _path_line(self, width: int) -> Line:
        pane = self.tree_pane
        if pane.tree_shown is None or pane.place is None:
            return ()
        path = tidy(pane.tree_shown.path(pane.place))
        room = width - 2
        return (Part(" "), Part(fit(cut_middle(path, room, self.tui.glyphs.cut), room), "accent"))

    @property
    def sought(self) -> str:
        """What is searched for now."""
        return self.tree_pane.sought

    def seek(self, text: str, *, typing: bool) -> None:
        """Search keys and values."""
        if not typing:
            self.tree_pane.seek(text)

    def step(self, step: int) -> None:
        """Go to another match."""
        self.tree_pane.step(step)

    @on(JsonPane.Moved)
    def _moved(self) -> None:
        self.check_bars()

    @on(JsonPane.Opened)
    def _opened(self) -> None:
        pane = self.tree_pane
        if pane.tree_shown is None or pane.place is None:
            return
        text = pane.tree_shown.text(pane.place)
        path = pane.tree_shown.path(pane.place)
        nested = nested_json(text)
        page = ValueTree(path, nested) if nested is not None else ValuePage(path, text)
        self.app.push_screen(page)

    def action_copy(self) -> None:
        """Copy the value."""
        pane = self.tree_pane
        if pane.tree_shown is not None and pane.place is not None:
            path = pane.tree_shown.path(pane.place)
            self.tui.copy(pane.tree_shown.text(pane.place), path)

    def action_copy_path(self) -> None:
        """Copy the path."""
        pane = self.tree_pane
        if pane.tree_shown is not None and pane.place is not None:
            self.tui.copy(pane.tree_shown.path(pane.place))

    def action_copy_all(self) -> None:
        """Copy everything."""
        if self.data is not None:
            text = json.dumps(self.data, indent=2, ensure_ascii=False)
            self.tui.copy(text, "the whole answer")


class RawScreen(TreePage, LookUp):
    """The runtime's own answer, verbose; values of environment variables only when asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "values", "values", id="page.values",
                tooltip="Show or hide the values of environment variables: they may be secrets"),
    ]  # fmt: skip

    def __init__(self, pod: Pod, container: Container | None) -> None:
        super().__init__("Raw answer", pod, container)
        self._values = False
        self._masked: tuple[Any, Any] = (None, None)
        """An answer, and what is shown of it."""

    @property
    def data(self) -> Any:
        """The answer, as far as it is shown: only that is searched and copied."""
        if self._values:
            return self._answer
        if self._masked[0] is not self._answer:
            self._masked = (self._answer, masked(self._answer))
        return self._masked[1]

    def action_values(self) -> None:
        """Show or hide the values of environment variables."""
        self._values = not self._values
        if self._values:
            self.say("values may be secrets; v hides them", "warn")
        self.draw()

    def draw(self) -> None:
        """Show the answer, or why there is none."""
        pane = self.tree_pane
        if self._note is None:
            if self._answer is not None:
                pane.show(self.data)
        elif pane.tree_shown is not None:
            if self._note[1] == "warn":
                self.say(*self._note)
        else:
            note = (Part(" "), Part(tidy(self._note[0]), self._note[1]))
            pane.note([note])


class ValueTree(TreePage):
    """A value that is JSON in a string, as annotations like to be."""

    def __init__(self, path: str, data: Any) -> None:
        super().__init__(path, "JSON in")
        self._data = data

    @property
    def data(self) -> Any:
        """What was in the string."""
        return self._data

    def on_mount(self) -> None:
        """Show it."""
        self.tree_pane.show(self._data)


class ValuePage(Page):
    """One value, whole."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,left,enter", "back", "back", id="page.back", tooltip="Go back"),
        Binding("c", "copy", "copy", id="tree.copy",
                tooltip="Copy the value through the terminal"),
    ]  # fmt: skip

    def __init__(self, path: str, text: str) -> None:
        super().__init__(path, "Value of")
        self._text = text

    def body(self) -> ComposeResult:
        """The text, folded."""
        yield TextPane(id="text")

    def on_mount(self) -> None:
        """Show it."""
        lines = [(Part(" "), Part(tidy(line))) for line in self._text.split("\n")]
        self.query_one(TextPane).show(lines)

    def action_copy(self) -> None:
        """Copy it."""
        self.tui.copy(self._text, "the value")


def nested_json(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or list that a string holds as JSON; None when it holds none."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        # A string that was cleaned can still spell out in \u escapes what it may not contain.
        value = _clean(json.loads(text))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) and value else None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, MAX_TEXT)
    if isinstance(value, dict):
        return {clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value
