"""A simulator never passes for a runtime: everything that it serves says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.flavours import FLAVOURS
from pleg_tui.sim.workloads import EVERY, images
from pleg_tui.sim.workloads import image as workload_image

LABEL = "pleg-tui.io/simulated"


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
async def test_everything_says_that_it_is_simulated(make_rig: Any, flavour: str) -> None:
    rig = await make_rig(flavour, pods=13, churn=1.0)
    client = rig.client
    await rig.sim.run(20)
    await client.run_pod("a-clients-own", labels={LABEL: "false"})
    version = await client.call("Version", cri.VersionRequest(), cri.VersionResponse)
    assert version.runtime_version.endswith("+simulated")
    status = await client.call("Status", cri.StatusRequest(verbose=True), cri.StatusResponse)
    assert status.info["simulated"] == "true"
    for sandbox in await client.sandboxes():
        assert sandbox.labels[LABEL] == "true"
    for container in await client.containers():
        assert container.labels[LABEL] == "true"
        assert container.image.user_specified_image.startswith("sim.invalid/")
        told = await client.status(container.id)
        assert told.labels[LABEL] == "true"
        assert told.image.image.startswith("sim.invalid/")
        assert told.image_ref.startswith("sim.invalid/")
        if told.started_at:
            assert "simulated" in Path(told.log_path).read_text().splitlines()[0]


async def test_events_carry_the_label(make_rig: Any) -> None:
    rig = await make_rig(churn=1.0)
    reading = rig.client.events()
    await rig.subscribed()
    count = await rig.sim.step(30)
    for event in await reading.at_least(count - 5):
        assert event.pod_sandbox_status.labels[LABEL] == "true"
        assert all(s.labels[LABEL] == "true" for s in event.containers_statuses)


def test_no_image_can_be_pulled() -> None:
    assert all(image.tag.startswith("sim.invalid/") for image in images())
    every = {image.tag for image in images()}
    used = {workload_image(s.image).tag for w in EVERY for s in w.containers}
    assert used < every
