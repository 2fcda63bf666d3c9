"""The kubelet's metrics in Prometheus' text format.

A small registry of its own: the kubelet's counters are named without "_total", which client
libraries would add. Names, help texts and buckets: pkg/kubelet/metrics/metrics.go.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from decimal import Decimal

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""prometheus.DefBuckets, seconds."""
OPERATION_BUCKETS = tuple(0.005 * 2.5**n for n in range(14))
"""ExponentialBuckets(.005, 2.5, 14), seconds."""
_WITH_EXPONENT = 6
"""From this power of ten on, Go writes an exponent."""


class Histogram:
    """Counts by upper bound; each observation is in the first bucket that it fits."""

    def __init__(self, bounds: tuple[float, ...] = DEFAULT_BUCKETS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def lines(self, name: str, labels: str = "") -> Iterator[str]:
        """The cumulative buckets, sum and count."""
        total = 0
        before = f"{labels}," if labels else ""
        for bound, count in zip((*map(go_float, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            yield f'{name}_bucket{{{before}le="{bound}"}} {go_float(total)}'
        after = f"{{{labels}}}" if labels else ""
        yield f"{name}_sum{after} {go_float(self.sum)}"
        yield f"{name}_count{after} {go_float(total)}"


Series = dict[str, float]
"""Values by their labels as text; "" for none."""


class Metrics:
    """All families that are shown, as attributes."""

    def __init__(self, *, evented: bool, pod_relist: bool) -> None:
        self._evented = evented
        self._pod_relist = pod_relist
        self.relist_duration = Histogram()
        self.relist_interval = Histogram()
        self.pod_relist_duration = Histogram()
        self.event_latency = Histogram()
        self.last_seen = 0.0
        self.discarded = 0
        self.stream_successes = 0
        self.stream_errors = 0
        self.running_pods = 0
        self.running_containers: Series = {}
        self.operations: Series = {}
        self.operation_errors: Series = {}
        self.operation_seconds: dict[str, Histogram] = {}
        self.features: Series = {}
        self.build = ""
        """Labels of kubernetes_build_info."""

    def operation(self, kind: str, seconds: float, *, failed: bool) -> None:
        """One call to the runtime has ended."""
        label = f'operation_type="{kind}"'
        self.operations[label] = self.operations.get(label, 0) + 1
        if failed:
            self.operation_errors[label] = self.operation_errors.get(label, 0) + 1
        if label not in self.operation_seconds:
            self.operation_seconds[label] = Histogram(OPERATION_BUCKETS)
        self.operation_seconds[label].observe(seconds)

    def text(self, process: dict[str, float]) -> str:
        """The whole page, families in order of their names, as the kubelet sorts them.

        Args:
            process: the process_* family's values by name.
        """
        return "".join(
            line + "\n" for _, lines in sorted(self._families(process)) for line in lines
        )

    def _families(self, process: dict[str, float]) -> Iterator[tuple[str, list[str]]]:
        def family(name: str, kind: str, help_: str, lines: Iterator[str]) -> tuple[str, list[str]]:
            return name, [f"# HELP {name} {help_}", f"# TYPE {name} {kind}", *lines]

        def values(name: str, kind: str, help_: str, series: Series) -> tuple[str, list[str]]:
            lines = (
                f"{name}{{{labels}}} {go_float(value)}" if labels else f"{name} {go_float(value)}"
                for labels, value in sorted(series.items())
            )
            return family(name, kind, help_, lines)

        def histogram(name: str, help_: str, what: Histogram) -> tuple[str, list[str]]:
            return family(name, "histogram", help_, what.lines(name))

        yield histogram(
            "kubelet_pleg_relist_duration_seconds",
            "[ALPHA] Duration in seconds for relisting pods in PLEG.",
            self.relist_duration,
        )
        yield histogram(
            "kubelet_pleg_relist_interval_seconds",
            "[ALPHA] Interval in seconds between relisting in PLEG.",
            self.relist_interval,
        )
        yield values(
            "kubelet_pleg_last_seen_seconds",
            "gauge",
            "[ALPHA] Timestamp in seconds when PLEG was last seen active.",
            {"": self.last_seen},
        )
        yield values(
            "kubelet_pleg_discard_events",
            "counter",
            "[ALPHA] The number of discard events in PLEG.",
            {"": self.discarded},
        )
        if self._pod_relist:
            yield histogram(
                "kubelet_pleg_pod_relist_duration_seconds",
                "[ALPHA] Duration in seconds for relisting a single pod in PLEG.",
                self.pod_relist_duration,
            )
        if self._evented:
            yield values(
                "kubelet_evented_pleg_connection_error_count",
                "counter",
                "[ALPHA] The number of errors encountered during the establishment of streaming "
                "connection with the CRI runtime.",
                {"": self.stream_errors},
            )
            yield values(
                "kubelet_evented_pleg_connection_success_count",
                "counter",
                "[ALPHA] The number of times a streaming client was obtained to receive CRI "
                "Events.",
                {"": self.stream_successes},
            )
            yield histogram(
                "kubelet_evented_pleg_connection_latency_seconds",
                "[ALPHA] The latency of streaming connection with the CRI runtime, measured in "
                "seconds.",
                self.event_latency,
            )
        yield values(
            "kubelet_running_pods",
            "gauge",
            "[ALPHA] Number of pods that have a running pod sandbox",
            {"": self.running_pods},
        )
        if self.running_containers:
            yield values(
                "kubelet_running_containers",
                "gauge",
                "[ALPHA] Number of containers currently running",
                self.running_containers,
            )
        yield values(
            "kubelet_runtime_operations_total",
            "counter",
            "[ALPHA] Cumulative number of runtime operations by operation type.",
            self.operations,
        )
        if self.operation_errors:
            yield values(
                "kubelet_runtime_operations_errors_total",
                "counter",
                "[ALPHA] Cumulative number of runtime operation errors by operation type.",
                self.operation_errors,
            )
        name = "kubelet_runtime_operations_duration_seconds"
        yield family(
            name,
            "histogram",
            "[ALPHA] Duration in seconds of runtime operations. Broken down by operation type.",
            (
                line
                for labels, kind in sorted(self.operation_seconds.items())
                for line in kind.lines(name, labels)
            ),
        )
        yield values(
            "kubernetes_feature_enabled",
            "gauge",
            "[BETA] This metric records the data about the stage and enablement of a k8s feature.",
            self.features,
        )
        yield values(
            "kubernetes_build_info",
            "gauge",
            "[BETA] A metric with a constant '1' value labeled by major, minor, git version, git "
            "commit, git tree state, build date, Go version, and compiler from which Kubernetes "
            "was built, and platform on which it is running.",
            {self.build: 1},
        )
        for key, (kind, help_) in _PROCESS.items():
            if key in process:
                yield values(key, kind, help_, {"": process[key]})


_PROCESS = {
    "process_cpu_seconds_total": ("counter", "Total user and system CPU time spent in seconds."),
    "process_open_fds": ("gauge", "Number of open file descriptors."),
    "process_resident_memory_bytes": ("gauge", "Resident memory size in bytes."),
    "process_start_time_seconds": (
        "gauge",
        "Start time of the process since unix epoch in seconds.",
    ),
}


def go_float(value: float) -> str:
    """As Go's strconv.FormatFloat(value, 'g', -1, 64), which Prometheus' text format is made of."""
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value != value:
        return "NaN"
    if value == 0:
        return "0"
    sign, digits, _ = Decimal(repr(float(value))).normalize().as_tuple()
    exponent = Decimal(repr(float(value))).adjusted()
    text = "".join(map(str, digits))
    minus = "-" if sign else ""
    if not -4 <= exponent < _WITH_EXPONENT:
        mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
        return f"{minus}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    plain = format(Decimal(repr(abs(float(value)))).normalize(), "f")
    return minus + plain
