"""The files of a simulated node, per distribution, and how its units build their command lines.

Sources: kubeadm's constants and its 10-kubeadm.conf, k3s' and CRI-O's documentation, nodeadm.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pleg_tui.sim.flavours import MARKER
from pleg_tui.sim.node_config import ConfigError, environment
from pleg_tui.sim.node_options import Layout, NodeOptions

HOSTNAME = "simulated-node"
_CONTAINERD = "unix:///run/containerd/containerd.sock"
_CRIO = "unix:///var/run/crio/crio.sock"
_K3S = "unix:///run/k3s/containerd/containerd.sock"
_K3S_DROP_INS = "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d"
_KUBEADM_CONFIG = "/var/lib/kubelet/config.yaml"
_EKS_CONFIG = "/etc/kubernetes/kubelet/config.json"
_ADAPTED = "# Written by pleg-tui for a simulated node.\n"


class Ports(Struct, frozen=True):
    """The kubelet's, as its files name them; 0: closed."""

    main: int
    healthz: int
    read_only: int


class Home(Struct, frozen=True):
    """How one distribution runs its kubelet and runtime."""

    unit: str
    runtime_unit: str
    socket: str
    """Of the runtime, as the node sees it."""
    binary: str
    comm: str
    runtime_comm: str
    runtime_command: tuple[str, ...]
    files: Callable[[NodeOptions, Ports], dict[str, str]]
    """Text by path."""
    arguments: Callable[[str, int], list[str]]
    """The kubelet's, from the files below a root, for a minor version."""

    @property
    def embedded(self) -> str:
        """The program that the kubelet is inside of; empty: none."""
        return "k3s" if self.unit == "k3s" else ""

    def command(self, arguments: list[str]) -> list[str]:
        """The process's command line: a kubelet inside of another program does not show its own."""
        return [self.binary, "server"] if self.embedded else [self.binary, *arguments]


def write_node(root: str, options: NodeOptions, ports: Ports) -> Home:
    """Fill a root with the files of this layout."""
    home = HOMES[options.layout]
    for folder in ("run/systemd/system", "var/log", "var/lib/kubelet/pki", "proc", "tmp"):
        Path(root, folder).mkdir(parents=True, exist_ok=True)
    Path(root, "var/run").symlink_to("../run")
    for path, text in {**_common(options, home), **home.files(options, ports)}.items():
        write(root, path, text, 0o755 if text.startswith("#!") else 0o644)
    return home


def write(root: str, path: str, text: str, mode: int = 0o644) -> None:
    """One file of the node and the folders above it."""
    where = Path(f"{root}{path}")
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_text(text)
    where.chmod(mode)


# ---- files ----


def _common(options: NodeOptions, home: Home) -> dict[str, str]:
    said = f"Kubernetes {options.git_version}"
    if home.embedded:
        said = f"k3s version {options.git_version}"
    return {
        f"/{MARKER}": "This is not a node: pleg-tui simulates it.\n",
        "/etc/hostname": f"{HOSTNAME}\n",
        "/etc/os-release": 'NAME="Simulated Linux"\nID=simulated\nPRETTY_NAME="Simulated Linux"\n',
        "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
        home.binary: f"#!/bin/sh\necho '{said}'\n",
        "/etc/kubernetes/kubelet.conf": _kubeconfig(),
    }


def _kubeconfig() -> str:
    return f"""\
{_ADAPTED}apiVersion: v1
kind: Config
clusters:
- name: simulated
  cluster:
    server: https://simulated.invalid:6443
contexts:
- name: simulated
  context: {{cluster: simulated, user: "system:node:{HOSTNAME}"}}
current-context: simulated
users:
- name: "system:node:{HOSTNAME}"
  user: {{}}
"""


def _settings(ports: Ports) -> str:
    """The part of a KubeletConfiguration that every layout has, as YAML."""
    return f"""\
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
authorization:
  mode: Webhook
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
healthzBindAddress: 127.0.0.1
healthzPort: {ports.healthz}
port: {ports.main}
readOnlyPort: {ports.read_only}
rotateCertificates: true
"""


_HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


def _gate_yaml(options: NodeOptions) -> str:
    return "featureGates:\n  EventedPLEG: true\n" if options.evented else ""


def _kubeadm(options: NodeOptions, ports: Ports, endpoint: str = _CONTAINERD) -> dict[str, str]:
    return {
        _KUBEADM_CONFIG: f"{_ADAPTED}{_HEAD}{_settings(ports)}"
        f"{_gate_yaml(options)}staticPodPath: /etc/kubernetes/manifests  # of the control plane\n",
        "/var/lib/kubelet/kubeadm-flags.env": f'KUBELET_KUBEADM_ARGS="--container-runtime-'
        f'endpoint={endpoint} --pod-infra-container-image=sim.invalid/pause:3.10"\n',
        "/etc/default/kubelet": f"KUBELET_EXTRA_ARGS=-v={options.verbosity}\n",
        "/usr/lib/systemd/system/kubelet.service": _unit("kubelet", "/usr/bin/kubelet", 10),
        "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": _KUBEADM_UNIT,
        "/usr/lib/systemd/system/containerd.service": _unit("containerd", "/usr/bin/containerd", 5),
        "/etc/containerd/config.toml": "version = 3\n",
        "/etc/crictl.yaml": f"runtime-endpoint: {endpoint}\n",
    }


def _crio(options: NodeOptions, ports: Ports) -> dict[str, str]:
    files = _kubeadm(options, ports, _CRIO)
    for path in ("/etc/containerd/config.toml", "/usr/lib/systemd/system/containerd.service"):
        del files[path]
    on = "true" if options.crio_events else "false"
    files["/usr/lib/systemd/system/crio.service"] = _unit("crio", "/usr/bin/crio", 10)
    files["/etc/crio/crio.conf"] = f"""\
{_ADAPTED}[crio]
log_dir = "/var/log/crio/pods"

[crio.runtime]
# Whether pod events are generated for the kubelet.
enable_pod_events = {on}
pids_limit = -1
"""
    files["/etc/crio/crio.conf.d/10-crio.conf"] = """\
[crio.image]
signature_policy = "/etc/crio/policy.json"

[crio.runtime]
default_runtime = "crun"
"""
    return files


def _k3s(options: NodeOptions, ports: Ports) -> dict[str, str]:
    args = [f"v={options.verbosity}"]
    files = {
        "/etc/systemd/system/k3s.service": _unit("k3s", "/usr/local/bin/k3s server", 5),
        "/var/lib/rancher/k3s/agent/etc/containerd/config.toml": "version = 3\n",
    }
    if options.minor_patch[0] >= 32:
        files[f"{_K3S_DROP_INS}/00-k3s-defaults.conf"] = (
            f"{_HEAD}{_settings(ports)}containerRuntimeEndpoint: {_K3S}\n"
        )
        if options.evented:
            files[f"{_K3S_DROP_INS}/50-evented.conf"] = f"{_HEAD}{_gate_yaml(options)}"
    else:
        args += [f"port={ports.main}", f"healthz-port={ports.healthz}"]
        args.append(f"read-only-port={ports.read_only}")
        if options.evented:
            args.append("feature-gates=EventedPLEG=true")
    lines = "".join(f"- {json.dumps(arg)}\n" for arg in args)
    files["/etc/rancher/k3s/config.yaml"] = (
        f"{_ADAPTED}node-name: {HOSTNAME}\nkubelet-arg:\n{lines}"
    )
    return files


def _eks(options: NodeOptions, ports: Ports) -> dict[str, str]:
    config: dict[str, Any] = YAML(typ="safe", pure=True).load(_HEAD + _settings(ports))
    config["containerRuntimeEndpoint"] = _CONTAINERD
    if options.evented:
        config["featureGates"] = {"EventedPLEG": True}
    drop_in = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "maxPods": 58,
    }
    folder = f" --config-dir={_EKS_CONFIG}.d" if options.minor_patch[0] >= 28 else ""
    return {
        _EKS_CONFIG: json.dumps(config, indent=4) + "\n",
        f"{_EKS_CONFIG}.d/40-nodeadm.conf": json.dumps(drop_in, indent=4) + "\n",
        "/etc/eks/kubelet/environment": f'NODEADM_KUBELET_ARGS="--config={_EKS_CONFIG}{folder} '
        f"--cloud-provider=external --hostname-override={HOSTNAME} "
        f'--kubeconfig=/var/lib/kubelet/kubeconfig -v={options.verbosity}"\n',
        "/etc/systemd/system/kubelet.service": _unit("kubelet", "/usr/bin/kubelet", 5),
        "/usr/lib/systemd/system/containerd.service": _unit("containerd", "/usr/bin/containerd", 5),
        "/etc/containerd/config.toml": "version = 3\n",
    }


def _unit(name: str, start: str, wait_s: int) -> str:
    return f"""\
[Unit]
Description={name} (simulated)

[Service]
ExecStart={start}
Restart=always
StartLimitInterval=0
RestartSec={wait_s}

[Install]
WantedBy=multi-user.target
"""


_KUBEADM_UNIT = f"""\
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config={_KUBEADM_CONFIG}"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS \
$KUBELET_EXTRA_ARGS
"""


# ---- command lines ----


def _kubeadm_arguments(root: str, _minor: int) -> list[str]:
    found = {
        **environment(root, "/var/lib/kubelet/kubeadm-flags.env"),
        **environment(root, "/etc/default/kubelet"),
    }
    return [
        "--kubeconfig=/etc/kubernetes/kubelet.conf",
        f"--config={_KUBEADM_CONFIG}",
        *found.get("KUBELET_KUBEADM_ARGS", "").split(),
        *found.get("KUBELET_EXTRA_ARGS", "").split(),
    ]


def _k3s_arguments(root: str, minor: int) -> list[str]:
    """Those that k3s gives its kubelet.

    Raises:
        ConfigError: its configuration cannot be read.
    """
    try:
        text = Path(f"{root}/etc/rancher/k3s/config.yaml").read_text()
        config = YAML(typ="safe", pure=True).load(text) or {}
        given = config.get("kubelet-arg") or []
    except (OSError, UnicodeDecodeError, YAMLError, AttributeError) as error:
        said = str(error).splitlines()[0]
        raise ConfigError(f"failed to read /etc/rancher/k3s/config.yaml: {said}") from None
    given = [given] if isinstance(given, str) else given
    own = (
        [f"--config-dir={_K3S_DROP_INS}"]
        if minor >= 32
        else [f"--container-runtime-endpoint={_K3S}"]
    )
    return [
        "--cloud-provider=external",
        *own,
        f"--hostname-override={HOSTNAME}",
        "--kubeconfig=/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
        *(f"--{str(arg).lstrip('-')}" for arg in given),
    ]


def _eks_arguments(root: str, _minor: int) -> list[str]:
    found = environment(root, "/etc/eks/kubelet/environment")
    return found.get("NODEADM_KUBELET_ARGS", "").split()


def _path(endpoint: str) -> str:
    return endpoint.removeprefix("unix://")


HOMES: dict[Layout, Home] = {
    Layout.KUBEADM: Home(
        "kubelet",
        "containerd",
        _path(_CONTAINERD),
        "/usr/bin/kubelet",
        "kubelet",
        "containerd",
        ("/usr/bin/containerd",),
        _kubeadm,
        _kubeadm_arguments,
    ),
    Layout.CRIO: Home(
        "kubelet",
        "crio",
        _path(_CRIO),
        "/usr/bin/kubelet",
        "kubelet",
        "crio",
        ("/usr/bin/crio",),
        _crio,
        _kubeadm_arguments,
    ),
    Layout.K3S: Home(
        "k3s",
        "k3s",
        _path(_K3S),
        "/usr/local/bin/k3s",
        "k3s-server",
        "containerd",
        ("containerd", "-c", "/var/lib/rancher/k3s/agent/etc/containerd/config.toml"),
        _k3s,
        _k3s_arguments,
    ),
    Layout.EKS: Home(
        "kubelet",
        "containerd",
        _path(_CONTAINERD),
        "/usr/bin/kubelet",
        "kubelet",
        "containerd",
        ("/usr/bin/containerd",),
        _eks,
        _eks_arguments,
    ),
}
