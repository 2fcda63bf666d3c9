"""From the runtime's messages to the model; every string is cleaned on its way in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.clean import MAX_REASON, clean, clean_name, clean_value
from pleg_tui.cri.wire import WireError, parse, repeated
from pleg_tui.labels import NO_LABELS, Labels
from pleg_tui.model import Container, ContainerState, Sandbox, SandboxState

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
RESTART_COUNT = "io.kubernetes.container.restartCount"

_REMEMBERED = 1024
"""Statuses in events whose decoding is remembered: an event brings its whole pod, of which one part
is another than in the event before. And so many sets of keys."""
_REMEMBERED_BYTES = 4096
"""Larger ones are not remembered; most are some hundred bytes."""
_REMEMBERED_KEYS = 1024
"""Characters of a map's keys: with the usual five, a few hundred."""

_CONTAINER_STATES: dict[int, ContainerState] = {
    cri.CONTAINER_CREATED: ContainerState.CREATED,
    cri.CONTAINER_RUNNING: ContainerState.RUNNING,
    cri.CONTAINER_EXITED: ContainerState.EXITED,
}
_SANDBOX_STATES: dict[int, SandboxState] = {
    cri.SANDBOX_READY: SandboxState.READY,
    cri.SANDBOX_NOTREADY: SandboxState.NOTREADY,
}


class CriEvent(Struct, frozen=True):
    """A ContainerEventResponse (KEP-3386): one step of one id, with its whole pod."""

    id: str
    """A container's id, or the sandbox's own."""
    kind: int
    """ContainerEventType: 0 created, 1 started, 2 stopped, 3 deleted; others may come one day."""
    created_at: int
    """ns since the epoch."""
    sandbox: Sandbox | None
    containers: tuple[Container, ...]


class ContainerdEvent(Struct, frozen=True):
    """One of containerd's own events that belongs to the life of a container or sandbox."""

    topic: str
    id: str
    at: int
    """ns since the epoch."""
    exit_code: int | None = None


def _labels(pairs: Mapping[str, str]) -> Mapping[str, str]:
    if not pairs:
        return NO_LABELS
    # Not items(): a protobuf map has it from Python's abstract mapping, which is slow.
    said = tuple(pairs)
    shape = _remembered_shape if sum(map(len, said)) <= _REMEMBERED_KEYS else _shape
    keys, said = shape(said)
    return Labels(keys, tuple([clean_value(pairs[key]) for key in said]))


def _shape(said: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A map's keys, cleaned and sorted, and the same in that order as they were said."""
    as_said = {clean_name(key): key for key in said}
    keys = tuple(sorted(as_said))
    return keys, tuple([as_said[key] for key in keys])


@lru_cache(_REMEMBERED)
def _remembered_shape(said: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    keys, said = _shape(said)
    return _one_of(keys), said


@lru_cache(_REMEMBERED)
def _one_of(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The same object for all that are equal: keys may be said in any order."""
    return keys


def _name_in(labels: Mapping[str, str], key: str) -> str:
    """A label's value, cut as the sandbox's own name is: the two are compared."""
    return clean_name(labels[key]) if key in labels else ""


def _restarts(annotations: Mapping[str, str], attempt: int) -> int:
    try:
        return int(annotations[RESTART_COUNT])
    except (KeyError, ValueError):
        return attempt


def _sandbox(message: cri.PodSandbox | cri.PodSandboxStatus, ips: tuple[str, ...] = ()) -> Sandbox:
    metadata = message.metadata
    return Sandbox(
        id=clean_name(message.id),
        uid=clean_name(metadata.uid),
        namespace=clean_name(metadata.namespace),
        name=clean_name(metadata.name),
        attempt=metadata.attempt,
        state=_SANDBOX_STATES.get(message.state, SandboxState.UNKNOWN),
        created_at=message.created_at,
        ips=ips,
        labels=_labels(message.labels),
        annotations=_labels(message.annotations),
        runtime_handler=clean_name(message.runtime_handler),
    )


def _status_sandbox(status: cri.PodSandboxStatus) -> Sandbox:
    network = status.network
    ips = tuple(clean(ip, 64) for ip in (network.ip, *(a.ip for a in network.additional_ips)) if ip)
    return _sandbox(status, ips)


def _image(spec: cri.ImageSpec) -> str:
    return clean_name(spec.user_specified_image or spec.image)


def _listed_container(message: cri.Container) -> Container:
    labels = _labels(message.labels)
    annotations = _labels(message.annotations)
    attempt = message.metadata.attempt
    return Container(
        id=clean_name(message.id),
        sandbox_id=clean_name(message.pod_sandbox_id),
        name=clean_name(message.metadata.name),
        attempt=attempt,
        state=_CONTAINER_STATES.get(message.state, ContainerState.UNKNOWN),
        image=_image(message.image),
        image_ref=clean_name(message.image_ref),
        created_at=message.created_at,
        restarts=_restarts(annotations, attempt),
        pod_uid=_name_in(message.labels, POD_UID),
        pod_name=_name_in(message.labels, POD_NAME),
        pod_namespace=_name_in(message.labels, POD_NAMESPACE),
        labels=labels,
        annotations=annotations,
    )


def _status_container(status: cri.ContainerStatus, sandbox_id: str = "") -> Container:
    labels = _labels(status.labels)
    annotations = _labels(status.annotations)
    attempt = status.metadata.attempt
    state = _CONTAINER_STATES.get(status.state, ContainerState.UNKNOWN)
    return Container(
        id=clean_name(status.id),
        sandbox_id=sandbox_id,
        name=clean_name(status.metadata.name),
        attempt=attempt,
        state=state,
        image=_image(status.image),
        image_ref=clean_name(status.image_ref),
        created_at=status.created_at,
        started_at=status.started_at,
        finished_at=status.finished_at,
        exit_code=status.exit_code if state is ContainerState.EXITED else None,
        reason=clean(status.reason, MAX_REASON),
        message=clean(status.message),
        restarts=_restarts(annotations, attempt),
        pod_uid=_name_in(status.labels, POD_UID),
        pod_name=_name_in(status.labels, POD_NAME),
        pod_namespace=_name_in(status.labels, POD_NAMESPACE),
        labels=labels,
        annotations=annotations,
        log_path=clean(status.log_path),
        memory_limit=max(status.resources.linux.memory_limit_in_bytes, 0),
    )


def listing(sandboxes: bytes, containers: bytes) -> tuple[list[Sandbox], list[Container]]:
    """What a ListPodSandboxResponse and a ListContainersResponse hold.

    Raises:
        WireError: one of them is not such a message.
    """
    return [*listed_sandboxes(sandboxes)], [*listed_containers(containers)]


def listed_sandboxes(data: bytes) -> Iterator[Sandbox]:
    """What a ListPodSandboxResponse holds, read as it is asked for.

    Raises:
        WireError: not such a message, which may show when some of it has been read.
    """
    return map(_sandbox, repeated(cri.PodSandbox, data))


def listed_containers(data: bytes) -> Iterator[Container]:
    """What a ListContainersResponse holds, read as it is asked for.

    Raises:
        WireError: not such a message, which may show when some of it has been read.
    """
    return map(_listed_container, repeated(cri.Container, data))


def container_status(data: bytes) -> Container | None:
    """The container of a ContainerStatusResponse; its sandbox's id is not part of it.

    Raises:
        WireError: not such a message.
    """
    response = parse(cri.ContainerStatusResponse, data)
    return _status_container(response.status) if response.HasField("status") else None


def sandbox_status(data: bytes) -> Sandbox | None:
    """The sandbox of a PodSandboxStatusResponse.

    Raises:
        WireError: not such a message.
    """
    response = parse(cri.PodSandboxStatusResponse, data)
    return _status_sandbox(response.status) if response.HasField("status") else None


def cri_event(data: bytes) -> CriEvent:
    """A ContainerEventResponse.

    Raises:
        WireError: not such a message.
    """
    event = parse(cri.ContainerEventResponse, data)
    sandbox = None
    if event.HasField("pod_sandbox_status"):
        sandbox = _event_sandbox(event.pod_sandbox_status.SerializeToString())
    sandbox_id = sandbox.id if sandbox else ""
    return CriEvent(
        id=clean_name(event.container_id),
        kind=event.container_event_type,
        created_at=event.created_at,
        sandbox=sandbox,
        containers=tuple(
            _event_container(status.SerializeToString(), sandbox_id)
            for status in event.containers_statuses
        ),
    )


def _event_sandbox(status: bytes) -> Sandbox:
    if len(status) > _REMEMBERED_BYTES:
        return _status_sandbox(cri.PodSandboxStatus.FromString(status))
    return _remembered_sandbox(status)


def _event_container(status: bytes, sandbox_id: str) -> Container:
    if len(status) > _REMEMBERED_BYTES:
        return _status_container(cri.ContainerStatus.FromString(status), sandbox_id)
    return _remembered_container(status, sandbox_id)


@lru_cache(_REMEMBERED)
def _remembered_sandbox(status: bytes) -> Sandbox:
    return _status_sandbox(cri.PodSandboxStatus.FromString(status))


@lru_cache(_REMEMBERED)
def _remembered_container(status: bytes, sandbox_id: str) -> Container:
    return _status_container(cri.ContainerStatus.FromString(status), sandbox_id)


def _nanoseconds(timestamp: Any) -> int:
    time = int(timestamp.seconds) * 1_000_000_000 + int(timestamp.nanos)
    return time if 0 <= time < 1 << 63 else 0


def containerd_event(data: bytes) -> ContainerdEvent | None:
    """One of containerd's events, or None for those that tell nothing of a container's life.

    An exec's events carry its container's id but a process id of their own, and are left out.

    Raises:
        WireError: not an Envelope, or not the event that its topic says.
    """
    from pleg_tui.cri import containerd_events_pb2 as ctd  # no listing has to wait for it

    envelope = parse(ctd.Envelope, data)
    topic, value = envelope.topic, envelope.event.value
    at = _nanoseconds(envelope.timestamp)
    if topic == "/tasks/start":
        return ContainerdEvent(topic, clean_name(parse(ctd.TaskStart, value).container_id), at)
    if topic == "/tasks/exit":
        left = parse(ctd.TaskExit, value)
        if left.id and left.id != left.container_id:
            return None
        at = _nanoseconds(left.exited_at) or at
        return ContainerdEvent(topic, clean_name(left.container_id), at, left.exit_status)
    if topic == "/tasks/oom":
        return ContainerdEvent(topic, clean_name(parse(ctd.TaskOOM, value).container_id), at)
    if topic == "/containers/create":
        return ContainerdEvent(topic, clean_name(parse(ctd.ContainerCreate, value).id), at)
    if topic == "/containers/delete":
        return ContainerdEvent(topic, clean_name(parse(ctd.ContainerDelete, value).id), at)
    return None


def as_json(kind: type[Any], data: bytes) -> dict[str, Any]:
    """A response as JSON-like data in the CRI's field names, cleaned; JSON texts in info parsed.

    Raises:
        WireError: not such a message.
    """
    from google.protobuf.json_format import MessageToDict

    tree = MessageToDict(parse(kind, data), preserving_proto_field_name=True)
    info = tree.get("info")
    if isinstance(info, dict):
        tree["info"] = {key: _maybe_json(value) for key, value in info.items()}
    try:
        cleaned = _clean_tree(tree)
    except RecursionError:
        raise WireError("it is nested too deeply") from None
    assert isinstance(cleaned, dict)  # noqa: S101 - a dict stays a dict
    return cleaned


def _maybe_json(text: str) -> Any:
    try:
        import json

        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _clean_tree(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, 65536)
    if isinstance(value, dict):
        return {clean(str(key)): _clean_tree(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean_tree(item) for item in value]
    return value
