"""How often Python looks for garbage. Measured: docs/performance.md."""

from __future__ import annotations

import gc

SETTLED_S = 5.0
"""So long after the start, what is there is there to stay."""
_THRESHOLDS = 5_000, 50, 50
"""As gc.set_threshold() has them. Drawing makes much that goes without being looked for; a look at
so many young objects takes a few milliseconds, and longer no key is to wait for one."""


def settle() -> None:
    """Have it look (the start went without), but seldom, and never in what the start made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()
