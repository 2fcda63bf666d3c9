"""Faults that a test can set while a simulator runs; all off by default."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from msgspec import Struct, field

from pleg_tui.sim.objects import Happening


class Failure(Struct):
    """A gRPC error to answer with; `times` counts down and -1 means always."""

    code: str
    """Name of a gRPC status code: "UNAVAILABLE", "NOT_FOUND", ..."""
    message: str = "simulated failure"
    times: int = -1


class FaultPlan(Struct):
    """What goes wrong from now on. Methods go by their short names ("ListContainers")."""

    hang: set[str] = field(default_factory=set)
    """These never answer; a stream among them stays open and silent."""
    delay_s: dict[str, float] = field(default_factory=dict)
    """These answer so much later."""
    errors: dict[str, Failure] = field(default_factory=dict)
    stream_delay_s: float = 0.0
    """Pause before each message of an event stream."""
    drop: Callable[[Happening], bool] | None = None
    """Steps that no event stream will ever tell."""
    drop_every: int = 0
    """Each stream loses every n-th message."""
    replay_every: int = 0
    """Each stream sends every n-th message twice."""
    reorder: int = 0
    """Each stream sends its messages in reversed groups of this size, as far as they are there."""
    end_after: int = 0
    """Each stream ends after so many messages..."""
    end_with: Failure | None = None
    """...with this error, or with OK."""

    def clear(self) -> None:
        """All is well again."""
        blank = FaultPlan()
        for name in self.__struct_fields__:
            setattr(self, name, getattr(blank, name))

    def failure(self, method: str) -> Failure | None:
        """The error to answer this call with, if any; counts it."""
        failure = self.errors.get(method)
        if failure is None or failure.times == 0:
            return None
        if failure.times > 0:
            failure.times -= 1
        return failure

    @property
    def bends_streams(self) -> bool:
        """A stream's messages must pass through `bend`."""
        return bool(self.stream_delay_s or self.drop_every or self.replay_every or self.reorder > 1)

    async def bend(self, events: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """A stream's messages with the faults of this plan, as it stands at each of them."""
        number = 0
        held: list[bytes] = []
        async with aclosing(_with_pauses(events)) as source:
            async for event in source:
                if event is not None:
                    number += 1
                    if self.drop_every and number % self.drop_every == 0:
                        continue
                    held.append(event)
                    if self.replay_every and number % self.replay_every == 0:
                        held.append(event)
                    if self.reorder > 1 and len(held) < self.reorder:
                        continue
                # A pause sends what is held: reordering delays, it loses nothing.
                for message in reversed(held) if self.reorder > 1 else held:
                    if self.stream_delay_s:
                        await asyncio.sleep(self.stream_delay_s)
                    yield message
                held = []


async def _with_pauses(
    events: AsyncIterator[bytes], pause_s: float = 0.2
) -> AsyncGenerator[bytes | None, None]:
    """The events, and None whenever none came for a while."""
    while True:
        pending = asyncio.ensure_future(anext(events))
        try:
            while not pending.done():
                await asyncio.wait((pending,), timeout=pause_s)
                if not pending.done():
                    yield None
        finally:
            if not pending.done():
                pending.cancel()
        try:
            event = pending.result()
        except StopAsyncIteration:
            return
        yield event
