"""What a collector is started with; travels as one JSON argument."""

from __future__ import annotations

from pleg_tui.collector.orders import Orders


class Options(Orders, frozen=True):
    """The orders of one collector process."""

    endpoint: str
    """`unix:///…`."""
    source: str = "auto"
    """auto, cri, containerd, relist or none (list once and never subscribe)."""
    resync_s: float = 300.0
    relist_s: float = 5.0
    root: str = "/"
    allow_cri_events: bool = True
    """False after a guard had to act: no CRI event stream in this run any more."""
    why_no_cri_events: str = ""
    """Where that had another reason than a collector that stopped: a sentence to be shown."""
    cri_deadline_s: float = 60.0
    """The server ends a CRI event stream after this long, whatever became of us."""
    containerd_deadline_s: float = 300.0
    buffer_bytes: int = 8 << 20
    """Held for a reader that is slow; about ten thousand events."""
    debug: str = ""
    """A file for the log; empty for none."""
