from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.kubelet.metrics import (
    Histogram,
    NotMetrics,
    Sample,
    figures_of,
    judge_metrics,
    parse_metrics,
)
from pleg_tui.node.kubelet.runtime_metrics import judge_runtime, parse_runtime_metrics
from pleg_tui.node.kubelet.types import Evidence, Weight
from tests.node_room.kubelets import DATA, STARTED, page


def sample(mono: float = 0.0, up: float = 3600.0, **figures: Any) -> Sample:
    return parse_metrics(page(**{"relists": 1} | figures), STARTED + up + mono, mono)


def polls(evidence: list[Evidence]) -> set[bool]:
    weighty = (Weight.PROOF, Weight.STRONG)
    return {e.polls for e in evidence if e.weight in weighty and e.polls is not None}


def real(mode: str, seconds: float) -> Sample:
    text = (DATA / mode / "metrics.txt").read_text()
    began = parse_metrics(text, 0, 0).started_at
    assert began is not None
    return parse_metrics(text, began + seconds, seconds)


def test_the_page_of_a_real_kubelet_on_events() -> None:
    found = real("evented", 65)
    assert (found.version, found.gate, found.relists, found.events) == ("1.36.2", True, 1, 20)
    assert (found.errors, found.discards) == (0, 0)
    evidence = judge_metrics(found, None)
    assert polls(evidence) == {False}
    assert "1 relists in the 65 s since its start" in evidence[0].says


def test_the_page_of_a_real_kubelet_that_polls() -> None:
    found = real("generic", 65)
    assert (found.gate, found.relists, found.events) == (False, 66, 0)
    assert polls(judge_metrics(found, None)) == {True}


def test_what_proves_nothing_is_told_to_prove_nothing() -> None:
    evidence = judge_metrics(real("evented", 65), None)
    success = next(e for e in evidence if "was opened" in e.says)
    assert success.weight is Weight.NOTHING


def test_two_samples_prove() -> None:
    busy = judge_metrics(sample(0, relists=100), sample(5, relists=105))
    assert (busy[0].weight, busy[0].polls) == (Weight.PROOF, True)
    quiet = judge_metrics(sample(0, relists=100), sample(5, relists=100))
    assert (quiet[0].weight, quiet[0].polls) == (Weight.PROOF, False)


def test_two_samples_tell_a_fresh_fall_back_that_the_mean_hides() -> None:
    # 12 relists in an hour of events, then five in as many seconds.
    found = judge_metrics(sample(0, relists=17, errors=5), sample(5, relists=22, errors=5))
    assert polls(found) == {True}
    assert polls(judge_metrics(sample(0, relists=17, errors=5), None)) == {True}


def test_one_relist_between_two_samples_decides_nothing() -> None:
    assert polls(judge_metrics(sample(0, up=30, relists=9), sample(5, up=30, relists=10))) <= {True}
    found = judge_metrics(sample(0, up=5, relists=1), sample(5, up=5, relists=2))
    assert polls(found) == set()


def test_a_kubelet_whose_relists_take_seconds_is_not_taken_for_one_on_events() -> None:
    slow = Histogram(((5.0, 0.0), (10.0, 100.0), (float("inf"), 100.0)), 800, 100)
    first = Sample(STARTED + 900, 0, duration=slow, started_at=STARTED)
    second = Sample(STARTED + 905, 5, duration=slow, started_at=STARTED)
    assert judge_metrics(first, second)[0].weight is Weight.NOTHING


def test_in_1_37_the_errors_alone_do_not_decide() -> None:
    found = judge_metrics(sample(relists=3600, errors=7), None, hint_only=True)
    assert all(e.polls is None for e in found if "ended" in e.says)


def test_a_young_kubelet_is_not_judged_by_its_mean() -> None:
    assert polls(judge_metrics(sample(up=3, relists=1), None)) == set()


def test_1_26_has_no_evented_figures_and_is_told_by_its_relists() -> None:
    text = page(relists=3600, errors=None, version="1.26.9")
    found = parse_metrics(text, STARTED + 3600, 0)
    assert (found.errors, found.events, found.gate) == (None, None, None)
    assert polls(judge_metrics(found, None)) == {True}
    figures = figures_of(found, None, "u")
    assert figures.stream_errors.value is None
    assert "1.27+" in figures.stream_errors.source


@pytest.mark.parametrize(
    "text", ["", "<html>login</html>", "kubelet_pleg_x{a=", "kubelet_pleg_discard_events many"]
)
def test_what_is_no_page_is_told(text: str) -> None:
    with pytest.raises(NotMetrics):
        parse_metrics(text, 0, 0)


def test_figures_say_over_how_long() -> None:
    figures = figures_of(sample(0, relists=100), sample(10, relists=110, discards=3), "u")
    assert figures.relists_per_s.value == pytest.approx(1.0)
    assert figures.relists_per_s.source == "u, over 10 s"
    assert figures.discards.value == 3
    assert figures.interval_s.value == pytest.approx(1.0)
    assert figures.cpu_ms_per_s.value == pytest.approx(20.0)
    assert figures.relist_p99_s.value == pytest.approx(0.00495)


def test_figures_of_one_sample_say_what_is_missing() -> None:
    figures = figures_of(sample(relists=1), None, "u")
    assert figures.relists_per_s.value is None
    assert "two samples" in figures.relists_per_s.source
    assert "only once" in figures.interval_s.source


def test_the_p99_of_a_real_kubelet() -> None:
    duration = real("generic", 65).duration
    assert duration is not None
    # 62 of 66 took at most 5 ms and all of them at most 10 ms.
    assert duration.quantile(0.99) == pytest.approx(0.005 + 0.005 * (65.34 - 62) / 4)


COUNTS = st.lists(st.integers(0, 50), min_size=1, max_size=8)


@given(COUNTS, st.floats(0, 1))
def test_a_quantile_lies_within_the_bounds(counts: list[int], share: float) -> None:
    total, buckets = 0, []
    for number, count in enumerate(counts):
        total += count
        buckets.append((float(number + 1), float(total)))
    buckets.append((float("inf"), float(total)))
    value = Histogram(tuple(buckets), 0, total).quantile(share)
    assert (value is None) == (total == 0)
    assert value is None or 0 <= value <= len(counts)


def runtime_page(subscribers: int, lists: int) -> str:
    name = 'grpc_type="server_stream",grpc_service="runtime.v1.RuntimeService"'
    return (
        f'grpc_server_started_total{{grpc_method="GetContainerEvents",{name}}} {subscribers + 4}\n'
        f'grpc_server_handled_total{{grpc_code="OK",grpc_method="GetContainerEvents",{name}}} 3\n'
        f'grpc_server_handled_total{{grpc_code="Canceled",grpc_method="GetContainerEvents",{name}}}'
        f' 1\ngrpc_server_started_total{{grpc_method="ListPodSandbox",{name}}} {lists}\n'
    )


def test_the_runtime_tells_who_listens() -> None:
    first = parse_runtime_metrics(runtime_page(0, 10), 0)
    assert first is not None
    assert first.subscribers == 0
    assert polls(judge_runtime(first, None, True)) == {True}
    assert polls(judge_runtime(first, None, None)) == set()
    more = parse_runtime_metrics(runtime_page(2, 10), 0)
    assert more is not None
    assert polls(judge_runtime(more, None, True)) == set()  # they may be anybody


def test_the_runtime_tells_how_often_it_is_listed() -> None:
    first, rare, often, none = (
        parse_runtime_metrics(runtime_page(1, lists), mono)
        for lists, mono in ((10, 0), (20, 20), (40, 20), (10, 20))
    )
    assert first is not None
    assert polls(judge_runtime(first, rare, True)) == {False}
    assert polls(judge_runtime(first, often, True)) == set()  # others may list too
    assert polls(judge_runtime(first, none, True)) == set()  # uncounted streaming calls


def test_crio_counts_its_calls_but_no_streams() -> None:
    text = 'container_runtime_crio_operations_total{operation="ListPodSandbox"} 12\n'
    found = parse_runtime_metrics(text, 0)
    assert found is not None
    assert (found.subscribers, found.lists) == (None, 12)


def test_another_programs_page_is_none_of_the_runtimes() -> None:
    assert parse_runtime_metrics("node_cpu 1\n", 0) is None
    assert parse_runtime_metrics("grpc_server_started_total{x=\n", 0) is None
