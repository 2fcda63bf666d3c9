"""One reading of a container's or pod's usage, and the arithmetic between two; pure.

A figure that is not known is None and has a reason; 0 means that it was read and is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from pleg_tui.node.cgroup_files import Counts

_FIRST = "it was read for the first time: a rate needs two readings"
_BACK = "its counter went backwards since the last reading"
_NO_PERIODS = "it has no CPU limit, or did not run since the last reading"


class Usage(Struct, frozen=True):
    """What one container or pod used, at one reading.

    Bytes, nanoseconds and counts; None is unknown, and `why` says why.
    """

    id: str
    at_mono_ns: int
    """CLOCK_MONOTONIC of the reading."""
    cores: float | None = None
    """Processor time per time since the reading before: 1.0 is the whole of one core."""
    interval_ns: int = 0
    """The time that the rates are over; 0 where there is none."""
    cpu_ns: int | None = None
    """Processor time since it exists."""
    working_set: int | None = None
    """Memory as the kubelet counts it: usage less inactive file pages."""
    memory_limit: int | None = None
    """Its own limit; 0 when it has none."""
    anon: int | None = None
    """Memory that no file stands behind (v1 calls it rss)."""
    periods: int | None = None
    """CPU quota periods in which it ran."""
    throttled_periods: int | None = None
    """Those of them in which its quota was used up."""
    throttled_ns: int | None = None
    throttled_share: float | None = None
    """Of the periods since the reading before, 0 to 1."""
    oom_kills: int | None = None
    """Processes of it that the kernel killed for want of memory."""
    pids: int | None = None
    """Processes and threads in it now."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """The files that a figure was read from, by field."""
    reasons: Mapping[str, str] = field(default_factory=dict)

    def source(self, figure: str) -> str:
        """Where a figure comes from; empty when it is unknown."""
        return self.sources.get(figure, "")

    def why(self, figure: str) -> str:
        """Why a figure is unknown, in one sentence; empty when it is known."""
        return self.reasons.get(figure, "")


FIGURES = (
    "cores",
    "cpu_ns",
    "working_set",
    "memory_limit",
    "anon",
    "periods",
    "throttled_periods",
    "throttled_ns",
    "throttled_share",
    "oom_kills",
    "pids",
)


def unknown(identity: str, at_mono_ns: int, why: str) -> Usage:
    """A usage of which nothing is known, for one reason."""
    return Usage(identity, at_mono_ns, reasons=dict.fromkeys(FIGURES, why))


def rate(
    identity: str, at: int, counts: Counts, before: Usage | None, sources: Mapping[str, str]
) -> Usage:
    """A reading with what it says about the time since the one before it; pure."""
    reasons = counts.reasons
    cores: float | None = None
    share: float | None = None
    interval = 0
    if counts.cpu_ns is None:
        reasons["cores"] = reasons["cpu_ns"]
    elif before is None or before.cpu_ns is None or at <= before.at_mono_ns:
        reasons["cores"] = _FIRST
    elif counts.cpu_ns < before.cpu_ns:
        reasons["cores"] = _BACK
    else:
        interval = at - before.at_mono_ns
        cores = (counts.cpu_ns - before.cpu_ns) / interval
    if counts.periods is None or counts.throttled_periods is None:
        reasons["throttled_share"] = reasons.get("periods", "")
    elif not interval or before is None or before.periods is None:
        reasons["throttled_share"] = _FIRST
    elif counts.periods <= before.periods:
        reasons["throttled_share"] = _NO_PERIODS
    else:
        slowed = counts.throttled_periods - (before.throttled_periods or 0)
        share = min(1.0, max(0.0, slowed / (counts.periods - before.periods)))
    return Usage(
        id=identity,
        at_mono_ns=at,
        cores=cores,
        interval_ns=interval,
        cpu_ns=counts.cpu_ns,
        working_set=counts.working_set,
        memory_limit=counts.memory_limit,
        anon=counts.anon,
        periods=counts.periods,
        throttled_periods=counts.throttled_periods,
        throttled_ns=counts.throttled_ns,
        throttled_share=share,
        oom_kills=counts.oom_kills,
        pids=counts.pids,
        sources=sources,
        reasons=reasons,
    )


_SUMMED = (
    "cpu_ns",
    "working_set",
    "anon",
    "periods",
    "throttled_periods",
    "throttled_ns",
    "oom_kills",
    "pids",
)


def add_up(identity: str, at: int, parts: Sequence[Usage], expected: int) -> Usage:
    """The sum of a pod's containers; unknown where one of them is, as a part is not the whole.

    Args:
        identity: the pod's UID.
        at: CLOCK_MONOTONIC, ns.
        parts: the last readings of its containers.
        expected: how many containers it has.
    """
    if not expected or len(parts) < expected:
        return unknown(identity, at, f"{len(parts)} of its {expected} containers were read")
    reasons: dict[str, str] = {}
    sums: dict[str, int] = {}
    for name in _SUMMED:
        values = [getattr(part, name) for part in parts]
        if None in values:
            reasons[name] = next(part.why(name) for part in parts if getattr(part, name) is None)
        else:
            sums[name] = sum(values)
    cores = [part.cores for part in parts if part.cores is not None]
    if len(cores) < len(parts):
        reasons["cores"] = next(part.why("cores") for part in parts if part.cores is None)
    limits = [part.memory_limit for part in parts]
    limit: int | None = None
    if None in limits:
        reasons["memory_limit"] = next(
            p.why("memory_limit") for p in parts if p.memory_limit is None
        )
    else:  # one without a limit leaves the pod without
        limit = 0 if 0 in limits else sum(one for one in limits if one is not None)
    reasons["throttled_share"] = "it has no control group of its own that was found"
    return Usage(
        id=identity,
        at_mono_ns=at,
        cores=sum(cores) if len(cores) == len(parts) else None,
        interval_ns=max(part.interval_ns for part in parts),
        memory_limit=limit,
        sources={name: f"sum of its containers' {text}" for name, text in parts[0].sources.items()},
        reasons=reasons,
        **sums,
    )
