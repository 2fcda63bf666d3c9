"""Another program has the terminal for a while; it is put back whole, whatever that program does.

The other program gets a process group of its own and the terminal with it, as a shell would do, so
that Ctrl-C and Ctrl-Z are its business and not ours. Meanwhile our loop goes on: what the feed
brings is taken in, nothing is drawn.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from pleg_tui.ui.app import PlegTui

_INPUT = 0
_PATIENCE_S = 2.0
"""How long a program that was told to end may take."""

_WHOLE = (
    "\x1b[?1049l\x1b[?47l"  # the normal screen
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l"  # no mouse, no focus reports
    "\x1b[?2004l\x1b[<u"  # pasting as it was, keys as they were
    "\x1b[?6l\x1b[r\x1b[4l\x1b[?7h\x1b[?1l\x1b>"  # no margins, nothing inserted, lines wrap
    "\x0f\x1b(B\x1b[0m\x1b[?25h"  # letters are letters, in no colour; the cursor is seen
)
"""Undoes what a program may have left behind; whatever is off already stays so."""


class Outcome(Struct, frozen=True):
    """How a program ended."""

    code: int | None = None
    """Its exit code, minus the signal that killed it; None when it did not start."""
    why: str = ""
    """Why it did not start, or was ended; empty when it ended by itself."""


async def run_in_foreground(app: PlegTui, words: Sequence[str], title: str) -> Outcome:
    """Give the terminal to a program until it ends.

    What it printed is left to be read, until enter is pressed, when it did not end well.

    Args:
        app: whose terminal it is.
        words: the program and its arguments; no shell interprets them.
        title: what is printed before it.
    """
    driver = app._driver
    if driver is None or driver.is_headless or not driver.can_suspend:
        return Outcome(why="this terminal cannot be handed over")
    with _handed_over(app):
        attributes = _attributes()
        _print(f"{title}\r\n")
        from_background = signal.getsignal(signal.SIGTTOU)
        try:
            outcome = await _run(words)
        finally:
            _take_back(attributes)
            signal.signal(signal.SIGTTOU, from_background)
        if outcome.code:
            ended = outcome.why or f"{words[0]} ended with exit code {outcome.code}"
            _print(f"\r\npleg-tui: {ended}. Press enter to go back. ")
            await _enter()
        return outcome


@contextlib.contextmanager
def _handed_over(app: PlegTui) -> Iterator[None]:
    """Textual neither reads nor writes; what it would write meanwhile is dropped."""
    driver = app._driver
    assert driver is not None  # noqa: S101 - the caller has seen it
    driver.suspend_application_mode()
    # With its writer gone, Textual would wait for ever for room in that one's queue.
    driver.__dict__["write"] = lambda _data: None
    app.lent = True
    try:
        with driver.no_automatic_restart():
            yield
    finally:
        app.lent = False
        del driver.__dict__["write"]
        if not app._exit:  # else nobody would leave the application mode again
            driver.resume_application_mode()
            app.call_later(app.action_redraw)


async def _run(words: Sequence[str]) -> Outcome:
    try:
        child = subprocess.Popen(list(words), process_group=0)  # noqa: ASYNC220 - has our terminal
    except OSError as error:
        return Outcome(127, f"{words[0]} cannot be run: {error.strerror}")
    _give_terminal(child.pid)
    # It may have wanted to read before the terminal was its own, and have been stopped for that.
    _signal(child.pid, signal.SIGCONT)
    waiting = asyncio.get_running_loop().run_in_executor(None, _wait, child.pid)
    try:
        status = await asyncio.shield(waiting)
        if os.WIFSTOPPED(status):
            _end(child.pid)
            child.returncode = -signal.SIGHUP
            return Outcome(148, f"{words[0]} was stopped, so it was ended")
    except asyncio.CancelledError:
        _signal(child.pid, signal.SIGCONT)
        _signal(child.pid, signal.SIGHUP)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), _PATIENCE_S)
        _signal(child.pid, signal.SIGKILL)
        child.returncode = -signal.SIGHUP
        raise
    code = os.waitstatus_to_exitcode(status)
    child.returncode = code
    _signal(child.pid, signal.SIGHUP)  # what it may have left in its group
    return Outcome(code)


def _wait(pid: int) -> int:
    """Wait for its end, or for its being stopped; called in a thread."""
    try:
        return os.waitpid(pid, os.WUNTRACED)[1]
    except ChildProcessError:
        return 0


def _end(pid: int) -> None:
    _signal(pid, signal.SIGHUP)
    _signal(pid, signal.SIGCONT)
    _signal(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _give_terminal(group: int) -> None:
    # In the background, whoever changes the terminal is stopped for it. Not before the child was
    # started: it would go on ignoring the signal.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.tcsetpgrp(_INPUT, group)


def _attributes() -> list[int | list[bytes | int]] | None:
    try:
        return termios.tcgetattr(_INPUT)
    except (termios.error, OSError):
        return None


def _take_back(attributes: list[int | list[bytes | int]] | None) -> None:
    """The terminal is ours again, in the mode that it was in."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.tcsetpgrp(_INPUT, os.getpgrp())
    if attributes is not None:
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(_INPUT, termios.TCSAFLUSH, attributes)
    _print(_WHOLE)


def _print(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        stream = sys.__stderr__ or sys.stderr
        stream.write(text)
        stream.flush()


async def _enter() -> None:
    """Wait for enter (or Ctrl-C); the loop goes on."""
    loop = asyncio.get_running_loop()
    pressed: asyncio.Future[None] = loop.create_future()

    def readable(data: bytes = b"") -> None:
        if not data:
            with contextlib.suppress(OSError):
                data = os.read(_INPUT, 1024)
        if not pressed.done() and (not data or b"\n" in data or b"\r" in data):
            pressed.set_result(None)

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(readable, b"\n")

    before = signal.signal(signal.SIGINT, interrupted)
    loop.add_reader(_INPUT, readable)
    try:
        await pressed
    finally:
        loop.remove_reader(_INPUT)
        signal.signal(signal.SIGINT, before)
