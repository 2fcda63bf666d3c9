"""What is told of the node's own kubelet: only what two looks at the same process can tell."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from pleg_tui.compare.kubelet_beside import BesideLook, between, look
from pleg_tui.compare.types import KubeletBeside

BESIDE = KubeletBeside(version="1.36.2", mode="generic", source="process 7, metrics")
BEFORE = BesideLook(7, BESIDE, at=1000.0, relists=500.0, started_at=10.0)


def test_relists_are_counted_between_the_two_looks() -> None:
    after = replace(BEFORE, at=1100.0, relists=598.0)
    assert between(BEFORE, after) == replace(BESIDE, relists_per_s=0.98)


def test_an_evented_kubelet_relists_hardly_ever_which_is_not_unknown() -> None:
    assert between(BEFORE, replace(BEFORE, at=1100.0)).relists_per_s == 0.0


def test_another_kubelet_has_other_counters() -> None:
    other = BesideLook(8, replace(BESIDE, source="process 8, metrics"), 1100.0, 3.0, 1050.0)
    told = between(BEFORE, other)
    assert told.relists_per_s is None
    assert "restarted" in told.why


def test_what_was_never_known_stays_unknown() -> None:
    unknown = BesideLook(7, replace(BESIDE, why="relists: no right to read its metrics"), 1000.0)
    told = between(unknown, replace(unknown, at=1100.0))
    assert told.relists_per_s is None
    assert told.why == "relists: no right to read its metrics"


def test_counters_that_went_backwards_tell_nothing() -> None:
    assert between(BEFORE, replace(BEFORE, at=1100.0, relists=3.0)).relists_per_s is None


def test_where_there_is_no_kubelet_it_says_where_it_looked(tmp_path: Path) -> None:
    told = look(str(tmp_path), "unix:///run/none.sock", None, simulated=False)
    assert told.pid is None
    assert "proc" in told.beside.why


def test_beside_a_simulated_runtime_no_kubelet_is_told_of() -> None:
    assert "simulated" in look("/", "unix:///run/none.sock", None, simulated=True).beside.why
