"""Look-ups of changed ids: what containerd's own events leave out, asked of the CRI.

containerd announces a container before its CRI plugin knows it, and an exit before the plugin has
noted it. When it is worth asking was measured on containerd 1.7.24 and 2.1.9: a created container
is known 1 to 4 ms after its event, a created sandbox only once its task runs, a started one 0 to
4 ms after its event, an exit 35 to 130 ms after its event (whose exit code is right at once).
"""

from __future__ import annotations

import asyncio
import time

from msgspec import Struct

from pleg_tui import frames
from pleg_tui.collector.outbox import Outbox
from pleg_tui.collector.runtime import CallFailed, Runtime
from pleg_tui.cri import decode, methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.wire import WireError
from pleg_tui.frames import Kind
from pleg_tui.model import ContainerState, SandboxState

TIMEOUT_S = 5.0
AT_ONCE = 4
"""Look-ups under way together; the runtime has the kubelet to serve."""

_WAITS_S = {
    ContainerState.CREATED: (0.003, 0.012, 0.05, 0.5, 2.0),
    ContainerState.RUNNING: (0.003, 0.006, 0.02, 0.08, 0.3, 1.2),
    ContainerState.EXITED: (0.12, 0.06, 0.12, 0.4, 1.5, 4.0),
}
"""Waits before each attempt, by what the event said was reached."""

_AS_SANDBOX = {
    ContainerState.CREATED: SandboxState.UNKNOWN,
    ContainerState.RUNNING: SandboxState.READY,
    ContainerState.EXITED: SandboxState.NOTREADY,
}


class _Watch(Struct):
    """What is wanted of one id, and how far asking has come."""

    at_least: ContainerState
    waits: tuple[float, ...]
    attempt: int = 0
    timer: asyncio.TimerHandle | None = None


class Lookups:
    """At most one look-up per id, and at most AT_ONCE in all, are under way."""

    def __init__(self, runtime: Runtime, outbox: Outbox) -> None:
        self._runtime = runtime
        self._outbox = outbox
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._watches: dict[str, _Watch] = {}
        self._is_sandbox: dict[str, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def want(self, object_id: str, at_least: ContainerState) -> None:
        """Look the id up until the CRI says that it is at least in this state."""
        watch = self._watches.get(object_id)
        if watch is not None and watch.at_least > at_least:
            return
        if watch is not None and watch.timer is not None:
            watch.timer.cancel()
        watch = self._watches[object_id] = _Watch(at_least, _WAITS_S[at_least])
        self._schedule(object_id, watch)

    def removed(self, object_id: str) -> None:
        """The id is gone for good: nothing more to ask."""
        watch = self._watches.pop(object_id, None)
        if watch is not None and watch.timer is not None:
            watch.timer.cancel()
        self._is_sandbox.pop(object_id, None)

    def close(self) -> None:
        """End everything."""
        for object_id in list(self._watches):
            self.removed(object_id)
        for task in self._tasks:
            task.cancel()

    def _schedule(self, object_id: str, watch: _Watch) -> None:
        if watch.attempt == len(watch.waits):
            del self._watches[object_id]  # given up; the resync is behind it
            return
        watch.timer = self._loop.call_later(
            watch.waits[watch.attempt], self._fire, object_id, watch
        )
        watch.attempt += 1

    def _fire(self, object_id: str, watch: _Watch) -> None:
        watch.timer = None
        task = asyncio.create_task(self._attempt(object_id, watch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, object_id: str, watch: _Watch) -> None:
        async with self._slots:
            if self._watches.get(object_id) is not watch:
                return  # a newer event, or the end, came while this waited its turn
            state = await self._look(object_id, watch)
        if self._watches.get(object_id) is not watch:
            return
        if state is None or state < watch.at_least:
            self._schedule(object_id, watch)
        else:
            del self._watches[object_id]

    async def _look(self, object_id: str, watch: _Watch) -> ContainerState | None:
        """One attempt: the state that the CRI tells, None when it does not know the id."""
        is_sandbox = self._is_sandbox.get(object_id)
        if is_sandbox is not True:
            answer = await self._ask(container_request(object_id))
            if answer is not None:
                self._learn(object_id, watch, is_sandbox=False)
                send(self._outbox, Kind.CONTAINER_STATUS, answer)
                return _container_state(answer)
        if is_sandbox is not False:
            answer = await self._ask(sandbox_request(object_id))
            if answer is not None:
                self._learn(object_id, watch, is_sandbox=True)
                send(self._outbox, Kind.SANDBOX_STATUS, answer)
                return _sandbox_reached(answer, watch.at_least)
        return None

    def _learn(self, object_id: str, watch: _Watch, *, is_sandbox: bool) -> None:
        if self._watches.get(object_id) is watch:  # not removed meanwhile
            self._is_sandbox[object_id] = is_sandbox

    async def _ask(self, request: tuple[str, bytes]) -> bytes | None:
        try:
            return await self._runtime.call(*request, timeout_s=TIMEOUT_S)
        except CallFailed:
            return None  # not known, or too slow: it is asked again


def _container_state(answer: bytes) -> ContainerState:
    try:
        container = decode.container_status(answer)
    except WireError:
        container = None
    # Asking again would not make it readable.
    return ContainerState.REMOVED if container is None else container.state


def _sandbox_reached(answer: bytes, at_least: ContainerState) -> ContainerState | None:
    """What was wanted, if the sandbox has come that far, in terms of a container's states."""
    try:
        sandbox = decode.sandbox_status(answer)
    except WireError:
        return ContainerState.REMOVED
    if sandbox is None or sandbox.state >= _AS_SANDBOX[at_least]:
        return ContainerState.REMOVED
    return None


def container_request(object_id: str, verbose: bool = False) -> tuple[str, bytes]:
    """Path and message of a ContainerStatus call."""
    request = cri.ContainerStatusRequest(container_id=object_id, verbose=verbose)
    return methods.CONTAINER_STATUS, request.SerializeToString()


def sandbox_request(object_id: str, verbose: bool = False) -> tuple[str, bytes]:
    """Path and message of a PodSandboxStatus call."""
    request = cri.PodSandboxStatusRequest(pod_sandbox_id=object_id, verbose=verbose)
    return methods.POD_SANDBOX_STATUS, request.SerializeToString()


def send(outbox: Outbox, kind: Kind, payload: bytes, ref: int = 0, flags: int = 0) -> None:
    """One frame, stamped now."""
    outbox.put(frames.encode(kind, payload, time.monotonic_ns(), time.time_ns(), ref, flags))
