"""Changes made on purpose through the CRI, so many a second: the same work for every peer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Any

import grpc
import grpc.aio

from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri

_CHANNEL = (
    ("grpc.default_authority", "localhost"),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.use_local_subchannel_pool", 1),
)
STEPS = 4
"""Changes that one round makes: created, started, ended, removed."""


async def restart_containers(endpoint: str, rate: float, seconds: float, pods: int = 20) -> int:
    """Make containers live and die in some pods, evenly spread; returns how many changes.

    Args:
        endpoint: of a runtime that has pods.
        rate: changes a second; a container's life is four.
        seconds: how long.
        pods: in so many of them, in turn.
    """
    async with grpc.aio.insecure_channel(endpoint, options=_CHANNEL) as channel:

        async def call(name: str, request: Any, answer: Any) -> Any:
            stub = channel.unary_unary(
                f"/{methods.RUNTIME_SERVICE}/{name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=answer.FromString,
            )
            return await stub(request, timeout=20)

        listed = await call(
            "ListPodSandbox",
            cri.ListPodSandboxRequest(filter={"state": {"state": 0}}),
            cri.ListPodSandboxResponse,
        )
        chosen = sorted(listed.items, key=lambda one: one.metadata.name)[:pods]
        known = await call(
            "ListContainers", cri.ListContainersRequest(), cri.ListContainersResponse
        )
        image = known.containers[0].image.image if known.containers else "busybox"
        done = 0
        begun = time.monotonic()

        async def pace() -> None:
            nonlocal done
            done += 1
            await asyncio.sleep(max(0.0, begun + done / rate - time.monotonic()))

        number = 0
        while time.monotonic() - begun < seconds:
            pod = chosen[number % len(chosen)]
            number += 1
            config = cri.ContainerConfig(
                metadata=cri.ContainerMetadata(name="bench", attempt=number),
                image=cri.ImageSpec(image=image, user_specified_image=image),
                command=["/bin/sleep", "1000"],
                log_path=f"bench/{number}.log",
                labels={
                    "io.kubernetes.container.name": "bench",
                    "io.kubernetes.pod.name": pod.metadata.name,
                    "io.kubernetes.pod.namespace": pod.metadata.namespace,
                    "io.kubernetes.pod.uid": pod.metadata.uid,
                },
            )
            made = await call(
                "CreateContainer",
                cri.CreateContainerRequest(
                    pod_sandbox_id=pod.id, config=config, sandbox_config=_sandbox_config(pod)
                ),
                cri.CreateContainerResponse,
            )
            which = made.container_id
            await pace()
            for name, request, answer in (
                (
                    "StartContainer",
                    cri.StartContainerRequest(container_id=which),
                    cri.StartContainerResponse,
                ),
                (
                    "StopContainer",
                    cri.StopContainerRequest(container_id=which, timeout=0),
                    cri.StopContainerResponse,
                ),
                (
                    "RemoveContainer",
                    cri.RemoveContainerRequest(container_id=which),
                    cri.RemoveContainerResponse,
                ),
            ):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await call(name, request, answer)
                await pace()
        return done


def _sandbox_config(pod: Any) -> Any:
    return cri.PodSandboxConfig(
        metadata=pod.metadata,
        labels=pod.labels,
        log_directory="/tmp/pleg-tui-bench",
    )


def run_churn(endpoint: str, rate: float, stop: threading.Event) -> None:
    """For a thread: changes until it is told to stop."""
    while not stop.is_set():
        asyncio.run(restart_containers(endpoint, rate, 2.0))
