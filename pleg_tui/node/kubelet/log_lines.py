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

from msgspec import Struct, field

from pleg_tui.cri.clean import clean

MAX_LINE = 8192
RETRIES = 5
"""eventedPlegMaxStreamRetries: the count is never set back, so errors long apart count too."""

_KLOG = re.compile(
    r"(?:^|^\S[^\]]{0,200} [\w.-]+\[\d+\]: )"
    r"[IWEF](\d\d)(\d\d) (\d\d):(\d\d):(\d\d(?:\.\d+)?) +(\d+) [\w.-]+:\d+\] "
)
"""klog's header, at the line's start or behind that of syslog or the journal; nowhere else, for
what follows may be a pod's own text."""
_LOGRUS = re.compile(
    r'(?:^|^\S[^\]]{0,200} k3s\[\d+\]: )time="[^"]*" level=\w+ (?=msg="Running kubelet )'
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_GATES_NEW = re.compile(r'^ ?featureGates="?(\{[^}]*\})')
_GATES_OLD = re.compile(r"^feature gates: &?\{map\[([^\]]*)\]")
_VERSION = re.compile(r'^ ?kubeletVersion="?(v?\d[\w.+-]*)')
_FLAG_V = re.compile(r'^FLAG: --v="(\d+)"')

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


class Line(Struct, frozen=True):
    """One line, taken apart."""

    message: str
    """What the kubelet itself says; pods' texts are never in it."""
    values: str
    """What follows it: `key=value` pairs, in which anything may stand."""
    at: float | None
    """Seconds on a clock that all lines share: since the epoch, or since new year; None: none."""
    pid: int | None


class LogFacts(Struct, frozen=True):
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
    """A line of klog, of klog behind a syslog or journal prefix, or of JSON logging.

    Every other line has no message: it is the rest of a long value, which may be a pod's.
    """
    text = text[:MAX_LINE]
    found = _KLOG.match(text)
    if found is not None:
        month, day, hour, minute = (int(found[i]) for i in range(1, 5))
        # Only differences count, and a kubelet's log lines are compared within one start.
        at = ((month * 31 + day) * 24 + hour) * 3600.0 + minute * 60 + float(found[5])
        message, values = _parted(text[found.end() :])
        return Line(message, values, at, int(found[6]))
    if text.startswith("{"):
        return _json_line(text)
    found = _LOGRUS.match(text)
    if found is not None:
        message, values = _parted(text[found.end() + 4 :])
        return Line(message, values, None, None)
    return Line("", "", None, None)


def _parted(text: str) -> tuple[str, str]:
    """The message and what follows it; without quotes it is all message, as klog.Infof writes."""
    found = _QUOTED.match(text)
    return (found[1], text[found.end() :]) if found else (text, "")


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
    starts = [i for i, line in enumerate(kept) if line.message == "Kubelet version"]
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
        message, values = line.message, line.values
        count += 1
        last_at = line.at if line.at is not None else last_at
        if message in ("Updated", "updated") or message.startswith("feature gates: "):
            told = _gates(message, values)
            gates = gates if told is None else told
        elif message == "Kubelet version":
            found = _VERSION.match(values)
            version = found[1].removeprefix("v") if found else version
        elif message.startswith("Running kubelet "):
            arguments = tuple(message.split()[2:])
        elif found := _FLAG_V.match(message):
            verbosity = int(found[1])
        elif message.startswith(_STREAM_ERRORS):
            errors += 1
            if line.at is not None:
                error_times.append(line.at)
        elif message.startswith(_FELL_BACK):
            fell_back = True
        elif _FAST_PATH_OFF in message:
            fast_path_off = True
        elif message.startswith(_RECEIVED):
            events += 1
        elif message.startswith(_RELISTING):
            if line.at is not None:
                relists.append(line.at)
        elif any(mark in message for mark in _DISCARDS):
            discards += 1
        elif message == _SKIPPING and _UNHEALTHY in values and _STARTING not in values:
            unhealthy += 1
            unhealthy_says = clean(values[values.index(_UNHEALTHY) :].split('"')[0], 300)
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


def _gates(message: str, values: str) -> Mapping[str, bool] | None:
    found = _GATES_NEW.match(values)
    if found is not None:
        return _json_gates(found[1].replace('\\"', '"'))
    found = _GATES_OLD.match(message)
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
        return Line("", "", None, None)
    if not isinstance(value, dict) or not isinstance(value.get("msg"), str):
        return Line("", "", None, None)
    ts = value.get("ts")
    at = ts / 1000 if isinstance(ts, int | float) and not isinstance(ts, bool) else None
    pieces = []
    for key, item in value.items():
        if key not in ("ts", "caller", "msg", "v", "logger"):
            pieces.append(f"{key}={json.dumps(item)}")
    return Line(value["msg"], " ".join(pieces), at, None)
