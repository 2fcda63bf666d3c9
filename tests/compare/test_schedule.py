"""The order of the blocks: balanced, drawn, repeatable, or refused with what to ask for."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.compare.schedule import REPLICATE, replicate, schedule
from pleg_tui.compare.types import Arm, Lane, NotMeasurable, Plan

BOTH = frozenset(Lane)
ONE = frozenset({Lane.POLLING})


def rounds(arms: tuple[Arm, ...]) -> list[tuple[Arm, ...]]:
    return [arms[i : i + REPLICATE] for i in range(0, len(arms), REPLICATE)]


@given(
    st.integers(), st.integers(120, 3000), st.sampled_from([BOTH, ONE, frozenset({Lane.EVENTED})])
)
def test_every_replicate_is_balanced(seed: int, duration: int, lanes: frozenset[Lane]) -> None:
    arms = schedule(Plan(duration_s=duration, seed=seed), lanes)
    assert len(arms) == int(duration // 40) * 4
    for one in rounds(arms):
        assert Counter(one) == Counter(replicate(lanes))


def test_both_lanes_make_four_arms_and_one_makes_two() -> None:
    assert set(replicate(BOTH)) == set(Arm)
    assert Counter(replicate(ONE)) == {Arm.OFF: 2, Arm.POLLING: 2}


def test_the_same_seed_makes_the_same_order_and_another_another() -> None:
    assert schedule(Plan(seed=3), BOTH) == schedule(Plan(seed=3), BOTH)
    assert len({schedule(Plan(seed=seed), BOTH) for seed in range(50)}) == 50


def test_every_arm_comes_equally_often_in_every_place_and_behind_every_other() -> None:
    places: Counter[tuple[int, Arm]] = Counter()
    behind: Counter[tuple[Arm, Arm]] = Counter()
    for seed in range(400):
        arms = schedule(Plan(seed=seed), BOTH)
        places.update((i % 4, arm) for i, arm in enumerate(arms))
        for one in rounds(arms):
            behind.update(pairwise(one))
    assert max(places.values()) < 1.15 * min(places.values())
    assert len(behind) == 12
    assert max(behind.values()) < 1.15 * min(behind.values())


def test_300_s_hold_seven_replicates_and_120_s_the_least() -> None:
    assert len(schedule(Plan(), BOTH)) == 28
    assert len(schedule(Plan(duration_s=120), BOTH)) == 12


def test_too_short_says_how_long_it_must_be() -> None:
    with pytest.raises(NotMeasurable, match=r"only 11 blocks of 10 s, and 12 .*--duration 120s"):
        schedule(Plan(duration_s=119), BOTH)


@pytest.mark.parametrize(
    ("plan", "remedy"),
    [
        (Plan(block_s=3.9), "--block 4s"),
        (Plan(period_s=10), "--block 22s"),
        (Plan(period_s=0), "--period 1s"),
        (Plan(period_s=float("nan")), "--period 1s"),
        (Plan(duration_s=float("inf")), "plain times"),
        (Plan(block_s=-1), "--block"),
    ],
)
def test_a_plan_that_measures_nothing_is_refused(plan: Plan, remedy: str) -> None:
    with pytest.raises(NotMeasurable, match=remedy):
        schedule(plan, BOTH)


def test_no_lane_is_refused() -> None:
    with pytest.raises(NotMeasurable, match="neither"):
        schedule(Plan(), frozenset())
