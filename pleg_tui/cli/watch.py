"""A feed as a command wants it: until it is live, and what it tells, one after the other."""

from __future__ import annotations

import asyncio

from pleg_tui.cli.errors import NoRuntimeError
from pleg_tui.feed.types import Delta, Feed, Phase
from pleg_tui.model import RuntimeInfo

_START_S = 30.0
"""For the collector's own start, which on a busy node takes longer than the runtime's answer."""


class Watch:
    """What a feed has to tell, as a command wants it: awaited, and nothing lost."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._dirty = asyncio.Event()
        self._taken: list[Delta] = []
        feed.on_dirty = self._dirty.set

    async def first_listing(self, timeout_s: float) -> RuntimeInfo:
        """Until the node has been listed once.

        Raises:
            NoRuntimeError: it cannot be reached, is not a CRI, or does not answer in time.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        deadline = begun + _START_S
        heard = False
        while True:
            health = self.feed.health
            if health.phase is Phase.LIVE and health.runtime is not None:
                return health.runtime
            if health.phase is not Phase.STARTING and not heard:
                heard = True
                deadline = loop.time() + timeout_s
            # A collector that died is started anew; any other error is the runtime's own answer.
            if health.error and not health.restarts:
                raise NoRuntimeError(health.error)
            if loop.time() >= deadline:
                raise NoRuntimeError(
                    health.error
                    or f"the runtime did not answer within {loop.time() - begun:.0f} s: see "
                    "whether it is overloaded, or give it longer with --timeout"
                )
            if delta := await self._next(deadline - loop.time()):
                self._taken.append(delta)

    async def next(self, timeout_s: float | None) -> Delta | None:
        """What has changed, oldest first; None when nothing did within the time."""
        return self._taken.pop(0) if self._taken else await self._next(timeout_s)

    async def _next(self, timeout_s: float | None) -> Delta | None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._dirty.wait()
        except TimeoutError:
            return None
        self._dirty.clear()
        return self.feed.take()
