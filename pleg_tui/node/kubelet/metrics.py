"""The kubelet's metrics page: read, parsed to what concerns its PLEG, and what two samples say.

Sources: pkg/kubelet/metrics/metrics.go (all of it alpha), component-base's
kubernetes_feature_enabled and kubernetes_build_info. The success counter and the presence of
families say nothing: the counter rises before the runtime has answered, and the families are there
with the gate off too. The rate of relists does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from pleg_tui.cri.clean import clean
from pleg_tui.node.kubelet.types import Evidence, Figure, PlegFigures, Weight

_WANTED = (
    "kubelet_pleg_",
    "kubelet_evented_pleg_",
    "kubernetes_build_info",
    "kubernetes_feature_enabled",
    "process_cpu_seconds_total",
    "process_start_time_seconds",
)
POLLING_PER_S = 0.2
"""A relist takes its time too: a kubelet that polls, but needs up to 4 s for one, is above this."""
EVENTED_PER_S = 1 / 60
"""One in 300 s is the rule, and each end of the stream forces one more; five ends are the last."""
RETRIES = 5


class Histogram(Struct, frozen=True):
    """A histogram since the kubelet's start."""

    buckets: tuple[tuple[float, float], ...] = ()
    """Upper bound and how many are at or below it, ascending; the last bound is infinite."""
    total: float = 0.0
    count: float = 0.0

    def quantile(self, share: float) -> float | None:
        """As Prometheus' histogram_quantile; None where nothing was observed."""
        if not self.buckets or self.buckets[-1][1] <= 0:
            return None
        rank = share * self.buckets[-1][1]
        low, below = 0.0, 0.0
        for bound, up_to in self.buckets:
            if up_to >= rank:
                if bound == float("inf"):
                    return low
                return low + (bound - low) * ((rank - below) / (up_to - below or 1.0))
            low, below = bound, up_to
        return low

    @property
    def beyond(self) -> float:
        """How many were above the largest finite bound, 10 s."""
        finite = [up_to for bound, up_to in self.buckets if bound != float("inf")]
        return self.count - finite[-1] if finite else 0.0


class Sample(Struct, frozen=True):
    """One reading of the page; None: the page does not have it."""

    at: float
    """Seconds since the epoch."""
    mono: float
    """Seconds on the monotonic clock."""
    version: str | None = None
    gate: bool | None = None
    """kubernetes_feature_enabled of EventedPLEG."""
    duration: Histogram | None = None
    interval: Histogram | None = None
    events: float | None = None
    errors: float | None = None
    successes: float | None = None
    discards: float | None = None
    cpu_s: float | None = None
    started_at: float | None = None

    @property
    def relists(self) -> float | None:
        """Whole relists since its start."""
        return None if self.duration is None else self.duration.count


class NotMetrics(Exception):
    """The page is not one of a kubelet; its text says why."""


class _Parts(Struct):
    buckets: list[tuple[float, float]] = field(default_factory=list)
    total: float = 0.0
    count: float | None = None


def parse_metrics(text: str, at: float, mono: float) -> Sample:
    """What concerns us of a metrics page.

    Only those lines are parsed: a page may have ten thousand others.

    Raises:
        NotMetrics: it is none.
    """
    lines = [line for line in _lines(text) if line.startswith(_WANTED)]
    if not lines:
        raise NotMetrics("this is not a kubelet's metrics page: it has none of its figures")
    # Here, because it takes a tenth of a second that the start of the program need not wait for.
    from prometheus_client.parser import text_string_to_metric_families

    single: dict[str, float] = {}
    parts: dict[str, _Parts] = {}
    gate: bool | None = None
    version: str | None = None
    try:
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for sample in family.samples:
                name, labels, value = sample.name, sample.labels, float(sample.value)
                if name == "kubernetes_feature_enabled":
                    if labels.get("name") == "EventedPLEG":
                        gate = value == 1
                elif name == "kubernetes_build_info":
                    version = clean(labels.get("git_version", ""), 60).removeprefix("v") or None
                elif name.endswith(("_bucket", "_sum", "_count")) and "seconds" in name:
                    _add(parts, name, labels, value)
                else:
                    single[name] = value
    except (ValueError, KeyError, IndexError, TypeError):
        raise NotMetrics("this metrics page is malformed") from None
    histograms = {
        name: Histogram(tuple(sorted(part.buckets)), part.total, part.count)
        for name, part in parts.items()
        if part.count is not None
    }
    latency = histograms.get("kubelet_evented_pleg_connection_latency_seconds")
    return Sample(
        at=at,
        mono=mono,
        version=version,
        gate=gate,
        duration=histograms.get("kubelet_pleg_relist_duration_seconds"),
        interval=histograms.get("kubelet_pleg_relist_interval_seconds"),
        events=None if latency is None else latency.count,
        errors=single.get("kubelet_evented_pleg_connection_error_count"),
        successes=single.get("kubelet_evented_pleg_connection_success_count"),
        discards=single.get("kubelet_pleg_discard_events"),
        cpu_s=single.get("process_cpu_seconds_total"),
        started_at=single.get("process_start_time_seconds"),
    )


def judge_metrics(
    first: Sample, second: Sample | None, *, hint_only: bool = False
) -> list[Evidence]:
    """What one sample, or two with some seconds between, say; pure.

    Args:
        first: the earlier one.
        second: the later one of the same process; None: there is only one.
        hint_only: 1.37 or later, where the count of stream errors is not known to be final.
    """
    found = []
    last = second or first
    rate = _rate_evidence(first, second)
    if rate is not None:
        found.append(rate)
    since_start = _since_start(last)
    if since_start is not None and (rate is None or rate.polls is None):
        if (last.errors or 0) >= RETRIES and since_start.polls is False:
            # It may have lived on events until a moment ago.
            since_start = replace(since_start, weight=Weight.WEAK)
        found.append(since_start)
    if last.errors is not None:
        found.append(_errors_evidence(last.errors, hint_only))
    if second is not None and first.events is not None and second.events is not None:
        new = second.events - first.events
        if new > 0:
            says = f"it has processed {new:g} container events in {second.mono - first.mono:.0f} s"
            # Only a relist rate tells whether it lives on them: in 1.37 it polls beside them.
            found.append(Evidence("metrics", says, Weight.WEAK))
    if last.successes:
        says = (
            f"its event stream was opened {last.successes:g} times, which says nothing: the "
            "counter rises before the runtime has answered"
        )
        found.append(Evidence("metrics", says, Weight.NOTHING))
    return found


def figures_of(first: Sample, second: Sample | None, where: str) -> PlegFigures:
    """The kubelet's own figures from these samples; pure.

    Args:
        first: the earlier one.
        second: the later one of the same process; None: there is only one.
        where: the page's address, for the sources.
    """
    last = second or first
    seconds = 0.0 if second is None else second.mono - first.mono
    over = f"{where}, over {seconds:.0f} s"
    no_second = Figure(None, "needs two samples, some seconds apart")

    def plain(value: float | None, name: str) -> Figure:
        if value is None:
            return Figure(None, f"{where} has no {name}")
        return Figure(value, f"{where}, since the kubelet's start")

    def per_s(before: float | None, after: float | None, name: str, factor: float) -> Figure:
        if second is None or seconds <= 0:
            return no_second
        if before is None or after is None:
            return Figure(None, f"{where} has no {name}")
        if after < before:
            return Figure(None, "the kubelet has restarted between the samples")
        return Figure((after - before) / seconds * factor, over)

    p99 = last.duration.quantile(0.99) if last.duration else None
    return PlegFigures(
        at=last.at,
        relists=plain(last.relists, "kubelet_pleg_relist_duration_seconds"),
        relists_per_s=per_s(
            first.relists, last.relists, "kubelet_pleg_relist_duration_seconds", 1.0
        ),
        interval_s=_interval(first, second, where),
        relist_p99_s=plain(p99, "kubelet_pleg_relist_duration_seconds")
        if p99 is not None or not last.duration
        else Figure(None, "no relist has been timed yet"),
        events=plain(last.events, "kubelet_evented_pleg_connection_latency_seconds (1.27+)"),
        discards=plain(last.discards, "kubelet_pleg_discard_events"),
        stream_errors=plain(last.errors, "kubelet_evented_pleg_connection_error_count (1.27+)"),
        cpu_ms_per_s=per_s(first.cpu_s, last.cpu_s, "process_cpu_seconds_total", 1000.0),
    )


def _interval(first: Sample, second: Sample | None, where: str) -> Figure:
    last = second or first
    if last.interval is None:
        return Figure(None, f"{where} has no kubelet_pleg_relist_interval_seconds")
    if second is not None and first.interval is not None:
        count = last.interval.count - first.interval.count
        if count > 0:
            mean = (last.interval.total - first.interval.total) / count
            return Figure(mean, f"{where}, mean over {second.mono - first.mono:.0f} s")
    if last.interval.count <= 0:
        return Figure(None, "it has relisted only once, so there is no interval yet")
    mean = last.interval.total / last.interval.count
    return Figure(mean, f"{where}, mean since the kubelet's start")


def patience_s(sample: Sample) -> float:
    """For how long a kubelet that polls may show no relist; one that takes long comes seldom."""
    slowest = sample.duration.quantile(0.99) if sample.duration else None
    return 3 * (1 + (slowest or 0.0))


def _rate_evidence(first: Sample, second: Sample | None) -> Evidence | None:
    """What the number of relists between two samples says."""
    if second is None or first.relists is None or second.relists is None:
        return None
    seconds = second.mono - first.mono
    new = second.relists - first.relists
    if seconds < 2 or new < 0:
        return None
    says = f"{new:g} relists in {seconds:.1f} s"
    if new / seconds >= POLLING_PER_S and new >= 2:
        return Evidence("metrics", says, Weight.PROOF, polls=True)
    if new == 0 and seconds >= patience_s(second):
        return Evidence("metrics", says, Weight.PROOF, polls=False)
    return Evidence("metrics", f"{says}: too few to tell", Weight.NOTHING)


def _since_start(sample: Sample) -> Evidence | None:
    """What the mean since the start says, which may be of another time than now."""
    if sample.relists is None or sample.started_at is None:
        return None
    seconds = sample.at - sample.started_at
    if seconds < 20:
        return None
    rate = sample.relists / seconds
    says = f"{sample.relists:g} relists in the {seconds:.0f} s since its start"
    if rate >= POLLING_PER_S:
        return Evidence("metrics", says, Weight.STRONG, polls=True)
    beyond = sample.interval.beyond if sample.interval else 0.0
    if rate <= EVENTED_PER_S or (sample.relists <= RETRIES and seconds >= 40):
        if beyond:
            says += f", {beyond:g} of them more than 10 s after the one before"
        return Evidence("metrics", says, Weight.STRONG, polls=False)
    return Evidence("metrics", f"{says}: it has done both, or neither", Weight.NOTHING)


def _errors_evidence(errors: float, hint_only: bool) -> Evidence:
    says = f"its event stream has ended {errors:g} times since its start"
    if errors >= RETRIES and not hint_only:
        says += f", and after {RETRIES} it goes back to polling"
        return Evidence("metrics", says, Weight.STRONG, polls=True)
    if errors:
        return Evidence("metrics", f"{says}, of {RETRIES} that it allows", Weight.WEAK)
    return Evidence("metrics", says, Weight.NOTHING)


def _add(parts: dict[str, _Parts], name: str, labels: Mapping[str, str], value: float) -> None:
    base, _, kind = name.rpartition("_")
    part = parts.setdefault(base, _Parts())
    if kind == "bucket":
        part.buckets.append((float(labels["le"]), value))
    elif kind == "sum":
        part.total = value
    else:
        part.count = value


def _lines(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1


def same_process(samples: Iterable[Sample], started_at: float | None) -> bool:
    """Whether the page is of the process that began then; True too where that cannot be told."""
    return all(
        started_at is None or s.started_at is None or abs(s.started_at - started_at) <= 3
        for s in samples
    )
