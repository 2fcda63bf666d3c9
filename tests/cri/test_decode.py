"""What runtimes send, as the model: tolerant of what is odd, plain about what is unreadable."""

import contextlib

from google.protobuf.any_pb2 import Any
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.cri import decode
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.wire import WireError
from pleg_tui.model import ContainerState, SandboxState

LABELS = {
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": "u-1",
}


def status(**more: object) -> cri.ContainerStatus:
    fields: dict[str, object] = {
        "id": "c1",
        "metadata": cri.ContainerMetadata(name="app", attempt=3),
        "state": cri.CONTAINER_EXITED,
        "created_at": 10,
        "started_at": 20,
        "finished_at": 30,
        "exit_code": 137,
        "reason": "OOMKilled",
        "labels": LABELS,
        "annotations": {decode.RESTART_COUNT: "7"},
    }
    fields.update(more)
    return cri.ContainerStatus(**fields)  # type: ignore[arg-type]


def answer(message: cri.ContainerStatus) -> bytes:
    return cri.ContainerStatusResponse(status=message).SerializeToString()


def test_a_container_status_gives_the_whole_container() -> None:
    container = decode.container_status(answer(status()))
    assert container is not None
    assert (container.name, container.attempt, container.restarts) == ("app", 3, 7)
    assert container.state is ContainerState.EXITED
    assert (container.exit_code, container.reason) == (137, "OOMKilled")
    assert (container.pod_namespace, container.pod_name, container.pod_uid) == (
        "shop",
        "web-0",
        "u-1",
    )


def test_a_running_container_has_no_exit_code() -> None:
    container = decode.container_status(answer(status(state=cri.CONTAINER_RUNNING, exit_code=0)))
    assert container is not None
    assert container.exit_code is None


def test_without_the_kubelets_count_the_attempt_counts_restarts() -> None:
    container = decode.container_status(answer(status(annotations={})))
    assert container is not None
    assert container.restarts == 3


def test_an_unknown_state_is_unknown() -> None:
    container = decode.container_status(answer(status(state=99)))
    assert container is not None
    assert container.state is ContainerState.UNKNOWN


def test_text_that_is_not_utf8_costs_a_character_not_the_pod() -> None:
    data = answer(status(message="MARK", labels={**LABELS, "k": "MARK"}))
    container = decode.container_status(data.replace(b"MARK", b"a\xff\xfeb"))
    assert container is not None
    assert container.message == "a\ufffd\ufffdb"
    assert container.labels["k"] == "a\ufffd\ufffdb"
    assert container.pod_name == "web-0"


def test_escape_sequences_in_names_labels_and_reasons_are_made_visible() -> None:
    bad = "\x1b]0;owned\x07"
    message = status(
        metadata=cri.ContainerMetadata(name=bad), reason=bad, labels={bad: bad}, message=bad
    )
    container = decode.container_status(answer(message))
    assert container is not None
    texts = (container.name, container.reason, container.message, *container.labels.items())
    assert not any("\x1b" in str(text) for text in texts)


def test_an_event_carries_its_whole_pod() -> None:
    sandbox = cri.PodSandboxStatus(
        id="s1",
        metadata=cri.PodSandboxMetadata(name="web-0", uid="u-1", namespace="shop", attempt=1),
        state=cri.SANDBOX_NOTREADY,
        network=cri.PodSandboxNetworkStatus(ip="10.0.0.1", additional_ips=[cri.PodIP(ip="fd::1")]),
    )
    event = decode.cri_event(
        cri.ContainerEventResponse(
            container_id="c1",
            container_event_type=cri.CONTAINER_STOPPED_EVENT,
            created_at=5,
            pod_sandbox_status=sandbox,
            containers_statuses=[status()],
        ).SerializeToString()
    )
    assert event.sandbox is not None
    assert event.sandbox.state is SandboxState.NOTREADY
    assert event.sandbox.ips == ("10.0.0.1", "fd::1")
    assert [c.sandbox_id for c in event.containers] == ["s1"]


def test_an_event_without_pod_status_still_names_its_id() -> None:
    event = decode.cri_event(
        cri.ContainerEventResponse(
            container_id="s1", container_event_type=cri.CONTAINER_DELETED_EVENT
        ).SerializeToString()
    )
    assert (event.id, event.kind, event.sandbox, event.containers) == ("s1", 3, None, ())


def test_what_is_the_same_in_the_next_event_is_the_same_object() -> None:
    def event(*containers: cri.ContainerStatus) -> decode.CriEvent:
        pod = cri.PodSandboxStatus(id="s1", metadata=cri.PodSandboxMetadata(name="web-0"))
        message = cri.ContainerEventResponse(
            container_id="c1", pod_sandbox_status=pod, containers_statuses=containers
        )
        return decode.cri_event(message.SerializeToString())

    first = event(status(state=cri.CONTAINER_RUNNING), status(id="c2"))
    second = event(status(), status(id="c2"))
    assert second.sandbox is first.sandbox
    assert second.containers[1] is first.containers[1]
    assert second.containers[0].state is ContainerState.EXITED
    large = event(status(message="x" * 10_000)).containers[0]
    assert len(large.message) < 10_000
    assert event(status(message="x" * 10_000)).containers[0] == large


def envelope(topic: str, message: ctd.TaskExit | ctd.ContainerCreate) -> bytes:
    return ctd.Envelope(
        timestamp=Timestamp(seconds=2, nanos=5),
        namespace="k8s.io",
        topic=topic,
        event=Any(type_url=message.DESCRIPTOR.full_name, value=message.SerializeToString()),
    ).SerializeToString()


def test_a_task_exit_tells_when_and_how() -> None:
    left = ctd.TaskExit(
        container_id="c1", id="c1", exit_status=3, exited_at=Timestamp(seconds=1, nanos=9)
    )
    event = decode.containerd_event(envelope("/tasks/exit", left))
    assert event == decode.ContainerdEvent("/tasks/exit", "c1", 1_000_000_009, 3)


def test_the_exit_of_an_exec_is_not_the_containers() -> None:
    left = ctd.TaskExit(container_id="c1", id="probe-1", exit_status=1)
    assert decode.containerd_event(envelope("/tasks/exit", left)) is None


def test_other_topics_tell_nothing() -> None:
    assert decode.containerd_event(envelope("/images/create", ctd.ContainerCreate(id="x"))) is None


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_decode_or_are_refused_plainly(data: bytes) -> None:
    for decoder in (
        decode.container_status,
        decode.sandbox_status,
        decode.cri_event,
        decode.containerd_event,
    ):
        with contextlib.suppress(WireError):
            decoder(data)


def test_an_answer_as_json_keeps_field_names_parses_info_and_cleans_all() -> None:
    data = cri.ContainerStatusResponse(
        status=status(reason="\x1b[1m"), info={"info": '{"pid": 7, "env": ["A=\\u001b"]}'}
    ).SerializeToString()
    tree = decode.as_json(cri.ContainerStatusResponse, data)
    assert tree["status"]["exit_code"] == 137
    assert tree["status"]["reason"] == "^[[1m"
    assert tree["info"]["info"] == {"pid": 7, "env": ["A=^["]}
