"""When the screen follows the feed: at once after a quiet time, then so often a second at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

BREATH_S = 0.005


class Pump:
    """Turns "something changed" into calls of `tick`, no closer together than 1/fps seconds."""

    def __init__(
        self, fps: float, tick: Callable[[], object], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.fps = fps
        """Can be changed."""
        self._tick = tick
        self._loop = loop
        self._last = loop.time() - 1 / fps
        self._handle: asyncio.Handle | None = None

    def dirty(self) -> None:
        """Something is there to be drawn."""
        if self._handle is not None:
            return
        wait = self._last + 1 / self.fps - self._loop.time()
        if wait <= 0:
            self._handle = self._loop.call_soon(self._fire)
        else:
            self._handle = self._loop.call_later(wait, self._fire)

    def again(self) -> None:
        """There was more than one tick could draw: go on, once the keys have had their turn."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(BREATH_S, self._fire)

    def hurry(self) -> None:
        """Do now what waits: something else is drawn now, and one picture is cheaper than two."""
        if self._handle is not None:
            self._handle.cancel()
            self._fire()

    def stop(self) -> None:
        """Draw no more."""
        if self._handle is not None:
            self._handle.cancel()

    def _fire(self) -> None:
        self._handle = None
        self._last = self._loop.time()
        self._tick()
