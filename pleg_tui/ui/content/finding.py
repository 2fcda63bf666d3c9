"""Searching in lines of text, and marking what was found, as less and vim do.

A pattern without a capital letter finds both cases; it is plain text, no regular expression: what
is searched for here is full of dots, slashes and brackets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from pleg_tui.ui.content.lines import Line, Part

MATCH = "match"
MATCH_HERE = "match-here"


@lru_cache(maxsize=8)
def pattern(text: str) -> re.Pattern[str] | None:
    """What finds this text; None when there is nothing to find."""
    if not text:
        return None
    flags = re.NOFLAG if any(c.isupper() for c in text) else re.IGNORECASE
    return re.compile(re.escape(text), flags)


def mark(line: Line, found: re.Pattern[str] | None, style: str = MATCH) -> Line:
    """The line with every place that matches in another style, also across its parts."""
    if found is None:
        return line
    whole = "".join(text for text, _ in line)
    spans = [match.span() for match in found.finditer(whole)]
    if not spans:
        return line
    marked: list[Part] = []
    start = 0
    for part in line:
        end = start + len(part.text)
        at = start
        for first, last in spans:
            low, high = max(first, start), min(last, end)
            if low >= high:
                continue
            if low > at:
                marked.append(Part(whole[at:low], part.style))
            marked.append(Part(whole[low:high], style))
            at = high
        if at < end:
            marked.append(Part(whole[at:end], part.style))
        start = end
    return tuple(marked)


def next_of(matches: Sequence[int], here: int, step: int) -> int | None:
    """The match after (step 1) or before (step -1) this place, round the end; None without any.

    Args:
        matches: places, ascending.
        here: where to start; a match at this very place is passed over.
        step: 1 or -1.
    """
    if not matches:
        return None
    if step > 0:
        return next((place for place in matches if place > here), matches[0])
    return next((place for place in reversed(matches) if place < here), matches[-1])
