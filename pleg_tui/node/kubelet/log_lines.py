"""What a kubelet's log says about its PLEG; pure.

Sources: the kubelet's own messages, the same in 1.26 to 1.36 (evented.go, generic.go,
cri-client/pkg/remote_runtime.go, feature_gate.go, server.go), and those of the 1.37 redesign
(k/k#139262). Levels: stream errors and skipped pods are always logged, gates from V(1), the
fall-back from V(4), the rhythm of relists from V(5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pleg_tui.cri.clean import clean

MAX_LINE = 8192
RETRIES = 5
"""eventedPlegMaxStreamRetries: the count is never set back, so errors long apart count too."""

_KLOG = re.compile(r"\b([IWEF])(\d\d)(\d\d) (\d\d):(\d\d):(\d\d(?:\.\d+)?) +(\d+) ")
_GATES_NEW = re.compile(r'"?Updated"? featureGates="?(\{[^}]*\})')
_GATES_OLD = re.compile(r"feature gates: &?\{map\[([^\]]*)\]")
_VERSION = re.compile(r'"?Kubelet version"? kubeletVersion="?(v?\d[\w.+-]*)')
_K3S_FLAGS = re.compile(r'msg="Running kubelet (.*?)"\s*$')
_FLAG_V = re.compile(r'FLAG: --v="(\d+)"')

_STREAM_ERRORS = (
    "GetContainerEvents failed to get streaming client",
    "container events stream is closed",
    "failed to receive streaming container event",
)
_FELL_BACK = "Fall back to Generic PLEG relisting"
_FAST_PATH_OFF = "disabling container-termination fast path"
_RECEIVED = (
    "container event received",
    "Evented PLEG: Generated pod status from the received event",
    "Evented PLEG: requested pod relist after container termination",
)
_RELISTING = "GenericPLEG: Relisting"
_DISCARDS = ("discarded pod lifecycle event", "discard this relist() cycle event")
_SKIPPING = "Skipping pod synchronization"
_UNHEALTHY = "PLEG is not healthy"
_STARTING = "pleg has yet to be successful"


@dataclass(frozen=True, slots=True)
class Line:
    """One line, taken apart."""

    text: str
    at: float | None
    """Seconds on a clock that all lines share: since the epoch, or since new year; None: none."""
    pid: int | None


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What the lines of one kubelet say."""

    source: str = ""
    """Where they are from; empty: no log was read."""
    why: str = ""
    """Why there is no log, or what is missing of it; empty: nothing."""
    lines: int = 0
    gates: Mapping[str, bool] | None = None
    """The last line about gates; None: there was none, which says nothing."""
    version: str | None = None
    arguments: tuple[str, ...] = ()
    """The kubelet's own, as k3s logs them."""
    verbosity: int | None = None
    stream_errors: int = 0
    burst: bool = False
    """Five of them within ten seconds."""
    fell_back: bool = False
    fast_path_off: bool = False
    events: int = 0
    relists: tuple[float, ...] = field(default=())
    """When, for those that were logged."""
    discards: int = 0
    unhealthy: int = 0
    unhealthy_says: str = ""
    last_at: float | None = None
    read: tuple[float, int] = (0.0, 0)
    """When it was read, seconds since the epoch, and up to which byte where it is a file."""


def parse_line(text: str) -> Line:
    """A line of klog, of klog behind a syslog or journal prefix, or of JSON logging."""
    text = text[:MAX_LINE]
    found = _KLOG.search(text[:400])
    if found is not None:
        month, day, hour, minute = (int(found[i]) for i in range(2, 6))
        # Only differences count, and a kubelet's log lines are compared within one start.
        at = ((month * 31 + day) * 24 + hour) * 3600.0 + minute * 60 + float(found[6])
        return Line(text, at, int(found[7]))
    if text.startswith("{"):
        return _json_line(text)
    return Line(text, None, None)


def of_this_kubelet(
    lines: Iterable[Line], pids: frozenset[int], *, whole: bool = False
) -> list[Line]:
    """The lines since this kubelet's start, of a file that may hold those of earlier ones too.

    A kubelet's first lines at V(0) name its version, so what is more than ten seconds before the
    last such line is of a kubelet before it, even one with the same pid.

    Args:
        lines: in the order of the file.
        pids: this kubelet's; empty: unknown, and the last start in the file counts.
        whole: the lines are known to be of this kubelet only.
    """
    kept = list(lines)
    if whole:
        return kept
    if pids and any(line.pid is not None for line in kept):  # JSON logging tells no pid
        kept = [line for line in kept if line.pid is None or line.pid in pids]
        if not any(line.pid is not None for line in kept):
            return []
    starts = [i for i, line in enumerate(kept) if _VERSION.search(line.text)]
    if not starts:
        return kept
    first = starts[-1]
    began = kept[first].at
    while first > 0 and began is not None:
        before = kept[first - 1].at
        if before is not None and not 0 <= began - before <= 10:
            break
        first -= 1
    return kept[first:]


def digest(lines: Iterable[Line]) -> LogFacts:
    """What these lines of one kubelet say."""
    count = 0
    gates: Mapping[str, bool] | None = None
    version: str | None = None
    arguments: tuple[str, ...] = ()
    verbosity: int | None = None
    errors = 0
    error_times: list[float] = []
    fell_back = fast_path_off = False
    events = discards = unhealthy = 0
    unhealthy_says = ""
    relists: list[float] = []
    last_at: float | None = None
    for line in lines:
        text = line.text
        count += 1
        last_at = line.at if line.at is not None else last_at
        if "feature" in text:
            gates = _gates(text) or gates
        if "Kubelet version" in text and (found := _VERSION.search(text)):
            version = found[1].removeprefix("v")
        elif "Running kubelet" in text and (found := _K3S_FLAGS.search(text)):
            arguments = tuple(found[1].split())
        elif found := _FLAG_V.search(text):
            verbosity = int(found[1])
        elif any(mark in text for mark in _STREAM_ERRORS):
            errors += 1
            if line.at is not None:
                error_times.append(line.at)
        elif _FELL_BACK in text:
            fell_back = True
        elif _FAST_PATH_OFF in text:
            fast_path_off = True
        elif any(mark in text for mark in _RECEIVED):
            events += 1
        elif _RELISTING in text:
            if line.at is not None:
                relists.append(line.at)
        elif any(mark in text for mark in _DISCARDS):
            discards += 1
        elif _SKIPPING in text and _UNHEALTHY in text and _STARTING not in text:
            unhealthy += 1
            unhealthy_says = clean(text[text.index(_UNHEALTHY) :].split('"')[0], 300)
    return LogFacts(
        lines=count,
        gates=gates,
        version=version,
        arguments=arguments,
        verbosity=verbosity,
        stream_errors=errors,
        burst=_burst(error_times),
        fell_back=fell_back,
        fast_path_off=fast_path_off,
        events=events,
        relists=tuple(relists),
        discards=discards,
        unhealthy=unhealthy,
        unhealthy_says=unhealthy_says,
        last_at=last_at,
    )


def _burst(times: list[float]) -> bool:
    return any(
        later - first <= 10 for first, later in zip(times, times[RETRIES - 1 :], strict=False)
    )


def _gates(text: str) -> Mapping[str, bool] | None:
    found = _GATES_NEW.search(text)
    if found is not None:
        return _json_gates(found[1].replace('\\"', '"'))
    found = _GATES_OLD.search(text)
    if found is None:
        return None
    pairs = (word.partition(":") for word in found[1].split())
    return {name: value == "true" for name, _, value in pairs if value in ("true", "false")}


def _json_gates(text: str) -> Mapping[str, bool] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return {str(name): on for name, on in value.items() if isinstance(on, bool)}


def _json_line(text: str) -> Line:
    """JSON logging: {"ts":1795449600123.4,"caller":"…","msg":"…","v":4, …}."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Line(text, None, None)
    if not isinstance(value, dict):
        return Line(text, None, None)
    ts = value.get("ts")
    at = ts / 1000 if isinstance(ts, int | float) and not isinstance(ts, bool) else None
    pieces = [f'"{value.get("msg", "")}"']
    for key, item in value.items():
        if key not in ("ts", "caller", "msg", "v"):
            shown = json.dumps(item) if isinstance(item, dict | list) else item
            quoted = f'"{shown}"' if isinstance(item, str) else shown
            pieces.append(f"{key}={quoted}")
    return Line(" ".join(map(str, pieces)), at, None)
