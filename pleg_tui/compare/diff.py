"""Two reports side by side: before and after a switch or an upgrade."""

from __future__ import annotations

from dataclasses import dataclass

from pleg_tui.compare.types import Interval, Report


@dataclass(frozen=True, slots=True)
class Change:
    """One row."""

    name: str
    """As "runtime CPU because of polling"."""
    unit: str
    """As "ms/s"; empty for a count."""
    before: float | None
    after: float | None
    change: float | None
    """After minus before; None where one is unknown."""
    interval: Interval | None = None
    """Of the change, 95 %, where both sides came with an interval of their own."""


@dataclass(frozen=True, slots=True)
class Diff:
    """Before and after."""

    simulated: bool
    """One of them or both are of the simulator."""
    rows: tuple[Change, ...]
    warnings: tuple[str, ...]
    """Why the two are not simply comparable, a sentence each."""
    summary: str
    """One sentence."""


def diff(before: Report, after: Report) -> Diff:
    """Hold two reports against each other."""
    raise NotImplementedError


def to_json(told: Diff) -> dict[str, object]:
    """As `compare --diff A B -o json` writes it."""
    raise NotImplementedError
