"""Who gets which CRI event, by flavour: the queues between the runtime and its readers.

A hub takes serialized events with `post` and hands them to readers through `subscribe`. Where the
real runtime makes whoever caused an event wait for its readers, `post` returns something to await.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Sequence

from pleg_tui.sim.flavours import CriEvents
from pleg_tui.sim.native import NativeEvent, Predicate


class Hub(ABC):
    """The events of one runtime on their way to its readers."""

    def __init__(self) -> None:
        self.dropped = 0
        """Events that no reader will get, by the runtime's own rules."""

    @property
    @abstractmethod
    def subscribers(self) -> int:
        """How many readers there are now."""

    @property
    def blocked(self) -> bool:
        """Somebody waits for a reader."""
        return False

    @abstractmethod
    def post(self, events: Sequence[bytes]) -> Awaitable[None] | None:
        """Take events, in order; what is returned, if anything, holds their cause up."""

    @abstractmethod
    def subscribe(self) -> AsyncGenerator[bytes, None]:
        """A new reader's events; close it to leave."""

    @abstractmethod
    def close(self) -> None:
        """The runtime ends: nobody waits any longer."""


class BroadcastHub(Hub):
    """containerd 2: every reader gets all, through queues of 100 that block the sender when full.

    Bounded where the real one is not: with more than PENDING events waiting for a stalled reader,
    further ones are dropped, and what waits for a first reader is at most BACKLOG events.
    """

    QUEUE = 100
    KEEP_S = 300.0
    BACKLOG = 4000
    PENDING = 4000

    def __init__(self) -> None:
        super().__init__()
        self._readers: list[_Reader] = []
        self._backlog: deque[tuple[float, bytes]] = deque(maxlen=self.BACKLOG)
        self._pending: deque[bytes | asyncio.Future[None]] = deque()
        self._pump: asyncio.Task[None] | None = None

    @property
    def subscribers(self) -> int:
        """How many readers there are now."""
        return len(self._readers)

    @property
    def blocked(self) -> bool:
        """Events wait for a reader that is full."""
        return bool(self._pending)

    def post(self, events: Sequence[bytes]) -> Awaitable[None] | None:
        """Deliver at once where everybody has room; else the cause waits its turn."""
        done = 0
        if not self._pending and (self._pump is None or self._pump.done()):
            for event in events:
                if any(reader.full for reader in self._readers):
                    break
                self._deliver(event)
                done += 1
        if done == len(events):
            return None
        if len(self._pending) > self.PENDING:
            self.dropped += len(events) - done
        else:
            self._pending.extend(events[done:])
        mark: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(mark)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._drain())
        return mark

    def _deliver(self, event: bytes) -> None:
        for reader in self._readers:
            reader.put(event)
        if not self._readers:
            self._backlog.append((time.monotonic(), event))

    async def _drain(self) -> None:
        pending = self._pending
        while pending:
            first = pending[0]
            if isinstance(first, bytes):
                for reader in tuple(self._readers):
                    await reader.room()
                # Readers that left or came meanwhile do not matter: each has room now.
                if any(reader.full for reader in self._readers):
                    continue
                self._deliver(first)
            elif not first.done():
                first.set_result(None)
            pending.popleft()

    async def subscribe(self) -> AsyncGenerator[bytes, None]:
        """A new reader's events."""
        reader = _Reader(self.QUEUE)
        oldest = time.monotonic() - self.KEEP_S
        backlog = [] if self._readers else [e for at, e in self._backlog if at >= oldest]
        self._backlog.clear()
        reader.preload(backlog)
        self._readers.append(reader)
        try:
            while True:
                yield await reader.get()
        finally:
            self._readers.remove(reader)
            reader.close()

    def close(self) -> None:
        """The runtime ends: nobody waits any longer."""
        for reader in tuple(self._readers):
            reader.close()
        for waiting in self._pending:
            if not isinstance(waiting, bytes) and not waiting.done():
                waiting.set_result(None)
        self._pending.clear()
        if self._pump is not None:
            self._pump.cancel()


class SharedHub(Hub):
    """containerd 1.7: one queue of 1000; each event reaches exactly one reader, in turn.

    The oldest 1000 events wait for the first reader; a reader that left takes one more event with
    it, because its handler notices only when it sends.
    """

    QUEUE = 1000

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[bytes] = deque()
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._count = 0

    @property
    def subscribers(self) -> int:
        """How many readers there are now."""
        return self._count

    def post(self, events: Sequence[bytes]) -> None:
        """Take events; nobody ever waits."""
        for event in events:
            if self._waiting:
                reader = self._waiting.popleft()
                if reader.done():
                    self.dropped += 1
                else:
                    reader.set_result(event)
            elif len(self._queue) < self.QUEUE:
                self._queue.append(event)
            else:
                self.dropped += 1

    async def subscribe(self) -> AsyncGenerator[bytes, None]:
        """A new reader's events."""
        self._count += 1
        try:
            while True:
                if self._queue:
                    yield self._queue.popleft()
                    continue
                turn: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                yield await turn
        finally:
            self._count -= 1

    def close(self) -> None:
        """The runtime ends; nobody waits here."""


class ChannelHub(Hub):
    """CRI-O: a queue of 1000 that drops the newest, and one broadcaster that waits for each reader.

    A stalled reader starves the others, then events are dropped; no CRI call ever waits.
    """

    QUEUE = 1000

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[bytes] = deque()
        self._readers: list[_Reader] = []
        self._wake = asyncio.Event()
        self._broadcaster: asyncio.Task[None] | None = None

    @property
    def subscribers(self) -> int:
        """How many readers there are now."""
        return len(self._readers)

    def post(self, events: Sequence[bytes]) -> None:
        """Take events; nobody ever waits."""
        for event in events:
            if len(self._queue) < self.QUEUE:
                self._queue.append(event)
            else:
                self.dropped += 1
        self._wake.set()

    async def _broadcast(self) -> None:
        while True:
            while self._queue:
                event = self._queue.popleft()
                for reader in tuple(self._readers):
                    reader.put(event)
                    await reader.taken()
            self._wake.clear()
            await self._wake.wait()

    async def subscribe(self) -> AsyncGenerator[bytes, None]:
        """A new reader's events."""
        reader = _Reader(1)
        self._readers.append(reader)
        if self._broadcaster is None:
            self._broadcaster = asyncio.create_task(self._broadcast())
        try:
            while True:
                yield await reader.get()
                reader.written()
        finally:
            self._readers.remove(reader)
            reader.close()

    def close(self) -> None:
        """The runtime ends: nobody waits any longer."""
        if self._broadcaster is not None:
            self._broadcaster.cancel()


class NoHub(Hub):
    """Runtimes whose events cannot be read."""

    @property
    def subscribers(self) -> int:
        """How many readers there are now."""
        return 0

    def post(self, events: Sequence[bytes]) -> None:
        """Take events; nobody ever waits."""
        self.dropped += len(events)

    async def subscribe(self) -> AsyncGenerator[bytes, None]:
        """A new reader's events."""
        nothing: tuple[bytes, ...] = ()
        for event in nothing:
            yield event

    def close(self) -> None:
        """The runtime ends; nobody waits here."""


class NativeHub:
    """containerd's exchange: an unbounded queue for each subscriber, no history, nobody waits."""

    def __init__(self) -> None:
        self._readers: list[tuple[Predicate, _Reader]] = []

    @property
    def subscribers(self) -> int:
        """How many readers there are now."""
        return len(self._readers)

    def post(self, event: NativeEvent) -> None:
        """Give it to every reader that asked for such."""
        for wanted, reader in self._readers:
            if wanted(event):
                reader.put(event.data)

    async def subscribe(self, wanted: Predicate) -> AsyncGenerator[bytes, None]:
        """A new reader's events from now on."""
        entry = (wanted, _Reader(None))
        self._readers.append(entry)
        try:
            while True:
                yield await entry[1].get()
        finally:
            self._readers.remove(entry)


class _Reader:
    """One reader's queue, with the means to wait for it."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._queue: deque[bytes] = deque()
        self._changed: list[asyncio.Future[None]] = []
        self._in_hand = 0
        self.closed = False

    @property
    def full(self) -> bool:
        return self._limit is not None and not self.closed and len(self._queue) >= self._limit

    def preload(self, events: Sequence[bytes]) -> None:
        self._queue.extend(events)

    def put(self, event: bytes) -> None:
        if not self.closed:
            self._queue.append(event)
            self._notify()

    async def get(self) -> bytes:
        while not self._queue:
            await self._change()
        event = self._queue.popleft()
        self._in_hand += 1
        self._notify()
        return event

    def written(self) -> None:
        """What was got has gone out."""
        self._in_hand = 0
        self._notify()

    async def room(self) -> None:
        """Until it is not full, or is closed."""
        while self.full:
            await self._change()

    async def taken(self) -> None:
        """Until everything put has gone out, or it is closed."""
        while (self._queue or self._in_hand) and not self.closed:
            await self._change()

    def close(self) -> None:
        """The runtime ends: nobody waits any longer."""
        self.closed = True
        self._queue.clear()
        self._notify()

    def _notify(self) -> None:
        waiting, self._changed = self._changed, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _change(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed.append(future)
        await future


def make_hub(kind: CriEvents) -> Hub:
    """The hub of a flavour."""
    hubs: dict[CriEvents, type[Hub]] = {
        CriEvents.BROADCAST: BroadcastHub,
        CriEvents.SHARED: SharedHub,
        CriEvents.CHANNEL: ChannelHub,
    }
    return hubs.get(kind, NoHub)()
