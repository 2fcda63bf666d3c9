"""Reading a document that anybody may have written: every value is checked, every text cleaned."""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Callable, Mapping
from typing import TypeVar

from pleg_tui.cri.clean import clean

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_SECOND_NS = 1_000_000_000
MOST = 1e18
"""No honest figure is larger."""

T = TypeVar("T")


class NotOurs(ValueError):
    """This is no report of ours, or one of a later version; its text is one clear sentence."""


class Reader:
    """One object of a document; whatever is not as it should be is told by its path."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise NotOurs(
                f"it is no whole report of pleg-tui: {path} is no object"
                if path
                else "it is no report of pleg-tui: compare --save FILE writes one"
            )
        self.values: Mapping[str, object] = value
        self._path = path

    def bad(self, key: str, what: str) -> NotOurs:
        """What to raise of one key."""
        return NotOurs(f"it is no whole report of pleg-tui: {self._name(key)} is {what}")

    def _name(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def part(self, key: str) -> Reader:
        """An object that must be there."""
        if key not in self.values:
            raise self.bad(key, "missing")
        return Reader(self.values[key], self._name(key))

    def some(self, key: str) -> Reader | None:
        """An object, or nothing."""
        return None if self.values.get(key) is None else self.part(key)

    def parts(self, key: str) -> list[Reader]:
        """A list of objects; nothing is none of them."""
        return [Reader(one, f"{self._name(key)}[{i}]") for i, one in enumerate(self._list(key))]

    def _list(self, key: str) -> list[object]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.bad(key, "no list")
        return value

    def text(self, key: str) -> str:
        """Cleaned; nothing is an empty one."""
        value = self.values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.bad(key, "no text")
        return clean(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of them."""
        found = self._list(key)
        if not all(isinstance(one, str) for one in found):
            raise self.bad(key, "no list of texts")
        return tuple(clean(one) for one in found if isinstance(one, str))

    def flag(self, key: str) -> bool:
        """True or false, and it must be there."""
        value = self.values.get(key)
        if not isinstance(value, bool):
            raise self.bad(key, "neither true nor false")
        return value

    def maybe(self, key: str) -> float | None:
        """A number, or nothing."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.bad(key, "no number")
        if not abs(value) <= MOST:
            raise self.bad(key, "beyond all measure")
        return value

    def number(self, key: str) -> float:
        """A number that must be there."""
        value = self.maybe(key)
        if value is None:
            raise self.bad(key, "missing")
        return value

    def maybe_whole(self, key: str, low: float = 0) -> int | None:
        """A whole number, not below nothing, or none."""
        value = self.maybe(key)
        if value is None:
            return None
        if value != int(value) or value < low:
            raise self.bad(key, "no count")
        return int(value)

    def whole(self, key: str, low: float = 0) -> int:
        """A whole number that must be there."""
        value = self.maybe_whole(key, low)
        if value is None:
            raise self.bad(key, "missing")
        return value

    def time(self, key: str) -> int:
        """RFC 3339 as ns; 0 for nothing."""
        value = self.values.get(key)
        if value is None:
            return 0
        found = _TIME.fullmatch(value) if isinstance(value, str) else None
        try:
            if found is not None:
                seconds = timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
                return seconds * _SECOND_NS + int((found[2] or "").ljust(9, "0"))
        except ValueError:
            pass
        raise self.bad(key, "no time")

    def one_of(self, key: str, kind: Callable[[str], T]) -> T:
        """A word of an enumeration."""
        value = self.values.get(key)
        try:
            if isinstance(value, str):
                return kind(value)
        except ValueError:
            pass
        raise self.bad(key, "none that this version knows")
