"""Lines on standard output: each at once, and never at the price of a program that hangs.

A reader that is slow must not block the event loop, which has a collector to listen to, nor Ctrl-C;
a reader that has left (`| head`) must be noticed even while nothing happens on the node.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import stat
import sys

_AT_ONCE = 4096
"""Bytes that a pipe that is ready takes without blocking (PIPE_BUF)."""


class Lines:
    """Standard output as an asynchronous sink of lines. Use it within one running loop."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.gone = asyncio.Event()
        """Set when the reader has left."""
        self._watching = False

    def __enter__(self) -> Lines:
        if stat.S_ISFIFO(os.fstat(self._fd).st_mode):
            # The writing end of a pipe never becomes readable: this tells of its reader's leaving.
            asyncio.get_running_loop().add_reader(self._fd, self._left)
            self._watching = True
        return self

    def __exit__(self, *_: object) -> None:
        self._unwatch()

    async def write(self, line: str) -> None:
        """Write a line and its end.

        Raises:
            BrokenPipeError: the reader has left.
            OSError: it cannot be written, as on a full disk.
        """
        data = memoryview((line + "\n").encode(self._encoding, "backslashreplace"))
        while data:
            if not self._poll.poll(0):
                await self._room()
            try:
                data = data[os.write(self._fd, data[:_AT_ONCE]) :]
            except BlockingIOError:
                await self._room()
            except OSError as error:
                if error.errno == errno.EIO:  # a terminal that was closed
                    raise BrokenPipeError(error.errno, error.strerror) from None
                raise

    async def _room(self) -> None:
        loop = asyncio.get_running_loop()
        room = asyncio.Event()
        loop.add_writer(self._fd, room.set)
        try:
            await room.wait()
        finally:
            loop.remove_writer(self._fd)

    def _left(self) -> None:
        self._unwatch()
        self.gone.set()

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            asyncio.get_running_loop().remove_reader(self._fd)
