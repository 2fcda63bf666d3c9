"""Copying over SSH: the terminal is asked to take a text into its clipboard (OSC 52)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

MOST_ENCODED = 74_994
"""Characters of base64 that terminals are known to take (xterm's and hterm's limit)."""


class TooLongError(ValueError):
    """The text is longer than terminals take."""


def copy_sequence(text: str, environ: Mapping[str, str]) -> str:
    """What to write to the terminal so that it copies the text.

    Inside tmux it is sent twice: plainly, which tmux obeys with `set-clipboard on`, and wrapped,
    which it hands on to the terminal with `allow-passthrough on`. screen hands on what is wrapped
    in a device control string.

    Raises:
        TooLongError: no terminal would take it.
    """
    encoded = b64encode(text.encode("utf-8", "replace")).decode("ascii")
    if len(encoded) > MOST_ENCODED:
        raise TooLongError(f"{len(text):,} characters are more than terminals take")
    plain = f"\x1b]52;c;{encoded}\x07"
    if environ.get("TMUX"):
        return plain + "\x1bPtmux;\x1b" + plain + "\x1b\\"
    if environ.get("TERM", "").startswith("screen"):
        return f"\x1bP{plain}\x1b\\"
    return plain
