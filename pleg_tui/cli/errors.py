"""How a command ends when it cannot do what was asked: one sentence, one exit code."""

from __future__ import annotations

import contextlib
import os
import sys

GOOD = 0
FAULT = 1
USAGE = 2
NO_RUNTIME = 3
INTERRUPTED = 130


class CliError(Exception):
    """Its text is one clear sentence with the remedy; it ends the command."""

    code = FAULT


class UsageError(CliError):
    """What was asked for makes no sense."""

    code = USAGE


class NoRuntimeError(CliError):
    """None found, not a CRI, no permission, or no answer."""

    code = NO_RUNTIME


def say(text: str) -> None:
    """One line on standard error; a standard error that is gone is no reason to fail."""
    with contextlib.suppress(OSError, ValueError):
        print(f"pleg-tui: {text}", file=sys.stderr, flush=True)  # noqa: T201


def reader_gone() -> None:
    """The reader of standard output has left: let nothing try to flush to it again."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
