"""Before and after, with what makes the two unlike."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from pleg_tui.compare.diff import Change, Diff, diff, to_json
from pleg_tui.compare.types import Interval, KubeletBeside, Lane, Plan, Report
from tests.compare.synthetic import REAL, report

BEFORE = report(polling=2.4)


def row(told: Diff, name: str) -> Change:
    return next(one for one in told.rows if one.name == name)


def test_a_report_against_itself_differs_in_nothing() -> None:
    told = diff(BEFORE, BEFORE)
    assert told.warnings == ()
    assert all(not one.change for one in told.rows)
    assert told.summary.startswith("No cost differs measurably")


def test_a_cost_that_fell_is_said_with_its_interval() -> None:
    told = diff(BEFORE, report(seed=2, polling=0.4))
    found = row(told, "runtime CPU because of polling")
    assert found.interval is not None
    assert found.interval.low < -2.0 < found.interval.high
    assert "because of polling is" in told.summary
    assert "lower after" in told.summary


def test_independent_intervals_add_up_as_squares() -> None:
    one, two = (
        replace(BEFORE, difference_ms_per_s=Interval(x, x - half, x + half))
        for x, half in ((1.0, 3.0), (2.0, 4.0))
    )
    found = row(diff(one, two), "runtime CPU, polling minus events").interval
    assert found == Interval(1.0, -4.0, 6.0)


def test_what_one_side_does_not_know_has_no_change() -> None:
    alone = replace(
        REAL, available=frozenset({Lane.POLLING}), reason="CRI-O 1.30 gives events to one reader"
    )
    told = diff(BEFORE, report(alone))
    assert row(told, "client CPU of events").change is None
    assert row(told, "client CPU of events").after is None
    assert row(told, "runtime CPU because of events").interval is None


@pytest.mark.parametrize(
    ("after", "warning"),
    [
        (replace(BEFORE, seed=9), "The seed: 1 before, 9 after"),
        (replace(BEFORE, runtime="CRI-O 1.33.2"), "The runtime: containerd 2.1.9 before"),
        (replace(BEFORE, containers=300), "The size: 100 containers before, 300 after"),
        (replace(BEFORE, plan=Plan(period_s=2.0)), "every 1 s before, every 2 s after"),
        (replace(BEFORE, plan=Plan(block_s=20.0)), "blocks of 20 s"),
        (replace(BEFORE, plan=Plan(same=Lane.POLLING)), "A/A run"),
        (replace(BEFORE, kubelet=KubeletBeside("1.37.0")), "The kubelet: unknown before, 1.37.0"),
        (replace(BEFORE, measured=()), "The churn: 13 changes per second before, 0 after"),
        (replace(BEFORE, simulated=True), "a real node before, simulated after"),
    ],
)
def test_what_makes_them_unlike_is_a_warning(after: Report, warning: str) -> None:
    told = diff(BEFORE, after)
    assert any(warning in one for one in told.warnings)


def test_the_simulator_is_said() -> None:
    told = diff(replace(BEFORE, simulated=True), BEFORE)
    assert told.simulated
    assert told.summary.startswith("Simulated, so this says nothing of a real node: no cost")


def test_two_reports_without_costs_say_so() -> None:
    empty = report(replicates=3)
    empty = replace(empty, lanes=dict.fromkeys(Lane), difference_ms_per_s=None)
    assert diff(empty, empty).summary.startswith("No cost was measured on both sides")


def test_the_json_is_plain() -> None:
    told = diff(BEFORE, report(seed=2))
    document = json.loads(json.dumps(to_json(told), allow_nan=False))
    assert document["schema"] == "pleg-tui/compare-diff/v1"
    assert document["simulated"] is False
    assert {one["name"] for one in document["rows"]} == {one.name for one in told.rows}
    assert document["rows"][1]["interval"].keys() == {"estimate", "low", "high", "significant"}
