"""Whatever befalls Compare's evented lane, the node goes on: a real containerd, every call timed.

A lane reads CRI events with the block's length as its stream's deadline, under the same guard as
the dashboard's collector (`test_no_harm`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from msgspec import Struct

from tests.node.dashboards import REPOSITORY, process_state
from tests.node.rig.call_pace import measure_growing
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.results import tell
from tests.node.rig.strength import GROWN

PROMISE_S = 3.0
NOISE_S = 2.0
DEADLINE_S = 12.0
"""Of the block in these tests."""


class Program(Struct, frozen=True):
    """A program with one lane that is on."""

    pid: int
    lane: int

    def stop_lane(self) -> None:
        """SIGSTOP for the lane; its program watches it."""
        os.kill(self.lane, signal.SIGSTOP)

    def kill_parent(self) -> None:
        """SIGKILL for the program, with its lane stopped a moment before."""
        os.kill(self.lane, signal.SIGSTOP)
        os.kill(self.pid, signal.SIGKILL)

    def stop_all(self) -> None:
        """SIGSTOP for both: nobody watches any more."""
        os.kill(self.pid, signal.SIGSTOP)
        os.kill(self.lane, signal.SIGSTOP)


@contextmanager
def a_lane(endpoint: str) -> Iterator[Program]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.node.lane_program", endpoint, str(DEADLINE_S)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        text=True,
    )
    assert process.stdout is not None
    lane = 0
    try:
        lane = int(process.stdout.readline())
        yield Program(process.pid, lane)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            if lane and process_state(lane):
                os.kill(lane, signal.SIGKILL)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("befall", "bound_s"),
    [
        (Program.stop_lane, PROMISE_S),
        (Program.kill_parent, PROMISE_S),
        (Program.stop_all, DEADLINE_S),
    ],
    ids=["lane stopped", "lane stopped and parent killed", "everything stopped"],
)
def test_calls_wait_no_longer_than_is_promised(
    containerd2: RealContainerd,
    befall: Callable[[Program], None],
    bound_s: float,
    request: pytest.FixtureRequest,
) -> None:
    """Events that grow: an unguarded reader that stalls hangs this load for good."""
    with a_lane(containerd2.endpoint) as program:
        befall(program)
        pace = measure_growing(containerd2.new_client(), GROWN, timeout_s=DEADLINE_S + 30)
    tell(
        f"compare: {request.node.callspec.id}",
        containerd=containerd2.version,
        calls=len(pace.calls),
        failed_calls=len(pace.failures),
        call_p50_ms=round(pace.median_ms, 1),
        slowest_ms=round(pace.slowest.seconds * 1e3, 1),
        slowest_method=pace.slowest.method,
    )
    assert not pace.failures, str(pace)
    assert pace.completed == pace.lives, str(pace)
    assert pace.slowest.seconds < bound_s + NOISE_S, str(pace)
