"""Whether this process gets enough of the processor to read CRI events in time.

The watchdog sees a reader that has stopped, not one that is slow. Held to a hundredth of a core, as
a small CPU limit may do, the loop still beats while events are read later and later, and a runtime
that waits for its readers, or who reads beside us, would wait for us.
"""

from __future__ import annotations

import time
from pathlib import Path

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.wire import WireError, parse

CHECK_S = 1.0
TOO_LATE_S = 2.0
"""An event that is older than this when it is read was waited for, or waited."""
HUNGRY = 0.5
"""Waiting for the processor for so much of the time is what nothing but a limit does: with 20 busy
loops for each core it was a tenth, with a hundredth of a core 50 to 94 percent."""
_SCHEDSTAT = Path("/proc/thread-self/schedstat")


class KeepingUp:
    """Told of each event, and asked every CHECK_S whether they are still read in time."""

    def __init__(self) -> None:
        self._newest: tuple[bytes, int] | None = None
        self._asked_at = time.monotonic_ns()
        self._waited = _waited_ns()
        self._late = False

    def read(self, event: bytes) -> None:
        """An event was read just now."""
        self._newest = event, time.time_ns()

    def too_slow(self) -> bool:
        """At both of the last two questions events came late and the processor was not to be had.

        Late alone proves nothing: the runtime itself may be slow, or replay what is old.
        """
        now, waited = time.monotonic_ns(), _waited_ns()
        hungry = waited - self._waited > HUNGRY * (now - self._asked_at)
        self._asked_at, self._waited = now, waited
        before, self._late = self._late, hungry and self._is_late()
        self._newest = None
        return before and self._late

    def _is_late(self) -> bool:
        if self._newest is None:
            return False
        event, read_at = self._newest
        try:
            created_at = parse(cri.ContainerEventResponse, event).created_at
        except WireError:
            return False
        return read_at - created_at > TOO_LATE_S * 1e9


def _waited_ns() -> int:
    """How long this thread has been ready to run and was not running; 0 where that is not told."""
    try:
        return int(_SCHEDSTAT.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
