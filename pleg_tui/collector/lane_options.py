"""What a lane of the experiment is started with; travels as one JSON argument."""

from __future__ import annotations

from enum import StrEnum

from pleg_tui.collector.orders import Orders


class Work(StrEnum):
    """What a lane does while it is on."""

    RELIST = "relist"
    """The kubelet's generic relist, call for call."""
    CRI_EVENTS = "cri-events"
    """CRI GetContainerEvents."""
    CONTAINERD_EVENTS = "containerd-events"
    """containerd's own events, and a look-up of each changed id."""
    NOTHING = "nothing"
    """Only ask who the runtime is, and wait to be ended."""


class LaneOptions(Orders, frozen=True):
    """The orders of one lane's process."""

    endpoint: str
    """`unix:///…`."""
    work: Work
    period_s: float = 1.0
    """Of the relist (the kubelet's genericPlegRelistPeriod)."""
    second_listing: bool = False
    """Each changed pod is listed once more by its UID, as kubelets until 1.35 do (k/k#137471)."""
    debug: str = ""
    """A file for the log; empty for none."""
