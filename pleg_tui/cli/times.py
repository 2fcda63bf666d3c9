"""Times and spans as people and scripts write them."""

from __future__ import annotations

import re
import time

_SECOND_NS = 1_000_000_000
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|[smhd])", re.ASCII)


def rfc3339(ns: int) -> str | None:
    """A time in ns since the epoch as RFC 3339, UTC, all nine digits; None for 0, the unknown."""
    if not ns:
        return None
    seconds, rest = divmod(ns, _SECOND_NS)
    try:
        parts = time.gmtime(seconds)
    except (OverflowError, OSError, ValueError):
        return None
    if not 0 < parts.tm_year < 10000:
        return None
    day = f"{parts.tm_year:04d}-{parts.tm_mon:02d}-{parts.tm_mday:02d}"
    clock = f"{parts.tm_hour:02d}:{parts.tm_min:02d}:{parts.tm_sec:02d}"
    return f"{day}T{clock}.{rest:09d}Z"


def clock(ns: int, now_ns: int) -> str:
    """Local time of day with milliseconds; with the day where it is not today's; - if unknown."""
    try:
        parts, today = (time.localtime(t // _SECOND_NS) for t in (ns, now_ns))
    except (OverflowError, OSError, ValueError):
        return "-"
    if not ns:
        return "-"
    text = time.strftime("%H:%M:%S", parts)
    if parts[:3] != today[:3]:
        return time.strftime("%m-%d ", parts) + text
    return f"{text}.{ns % _SECOND_NS // 1_000_000:03d}"


def age(ns: int, now_ns: int) -> str:
    """How long ago, in at most two units as kubectl says it: 45s, 3m10s, 12m, 5h3m, 2d4h, 14d."""
    if not ns:
        return "?"
    seconds = max((now_ns - ns) // _SECOND_NS, 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 2:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _two(days, "d", hours % 24, "h") if days < 8 else f"{days}d"


def span_ms(ms: float | None) -> str:
    """A short time as people read it: 0.4 ms, 12 ms, 1.8 s, 75 s; - where unknown."""
    if ms is None:
        return "-"
    if abs(ms) < 10:
        return f"{ms:.1f} ms"
    if abs(ms) < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if abs(ms) < 60_000 else f"{ms / 1000:.0f} s"


def seconds(text: str) -> float:
    """A span such as 2s, 500ms, 1m30s, or a plain number of seconds.

    Raises:
        ValueError: it is none.
    """
    rest = text.strip().lower()
    negative, rest = rest.startswith("-"), rest.removeprefix("-")
    if _NUMBER.fullmatch(rest):
        rest += "s"
    total = 0.0
    while part := _PART.match(rest):
        total += float(part[1]) * _UNITS[part[2]]
        rest = rest[part.end() :]
        if not rest:
            return -total if negative else total
    raise ValueError(f"{text!r} is no span of time: write 30s, 500ms or 1m30s")


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first}{unit}{second}{smaller}" if second else f"{first}{unit}"
