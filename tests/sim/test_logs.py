"""Log files: they grow, turn over, and nothing but the simulator's own is ever removed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator


async def test_a_log_that_was_asked_for_grows(make_rig: Any, wait_for: Any) -> None:
    rig = await make_rig(manual=False, churn=0.0)
    status = None
    for container in await rig.client.containers():
        status = await rig.client.status(container.id)
    assert status is not None
    path = Path(status.log_path)
    size = path.stat().st_size
    await wait_for(lambda: path.stat().st_size > size)


async def test_the_last_line_says_how_it_ended(make_rig: Any) -> None:
    rig = await make_rig()
    container = next(c for c in await rig.client.containers() if c.state != 2)
    path = Path((await rig.client.status(container.id)).log_path)
    await rig.client.stop(container.id)
    last = path.read_text().splitlines()[-1]
    assert " stderr F " in last
    assert "143" in last
    await rig.client.remove(container.id)
    assert not path.exists()


async def test_a_log_folder_that_was_there_stays_as_it_was(tmp_path: Path) -> None:
    foreign = tmp_path / "pods" / "kube-system_mine_uid" / "app" / "0.log"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("precious\n")
    options = Options(log_dir=str(tmp_path), pods=6, scenario="storm", speed=20)
    async with Simulator(options) as simulator:
        await asyncio.sleep(1.0)
        assert len(list((tmp_path / "pods").iterdir())) > 1
        assert simulator.log_dir == str(tmp_path)
    assert [p.name for p in (tmp_path / "pods").iterdir()] == ["kube-system_mine_uid"]
    assert foreign.read_text() == "precious\n"


async def test_a_full_log_turns_over(make_rig: Any) -> None:
    rig = await make_rig()
    container = next(iter(rig.sim.world.containers.values()))
    logs = rig.sim.runtime.logs
    logs.ensure(container)
    path = Path(container.log_path)
    with path.open("a") as file:
        file.write("x" * (1 << 20))
    for _ in range(3):
        logs.grow(1)
    assert path.stat().st_size < 10_000
    assert Path(f"{path}.1").stat().st_size > 1 << 20


async def test_a_disk_that_refuses_is_no_error(make_rig: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    rig = await make_rig(log_dir=str(blocked))
    for container in await rig.client.containers():
        assert (await rig.client.status(container.id)).log_path.startswith(str(blocked))
    rig.sim.runtime.logs.grow(1)
