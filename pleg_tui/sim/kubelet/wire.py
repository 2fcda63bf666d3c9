"""The simulated kubelet's side of the CRI: real calls, counted as a kubelet counts them.

The kernel counts read(2) and write(2) in /proc/<pid>/io, but not recvmsg(2). A real kubelet's Go
runtime reads its sockets with read(2); gRPC's C core uses recvmsg. So that this process has the
rhythm that a kubelet has, its channel ends at a relay in this very process, which moves the bytes
to and from the runtime's socket with read(2) and write(2).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator
from typing import TypeVar

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc.aio
from google.protobuf.message import Message

from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.kubelet.metrics import Metrics

TIMEOUT_S = 120.0
"""runtimeRequestTimeout's default."""
_CHUNK = 64 << 10

_OPTIONS = (
    ("grpc.default_authority", "localhost"),
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    # The kubelet's dialer: 100 ms at first, 3 s at most (cri-client remote_runtime.go).
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3000),
)

_OPERATIONS = {
    "Version": "version",
    "Status": "status",
    "ListPodSandbox": "list_podsandbox",
    "ListContainers": "list_containers",
    "PodSandboxStatus": "podsandbox_status",
    "ContainerStatus": "container_status",
    "ListImages": "list_images",
}

M = TypeVar("M", bound=Message)


class CallError(Exception):
    """A call without an answer, in the words of Go's client."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {message}")
        self.code = code


class NoStreamError(CallError):
    """Not even a client of the stream could be had."""


class RuntimeClient:
    """One connection to a runtime's socket."""

    def __init__(self, socket_path: str, metrics: Metrics) -> None:
        self._relay = _Relay(socket_path)
        self._metrics = metrics
        self._channel: grpc.aio.Channel | None = None

    async def open(self) -> None:
        """Before the first call."""
        where = await self._relay.open()
        self._channel = grpc.aio.insecure_channel(where, options=_OPTIONS)

    async def close(self) -> None:
        """End every call."""
        if self._channel is not None:
            await self._channel.close(None)
        await self._relay.close()

    async def call(
        self, path: str, request: Message, answer: type[M], *, counted: bool = True
    ) -> M:
        """One unary call; counted False: through the client that the kubelet does not instrument.

        Raises:
            CallError: there was no answer.
        """
        begun = time.monotonic()
        failed = True
        try:
            assert self._channel is not None  # noqa: S101 - opened first
            rpc = self._channel.unary_unary(path)  # type: ignore[call-arg]
            data = await rpc(request.SerializeToString(), timeout=TIMEOUT_S)
            failed = False
            return answer.FromString(data)
        except grpc.aio.AioRpcError as error:
            raise CallError(_go_code(error.code()), error.details() or "") from None
        finally:
            if counted:
                kind = _OPERATIONS.get(methods.short(path), methods.short(path).lower())
                self._metrics.operation(kind, time.monotonic() - begun, failed=failed)

    async def events(self) -> AsyncIterator[cri.ContainerEventResponse]:
        """The runtime's events until the stream ends, which the kubelet takes as an error, too.

        The success counter rises as soon as there is a client of the stream, before the runtime
        has answered (cri-client, GetContainerEvents).

        Raises:
            NoStreamError: the runtime cannot be reached.
            CallError: the stream broke, or ended.
        """
        assert self._channel is not None  # noqa: S101 - opened first
        await self._connected()
        self._metrics.stream_successes += 1
        rpc = self._channel.unary_stream(methods.GET_CONTAINER_EVENTS)  # type: ignore[call-arg]
        stream = rpc(cri.GetEventsRequest().SerializeToString())
        try:
            async for data in stream:
                yield cri.ContainerEventResponse.FromString(data)
        except grpc.aio.AioRpcError as error:
            raise CallError(_go_code(error.code()), error.details() or "") from None
        finally:
            stream.cancel()
        raise CallError("EOF", "EOF")

    async def _connected(self) -> None:
        """Wait while a connection is being made, as a fail-fast stream does."""
        assert self._channel is not None  # noqa: S101 - opened first
        state = self._channel.get_state(try_to_connect=True)
        while state in (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING):
            await self._channel.wait_for_state_change(state)
            state = self._channel.get_state(try_to_connect=True)
        if state is not grpc.ChannelConnectivity.READY:
            raise NoStreamError(
                "Unavailable", "connection error: desc = the runtime's socket is closed"
            )


def _go_code(code: grpc.StatusCode) -> str:
    """DEADLINE_EXCEEDED as Go writes it: DeadlineExceeded."""
    return "".join(part.capitalize() for part in code.name.split("_"))


class _Relay:
    """Bytes between a private socket and the runtime's, moved with read(2) and write(2)."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Listen; the address for a client."""
        # An abstract name leaves no file behind, whatever ends this process.
        self._listener = socket.socket(socket.AF_UNIX)
        name = f"pleg-tui-sim-{os.getpid()}-{os.urandom(6).hex()}"
        self._listener.bind(f"\0{name}")
        self._listener.listen(8)
        self._listener.setblocking(False)
        self._task(self._accept(self._listener))
        return f"unix-abstract:{name}"

    async def close(self) -> None:
        """Cut every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    def _task(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(listener)
            self._task(self._serve(near))

    async def _serve(self, near: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        far = socket.socket(socket.AF_UNIX)
        far.setblocking(False)
        with near, far:
            near.setblocking(False)
            try:
                await loop.sock_connect(far, self._target)
            except OSError:
                return
            ways = {
                asyncio.ensure_future(_pump(near.fileno(), far.fileno())),
                asyncio.ensure_future(_pump(far.fileno(), near.fileno())),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)


async def _pump(source: int, target: int) -> None:
    """One direction until its end."""
    with contextlib.suppress(OSError):
        while True:
            try:
                data = os.read(source, _CHUNK)
            except BlockingIOError:
                await _ready(source, write=False)
                continue
            if not data:
                return
            while data:
                try:
                    data = data[os.write(target, data) :]
                except BlockingIOError:
                    await _ready(target, write=True)


async def _ready(fd: int, *, write: bool) -> None:
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    # A descriptor may wait for both directions: asyncio keeps them apart.
    add, remove = (
        (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    )

    def ready() -> None:
        if not waiter.done():
            waiter.set_result(None)

    add(fd, ready)
    try:
        await waiter
    finally:
        remove(fd)
