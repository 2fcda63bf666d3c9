"""Which blocks count: judged from what was read and told, without any process."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pleg_tui.compare.block_run import BlockRun
from pleg_tui.compare.lane_process import Told
from pleg_tui.compare.meters import LaneReading, Reading
from pleg_tui.compare.tally import blocks, idle_ns_per_s, overhead
from pleg_tui.compare.types import Arm, Lane, Sighting

S = 1_000_000_000
WALL = 1_700_000_000 * S


def reading(at_s: float, *, polling_ms: float = 0.0, runtime_ms: float = 0.0) -> Reading:
    mono = round(at_s * S)
    return Reading(
        mono=mono,
        wall=WALL + mono,
        asleep_ns=5 * S,
        runtime_ns=round(runtime_ms * 1e6),
        shims_ns=None,
        kubelet_ns=None,
        runtime_rss=1 << 20,
        own_ns=round(at_s * 10e6),
        lanes={
            Lane.POLLING: LaneReading(round(polling_ms * 1e6), 100, 1 << 20),
            Lane.EVENTED: LaneReading(0, 0, 1 << 20),
        },
    )


def run(arm: Arm = Arm.POLLING, index: int = 0, *, spent_ms: float = 40.0) -> BlockRun:
    """A block of 10 s that went well."""
    first = reading(2.0)
    last = reading(10.0, polling_ms=spent_ms, runtime_ms=80.0)
    told = {
        lane: Told(since=WALL + S // 10, until=WALL + 10 * S, work=[(3 * S, 2, 1000, 1)])
        for lane in arm.lanes
    }
    return BlockRun(index, arm, 0, 10 * S, first, last, told)


def judged(block: BlockRun) -> str:
    block.judge()
    return block.spoiled


def test_a_block_that_went_well_counts() -> None:
    block = run()
    assert judged(block) == ""
    assert block.seconds == 8.0
    assert [w.lane for w in block.watches()] == [Lane.POLLING]


def test_the_machine_slept() -> None:
    block = run()
    block.last = replace(block.last, asleep_ns=6 * S)
    assert "slept" in judged(block)
    assert block.watches() == []


@pytest.mark.parametrize(("by_s", "says"), [(3600, "+3600.0 s"), (-2, "-2.0 s")])
def test_the_clock_was_set(by_s: int, says: str) -> None:
    block = run()
    block.last = replace(block.last, wall=block.last.wall + by_s * S)
    assert says in judged(block)


def test_the_clock_was_slewed_as_ntp_does() -> None:
    block = run()
    block.last = replace(block.last, wall=block.last.wall + 4_000_000)
    assert judged(block) == ""


def test_another_process_is_the_runtime_now() -> None:
    block = run()
    block.runtime_lived = False
    assert "restarted" in judged(block)
    assert block.block({}, 0).runtime_cpu_ns is None


def test_a_source_that_broke_within_the_block() -> None:
    block = run()
    block.told[Lane.POLLING].why = "nobody listens"
    block.told[Lane.POLLING].failed_at = 5 * S
    assert "nobody listens" in judged(block)


def test_a_stream_that_reached_its_deadline_just_before_we_looked_has_done_its_duty() -> None:
    block = run(Arm.EVENTED)
    block.last = replace(block.last, mono=block.last.mono + S // 2, wall=block.last.wall + S // 2)
    told = block.told[Lane.EVENTED]
    told.why, told.failed_at, told.until = "the event stream ended", 10 * S, WALL + 11 * S
    assert judged(block) == ""
    assert block.watches()[0].until == WALL + 10 * S


def test_a_lane_that_was_not_ready_in_time() -> None:
    block = run()
    block.told[Lane.POLLING].since = WALL + 3 * S
    assert "not ready" in judged(block)


def test_a_block_that_ended_late() -> None:
    block = run()
    block.last = replace(reading(12.0), wall=WALL + 12 * S)
    assert "2.0 s late" in judged(block)


def test_what_a_lane_spends_while_off_is_no_clients_cost() -> None:
    idle, on = run(Arm.OFF, 0, spent_ms=8.0), run(Arm.POLLING, 1, spent_ms=40.0)
    for block in (idle, on):
        block.judge()
    assert idle_ns_per_s([idle, on])[Lane.POLLING] == pytest.approx(1e6)
    told = blocks([idle, on], [])
    assert told[0].lanes == {}
    assert told[1].lanes[Lane.POLLING].cpu_ns == 32_000_000
    assert "1.0 ms/s (polling)" in overhead([idle, on], "")


def test_only_work_of_the_measured_part_is_counted() -> None:
    block = run()
    block.told[Lane.POLLING].work += [(1 * S, 9, 9, 9), (10 * S, 9, 9, 9), (9 * S, 2, 500, 0)]
    use = block.block({}, 0).lanes[Lane.POLLING]
    assert (use.calls, use.bytes, use.events) == (4, 1500, 1)


def test_a_change_is_counted_once_and_in_its_own_block() -> None:
    def change(
        id_: str, at_s: float, lane: Lane = Lane.POLLING, state: str = "running"
    ) -> Sighting:
        at = WALL + round(at_s * S)
        return Sighting(lane, id_, state, at, at + S, "")

    block = run()
    block.judge()
    seen = [
        change("a", 3),
        change("a", 3.001, Lane.EVENTED),
        change("b", 1),
        change("c", 11),
        change("d", 5, state="created"),
        change("e", 9, state="removed"),
    ]
    assert blocks([block], seen)[0].transitions == 2


def test_a_lane_that_never_told_of_its_block_has_no_figures_in_it() -> None:
    block = run()
    block.told = {Lane.POLLING: Told(since=WALL + S // 10)}
    assert "did not tell in time" in judged(block)
    assert block.watches() == []


def test_delays_count_from_when_relists_have_their_usual_rhythm() -> None:
    block = run()
    block.told = {Lane.POLLING: replace(block.told[Lane.POLLING], steady=WALL + S)}
    assert judged(block) == ""
    assert [w.since for w in block.watches()] == [WALL + S]
