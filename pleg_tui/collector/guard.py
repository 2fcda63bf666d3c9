"""So that no event stream of ours can be left standing, whatever happens to this process.

A subscriber that stops reading can freeze containerd 2.x. Two of the guard's four parts live here:
a watchdog that needs neither the event loop nor the GIL, and the end of this process with its
parent. The deadline on every stream is in `streams`, the parent's watch in `pleg_tui.feed`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import IO

BEAT_S = 0.5
"""How often a live event loop says so."""
STUCK_S = 2
"""A loop that has not run for this long ends the process."""
STUCK_CODE = -signal.SIGALRM
"""The exit code of that, as subprocess has it."""

_PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> bool:
    """Have the kernel kill this process when its parent's starting thread ends.

    Call it from the main thread (prctl(2): PR_SET_PDEATHSIG is about the thread that forked us).

    Returns:
        False when the parent is gone already.
    """
    import ctypes  # the parent, which knows the exit code from here, needs none

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent_pid


def watch(log: IO[str]) -> None:
    """Set the watchdog up; to be called in the main thread.

    It is a timer of the kernel's, whose signal ends the process whatever Python is at. On its way
    it has a handler in C write down where Python was. A parent may have left the signal ignored or
    blocked, and programs keep that.
    """
    import faulthandler

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    faulthandler.register(signal.SIGALRM, file=log, chain=True)


async def beat(heartbeat_fd: int, log: IO[str]) -> None:
    """Re-arm the watchdog and tell the parent, for ever."""
    if heartbeat_fd >= 0:
        os.set_blocking(heartbeat_fd, False)
    watch(log)
    loop = asyncio.get_running_loop()
    timer: asyncio.Handle

    def once() -> None:
        nonlocal timer
        signal.setitimer(signal.ITIMER_REAL, STUCK_S)
        if heartbeat_fd >= 0:
            with contextlib.suppress(OSError):  # full: the parent is stopped; closed: it is gone
                os.write(heartbeat_fd, b".")
        timer = loop.call_later(BEAT_S, once)

    timer = loop.call_soon(once)
    try:
        await loop.create_future()
    finally:
        timer.cancel()
