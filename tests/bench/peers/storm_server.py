"""A CRI runtime that answers what a client asks at first, and sends events as fast as they go.

    python storm_server.py SOCKET EVENTS

When somebody subscribes, all events of that storm are made and serialized, "made" is printed, and
the stream waits for SOCKET.go, a file. When the last was sent, the seconds and the CPU seconds are
printed. What the events told is what a listing shows from then on. It is no simulated node: nothing
happens in it by itself. Beware: only what one subscriber was told is listed, so have one at a time.
"""

from __future__ import annotations

import asyncio
import sys
import time
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

    def __init__(self, events: int, first_life: int = 0) -> None:
        now = time.time_ns()
        self.sandboxes = [sandbox(n, now) for n in range(PODS)]
        self.events: list[bytes] = []
        self.sent = 0
        self.done: dict[int, cri.ContainerStatus] = {}
        self.over: list[dict[int, cri.ContainerStatus]] = []
        last: dict[int, cri.ContainerStatus] = {}
        life = first_life
        while len(self.events) < events:
            for number in range(PODS):
                steps: Any = ((0, 0), (1, 1), (2, 2))
                for kind, state in steps:
                    one = container(number, life, state, now)
                    last[number] = one
                    event = cri.ContainerEventResponse(
                        container_id=one.id, container_event_type=kind, created_at=now + len(
                            self.events) * 1000, pod_sandbox_status=self.sandboxes[number],
                        containers_statuses=[one],
                    )  # fmt: skip
                    self.events.append(event.SerializeToString())
                deleted = cri.ContainerEventResponse(
                    container_id=last[number].id,
                    container_event_type=cri.CONTAINER_DELETED_EVENT,
                    created_at=now + len(
                        self.events) * 1000, pod_sandbox_status=self.sandboxes[number],
                )  # fmt: skip
                if len(self.events) < events - 4 * PODS:  # the last lives stay, ended
                    self.events.append(deleted.SerializeToString())
            life += 1
        self.life = life
        self.left = list(last.values())
        del self.events[:-events]

    def listing(self) -> list[cri.Container]:
        """The containers now: none before the storm, the last lives after it."""
        if self.sent < len(self.events):
            return []
        return [
            cri.Container(
                id=one.id, pod_sandbox_id=f"{number:064x}", metadata=one.metadata,
                image=one.image, image_ref=one.image_ref, state=one.state,
                created_at=one.created_at, labels=one.labels,
            )
            for number, one in enumerate(self.left)
        ]  # fmt: skip


async def serve(socket: str, events: int) -> None:
    """Until it is ended."""
    storm = Storm(1)
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
        for one in storm.left if storm.sent >= len(storm.events) else ():
            if one.id == wanted:
                return cri.ContainerStatusResponse(status=one).SerializeToString()
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
        nonlocal storm
        go = Path(f"{socket}.go")
        storm = Storm(events, storm.life)
        print("made", flush=True)
        while not go.exists():
            await asyncio.sleep(0.01)
        go.unlink()
        begun, cpu = time.perf_counter(), time.process_time()
        for event in storm.events:
            yield event
        storm.sent = len(storm.events)
        seconds = time.perf_counter() - begun
        print(f"{seconds} {time.process_time() - cpu}", flush=True)
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
