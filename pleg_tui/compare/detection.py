"""Detection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pleg_tui.compare.types import Detection, Lane, Missed, Sighting, Watch


@dataclass(frozen=True, slots=True)
class Seen:
    """What one lane made of the changes that happened while it was on."""

    detection: Detection
    seen: int
    missed: tuple[Missed, ...]
    transitions_missed: int


def detect(
    sightings: Iterable[Sighting],
    reference: Iterable[Sighting],
    watches: Sequence[Watch],
    period_ns: int,
) -> Mapping[Lane, Seen]:
    """Hold the lanes' sightings against what happened."""
    raise NotImplementedError
