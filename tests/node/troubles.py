"""What can befall a dashboard while a node works: each a block in which it has befallen one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct, field

from tests.node.dashboards import Dashboard
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.scarcity import busy_cores, memory_cgroup
from tests.terminal import command_line

SPARE_BYTES = 1 << 20


class Notes(Struct):
    """What is told of a trouble once it is over."""

    notes: dict[str, object] = field(default_factory=dict)


Trouble = Callable[[RealContainerd, str], contextlib.AbstractContextManager[Notes]]


def to_a_dashboard(befall: Callable[[Dashboard], object]) -> Trouble:
    """A trouble that befalls one live dashboard at once."""

    @contextmanager
    def trouble(runtime: RealContainerd, source: str) -> Iterator[Notes]:
        dashboard = Dashboard(runtime.endpoint, source)
        try:
            befall(dashboard)
            yield Notes()
        finally:
            dashboard.end()

    return trouble


def lose_its_parent(dashboard: Dashboard) -> None:
    """SIGKILL for the screen; the collector must follow it at once."""
    collector = dashboard.kill_screen()
    end = time.monotonic() + 10
    while "pleg_tui" in command_line(collector):
        assert time.monotonic() < end, "a collector outlived its parent"
        time.sleep(0.01)


@contextmanager
def all_at_once(runtime: RealContainerd, source: str) -> Iterator[Notes]:
    """Five dashboards, one suspended, one blocked, one busy, one stopped, one orphaned."""
    with contextlib.ExitStack() as stack:
        for befall in (
            Dashboard.suspend,
            Dashboard.block,
            Dashboard.get_stuck,
            Dashboard.stop_collector,
            lose_its_parent,
        ):
            stack.enter_context(to_a_dashboard(befall)(runtime, source))
        yield Notes()


@contextmanager
def short_of_cpu(runtime: RealContainerd, source: str) -> Iterator[Notes]:
    """A busy loop on every core, and a healthy dashboard."""
    with to_a_dashboard(_nothing)(runtime, source) as notes, busy_cores():
        yield notes


@contextmanager
def short_of_memory(runtime: RealContainerd, source: str) -> Iterator[Notes]:
    """A dashboard in a cgroup with no more memory than it has taken: growing, it is killed.

    Raises:
        NoCgroupError: this machine has no memory cgroup to give.
    """
    with memory_cgroup() as small:
        dashboard = Dashboard(runtime.endpoint, source, cgroup=small.folder)
        try:
            limit = small.used + SPARE_BYTES
            small.limit(limit)
            notes = Notes()
            yield notes
            notes.notes |= {"limit_mib": round(limit / 2**20, 1), "oom_kills": small.kills}
        finally:
            dashboard.end()


def _nothing(dashboard: Dashboard) -> None:
    pass


ALONE: dict[str, Trouble] = {
    "healthy": to_a_dashboard(_nothing),
    "suspended": to_a_dashboard(Dashboard.suspend),
    "terminal blocked": to_a_dashboard(Dashboard.block),
    "UI busy": to_a_dashboard(Dashboard.get_stuck),
    "collector stopped": to_a_dashboard(Dashboard.stop_collector),
    "parent killed": to_a_dashboard(lose_its_parent),
}
"""Each of them alone: at full strength."""
