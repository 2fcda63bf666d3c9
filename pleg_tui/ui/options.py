"""What the dashboard may be told, and the environment that Textual reads when it is imported.

Nothing here imports Textual, so the command line can build the options first.
"""

from __future__ import annotations

import locale
import os
import platform
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from pleg_tui.cri.clean import clean

if TYPE_CHECKING:
    from pleg_tui.ui.memory import Memory
    from pleg_tui.ui.site import Site

THEMES = ("pleg-dark", "pleg-light", "ansi-dark", "ansi-light")
FPS_LOCAL = 4.0
FPS_SSH = 2.0
_PAINTS_PER_SECOND = 240
"""Repaints that Textual may do. Changes of the node are drawn `fps` times a second at most; this is
for what the keys do: what is not ready for a key's first paint has to wait for one or two periods.
"""


def default_fps(environ: Mapping[str, str] = os.environ) -> float:
    """Repaints a second: fewer over SSH, where each costs the line."""
    return FPS_SSH if environ.get("SSH_CONNECTION") else FPS_LOCAL


def default_theme(environ: Mapping[str, str] = os.environ) -> str:
    """The theme that suits the terminal.

    The terminal's own sixteen colours where colour is not wanted (NO_COLOR) or where there are no
    more; a light one where COLORFGBG says that the background is light.
    """
    light = environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")
    term = environ.get("TERM", "")
    many = "256" in term or "kitty" in term or "direct" in term
    few = term in ("linux", "vt100", "vt220", "ansi", "screen", "tmux", "xterm", "dumb")
    few = (few or "16color" in term) and not many
    if "NO_COLOR" in environ or (few and not environ.get("COLORTERM")):
        return "ansi-light" if light else "ansi-dark"
    return "pleg-light" if light else "pleg-dark"


def needs_ascii(environ: Mapping[str, str] = os.environ) -> bool:
    """The terminal or the locale's encoding cannot show the glyphs.

    Linux' own console ("linux") has 256 or 512 signs: all of ours would be one and the same there.
    """
    if environ.get("TERM") in ("linux", "vt100", "vt220"):
        return True
    encoding = locale.getpreferredencoding(False)
    return encoding.lower().replace("-", "") not in ("utf8", "utf8sig")


class UiOptions(Struct, frozen=True):
    """How the dashboard is to look and behave."""

    fps: float = field(default_factory=default_fps)
    """Repaints a second at most while the node changes."""
    mouse: bool = True
    ascii: bool = field(default_factory=needs_ascii)
    theme: str = field(default_factory=default_theme)
    """One of THEMES."""
    demo: bool = False
    """The runtime is the simulator that this program started."""
    node: str = field(default_factory=lambda: clean(platform.node()))
    """The node's name; cleaned."""
    endpoint: str = ""
    """The CRI endpoint that is waited for; cleaned."""
    root: str = "/"
    """Where the node's file system is seen from here."""
    debug: bool = False
    """A log is kept, so an error may point to it."""
    sort: str = "name"
    """What the pods are sorted by at first: one of content.order.SortBy."""
    columns: tuple[str, ...] | None = None
    """Names of content.columns, in their order; None for those that suit the width."""
    memory: Memory | None = None
    """Where the columns that are chosen are remembered; None where they are not to be."""
    hints: Memory | None = None
    """Where it is remembered that a hint was shown; None where none is to be shown (any more)."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Other keys than usual, by the binding's id, as keys.keymap() makes it."""
    site: Site | None = None
    """The node besides its runtime: its kubelet, its files; None: none of it is looked at."""
    notice: str = ""
    """Something to say at first; cleaned."""


def prepare_environment(options: UiOptions, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set what Textual reads at import; to be called before anything imports it.

    What the admin has set stays.
    """
    environ.setdefault("TEXTUAL_FPS", str(max(_PAINTS_PER_SECOND, round(options.fps))))
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    environ.setdefault("ESCDELAY", "50")
