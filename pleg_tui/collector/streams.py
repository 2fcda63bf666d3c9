"""An event stream that is always drained and never without a deadline.

Every RPC carries a deadline, so the *server* lets go of a send that we do not take, even if every
process of ours is frozen. Before the deadline the stream is renewed with an overlap; the doubles
that this gives are dropped by the reader, who knows id, type and time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import grpc
import grpc.aio
from msgspec import Struct


class StreamSpec(Struct, frozen=True):
    """Which stream, and how long one RPC of it may live."""

    path: str
    request: bytes
    deadline_s: float

    @property
    def renew_s(self) -> float:
        """Seconds after which the next RPC is opened beside this one."""
        return self.deadline_s - min(self.deadline_s / 4, 10.0)


class StreamEnded(Exception):
    """The server ended the stream: code is the gRPC code's name, OK when it just stopped."""

    def __init__(self, code: str, message: str, events: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.events = events


async def follow(
    channel: grpc.aio.Channel, spec: StreamSpec, on_message: Callable[[bytes], None]
) -> None:
    """Hand every message to on_message until the server ends the stream; renews it in time.

    Raises:
        StreamEnded: always, in the end, unless cancelled.
    """
    # The stubs do not know that the (de)serializers may be left out: bytes stay bytes.
    open_stream = channel.unary_stream(spec.path)  # type: ignore[call-arg]
    events = 0

    async def drain(call: grpc.aio.UnaryStreamCall[bytes, bytes]) -> None:
        nonlocal events
        async for message in call:
            events += 1
            on_message(message)

    calls: dict[asyncio.Task[None], grpc.aio.UnaryStreamCall[bytes, bytes]] = {}

    def subscribe() -> tuple[asyncio.Task[None], float]:
        call = open_stream(spec.request, timeout=spec.deadline_s)
        task = asyncio.create_task(drain(call))
        calls[task] = call
        return task, time.monotonic() + spec.renew_s

    newest, renew_at = subscribe()
    try:
        while True:
            done, _ = await asyncio.wait(
                calls,
                timeout=max(renew_at - time.monotonic(), 0),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                del calls[task]
                code, message = _ending(task)
                # One that ends beside its successor has done its duty, however it ended.
                if task is newest:
                    raise StreamEnded(code, message, events)
            if not done:
                newest, renew_at = subscribe()
    finally:
        for task, call in calls.items():
            call.cancel()
            task.cancel()


def _ending(task: asyncio.Task[None]) -> tuple[str, str]:
    if task.cancelled():
        return "CANCELLED", ""
    error = task.exception()
    if error is None:
        return "OK", ""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code().name, error.details() or ""
    raise error
