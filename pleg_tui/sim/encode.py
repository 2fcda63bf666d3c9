"""Sandboxes and containers as serialized CRI messages, kept until they change.

A listing of ten thousand containers is then one join of ready bytes, and an event, which carries
its whole pod, costs what changed and not what the pod holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.objects import Container, Happening, Sandbox, State, Step

EVENT_TYPES = {
    Step.SANDBOX_CREATED: cri.CONTAINER_CREATED_EVENT,
    Step.SANDBOX_STARTED: cri.CONTAINER_STARTED_EVENT,
    Step.SANDBOX_STOPPED: cri.CONTAINER_STOPPED_EVENT,
    Step.SANDBOX_REMOVED: cri.CONTAINER_DELETED_EVENT,
    Step.CONTAINER_CREATED: cri.CONTAINER_CREATED_EVENT,
    Step.CONTAINER_STARTED: cri.CONTAINER_STARTED_EVENT,
    Step.CONTAINER_EXITED: cri.CONTAINER_STOPPED_EVENT,
    Step.CONTAINER_REMOVED: cri.CONTAINER_DELETED_EVENT,
}
"""The steps that are CRI events; the others (an exec, the OOM itself) are not."""


def varint(value: int) -> bytes:
    """A protobuf varint of a number that is not negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def part(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def sandbox_item(sandbox: Sandbox) -> bytes:
    """An item of ListPodSandboxResponse, tag included."""
    if sandbox.list_bytes is None:
        message = cri.PodSandbox(
            id=sandbox.id,
            metadata=_sandbox_metadata(sandbox),
            state=_sandbox_state(sandbox),
            created_at=sandbox.created_at,
            labels=sandbox.labels,
            annotations=sandbox.annotations,
            runtime_handler=sandbox.handler,
        )
        sandbox.list_bytes = part(1, message.SerializeToString())
    return sandbox.list_bytes


def sandbox_status(sandbox: Sandbox) -> bytes:
    """A PodSandboxStatus."""
    if sandbox.status_bytes is None:
        mode = cri.NODE if sandbox.host_network else cri.POD
        message = cri.PodSandboxStatus(
            id=sandbox.id,
            metadata=_sandbox_metadata(sandbox),
            state=_sandbox_state(sandbox),
            created_at=sandbox.created_at,
            network=cri.PodSandboxNetworkStatus(ip=sandbox.ip),
            linux=cri.LinuxPodSandboxStatus(
                namespaces=cri.Namespace(
                    options=cri.NamespaceOption(network=mode, pid=cri.CONTAINER)
                )
            ),
            labels=sandbox.labels,
            annotations=sandbox.annotations,
            runtime_handler=sandbox.handler,
        )
        sandbox.status_bytes = message.SerializeToString()
    return sandbox.status_bytes


def container_item(container: Container) -> bytes:
    """An item of ListContainersResponse, tag included."""
    if container.list_bytes is None:
        message = cri.Container(
            id=container.id,
            pod_sandbox_id=container.sandbox.id,
            metadata=cri.ContainerMetadata(name=container.name, attempt=container.attempt),
            # The kubelet asks for an image by its id and says the name beside it.
            image=cri.ImageSpec(
                image=container.image_id, user_specified_image=container.image_name
            ),
            image_ref=container.image_id,
            image_id=container.image_id,
            state=_container_state(container),
            created_at=container.created_at,
            labels=container.labels,
            annotations=container.annotations,
        )
        container.list_bytes = part(1, message.SerializeToString())
    return container.list_bytes


def container_status(container: Container) -> bytes:
    """A ContainerStatus."""
    if container.status_bytes is None:
        linux = cri.LinuxContainerResources(
            cpu_period=100_000,
            cpu_quota=container.cpu_millis * 100,
            cpu_shares=max(2, container.cpu_millis * 1024 // 1000),
            memory_limit_in_bytes=container.memory_limit,
        )
        message = cri.ContainerStatus(
            id=container.id,
            metadata=cri.ContainerMetadata(name=container.name, attempt=container.attempt),
            state=_container_state(container),
            created_at=container.created_at,
            started_at=container.started_at,
            finished_at=container.finished_at,
            exit_code=container.exit_code,
            image=cri.ImageSpec(
                image=container.image_name, user_specified_image=container.image_name
            ),
            image_ref=container.image_ref,
            image_id=container.image_id,
            reason=container.reason,
            message=container.message,
            labels=container.labels,
            annotations=container.annotations,
            mounts=[
                cri.Mount(
                    container_path=m.container_path, host_path=m.host_path, readonly=m.readonly
                )
                for m in container.mounts
            ],
            log_path=container.log_path,
            resources=cri.ContainerResources(linux=linux),
        )
        container.status_bytes = message.SerializeToString()
    return container.status_bytes


def listing(items: Iterable[bytes]) -> bytes:
    """A List…Response of items that carry their tags."""
    return b"".join(items)


def cri_event(happening: Happening, containers: Iterable[Container], *, status: bool) -> bytes:
    """A ContainerEventResponse: the step, and the pod as it stands now.

    Args:
        happening: a step of EVENT_TYPES.
        containers: those whose statuses the event carries.
        status: False for the event without a pod status that containerd 1.7 sends at the end.
    """
    kind = EVENT_TYPES[happening.step]
    pieces = [part(1, happening.id.encode())]
    if kind:
        pieces.append(b"\x10" + varint(kind))
    pieces.append(b"\x18" + varint(happening.at))
    if status:
        pieces.append(part(4, sandbox_status(happening.sandbox)))
    pieces.extend(part(5, container_status(c)) for c in containers)
    return b"".join(pieces)


def _sandbox_metadata(sandbox: Sandbox) -> cri.PodSandboxMetadata:
    return cri.PodSandboxMetadata(
        name=sandbox.name, uid=sandbox.uid, namespace=sandbox.namespace, attempt=sandbox.attempt
    )


def _sandbox_state(sandbox: Sandbox) -> cri.PodSandboxState:
    return cri.SANDBOX_READY if sandbox.ready else cri.SANDBOX_NOTREADY


_STATES = {
    State.CREATED: cri.CONTAINER_CREATED,
    State.RUNNING: cri.CONTAINER_RUNNING,
    State.EXITED: cri.CONTAINER_EXITED,
}


def _container_state(container: Container) -> cri.ContainerState:
    return _STATES[container.state]
