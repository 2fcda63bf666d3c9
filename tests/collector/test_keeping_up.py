"""A reader of CRI events that is too slow to be one leaves; one that is only busy stays."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from pleg_tui.collector import keeping_up
from pleg_tui.collector.keeping_up import KeepingUp
from pleg_tui.collector.main import Collector
from pleg_tui.collector.options import Options as CollectorOptions
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.frames import Kind, Reader
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator
from tests.following import until


class Waits:
    """How long the thread has waited for the processor, as a test wants it."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self) -> int:
        return int(time.monotonic_ns() * self.share)


def event(age_s: float) -> bytes:
    at = time.time_ns() - int(age_s * 1e9)
    return cri.ContainerEventResponse(container_id="c", created_at=at).SerializeToString()


@pytest.mark.parametrize(
    ("share", "age_s", "too_slow"),
    [(0.9, 3.0, True), (0.9, 0.1, False), (0.1, 3.0, False), (0.1, 0.1, False)],
    ids=["starved and late", "starved and in time", "the runtime is late", "well"],
)
def test_only_who_is_late_for_want_of_the_processor_leaves(
    monkeypatch: pytest.MonkeyPatch, share: float, age_s: float, too_slow: bool
) -> None:
    monkeypatch.setattr(keeping_up, "_waited_ns", Waits(share))
    keeping = KeepingUp()
    keeping.read(event(age_s))
    assert not keeping.too_slow(), "once is not enough"
    keeping.read(event(age_s))
    assert keeping.too_slow() is too_slow
    assert not keeping.too_slow(), "and nothing has been read since"
    keeping.read(b"\xff\xff")
    assert not keeping.too_slow()


def test_the_kernel_tells_how_long_a_thread_has_waited() -> None:
    before = keeping_up._waited_ns()
    time.sleep(0.01)
    assert keeping_up._waited_ns() >= before


async def test_who_left_lists_instead_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same process goes on with another source, and does not come back to this one."""
    monkeypatch.setattr(KeepingUp, "too_slow", lambda _: True)
    monkeypatch.setattr("pleg_tui.collector.session.CHECK_S", 0.05)
    requests, told = os.pipe()
    async with Simulator(Options(flavour="crio", churn=0, manual=True)) as simulator:
        frames_fd = os.open(tmp_path / "frames", os.O_WRONLY | os.O_CREAT)
        collector = Collector(CollectorOptions(simulator.endpoint), requests, frames_fd)
        running = asyncio.create_task(collector._stay_connected())
        await until(lambda: simulator.subscribers == 1)
        await until(lambda: not collector.options.allow_cri_events)
        await until(lambda: collector.session is not None and collector.session.connected)
        assert simulator.subscribers == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    os.close(told)
    sent = list(Reader().feed((tmp_path / "frames").read_bytes()))
    runtimes = [frame.json() for frame in sent if frame.kind == Kind.RUNTIME]
    assert [runtime["source"] for runtime in runtimes] == ["cri", "relist"]
    assert "too little of the processor" in runtimes[-1]["warning"]
    lost = [f.json() for f in sent if f.kind == Kind.STREAM and f.json()["state"] == "lost"]
    assert [one["error"] for one in lost] == [runtimes[-1]["warning"]]
