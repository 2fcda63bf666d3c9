"""What each version of the kubelet and of the runtimes means for Evented PLEG, as data.

A rung holds for versions from `low` up to, and without, `high`. Each names its source: a pull
request or issue of kubernetes/kubernetes (k/k), containerd or CRI-O, or the KEP.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from pleg_tui.cri.traits import Version, parse_version

KEP = "KEP-3386"


class Status(StrEnum):
    """How a check came out."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class When(StrEnum):
    """What else must be true of the node for a rung to matter."""

    ALWAYS = "always"
    SIDECARS = "sidecars"
    """A pod has restartable init containers."""
    STATIC = "static"
    """Static pods run here."""


class Rung(Struct, frozen=True):
    """One fact about a range of versions."""

    subject: str
    """kubelet, containerd, cri-o or docker (cri-dockerd)."""
    low: tuple[int, int, int]
    high: tuple[int, int, int] | None
    """None: no end is known."""
    status: Status
    says: str
    remedy: str
    """Empty: nothing to do; a rung that passes and has one is a risk to know, not a fault."""
    source: str
    when: When = When.ALWAYS

    def holds(self, version: Version) -> bool:
        """Whether the version is in the range; a release candidate counts as its release."""
        at = (version.major, version.minor, version.patch)
        return self.low <= at and (self.high is None or at < self.high)


_NO = Status.FAIL
_OH = Status.WARN
_OK = Status.PASS
_KUBELET = (
    Rung(
        "kubelet",
        (0, 0, 0),
        (1, 26, 0),
        _NO,
        "this kubelet has no feature gate EventedPLEG, and does not start with an unknown one",
        "upgrade the node, best to 1.32",
        "k/k#111384: the gate came with 1.26",
    ),
    Rung(
        "kubelet",
        (1, 26, 0),
        (1, 29, 0),
        _OH,
        "with the gate on a pod that is not yet in the kubelet's cache counts as empty, and its "
        "containers may be started twice",
        "upgrade the node to 1.32 before switching",
        "k/k#121003, k/k#120942 (mended in 1.29, never taken back)",
    ),
    Rung(
        "kubelet",
        (1, 26, 0),
        (1, 32, 0),
        _OH,
        "an event's time is read in the wrong unit, so that later listings never correct what an "
        "event said",
        "upgrade the node to 1.32 before switching",
        "k/k#124704, mended by k/k#124297 and k/k#127195 in 1.32",
    ),
    Rung(
        "kubelet",
        (1, 26, 0),
        (1, 37, 0),
        _OH,
        "static pods may start twice or not at all with the gate on",
        "leave nodes with static pods (control planes) on polling, or accept the risk",
        "k/k#121349, k/k#123087 (open)",
        When.STATIC,
    ),
    Rung(
        "kubelet",
        (1, 33, 0),
        (1, 37, 0),
        _OH,
        "pods with sidecars (init containers that restart always) may stay Pending for minutes",
        "do not switch nodes that run such pods",
        "k/k#133371, k/k#133372 (closed, not merged)",
        When.SIDECARS,
    ),
    Rung(
        "kubelet",
        (1, 26, 0),
        (1, 37, 0),
        _OK,
        "five interruptions of the event stream, which one restart of the runtime makes in 0.4 s, "
        "put the kubelet back to polling until it is restarted; the gate still reads true",
        "after each restart of the runtime restart the kubelet too",
        "k/k#129827 (open)",
    ),
    Rung(
        "kubelet",
        (1, 26, 0),
        (1, 37, 0),
        _OK,
        "pods may end more slowly, by up to 5 s a step, and an event that gets lost is noticed "
        "only after up to 300 s",
        "watch how long pods take to end",
        f"k/k#135240, k/k#124297; {KEP}",
    ),
    Rung(
        "kubelet",
        (1, 37, 0),
        None,
        _OH,
        "from 1.37 on the gate no longer replaces polling: the kubelet lists every second as "
        "before, and events only make it notice ended containers sooner; it saves no CPU",
        "switch for earlier notice of ended containers, not for less load",
        f"k/k#139262; {KEP} as rewritten for 1.37",
    ),
)
_CONTAINERD = (
    Rung(
        "containerd",
        (0, 0, 0),
        (1, 7, 0),
        _NO,
        "this containerd does not know CRI events (Unimplemented)",
        "upgrade containerd to 2.0.3 or later",
        "containerd pkg/cri/server/container_events.go at v1.6",
    ),
    Rung(
        "containerd",
        (1, 7, 0),
        (2, 0, 0),
        _OH,
        "containerd 1.7 has one queue for all readers: a second reader takes the kubelet's events "
        "away, and the first gets up to 1000 stale ones, so it is restarted before the kubelet",
        "upgrade to 2.0.3 or later, and let nothing else (crictl events) read CRI events",
        "containerd#7318, measured on 1.7.24",
    ),
    Rung(
        "containerd",
        (2, 0, 0),
        (2, 0, 3),
        _NO,
        "containerd 2.0.0 to 2.0.2 makes an evented kubelet see pods without containers",
        "upgrade containerd to 2.0.3 or later first",
        "k/k#129818, containerd#10740, mended by containerd#11323",
    ),
    Rung(
        "containerd",
        (2, 0, 3),
        None,
        _OK,
        "this containerd sends events to every reader",
        "",
        "containerd#9661",
    ),
)
_CRIO = (
    Rung(
        "cri-o",
        (0, 0, 0),
        (1, 26, 0),
        _NO,
        "this CRI-O does not know CRI events",
        "upgrade CRI-O to 1.35 or later, as the kubelet's version allows",
        "CRI-O v1.25.0",
    ),
    Rung(
        "cri-o",
        (1, 26, 0),
        (1, 28, 0),
        _OH,
        "readers share one channel: a second one takes the kubelet's events away",
        "upgrade CRI-O, and let nothing else (crictl events) read CRI events",
        "cri-o#6466, mended by cri-o#6838 in 1.28.0",
    ),
    Rung(
        "cri-o",
        (1, 26, 0),
        (1, 33, 0),
        _OH,
        "a reader of events that leaves under load can bring CRI-O down",
        "upgrade CRI-O to 1.33 or later, and let nothing else read CRI events",
        "cri-o#9004, mended by cri-o#9014 in 1.33.0",
    ),
    *(
        Rung(
            "cri-o",
            low,
            high,
            _OH,
            "CRI-O gives the time of a pod's status in seconds where nanoseconds belong, so that "
            "listings and events are put into the wrong order",
            f"upgrade CRI-O to {mended} or later",
            "cri-o#8580",
        )
        for low, high, mended in (
            ((1, 26, 0), (1, 29, 9), "1.29.9"),
            ((1, 30, 0), (1, 30, 6), "1.30.6"),
            ((1, 31, 0), (1, 31, 1), "1.31.1"),
        )
    ),
    Rung(
        "cri-o",
        (1, 31, 0),
        (1, 35, 0),
        _OH,
        "a container that vanishes while CRI-O lists it can make an evented kubelet crash",
        "upgrade CRI-O to 1.35 or later",
        "cri-o#9663, mended in 1.35.0",
    ),
    Rung(
        "cri-o",
        (1, 35, 0),
        None,
        _OK,
        "this CRI-O has the known repairs",
        "",
        "cri-o#9014, cri-o#9663",
    ),
)
_OTHERS = (
    Rung(
        "docker",
        (0, 0, 0),
        None,
        _NO,
        "cri-dockerd does not know CRI events (Unimplemented)",
        "use containerd or CRI-O",
        "cri-dockerd core/docker_service.go",
    ),
)

LADDER = (*_KUBELET, *_CONTAINERD, *_CRIO, *_OTHERS)
"""Every rung there is, lowest first for each subject."""


def rungs(subject: str, version: str) -> tuple[Rung, ...] | None:
    """What is known about a version; None when the version cannot be read.

    Args:
        subject: as in `Rung`.
        version: as the program says it, suffixes and all.
    """
    parsed = parse_version(version)
    if parsed is None:
        return None
    return tuple(rung for rung in LADDER if rung.subject == subject and rung.holds(parsed))


def worst(found: tuple[Rung, ...]) -> Status:
    """The worst status among rungs; pass where there are none."""
    for status in (Status.FAIL, Status.WARN):
        if any(rung.status is status for rung in found):
            return status
    return Status.PASS


def at_least(version: str | None, major: int, minor: int) -> bool | None:
    """Whether a version is this one or later; None when it cannot be read."""
    parsed = parse_version(version or "")
    return None if parsed is None else (parsed.major, parsed.minor) >= (major, minor)
