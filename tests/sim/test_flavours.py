"""Who gets which event: each flavour as its runtime does it."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.cri import runtime_pb2 as cri

BULKY = {"padding": "x" * 4000}
"""What fills a window counts in bytes, not in events."""


def ids(events: list[Any]) -> list[tuple[str, int]]:
    return [(e.container_id, e.container_event_type) for e in events]


# ---- containerd 2 ----


async def test_containerd_2_tells_everybody_everything(make_rig: Any) -> None:
    rig = await make_rig("containerd-2")
    first, second = rig.client.events(), rig.connect().events()
    await rig.subscribed(2)
    await rig.client.whole_life()
    await first.at_least(8)
    await second.at_least(8)
    assert ids(first.got) == ids(second.got)


async def test_containerd_2_replays_to_the_first_reader_only(make_rig: Any) -> None:
    rig = await make_rig("containerd-2")
    sandbox, _container = await rig.client.whole_life()
    first = rig.client.events()
    await first.at_least(8)
    assert first.got[0].container_id == sandbox
    second = rig.connect().events()
    await rig.subscribed(2)
    await rig.client.whole_life("other")
    await first.at_least(16)
    await second.at_least(8)
    assert ids(second.got) == ids(first.got[8:])


async def test_containerd_2_stands_still_behind_a_stalled_reader_until_its_deadline(
    make_rig: Any, small_window: Any, wait_for: Any
) -> None:
    rig = await make_rig("containerd-2")
    stalled = rig.connect(*small_window).stream(timeout=1.2)
    await rig.subscribed()
    done: list[str] = []

    async def make_pods() -> None:
        for number in range(100):
            done.append(await rig.client.run_pod(f"p{number}", labels=BULKY))

    making = asyncio.create_task(make_pods())
    await wait_for(lambda: rig.sim.runtime.hub.blocked)
    stuck = len(done)
    assert stuck < 90
    # Others are held up as well.
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rig.connect().call(
            "RunPodSandbox",
            cri.RunPodSandboxRequest(
                config=cri.PodSandboxConfig(metadata=cri.PodSandboxMetadata(name="x", uid="x"))
            ),
            cri.RunPodSandboxResponse,
            timeout=0.3,
        )
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(done) == stuck
    # Calls that only tell are answered all the same.
    assert len(await rig.client.sandboxes()) >= stuck
    await making
    assert len(done) == 100
    del stalled


async def test_containerd_2_lets_go_when_a_stalled_reader_leaves(
    make_rig: Any, small_window: Any, wait_for: Any
) -> None:
    rig = await make_rig("containerd-2")
    stalled = rig.connect(*small_window).stream()
    healthy = rig.connect().events()
    await rig.subscribed(2)

    async def make_pods() -> None:
        for number in range(100):
            await rig.client.run_pod(f"p{number}", labels=BULKY)

    making = asyncio.create_task(make_pods())
    await wait_for(lambda: rig.sim.runtime.hub.blocked)
    stalled.cancel()
    await making
    await healthy.at_least(200)
    assert len(set(ids(healthy.got))) == 200  # nothing lost, nothing twice
    assert rig.sim.runtime.hub.dropped == 0


# ---- containerd 1.7 ----


async def test_containerd_17_gives_each_event_to_one_reader(make_rig: Any) -> None:
    rig = await make_rig("containerd-1.7")
    first, second = rig.client.events(), rig.connect().events()
    await rig.subscribed(2)
    for number in range(5):
        await rig.client.whole_life(f"p{number}")
    while len(first.got) + len(second.got) < 40:
        await asyncio.sleep(0.005)
    assert first.got
    assert second.got
    assert not set(ids(first.got)) & set(ids(second.got))
    assert len(first.got) + len(second.got) == 40


async def test_containerd_17_keeps_the_oldest_thousand(make_rig: Any) -> None:
    rig = await make_rig("containerd-1.7")
    made = [await rig.client.run_pod(f"p{number}") for number in range(510)]
    reading = rig.client.events()
    events = await reading.at_least(1000)
    await rig.client.run_pod("late")
    await reading.at_least(1002)
    assert events[0].container_id == made[0]
    assert events[999].container_id == made[499]
    assert rig.sim.runtime.hub.dropped == 20


async def test_containerd_17_a_reader_that_left_takes_one_event_along(make_rig: Any) -> None:
    rig = await make_rig("containerd-1.7")
    gone = rig.connect().events()
    await rig.subscribed(1)
    await gone.leave()
    await rig.subscribed(0)
    reading = rig.client.events()
    await rig.subscribed(1)
    sandbox = await rig.client.run_pod()
    events = await reading.at_least(1)
    assert ids(events) == [(sandbox, cri.CONTAINER_STARTED_EVENT)]


async def test_containerd_17_tells_a_sandboxs_end_without_a_status(make_rig: Any) -> None:
    rig = await make_rig("containerd-1.7")
    sandbox, _container = await rig.client.whole_life()
    events = await rig.client.events().at_least(8)
    last = events[7]
    assert (last.container_id, last.container_event_type) == (
        sandbox,
        cri.CONTAINER_DELETED_EVENT,
    )
    assert not last.HasField("pod_sandbox_status")
    assert all(e.HasField("pod_sandbox_status") for e in events[:7])


# ---- without events ----


@pytest.mark.parametrize("flavour", ["containerd-1.6", "cri-dockerd"])
async def test_runtimes_without_events_say_unimplemented(make_rig: Any, flavour: str) -> None:
    rig = await make_rig(flavour)
    reading = rig.client.events()
    assert await reading.end() is grpc.StatusCode.UNIMPLEMENTED
    assert "GetContainerEvents not implemented" in reading.details


async def test_crio_with_events_off_ends_the_stream_with_ok(make_rig: Any) -> None:
    rig = await make_rig("crio-events-off")
    reading = rig.client.events()
    assert await reading.end() is grpc.StatusCode.OK
    assert reading.got == []


# ---- CRI-O ----


async def test_crio_has_gaps_of_its_own(make_rig: Any) -> None:
    rig = await make_rig("crio")
    first, second = rig.client.events(), rig.connect().events()
    await rig.subscribed(2)
    sandbox, container = await rig.client.whole_life()
    other = await rig.client.run_pod("other")
    doomed = await rig.client.create(other)
    await rig.client.remove_pod(other)  # takes its container along without a word
    await first.at_least(8)
    await second.at_least(8)
    await asyncio.sleep(0.05)
    assert ids(first.got) == [
        (sandbox, cri.CONTAINER_STARTED_EVENT),
        (container, cri.CONTAINER_CREATED_EVENT),
        (container, cri.CONTAINER_STARTED_EVENT),
        (container, cri.CONTAINER_STOPPED_EVENT),
        (container, cri.CONTAINER_DELETED_EVENT),
        (sandbox, cri.CONTAINER_STOPPED_EVENT),
        (other, cri.CONTAINER_STARTED_EVENT),
        (doomed, cri.CONTAINER_CREATED_EVENT),
        (other, cri.CONTAINER_STOPPED_EVENT),
    ]
    assert ids(second.got) == ids(first.got)


async def test_crio_starves_everybody_behind_a_stalled_reader_and_drops(
    make_rig: Any, small_window: Any
) -> None:
    rig = await make_rig("crio")
    stalled = rig.connect(*small_window).stream()
    healthy = rig.connect().events()
    await rig.subscribed(2)
    for number in range(1100):  # no call waits
        await rig.client.run_pod(f"p{number}", labels=BULKY)
    assert rig.sim.runtime.hub.dropped > 0
    starved = len(healthy.got)
    assert starved < 100
    stalled.cancel()
    await healthy.at_least(starved + 900)
    assert len(healthy.got) + rig.sim.runtime.hub.dropped <= 1100


# ---- containerd's own events ----

LIFE = [
    "/containers/create",
    "/tasks/create",
    "/tasks/start",
    "/tasks/exit",
    "/tasks/delete",
    "/containers/delete",
]
KINDS: dict[str, Any] = {
    "/containers/create": ctd.ContainerCreate,
    "/tasks/create": ctd.TaskCreate,
    "/tasks/start": ctd.TaskStart,
    "/tasks/exit": ctd.TaskExit,
    "/tasks/delete": ctd.TaskDelete,
    "/tasks/oom": ctd.TaskOOM,
    "/containers/delete": ctd.ContainerDelete,
}


def about(envelope: Any) -> str:
    message = KINDS[envelope.topic].FromString(envelope.event.value)
    return str(message.id if envelope.topic.startswith("/containers/") else message.container_id)


@pytest.mark.parametrize("flavour", ["containerd-2", "containerd-1.7", "containerd-1.6"])
async def test_containerds_own_events_tell_sandboxes_as_containers(
    make_rig: Any, flavour: str
) -> None:
    rig = await make_rig(flavour)
    readings = [
        rig.client.native('namespace==k8s.io,topic~="^/(tasks|containers)/"'),
        rig.connect().native(),
    ]
    await rig.native_subscribed(2)
    sandbox, container = await rig.client.whole_life()
    for reading in readings:
        events = await reading.at_least(12)
        assert len(events) == 12
        for thing in (sandbox, container):
            assert [e.topic for e in events if about(e) == thing] == LIFE
        for event in events:
            assert event.namespace == "k8s.io"
            assert event.timestamp.seconds > 0
            # The bare name, as containerd writes it.
            assert event.event.type_url == KINDS[event.topic].DESCRIPTOR.full_name
        end = next(e for e in events if e.topic == "/tasks/exit" and about(e) == container)
        told = ctd.TaskExit.FromString(end.event.value)
        assert (told.id, told.exit_status) == (container, 143)
        assert told.exited_at.seconds > 0


async def test_an_exec_is_told_under_its_own_id(make_rig: Any) -> None:
    rig = await make_rig()
    container = (await rig.client.containers())[0].id
    reading = rig.client.native()
    await rig.native_subscribed()
    request = cri.ExecSyncRequest(container_id=container, cmd=["true"])
    await rig.client.call("ExecSync", request, cri.ExecSyncResponse)
    events = await reading.at_least(4)
    assert [e.topic for e in events] == [
        "/tasks/exec-added",
        "/tasks/exec-started",
        "/tasks/exit",
        "/tasks/delete",
    ]
    for event in events[2:]:
        kind = KINDS[event.topic]
        told: Any = kind.FromString(event.event.value)
        assert told.container_id == container
        assert told.id not in ("", container)


async def test_out_of_memory_has_its_topic(make_rig: Any) -> None:
    rig = await make_rig(scenario="oom", churn=1.0)
    reading = rig.client.native('topic=="/tasks/oom"')
    await rig.native_subscribed()
    await rig.sim.run(20)
    events = await reading.at_least(1)
    assert {e.topic for e in events} == {"/tasks/oom"}
    killed = about(events[0])
    assert {r.step for r in rig.sim.record if r.id == killed} >= {"container-oom"}


async def test_a_stalled_reader_of_containerds_own_events_holds_nobody_up(
    make_rig: Any, small_window: Any
) -> None:
    rig = await make_rig()
    stalled = rig.connect(*small_window).native_stream()
    healthy = rig.connect().native()
    await rig.native_subscribed(2)
    for number in range(400):
        await rig.client.run_pod(f"p{number}")
    events = await healthy.at_least(1200)
    assert len(events) == 1200
    stalled.cancel()


@pytest.mark.parametrize("flavour", ["crio", "crio-events-off", "cri-dockerd"])
async def test_others_have_no_such_service(make_rig: Any, flavour: str) -> None:
    rig = await make_rig(flavour)
    reading = rig.client.native()
    assert await reading.end() is grpc.StatusCode.UNIMPLEMENTED
    assert "unknown service containerd.services.events.v1.Events" in reading.details


async def test_a_filter_that_is_none_is_refused(make_rig: Any) -> None:
    rig = await make_rig()
    reading = rig.client.native("topic===")
    assert await reading.end() is grpc.StatusCode.INVALID_ARGUMENT
