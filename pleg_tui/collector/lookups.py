"""One look-up per changed id: what containerd's own events leave out, asked of the CRI.

containerd announces a container before its CRI plugin knows it, and an exit before the plugin has
noted it, so a look-up that comes too early is asked again, a few times, quickly at first.
"""

from __future__ import annotations

import asyncio
import time

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
RETRY_S = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5)
"""Waits between attempts while the CRI is behind the event; 5 s in all."""

_SANDBOX_RANK = {
    ContainerState.CREATED: SandboxState.UNKNOWN,
    ContainerState.RUNNING: SandboxState.READY,
    ContainerState.EXITED: SandboxState.NOTREADY,
}


class Lookups:
    """Keeps at most one look-up per id under way, and at most AT_ONCE in all."""

    def __init__(self, runtime: Runtime, outbox: Outbox) -> None:
        self._runtime = runtime
        self._outbox = outbox
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, ContainerState] = {}
        self._is_sandbox: dict[str, bool] = {}

    def want(self, object_id: str, at_least: ContainerState) -> None:
        """Look the id up until the CRI says that it is at least in this state."""
        if self._wanted.get(object_id, ContainerState.UNKNOWN) <= at_least:
            self._wanted[object_id] = at_least
        if object_id not in self._tasks:
            task = asyncio.create_task(self._follow(object_id))
            self._tasks[object_id] = task

    def removed(self, object_id: str) -> None:
        """The id is gone for good: nothing more to ask."""
        self._wanted.pop(object_id, None)
        self._is_sandbox.pop(object_id, None)
        task = self._tasks.pop(object_id, None)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """End everything."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _follow(self, object_id: str) -> None:
        try:
            attempt = 0
            while (at_least := self._wanted.get(object_id)) is not None:
                async with self._slots:
                    reached = await self._look(object_id, at_least)
                if reached or attempt == len(RETRY_S):
                    if self._wanted.get(object_id) is at_least:
                        del self._wanted[object_id]
                        return
                    attempt = 0  # a newer event raised what is wanted
                    continue
                await asyncio.sleep(RETRY_S[attempt])
                attempt += 1
        finally:
            if self._tasks.get(object_id) is asyncio.current_task():
                del self._tasks[object_id]

    async def _look(self, object_id: str, at_least: ContainerState) -> bool:
        """One attempt; True when the CRI has caught up with what is wanted."""
        is_sandbox = self._is_sandbox.get(object_id)
        if is_sandbox is not True:
            answer = await self._ask(container_request(object_id))
            if answer is not None:
                self._is_sandbox[object_id] = False
                return self._tell(Kind.CONTAINER_STATUS, answer, at_least)
        if is_sandbox is not False:
            answer = await self._ask(sandbox_request(object_id))
            if answer is not None:
                self._is_sandbox[object_id] = True
                return self._tell(Kind.SANDBOX_STATUS, answer, at_least)
        return False

    async def _ask(self, request: tuple[str, bytes]) -> bytes | None:
        try:
            return await self._runtime.call(*request, timeout_s=TIMEOUT_S)
        except CallFailed:
            return None  # not found, or too slow: the schedule asks again, the resync is behind it

    def _tell(self, kind: Kind, answer: bytes, at_least: ContainerState) -> bool:
        send(self._outbox, kind, answer)
        try:
            if kind is Kind.CONTAINER_STATUS:
                container = decode.container_status(answer)
                return container is not None and container.state >= at_least
            sandbox = decode.sandbox_status(answer)
            return sandbox is not None and sandbox.state >= _SANDBOX_RANK[at_least]
        except WireError:
            return True  # asking again would not make it readable


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
