"""The table is modelled from unit costs that were measured, or it is not there."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pleg_tui.compare.projection import GROWTH, SIZES, project
from pleg_tui.compare.types import Block, Interval, Lane, Plan, Projected, Projection
from tests.compare.synthetic import full

SURE = {Lane.POLLING: Interval(2.0, 1.5, 2.5), Lane.EVENTED: Interval(0.1, -0.4, 0.6)}


def made(
    blocks: list[Block],
    effects: dict[Lane, Interval | None] | dict[Lane, Interval] = SURE,
    plan: Plan = Plan(),  # noqa: B008 - frozen
    pods: int = 50,
) -> Projection:
    found = project(plan, blocks, effects, pods=pods, containers=2 * pods)
    assert found is not None
    return found


def at(found: Projection, pods: int, rate: float) -> Projected:
    return next(row for row in found.rows if (row.pods, row.transitions_per_s) == (pods, rate))


def test_the_unit_costs_are_those_of_the_blocks() -> None:
    found = made(full(event_ms=0.7, idle_ms=0.8, relist_ms=4.5))
    assert found.event_ms == pytest.approx(0.7, rel=0.05)
    assert found.relist_ms == pytest.approx(2.0 + 4.5, rel=0.05)
    here = at(found, 50, 0.1)
    assert here.polling_ms_per_s == pytest.approx(6.5, rel=0.05)
    assert here.evented_ms_per_s == pytest.approx(0.8 + 0.07, rel=0.2)


def test_it_has_this_nodes_size_and_the_promised_ones() -> None:
    found = made(full())
    assert {row.pods for row in found.rows} == {50, *SIZES} == set(found.crossings)
    assert made(full(pods=110), pods=110).crossings.keys() == set(SIZES)


def test_polling_grows_with_the_pods_and_events_do_not() -> None:
    found = made(full())
    sizes = sorted(found.crossings)
    polling = [at(found, size, 1.0).polling_ms_per_s for size in sizes]
    assert polling == sorted(set(polling))
    assert len({at(found, size, 1.0).evented_ms_per_s for size in sizes}) == 1


def test_the_growth_is_the_stated_shape() -> None:
    found = made(full(relist_ms=0.0, found_ms=0.0), {**SURE, Lane.POLLING: Interval(3, 2, 4)})
    more = at(found, 500, 0.1).polling_ms_per_s / at(found, 50, 0.1).polling_ms_per_s
    assert more == pytest.approx((1 + GROWTH.runtime * 1000) / (1 + GROWTH.runtime * 100), rel=0.05)


def test_at_the_crossing_both_cost_the_same() -> None:
    found = made(full(event_ms=0.9))
    rate = found.crossings[50]
    assert rate is not None
    low, high = at(found, 50, 3.0), at(found, 50, 10.0)
    share = (rate - 3) / 7
    polling, evented = (
        getattr(low, name) + share * (getattr(high, name) - getattr(low, name))
        for name in ("polling_ms_per_s", "evented_ms_per_s")
    )
    assert polling == pytest.approx(evented)


def test_cheap_events_never_cross() -> None:
    assert made(full(event_ms=0.1)).crossings[500] is None


def test_events_that_cost_more_even_when_idle_cross_at_nothing() -> None:
    assert made(full(idle_ms=40.0)).crossings[50] == 0.0


def test_too_few_events_leave_their_cost_unknown_and_the_table_empty() -> None:
    found = made(full(churn=0.5, event_ms=0.0))
    assert found.rows == ()
    assert found.event_ms is None
    assert found.relist_ms is not None
    assert any("measure while pods come and go" in said for said in found.assumptions)


def test_an_even_stream_of_many_events_bears_all_that_its_client_spent() -> None:
    blocks = full(churn=100.0)
    even = [
        replace(
            block,
            lanes={lane: replace(use, events=100) for lane, use in block.lanes.items()},
        )
        for block in blocks
    ]
    found = made(even)
    assert found.event_ms == pytest.approx((0.8 * 8 + 70) / 100, rel=0.05)
    assert any("all that the client of events spent" in said for said in found.assumptions)


def test_an_effect_that_is_not_measurable_counts_as_nothing_and_says_its_bound() -> None:
    found = made(full(), {**SURE, Lane.POLLING: Interval(0.3, -0.2, 0.8)})
    assert found.relist_ms == pytest.approx(4.5, rel=0.05)
    assert any("may be up to 0.8 ms/s" in said for said in found.assumptions)


def test_a_measurable_effect_of_events_is_part_of_the_event() -> None:
    found = made(full(), {**SURE, Lane.EVENTED: Interval(5.0, 4.0, 6.0)})
    assert found.event_ms == pytest.approx(0.7 + 5 / 12.5, rel=0.1)


def test_the_period_is_part_of_the_cost_of_a_relist() -> None:
    assert made(full(), plan=Plan(period_s=2.0)).relist_ms == pytest.approx(13.0, rel=0.05)


def test_what_is_not_measured_is_not_projected() -> None:
    blocks = full()
    assert project(Plan(), blocks, {Lane.POLLING: None}, pods=1, containers=2) is None
    assert project(Plan(), [], SURE, pods=1, containers=2) is None
    assert project(Plan(same=Lane.POLLING), blocks, SURE, pods=1, containers=2) is None
    assert made(blocks, {**SURE, Lane.EVENTED: None}).rows == ()


def test_an_empty_node_is_projected_with_the_usual_pods() -> None:
    found = made(full(pods=0), pods=0)
    assert set(found.crossings) == set(SIZES)
    assert any("this node has none to go by" in said for said in found.assumptions)
