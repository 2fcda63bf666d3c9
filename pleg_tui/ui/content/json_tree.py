"""JSON-like data as a tree that folds: every node is known, a line is made when it is drawn.

The nodes stand in one flat list in reading order, each with the place where its subtree ends. So
folding is skipping, and an answer of a megabyte (some 40,000 nodes) is laid out in milliseconds.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from pleg_tui.ui.content.finding import pattern
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.text import count, cut, tidy, width_of

OPEN_LINES = 200
"""A tree begins unfolded, level by level, as long as it has no more lines than this."""
MAX_DEPTH = 200
"""What is nested deeper is one line of JSON; no runtime does that, but an annotation may."""
_INDENT = 2
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Node(Struct):
    """One value of the data."""

    key: str | int | None
    """Its name or index in its parent; None for the whole."""
    value: Any
    depth: int
    parent: int
    """Place of the parent; -1 for the top ones."""
    end: int = 0
    """Place after the last node of its subtree."""

    @property
    def branches(self) -> bool:
        """It has nodes under it."""
        return isinstance(self.value, dict | list) and bool(self.value)


class JsonTree:
    """The nodes of an answer, which of them are folded, and what is visible therefore."""

    def __init__(self, data: Any, open_lines: int = OPEN_LINES) -> None:
        self.nodes: list[Node] = []
        self._build(data)
        self._folded = self._fold_at_first(open_lines)
        self.visible: list[int] = []
        """Places of the nodes that are shown, in order."""
        self._show()

    def _build(self, data: Any) -> None:
        nodes = self.nodes
        # A stack of its own: text from the node must not find out how deep Python can go.
        if not isinstance(data, dict | list):
            nodes.append(Node(None, data, 0, -1, 1))
            return
        stack: list[tuple[int, Iterator[tuple[str | int, Any]]]] = [(-1, _items(data))]
        while stack:
            parent, items = stack[-1]
            found = next(items, None)
            if found is None:
                stack.pop()
                if parent >= 0:
                    nodes[parent].end = len(nodes)
                continue
            key, value = found
            depth = len(stack) - 1
            nodes.append(Node(key, value, depth, parent, len(nodes) + 1))
            if isinstance(value, dict | list) and value and depth < MAX_DEPTH:
                stack.append((len(nodes) - 1, _items(value)))

    def _fold_at_first(self, open_lines: int) -> set[int]:
        levels: dict[int, list[int]] = {}
        for place, node in enumerate(self.nodes):
            levels.setdefault(node.depth, []).append(place)
        shown = len(levels.get(0, ()))
        for depth in range(len(levels)):
            below = len(levels.get(depth + 1, ()))
            if shown + below > open_lines and depth > 0:
                return {place for place in range(len(self.nodes)) if self._deep(place, depth)}
            shown += below
        return set()

    def _deep(self, place: int, depth: int) -> bool:
        node = self.nodes[place]
        return node.depth >= depth and node.end > place + 1

    def _show(self) -> None:
        visible: list[int] = []
        nodes, folded = self.nodes, self._folded
        place, end = 0, len(nodes)
        while place < end:
            visible.append(place)
            place = nodes[place].end if place in folded else place + 1
        self.visible = visible

    # -- folding

    def folds(self, place: int) -> bool:
        """There is something under this node that can be folded away."""
        return self.nodes[place].end > place + 1

    def is_folded(self, place: int) -> bool:
        """What is under this node is not shown."""
        return place in self._folded

    def fold(self, place: int, folded: bool) -> bool:
        """Fold or unfold a node; True when that changes what is visible."""
        if not self.folds(place) or folded == (place in self._folded):
            return False
        (self._folded.add if folded else self._folded.discard)(place)
        self._show()
        return True

    def fold_all(self, folded: bool) -> None:
        """Fold everything below the top, or unfold everything."""
        nodes = range(len(self.nodes))
        self._folded = {p for p in nodes if self._deep(p, 0)} if folded else set()
        self._show()

    @property
    def any_folded(self) -> bool:
        """Something is folded."""
        return bool(self._folded)

    def reveal(self, place: int) -> int:
        """Unfold what hides a node; returns its line."""
        parent = self.nodes[place].parent
        hidden = False
        while parent >= 0:
            hidden |= parent in self._folded
            self._folded.discard(parent)
            parent = self.nodes[parent].parent
        if hidden:
            self._show()
        return self.line_of(place)

    def line_of(self, place: int) -> int:
        """The line of a node, or of the nearest one above it that is shown."""
        return max(bisect_right(self.visible, place) - 1, 0)

    def resemble(self, other: JsonTree, place: int) -> int:
        """Fold as another tree does where the two are the same.

        Returns:
            The place here of a node there; of the nearest one above it where it is gone.
        """
        names = {(node.parent, node.key): here for here, node in enumerate(self.nodes)}
        here_of: dict[int, int] = {-1: -1}
        for there, node in enumerate(other.nodes):
            above = here_of.get(node.parent)
            here = None if above is None else names.get((above, node.key))
            if here is not None:
                here_of[there] = here
        known = set(here_of.values())
        self._folded = {here for here in self._folded if here not in known}
        self._folded |= {here_of[there] for there in other._folded if there in here_of}
        self._folded = {here for here in self._folded if self.folds(here)}
        self._show()
        while place >= 0 and place not in here_of:
            place = other.nodes[place].parent
        return max(here_of.get(place, 0), 0)

    # -- what a node says

    def find(self, text: str) -> list[int]:
        """Places of the nodes whose key or value holds this text."""
        found = pattern(text)
        if found is None:
            return []
        search = found.search
        places = []
        for place, node in enumerate(self.nodes):
            key, value = node.key, node.value
            if isinstance(value, str):
                hit = search(value)
            else:
                hit = None if node.end > place + 1 else search(scalar(value))
            if hit or (isinstance(key, str) and search(key)):
                places.append(place)
        return places

    def path(self, place: int) -> str:
        """Where a node stands, as jq names it: `.status.labels["app.kubernetes.io/name"]`."""
        steps: list[str] = []
        while place >= 0:
            key = self.nodes[place].key
            if isinstance(key, int):
                steps.append(f"[{key}]")
            elif key is not None:
                plain = _WORD.fullmatch(key)
                steps.append(f".{key}" if plain else f"[{json.dumps(key, ensure_ascii=False)}]")
            place = self.nodes[place].parent
        path = "".join(reversed(steps))
        return path if path.startswith(".") else f".{path}"

    def text(self, place: int) -> str:
        """The value, whole: a string as it is, anything else as JSON."""
        value = self.nodes[place].value
        if isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)

    def line(self, place: int, width: int, glyphs: Glyphs) -> Line:
        """One node as a line of at most this width."""
        node = self.nodes[place]
        parts = [Part(" " * (1 + node.depth * _INDENT))]
        folds = self.folds(place)
        if folds:
            sign = glyphs.folded if place in self._folded else glyphs.unfolded
            parts.append(Part(f"{sign} ", "dim"))
        else:
            parts.append(Part("  "))
        key = tidy(_key_text(node))
        if key:
            parts.append(
                Part(cut(key, max(width - node.depth * _INDENT - 24, 8), glyphs.cut), "label")
            )
        room = max(width - sum(width_of(text) for text, _ in parts), 8)
        if folds:
            parts.append(Part(_size(node.value), "dim"))
        else:
            style = "string" if isinstance(node.value, str) else "number"
            style = style if node.value is not None and not _empty(node.value) else "dim"
            parts.append(Part(cut(tidy(scalar(node.value)[: room + 1]), room, glyphs.cut), style))
        return tuple(parts)


def scalar(value: Any) -> str:
    """A value without nodes under it, as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def _key_text(node: Node) -> str:
    if node.key is None:
        return ""
    return f"{node.key}: " if isinstance(node.key, str) else f"[{node.key}] "


def _items(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        return iter(value.items())
    return iter(enumerate(value))


def _size(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{count(len(value), 'key')}}}"
    return f"[{count(len(value), 'item')}]"


def _empty(value: Any) -> bool:
    return isinstance(value, dict | list) and not value
