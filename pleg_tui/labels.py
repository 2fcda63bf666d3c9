"""Labels and annotations, kept small: a node has several such maps for each id."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, StructMeta


class _Meta(StructMeta, ABCMeta):
    """Of a struct that is a mapping."""


class Labels(Struct, Mapping[str, str], frozen=True, eq=False, gc=False, metaclass=_Meta):
    """A map of strings, in the order of its keys.

    Many maps have the same keys, and may share one tuple of them: with the usual five, a map then
    takes half of what a dict does. A key is looked for from the first to the last; there are few.
    """

    _keys: tuple[str, ...]
    """Sorted."""
    _values: tuple[str, ...]

    def __getitem__(self, key: str) -> str:
        if key in self._keys:
            return self._values[self._keys.index(key)]
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """As any mapping's, without an exception for each key that is not there."""
        return self._values[self._keys.index(key)] if key in self._keys else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, in whatever order."""
        if isinstance(other, Labels):
            return self is other or (self._keys == other._keys and self._values == other._values)
        return super().__eq__(other)

    def __hash__(self) -> int:
        """Of all that it says."""
        return hash((self._keys, self._values))


NO_LABELS = Labels((), ())
