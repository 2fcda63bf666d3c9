"""When the screen follows the feed: at once after a quiet time, then so often a second at most.

A change that has to wait is on the terminal one tick (1/fps seconds) after it came, not one tick
after the picture before it. What comes meanwhile is drawn with it, so a few changes a second are
drawn less often than the fps allow, and none of them later. Measured: docs/performance.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

BREATH_S = 0.005
AHEAD_S = 0.04
"""To draw and to send takes so long, mostly: it begins so much earlier."""
SAVED_S = 0.25
"""So much time without a picture may be made up for: where a change comes just after a picture, the
next one is drawn a little early for it."""


class Pump:
    """Turns "something changed" into calls of `tick`, on average no closer than 1/fps seconds."""

    def __init__(
        self, fps: float, tick: Callable[[], object], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.fps = fps
        """Can be changed."""
        self._tick = tick
        self._loop = loop
        self._free = loop.time()
        """From then on a change is drawn at once."""
        self._paced = self._free
        """When the next picture is due if all are evenly spaced, less what was saved."""
        self._handle: asyncio.Handle | None = None

    @property
    def busy(self) -> bool:
        """Something waits to be drawn, or would have to wait if it came now."""
        return self._handle is not None or self._loop.time() < self._free

    def dirty(self) -> None:
        """Something is there to be drawn."""
        if self._handle is not None:
            return
        now = self._loop.time()
        if now >= self._free:
            self._handle = self._loop.call_soon(self._fire)
        else:
            due = max(now + 1 / self.fps, self._paced) - self._ahead
            self._handle = self._loop.call_at(due, self._fire)

    def again(self) -> None:
        """There was more than one tick could draw: go on, once the keys have had their turn."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(BREATH_S, self._fire)

    def stop(self) -> None:
        """Draw no more."""
        if self._handle is not None:
            self._handle.cancel()

    @property
    def _ahead(self) -> float:
        return min(AHEAD_S, 0.5 / self.fps)

    def _fire(self) -> None:
        self._handle = None
        # What was drawn ahead of its time is made up for by what follows.
        now = self._loop.time()
        latest, tick = now + self._ahead, 1 / self.fps
        self._free = min(max(now, self._free), latest) + tick
        self._paced = min(max(now - SAVED_S, self._paced), latest) + tick
        self._tick()
