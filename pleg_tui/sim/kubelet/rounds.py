"""What a kubelet asks of the runtime in either mode, each at its period.

Sources: kubelet.go and kubelet_pods.go (housekeeping, updateRuntimeUp, node status),
container_gc.go, image_gc_manager.go, container_log_manager.go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.kubelet import traits as t
from pleg_tui.sim.kubelet.klog import Klog
from pleg_tui.sim.kubelet.wire import CallError, RuntimeClient


class Rounds:
    """The periodic calls of one kubelet."""

    def __init__(self, client: RuntimeClient, log: Klog, traits: t.Traits) -> None:
        self._client = client
        self._log = log
        self._traits = traits

    async def run(self) -> None:
        """All of them, for ever."""
        async with asyncio.TaskGroup() as group:
            for period, what, work in (
                (t.HOUSEKEEPING_S, "Housekeeping", self._housekeeping),
                (t.STATUS_S, "Container runtime sanity check", self._status),
                (t.NODE_STATUS_S, "Node status", self._version),
                (t.LOG_MANAGER_S, "Container log rotation", self._rotate_logs),
                (t.CONTAINER_GC_S, "Container garbage collection", self._collect_containers),
                (t.IMAGE_GC_S, "Image garbage collection", self._collect_images),
            ):
                group.create_task(self._every(period, what, work))

    async def _every(self, period_s: float, what: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(period_s)
            try:
                await work()
            except CallError as error:
                self._log.error("kubelet.go:3115", f"{what} failed", error)

    async def _housekeeping(self) -> None:
        self._log.info(4, "kubelet.go:2818", "SyncLoop (housekeeping)")
        begun = time.monotonic()
        if self._traits.housekeeping_lists:
            await self._sandboxes(ready=True)
            await self._containers(running=True)
        took = round((time.monotonic() - begun) * 1000)
        self._log.info(4, "kubelet.go:2826", "SyncLoop (housekeeping) end", duration=f"{took}ms")

    async def _status(self) -> None:
        await self._client.call(methods.STATUS, cri.StatusRequest(), cri.StatusResponse)
        await self._version()

    async def _version(self) -> None:
        await self._client.call(methods.VERSION, cri.VersionRequest(), cri.VersionResponse)

    async def _rotate_logs(self) -> None:
        await self._containers(counted=False)  # it has the runtime's own client

    async def _collect_containers(self) -> None:
        await self._containers()
        await self._sandboxes()
        await self._containers()

    async def _collect_images(self) -> None:
        await self._sandboxes()
        await self._containers()

    async def _sandboxes(self, *, ready: bool = False) -> None:
        wanted = cri.PodSandboxFilter()
        if ready:
            wanted.state.state = cri.SANDBOX_READY
        request = cri.ListPodSandboxRequest(filter=wanted)
        await self._client.call(methods.LIST_POD_SANDBOX, request, cri.ListPodSandboxResponse)

    async def _containers(self, *, running: bool = False, counted: bool = True) -> None:
        wanted = cri.ContainerFilter()
        if running:
            wanted.state.state = cri.CONTAINER_RUNNING
        await self._client.call(
            methods.LIST_CONTAINERS,
            cri.ListContainersRequest(filter=wanted),
            cri.ListContainersResponse,
            counted=counted,
        )
