"""Ten thousand containers: served whole, and refused where a runtime would refuse."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from pleg_tui.cri import runtime_pb2 as cri


async def test_ten_thousand_containers(make_rig: Any) -> None:
    rig = await make_rig(pods=6200)
    containers = await rig.client.containers()
    assert len({c.id for c in containers}) == len(rig.sim.world.containers) > 10_000
    assert len(await rig.client.sandboxes()) == 6200
    # One that changes is told anew, the others as before.
    one = next(c for c in containers if c.state == cri.CONTAINER_RUNNING)
    await rig.client.stop(one.id)
    again = {c.id: c for c in await rig.client.containers()}
    assert again.pop(one.id).state == cri.CONTAINER_EXITED
    assert again == {c.id: c for c in containers if c.id != one.id}


async def test_more_than_a_message_holds_is_refused_as_by_a_runtime(make_rig: Any) -> None:
    rig = await make_rig(pods=300)
    runtime = rig.sim.runtime
    assert runtime.flavour.max_message == 16 << 20  # as containerd's server is set up
    runtime.flavour = replace(runtime.flavour, max_message=100_000)
    with pytest.raises(grpc.aio.AioRpcError, match="larger than max") as caught:
        await rig.client.containers()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    some = await rig.client.containers(
        label_selector={"io.kubernetes.pod.namespace": "kube-system"}
    )
    assert some
    assert all(isinstance(c, cri.Container) for c in some)
