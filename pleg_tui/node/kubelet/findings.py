"""What a full look amounts to, from what each source told; pure but for the time of day."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.node.kubelet.config import ReadConfig, shown
from pleg_tui.node.kubelet.embedded import Arguments
from pleg_tui.node.kubelet.flags import Flags
from pleg_tui.node.kubelet.gates import NAME, Settings, parse_release, resolve
from pleg_tui.node.kubelet.log_lines import LogFacts
from pleg_tui.node.kubelet.metrics import Sample
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.process import KubeletProcess
from pleg_tui.node.kubelet.runtime_metrics import RuntimeSample
from pleg_tui.node.kubelet.server import Configz, KubeletServer
from pleg_tui.node.kubelet.types import Evidence, Fact, Figure, Gate, Mode, PlegFigures, Weight

_DEFAULT_ENDPOINT = "unix:///run/containerd/containerd.sock"
_K3S_ENDPOINT = "unix:///run/k3s/containerd/containerd.sock"


class Told(Struct):
    """What the kubelet and the runtime told of themselves."""

    first: Sample | None = None
    second: Sample | None = None
    configz: Configz = Configz(why="not read")
    metrics_why: str = ""
    runtime_first: RuntimeSample | None = None
    runtime_why: str = ""
    rhythm: Evidence | None = None


def figures_without_metrics(why: str, log: LogFacts) -> PlegFigures:
    """What the log has of the figures where the metrics cannot be read; pure."""
    unknown = Figure(None, why)
    if not log.source or log.why:
        counted, errors = unknown, unknown
    else:
        counted = Figure(float(log.discards), f"{log.source}: lines about it since its start")
        errors = Figure(float(log.stream_errors), f"{log.source}: lines about it since its start")
    return PlegFigures(
        at=time.time(),
        relists=unknown,
        relists_per_s=unknown,
        interval_s=unknown,
        relist_p99_s=unknown,
        events=unknown,
        discards=counted,
        stream_errors=errors,
        cpu_ms_per_s=unknown,
    )


def with_flags(settings: Settings, flags: Flags, arguments: Arguments) -> Settings:
    """The gates of the files with those of the command line over them."""
    if arguments.doubt:
        settings = settings.doubted(arguments.doubt)
    if flags.problem:
        settings = settings.doubted(clean(flags.problem))
    return settings.over(f"--feature-gates in {arguments.source}", flags.gates)


def running_gate(
    told: Told, log: LogFacts, settings: Settings, version: Fact, server: KubeletServer
) -> Gate:
    """The gate that this very process runs with, by whoever knows it best."""
    release = parse_release(version.value)
    if told.first is not None and told.first.gate is not None:
        return Gate(told.first.gate, f"kubernetes_feature_enabled at {server.door.url}")
    if told.configz.gates is not None:
        source = f"{server.door.url}/configz"
        return resolve(Settings().over(source, told.configz.gates), release)
    if log.gates is not None:
        return resolve(Settings().over(f"the gates line in {log.source}", log.gates), release)
    return resolve(settings, release)


def gate_evidence(gate: Gate, told: Told, log: LogFacts) -> Evidence:
    """What the gate says of the mode, told by whoever decided it."""
    if told.first is not None and told.first.gate is not None:
        source = "metrics"
    elif told.configz.gates is not None:
        source = "configz"
    elif log.gates is not None:
        source = "log"
    else:
        source = "command line" if "--feature-gates" in gate.source else "config file"
    if gate.on is None:
        return Evidence(source, f"whether {NAME} is on is unknown: {gate.source}", Weight.NOTHING)
    if gate.on:
        says = f"{NAME} is on ({gate.source}), which alone does not show that it is used"
        return Evidence(source, says, Weight.WEAK)
    return Evidence(source, f"{NAME} is off: {gate.source}", Weight.STRONG, Mode.GENERIC)


def endpoint(told: Told, config: ReadConfig, flags: Flags, process: KubeletProcess | None) -> Fact:
    """The runtime that the kubelet talks to."""
    flagged = flags.values.get("container-runtime-endpoint")
    if flagged:
        return Fact(clean(flagged), "--container-runtime-endpoint")
    named = told.configz.config.get("containerRuntimeEndpoint")
    if isinstance(named, str) and named:
        return Fact(clean(named), "configz")
    written = config.merged.get("containerRuntimeEndpoint")
    if isinstance(written, str) and written:
        return Fact(written, "its configuration files")
    if process is None:
        return Fact(None, "no kubelet was found")
    if process.embedded == "k3s":
        return Fact(_K3S_ENDPOINT, "k3s's own containerd, the default")
    broken = next((file for file in config.files if file.error), None)
    if process.embedded or broken is not None:
        why = f"{broken.path} {broken.error}" if broken else f"inside {process.embedded}"
        return Fact(None, why)
    return Fact(_DEFAULT_ENDPOINT, "the kubelet's default")


def plain_config(told: Told, config: ReadConfig) -> Mapping[str, object]:
    """The configuration that it runs with where it told it, else that of its files."""
    plain = shown(dict(told.configz.config))
    return plain if isinstance(plain, dict) and plain else config.merged


def harmless(command: Sequence[str]) -> tuple[str, ...]:
    """A command line to show: cleaned, and without what may be a token."""
    shown_words: list[str] = []
    secret_follows = False
    for word in command:
        name, equals, value = word.partition("=")
        if secret_follows and not word.startswith("-"):
            shown_words.append("…")
            secret_follows = False
            continue
        if name == "--kubelet-arg" and equals:
            shown_words.append(f"{name}={harmless(('--' + value,))[0].removeprefix('--')}")
            continue
        secret = name.startswith("-") and any(
            mark in name.lower() for mark in ("token", "password", "secret", "url-header")
        )
        shown_words.append(f"{clean(name)}=…" if secret and equals else clean(word))
        secret_follows = secret and not equals
    return tuple(shown_words)


def remedies_for(
    mode: Mode, server: KubeletServer, told: Told, options: KubeletOptions
) -> tuple[str, ...]:
    """What would let us know more."""
    found: Sequence[str] = server.door.remedies
    more: list[str] = []
    if mode is Mode.UNKNOWN and told.first is None and not options.log_file:
        more.append("give the kubelet's log with --kubelet-log FILE if it is not in the journal")
    return (*found, *more)
