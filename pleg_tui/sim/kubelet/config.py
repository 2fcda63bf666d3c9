"""A kubelet's configuration as it resolves it: defaults, file, drop-ins, flags, and its gates.

Sources: cmd/kubelet/app/server.go (loadConfigFile, mergeKubeletConfigurations), which applies the
drop-ins as JSON merge patches in lexical order and then the flags again; feature_gate.go for the
gates: an unknown name is refused, AllAlpha and AllBeta set what is not set by itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pleg_tui.sim.kubelet.gates import GATES
from pleg_tui.sim.kubelet.traits import GATE, Traits

_SCHEMA = ("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration")
_KNOWN_FLAGS = {
    "bootstrap-kubeconfig",
    "cloud-provider",
    "cgroup-driver",
    "config",
    "config-dir",
    "container-runtime-endpoint",
    "containerd",
    "feature-gates",
    "healthz-port",
    "hostname-override",
    "kubeconfig",
    "node-ip",
    "node-labels",
    "pod-infra-container-image",
    "port",
    "read-only-port",
    "root-dir",
    "runtime-cgroups",
    "v",
}

_SINCE_1_36 = ("PLEGOnDemandRelist", "CRIListStreaming")


class StartError(Exception):
    """The kubelet refuses to start; the text is what its log says."""


class Resolved(Struct):
    """What the kubelet runs with."""

    flags: dict[str, str]
    config: dict[str, Any]
    """The whole KubeletConfiguration, as configz shows it."""
    gates: dict[str, bool]
    """What is set anywhere."""
    effective: dict[str, bool] = field(default_factory=dict)
    """Every gate that this kubelet knows."""

    @property
    def evented(self) -> bool:
        """The EventedPLEG gate."""
        return self.effective.get(GATE, False)

    @property
    def verbosity(self) -> int:
        """-v."""
        return int(self.config["logging"].get("verbosity", 0))


def resolve(
    root: str, arguments: Sequence[str], environment: Mapping[str, str], traits: Traits
) -> Resolved:
    """Read what the command line names, below root.

    Raises:
        StartError: as a kubelet of this version would refuse it.
    """
    flags = parse_flags(arguments)
    config = defaults()
    if flags.get("config"):
        merge(config, _read(root, flags["config"], "failed to load kubelet config file"))
    folder = flags.get("config-dir", "")
    if folder:
        if not traits.config_dir:
            raise StartError("failed to parse kubelet flag: unknown flag: --config-dir")
        if traits.config_dir == "alpha" and "KUBELET_CONFIG_DROPIN_DIR_ALPHA" not in environment:
            raise StartError(
                "the flag --config-dir requires environment variable "
                "KUBELET_CONFIG_DROPIN_DIR_ALPHA to be set, cannot proceed"
            )
        for path in drop_ins(root, folder):
            merge(config, _read(root, path, "failed to load kubelet config drop-in"))
    _flags_win(config, flags)
    gates = {str(k): bool(v) for k, v in (config.get("featureGates") or {}).items()}
    gates.update(_gate_flag(flags.get("feature-gates", "")))
    if gates:
        config["featureGates"] = gates
    return Resolved(flags, config, gates, effective(gates, traits))


def parse_flags(arguments: Sequence[str]) -> dict[str, str]:
    """--name=value, --name value, -v=2 and -v 2.

    Raises:
        StartError: there is no such flag.
    """
    flags: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            raise StartError(f'unknown command "{word}"')
        name, equals, value = word.lstrip("-").partition("=")
        if name not in _KNOWN_FLAGS:
            raise StartError(f"failed to parse kubelet flag: unknown flag: --{name}")
        if not equals:
            if not rest:
                raise StartError(f"failed to parse kubelet flag: flag needs an argument: --{name}")
            value = rest.pop(0)
        if name == "feature-gates" and flags.get(name):
            value = f"{flags[name]},{value}"
        flags[name] = value
    return flags


def drop_ins(root: str, folder: str) -> list[str]:
    """The *.conf files below a folder, in the order of their paths, as the node names them.

    Raises:
        StartError: the folder cannot be read.
    """
    top = f"{root}{folder}"
    if not Path(top).is_dir():
        raise StartError(f"failed to walk through kubelet dropin directory {folder!r}: no such dir")
    found = [
        os.path.join(here, name)  # noqa: PTH118
        for here, _, names in os.walk(top)
        for name in names
        if name.endswith(".conf")
    ]
    return [path[len(root) :] for path in sorted(found)]


def merge(into: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """A JSON merge patch (RFC 7386), in place; pure otherwise."""
    for key, value in patch.items():
        if key in ("apiVersion", "kind"):
            continue
        here = into.get(key)
        if value is None:
            into.pop(key, None)
        elif isinstance(value, Mapping):
            if not isinstance(here, dict):
                here = into[key] = {}
            merge(here, value)
        else:
            into[key] = value


def effective(gates: Mapping[str, bool], traits: Traits) -> dict[str, bool]:
    """Every known gate's value.

    Raises:
        StartError: one of the names is unknown to this version.
    """
    known = {name: stage for name, (stage, _) in GATES.items()}
    known.pop(GATE)
    if traits.minor < 36:
        for name in _SINCE_1_36:
            known.pop(name)
    if traits.knows_gate:
        known[GATE] = traits.stage
    for name in gates:
        if name not in known and name not in ("AllAlpha", "AllBeta"):
            raise StartError(
                "failed to set feature gates from initial flags-based config: "
                f"unrecognized feature gate: {name}"
            )
    values = {name: bool(GATES[name][1]) for name in known}
    for name, stage in known.items():
        for group in ("AllAlpha", "AllBeta"):
            if group in gates and stage == group[3:].upper():
                values[name] = gates[group]
    return {**values, **gates}


def _gate_flag(text: str) -> dict[str, bool]:
    """EventedPLEG=true,Other=false.

    Raises:
        StartError: not of that form.
    """
    gates = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise StartError(
                f'invalid argument "{text}" for "--feature-gates" flag: missing bool value for '
                f"{name}"
            )
        truth = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
        if value.strip().lower() not in truth:
            raise StartError(
                f'invalid argument "{text}" for "--feature-gates" flag: invalid value of '
                f"{name}={value}"
            )
        gates[name.strip()] = truth[value.strip().lower()]
    return gates


def _flags_win(config: dict[str, Any], flags: Mapping[str, str]) -> None:
    if "container-runtime-endpoint" in flags:
        config["containerRuntimeEndpoint"] = flags["container-runtime-endpoint"]
    for flag, key in (
        ("port", "port"),
        ("read-only-port", "readOnlyPort"),
        ("healthz-port", "healthzPort"),
    ):
        if flags.get(flag, "").isdigit():
            config[key] = int(flags[flag])
    if flags.get("v", "").isdigit():
        config["logging"]["verbosity"] = int(flags["v"])


def _read(root: str, path: str, what: str) -> dict[str, Any]:
    """One configuration file, YAML or JSON.

    Raises:
        StartError: it cannot be read or is no KubeletConfiguration.
    """
    try:
        text = Path(f"{root}{path}").read_text()
        # Duplicate keys and unknown fields get a warning only: the kubelet falls back to its
        # lenient decoder for v1beta1.
        reader = YAML(typ="safe", pure=True)
        reader.allow_duplicate_keys = True
        data = reader.load(text)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StartError(f"{what}, path: {path}, error: {said}") from None
    if not isinstance(data, dict) or (data.get("apiVersion"), data.get("kind")) != _SCHEMA:
        raise StartError(
            f"{what}, path: {path}, error: no kind is registered for this version: "
            "apiVersion and kind must be kubelet.config.k8s.io/v1beta1 and KubeletConfiguration"
        )
    if not isinstance(data.get("featureGates", {}) or {}, dict):
        raise StartError(f"{what}, path: {path}, error: featureGates: cannot unmarshal into map")
    return data


def defaults() -> dict[str, Any]:
    """The fields that a kubelet without any configuration shows, those that matter here."""
    return {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "enableServer": True,
        "podLogsDir": "/var/log/pods",
        "syncFrequency": "1m0s",
        "fileCheckFrequency": "20s",
        "httpCheckFrequency": "20s",
        "address": "0.0.0.0",  # noqa: S104 - only shown: it serves on the loopback
        "port": 10250,
        "readOnlyPort": 0,
        "authentication": {
            "x509": {},
            "webhook": {"enabled": True, "cacheTTL": "2m0s"},
            "anonymous": {"enabled": False},
        },
        "authorization": {
            "mode": "Webhook",
            "webhook": {"cacheAuthorizedTTL": "5m0s", "cacheUnauthorizedTTL": "30s"},
        },
        "registryPullQPS": 5,
        "registryBurst": 10,
        "eventRecordQPS": 50,
        "eventBurst": 100,
        "enableDebuggingHandlers": True,
        "healthzPort": 10248,
        "healthzBindAddress": "127.0.0.1",
        "oomScoreAdj": -999,
        "streamingConnectionIdleTimeout": "4h0m0s",
        "nodeStatusUpdateFrequency": "10s",
        "nodeStatusReportFrequency": "5m0s",
        "nodeLeaseDurationSeconds": 40,
        "imageMinimumGCAge": "2m0s",
        "imageGCHighThresholdPercent": 85,
        "imageGCLowThresholdPercent": 80,
        "volumeStatsAggPeriod": "1m0s",
        "cgroupsPerQOS": True,
        "cgroupDriver": "cgroupfs",
        "runtimeRequestTimeout": "2m0s",
        "maxPods": 110,
        "podPidsLimit": -1,
        "serializeImagePulls": True,
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 5,
        "containerLogMonitorInterval": "10s",
        "logging": {"format": "text", "flushFrequency": "5s", "verbosity": 0},
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
    }
