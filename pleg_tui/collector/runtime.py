"""One connection to a runtime: a channel and its unary calls, each with a deadline, each told."""

from __future__ import annotations

import os
import time

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# Its older way to poll sockets: an event takes fewer threads on its way (docs/performance.md). What
# a later gRPC does not know any more, it ignores.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client")

import grpc
import grpc.aio

from pleg_tui import frames
from pleg_tui.collector.outbox import Outbox
from pleg_tui.cri import methods
from pleg_tui.frames import Kind

MESSAGE_LIMIT = 16 << 20
"""Largest message taken, as in the kubelet's client (cri-client utils.go, maxMsgSize)."""
RECEIVE_WINDOW = 8 << 20
"""How much a runtime may send ahead of our reading."""

_OPTIONS = (
    # The C core would send the escaped socket path, which some runtimes refuse.
    ("grpc.default_authority", "localhost"),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.http2.lookahead_bytes", RECEIVE_WINDOW),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)


class CallFailed(Exception):
    """A call that got no answer: the gRPC code's name and the runtime's words."""

    def __init__(self, method: str, code: str, message: str) -> None:
        super().__init__(f"{method}: {code}: {message}")
        self.method = method
        self.code = code
        self.message = message


class Runtime:
    """A channel to one endpoint; messages go in and come out serialized."""

    def __init__(self, endpoint: str, outbox: Outbox) -> None:
        self.endpoint = endpoint
        self.outbox = outbox
        self.channel = grpc.aio.insecure_channel(endpoint, options=_OPTIONS)

    async def call(self, path: str, request: bytes, timeout_s: float) -> bytes:
        """One unary call, reported as a CALL frame.

        Raises:
            CallFailed: no answer within timeout_s seconds, or an error.
        """
        method = methods.short(path)
        start = time.monotonic()
        code, size = "OK", 0
        try:
            answer: bytes = await self._method(path)(request, timeout=timeout_s)
            size = len(answer)
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            raise CallFailed(method, code, error.details() or "") from None
        finally:
            self.outbox.put(
                frames.encode_json(
                    Kind.CALL,
                    {
                        "method": method,
                        "ms": round((time.monotonic() - start) * 1000, 3),
                        "bytes": size,
                        "code": code,
                    },
                    time.monotonic_ns(),
                    time.time_ns(),
                )
            )
        return answer

    def _method(self, path: str) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
        # The stubs do not know that both (de)serializers may be left out: bytes stay bytes.
        return self.channel.unary_unary(path)  # type: ignore[call-arg]

    async def close(self) -> None:
        """End every call and the connection."""
        await self.channel.close(None)
