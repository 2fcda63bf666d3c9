"""Long work in pieces, so that others get their turn between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

PIECE = 100
"""Items of one piece: a few milliseconds of work."""


def pieces(items: Iterable[T]) -> Iterator[tuple[T, ...]]:
    """All of them, in order, so many at a time."""
    rest = iter(items)
    while piece := tuple(islice(rest, PIECE)):
        yield piece
