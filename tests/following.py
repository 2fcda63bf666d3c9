"""What every test of a live feed needs: a feed that is followed, its state, and a fresh listing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pleg_tui.feed.live import LiveFeed
from pleg_tui.feed.types import Phase, Settings, SourceChoice


async def until(
    condition: Callable[[], bool], seconds: float = 30.0, what: object = "it did not come"
) -> None:
    """Wait for what must come; the bound is for a failing test only."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what() if callable(what) else what
        await asyncio.sleep(0.02)


@asynccontextmanager
async def following(settings: Settings) -> AsyncIterator[LiveFeed]:
    """A feed from its start to its stop."""
    feed = LiveFeed(settings)
    await feed.start()
    try:
        yield feed
    finally:
        await feed.stop()


def states(feed: LiveFeed) -> dict[str, int]:
    """Every id that exists, with its state."""
    known: dict[str, int] = {}
    for pod in feed.pods.values():
        known.update({sandbox.id: int(sandbox.state) for sandbox in pod.sandboxes})
        known.update({container.id: int(container.state) for container in pod.containers})
    return known


async def truth(endpoint: str) -> dict[str, int]:
    """The same by a fresh listing of another client."""
    settings = Settings(endpoint, source=SourceChoice.NONE, details=False)
    async with following(settings) as fresh:
        await until(
            lambda: fresh.health.phase is Phase.LIVE,
            what=lambda: f"no fresh listing to compare with: {fresh.health}",
        )
        return states(fresh)


async def comes_right(feed: LiveFeed, endpoint: str, seconds: float = 30.0) -> None:
    """The feed's state becomes that of a fresh listing, and stays it."""
    wanted = await truth(endpoint)
    await until(lambda: states(feed) == wanted, seconds, lambda: _difference(states(feed), wanted))


def _difference(have: dict[str, int], wanted: dict[str, int]) -> str:
    wrong = {i: (have.get(i), wanted.get(i)) for i in have.keys() | wanted.keys()}
    return f"(have, wanted): { {i: s for i, s in wrong.items() if s[0] != s[1]} }"
