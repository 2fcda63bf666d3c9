"""The evented lane: a runtime's event stream, drained, decoded, and kept as the live state.

Two kinds. CRI GetContainerEvents is what a kubelet with Evented PLEG reads. containerd's own events
stand in for it where CRI events are unsafe or not there: each brings only an id, which is looked up
as the live view does.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

import grpc
import grpc.aio

from pleg_tui.collector.lane_calls import EMPTY_SANDBOXES, LIST_ALL, TIMEOUT_S, Sink
from pleg_tui.collector.lane_record import (
    CREATED,
    EXITED,
    REMOVED,
    RUNNING,
    Record,
    container_name,
    sandbox_name,
)
from pleg_tui.collector.lookups import Lookups
from pleg_tui.collector.outbox import Outbox
from pleg_tui.collector.runtime import Runtime
from pleg_tui.collector.streams import StreamEnded
from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.cri import decode, methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.wire import WireError
from pleg_tui.frames import Frame, Kind
from pleg_tui.model import ContainerState, SandboxState
from pleg_tui.pleg.live import LiveState

SETTLE_S = 0.05
"""Between opening a stream and listing: no runtime confirms a subscription before an event."""
HELD_MOST = 10_000
"""Ids whose kind a look-up has not told yet."""

_SUBSCRIBE = ctd.SubscribeRequest(
    filters=['namespace==k8s.io,topic~="^/(tasks/(start|exit)|containers/(create|delete))$"']
).SerializeToString()
_EVERYTHING = cri.GetEventsRequest().SerializeToString()
_TOPICS = {
    "/containers/create": ContainerState.CREATED,
    "/tasks/start": ContainerState.RUNNING,
    "/tasks/exit": ContainerState.EXITED,
    "/containers/delete": ContainerState.REMOVED,
}
_KINDS = {
    cri.CONTAINER_CREATED_EVENT: ContainerState.CREATED,
    cri.CONTAINER_STARTED_EVENT: ContainerState.RUNNING,
    cri.CONTAINER_STOPPED_EVENT: ContainerState.EXITED,
    cri.CONTAINER_DELETED_EVENT: ContainerState.REMOVED,
}
_AS_SANDBOX = {
    ContainerState.CREATED: SandboxState.UNKNOWN,
    ContainerState.RUNNING: SandboxState.READY,
    ContainerState.EXITED: SandboxState.NOTREADY,
    ContainerState.REMOVED: SandboxState.REMOVED,
}
_WORDS = {
    ContainerState.CREATED: CREATED,
    ContainerState.RUNNING: RUNNING,
    ContainerState.EXITED: EXITED,
    ContainerState.REMOVED: REMOVED,
}


class Evented(ABC):
    """A client that lives on events; what it knows outlives the blocks, its streams do not."""

    path: str
    request: bytes

    def __init__(self, record: Record) -> None:
        self.record = record
        self.state = LiveState()
        self.unreadable = 0
        self._since = 0

    @property
    def pods(self) -> int:
        """Sandboxes that exist."""
        return sum(len(pod.sandboxes) for pod in self.state.pods.values())

    @property
    def containers(self) -> int:
        """Containers that exist."""
        return sum(len(pod.containers) for pod in self.state.pods.values())

    async def prime(self, runtime: Runtime) -> None:
        """Know what is there.

        Raises:
            CallFailed: it cannot be listed.
            WireError: it cannot be understood.
        """
        asked = time.monotonic_ns()
        first = await runtime.call(methods.LIST_POD_SANDBOX, EMPTY_SANDBOXES, TIMEOUT_S)
        second = await runtime.call(methods.LIST_CONTAINERS, LIST_ALL, TIMEOUT_S)
        self.state.apply_listing(
            *decode.listing(first, second),
            asked=asked,
            mono=time.monotonic_ns(),
            wall=time.time_ns(),
            baseline=True,
        )
        self.state.take()

    async def run(self, runtime: Runtime, ready: Callable[[], None], deadline_s: float) -> None:
        """Open the stream, list, and follow, until cancelled.

        Args:
            runtime: a connection.
            ready: called once the stream stands and everything is listed.
            deadline_s: after which the server itself ends the stream, whatever became of us.

        Raises:
            StreamEnded: the server ended it.
            CallFailed: the listing failed.
        """
        self._since = time.time_ns()
        # The stubs do not know that the (de)serializers may be left out: bytes stay bytes.
        open_stream = runtime.channel.unary_stream(self.path)  # type: ignore[call-arg]
        call = open_stream(self.request, timeout=deadline_s)
        self.record.did(calls=1)
        draining = asyncio.create_task(self._drain(call))
        try:
            await asyncio.wait((draining,), timeout=SETTLE_S)
            if not draining.done():
                await self.prime(runtime)
                ready()
            await draining
        finally:
            call.cancel()
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)

    async def _drain(self, call: grpc.aio.UnaryStreamCall[bytes, bytes]) -> None:
        events = 0
        try:
            async for message in call:
                events += 1
                self.record.did(size=len(message), events=1)
                try:
                    self._take(message)
                except WireError:
                    self.unreadable += 1
        except grpc.aio.AioRpcError as error:
            raise StreamEnded(error.code().name, error.details() or "", events) from None
        raise StreamEnded("OK", "", events)

    @abstractmethod
    def _take(self, message: bytes) -> None:
        """Take one message in.

        Raises:
            WireError: it cannot be understood.
        """

    def _step(self, object_id: str, state: ContainerState, at: int, wall: int) -> None:
        """Note one step of an id whose kind is known, and have the live state know of it."""
        is_sandbox = bool(self.state.is_sandbox(object_id))
        if is_sandbox:
            sandbox = self.state.sandbox(object_id)
            name = sandbox_name(sandbox) if sandbox else ""
        else:
            container = self.state.container(object_id)
            name = container_name(container) if container else ""
        # A sandbox is known to a relist only once it is ready, so its creation is no change of its
        # own that the two could be held against each other for.
        if not (is_sandbox and state is ContainerState.CREATED):
            self.record.saw(object_id, _WORDS[state], at, wall, name)
        self.state.apply_event(
            object_id,
            is_sandbox=is_sandbox,
            state=_AS_SANDBOX[state] if is_sandbox else state,
            at=at,
            mono=time.monotonic_ns(),
            wall=wall,
        )
        self.state.take()


class CriEvents(Evented):
    """CRI GetContainerEvents (KEP-3386): each event carries the status of its whole pod."""

    path = methods.GET_CONTAINER_EVENTS
    request = _EVERYTHING

    def _take(self, message: bytes) -> None:
        event = decode.cri_event(message)
        state = _KINDS.get(event.kind)  # type: ignore[call-overload]
        if state is None:
            self.unreadable += 1
            return
        mono, wall = time.monotonic_ns(), time.time_ns()
        if event.created_at < self._since:
            self._replayed(event, state, wall)
            return
        if event.sandbox is not None:
            self.state.apply_sandbox(event.sandbox, mono=mono, wall=wall)
        for container in event.containers:
            self.state.apply_container(container, mono=mono, wall=wall)
        self._step(event.id, state, event.created_at, wall)

    def _replayed(self, event: decode.CriEvent, state: ContainerState, wall: int) -> None:
        """Note what happened before the stream was open; the listing knows what became of it.

        A replayed snapshot may show what is long gone, so the live state does not take it in.
        """
        if event.sandbox is not None and event.sandbox.id == event.id:
            if state is not ContainerState.CREATED:
                name = sandbox_name(event.sandbox)
                self.record.saw(event.id, _WORDS[state], event.created_at, wall, name)
            return
        name = next((container_name(c) for c in event.containers if c.id == event.id), "")
        self.record.saw(event.id, _WORDS[state], event.created_at, wall, name)


class ContainerdEvents(Evented):
    """containerd's own events, and a look-up of each changed id."""

    path = methods.SUBSCRIBE
    request = _SUBSCRIBE

    def __init__(self, record: Record) -> None:
        super().__init__(record)
        self._lookups: Lookups | None = None
        self._held: dict[str, list[tuple[ContainerState, int, int]]] = {}

    async def run(self, runtime: Runtime, ready: Callable[[], None], deadline_s: float) -> None:
        """As any; look-ups end with the stream."""
        sink = _Answers(self)
        self._lookups = Lookups(runtime, cast("Outbox", sink))
        try:
            await super().run(runtime, ready, deadline_s)
        finally:
            self._lookups.close()
            self._lookups = None
            self._held.clear()

    def _take(self, message: bytes) -> None:
        event = decode.containerd_event(message)
        if event is None or event.topic not in _TOPICS:
            return
        state = _TOPICS[event.topic]
        wall = time.time_ns()
        known = self.state.is_sandbox(event.id) is not None
        if self._lookups is not None:
            if state is ContainerState.REMOVED:
                self._lookups.removed(event.id)
            else:
                self._lookups.want(event.id, state)
        if known or state is ContainerState.REMOVED:
            self.release(event.id)
            self._step(event.id, state, event.at, wall)
        elif len(self._held) < HELD_MOST:
            self._held.setdefault(event.id, []).append((state, event.at, wall))

    def answered(self, frame: Frame) -> None:
        """A look-up's answer: it tells what the id is, and the runtime's own stamps."""
        mono, wall = time.monotonic_ns(), time.time_ns()
        if frame.kind == Kind.CONTAINER_STATUS:
            container = decode.container_status(frame.payload)
            if container is not None:
                self.state.apply_container(container, mono=mono, wall=wall)
                self.release(container.id)
        elif frame.kind == Kind.SANDBOX_STATUS:
            sandbox = decode.sandbox_status(frame.payload)
            if sandbox is not None:
                self.state.apply_sandbox(sandbox, mono=mono, wall=wall)
                self.release(sandbox.id)
        self.state.take()

    def release(self, object_id: str) -> None:
        """Note the steps that waited until it was known what the id is."""
        for state, at, wall in self._held.pop(object_id, ()):
            self._step(object_id, state, at, wall)


class _Answers(Sink):
    """Takes what the look-ups send."""

    def __init__(self, client: ContainerdEvents) -> None:
        super().__init__(client.record)
        self._client = client

    def take(self, frame: Frame) -> None:
        try:
            self._client.answered(frame)
        except WireError:
            self._client.unreadable += 1
