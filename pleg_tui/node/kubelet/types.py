"""The facts about a kubelet as plain data; what is not known is None, with the reason beside it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field


class Mode(StrEnum):
    """What a kubelet really does, whatever its gate says."""

    GENERIC = "generic"
    """It polls: a relist every second."""
    EVENTED = "evented"
    """It lives on the runtime's events and relists every 300 s."""
    FALLEN_BACK = "fallen-back"
    """The gate is on, but five stream errors have put it back to polling until it restarts."""
    HINT_ONLY = "hint-only"
    """1.37 and later: it polls, and events only hurry the terminations."""
    UNKNOWN = "unknown"


class Weight(StrEnum):
    """How much a piece of evidence says."""

    PROOF = "proof"
    STRONG = "strong"
    WEAK = "weak"
    NOTHING = "nothing"
    """Looked at, and it says nothing; told so that nobody looks again."""


class Evidence(Struct, frozen=True):
    """One thing that was seen."""

    source: str
    """Where: "metrics", "configz", "log", "rhythm", "command line", "config file", "version"."""
    says: str
    """One sentence with its figures."""
    weight: Weight
    mode: Mode | None = None
    """The mode that it speaks for; None: for none."""
    polls: bool | None = None
    """Does it say that the kubelet relists every second (True) or does not; None: neither."""


class Fact(Struct, frozen=True):
    """A value with where it came from; value None is unknown, and `source` then says why."""

    value: str | None
    source: str


class Gate(Struct, frozen=True):
    """A feature gate as the kubelet would resolve it."""

    on: bool | None
    """None: unknown."""
    source: str
    """The file, flag or default that decided it; or why it is unknown."""


class ConfigFile(Struct, frozen=True):
    """One file that the kubelet reads, in the order of the merge."""

    path: str
    """As the kubelet sees it, without --root."""
    kind: str
    """config, drop-in or environment."""
    error: str = ""
    """Why it could not be read or understood; empty when it was."""
    newer: bool = False
    """It was changed after this kubelet's start: what it says counts from the next start on."""


class Figure(Struct, frozen=True):
    """One of the kubelet's own figures."""

    value: float | None
    """None: unknown, and `source` then says why."""
    source: str
    """Where it was read, and over how long; or why it is unknown."""


_NOT_READ = Figure(None, "not read")


class PlegFigures(Struct, frozen=True):
    """The kubelet's own PLEG figures at one moment; counters are since this kubelet's start."""

    at: float | None = None
    """When they were read, seconds since the epoch; None: never."""
    relists: Figure = _NOT_READ
    """Whole relists since its start."""
    relists_per_s: Figure = _NOT_READ
    """Over the time since the sample before."""
    interval_s: Figure = _NOT_READ
    """Mean seconds between two relists: of those since the sample before, else since its start."""
    relist_p99_s: Figure = _NOT_READ
    """99th percentile of a relist's duration in seconds, from the histogram since its start."""
    events: Figure = _NOT_READ
    """Container events that it has processed."""
    discards: Figure = _NOT_READ
    """Pod events that it threw away because its channel was full."""
    stream_errors: Figure = _NOT_READ
    """Ends of its event stream."""
    cpu_ms_per_s: Figure = _NOT_READ
    """Processor time of its process, milliseconds per second, since the sample before."""


class NodeFacts(Struct, frozen=True):
    """What the cluster says of this node; None is unknown."""

    name: str | None = None
    cordoned: bool | None = None
    ready: bool | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    """By type ("Ready", "MemoryPressure"): "True", "False" or "Unknown"; a reason follows it."""
    kubelet_version: str | None = None
    source: str = "not read"
    """The API server that said so, or why nothing is known."""


class Home(Struct, frozen=True):
    """Where this distribution keeps the kubelet's configuration, and who would write it anew."""

    distribution: str | None = None
    """None: not recognised, and `source` says why."""
    unit: str | None = None
    """The systemd unit that runs the kubelet, without ".service"; None: unknown."""
    config_file: str | None = None
    """Its configuration file, as the kubelet sees it; None: it has none, or it is unknown."""
    drop_in_dir: str | None = None
    """The folder of drop-ins that it reads; None: it reads none."""
    flags_files: tuple[str, ...] = ()
    """Files that set its flags and that exist."""
    change: str = ""
    """Where a lasting change of a gate belongs, one sentence."""
    overwritten_by: str = ""
    """What would overwrite a change made on the node itself; empty: nothing known."""
    supported: bool | None = None
    """False: a change on the node itself would not last or is not allowed; None: unknown."""
    source: str = "not read"
    """What it was recognised by; a layout that is known by hearsay only is said to be."""


class KubeletFacts(Struct, frozen=True):
    """Everything that could be learned at one moment."""

    pid: int | None
    """None: no kubelet process was found; `why` says where we looked."""
    why: str
    version: Fact
    """"1.36.2", without the v."""
    command: tuple[str, ...] = ()
    started_at: float | None = None
    """Seconds since the epoch."""
    config_files: tuple[ConfigFile, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    """The merged KubeletConfiguration as far as readable; tokens and keys are not in it."""
    gates: Mapping[str, bool] = field(default_factory=dict)
    """Every gate that is set anywhere, merged as the kubelet merges them."""
    evented_gate: Gate = Gate(None, "not read")
    runtime_endpoint: Fact = Fact(None, "not read")
    distribution: Fact = Fact(None, "not read")
    """kubeadm, k3s, kind, eks, gke, openshift, microshift …"""
    mode: Mode = Mode.UNKNOWN
    mode_why: str = ""
    """One sentence: how the evidence was weighed."""
    evidence: tuple[Evidence, ...] = ()
    pids: tuple[int, ...] = ()
    """All kubelets that were found, `pid` among them; several: `why` says which was taken."""
    unit_cgroup: str | None = None
    """Its control group as /proc/<pid>/cgroup has it, v2 or the systemd tree; None: unknown."""
    root: str = "/"
    """Where its file system is seen from here: --root, or its own /proc/<pid>/root."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """The kubelet flags that concern us, without dashes; those of an embedded kubelet too."""
    next_gate: Gate = Gate(None, "not read")
    """What EventedPLEG will be when the kubelet starts next, by its flags and files as they are."""
    home: Home = Home()
    figures: PlegFigures = PlegFigures()
    node: NodeFacts = NodeFacts()
    log_source: str = ""
    """The file (as seen from here) or journal that its log was read from; empty: none was."""
    log_read: tuple[float, int] = (0.0, 0)
    """When its log was read, seconds since the epoch, and up to which byte where it is a file."""
    remedies: tuple[str, ...] = ()
    """What would let us know more: rights to grant, options to give; a sentence or snippet each."""


class ChangeKind(StrEnum):
    """What the drift watch has seen."""

    APPEARED = "appeared"
    GONE = "gone"
    RESTARTED = "restarted"
    """The kubelet is another process than before: whatever it had fallen back from is undone."""
    FELL_BACK = "fell-back"
    STREAM_ERRORS = "stream-errors"
    DISCARDS = "discards"
    UNHEALTHY = "unhealthy"
    """It has skipped pods because its PLEG was not healthy."""
    MODE = "mode"
    """Another mode than before, for none of the reasons above."""


class Change(Struct, frozen=True):
    """One thing that has changed between two looks."""

    kind: ChangeKind
    at: float
    """When it happened, or was seen, seconds since the epoch."""
    says: str
    """One sentence with its figures."""
    remedy: str
    """One sentence; empty where nothing needs doing."""
    source: str


class Look(Struct, frozen=True):
    """One cheap look at a kubelet that is known already."""

    at: float
    pid: int | None
    mode: Mode
    mode_why: str
    figures: PlegFigures
    changes: tuple[Change, ...] = ()
    full_look_due: bool = False
    """The cheap look cannot tell: read_kubelet() should look again, and renew() be given that."""
