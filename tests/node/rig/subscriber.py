"""Plain subscribers of a runtime's event streams, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc
from msgspec import Struct

from pleg_tui.cri import containerd_events_pb2 as native
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.methods import GET_CONTAINER_EVENTS, SUBSCRIBE

M = TypeVar("M")
SETTLE_S = 0.2
"""A runtime answers nothing when a subscription is in place; it is, well within this time."""


class Received(Struct, Generic[M], frozen=True):
    """One message and when it was had, ns: CLOCK_MONOTONIC and since the epoch."""

    message: M
    mono: int
    wall: int


class Subscriber(Generic[M]):
    """Reads a stream until it is closed, and keeps every message.

    Args:
        endpoint: `unix:///…`.
        path: of the gRPC method.
        request: its request.
        answer: the message type of the stream.
        on_message: called in the reading thread with each.
        on_end: called there with the error, when it was not we who ended the stream.
        deadline_s: the RPC's deadline; None for none.
    """

    def __init__(
        self,
        endpoint: str,
        path: str,
        request: Any,
        answer: Any,
        on_message: Callable[[Received[M]], None] | None = None,
        on_end: Callable[[str], None] | None = None,
        deadline_s: float | None = None,
    ) -> None:
        self.received: list[Received[M]] = []
        self.error: str = ""
        """How the stream ended, when it was not we who ended it."""
        self._on_message = on_message
        self._on_end = on_end
        self._gate = threading.Event()
        self._gate.set()
        self._closing = False
        # A connection of its own with a window of 64 KiB that does not grow, so that a stall is
        # felt after the same number of bytes whatever went on before.
        self._channel = grpc.insecure_channel(
            endpoint,
            options=[
                ("grpc.max_receive_message_length", 64 << 20),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.http2.bdp_probe", 0),
            ],
        )
        grpc.channel_ready_future(self._channel).result(10)
        self._stream: Any = self._channel.unary_stream(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )(request, timeout=deadline_s)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        time.sleep(SETTLE_S)

    def stall(self) -> None:
        """Stop reading, as a hung client does; one message more may still be taken."""
        self._gate.clear()

    def resume(self) -> None:
        """Read on."""
        self._gate.set()

    def close(self) -> None:
        """End the stream."""
        self._closing = True
        self._gate.set()
        self._stream.cancel()
        self._thread.join(5)
        self._channel.close()

    def wait_for(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until so many messages were had."""
        end = time.monotonic() + timeout
        while len(self.received) < count and time.monotonic() < end:
            time.sleep(0.005)
        return len(self.received) >= count

    def wait_quiet(self, quiet_s: float = 0.1) -> None:
        """Wait until nothing has come for a moment."""
        while True:
            count = len(self.received)
            time.sleep(quiet_s)
            if len(self.received) == count:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> None:
        try:
            while True:
                self._gate.wait()
                message = next(self._stream)
                got: Received[M] = Received(message, time.monotonic_ns(), time.time_ns())
                self.received.append(got)
                if self._on_message is not None:
                    self._on_message(got)
        except StopIteration:
            self._ended("the stream ended with OK")
        except grpc.RpcError as error:
            self._ended(f"{error.code().name}: {error.details()}")

    def _ended(self, how: str) -> None:
        if self._closing:
            return
        self.error = how
        if self._on_end is not None:
            self._on_end(how)


def cri_events(
    endpoint: str,
    on_message: Callable[[Received[cri.ContainerEventResponse]], None] | None = None,
    on_end: Callable[[str], None] | None = None,
    deadline_s: float | None = None,
) -> Subscriber[cri.ContainerEventResponse]:
    """GetContainerEvents, as the kubelet's Evented PLEG subscribes; open when this returns."""
    return Subscriber(
        endpoint,
        GET_CONTAINER_EVENTS,
        cri.GetEventsRequest(),
        cri.ContainerEventResponse,
        on_message,
        on_end,
        deadline_s,
    )


def native_events(
    endpoint: str, on_message: Callable[[Received[native.Envelope]], None] | None = None
) -> Subscriber[native.Envelope]:
    """containerd's own Events.Subscribe, in the CRI's namespace; open when this returns."""
    request = native.SubscribeRequest(filters=["namespace==k8s.io"])
    return Subscriber(endpoint, SUBSCRIBE, request, native.Envelope, on_message)
