"""Figures of the experiment as words: one way of rounding for every sentence."""

from __future__ import annotations

from pleg_tui.compare.types import Interval, Lane

LANE = {Lane.POLLING: "polling", Lane.EVENTED: "events"}
"""A lane as the subject of a sentence."""


def ms(value: float) -> str:
    """Milliseconds per second with as many digits as mean something: 0.42, 2.3, 135."""
    size = abs(value)
    text = f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 1 else f"{value:.2f}"
    return "0" if float(text) == 0 else text


def between(interval: Interval) -> str:
    """An interval's two ends."""
    return f"{ms(interval.low)} to {ms(interval.high)}"


def of_a_core(value: float) -> str:
    """Milliseconds per second as a part of one core: 10 are 1 %."""
    percent = abs(value) / 10
    return f"{percent:.1f} %" if percent >= 1 else f"{percent:.2g} %"


def span(seconds: float) -> str:
    """A period: 1 s, 0.5 s, 200 ms."""
    return f"{seconds * 1000:g} ms" if seconds < 0.5 else f"{seconds:g} s"
