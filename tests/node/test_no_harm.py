"""Whatever befalls the dashboard, the node goes on: real containerds, every call and event timed.

A plain subscriber in the kubelet's place must get every event, and no call may wait for us longer
than is promised. What the machine itself does is known from a control run without the dashboard.
An unguarded reader that stops reading hangs containerd 2.x for good (`test_the_danger_is_real`).
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import MappingProxyType

import pytest

from tests.node import troubles
from tests.node.dashboards import REPOSITORY, Dashboard
from tests.node.rig.call_pace import measure_growing
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.killing import Killed, start_and_kill
from tests.node.rig.results import tell
from tests.node.rig.scarcity import NoCgroupError, busy_cores
from tests.node.rig.strength import FULL, GROWN, KILLS, LIVES
from tests.node.rig.subscriber import cri_events
from tests.node.rig.witness import Figures, watch

PROMISE_S = 3.0
"""While any process of ours runs, no call waits for us longer."""
DEADLINE_S = 60.0
"""With all of them stopped: that of a CRI event stream."""
NOISE_S = 1.5
"""What a busy machine may add to that of the control."""
KILLERS = 3 if FULL else 2
FRESH_S = 120.0
"""A control that is older is measured anew."""

EACH = [(2, "auto"), (2, "cri"), (1, "auto")]
"""(major version of containerd, source): on 1.7 CRI events would be taken from the kubelet."""
HARDEST = [(2, "cri"), (1, "auto")]


def each_of(cases: list[tuple[int, str]]) -> Callable[..., None]:
    return pytest.mark.parametrize(
        ("any_containerd", "source"),
        EACH if FULL else cases,
        indirect=["any_containerd"],
        ids=lambda value: value if isinstance(value, str) else f"containerd{value}",
    )


class Controls:
    """The same load without the dashboard; at full strength never long before."""

    def __init__(self) -> None:
        self._had: dict[tuple[str, bool], tuple[float, Figures]] = {}

    def get(self, runtime: RealContainerd, busy: bool = False) -> Figures:
        key = (runtime.version, busy)
        measured_at, figures = self._had.get(key, (0.0, None))
        if figures is None or (FULL and time.monotonic() - measured_at > FRESH_S):
            with busy_cores() if busy else nullcontext():
                figures = watch(runtime, LIVES)
            self._had[key] = (time.monotonic(), figures)
        return figures


@pytest.fixture(scope="session")
def controls() -> Controls:
    return Controls()


def assert_unharmed(
    name: str,
    runtime: RealContainerd,
    source: str,
    felt: Figures,
    control: Figures,
    bound_s: float = PROMISE_S,
    notes: Mapping[str, object] = MappingProxyType({}),
) -> None:
    tell(
        name,
        containerd=runtime.version,
        runc=runtime.chroot.runc,
        source=source,
        **felt.figures(),
        control=control.figures(),
        **notes,
    )
    assert not felt.failures, f"calls failed: {felt.failures[:3]}"
    assert not felt.error, f"the kubelet's stream ended: {felt.error}"
    assert felt.expected
    assert not felt.lost, f"{felt.lost} of {felt.expected} events never came"
    allowed = control.slowest.seconds + bound_s + NOISE_S
    assert felt.slowest.seconds < allowed, f"{felt.figures()}, control {control.figures()}"
    delay_s = (felt.delay_ms(1) - control.delay_ms(1)) / 1e3
    assert delay_s < bound_s + NOISE_S, f"{felt.figures()}, control {control.figures()}"


@pytest.mark.timeout(400)
@each_of(HARDEST)
def test_five_dashboards_in_trouble_at_once(
    any_containerd: RealContainerd, source: str, controls: Controls
) -> None:
    """Suspended, terminal blocked, UI busy, collector stopped, parent killed."""
    control = controls.get(any_containerd)
    with troubles.all_at_once(any_containerd, source):
        felt = watch(any_containerd, LIVES)
    assert_unharmed("all at once", any_containerd, source, felt, control)


if FULL:

    @pytest.mark.timeout(400)
    @each_of(EACH)
    @pytest.mark.parametrize("trouble", list(troubles.ALONE))
    def test_each_trouble_alone(
        any_containerd: RealContainerd, source: str, trouble: str, controls: Controls
    ) -> None:
        control = controls.get(any_containerd)
        with troubles.ALONE[trouble](any_containerd, source):
            felt = watch(any_containerd, LIVES)
        assert_unharmed(trouble, any_containerd, source, felt, control)

    @pytest.mark.timeout(400)
    @pytest.mark.parametrize("any_containerd", [2, 1], indirect=True, ids="containerd{}".format)
    def test_with_everything_stopped_nothing_happens_on_the_default_source(
        any_containerd: RealContainerd, controls: Controls
    ) -> None:
        control = controls.get(any_containerd)
        with troubles.to_a_dashboard(Dashboard.stop_all)(any_containerd, "auto"):
            felt = watch(any_containerd, LIVES)
        assert_unharmed("everything stopped", any_containerd, "auto", felt, control)


@pytest.mark.timeout(1200)
@each_of(HARDEST)
def test_started_and_killed_again_and_again(
    any_containerd: RealContainerd, source: str, controls: Controls
) -> None:
    control = controls.get(any_containerd)
    enough = threading.Event()
    share = -(-KILLS // KILLERS)

    def kill(seed: int) -> Killed:
        return start_and_kill(any_containerd.endpoint, source, share, seed)

    with ThreadPoolExecutor(KILLERS) as pool:
        killers = [pool.submit(kill, seed) for seed in range(KILLERS)]
        killers[-1].add_done_callback(lambda _: enough.set())
        felt = watch(any_containerd, LIVES, enough)
        done = [killer.result() for killer in killers]
    notes = {
        "kills": sum(one.started for one in done),
        "with_collector": sum(one.had_collector for one in done),
        "collector_first": sum(one.collector_first for one in done),
        "orphans": sum(one.orphans for one in done),
    }
    assert_unharmed("started and killed", any_containerd, source, felt, control, notes=notes)
    assert notes["with_collector"]
    assert not notes["orphans"], "a collector outlived its parent"


@pytest.mark.timeout(400)
@each_of(HARDEST[:1])
def test_with_a_busy_loop_on_every_core(
    any_containerd: RealContainerd, source: str, controls: Controls
) -> None:
    """Beside a control with the same loops: they slow the runtime itself down."""
    control = controls.get(any_containerd, busy=True)
    with troubles.short_of_cpu(any_containerd, source):
        felt = watch(any_containerd, LIVES)
    assert_unharmed("short of CPU", any_containerd, source, felt, control)


@pytest.mark.timeout(400)
@each_of(HARDEST[:1])
def test_with_no_more_memory_than_it_has_taken(
    any_containerd: RealContainerd, source: str, controls: Controls
) -> None:
    control = controls.get(any_containerd)
    try:
        with troubles.short_of_memory(any_containerd, source) as notes:
            felt = watch(any_containerd, LIVES)
    except NoCgroupError as error:
        pytest.skip(str(error))
    assert_unharmed("short of memory", any_containerd, source, felt, control, notes=notes.notes)


@pytest.mark.timeout(600)
def test_with_everything_stopped_on_cri_events_the_deadline_lets_go(
    containerd2: RealContainerd, controls: Controls
) -> None:
    """Enough lives that the stream of the one who does not read is full."""
    control = controls.get(containerd2)
    with troubles.to_a_dashboard(Dashboard.stop_all)(containerd2, "cri"):
        felt = watch(containerd2, 240, timeout_s=DEADLINE_S + 40)
    assert_unharmed("everything stopped", containerd2, "cri", felt, control, DEADLINE_S)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("source", ["auto", "cri"] if FULL else ["cri"])
def test_a_growing_pod_whose_events_grow_with_it_changes_nothing(
    containerd2: RealContainerd, source: str, controls: Controls
) -> None:
    control = controls.get(containerd2)
    with troubles.all_at_once(containerd2, source):
        pace = measure_growing(containerd2.new_client(), GROWN)
    tell(
        "growing pod",
        containerd=containerd2.version,
        source=source,
        calls=len(pace.calls),
        failed_calls=len(pace.failures),
        slowest_ms=round(pace.slowest.seconds * 1e3, 1),
        slowest_method=pace.slowest.method,
    )
    assert not pace.failures, f"calls failed: {pace}"
    assert pace.completed == pace.lives, str(pace)
    assert pace.slowest.seconds < control.slowest.seconds + PROMISE_S + NOISE_S, str(pace)


@pytest.mark.timeout(240)
def test_the_danger_is_real(containerd2: RealContainerd) -> None:
    """The same load beside a plain reader that stalls; else the tests above prove nothing."""
    reader = cri_events(containerd2.endpoint)
    try:
        reader.stall()
        pace = measure_growing(containerd2.new_client(), GROWN, timeout_s=8)
    finally:
        reader.close()
    tell(
        "an unguarded reader",
        containerd=containerd2.version,
        completed=pace.completed,
        failed_calls=len(pace.failures),
    )
    assert pace.failures, f"a stalled reader did no harm: {pace}"


@pytest.mark.timeout(120)
def test_on_1_7_who_asks_for_cri_events_is_warned_that_they_are_taken_away(
    containerd17: RealContainerd,
) -> None:
    asked = ["-r", containerd17.endpoint, "--source", "cri", "--duration", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "pleg_tui", "events", *asked],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "warning:" in done.stderr
    assert "kubelet" in done.stderr
    assert "--source auto" in done.stderr or "take" in done.stderr
