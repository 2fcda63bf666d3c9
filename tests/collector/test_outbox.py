"""A slow reader loses the oldest frames, is told how many, and never blocks the sender."""

import asyncio
import contextlib
import os
from collections.abc import Iterator

import pytest

from pleg_tui import frames
from pleg_tui.collector.outbox import Outbox
from pleg_tui.frames import Frame, Kind


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    for fd in (read, write):
        with contextlib.suppress(OSError):
            os.close(fd)


async def drain(read: int) -> list[Frame]:
    reader, got, idle = frames.Reader(), [], 0
    while idle < 5:
        await asyncio.sleep(0)
        try:
            got += reader.feed(os.read(read, 1 << 20))
            idle = 0
        except BlockingIOError:
            idle += 1
            await asyncio.sleep(0.01)
    return got


def event(number: int, size: int = 100) -> bytes:
    return frames.encode(Kind.EVENT_CRI, number.to_bytes(4, "little") + b"x" * size)


async def test_a_reader_that_keeps_up_gets_all_in_order(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1], limit=1 << 20)
    for number in range(500):
        outbox.put(event(number))
    got = await drain(pipe[0])
    assert [int.from_bytes(f.payload[:4], "little") for f in got] == list(range(500))
    assert outbox.lost == 0


async def test_a_slow_reader_loses_the_oldest_and_is_told(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1], limit=100_000)
    recovered = []
    outbox.on_recovered = lambda: recovered.append(True)
    outbox.put(frames.encode_json(Kind.HELLO, {"version": 1}))
    for number in range(5000):
        outbox.put(event(number))
        if number % 100 == 0:
            await asyncio.sleep(0)
        assert outbox.buffered < 300_000
    got = await drain(pipe[0])
    assert got[0].kind == Kind.HELLO, "state frames are never dropped"
    numbers = [int.from_bytes(f.payload[:4], "little") for f in got if f.kind == Kind.EVENT_CRI]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 4999, "the newest survive"
    lost = [f.json()["frames"] for f in got if f.kind == Kind.LOST]
    assert sum(lost) == 5000 - len(numbers) == outbox.lost > 0
    assert recovered, "a fresh listing is asked for"


async def test_a_reader_that_is_gone_ends_it(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1], limit=1 << 20)
    closed = []
    outbox.on_closed = lambda: closed.append(True)
    os.close(pipe[0])
    outbox.put(event(1))
    await asyncio.sleep(0.01)
    assert closed == [True]
    outbox.put(event(2))
    assert outbox.buffered == 0


async def test_the_newest_listing_arrives_however_large_it_is(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1], limit=10_000)
    recovered = []
    outbox.on_recovered = lambda: recovered.append(True)
    for size in (400_000, 500_000, 600_000):
        outbox.put(frames.encode(Kind.LISTING, b"l" * size))
    got = await drain(pipe[0])
    assert [len(f.payload) for f in got if f.kind == Kind.LISTING][-1] == 600_000
    recovered.clear()
    outbox.put(frames.encode(Kind.LISTING, b"l" * 700_000))
    outbox.put(event(1))
    got = await drain(pipe[0])
    assert [f.kind for f in got] == [Kind.LISTING, Kind.EVENT_CRI]
    assert not recovered, "a large listing alone is no loss"
