"""Memory that was needed once goes back to the node."""

from __future__ import annotations

from typing import Any

_LARGE = 256 << 10
"""More than is read or written at once, less than a listing of a few hundred containers."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""The parameters' names in malloc.h."""


def trim() -> None:
    """Give back what is free now: for after something large (malloc_trim(3))."""
    malloc_trim = _c("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def give_back() -> None:
    """Have large blocks go back to the system as soon as they are free (mallopt(3)).

    glibc does so at first, and from the first such block on it keeps as much for the next: after
    one listing several times its size, until the end of the process. Call it at the start. Another
    C library is left as it is.
    """
    mallopt = _c("mallopt")
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)


def _c(name: str) -> Any:
    """A function of the C library; None where that has no such one."""
    import ctypes  # after the start

    return getattr(ctypes.CDLL(None), name, None)
