"""Text on a grid of cells: measured, cut and padded so that columns stay in line.

Widths are terminal cells, not characters: a wide character takes two. A variation selector changes
the width of what stands before it on some terminals and not on others, so none is shown.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from pleg_tui.cri.clean import MAX_MARKS

SECOND = 1_000_000_000
"""Nanoseconds."""

_MOST_A_CELL = 1 + MAX_MARKS
"""Characters that a cell holds at most: cri.clean leaves no more marks."""
_NO_SELECTORS = dict.fromkeys((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))


def tidy(text: str) -> str:
    """The text without variation selectors."""
    return text if text.isascii() else text.translate(_NO_SELECTORS)


def width_of(text: str) -> int:
    """How many cells the text takes."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int, mark: str = "…") -> str:
    """The text in at most so many cells; what was cut off at the end leaves a mark."""
    if len(text) > _MOST_A_CELL * (width + 1):  # 64 KiB need not be measured to be cut to a line
        text = text[: _MOST_A_CELL * (max(width, 0) + 1)]
    if width_of(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + mark


@lru_cache(maxsize=4096)
def cut_middle(text: str, width: int, mark: str = "…") -> str:
    """The text in at most so many cells, its end kept: names of pods differ there."""
    if width_of(text) <= width:
        return text
    if width < 8:
        return cut(text, width, mark)
    tail_width = (width - 1) * 3 // 5
    head = set_cell_size(text, width - 1 - tail_width).rstrip()
    tail = ""
    used = 0
    for character in reversed(text):
        used += width_of(character)
        if used > tail_width:
            break
        tail = character + tail
    return head + mark + tail


def fit(text: str, width: int, mark: str = "…") -> str:
    """The text in exactly so many cells, cut or filled up with spaces."""
    text = cut(text, width, mark)
    return text + " " * (width - width_of(text))


def fit_right(text: str, width: int, mark: str = "…") -> str:
    """As fit(), set to the right."""
    text = cut(text, width, mark)
    return " " * (width - width_of(text)) + text


def age(nanoseconds: int) -> str:
    """A span of time in at most five characters, coarser the longer it is.

    After the first minute it changes once a minute at most, so that a quiet screen is not redrawn.
    A span below zero (two clocks that differ) is "0s".
    """
    seconds = nanoseconds // SECOND
    if seconds < 60:
        return f"{max(seconds, 0)}s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 10:
        return f"{hours}h{minutes:02}m"[:5] if minutes else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days, hours = divmod(hours, 24)
    if days < 10 and hours:
        return f"{days}d{hours}h"
    return f"{days}d"


def steady(nanoseconds: int) -> int:
    """For so long at least, ns, age() of a span that grows stays what it is."""
    step = SECOND if nanoseconds < 60 * SECOND else 60 * SECOND
    return step - nanoseconds % step


def since(at: int, now: int) -> str:
    """age() from one wall time to another, ns; "?" where the first is not known."""
    return age(now - at) if at else "?"


def clock(at: int, milliseconds: bool = False) -> str:
    """A wall time in ns as the node's local time of day; "?" where it is not known."""
    if not at:
        return "?"
    text = datetime.fromtimestamp(at // SECOND).strftime("%H:%M:%S")
    return f"{text}.{at % SECOND // 1_000_000:03}" if milliseconds else text


def milliseconds(value: float) -> str:
    """A short delay: "3 ms", "1.2 s", "45 s", "3 min"."""
    if abs(value) < 1000:
        return f"{value:.0f} ms"
    seconds = value / 1000
    if abs(seconds) < 10:
        return f"{seconds:.1f} s"
    if abs(seconds) < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def span(seconds: float) -> str:
    """A span of time in words: "41 s", "3 min", "2 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 pod", "1,204 pods"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def short(number: int) -> str:
    """A count in at most six characters: "9,999", "12k", "3.4M"."""
    if number < 10_000:
        return f"{number:,}"
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if number >= size:
            whole = number / size
            return f"{whole:.1f}{unit}" if whole < 10 else f"{whole:,.0f}{unit}"
    return str(number)
