from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.kubelet.flags import embedded_arguments, parse_flags
from pleg_tui.node.kubelet.gates import Settings, parse_release, resolve, stage

NAMES = st.sampled_from(["EventedPLEG", "AllAlpha", "AllBeta", "Other"])
MAPS = st.dictionaries(NAMES, st.booleans())


def test_both_ways_to_give_a_value_are_read() -> None:
    flags = parse_flags(
        ["--config", "/a.yaml", "--config-dir=/d", "-v", "4", "--fail-swap-on", "--kubeconfig=/k"]
    )
    assert flags.values == {"config": "/a.yaml", "config-dir": "/d", "v": "4", "kubeconfig": "/k"}


@pytest.mark.parametrize("words", [["--v=6"], ["-v=6"], ["-v6"], ["--v", "6"], ["-v", "6"]])
def test_every_way_to_give_the_verbosity_is_read(words: list[str]) -> None:
    assert parse_flags(words).values["v"] == "6"


def test_underscores_are_dashes() -> None:
    assert parse_flags(["--feature_gates=EventedPLEG=true"]).gates == {"EventedPLEG": True}


def test_gates_of_several_flags_add_up_and_the_last_wins() -> None:
    flags = parse_flags(
        ["--feature-gates=A=true,EventedPLEG=true", "--feature-gates", "EventedPLEG=F, B = 1"]
    )
    assert flags.gates == {"A": True, "EventedPLEG": False, "B": True}


def test_a_gate_that_is_no_truth_value_is_told() -> None:
    flags = parse_flags(["--feature-gates=EventedPLEG=yes"])
    assert flags.gates == {}
    assert "EventedPLEG=yes" in flags.problem


def test_flags_that_may_hold_secrets_are_not_kept() -> None:
    assert parse_flags(["--bootstrap-token=abc", "--config=/c"]).values == {"config": "/c"}


def test_k3s_hands_arguments_on() -> None:
    words = ["server", "--kubelet-arg=feature-gates=EventedPLEG=true", "--kubelet-arg", "v=4"]
    flags = parse_flags(embedded_arguments(words))
    assert flags.gates == {"EventedPLEG": True}
    assert flags.values["v"] == "4"


@given(st.lists(st.text()))
def test_no_command_line_is_too_strange(words: list[str]) -> None:
    parse_flags(words)
    embedded_arguments(words)


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("v1.36.2", (1, 36, 2)),
        ("1.32.1+k3s1", (1, 32, 1)),
        ("v1.29.0-rc.1", (1, 29, 0)),
        ("1.30", (1, 30, 0)),
        ("v1.33.4-eks-abc", (1, 33, 4)),
        ("latest", None),
        ("", None),
        (None, None),
        ("1.99999999999999999999.0", None),
    ],
)
def test_versions_are_read(text: str | None, release: object) -> None:
    assert parse_release(text) == release


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.25.9", "absent"),
        ("1.26.0", "alpha"),
        ("1.27.0", "beta"),
        ("1.27.9", "unknown"),  # the sources differ
        ("1.27.10", "alpha"),
        ("1.28.5", "beta"),
        ("1.28.6", "alpha"),
        ("1.29.0", "beta"),
        ("1.29.1", "alpha"),
        ("1.36.3", "alpha"),
        ("1.37.0", "alpha"),
        ("1.38.0", "unknown"),
    ],
)
def test_the_stage_of_each_release(version: str, expected: str) -> None:
    assert stage(parse_release(version)) == expected


@pytest.mark.parametrize("version", [f"1.{minor}.3" for minor in range(26, 38)])
def test_unset_is_off_in_every_release(version: str) -> None:
    gate = resolve(Settings(), parse_release(version))
    assert gate.on is False
    assert version in gate.source


def test_all_alpha_switches_it_on_and_all_beta_does_not() -> None:
    release = parse_release("1.36.2")
    assert resolve(Settings().over("f", {"AllAlpha": True}), release).on is True
    assert resolve(Settings().over("f", {"AllBeta": True}), release).on is False


def test_in_the_beta_patches_it_is_the_other_way_round() -> None:
    release = parse_release("1.28.2")
    assert resolve(Settings().over("f", {"AllAlpha": True}), release).on is False
    assert resolve(Settings().over("f", {"AllBeta": True}), release).on is True


def test_where_the_stage_is_unknown_a_group_leaves_it_unknown() -> None:
    for version in ("1.27.9", "1.40.0", None):
        gate = resolve(Settings().over("f", {"AllAlpha": True}), parse_release(version))
        assert gate.on is None
    assert resolve(Settings(), parse_release("1.40.0")).on is None


@given(MAPS, MAPS)
def test_a_named_gate_wins_over_groups_and_flags_win_over_files(
    files: dict[str, bool], flags: dict[str, bool]
) -> None:
    gate = resolve(Settings().over("file", files).over("flag", flags), (1, 36, 2))
    merged = files | flags
    assert gate.on is merged.get("EventedPLEG", merged.get("AllAlpha", False))


@given(MAPS)
def test_what_lies_above_a_doubt_is_sure(above: dict[str, bool]) -> None:
    below = Settings().over("file", {"EventedPLEG": True}).doubted("b.conf is not YAML")
    gate = resolve(below.over("flag", above), (1, 36, 2))
    assert gate.on is above.get("EventedPLEG")
    if gate.on is None:
        assert gate.source == "b.conf is not YAML"
