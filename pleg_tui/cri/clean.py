"""Text from the node is data: make it safe to show, once, where it enters the program.

A pod's name, a label, an image, an error text: whoever can create a pod chooses them, and a
terminal obeys what it is sent. Nothing that leaves here contains a control character, an invisible
character, or one that reorders its neighbours.
"""

from __future__ import annotations

import sys
import unicodedata

MAX_LENGTH = 4096
"""Characters kept of one string; a label may hold 64 KiB, which no screen shows."""

_MAX_NAME = 512

MAX_REASON = 256
"""Characters kept of why a container ended, which is a word."""

_SHORT = 64
"""A label's value; annotations may be far longer, and are each their own."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
"""Printable by Unicode's word, but unseen: fillers, joiners, variation selectors
(Default_Ignorable_Code_Point, and the blank Braille pattern)."""
_JOINING = frozenset(
    map(chr, (*range(0x1160, 0x1200), *range(0xD7B0, 0xD800), *range(0x1F3FB, 0x1F400)))
)
"""Vowels and finals of Hangul, which join the initial before them; the skin tones of emoji."""
MAX_MARKS = 4
"""Combining marks on one character; no script needs more, and a pile of them grows out of its
line over its neighbours."""
_UNSEEN = "\ufffd"


def _visible(character: str) -> str:
    if character.isprintable():
        return _UNSEEN if character in _INVISIBLE else character
    if character.isspace() and ord(character) > 0x9F:
        return " "
    code = ord(character)
    if code < 0x20:
        return "^" + chr(code + 0x40)
    return "^?" if code == 0x7F else _UNSEEN


def _is_mark(character: str) -> bool:
    """It takes no cell of its own, but stands with the character before it."""
    return unicodedata.category(character)[0] == "M" or character in _JOINING


def _carried(text: str) -> str:
    """The text with no combining mark that has no character to stand on, nor more than a few."""
    kept: list[str] = []
    marks = MAX_MARKS  # what stands before the text is not its own
    for character in text:
        if _is_mark(character):
            marks += 1
            if marks > MAX_MARKS:
                character, marks = _UNSEEN, 0
        else:
            marks = 0
        kept.append(character)
    return "".join(kept)


def clean(text: str, limit: int = MAX_LENGTH) -> str:
    """The text on one line, with every character that is not printable made visible, and cut.

    Control characters below 0x20 become caret notation (ESC is ^[), exotic spaces become a space,
    and the rest (C1, bidirectional marks, zero-width and unassigned characters) U+FFFD. So do
    combining marks at the beginning of the text, and those beyond MAX_MARKS on one character.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii():
        return text if text.isprintable() else "".join(map(_visible, text))
    if not text.isprintable() or not _INVISIBLE.isdisjoint(text):
        text = "".join(map(_visible, text))
    return _carried(text) if any(map(_is_mark, set(text))) else text


def clean_name(text: str) -> str:
    """As clean(), for strings that occur over and over: one copy is kept of each."""
    if len(text) <= _MAX_NAME and text.isascii() and text.isprintable():
        return sys.intern(text)
    return sys.intern(clean(text, _MAX_NAME))


def clean_value(text: str) -> str:
    """As clean(); of short ones, which mostly occur in several places, one copy is kept."""
    if len(text) <= _SHORT and text.isascii() and text.isprintable():
        return sys.intern(text)
    return clean(text)
