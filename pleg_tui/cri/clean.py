"""Text from the node is data: make it safe to show, once, where it enters the program.

A pod's name, a label, an image, an error text: whoever can create a pod chooses them, and a
terminal obeys what it is sent. Nothing that leaves here contains a control character, an invisible
character, or one that reorders its neighbours.
"""

from __future__ import annotations

import sys

MAX_LENGTH = 4096
"""Characters kept of one string; a label may hold 64 KiB, which no screen shows."""


_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10)))
)
"""Printable by Unicode's word, but unseen: fillers, joiners, variation selectors."""


def _visible(character: str) -> str:
    if character.isprintable():
        return "\ufffd" if character in _INVISIBLE else character
    if character.isspace() and ord(character) > 0x9F:
        return " "
    code = ord(character)
    if code < 0x20:
        return "^" + chr(code + 0x40)
    return "^?" if code == 0x7F else "\ufffd"


def clean(text: str, limit: int = MAX_LENGTH) -> str:
    """The text on one line, with every character that is not printable made visible, and cut.

    Control characters below 0x20 become caret notation (ESC is ^[), exotic spaces become a space,
    and the rest (C1, bidirectional marks, zero-width and unassigned characters) U+FFFD.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable() and (text.isascii() or _INVISIBLE.isdisjoint(text)):
        return text
    return "".join(map(_visible, text))


def clean_name(text: str) -> str:
    """As clean(), for strings that occur over and over: one copy is kept of each."""
    return sys.intern(clean(text, 512))
