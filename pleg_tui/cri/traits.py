"""What each runtime can do and what a subscriber would do to it; which source the live view takes.

Decided from the Version RPC alone: opening an event stream to find out would itself harm some
runtimes. A version that cannot be read counts as the one that can least.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.model import Source

CriEvents = Literal["safe", "steals", "crashes", "breaks", "none", "unknown"]
"""What CRI GetContainerEvents is on a runtime, for a second reader beside the kubelet.

safe: every reader gets every event; one that stops reading must be guarded against.
steals: readers share one channel, so a second one takes the kubelet's events away.
crashes: a reader that leaves can bring the runtime down.
breaks: the kubelet's own use of events does not work with this version.
none: not implemented. unknown: nothing is known about this runtime or version.
"""

EVENTS_OFF = (
    "CRI-O sends no events because its option is off: set `enable_pod_events = true` under "
    "`[crio.runtime]` in a file in /etc/crio/crio.conf.d and restart crio; until then it is listed"
)
"""For the caller who sees a CRI-O event stream end at once with OK (CRI-O container_events.go)."""

NAMES = {"containerd": "containerd", "cri-o": "CRI-O", "docker": "cri-dockerd"}
"""The runtimes known here, as Version says them (lower case), and as people do."""

_VERSION = re.compile(r"\s*v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?![\d])(?P<rest>.*)", re.I | re.S)
_EARLY = re.compile(r"[-.~+]?(?:alpha|beta|rc|dev|pre)(?![a-z])", re.I)
_SIMULATED = re.compile(r"[-+~.]?simulated", re.I)


class TraitsError(ValueError):
    """The source that was asked for cannot be had; its text is one sentence with the remedy."""


class Version(Struct, frozen=True, order=True):
    """A runtime's version, comparable; what distributions append is left out."""

    major: int
    minor: int
    patch: int = 0
    final: bool = True
    """False for a release candidate and the like, which come before the release itself."""

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + ("" if self.final else " (pre-release)")


class Traits(Struct, frozen=True):
    """What is known about a runtime from its name and version."""

    name: str
    """containerd, cri-o, docker (cri-dockerd), or whatever it calls itself, lower case."""
    version: Version | None
    """None when it cannot be read."""
    simulated: bool
    cri_events: CriEvents
    cri_events_why: str
    """One sentence, for people."""

    @property
    def title(self) -> str:
        """The runtime's name and version as people say them."""
        name = NAMES.get(self.name, self.name or "the runtime")
        return f"{name} {self.version}" if self.version else f"{name} of unknown version"


class Choice(Struct, frozen=True):
    """The source for the live view, and everything an admin may want to know about it."""

    source: Source
    why: str
    warning: str
    """What this choice can do to the node; empty when it can do nothing."""
    cri_events: CriEvents
    cri_events_why: str
    coverage: str
    """What this source sees and what it cannot see, in one sentence."""


def parse_version(text: str) -> Version | None:
    """The version in a text such as "v1.7.24~ds1-6+b4", "2.1.9+unknown" or "1.33.0-dev".

    Returns:
        None when the text does not begin with at least major.minor.
    """
    match = _VERSION.match(_SIMULATED.sub("", text))
    if match is None:
        return None
    major, minor, patch = (int(match[i] or 0) for i in (1, 2, 3))
    return Version(major, minor, patch, _EARLY.match(match["rest"]) is None)


def traits(name: str, version: str) -> Traits:
    """What is known about the runtime that answered Version with this name and version."""
    simulated = bool(_SIMULATED.search(version) or _SIMULATED.search(name))
    plain = clean(_SIMULATED.sub("", name).strip().lower(), 64)
    parsed = parse_version(version)
    events, why = _cri_events(plain, parsed)
    return Traits(plain, parsed, simulated, events, why)


def choose(runtime_name: str, runtime_version: str, wanted: str) -> Choice:
    """The source for the live view on this runtime.

    Args:
        runtime_name: Version's runtime_name.
        runtime_version: Version's runtime_version, suffixes and all.
        wanted: auto, cri, containerd or relist (--source).

    Raises:
        TraitsError: the runtime does not have the source that is wanted.
        ValueError: there is no such source.
    """
    known = traits(runtime_name, runtime_version)
    if wanted == "auto":
        return _auto(known)
    source = Source(wanted)
    forced = f"--source {wanted} was asked for"
    if source is Source.RELIST:
        return _choice(known, source, forced)
    if source is Source.CONTAINERD:
        if known.name != "containerd":
            raise TraitsError(
                f"{known.title} does not have containerd's event stream: use --source auto"
            )
        return _choice(known, source, forced)
    if known.cri_events == "none":
        raise TraitsError(f"{known.cri_events_why}: use --source auto")
    return _choice(known, source, forced, _harm(known))


def _auto(known: Traits) -> Choice:
    if known.name == "containerd":
        why = "containerd's own event stream cannot hold containerd up, whatever its reader does"
        return _choice(known, Source.CONTAINERD, why)
    if known.name == "cri-o" and known.cri_events == "safe":
        why = (
            "from 1.33 on CRI-O serves several readers of CRI events safely; the stream is guarded"
        )
        return _choice(known, Source.CRI, why)
    return _choice(known, Source.RELIST, f"{known.cri_events_why}, so it is listed instead")


def _choice(known: Traits, source: Source, why: str, warning: str = "") -> Choice:
    return Choice(
        source, why, warning, known.cri_events, known.cri_events_why, _coverage(known, source)
    )


def _cri_events(name: str, version: Version | None) -> tuple[CriEvents, str]:
    if name == "containerd":
        return _containerd_events(version)
    if name == "cri-o":
        return _crio_events(version)
    if name == "docker":
        return "none", "cri-dockerd does not implement CRI events"
    return "unknown", f"nothing is known about CRI events of {name or 'a runtime without a name'}"


def _containerd_events(version: Version | None) -> tuple[CriEvents, str]:
    if version is None:
        return "unknown", "containerd's version cannot be read, and 1.7 has unsafe CRI events"
    if version < Version(1, 7, 0, final=False):
        return "none", f"containerd {version} does not implement CRI events (1.7 and newer do)"
    if version < Version(2, 0, 0, final=False):
        return (
            "steals",
            f"containerd {version} hands each CRI event to only one of its readers, so a second "
            "reader takes the kubelet's events away",
        )
    if version < Version(2, 0, 3):
        return (
            "breaks",
            f"containerd {version} leaves container statuses out of what a kubelet with Evented "
            "PLEG relies on (fixed in 2.0.3)",
        )
    return (
        "safe",
        f"containerd {version} gives every reader every CRI event; one that stopped reading would "
        "block the creation of containers, so it is guarded",
    )


def _crio_events(version: Version | None) -> tuple[CriEvents, str]:
    if version is None:
        return "unknown", "CRI-O's version cannot be read, and before 1.33 its events are unsafe"
    if version < Version(1, 26):
        return "none", f"CRI-O {version} does not implement CRI events (1.26 and newer do)"
    if version < Version(1, 28):
        return (
            "steals",
            f"CRI-O {version} hands each CRI event to only one of its readers, so a second reader "
            "takes the kubelet's events away",
        )
    if version < Version(1, 33):
        return (
            "crashes",
            f"CRI-O {version} can crash when a reader of CRI events leaves (fixed in 1.33)",
        )
    return "safe", f"CRI-O {version} gives every reader every CRI event, one reader after another"


def _harm(known: Traits) -> str:
    """What forcing CRI events can do on this runtime."""
    if known.cri_events == "steals":
        return f"{known.cri_events_why}; stop this if the kubelet uses Evented PLEG"
    if known.cri_events == "crashes":
        return f"{known.cri_events_why}: ending this program can end CRI-O"
    if known.cri_events == "breaks":
        return (
            f"{known.cri_events_why}, and a reader that stopped reading would block the creation "
            "of containers; the stream is guarded"
        )
    if known.cri_events == "unknown":
        return f"{known.cri_events_why}: a reader of them may take or delay the kubelet's events"
    if known.name == "containerd":
        return (
            "a reader of CRI events that stopped reading would block the creation of containers "
            "on this node; the stream is guarded, --source containerd cannot block anyone"
        )
    return ""


def _coverage(known: Traits, source: Source) -> str:
    if source is Source.RELIST:
        return (
            "what each listing finds: containers that come and go between two listings are never "
            "seen, and times of change are those the runtime keeps"
        )
    if source is Source.CONTAINERD:
        return (
            "every creation, start, exit, OOM kill and removal of sandboxes and containers since "
            "the stream was opened; containerd replays nothing from before"
        )
    if known.name == "cri-o":
        return (
            "every creation, start and exit; CRI-O announces neither the removal of a sandbox nor "
            "OOM kills, so a removal is found by the next listing"
        )
    return (
        "every creation, start, exit and removal of sandboxes and containers, and what the runtime "
        "replays from before; OOM kills are known by the reason of the exit"
    )
