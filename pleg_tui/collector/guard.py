"""So that no event stream of ours can be left standing, whatever happens to this process.

A subscriber that stops reading can freeze containerd 2.x. Two of the guard's four parts live here:
a watchdog that needs neither the event loop nor the GIL, and the end of this process with its
parent. The deadline on every stream is in `streams`, the parent's watch in `pleg_tui.feed`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import os
import signal
from typing import IO

BEAT_S = 0.5
"""How often a live event loop says so."""
STUCK_S = 2
"""A loop that has not run for this long ends the process."""
STUCK_CODE = 1
"""The exit code of that (faulthandler.dump_traceback_later)."""

_PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> bool:
    """Have the kernel kill this process when its parent's starting thread ends.

    Call it from the main thread (prctl(2): PR_SET_PDEATHSIG is about the thread that forked us).

    Returns:
        False when the parent is gone already.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent_pid


async def beat(heartbeat_fd: int, log: IO[str]) -> None:
    """Re-arm the watchdog and tell the parent, for ever.

    The watchdog's thread is C: it ends the process even when Python is stuck in one instruction.
    """
    if heartbeat_fd >= 0:
        os.set_blocking(heartbeat_fd, False)
    while True:
        faulthandler.dump_traceback_later(STUCK_S, exit=True, file=log)
        if heartbeat_fd >= 0:
            with contextlib.suppress(OSError):  # full: the parent is stopped; closed: it is gone
                os.write(heartbeat_fd, b".")
        await asyncio.sleep(BEAT_S)
