"""The collector's own watchdog, on a process that is stuck."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from pleg_tui.collector import guard

STUCK = """
import asyncio, ctypes, sys
from pleg_tui.collector import guard

async def main():
    with open(sys.argv[1], "w") as log:
        beating = asyncio.create_task(guard.beat(-1, log))
        await asyncio.sleep(3 * guard.BEAT_S)
        stuck_here()

def stuck_here():
    ctypes.PyDLL(None).pause()  # called with the GIL held

asyncio.run(main())
"""


def deaf() -> None:
    """As a careless parent may leave its children."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})


def test_a_process_that_is_stuck_with_the_gil_ends_and_says_where(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-P", "-c", STUCK, str(log)]
    ended = subprocess.run(command, preexec_fn=deaf, timeout=30, check=False)
    assert ended.returncode == guard.STUCK_CODE
    assert "in stuck_here" in log.read_text()
