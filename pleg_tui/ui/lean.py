"""Textual without what seldom is needed of it: the command palette, and the folder of downloads.

The palette brings inputs, lists and trees, of which none is on a screen of this program's before it
is opened: with it Textual takes a sixth longer to import. Measured: docs/performance.md.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
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
_FOLDERS = "platformdirs"


def _import_textual() -> None:
    """Import Textual's app without them, where it is not loaded yet."""
    if _PALETTE in sys.modules or _USERS[0] in sys.modules:
        return
    palette, folders = ModuleType(_PALETTE), ModuleType(_FOLDERS)
    for name in _NAMES:
        setattr(palette, name, type(name, (), {}))
    folders.user_downloads_path = _downloads  # type: ignore[attr-defined]
    stand_ins = {one.__name__: one for one in (palette, folders) if one.__name__ not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        for user in _USERS:
            import_module(user)
    except ImportError:  # another Textual takes more of them: then with them
        for user in _USERS:
            sys.modules.pop(user, None)
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _downloads() -> Path:
    from platformdirs import user_downloads_path

    return user_downloads_path()


def load_palette() -> None:
    """Put the real palette in its place, once; whoever opens it calls this first."""
    real = import_module(_PALETTE)
    for user in map(import_module, _USERS):
        for name in _NAMES:
            if hasattr(user, name):
                setattr(user, name, getattr(real, name))


_import_textual()
