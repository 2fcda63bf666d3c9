"""A client such as crictl is one, and simulators to point it at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message

from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator

M = TypeVar("M", bound=Message)

SMALL_WINDOW = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 65_535),
)
"""A window that does not grow, as a Go client's: what a reader that stalls lets through."""


class Reading:
    """An event stream being read in the background."""

    def __init__(self, call: Any, kind: type[Message]) -> None:
        self.got: list[Any] = []
        self.code: grpc.StatusCode | None = None
        self.details = ""
        self._call = call
        self._kind = kind
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for data in self._call:
                self.got.append(self._kind.FromString(data))
            self.code = await self._call.code()
        except grpc.aio.AioRpcError as error:
            self.code, self.details = error.code(), error.details() or ""

    async def at_least(self, count: int) -> list[Any]:
        """Wait until so many have come."""
        await wait_for(lambda: len(self.got) >= count)
        return self.got

    async def end(self) -> grpc.StatusCode | None:
        """Wait until the server ends it; how."""
        await asyncio.wait_for(asyncio.shield(self._task), 10)
        return self.code

    async def leave(self) -> None:
        self._call.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Client:
    """Plain gRPC, by path, as any client of the CRI speaks it."""

    def __init__(self, simulator: Simulator, options: tuple[tuple[str, int], ...] = ()) -> None:
        # Serializers may be left out; the stubs do not know.
        self.channel: Any = grpc.aio.insecure_channel(
            simulator.endpoint,
            options=(
                ("grpc.max_receive_message_length", 100 << 20),
                ("grpc.default_authority", "localhost"),
                ("grpc.use_local_subchannel_pool", 1),
                *options,
            ),
        )

    async def call(self, method: str, request: Message, answer: type[M], **more: Any) -> M:
        service = (
            methods.IMAGE_SERVICE
            if method in ("ListImages", "ImageStatus", "ImageFsInfo")
            else methods.RUNTIME_SERVICE
        )
        path = method if method.startswith("/") else f"/{service}/{method}"
        rpc = self.channel.unary_unary(path)
        return answer.FromString(await rpc(request.SerializeToString(), **more))

    async def containers(self, **wanted: Any) -> list[cri.Container]:
        request = cri.ListContainersRequest(filter=cri.ContainerFilter(**wanted))
        answer = await self.call("ListContainers", request, cri.ListContainersResponse)
        return list(answer.containers)

    async def sandboxes(self, **wanted: Any) -> list[cri.PodSandbox]:
        request = cri.ListPodSandboxRequest(filter=cri.PodSandboxFilter(**wanted))
        answer = await self.call("ListPodSandbox", request, cri.ListPodSandboxResponse)
        return list(answer.items)

    async def status(self, container_id: str) -> cri.ContainerStatus:
        request = cri.ContainerStatusRequest(container_id=container_id)
        return (await self.call("ContainerStatus", request, cri.ContainerStatusResponse)).status

    def stream(self, **more: Any) -> Any:
        """GetContainerEvents, not read."""
        rpc = self.channel.unary_stream(methods.GET_CONTAINER_EVENTS)
        return rpc(cri.GetEventsRequest().SerializeToString(), **more)

    def events(self, **more: Any) -> Reading:
        """GetContainerEvents, read."""
        return Reading(self.stream(**more), cri.ContainerEventResponse)

    def native_stream(self, *filters: str, **more: Any) -> Any:
        """containerd's events, not read."""
        rpc = self.channel.unary_stream(methods.SUBSCRIBE)
        return rpc(ctd.SubscribeRequest(filters=filters).SerializeToString(), **more)

    def native(self, *filters: str, **more: Any) -> Reading:
        """containerd's events, read."""
        return Reading(self.native_stream(*filters, **more), ctd.Envelope)

    # ---- what a kubelet has done ----

    async def run_pod(self, name: str = "pod", uid: str = "", **more: Any) -> str:
        config = cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=name, uid=uid or f"uid-{name}", namespace="test"),
            **more,
        )
        request = cri.RunPodSandboxRequest(config=config)
        return (await self.call("RunPodSandbox", request, cri.RunPodSandboxResponse)).pod_sandbox_id

    async def create(self, sandbox: str, name: str = "app", attempt: int = 0, **more: Any) -> str:
        request = cri.CreateContainerRequest(
            pod_sandbox_id=sandbox,
            config=cri.ContainerConfig(
                metadata=cri.ContainerMetadata(name=name, attempt=attempt),
                image=cri.ImageSpec(image="sim.invalid/test:1"),
                **more,
            ),
        )
        answer = await self.call("CreateContainer", request, cri.CreateContainerResponse)
        return answer.container_id

    async def start(self, container: str) -> None:
        request = cri.StartContainerRequest(container_id=container)
        await self.call("StartContainer", request, cri.StartContainerResponse)

    async def stop(self, container: str, timeout: int = 10) -> None:
        request = cri.StopContainerRequest(container_id=container, timeout=timeout)
        await self.call("StopContainer", request, cri.StopContainerResponse)

    async def remove(self, container: str) -> None:
        request = cri.RemoveContainerRequest(container_id=container)
        await self.call("RemoveContainer", request, cri.RemoveContainerResponse)

    async def stop_pod(self, sandbox: str) -> None:
        request = cri.StopPodSandboxRequest(pod_sandbox_id=sandbox)
        await self.call("StopPodSandbox", request, cri.StopPodSandboxResponse)

    async def remove_pod(self, sandbox: str) -> None:
        request = cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox)
        await self.call("RemovePodSandbox", request, cri.RemovePodSandboxResponse)

    async def whole_life(self, name: str = "pod") -> tuple[str, str]:
        """A pod of one container from its making to its removal: (sandbox id, container id)."""
        sandbox = await self.run_pod(name)
        container = await self.create(sandbox)
        await self.start(container)
        await self.stop(container)
        await self.remove(container)
        await self.stop_pod(sandbox)
        await self.remove_pod(sandbox)
        return sandbox, container


async def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Until it holds."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


class Rig:
    """A simulator that does nothing by itself, and clients of it."""

    def __init__(self, simulator: Simulator) -> None:
        self.sim = simulator
        self._clients: list[Client] = []
        self.client = self.connect()

    def connect(self, *options: tuple[str, int]) -> Client:
        client = Client(self.sim, options)
        self._clients.append(client)
        return client

    async def subscribed(self, count: int = 1) -> None:
        """Until so many read CRI events."""
        await wait_for(lambda: self.sim.subscribers == count)

    async def native_subscribed(self, count: int = 1) -> None:
        """Until so many read containerd's events."""
        await wait_for(lambda: self.sim.native_subscribers == count)

    async def close(self) -> None:
        for client in self._clients:
            await client.channel.close()
        await self.sim.stop()


MakeRig = Callable[..., Any]


@pytest.fixture
async def make_rig() -> AsyncIterator[MakeRig]:
    """Start simulators; they are stopped with the test. Nothing happens in them by itself."""
    rigs: list[Rig] = []

    async def make(flavour: str = "containerd-2", **more: Any) -> Rig:
        options = {"pods": 4, "churn": 0.0, "manual": True, **more}
        simulator = Simulator(Options(flavour=flavour, **options))
        await simulator.start()
        rigs.append(Rig(simulator))
        return rigs[-1]

    yield make
    for rig in rigs:
        await rig.close()


@pytest.fixture
def small_window() -> tuple[tuple[str, int], ...]:
    return SMALL_WINDOW


@pytest.fixture(name="wait_for")
def _wait_for() -> Callable[..., Any]:
    return wait_for
