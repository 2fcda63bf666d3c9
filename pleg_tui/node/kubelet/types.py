"""The facts about a kubelet as plain data; what is not known is None, with the reason beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was seen."""

    source: str
    """Where: "metrics", "configz", "log", "rhythm", "command line", "config file", "version"."""
    says: str
    """One sentence with its figures."""
    weight: Weight
    mode: Mode | None = None
    """The mode that it speaks for; None: for none."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A value with where it came from; value None is unknown, and `source` then says why."""

    value: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A feature gate as the kubelet would resolve it."""

    on: bool | None
    """None: unknown."""
    source: str
    """The file, flag or default that decided it; or why it is unknown."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file that the kubelet reads, in the order of the merge."""

    path: str
    """As the kubelet sees it, without --root."""
    kind: str
    """config, drop-in or environment."""
    error: str = ""
    """Why it could not be read or understood; empty when it was."""


@dataclass(frozen=True, slots=True)
class KubeletFacts:
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
