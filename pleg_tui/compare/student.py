"""Student's t distribution for whole degrees of freedom, exactly, without a library.

The distribution function has a closed form there (Abramowitz and Stegun 26.7.3 and 26.7.4); its
inverse is found by bisection.
"""

from __future__ import annotations

import math
from functools import lru_cache


def within(t: float, df: int) -> float:
    """The probability that |T| <= t.

    Raises:
        ValueError: df is less than one.
    """
    if df < 1:
        raise ValueError("degrees of freedom begin at 1")
    if t <= 0:
        return 0.0
    if math.isinf(t):
        return 1.0
    angle = math.atan(t / math.sqrt(df))
    sine, cosine = math.sin(angle), math.cos(angle)
    if df % 2:
        term, total = cosine, 0.0
        for k in range(1, df - 1, 2):
            total += term
            term *= cosine * cosine * (k + 1) / (k + 2)
        return 2 / math.pi * (angle + sine * total)
    term, total = 1.0, 0.0
    for k in range(0, df - 1, 2):
        total += term
        term *= cosine * cosine * (k + 1) / (k + 2)
    return sine * total


@lru_cache(maxsize=256)
def quantile(df: int, level: float = 0.95) -> float:
    """The t with P(|T| <= t) = level: the factor of a two-sided interval.

    Raises:
        ValueError: df is less than one, or level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError("a level is between 0 and 1")
    low, high = 0.0, 1.0
    while within(high, df) < level:
        low, high = high, high * 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if within(middle, df) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2
