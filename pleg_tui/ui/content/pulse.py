"""How many events came in the last minute, and how late: for the sparklines of the event pane."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from pleg_tui.model import LifecycleEvent
from pleg_tui.ui.content.text import SECOND

STEP = 2 * SECOND
"""The time that one cell stands for."""
CELLS = 30


class Pulse(NamedTuple):
    """The last minute, oldest first, in steps of equal length."""

    rates: tuple[float, ...]
    """Events a second."""
    lags: tuple[float, ...]
    """The longest lag in each step, ms; NaN where there was none to measure."""

    @property
    def top_rate(self) -> float:
        """The most events a second in a step."""
        return max(self.rates)

    @property
    def top_lag(self) -> float | None:
        """The longest lag, ms; None where there was none to measure."""
        return max((lag for lag in self.lags if not math.isnan(lag)), default=None)

    def coarser(self) -> Pulse:
        """Half as many steps of twice the length, each with the more of its two."""
        pairs = range(0, len(self.rates), 2)
        rates = tuple(max(self.rates[i], self.rates[i + 1]) for i in pairs)
        lags = tuple(_longest(self.lags[i], self.lags[i + 1]) for i in pairs)
        return Pulse(rates, lags)


def _longest(one: float, other: float) -> float:
    return other if math.isnan(one) else one if math.isnan(other) else max(one, other)


class PulseMeter:
    """Counts events as they come, in so many steps as can be shown."""

    def __init__(self) -> None:
        self._steps: dict[int, tuple[int, float]] = {}

    def add(self, events: Iterable[LifecycleEvent], now: int) -> None:
        """These came now (wall time, ns). Replayed ones are no sign of what happens now."""
        step = now // STEP
        number, longest = self._steps.get(step, (0, math.nan))
        before = number
        for event in events:
            if event.replayed:
                continue
            number += 1
            lag = event.lag_ns
            if lag is not None:
                longest = _longest(longest, max(lag, 0) / 1e6)
        if number == before:
            return
        self._steps[step] = (number, longest)
        if len(self._steps) > 2 * CELLS:
            self._forget(step)

    def pulse(self, now: int) -> Pulse | None:
        """The last minute as of now (wall time, ns); None when nothing came in it."""
        if not self._steps:
            return None
        last = now // STEP
        self._forget(last)
        if not self._steps:
            return None
        found = [self._steps.get(step, (0, math.nan)) for step in range(last - CELLS + 1, last + 1)]
        return Pulse(
            tuple(number * SECOND / STEP for number, _ in found),
            tuple(longest for _, longest in found),
        )

    def _forget(self, last: int) -> None:
        """Keep the last minute only; what a clock that was set back left ahead goes, too."""
        for step in [step for step in self._steps if not last - CELLS < step <= last]:
            del self._steps[step]
