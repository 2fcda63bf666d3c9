"""A CRI runtime that answers what a client asks at first, and sends events as fast as they go.

    python storm_server.py SOCKET EVENTS

The events are made and serialized beforehand, then "ready" is printed; "subscribed" when somebody
has, and then it waits for SOCKET.go, a file. When the last was sent, the CPU seconds that this took
are printed. What the events told is what a listing shows from then on. It is no simulated
node: nothing happens in it by itself. The storm is sent once, to whoever subscribes first.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import grpc
import grpc.aio

from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri

PODS = 100
SERVICE = "runtime.v1.RuntimeService"


def sandbox(number: int, now: int) -> cri.PodSandboxStatus:
    """One pod's sandbox."""
    name = f"web-{number}"
    labels = {
        "io.kubernetes.pod.name": name,
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": f"uid-{number:04}",
        "app": "web",
        "pod-template-hash": "6d4cf56db6",
    }
    meta = cri.PodSandboxMetadata(name=name, uid=f"uid-{number:04}", namespace="shop", attempt=0)
    return cri.PodSandboxStatus(
        id=f"{number:064x}", metadata=meta, state=cri.SANDBOX_READY, created_at=now, labels=labels,
        annotations={"kubernetes.io/config.source": "api"},
    )  # fmt: skip


def container(number: int, life: int, state: Any, now: int) -> cri.ContainerStatus:
    """One life of a pod's container."""
    labels = {
        "io.kubernetes.container.name": "app",
        "io.kubernetes.pod.name": f"web-{number}",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": f"uid-{number:04}",
    }
    status = cri.ContainerStatus(
        id=f"{(life << 20) + number + (1 << 60):064x}",
        metadata=cri.ContainerMetadata(name="app", attempt=life),
        state=state, created_at=now, labels=labels, image_ref="sha256:" + "0" * 64,
        image=cri.ImageSpec(image="registry.example/shop/web:1.2.3"),
        log_path=f"/var/log/pods/shop_web-{number}_uid-{number:04}/app/{life}.log",
    )  # fmt: skip
    if state >= 1:
        status.started_at = now
    if state == 2:
        status.finished_at = now
        status.exit_code = 1
        status.reason = "Error"
    return status


class Storm:
    """The events and what they leave behind."""

    def __init__(self, events: int) -> None:
        now = time.time_ns()
        self.sandboxes = [sandbox(n, now) for n in range(PODS)]
        self.events: list[bytes] = []
        self.sent = 0
        self.left: dict[str, dict[str, cri.ContainerStatus]] = {}
        """By sandbox and container: what the last event said of it."""
        for pod, one, kind in itertools.islice(self._steps(now), events):
            mine = self.left.setdefault(pod.id, {})
            if kind == cri.CONTAINER_DELETED_EVENT:
                del mine[one.id]
            else:
                mine[one.id] = one
            event = cri.ContainerEventResponse(
                container_id=one.id,
                container_event_type=kind,
                pod_sandbox_status=pod,
                containers_statuses=mine.values(),
            )
            self.events.append(event.SerializeToString())

    def _steps(self, now: int) -> Iterator[tuple[cri.PodSandboxStatus, cri.ContainerStatus, Any]]:
        """In each pod a container crashes, and again, and the dead one before it is removed."""
        for life in itertools.count():
            for number, pod in enumerate(self.sandboxes):
                yield pod, container(number, life, 0, now), cri.CONTAINER_CREATED_EVENT
                yield pod, container(number, life, 1, now), cri.CONTAINER_STARTED_EVENT
                if life:
                    dead = container(number, life - 1, 2, now)
                    yield pod, dead, cri.CONTAINER_DELETED_EVENT
                yield pod, container(number, life, 2, now), cri.CONTAINER_STOPPED_EVENT

    def stamped(self) -> list[bytes]:
        """The events, as if they happened now: in protobuf a field may be appended."""
        now = time.time_ns()
        stamps = (
            cri.ContainerEventResponse(created_at=now + number * 1000).SerializeToString()
            for number in range(len(self.events))
        )
        return [event + stamp for event, stamp in zip(self.events, stamps, strict=True)]

    @property
    def over(self) -> bool:
        """Whether all of it was sent."""
        return self.sent >= len(self.events)

    def listing(self) -> list[cri.Container]:
        """The containers now: none before the storm is over, then what the events left."""
        if not self.over:
            return []
        return [
            cri.Container(
                id=one.id, pod_sandbox_id=pod, metadata=one.metadata, image=one.image,
                image_ref=one.image_ref, state=one.state, created_at=one.created_at,
                labels=one.labels,
            )
            for pod, mine in self.left.items()
            for one in mine.values()
        ]  # fmt: skip


async def serve(socket: str, events: int) -> None:
    """Until it is ended."""
    storm = Storm(events)
    subscribed = False
    server = grpc.aio.server(options=[("grpc.max_send_message_length", 64 << 20)])

    async def version(_request: bytes, _context: Any) -> bytes:
        return cri.VersionResponse(
            version="0.1.0", runtime_name="cri-o", runtime_version="1.35.0+simulated",
            runtime_api_version="v1",
        ).SerializeToString()  # fmt: skip

    async def pods(_request: bytes, _context: Any) -> bytes:
        items = [
            cri.PodSandbox(
                id=s.id, metadata=s.metadata, state=s.state, created_at=s.created_at,
                labels=s.labels,
            )
            for s in storm.sandboxes
        ]  # fmt: skip
        return cri.ListPodSandboxResponse(items=items).SerializeToString()

    async def containers(_request: bytes, _context: Any) -> bytes:
        return cri.ListContainersResponse(containers=storm.listing()).SerializeToString()

    async def container_status(request: bytes, context: Any) -> bytes:
        wanted = cri.ContainerStatusRequest.FromString(request).container_id
        for mine in storm.left.values() if storm.over else ():
            if wanted in mine:
                return cri.ContainerStatusResponse(status=mine[wanted]).SerializeToString()
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such container")
        raise AssertionError

    async def sandbox_status(request: bytes, context: Any) -> bytes:
        wanted = cri.PodSandboxStatusRequest.FromString(request).pod_sandbox_id
        for one in storm.sandboxes:
            if one.id == wanted:
                return cri.PodSandboxStatusResponse(status=one).SerializeToString()
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such sandbox")
        raise AssertionError

    async def stream(_request: bytes, _context: Any) -> Any:
        nonlocal subscribed
        if subscribed:
            await asyncio.Event().wait()
        subscribed = True
        print("subscribed", flush=True)
        go = Path(f"{socket}.go")
        while not go.exists():
            await asyncio.sleep(0.01)
        events = storm.stamped()
        begun = time.process_time()
        for event in events:
            yield event
        storm.sent = len(storm.events)
        print(time.process_time() - begun, flush=True)
        await asyncio.Event().wait()

    methods_of = {
        "Version": version, "ListPodSandbox": pods, "ListContainers": containers,
        "ContainerStatus": container_status, "PodSandboxStatus": sandbox_status,
    }  # fmt: skip
    handlers: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(one) for name, one in methods_of.items()
    }
    handlers[methods.short(methods.GET_CONTAINER_EVENTS)] = grpc.unary_stream_rpc_method_handler(
        stream
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
