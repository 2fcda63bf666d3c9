"""Saving a text where only its owner may read it, never by way of a symbolic link."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from pleg_tui.ui.memory import Memory, _give, _why, place


class SaveError(Exception):
    """It could not be saved; the text is one clear sentence."""


def save_text(name: str, lines: Iterable[str], *, folder: str = "logs") -> Path:
    """Save lines under the state folder; returns where.

    Args:
        name: of the file; what does not belong in one is replaced.
        lines: without their newlines.
        folder: in the state folder.

    Raises:
        SaveError: there is no such folder, or the disk fails.
    """
    found = place()
    if found is None:
        raise SaveError("not saved: there is no home folder and no XDG_STATE_HOME")
    base, below = found
    below = (*below, folder)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".") or "log"
    if len(name) > 200:  # its end, which says when, tells it from others
        name = name[:120] + name[-80:]
    try:
        opened, owner = Memory(base, below)._open(make=True)
    except OSError as error:
        raise SaveError(f"not saved in {base.joinpath(*below)}: {_why(error)}") from None
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=opened), "w", encoding="utf-8") as file:
            _give(file.fileno(), owner)
            for line in lines:
                file.write(line)
                file.write("\n")
    except OSError as error:
        raise SaveError(f"not saved in {base.joinpath(*below)}: {_why(error)}") from None
    finally:
        os.close(opened)
    return base.joinpath(*below, name)
