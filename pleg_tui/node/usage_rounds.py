"""Whose usage is to be read when: what is on the screen often, the rest now and then; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

NEAR_NS = 2_000_000_000
"""Between two readings of what is on the screen."""
FAR_NS = 60_000_000_000
"""Between two readings of what is not."""
ORDER_NS = 15_000_000_000
"""The same, where the order of what is on the screen depends on it."""
_EARLY = 10
"""What would be due a tenth of its period later is due now, as timers are never exact."""


def due(
    read_at: Mapping[str, int],
    on_screen: Collection[str],
    others: Collection[str],
    now_ns: int,
    at_most: int = 200,
    far_ns: int = FAR_NS,
) -> list[str]:
    """Which ids are to be read now: those on screen every 2 s, the others now and then.

    Args:
        read_at: when each id was last read, CLOCK_MONOTONIC ns; ids never read are not in it.
        on_screen: ids that can be seen; all of them are read when due, however many.
        others: ids that cannot; the longest unread come first.
        now_ns: CLOCK_MONOTONIC.
        at_most: of both together; so the others are spread over several rounds.
        far_ns: between two readings of the others.
    """

    def waiting(ids: Collection[str], period: int) -> list[str]:
        ready = [
            identity
            for identity in ids
            if identity not in read_at or now_ns - read_at[identity] >= period - period // _EARLY
        ]
        return sorted(ready, key=lambda identity: read_at.get(identity, -1))

    seen = set(on_screen)
    near = waiting(seen, NEAR_NS)
    far = waiting([identity for identity in others if identity not in seen], far_ns)
    return near + far[: max(0, at_most - len(near))]
