"""Textual's command palette loads when it is first opened, not with Textual.

With the inputs, lists and trees that it brings, it is a sixth of what Textual's import takes, and
none of them is on a screen of this program's. Measured: docs/performance.md.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

_PALETTE = "textual.command"
_USERS = ("textual.app", "textual.theme")
"""Who takes names from it at their import."""
_NAMES = (
    "CommandListItem",
    "CommandPalette",
    "DiscoveryHit",
    "Hit",
    "Hits",
    "Provider",
    "SimpleProvider",
)


def _put_off() -> None:
    """Import Textual's app without it, where Textual is not loaded yet."""
    if _PALETTE in sys.modules or _USERS[0] in sys.modules:
        return
    stand_in = ModuleType(_PALETTE)
    for name in _NAMES:
        setattr(stand_in, name, type(name, (), {}))
    sys.modules[_PALETTE] = stand_in
    try:
        for user in _USERS:
            import_module(user)
    except ImportError:  # another Textual takes more of it: then with it
        for user in _USERS:
            sys.modules.pop(user, None)
    finally:
        del sys.modules[_PALETTE]


def load() -> None:
    """Put the real one in its place, once; whoever opens it calls this first."""
    real = import_module(_PALETTE)
    for user in map(import_module, _USERS):
        for name in _NAMES:
            if hasattr(user, name):
                setattr(user, name, getattr(real, name))


_put_off()
