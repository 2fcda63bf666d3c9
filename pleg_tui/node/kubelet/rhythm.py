"""The evidence that needs no credential: the rhythm of the kubelet's own reading.

A kubelet that polls reads a listing from the runtime once a second, and /proc/<pid>/io shows it.
Measured on a kubelet 1.36.2 with containerd 2.1.9: with 50 pods the bytes read per twentieth of a
second correlate with themselves one second later by 0.64 when it polls (half and one and a half
seconds later: -0.06) and by -0.01 when it lives on events; with two pods by 0.16 to 0.24 against
-0.03. In between it must be said that it is not known.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

from msgspec import Struct

from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.files import why
from pleg_tui.node.kubelet.types import Evidence, Weight

RATE_HZ = 20
CLEAR = 0.40
"""Correlation at the period that is beyond doubt, where it leads half and one and a half periods
by LEAD: a rhythm of half a second, or of three, would be another."""
FAINT = 0.12
"""What two pods' polling showed was above this, and what events showed far below."""
FLAT = 1.6
"""Standard deviations below which chance alone stays 19 times of 20, where there is no rhythm."""
MIN_SECONDS = 15.0
LEAD = 0.20
_LAGS = tuple(range(19, 24))
"""In samples: 0.95 to 1.15 s, for a relist comes one second after the one before has *ended*."""
_SLOW_LAGS = tuple(range(24, 33))
"""Relists that take long come more seldom, up to every 1.6 s; but where two other works of 2 s
meet, such a period shows too, so one there is no proof: it only forbids to speak of silence."""
_BYTES_PER_POD = 400
"""A listing has some 1,100 bytes for a pod of two containers."""
_FEW_PODS = 2
_MANY_PODS = 10


class IoSample(Struct, frozen=True):
    """Counters of /proc/<pid>/io at one moment."""

    at: float
    """Seconds on the monotonic clock."""
    rchar: int
    """Bytes read, since the process's start."""
    syscr: int
    """Reads, since the process's start."""


def judge(samples: Sequence[IoSample], pods: int | None = None) -> Evidence:
    """What these samples say; pure.

    Args:
        samples: about 20 a second, in order.
        pods: how many the kubelet has; None: unknown. With few pods a relist is small, and the
            absence of a rhythm says less.
    """
    reason = _unfit(samples)
    if reason:
        return Evidence("rhythm", reason, Weight.NOTHING)
    seconds = samples[-1].at - samples[0].at
    correlations = {name: _Rhythm.of(_increments(samples, name)) for name in ("rchar", "syscr")}
    best = max(correlations.values(), key=lambda rhythm: rhythm.lead)
    bytes_per_s = (samples[-1].rchar - samples[0].rchar) / seconds
    says = (
        f"watched its reading for {seconds:.0f} s: {bytes_per_s / 1000:.0f} kB/s, which correlates "
        f"with itself {best.period:.2f} s later by {best.at_period:.2f} (half and one and a half "
        f"of that later: {best.at_half:.2f} and {best.at_more:.2f})"
    )
    noise = 1 / math.sqrt(seconds * RATE_HZ)
    # A probe every second has a rhythm too, but does not read a listing of all pods.
    calm_per_s = sum(_calmed(_increments(samples, "rchar"))) / seconds
    plausible = calm_per_s >= _BYTES_PER_POD * (pods or 0)
    if best.at_period >= CLEAR and best.lead >= LEAD and plausible:
        return Evidence("rhythm", f"{says}: it polls", Weight.STRONG, polls=True)
    if best.at_period >= max(FAINT, 4 * noise) <= best.lead:
        return Evidence("rhythm", f"{says}: it may well poll", Weight.WEAK, polls=True)
    flat = all(
        rhythm.at_one <= FLAT * noise and rhythm.highest <= max(0.2, 4 * noise)
        for rhythm in correlations.values()
    )
    if not flat:
        return Evidence("rhythm", f"{says}: no clear answer", Weight.NOTHING)
    if pods is not None and (pods >= _MANY_PODS or (pods >= _FEW_PODS and seconds >= 55)):
        return Evidence(
            "rhythm", f"{says}: with {pods} pods it does not poll", Weight.STRONG, polls=False
        )
    how_many = "with an unknown number of" if pods is None else f"with only {pods}"
    return Evidence("rhythm", f"{says}: {how_many} pods that is no answer", Weight.NOTHING)


class _Rhythm(Struct, frozen=True):
    """The strongest period about one second of a series."""

    period: float
    at_period: float
    at_half: float
    at_more: float
    at_one: float
    highest: float
    """At any period that a relist may have."""

    @property
    def lead(self) -> float:
        return self.at_period - max(self.at_half, self.at_more)

    @staticmethod
    def of(series: Sequence[float]) -> _Rhythm:
        calm = _calmed(series)
        found = []
        for lag in _LAGS:
            at = _correlation(calm, lag)
            half = _correlation(calm, round(lag / 2))
            more = _correlation(calm, round(lag * 1.5))
            found.append((lag / RATE_HZ, at, half, more))
        at_one = _correlation(calm, RATE_HZ)
        best = max(found, key=lambda item: item[1] - max(item[2], item[3]))
        highest = max(_correlation(calm, lag) for lag in (*_LAGS, *_SLOW_LAGS))
        return _Rhythm(*best, at_one, highest)


class IoSampler:
    """Reads the counters of a process; costs two system calls a sample."""

    def __init__(self, root: str, pid: int) -> None:
        """Begin.

        Raises:
            OSError: they cannot be read; reading another user's needs root.
        """
        self._fd = os.open(
            f"{under(root, '/proc')}/{pid}/io", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )

    def read(self) -> IoSample | None:
        """The counters now; None when the process is gone."""
        try:
            data = os.pread(self._fd, 1024, 0)
        except OSError:
            return None
        values = dict(line.split(b": ", 1) for line in data.splitlines() if b": " in line)
        try:
            return IoSample(time.monotonic(), int(values[b"rchar"]), int(values[b"syscr"]))
        except (KeyError, ValueError):
            return None

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def watch_rhythm(
    root: str,
    pid: int,
    seconds: float,
    pods: int | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Evidence:
    """Watch a kubelet's reading for so long and judge it.

    Args:
        root: where the node's file system is seen from here.
        pid: the kubelet's.
        seconds: how long; less than 15 is too short to say anything.
        pods: how many the kubelet has; None: unknown.
        stop: asked between samples; True ends the watch early.
    """
    try:
        sampler = IoSampler(root, pid)
    except OSError as error:
        return Evidence("rhythm", f"/proc/{pid}/io cannot be read: {why(error)}", Weight.NOTHING)
    samples: list[IoSample] = []
    try:
        begin = time.monotonic()
        for number in range(int(seconds * RATE_HZ) + 1):
            wait = begin + number / RATE_HZ - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            elif wait < -1:
                continue  # we were held up; the gap is judged
            if stop():
                break
            sample = sampler.read()
            if sample is None:
                return Evidence("rhythm", "the kubelet has gone while watched", Weight.NOTHING)
            samples.append(sample)
    finally:
        sampler.close()
    return judge(samples, pods)


def _unfit(samples: Sequence[IoSample]) -> str:
    """Why these samples cannot be judged; empty: they can."""
    if len(samples) < 2 or samples[-1].at - samples[0].at < MIN_SECONDS:
        return f"its reading was watched for less than {MIN_SECONDS:.0f} s, which is too short"
    gaps = [later.at - before.at for before, later in pairwise(samples)]
    if min(gaps) < 0:
        return "the samples of its reading are out of order"
    late = sum(gap for gap in gaps if gap > 4 / RATE_HZ)
    if late > 0.1 * (samples[-1].at - samples[0].at):
        return "this machine was too busy to watch its reading evenly"
    if any(b.rchar < a.rchar or b.syscr < a.syscr for a, b in pairwise(samples)):
        return "its counters went back: the process is another"
    if samples[-1].rchar == samples[0].rchar:
        return "it has read nothing at all while watched"
    return ""


def _increments(samples: Sequence[IoSample], name: str) -> list[float]:
    """What was added in each twentieth of a second, on an even grid."""
    times = [sample.at for sample in samples]
    values = [float(getattr(sample, name)) for sample in samples]
    grid: list[float] = []
    position = 0
    for number in range(int((times[-1] - times[0]) * RATE_HZ) + 1):
        at = times[0] + number / RATE_HZ
        while position + 2 < len(times) and times[position + 1] < at:
            position += 1
        span = times[position + 1] - times[position]
        share = 0.0 if span <= 0 else min(1.0, max(0.0, (at - times[position]) / span))
        grid.append(values[position] + share * (values[position + 1] - values[position]))
    return [later - before for before, later in pairwise(grid)]


def _calmed(series: Sequence[float]) -> list[float]:
    """With the outliers of its other work (every 2, 10 and 60 s) cut down.

    A relist is in one of twenty samples, so the 97th percentile is a relist's size where it polls.
    """
    if not series:
        return []
    ordered = sorted(series)
    top = ordered[min(len(ordered) - 1, int(len(ordered) * 0.97))]
    return [min(value, top) for value in series]


def _correlation(series: Sequence[float], lag: int) -> float:
    """Pearson's correlation of a series with itself so many samples later; 0 where it is flat."""
    n = len(series) - lag
    if n < 2:
        return 0.0
    early, late = series[:n], series[lag:]
    mean_early, mean_late = sum(early) / n, sum(late) / n
    product = sum((a - mean_early) * (b - mean_late) for a, b in zip(early, late, strict=True))
    spread = math.sqrt(
        sum((a - mean_early) ** 2 for a in early) * sum((b - mean_late) ** 2 for b in late)
    )
    return product / spread if spread > 0 else 0.0
