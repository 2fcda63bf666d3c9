"""Random and damaged bytes: each reader gives an answer or its own error, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleg_tui import frames
from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.cri import decode
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.wire import WireError
from pleg_tui.feed.story import Story
from pleg_tui.frames import Flag, Frame, FrameError, Kind
from pleg_tui.model import Source

EXAMPLES = 300


def a_pod() -> cri.PodSandboxStatus:
    return cri.PodSandboxStatus(
        id="s" * 64,
        metadata=cri.PodSandboxMetadata(name="web", uid="u-1", namespace="shop", attempt=1),
        state=cri.SANDBOX_READY,
        created_at=1_700_000_000_000_000_000,
        labels={"app": "web", "io.kubernetes.pod.uid": "u-1"},
        annotations={"note": "kept"},
    )


def a_container() -> cri.ContainerStatus:
    return cri.ContainerStatus(
        id="c" * 64,
        metadata=cri.ContainerMetadata(name="app", attempt=3),
        state=cri.CONTAINER_EXITED,
        created_at=1_700_000_000_000_000_000,
        started_at=1_700_000_001_000_000_000,
        finished_at=1_700_000_002_000_000_000,
        exit_code=137,
        reason="OOMKilled",
        message="m",
        image=cri.ImageSpec(image="docker.io/library/web:1"),
        labels={"io.kubernetes.container.name": "app"},
    )


def messages() -> dict[Kind, bytes]:
    """One good payload of every kind that carries a message."""
    event = cri.ContainerEventResponse(
        container_id="c" * 64,
        container_event_type=cri.CONTAINER_STOPPED_EVENT,
        created_at=1_700_000_002_000_000_000,
        pod_sandbox_status=a_pod(),
        containers_statuses=[a_container()],
    )
    envelope = ctd.Envelope(namespace="k8s.io", topic="/tasks/exit")
    envelope.timestamp.seconds = 1_700_000_002
    envelope.event.type_url = "containerd.events.TaskExit"
    envelope.event.value = ctd.TaskExit(
        container_id="c" * 64, id="c" * 64, pid=7, exit_status=137
    ).SerializeToString()
    sandboxes = cri.ListPodSandboxResponse(
        items=[cri.PodSandbox(id="s" * 64, metadata=a_pod().metadata)]
    )
    containers = cri.ListContainersResponse(
        containers=[cri.Container(id="c" * 64, pod_sandbox_id="s" * 64)]
    )
    listed = frames.pack_listing(1, sandboxes.SerializeToString(), containers.SerializeToString())
    return {
        Kind.EVENT_CRI: event.SerializeToString(),
        Kind.EVENT_CONTAINERD: envelope.SerializeToString(),
        Kind.CONTAINER_STATUS: cri.ContainerStatusResponse(
            status=a_container()
        ).SerializeToString(),
        Kind.SANDBOX_STATUS: cri.PodSandboxStatusResponse(status=a_pod()).SerializeToString(),
        Kind.LISTING: listed,
    }


GOOD = messages()
DECODERS: list[Callable[[bytes], Any]] = [
    decode.cri_event,
    decode.containerd_event,
    decode.container_status,
    decode.sandbox_status,
    lambda data: decode.listing(data, data),
    lambda data: decode.as_json(cri.ContainerStatusResponse, data),
]


def damaged(data: bytes, seed: int) -> bytes:
    """A message with bytes changed, cut out, doubled or put in, as a broken writer leaves it."""
    chance = random.Random(seed)
    work = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(work) + 1)
        what = chance.randrange(4)
        if what == 0 and at < len(work):
            work[at] = chance.randrange(256)
        elif what == 1:
            del work[at : at + chance.randint(1, 20)]
        elif what == 2:
            work[at:at] = chance.randbytes(chance.randint(1, 20))
        else:
            work[at:at] = work[at : at + chance.randint(1, 50)]
    return bytes(work)


@pytest.mark.parametrize("reader", DECODERS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.binary(max_size=400))
def test_random_bytes_are_read_or_refused(reader: Callable[[bytes], Any], data: bytes) -> None:
    with suppress(WireError):
        reader(data)


@pytest.mark.parametrize("kind", GOOD)
@settings(max_examples=EXAMPLES, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_a_story_told_damaged_messages_goes_on(kind: Kind, seed: int) -> None:
    """What cannot be read is counted; what is read afterwards is as good as before."""
    story = Story()
    story.connected(Source.CRI, "cri-o", 1)
    data = damaged(GOOD[kind], seed)
    try:
        story.apply(Frame(kind, data, mono=2, wall=2))
    except FrameError:
        # Only our own collector packs a listing; damaged, the pipe cannot be trusted any more.
        assert kind is Kind.LISTING
    for good, payload in GOOD.items():
        story.apply(Frame(good, payload, mono=3, wall=3))
    story.take()
    assert story.state.container("c" * 64) is not None


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.binary(max_size=600), cut=st.integers(1, 64))
def test_the_frame_reader_takes_any_bytes_in_any_pieces(data: bytes, cut: int) -> None:
    reader = frames.Reader()
    with suppress(FrameError):
        for start in range(0, len(data), cut):
            for frame in reader.feed(data[start : start + cut]):
                assert len(frame.payload) <= frames.MAX_PAYLOAD


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    payloads=st.lists(st.binary(max_size=200), max_size=10),
    flags=st.integers(0, max(Flag) * 2 - 1),
    cut=st.integers(1, 64),
)
def test_frames_come_out_as_they_went_in(payloads: list[bytes], flags: int, cut: int) -> None:
    data = b"".join(frames.encode(9, p, 5, 6, 7, flags) for p in payloads)
    reader = frames.Reader()
    out = [f for at in range(0, len(data), cut) for f in reader.feed(data[at : at + cut])]
    assert [frame.payload for frame in out] == payloads
    assert all((f.mono, f.wall, f.ref, f.flags) == (5, 6, 7, flags) for f in out)
