"""One sentence for every outcome, and never one that says more than was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pleg_tui.compare.report import build
from pleg_tui.compare.types import (
    Arm,
    Context,
    Interval,
    KubeletBeside,
    Lane,
    LaneReport,
    Plan,
    Report,
)
from pleg_tui.compare.verdict import caveats, verdict
from tests.compare.synthetic import REAL, full, report

ALONE = replace(
    REAL,
    available=frozenset({Lane.POLLING}),
    reason="CRI-O 1.30 gives each event to one reader only. Upgrade to 1.33.",
)


def said(context: Context = REAL, plan: Plan | None = None, **kw: object) -> str:
    return report(context, plan, **kw).verdict


def lane(runtime: Interval | None, client: float | None = 1.0, missed: int = 0) -> LaneReport:
    return LaneReport(
        "as told", client, runtime, transitions_seen=120 - missed, transitions_missed=missed
    )


def told(
    polling: Interval | None,
    evented: Interval | None,
    difference: Interval | None,
    *,
    clients: tuple[float | None, float | None] = (1.0, 1.0),
    missed: int = 0,
    **kw: object,
) -> str:
    made = replace(
        report(),
        lanes={
            Lane.POLLING: lane(polling, clients[0], missed),
            Lane.EVENTED: lane(evented, clients[1]),
        },
        difference_ms_per_s=difference,
    )
    return verdict(replace(made, **kw))  # type: ignore[arg-type]


NOTHING = Interval(0.1, -0.3, 0.5)


def test_polling_costs_more() -> None:
    text = told(Interval(2.4, 2.0, 2.8), NOTHING, Interval(2.3, 1.9, 2.7))
    assert text == (
        "Polling every 1 s costs containerd 2.1.9 2.3 ms of CPU per second more than events "
        "(95 % interval 1.9 to 2.7), about 0.23 % of one core."
    )


def test_events_cost_more() -> None:
    text = told(NOTHING, Interval(3, 2, 4), Interval(-2.9, -3.9, -1.9))
    assert text.startswith(
        "Events cost containerd 2.1.9 2.9 ms of CPU per second more than polling"
    )
    assert "1.9 to 3.9" in text


def test_nothing_measurable_is_no_number_but_a_bound() -> None:
    text = told(NOTHING, NOTHING, NOTHING)
    assert text == (
        "Neither polling every 1 s nor events cost containerd 2.1.9 anything measurable (less than "
        "0.50 ms of CPU per second)."
    )


def test_a_cost_without_a_difference_claims_no_difference_and_no_likeness() -> None:
    text = told(Interval(0.9, 0.1, 1.7), NOTHING, Interval(0.8, -0.2, 1.8))
    assert "polling every 1 s takes 0.90 ms per second (0.10 to 1.7)" in text
    assert "events take nothing measurable" in text
    assert "no difference between the two could be measured" in text


def test_a_client_that_spends_more_is_in_the_sentence_itself() -> None:
    text = told(Interval(2, 1, 3), NOTHING, Interval(2, 1, 3), clients=(4.0, 10.1))
    assert "the one that takes events spent more (10.1 against 4.0 ms/s)" in text
    assert "clients" not in told(NOTHING, NOTHING, NOTHING, clients=(4.0, 4.1))
    assert "clients" not in told(NOTHING, NOTHING, NOTHING, clients=(4.0, None))


def test_what_polling_never_saw_is_said() -> None:
    assert "polling never saw 3 of 120 changes" in told(NOTHING, NOTHING, NOTHING, missed=3)


def test_an_unavailable_lane_is_said_with_the_reason() -> None:
    text = said(ALONE, polling=2.0)
    assert text.startswith("Polling every 1 s costs containerd 2.1.9 ")
    assert text.endswith(
        "what events would cost instead cannot be measured here: CRI-O 1.30 gives each event to "
        "one reader only. Upgrade to 1.33."
    )


def test_the_period_is_said_as_it_was() -> None:
    assert "Polling every 200 ms" in said(polling=3.0, plan=Plan(period_s=0.2))


@pytest.mark.parametrize(
    "kubelet",
    [KubeletBeside("1.37.0", "generic"), KubeletBeside("1.38.1"), KubeletBeside("", "hint-only")],
)
def test_a_kubelet_that_polls_anyway_is_said(kubelet: KubeletBeside) -> None:
    context = replace(REAL, kubelet=kubelet)
    assert "polls in any case" in said(context, polling=3.0)
    assert any("with or without its EventedPLEG gate" in one for one in report(context).caveats)


def test_a_kubelet_before_that_is_not_accused_of_it() -> None:
    assert "polls in any case" not in said(
        replace(REAL, kubelet=KubeletBeside("1.36.9", "generic"))
    )


def test_a_kubelet_on_events_is_said() -> None:
    context = replace(REAL, kubelet=KubeletBeside("1.36.2", "evented"))
    assert "already lives on events" in said(context, polling=3.0)


def test_a_kubelet_that_fell_back_is_said() -> None:
    context = replace(REAL, kubelet=KubeletBeside("1.36.2", "fallen-back"))
    assert any("until it is restarted" in one for one in report(context).caveats)


@pytest.mark.parametrize("blocks", [0, 5, 28])
def test_the_simulator_is_always_said(blocks: int) -> None:
    made = replace(report(replace(REAL, simulated=True)), blocks=blocks)
    assert verdict(made).startswith("Simulated, so this says nothing of a real node: ")
    assert any("simulated" in one for one in caveats(made))


def test_too_few_blocks_tell_nothing() -> None:
    text = said(replicates=3)
    assert "Too few" not in text
    made = report()
    nothing: Report = replace(
        made, blocks=6, lanes={Lane.POLLING: lane(None), Lane.EVENTED: lane(None)}
    )
    assert verdict(nothing) == (
        "Too few blocks to tell anything: 6 counted, and three replicates of four are the least."
    )


def test_a_runtime_that_could_not_be_read_is_said_with_the_remedy() -> None:
    blind = [replace(block, runtime_cpu_ns=None) for block in full()]
    made = build(Plan(), blind, (), REAL)
    assert "could not be read" in verdict(made)
    assert "run it as root" in verdict(made)


def test_before_the_first_block_without_lanes_nobody_is_sent_to_be_root() -> None:
    first = [block for block in full() if block.arm is not Arm.OFF][:2]
    assert build(Plan(), first, (), REAL).verdict.startswith("Too few blocks")


def test_an_aa_run_says_whether_the_method_holds() -> None:
    plan = Plan(same=Lane.POLLING)
    assert "Both lanes did the same (polling), and no difference was found" in told(
        NOTHING, NOTHING, NOTHING, plan=plan
    )
    assert "do not trust" in told(NOTHING, NOTHING, Interval(2, 1, 3), plan=plan)


def test_every_verdict_is_one_sentence_on_one_line() -> None:
    for seed in range(20):
        for context in (REAL, ALONE, replace(REAL, simulated=True)):
            text = said(context, seed=seed, polling=seed / 8, evented=1.0 - seed / 10)
            assert text.endswith(".")
            assert "\n" not in text
            assert text[0].isupper()
