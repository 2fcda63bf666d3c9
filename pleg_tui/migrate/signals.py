"""Signals while a switch is carried out: what has begun is finished or put back, never dropped."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any


def steadfast() -> contextlib.AbstractContextManager[None]:
    """A lost terminal stops nothing; a Ctrl-C or TERM raises KeyboardInterrupt, once.

    In a thread other than the main one, where Python has no signals, it does nothing.
    """
    return _handled(
        {signal.SIGINT: _interrupt, signal.SIGTERM: _interrupt, signal.SIGHUP: signal.SIG_IGN}
    )


def deaf() -> contextlib.AbstractContextManager[None]:
    """Nothing but SIGKILL stops what happens within: putting back is not left half done."""
    return _handled(dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN))


@contextlib.contextmanager
def _handled(wanted: Mapping[signal.Signals, Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
