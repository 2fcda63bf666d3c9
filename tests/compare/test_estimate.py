"""The interval holds the truth as often as it says, whatever happens on the node meanwhile."""

from __future__ import annotations

import random
import statistics

import pytest
from msgspec.structs import replace

from pleg_tui.compare.estimate import Effects, effects, runtime, shims
from pleg_tui.compare.types import Arm, Block, Interval, Lane
from tests.compare.synthetic import BOTH, blocks

EXPERIMENTS = 1000
FEWER = 250
"""Of the kinds beyond those that are promised."""


def coverage(
    kw: dict[str, object], *, adjust: bool = False, experiments: int = EXPERIMENTS
) -> tuple[float, float]:
    """How often the interval held the truth, in percent, the worse lane's; and its half width."""
    draw = random.Random(20)
    kinds = {"polling": 1.0, "evented": 0.0, "together": 0.0, **kw}
    half = float(str(kinds["together"])) / 2
    truth = {Lane.POLLING: float(str(kinds["polling"])), Lane.EVENTED: float(str(kinds["evented"]))}
    hits: dict[Lane, list[bool]] = {lane: [] for lane in Lane}
    widths = []
    for _ in range(experiments):
        found = effects(blocks(draw, **kw), runtime, adjust=adjust)  # type: ignore[arg-type]
        for lane, interval in found.lanes.items():
            if interval is not None:
                hits[lane].append(interval.low <= truth[lane] + half <= interval.high)
                widths.append((interval.high - interval.low) / 2)
    share = [100 * statistics.fmean(one) for one in hits.values() if len(one) > experiments * 0.98]
    return min(share), statistics.median(widths)


@pytest.mark.parametrize(
    ("kw", "width", "experiments"),
    [
        ({"trouble": "none"}, 0.6, EXPERIMENTS),
        ({"trouble": "drift"}, 0.6, EXPERIMENTS),
        ({"trouble": "walk"}, 0.75, EXPERIMENTS),
        ({"trouble": "bursts"}, 0.9, EXPERIMENTS),
        ({"replicates": 5}, 0.75, EXPERIMENTS),
        ({"polling": 0.0}, 0.6, EXPERIMENTS),
        ({"trouble": "one long burst"}, 1.0, FEWER),
        ({"polling": 1.5, "evented": 1.5, "together": -0.5}, 0.6, FEWER),
        ({"available": frozenset({Lane.POLLING}), "trouble": "bursts"}, 0.8, FEWER),
    ],
    ids=str,
)
def test_it_holds_the_truth_and_is_narrow(
    kw: dict[str, object], width: float, experiments: int
) -> None:
    share, half = coverage(kw, experiments=experiments)
    assert share >= 93
    assert half < width


def test_counted_changes_narrow_the_interval_under_churn() -> None:
    share, half = coverage({"trouble": "churn"}, adjust=True)
    _, plain = coverage({"trouble": "churn"}, experiments=100)
    assert share >= 93
    assert half < plain / 4


def test_in_an_aa_run_the_difference_includes_zero() -> None:
    draw = random.Random(4)
    found = [effects(blocks(draw, polling=2.0, evented=2.0), runtime) for _ in range(EXPERIMENTS)]
    fooled = [f for f in found if f.difference is not None and f.difference.significant]
    assert len(fooled) <= EXPERIMENTS * 0.07
    assert all(known(f, Lane.POLLING).significant for f in found)


def known(found: Effects, lane: Lane) -> Interval:
    interval = found.lanes[lane]
    assert interval is not None
    return interval


def experiment(seed: int = 1, **kw: object) -> list[Block]:
    return blocks(random.Random(seed), **kw)  # type: ignore[arg-type]


def test_without_noise_the_effects_are_exact() -> None:
    found = effects(experiment(noise=0.0, polling=1.5, evented=0.25), runtime)
    assert known(found, Lane.POLLING).estimate == pytest.approx(1.5, abs=1e-5)
    assert known(found, Lane.EVENTED).estimate == pytest.approx(0.25, abs=1e-5)
    assert found.difference is not None
    assert found.difference.estimate == pytest.approx(1.25, abs=1e-5)
    assert found.baseline == pytest.approx(22.5, abs=1e-5)


def test_a_straight_drift_is_taken_out() -> None:
    found = effects(experiment(trouble="drift", noise=0.0), runtime)
    assert known(found, Lane.POLLING).estimate == pytest.approx(1.0, abs=1e-5)


def test_a_lane_that_costs_nothing_is_not_said_to_cost_a_little() -> None:
    made = [replace(block, shims_cpu_ns=5_000_000) for block in experiment()]
    found = known(effects(made, shims), Lane.POLLING)
    assert not found.significant
    assert found.low < 0 < found.high


def test_a_wild_block_is_named_and_does_not_decide() -> None:
    made = experiment()
    calm = known(effects(made, runtime), Lane.POLLING)
    wild = replace(made[9], runtime_cpu_ns=(made[9].runtime_cpu_ns or 0) + 4_000_000_000)
    found = effects([*made[:9], wild, *made[10:]], runtime)
    assert [index for index, _ in found.weak] == [9]
    assert all(weight < 0.05 for _, weight in found.weak)
    assert known(found, Lane.POLLING).estimate == pytest.approx(calm.estimate, abs=0.5)


def test_calm_blocks_all_count() -> None:
    assert effects(experiment(noise=0.0), runtime).weak == ()


def test_ticks_of_10_ms_make_it_wider_and_not_surer() -> None:
    draw = random.Random(8)
    held = []
    for _ in range(200):
        ticks = [
            replace(
                block, runtime_cpu_ns=((block.runtime_cpu_ns or 0) - 150_000_000) // 10**7 * 10**7
            )
            for block in blocks(draw, noise=0.1, polling=0.5)
        ]
        found = known(effects(ticks, runtime), Lane.POLLING)
        held.append(found.low <= 0.5 <= found.high)
        assert found.high - found.low > 0.5
    assert statistics.fmean(held) >= 0.93


def test_spoiled_and_unread_blocks_are_left_alone_and_the_rest_of_their_replicate_counts() -> None:
    made = experiment()
    made[5] = replace(made[5], runtime_cpu_ns=10**12, spoiled="the runtime restarted")
    made[6] = replace(made[6], runtime_cpu_ns=None)
    found = effects(made, runtime)
    assert 0 < found.degrees < 17
    assert known(found, Lane.POLLING).low < 1 < known(found, Lane.POLLING).high


@pytest.mark.parametrize("stopped", range(12, 28))
def test_stopped_early_it_uses_what_there_is(stopped: int) -> None:
    found = effects(experiment()[:stopped], runtime)
    assert known(found, Lane.POLLING).low < 1.0 < known(found, Lane.POLLING).high


@pytest.mark.parametrize("stopped", range(10))
def test_too_few_blocks_tell_nothing(stopped: int) -> None:
    found = effects(experiment()[:stopped], runtime)
    assert found.lanes == {Lane.POLLING: None, Lane.EVENTED: None}
    assert found.difference is None


def test_one_lane_alone_is_estimated_and_the_other_unknown() -> None:
    found = effects(experiment(available=frozenset({Lane.POLLING})), runtime)
    assert known(found, Lane.POLLING).significant
    assert found.lanes[Lane.EVENTED] is None
    assert found.difference is None


def test_what_could_not_be_read_is_unknown() -> None:
    found = effects(experiment(), shims)
    assert found.lanes == {Lane.POLLING: None, Lane.EVENTED: None}
    assert found.baseline is None


def test_lanes_that_never_ran_apart_cannot_be_told_apart() -> None:
    made = [block for block in experiment() if block.arm in (Arm.OFF, Arm.BOTH)]
    found = effects(made, runtime)
    assert found.lanes == {Lane.POLLING: None, Lane.EVENTED: None}


def test_the_order_of_the_blocks_in_the_list_does_not_matter() -> None:
    made = experiment(trouble="bursts")
    shuffled = random.Random(2).sample(made, len(made))
    one, two = effects(made, runtime), effects(shuffled, runtime)
    assert known(two, Lane.POLLING).estimate == pytest.approx(known(one, Lane.POLLING).estimate)
    assert frozenset(one.lanes) == BOTH
