"""Frames on their way up the pipe: bounded, never blocking, honest about what was dropped."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from pleg_tui import frames
from pleg_tui.frames import Kind

_BATCH = 256 << 10
_KEPT = frozenset({Kind.HELLO, Kind.RUNTIME, Kind.STREAM, Kind.LOST})
"""Never dropped: few, and the reader would misread everything without them."""


class Outbox:
    """A queue in front of a non-blocking pipe.

    When more than `limit` bytes wait, the oldest frames that may be dropped are, and are counted;
    the newest listing is kept however large it is, since everything else can be had from it. Once
    the reader has caught up, one LOST frame is sent and on_recovered is called, which is expected
    to send a fresh listing.
    """

    def __init__(self, fd: int, *, limit: int) -> None:
        self.on_recovered: Callable[[], None] | None = None
        self.on_closed: Callable[[], None] | None = None
        self.frames = 0
        self.bytes = 0
        self.lost = 0
        self._fd = fd
        self._limit = limit
        self._queue: deque[bytes] = deque()
        self._kept: deque[bytes] = deque()  # older than all of the queue
        self._newest_listing = b""
        self._waiting = 0
        self._droppable = 0  # bytes of the queue that may go
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
        return self._waiting + len(self._partial)

    def put(self, frame: bytes) -> None:
        """Send one encoded frame, now or as soon as the reader takes it."""
        if self._closed:
            return
        self.frames += 1
        self.bytes += len(frame)
        if _kind(frame) == Kind.LISTING:
            self._supersede(frame)
        self._queue.append(frame)
        self._waiting += len(frame)
        self._droppable += 0 if self._stays(frame) else len(frame)
        if self._droppable > self._limit:
            self._drop()
        if not self._scheduled and not self._writing:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _stays(self, frame: bytes) -> bool:
        return frame is self._newest_listing or _kind(frame) in _KEPT

    def _supersede(self, listing: bytes) -> None:
        """A newer listing has come: the one before it may go."""
        before, self._newest_listing = self._newest_listing, listing
        for frame in self._kept:
            if frame is before:
                self._kept.remove(frame)
                self._waiting -= len(frame)
                return
        if any(frame is before for frame in self._queue):
            self._droppable += len(before)

    def _drop(self) -> None:
        while self._queue and self._droppable > self._limit:
            frame = self._queue.popleft()
            if self._stays(frame):
                self._kept.append(frame)
                continue
            self._waiting -= len(frame)
            self._droppable -= len(frame)
            self.lost += 1
            self._unsaid += 1

    def _flush(self) -> None:
        self._scheduled = False
        while self._partial or self._kept or self._queue:
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
        while size < _BATCH and (self._kept or self._queue):
            frame = (self._kept or self._queue).popleft()
            if frame is self._newest_listing:
                self._newest_listing = b""
            elif not self._stays(frame):
                self._droppable -= len(frame)
            parts.append(frame)
            size += len(frame)
        self._waiting -= size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wait(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._fd, self._flush)

    def _close(self) -> None:
        self._closed = True
        self._queue.clear()
        self._kept.clear()
        self._newest_listing = b""
        self._waiting = self._droppable = 0
        self._partial = b""
        if self._writing:
            self._loop.remove_writer(self._fd)
        if self.on_closed is not None:
            self.on_closed()


def _kind(frame: bytes) -> int:
    return int.from_bytes(frame[4:6], "little")
