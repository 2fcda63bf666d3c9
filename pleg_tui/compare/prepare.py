"""From a runtime's endpoint to an experiment that can run there, or one sentence why it cannot."""

from __future__ import annotations

from pleg_tui.compare.types import Experiment, Plan
from pleg_tui.feed.types import Settings


async def prepare(settings: Settings, plan: Plan, *, beside: str = "") -> Experiment:
    """Ask the runtime who it is, decide what each lane does, and find the processes to measure.

    Call it in the main thread's loop: the lanes' processes die with that thread. Nothing of it is
    left running when it returns; the experiment starts its lanes in run(). Whether the runtime is
    simulated is told by its own version.

    Args:
        settings: the endpoint, the node's root and the debug file; the rest concerns the live view.
        plan: what was asked for.
        beside: what of this program follows the same runtime all the while, such as the dashboard's
            live view ("containerd's own events"); empty for nothing.

    Raises:
        NotMeasurable: it cannot be made here.
    """
    raise NotImplementedError
