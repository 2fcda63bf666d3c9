"""Signals: whatever ends or stops this program, the terminal is left whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import termios
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pleg_tui.ui.app import PlegTui

_INPUT = 0
"""Textual reads its keys from standard input."""
Attributes = list[int | list[bytes | int]]
"""Of a terminal, as termios has them."""
PATIENCE_S = 3.0
"""How long an orderly end may take: a terminal that reads nothing would hold it up for ever."""


def install(app: PlegTui, loop: asyncio.AbstractEventLoop) -> None:
    """Have every signal that ends a program end the app in order, before it has the terminal.

    Plain handlers, not the loop's: the loop stands still while the terminal takes no output.
    """
    attributes: Attributes | None = None
    with contextlib.suppress(termios.error, OSError):
        attributes = termios.tcgetattr(_INPUT)

    def end(number: int, _frame: FrameType | None) -> None:
        code = 128 + number
        # A terminal that has hung up continues and stops its jobs, too: neither may keep us here.
        for stopping in (signal.SIGCONT, signal.SIGTTOU, signal.SIGTTIN, signal.SIGTSTP):
            signal.signal(stopping, signal.SIG_IGN)
        loop.call_soon_threadsafe(lambda: app.exit(return_code=code))
        watchdog = threading.Timer(PATIENCE_S, _leave, (code, attributes))
        watchdog.daemon = True
        watchdog.start()

    # INT and QUIT come from outside only: in the terminal's raw mode their keys are keys.
    for ending in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(ending, end)


def hung_up() -> bool:
    """True once the terminal is gone.

    Only those whose controlling terminal it was are told by SIGHUP; for others (started by setsid,
    by a supervisor, in a container) reading and writing fail, which Textual's threads take quietly.
    """
    poll = select.poll()
    poll.register(_INPUT, 0)
    return any(what & (select.POLLHUP | select.POLLNVAL) for _, what in poll.poll(0))


def _leave(code: int, attributes: Attributes | None) -> None:
    """End now; the terminal's mode is put back, which needs no room in what it does not read."""
    with contextlib.suppress(termios.error, OSError):
        if attributes is not None:
            termios.tcsetattr(_INPUT, termios.TCSANOW, attributes)
    os._exit(code)


def guard_continue(
    suspended: Callable[[], bool], restart: Callable[[], None], loop: asyncio.AbstractEventLoop
) -> None:
    """Tell a SIGCONT after Ctrl-Z from one after SIGSTOP.

    Textual's handler takes every SIGCONT for the end of a suspension that it began, and would start
    its threads a second time after a SIGSTOP, which no program sees coming.

    Args:
        suspended: whether Textual began the suspension.
        restart: leaves the application mode and enters it anew.
        loop: where `restart` is called.
    """
    textual = signal.getsignal(signal.SIGCONT)

    def continued(number: int, frame: FrameType | None) -> None:
        if suspended() and callable(textual):
            textual(number, frame)
        else:
            loop.call_soon_threadsafe(restart)

    signal.signal(signal.SIGCONT, continued)
