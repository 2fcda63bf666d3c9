"""Which source on which runtime, and what an admin is told about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.cri.traits import EVENTS_OFF, TraitsError, Version, choose, parse_version, traits
from pleg_tui.model import Source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.7.24~ds1-6+b4", Version(1, 7, 24)),
        ("1.7.24~ds1", Version(1, 7, 24)),
        ("v2.1.9+ds1", Version(2, 1, 9)),
        ("2.1.9+unknown", Version(2, 1, 9)),
        ("2.1.9-simulated", Version(2, 1, 9)),
        ("2.1.9+simulated", Version(2, 1, 9)),
        ("1.35.2 (simulated)", Version(1, 35, 2)),
        ("v2.0.0-rc.3", Version(2, 0, 0, final=False)),
        ("2.4.0-beta.0", Version(2, 4, 0, final=False)),
        ("1.7.0-beta.1", Version(1, 7, 0, final=False)),
        ("1.33.0-dev", Version(1, 33, 0, final=False)),
        ("1.33.0~rc1", Version(1, 33, 0, final=False)),
        ("1.37", Version(1, 37)),
        ("v2.1.5-k3s1", Version(2, 1, 5)),
        ("1.6.20~ds1-1+deb12u2", Version(1, 6, 20)),
        (" 1.31.4 ", Version(1, 31, 4)),
        ("29.1.3", Version(29, 1, 3)),
        ("1.2.3.4", Version(1, 2, 3)),
        ("", None),
        ("unknown", None),
        ("v", None),
        ("2", None),
        ("deadbeef1.2.3", None),
        ("1.33456789012345678", None),
    ],
)
def test_versions_with_suffixes_are_read(text: str, expected: Version | None) -> None:
    assert parse_version(text) == expected


def test_a_release_candidate_comes_before_its_release() -> None:
    early = parse_version("2.0.3-rc.1")
    assert early is not None
    assert Version(2, 0, 2) < early < Version(2, 0, 3)


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    parse_version(text)
    known = traits(text, text)
    assert known.name.isprintable()
    assert choose(text, text, "auto").source in Source
    assert choose("containerd", text, "auto").source is Source.CONTAINERD


@pytest.mark.parametrize(
    ("name", "version", "source", "events"),
    [
        # containerd: always its own events
        ("containerd", "1.6.39", Source.CONTAINERD, "none"),
        ("containerd", "v1.7.0-beta.1", Source.CONTAINERD, "steals"),
        ("containerd", "v1.7.24~ds1-6+b4", Source.CONTAINERD, "steals"),
        ("containerd", "1.7.34", Source.CONTAINERD, "steals"),
        ("containerd", "2.0.0", Source.CONTAINERD, "breaks"),
        ("containerd", "2.0.2", Source.CONTAINERD, "breaks"),
        ("containerd", "2.0.3", Source.CONTAINERD, "safe"),
        ("containerd", "2.1.9+ds1", Source.CONTAINERD, "safe"),
        ("containerd", "2.4.0-beta.0", Source.CONTAINERD, "safe"),
        ("containerd", "git-abcdef", Source.CONTAINERD, "unknown"),
        # CRI-O
        ("cri-o", "1.25.0", Source.RELIST, "none"),
        ("cri-o", "1.26.0", Source.RELIST, "steals"),
        ("cri-o", "1.27.8", Source.RELIST, "steals"),
        ("cri-o", "1.28.0", Source.RELIST, "crashes"),
        ("cri-o", "1.32.13", Source.RELIST, "crashes"),
        ("cri-o", "1.33.0-dev", Source.RELIST, "crashes"),
        ("cri-o", "1.33.0", Source.CRI, "safe"),
        ("CRI-O", "1.37.0-dev", Source.CRI, "safe"),
        ("cri-o", "2.0.0", Source.CRI, "safe"),
        ("cri-o", "", Source.RELIST, "unknown"),
        # others
        ("docker", "29.1.3", Source.RELIST, "none"),
        ("frakti", "1.0.0", Source.RELIST, "unknown"),
        ("", "", Source.RELIST, "unknown"),
    ],
)
def test_auto_takes_the_safest_source(name: str, version: str, source: Source, events: str) -> None:
    choice = choose(name, version, "auto")
    assert choice.source is source
    assert choice.cri_events == events
    assert choice.warning == ""
    assert choice.why
    assert choice.cri_events_why
    assert choice.coverage


@pytest.mark.parametrize(
    ("name", "version", "says"),
    [
        ("containerd", "1.7.24", "takes the kubelet's events away"),
        ("containerd", "2.0.1", "2.0.3"),
        ("containerd", "2.1.9", "guarded"),
        ("containerd", "?", "may take or delay"),
        ("cri-o", "1.26.3", "takes the kubelet's events away"),
        ("cri-o", "1.30.0", "can crash"),
        ("cri-o", "?", "may take or delay"),
        ("something", "1.0", "may take or delay"),
    ],
)
def test_forcing_cri_events_warns_where_it_can_harm(name: str, version: str, says: str) -> None:
    choice = choose(name, version, "cri")
    assert choice.source is Source.CRI
    assert says in choice.warning


def test_forcing_what_auto_would_take_does_not_warn() -> None:
    assert choose("cri-o", "1.34.0", "cri").warning == ""
    assert choose("containerd", "1.7.24", "containerd").warning == ""
    assert choose("containerd", "2.1.9", "relist").warning == ""


@pytest.mark.parametrize("name", ["cri-o", "docker", "", "other"])
def test_containerds_events_cannot_be_had_elsewhere(name: str) -> None:
    with pytest.raises(TraitsError, match="--source auto"):
        choose(name, "1.33.0", "containerd")


@pytest.mark.parametrize(
    ("name", "version"), [("containerd", "1.6.39"), ("cri-o", "1.25.1"), ("docker", "29.0")]
)
def test_cri_events_cannot_be_had_where_there_are_none(name: str, version: str) -> None:
    with pytest.raises(TraitsError, match="--source auto"):
        choose(name, version, "cri")


@pytest.mark.parametrize(
    ("name", "version", "simulated"),
    [
        ("containerd", "2.1.9-simulated", True),
        ("containerd", "2.1.9", False),
        ("cri-o", "1.34.0+Simulated", True),
    ],
)
def test_the_simulator_is_known_by_its_version(name: str, version: str, simulated: bool) -> None:
    known = traits(name, version)
    assert known.simulated is simulated
    assert known.version is not None
    assert "simulated" not in known.title.lower()


def test_the_switch_that_crio_needs_is_named() -> None:
    assert "enable_pod_events = true" in EVENTS_OFF
    assert "[crio.runtime]" in EVENTS_OFF


def test_a_hostile_name_is_cleaned() -> None:
    assert "\x1b" not in choose("\x1b[31mevil", "1.0", "auto").why
