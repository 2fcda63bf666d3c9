"""The simulated runtime on a unix socket: gRPC around `service`, and the clock of its world."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf.message import Message

from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.calls import CallError
from pleg_tui.sim.faults import Failure, FaultPlan
from pleg_tui.sim.flavours import CriEvents
from pleg_tui.sim.native import FilterError, parse_filters
from pleg_tui.sim.options import Options
from pleg_tui.sim.runtime import Recorded, Runtime, make_logs
from pleg_tui.sim.scenarios import Node, build
from pleg_tui.sim.service import Service
from pleg_tui.sim.sockets import SimulatorError, claim
from pleg_tui.sim.verbs import Verbs
from pleg_tui.sim.world import SECOND, World

_TICK_S = 1.0
"""How often logs grow, and the longest that the clock sleeps."""
_FALLEN_BEHIND_NS = 5 * SECOND
_STEPS_AT_ONCE = 50

_Context = Any  # grpc.aio.ServicerContext, whose stubs are too narrow for generic handlers


class Simulator:
    """One simulated runtime that serves from `start` to `stop`; also an async context manager."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self._folder = self.options.temporary
        if not self.options.socket or not self.options.log_dir:
            self._folder = self._folder or tempfile.mkdtemp(prefix="pleg-tui-sim-")
        self.socket = self.options.socket or f"{self._folder}/cri.sock"
        self.log_dir = self.options.log_dir or f"{self._folder}/logs"
        self.faults = FaultPlan()
        began = self.options.began_ns or time.time_ns()
        self.world = World(self.options.seed, began)
        self.runtime = Runtime(self.options, self.world, make_logs(self.log_dir), self.faults)
        self.node: Node = build(
            self.world,
            self.options.scenario,
            pods=self.options.pods,
            churn=self.options.churn,
            speed=self.options.speed,
            log_root=str(self.runtime.logs.root),
        )
        self._catch_up(time.time_ns() - began if self.options.began_ns else 0)
        self.world.wall = time.time_ns
        self._service = Service(self.runtime)
        self._verbs = Verbs(self.runtime)
        self._server: grpc.aio.Server | None = None
        self._clock: asyncio.Task[None] | None = None
        self._hold = asyncio.Event()

    def _catch_up(self, until: int) -> None:
        """Live through what happened before this process, stamped with its time; nobody hears."""
        self.world.quiet = True
        while self.world.advance(until):
            pass
        self.world.quiet = False
        self.world.now = max(self.world.now, until)

    @property
    def endpoint(self) -> str:
        """As a client is told: `unix:///…`."""
        return f"unix://{self.socket}"

    @property
    def record(self) -> deque[Recorded]:
        """What was done, independent of what the event streams tell."""
        return self.runtime.record

    @property
    def subscribers(self) -> int:
        """Readers of CRI events now."""
        return self.runtime.hub.subscribers

    @property
    def native_subscribers(self) -> int:
        """Readers of containerd's events now."""
        return self.runtime.native.subscribers

    # ---- its life ----

    async def start(self) -> None:
        """Serve, and let time pass unless the options say manual.

        Raises:
            SimulatorError: the socket cannot be had.
        """
        await self._serve()
        if not self.options.manual:
            self._clock = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """End every call and stream, and remove what was made on disk."""
        if self._clock is not None:
            self._clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clock
            self._clock = None
        await self._unserve()
        self.runtime.logs.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def restart(self, down_s: float = 0.0) -> None:
        """As when the runtime's process restarts: calls and streams break, pods live on.

        Events that nobody had read are lost with it.
        """
        await self._unserve()
        self.runtime.renew()
        if down_s:
            await asyncio.sleep(down_s)
        await self._serve()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # ---- time by hand (manual) ----

    async def step(self, count: int = 1) -> int:
        """Go on until that many things have happened; fewer only when nothing is planned.

        Returns:
            How many did: one action may be several steps.
        """
        before = self._told()
        while self._told() - before < count:
            due = self.world.next_due
            if due is None:
                break
            await self._advance(due)
        return self._told() - before

    async def run(self, seconds: float) -> int:
        """Let that much virtual time pass; how many things happened is returned."""
        before = self._told()
        until = self.world.now + int(seconds * SECOND)
        while await self._advance(until):
            pass
        self.world.now = until
        return self._told() - before

    def _told(self) -> int:
        return self.runtime.steps

    async def _advance(self, until: int) -> bool:
        went = self.world.advance(until)
        waiting = self.runtime.flush()
        if waiting is not None:
            await waiting
        return went

    async def _tick(self) -> None:
        origin = time.monotonic_ns() - self.world.now
        logs_due = 0
        while True:
            now = time.monotonic_ns() - origin
            steps = 0
            while await self._advance(now):
                steps += 1
                if steps % _STEPS_AT_ONCE == 0:
                    await asyncio.sleep(0)
            if now >= logs_due:
                logs_due = now + int(_TICK_S * SECOND)
                self.runtime.logs.grow(time.time_ns())
            due = self.world.next_due
            now = time.monotonic_ns() - origin
            if due is not None and now - due > _FALLEN_BEHIND_NS:
                # Held up or asleep: go on from here rather than do it all at once.
                origin += now - due
                now = due
            wait = _TICK_S if due is None else min(_TICK_S, (due - now) / SECOND)
            await asyncio.sleep(max(0.0, wait))

    # ---- the socket ----

    async def _serve(self) -> None:
        claim(self.socket)
        self._hold = asyncio.Event()
        limit = self.runtime.flavour.max_message
        server = grpc.aio.server(
            options=(
                ("grpc.max_send_message_length", limit),
                ("grpc.max_receive_message_length", limit),
            )
        )
        server.add_generic_rpc_handlers(self._handlers())
        try:
            server.add_insecure_port(f"unix:{self.socket}")
            os.chmod(self.socket, 0o600)  # noqa: PTH101 - and no path object in a coroutine
            await server.start()
        except (RuntimeError, OSError) as error:
            raise SimulatorError(f"cannot serve on {self.socket}: {error}") from None
        self._server = server

    async def _unserve(self) -> None:
        self._hold.set()
        self.runtime.hub.close()
        if self._server is not None:
            await self._server.stop(None)
            self._server = None
            # Cancelled calls take a few rounds of the loop to unwind; end none of them half-way.
            await asyncio.sleep(0.01)
            with contextlib.suppress(OSError):
                os.unlink(self.socket)  # noqa: PTH108

    # ---- gRPC ----

    def _handlers(self) -> tuple[grpc.GenericRpcHandler[Any, Any], ...]:
        calls = {**self._service.methods(), **self._verbs.methods()}
        runtime = {n: self._unary(n, *m) for n, m in calls.items()}
        runtime[methods.short(methods.GET_CONTAINER_EVENTS)] = grpc.unary_stream_rpc_method_handler(
            self._get_container_events, cri.GetEventsRequest.FromString
        )
        images = {n: self._unary(n, *m) for n, m in self._service.image_methods().items()}
        handlers = [
            grpc.method_handlers_generic_handler(methods.RUNTIME_SERVICE, runtime),
            grpc.method_handlers_generic_handler(methods.IMAGE_SERVICE, images),
        ]
        if self.runtime.flavour.native_events:
            subscribe = grpc.unary_stream_rpc_method_handler(
                self._subscribe, ctd.SubscribeRequest.FromString
            )
            handlers.append(
                grpc.method_handlers_generic_handler(
                    methods.EVENTS_SERVICE, {methods.short(methods.SUBSCRIBE): subscribe}
                )
            )
        services = {h.service_name() for h in handlers if isinstance(h, grpc.ServiceRpcHandler)}
        return (*handlers, _Unknown(services))

    def _unary(
        self, name: str, request_type: type[Message], answer: Callable[[Any], Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        async def handle(request: Message, context: _Context) -> Any:
            await self._gate(name, context)
            try:
                result = answer(request)
                if isinstance(result, Awaitable):
                    result = await result
            except CallError as error:
                await context.abort(grpc.StatusCode[error.code], str(error))
            return result

        return grpc.unary_unary_rpc_method_handler(
            handle,
            request_type.FromString,
            lambda a: a if isinstance(a, bytes) else a.SerializeToString(),
        )

    async def _gate(self, name: str, context: _Context) -> None:
        """Let a call through, or do to it what the faults say."""
        faults = self.faults
        if name in faults.hang:
            await self._hold.wait()
        delay = faults.delay_s.get(name)
        if delay:
            await asyncio.sleep(delay)
        failure = faults.failure(name)
        if failure is not None:
            await context.abort(grpc.StatusCode[failure.code], failure.message)

    async def _get_container_events(
        self, _request: cri.GetEventsRequest, context: _Context
    ) -> None:
        await self._gate("GetContainerEvents", context)
        kind = self.runtime.flavour.cri_events
        if kind is CriEvents.UNIMPLEMENTED:
            await context.abort(
                grpc.StatusCode.UNIMPLEMENTED, "method GetContainerEvents not implemented"
            )
        await self._stream(self.runtime.hub.subscribe(), context)

    async def _subscribe(self, request: ctd.SubscribeRequest, context: _Context) -> None:
        await self._gate("Subscribe", context)
        try:
            wanted = parse_filters(request.filters)
        except FilterError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{error}: invalid argument")
        await self._stream(self.runtime.native.subscribe(wanted), context)

    async def _stream(self, events: AsyncGenerator[bytes, None], context: _Context) -> None:
        sent = 0
        async with aclosing(events), aclosing(self._bent(events)) as messages:
            async for message in messages:
                await context.write(message)
                sent += 1
                if self.faults.end_after and sent >= self.faults.end_after:
                    failure: Failure | None = self.faults.end_with
                    if failure is not None:
                        await context.abort(grpc.StatusCode[failure.code], failure.message)
                    return

    async def _bent(self, events: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        if self.faults.bends_streams:
            async with aclosing(self.faults.bend(events)) as bent:
                async for message in bent:
                    yield message
        else:
            async for message in events:
                yield message


class _Unknown(grpc.GenericRpcHandler):  # type: ignore[type-arg] # plain at run time
    """Refuses what is not there in the words of a Go server."""

    def __init__(self, services: set[str]) -> None:
        self._services = services

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        service, _, method = handler_call_details.method.removeprefix("/").rpartition("/")
        if service in self._services:
            message = f"unknown method {method} for service {service}"
        else:
            message = f"unknown service {service}"

        async def refuse(_request: bytes, context: _Context) -> None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, message)

        return grpc.unary_stream_rpc_method_handler(refuse)
