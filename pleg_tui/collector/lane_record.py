"""What a lane did and saw during one block; told only when the block is over.

Telling is no part of the client's work, so nothing is written while what the client spends is
measured: everything is kept, stamped, and handed over once the lane is off.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterator

from pleg_tui.model import Container, Sandbox

KEPT_MOST = 200_000
"""Calls, events and sightings kept of one block; what is beyond that is counted."""
_REMEMBERED = 50_000
_CHUNK = 500

CREATED, RUNNING, EXITED, REMOVED = "created", "running", "exited", "removed"


class Record:
    """One lane's notes. Times called mono are CLOCK_MONOTONIC, which all processes share; ns."""

    def __init__(self) -> None:
        self.work: list[tuple[int, int, int, int]] = []
        """(mono, calls, bytes, events): each thing that was done, when it was done."""
        self.sightings: list[tuple[str, str, int | None, int, str]] = []
        """(id, state, when it happened, when it was seen, name), wall times."""
        self.lost = 0
        """What was too much to keep."""
        self.steady = 0
        """Wall time, ns: from here on the client's rhythm is its usual one; 0: from the start."""
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self) -> None:
        """A new block: what was noted before is forgotten, what was seen before is not."""
        self.work = []
        self.sightings = []
        self.lost = 0
        self.steady = 0

    def did(self, *, calls: int = 0, size: int = 0, events: int = 0) -> None:
        """Note calls that were made, bytes or events that were received, now."""
        if len(self.work) < KEPT_MOST:
            self.work.append((time.monotonic_ns(), calls, size, events))
        else:
            self.lost += 1

    def saw(self, object_id: str, state: str, at: int | None, seen_at: int, name: str) -> None:
        """Note one change, unless it was noted before.

        Args:
            object_id: a container's or sandbox's id.
            state: created, running, exited or removed.
            at: when it happened, as the runtime says; None or 0 when it does not.
            seen_at: when this client knew.
            name: namespace/pod/container.
        """
        key = (object_id, state)
        if key in self._told:
            return
        self._told[key] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        if len(self.sightings) < KEPT_MOST:
            self.sightings.append((object_id, state, at or None, seen_at, name))
        else:
            self.lost += 1

    def lines(self, block: int) -> Iterator[bytes]:
        """What was noted, as lines of JSON of a bearable length each."""
        for kind, items in (("work", self.work), ("seen", self.sightings)):
            for start in range(0, len(items), _CHUNK):
                part = items[start : start + _CHUNK]
                yield line({"is": kind, "block": block, "items": part})


def line(value: dict[str, object]) -> bytes:
    """One message to the parent."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def container_name(container: Container) -> str:
    """namespace/pod/container, as far as known; cleaned as everything in the model is."""
    return "/".join((container.pod_namespace, container.pod_name, container.name))


def sandbox_name(sandbox: Sandbox) -> str:
    """namespace/pod of a sandbox."""
    return f"{sandbox.namespace}/{sandbox.name}"
