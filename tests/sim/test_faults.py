"""Faults that tests of other rooms rely on: each does what it says, and stops when cleared."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.faults import Failure
from pleg_tui.sim.objects import Step


async def test_a_hanging_call_does_not_answer_and_others_do(make_rig: Any) -> None:
    rig = await make_rig()
    rig.sim.faults.hang.add("ListContainers")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rig.client.call(
            "ListContainers", cri.ListContainersRequest(), cri.ListContainersResponse, timeout=0.2
        )
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await rig.client.sandboxes()
    rig.sim.faults.clear()
    assert await rig.client.containers()


async def test_a_hanging_stream_is_open_and_silent(make_rig: Any) -> None:
    rig = await make_rig()
    rig.sim.faults.hang.add("GetContainerEvents")
    reading = rig.client.events(timeout=0.4)
    await rig.client.whole_life()
    assert await reading.end() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert reading.got == []


async def test_an_error_comes_as_often_as_it_was_told_to(make_rig: Any) -> None:
    rig = await make_rig()
    rig.sim.faults.errors["Version"] = Failure("UNAVAILABLE", "not yet", times=2)
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError, match="not yet") as caught:
            await rig.client.call("Version", cri.VersionRequest(), cri.VersionResponse)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await rig.client.call("Version", cri.VersionRequest(), cri.VersionResponse)


async def test_a_delayed_call_is_late(make_rig: Any) -> None:
    rig = await make_rig()
    rig.sim.faults.delay_s["Version"] = 0.3
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rig.client.call("Version", cri.VersionRequest(), cri.VersionResponse, timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await rig.client.call("Version", cri.VersionRequest(), cri.VersionResponse, timeout=5)


async def test_steps_can_go_untold(make_rig: Any) -> None:
    rig = await make_rig()
    rig.sim.faults.drop = lambda happening: happening.step is Step.CONTAINER_EXITED
    reading, native = rig.client.events(), rig.client.native()
    await rig.subscribed()
    await rig.native_subscribed()
    _sandbox, container = await rig.client.whole_life()
    events = await reading.at_least(7)
    assert cri.CONTAINER_STOPPED_EVENT not in {
        e.container_event_type for e in events if e.container_id == container
    }
    assert sum(e.topic == "/tasks/exit" for e in await native.at_least(10)) == 1
    # What was done is on record all the same.
    assert [r.step for r in rig.sim.record if r.id == container] == [
        "container-created",
        "container-started",
        "container-exited",
        "container-removed",
    ]


async def test_messages_get_lost_doubled_and_out_of_order(make_rig: Any) -> None:
    rig = await make_rig()
    rig.sim.faults.drop_every = 4
    lossy = rig.connect().events()
    await rig.subscribed(1)
    rig.sim.faults.clear()
    rig.sim.faults.replay_every = 2
    double = rig.connect().events()
    await rig.subscribed(2)
    rig.sim.faults.clear()
    whole = rig.connect().events()
    await rig.subscribed(3)
    # Plans are looked at while a stream goes on; each stream here keeps how it began.
    rig.sim.faults.drop_every = 4
    await rig.client.whole_life()
    await whole.at_least(8)
    assert len(await lossy.at_least(6)) == 6
    rig.sim.faults.clear()
    rig.sim.faults.replay_every = 2
    await rig.client.whole_life("again")
    assert len(await double.at_least(18)) >= 18


async def test_reordered_messages_are_all_there(make_rig: Any) -> None:
    rig = await make_rig()
    rig.sim.faults.reorder = 3
    reading = rig.client.events()
    await rig.subscribed()
    await rig.client.whole_life()
    events = await reading.at_least(8)
    stamps = [e.created_at for e in events]
    assert stamps != sorted(stamps)
    assert len({(e.container_id, e.container_event_type) for e in events}) == 8


async def test_a_slow_stream_is_slow(make_rig: Any) -> None:
    rig = await make_rig()
    rig.sim.faults.stream_delay_s = 0.2
    reading = rig.client.events(timeout=0.7)
    await rig.subscribed()
    await rig.client.whole_life()
    await reading.end()
    assert 1 <= len(reading.got) <= 4


@pytest.mark.parametrize("failure", [None, Failure("INTERNAL", "broken")])
async def test_a_stream_ends(make_rig: Any, failure: Failure | None) -> None:
    rig = await make_rig()
    rig.sim.faults.end_after = 3
    rig.sim.faults.end_with = failure
    reading = rig.client.events()
    await rig.subscribed()
    await rig.client.whole_life()
    code = await reading.end()
    assert code is (grpc.StatusCode.INTERNAL if failure else grpc.StatusCode.OK)
    assert len(reading.got) == 3


async def test_a_restart_breaks_streams_and_keeps_pods(make_rig: Any) -> None:
    rig = await make_rig()
    before = {c.id for c in await rig.client.containers()}
    reading, native = rig.client.events(), rig.client.native()
    await rig.subscribed()
    await rig.native_subscribed()
    await rig.client.whole_life()
    await reading.at_least(8)
    restarting = asyncio.create_task(rig.sim.restart(down_s=0.2))
    assert await reading.end() is grpc.StatusCode.UNAVAILABLE
    assert await native.end() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rig.connect().call("Version", cri.VersionRequest(), cri.VersionResponse, timeout=1)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await restarting
    again = rig.connect()
    assert {c.id for c in await again.containers()} == before
    fresh = again.events()
    await rig.subscribed()
    sandbox = await again.run_pod("after")
    assert (await fresh.at_least(2))[0].container_id == sandbox


async def test_time_stands_still_unless_told(make_rig: Any) -> None:
    rig = await make_rig(churn=1.0)
    await asyncio.sleep(0.05)
    assert not rig.sim.record
    assert await rig.sim.step(5) >= 5
    count = len(rig.sim.record)
    assert count >= 5
    assert await rig.sim.run(10) >= 10
    assert len(rig.sim.record) > count


async def test_the_record_says_what_the_stream_says(make_rig: Any) -> None:
    rig = await make_rig(churn=1.0, pods=10)
    reading = rig.client.events()
    await rig.subscribed()
    await rig.sim.run(30)
    names = {
        "created": cri.CONTAINER_CREATED_EVENT,
        "started": cri.CONTAINER_STARTED_EVENT,
        "exited": cri.CONTAINER_STOPPED_EVENT,
        "stopped": cri.CONTAINER_STOPPED_EVENT,
        "removed": cri.CONTAINER_DELETED_EVENT,
    }
    done = [
        (r.at, r.id, names[r.step.partition("-")[2]])
        for r in rig.sim.record
        if r.step.partition("-")[2] in names
    ]
    events = await reading.at_least(len(done))
    assert [(e.created_at, e.container_id, e.container_event_type) for e in events] == done
