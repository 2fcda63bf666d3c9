"""Whatever happens to the dashboard, the runtime goes on: a real containerd, every call timed.

An unguarded reader that stops reading hangs containerd 2.x for good (`test_the_danger_is_real`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.node.dashboards import Dashboard
from tests.node.rig.call_pace import Pace, measure, measure_growing
from tests.node.rig.client import Spec
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.kubelet_like import KubeletLike
from tests.node.rig.subscriber import cri_events

BOUND_S = 4.0
"""While any process of ours runs."""
FROZEN_BOUND_S = 70.0
"""With all of them stopped: the deadline of a CRI event stream and some."""


@contextmanager
def dashboards(runtime: RealContainerd, source: str, count: int) -> Iterator[list[Dashboard]]:
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            dashboard = Dashboard(runtime.endpoint, source)
            stack.callback(dashboard.end)
            started.append(dashboard)
        yield started


def assert_unharmed(pace: Pace, bound_s: float) -> None:
    assert not pace.failures, f"calls failed: {pace}"
    assert pace.completed == pace.lives, str(pace)
    assert pace.slowest.seconds < bound_s, str(pace)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("source", ["auto", "cri"])
def test_a_dashboard_suspended_blocked_stuck_or_stopped_holds_nobody_up(
    containerd2: RealContainerd, source: str
) -> None:
    with dashboards(containerd2, source, 4) as (suspended, blocked, stuck, stopped):
        suspended.suspend()
        blocked.block()
        stuck.get_stuck()
        stopped.stop_collector()
        pace = measure(containerd2.new_client(), timeout_s=30)
    assert_unharmed(pace, BOUND_S)


@pytest.mark.timeout(240)
def test_nor_does_one_with_everything_stopped_on_the_default_source(
    containerd2: RealContainerd,
) -> None:
    with dashboards(containerd2, "auto", 1) as (frozen,):
        frozen.stop_all()
        pace = measure(containerd2.new_client(), timeout_s=30)
    assert_unharmed(pace, BOUND_S)


@pytest.mark.timeout(300)
def test_with_everything_stopped_on_cri_events_the_deadline_lets_go(
    containerd2: RealContainerd,
) -> None:
    with dashboards(containerd2, "cri", 1) as (frozen,):
        frozen.stop_all()
        pace = measure(containerd2.new_client(), timeout_s=100)
    assert_unharmed(pace, FROZEN_BOUND_S)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("source", ["auto", "cri"])
def test_a_growing_pod_whose_events_grow_with_it_changes_nothing(
    containerd2: RealContainerd, source: str
) -> None:
    with dashboards(containerd2, source, 4) as (suspended, blocked, stuck, stopped):
        suspended.suspend()
        blocked.block()
        stuck.get_stuck()
        stopped.stop_collector()
        pace = measure_growing(containerd2.new_client(), timeout_s=30)
    assert_unharmed(pace, BOUND_S)


@pytest.mark.timeout(240)
def test_the_danger_is_real(containerd2: RealContainerd) -> None:
    """The same load beside a plain reader that stalls; else the tests above prove nothing."""
    reader = cri_events(containerd2.endpoint)
    try:
        reader.stall()
        pace = measure_growing(containerd2.new_client(), timeout_s=8)
    finally:
        reader.close()
    assert pace.failures, f"a stalled reader did no harm: {pace}"


@pytest.mark.timeout(240)
def test_on_1_7_a_kubelet_still_gets_every_event(containerd17: RealContainerd) -> None:
    """containerd 1.7 gives each CRI event to one reader only: we must never be one."""
    client = containerd17.new_client()
    with KubeletLike(containerd17.endpoint) as kubelet, dashboards(containerd17, "auto", 1):
        # On 1.7 a reader that has left (the rig drains between tests) still takes one event.
        warm_up = client.run_pod("warm-up")
        client.stop_pod(warm_up.id)
        client.remove_pod(warm_up.id)
        pods = [client.run_pod(f"seen-{number}") for number in range(4)]
        lives: list[str] = []
        for turn in range(40):
            pod = pods[turn % len(pods)]
            container = client.run(pod, Spec(f"c{turn}"))
            client.stop(container)
            client.remove(container)
            lives.append(container)
        for pod in pods:
            client.stop_pod(pod.id)
            client.remove_pod(pod.id)
        kubelet.wait_for(4 * len(lives) + 4 * len(pods) + 3)
        whole = ["CREATED", "STARTED", "STOPPED", "DELETED"]
        for one in (*lives, *(pod.id for pod in pods)):
            assert [event.type for event in kubelet.of(one)] == whole
