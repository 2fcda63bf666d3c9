"""How many cells of a terminal a text takes: CJK and emoji take two, combining marks none."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category, east_asian_width

_JAMO = range(0x1160, 0x1200)
"""Vowels and finals of Hangul, which stand in their initial's cells."""


def width(text: str) -> int:
    """How many cells a text takes; it must have been cleaned, so nothing in it is a control."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def pad(text: str, cells: int) -> str:
    """The text with spaces behind it, so that it takes at least so many cells."""
    return text + " " * (cells - width(text))


def cut(text: str, cells: int) -> str:
    """The text in at most so many cells; what was cut off leaves a mark."""
    if width(text) <= cells:
        return text
    kept, room = [], cells - 1
    for character in text:
        room -= _cells(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


@lru_cache(maxsize=1024)
def _cells(character: str) -> int:
    """Of one character, as Unicode's East Asian Width (UAX #11) has it."""
    if category(character) in ("Mn", "Me", "Cf") or ord(character) in _JAMO:
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1
