"""Work that may have to wait for a disk, done beside the loop, which goes on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")


async def off_loop(work: Callable[[], Result]) -> Result:
    """Do it in a thread of its own and return what it returns.

    The thread is a daemon: a disk that never answers must not keep the program from ending, as it
    would in asyncio's pool of threads.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def deliver(tell: Callable[[], None]) -> None:
        if not done.done():
            tell()

    def run() -> None:
        tell: Callable[[], None]
        try:
            tell = partial(done.set_result, work())
        except BaseException as error:
            tell = partial(done.set_exception, error)
        # Once the loop is closed nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, tell)

    threading.Thread(target=run, daemon=True).start()
    return await done
