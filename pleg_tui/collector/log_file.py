"""The log of a child process: the file that --debug named, or nowhere."""

from __future__ import annotations

import logging
import os
from typing import IO

from pleg_tui.private import append, redacted


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def log_file(path: str, level: int) -> IO[str]:
    """Have everything logged there; returns the file, which the caller closes.

    Args:
        path: of the file; empty: nothing is logged.
        level: what is less important than this is left out.
    """
    try:
        descriptor = append(path) if path else os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:  # the command has said so already, where it can be seen
        descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "a", encoding="utf-8")
    handler: logging.Handler = logging.StreamHandler(file) if path else logging.NullHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    if path:
        logging.getLogger().setLevel(level)
    logging.getLogger("asyncio").setLevel(max(level, logging.INFO))
    return file
