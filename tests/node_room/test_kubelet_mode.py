from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.kubelet.mode import judge
from pleg_tui.node.kubelet.types import Evidence, Fact, Gate, Mode, Weight

POLLS = Evidence("metrics", "5 relists in 5.0 s", Weight.PROOF, polls=True)
QUIET = Evidence("metrics", "0 relists in 5.0 s", Weight.PROOF, polls=False)
HUM = Evidence("rhythm", "watched: it polls", Weight.STRONG, polls=True)
STILL = Evidence("rhythm", "watched: it does not poll", Weight.STRONG, polls=False)
FAINT = Evidence("rhythm", "it may well poll", Weight.WEAK, polls=True)
GIVEN_UP = Evidence("log", "it disables the fast path", Weight.STRONG, Mode.FALLEN_BACK, polls=True)
ON, OFF, DARK = Gate(True, "config.yaml"), Gate(False, "the default"), Gate(None, "not readable")
NEW, OLD, ANY = Fact("1.37.0", "log"), Fact("1.36.2", "log"), Fact(None, "nobody tells")


@pytest.mark.parametrize(
    ("version", "gate", "evidence", "expected"),
    [
        (OLD, ON, [QUIET], Mode.EVENTED),
        (OLD, ON, [STILL], Mode.EVENTED),
        (OLD, ON, [POLLS], Mode.FALLEN_BACK),
        (OLD, ON, [HUM], Mode.FALLEN_BACK),
        (OLD, ON, [], Mode.UNKNOWN),
        (OLD, ON, [FAINT], Mode.UNKNOWN),
        (OLD, OFF, [], Mode.GENERIC),
        (OLD, OFF, [POLLS], Mode.GENERIC),
        (OLD, OFF, [QUIET], Mode.UNKNOWN),
        (NEW, ON, [], Mode.HINT_ONLY),
        (NEW, ON, [POLLS], Mode.HINT_ONLY),
        (NEW, ON, [POLLS, GIVEN_UP], Mode.FALLEN_BACK),
        (NEW, ON, [QUIET], Mode.UNKNOWN),
        (NEW, OFF, [POLLS], Mode.GENERIC),
        (ANY, ON, [QUIET], Mode.EVENTED),
        (ANY, ON, [POLLS], Mode.UNKNOWN),
        (ANY, OFF, [], Mode.GENERIC),
        (OLD, DARK, [STILL], Mode.EVENTED),
        (OLD, DARK, [HUM], Mode.UNKNOWN),
        (OLD, DARK, [], Mode.UNKNOWN),
        (NEW, DARK, [STILL], Mode.UNKNOWN),
        (OLD, ON, [POLLS, STILL], Mode.UNKNOWN),
        (OLD, ON, [QUIET, FAINT], Mode.EVENTED),
    ],
)
def test_each_case(version: Fact, gate: Gate, evidence: list[Evidence], expected: Mode) -> None:
    found = judge(version, gate, evidence)
    assert found.mode is expected
    assert found.why


def test_a_contradiction_names_both_sides() -> None:
    why = judge(OLD, ON, [POLLS, STILL]).why
    assert POLLS.says in why
    assert STILL.says in why


def test_with_the_gate_unknown_it_still_says_that_it_polls() -> None:
    why = judge(OLD, DARK, [HUM]).why
    assert why.startswith("it polls")
    assert "off is generic, on is fallen back" in why


def test_each_piece_of_evidence_is_told_what_it_speaks_for() -> None:
    assert judge(OLD, ON, [POLLS]).evidence[0].mode is Mode.FALLEN_BACK
    assert judge(OLD, OFF, [POLLS]).evidence[0].mode is Mode.GENERIC
    assert judge(NEW, ON, [POLLS]).evidence[0].mode is Mode.HINT_ONLY
    assert judge(OLD, DARK, [POLLS]).evidence[0].mode is None
    assert judge(OLD, ON, [STILL]).evidence[0].mode is Mode.EVENTED


PIECES = st.builds(
    Evidence,
    st.just("s"),
    st.just("x"),
    st.sampled_from(Weight),
    st.none(),
    st.sampled_from([True, False, None]),
)
GATES = st.sampled_from([ON, OFF, DARK])


@given(st.sampled_from([NEW, OLD, ANY]), GATES, st.lists(PIECES, max_size=6), st.randoms())
def test_order_does_not_matter_and_evented_is_never_said_without_evidence(
    version: Fact, gate: Gate, pieces: list[Evidence], chance: object
) -> None:
    found = judge(version, gate, pieces)
    assert judge(version, gate, pieces[::-1]).mode is found.mode
    weighty = [p for p in pieces if p.weight in (Weight.PROOF, Weight.STRONG)]
    if found.mode is Mode.EVENTED:
        assert any(p.polls is False for p in weighty)
        assert gate.on is not False
    if found.mode is Mode.GENERIC:
        assert gate.on is False
    if found.mode is Mode.HINT_ONLY:
        assert version is NEW
