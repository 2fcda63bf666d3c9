"""Frames on their way up the pipe: bounded, never blocking, honest about what was dropped."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from pleg_tui import frames
from pleg_tui.frames import Kind

LIMIT = 8 << 20
"""Bytes held for a reader that is slow; about ten thousand events."""

_BATCH = 256 << 10
_KEPT = frozenset({Kind.HELLO, Kind.RUNTIME, Kind.STREAM, Kind.LOST, Kind.ERROR})
"""Never dropped: few, and the reader would misread everything without them."""


class Outbox:
    """A queue in front of a non-blocking pipe.

    When more than `limit` bytes wait, the oldest frames that may be dropped are, and are counted.
    Once the reader has caught up, one LOST frame is sent and on_recovered is called, which is
    expected to send a fresh listing.
    """

    def __init__(self, fd: int, *, limit: int = LIMIT) -> None:
        self.on_recovered: Callable[[], None] | None = None
        self.on_closed: Callable[[], None] | None = None
        self.frames = 0
        self.bytes = 0
        self.lost = 0
        self._fd = fd
        self._limit = limit
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._partial = b""
        self._unsaid = 0
        self._scheduled = False
        self._writing = False
        self._closed = False
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)

    @property
    def buffered(self) -> int:
        """Bytes that wait for the reader."""
        return self._queued + len(self._partial)

    def put(self, frame: bytes) -> None:
        """Send one encoded frame, now or as soon as the reader takes it."""
        if self._closed:
            return
        self.frames += 1
        self.bytes += len(frame)
        self._queue.append(frame)
        self._queued += len(frame)
        if self._queued > self._limit:
            self._drop()
        if not self._scheduled and not self._writing:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _drop(self) -> None:
        kept: list[bytes] = []
        while self._queue and self._queued > self._limit:
            frame = self._queue.popleft()
            if _kind(frame) in _KEPT:
                kept.append(frame)
                continue
            self._queued -= len(frame)
            self.lost += 1
            self._unsaid += 1
        self._queue.extendleft(reversed(kept))

    def _flush(self) -> None:
        self._scheduled = False
        while self._partial or self._queue:
            data = self._partial or self._batch()
            try:
                written = os.write(self._fd, data)
            except BlockingIOError:
                self._partial = data
                self._wait()
                return
            except OSError:
                self._close()
                return
            self._partial = data[written:]
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)
        if self._unsaid:
            lost, self._unsaid = self._unsaid, 0
            self.put(frames.encode_json(Kind.LOST, {"frames": lost}))
            if self.on_recovered is not None:
                self.on_recovered()

    def _batch(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while self._queue and size < _BATCH:
            frame = self._queue.popleft()
            parts.append(frame)
            size += len(frame)
        self._queued -= size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wait(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._fd, self._flush)

    def _close(self) -> None:
        self._closed = True
        self._queue.clear()
        self._queued = 0
        self._partial = b""
        if self._writing:
            self._loop.remove_writer(self._fd)
        if self.on_closed is not None:
            self.on_closed()


def _kind(frame: bytes) -> int:
    return int.from_bytes(frame[4:6], "little")
