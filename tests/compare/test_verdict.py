"""One sentence for every outcome, and never one that says more than was found."""

from __future__ import annotations

import textwrap

import pytest
from msgspec.structs import replace

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
    return verdict(replace(made, **kw))


NOTHING = Interval(0.1, -0.3, 0.5)


def test_polling_costs_more() -> None:
    text = told(Interval(2.4, 2.0, 2.8), NOTHING, Interval(2.3, 1.9, 2.7))
    assert text == (
        "Polling every 1 s costs containerd 2.1.9 2.3 ms/s of CPU more than events "
        "(95 %: 1.9 to 2.7), 0.23 % of one core."
    )


def test_events_cost_more() -> None:
    text = told(NOTHING, Interval(3, 2, 4), Interval(-2.9, -3.9, -1.9))
    assert text.startswith("Events cost containerd 2.1.9 2.9 ms/s of CPU more than polling")
    assert "1.9 to 3.9" in text


def test_nothing_measurable_is_no_number_but_a_bound() -> None:
    text = told(NOTHING, NOTHING, NOTHING)
    assert text == (
        "Neither polling every 1 s nor events cost containerd 2.1.9 anything measurable (less than "
        "0.50 ms/s of CPU)."
    )


def test_a_cost_without_a_difference_claims_no_difference_and_no_likeness() -> None:
    text = told(Interval(0.9, 0.1, 1.7), NOTHING, Interval(0.8, -0.2, 1.8))
    assert text.startswith("Polling every 1 s takes 0.90 ms/s (0.10 to 1.7) of CPU in containerd")
    assert "events take nothing measurable" in text
    assert "no measurable difference between them (-0.20 to 1.8)" in text


def test_a_client_that_spends_more_is_in_the_sentence_itself() -> None:
    text = told(Interval(2, 1, 3), NOTHING, Interval(2, 1, 3), clients=(4.0, 10.1))
    assert "this program's client spent more on events (10.1 against 4.0 ms/s)" in text
    assert "client" not in told(NOTHING, NOTHING, NOTHING, clients=(4.0, 4.1))
    assert "client" not in told(NOTHING, NOTHING, NOTHING, clients=(4.0, None))


def test_what_polling_never_saw_is_said() -> None:
    assert "polling never saw 3 of 120 changes" in told(NOTHING, NOTHING, NOTHING, missed=3)


def test_what_events_never_told_of_is_said_as_well() -> None:
    made = report()
    lanes = {Lane.POLLING: lane(NOTHING), Lane.EVENTED: lane(NOTHING, missed=2)}
    assert "events never saw 2 of 120 changes" in verdict(replace(made, lanes=lanes))


def test_an_unavailable_lane_is_said_and_the_reason_stands_beside() -> None:
    made = report(ALONE, polling=2.0)
    assert made.verdict.startswith("Polling every 1 s costs containerd 2.1.9 ")
    assert made.verdict.endswith("what events would cost instead cannot be measured here.")
    assert made.reason == ALONE.reason


def test_containerds_own_events_are_not_passed_off_as_the_kubelets() -> None:
    sources = {Lane.EVENTED: "containerd events, not CRI (before 2.0.3 they can be stolen)"}
    made = report(replace(REAL, sources=sources), polling=3.0)
    assert "more than containerd's own events" in made.verdict
    assert any("containerd's own events" in text for text in made.caveats)


def test_a_cost_below_nothing_is_no_cost() -> None:
    text = told(Interval(-0.5, -0.9, -0.1), NOTHING, Interval(-0.5, -1.2, 0.2))
    assert "takes less than nothing (-0.90 to -0.10 ms/s) of CPU" in text
    assert "spent 0.50 ms/s of CPU less with polling" in verdict(
        replace(
            report(ALONE), lanes={Lane.POLLING: lane(Interval(-0.5, -0.9, -0.1)),
                                  Lane.EVENTED: None},
        )
    )  # fmt: skip


def test_an_unknown_cost_is_not_said_to_be_nothing() -> None:
    assert "an unknown amount" in told(None, NOTHING, None)


def test_a_runtime_that_was_read_in_a_few_blocks_only_is_told_so() -> None:
    blind = [replace(b, runtime_cpu_ns=None if b.index > 4 else 1) for b in full()]
    assert "could be read in 5" in verdict(build(Plan(), blind, (), REAL))


def test_a_kubelet_that_was_asked_for_polls_anyway_too() -> None:
    plan = Plan(kubelet_version="1.37")
    text = told(NOTHING, NOTHING, NOTHING, plan=plan, kubelet=KubeletBeside("1.35.2", "generic"))
    assert text.endswith("; but a kubelet 1.37 polls in any case, so a switch saves none of it.")


@pytest.mark.parametrize("simulated", [False, True])
@pytest.mark.parametrize("version", ["", "1.36.2", "1.37.10"])
@pytest.mark.parametrize("missed", [0, 123])
@pytest.mark.parametrize("clients", [(1.0, 1.0), (14.0, 110.5)])
@pytest.mark.parametrize(
    "costs",
    [
        (Interval(12.4, 12.0, 12.8), NOTHING, Interval(12.3, 11.9, 12.7)),
        (NOTHING, NOTHING, NOTHING),
        (Interval(0.9, 0.1, 1.7), Interval(0.8, 0.2, 1.4), Interval(0.8, -0.2, 1.8)),
    ],
)
def test_it_is_three_lines_of_a_terminal_and_four_with_everything_in_it(
    simulated: bool,
    version: str,
    missed: int,
    clients: tuple[float, float],
    costs: tuple[Interval, Interval, Interval],
) -> None:
    if simulated and version:
        pytest.skip("no kubelet works with the simulator")
    text = told(
        *costs,
        clients=clients,
        missed=missed,
        simulated=simulated,
        kubelet=KubeletBeside(version, "unknown"),
    )
    polls = version == "1.37.10"
    clauses = simulated + bool(missed) + polls + (clients[1] > clients[0] and not polls)
    assert len(textwrap.wrap(text, 78)) <= 4 + (clauses > 2)
    if clauses + (costs[2].low < 0 < costs[1].low) < 2:
        assert len(textwrap.wrap(text, 78)) <= 3, text


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
    assert verdict(made).startswith("Simulated, no real node: ")
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
