"""Keys one after the other: each goes where it is meant to once what the last one did is done.

A key may open a line or a dialog, which takes the focus only some messages later. Without this,
letters that were typed on (or came in one burst over a slow line) would go to whatever had the
focus before, and be obeyed as keys there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

PATIENCE_S = 1.0
"""Longest that a key waits for the one before: a screen may be long in loading, or fail to."""
_AT_ONCE = frozenset({"ctrl+c", "ctrl+q"})
_LOOK_S = 0.01
_MOST = 10_000
"""Keys that may wait; who types more than that has something lie on the keyboard."""

Typed = events.Key | events.Paste


class TypeAhead:
    """Holds keys back while the one before is still at work."""

    def __init__(self, app: App[Any], deliver: Callable[[Typed], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._waiting: deque[Typed] = deque()
        self._turn = 0
        """Which key is at work; what was begun for an earlier one is over."""
        self._patience: asyncio.TimerHandle | None = None
        self._at: MessagePump | None = None
        """In whose queue we wait."""
        self.busy = False
        """A key is at work."""

    async def take(self, event: Typed) -> None:
        """A key was pressed, or a text pasted."""
        if isinstance(event, events.Key) and event.key in _AT_ONCE:
            await self._deliver(event)
        elif not self.busy:
            await self._pass(event)
        elif len(self._waiting) < _MOST:
            self._waiting.append(event)

    async def _pass(self, event: Typed) -> None:
        self.busy = True
        self._turn += 1
        target: MessagePump = self._app.focused or self._app.screen
        # The way that the key takes if nobody on it wants it; twice the app, because what gives
        # the focus away there waits in its queue in turn.
        way = [*_upwards(target), self._app]
        loop = asyncio.get_running_loop()
        turn = self._turn
        self._patience = loop.call_later(PATIENCE_S, lambda: self._app.call_later(self._done, turn))
        try:
            await self._deliver(event)
        finally:
            self._follow(way, turn)
            loop.call_later(_LOOK_S, self._look, turn)

    def _follow(self, way: list[MessagePump], turn: int) -> None:
        """Come behind the key in the queue of each that it passes."""
        while turn == self._turn and way:
            self._at = way.pop(0)
            if self._at.call_later(self._follow, way, turn):
                return
        if turn == self._turn:
            self._at = None
            self._settle(turn)

    def _look(self, turn: int) -> None:
        """A screen that the key has closed takes its queue with it, and us."""
        if turn != self._turn or not self.busy:
            return
        at = self._at
        if at is not None and (at._closing or at._closed or not at.is_running):
            self._at = None
            self._app.call_later(self._settle, turn)
        else:
            asyncio.get_running_loop().call_later(_LOOK_S, self._look, turn)

    def _settle(self, turn: int) -> None:
        """Wait for a screen that has just been opened."""
        if turn != self._turn:
            return
        if self._ready():
            self._app.call_later(self._done, turn)
        else:
            asyncio.get_running_loop().call_later(
                _LOOK_S, lambda: self._app.call_later(self._settle, turn)
            )

    def _ready(self) -> bool:
        """Keys can go where they are meant to."""
        screen = self._app.screen
        return screen.is_mounted and (screen.focused is not None or not screen.focus_chain)

    async def _done(self, turn: int) -> None:
        if turn != self._turn or not self.busy:
            return
        if self._patience is not None:
            self._patience.cancel()
        self.busy = False
        if self._waiting:
            await self._pass(self._waiting.popleft())


def _upwards(target: MessagePump) -> list[MessagePump]:
    way: list[MessagePump] = []
    node: MessagePump | None = target
    while node is not None:
        way.append(node)
        node = node._parent
    return way
