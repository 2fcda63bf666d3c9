"""The node that the dashboard looks at, besides its runtime: where its files are, how to ask it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from pleg_tui.node.kubelet.options import KubeletOptions


class Site(Struct):
    """One node."""

    root: str = "/"
    """Where its file system is seen from here."""
    kubelet: KubeletOptions = field(default_factory=KubeletOptions)
    """How its kubelet may be looked at."""
    restart_command: str = ""
    """Instead of systemd's; `{unit}` stands for the service."""
    simulated: bool = False
    name: str = ""
    """The node's name, typed to confirm a change; empty: the host's."""
    why_not: str = ""
    """Why there is no kubelet to look at; empty where there may be one."""
    settle: Callable[[Site], None] | None = None
    """Called once, in a thread, before anything else: waits for what is still starting, fills in
    the rest; raises an exception whose text is one sentence."""
    trouble: tuple[tuple[str, str, Callable[[], None]], ...] = ()
    """(what it is called, what was said when done, blocking) for the palette of the demo."""
