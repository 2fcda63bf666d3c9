"""Which distribution runs this node, where it keeps the kubelet's configuration, who overwrites it.

Sources: kubeadm's constants, the manuals of k3s and RKE2, nodeadm's tests (EKS on AL2023). What
is known by hearsay only (EKS on AL2, GKE, OpenShift, MicroShift, MicroK8s, kind) is said to be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from pleg_tui.node.kubelet.files import exists
from pleg_tui.node.kubelet.process import KubeletProcess
from pleg_tui.node.kubelet.types import Home

_KUBEADM_FLAGS = ("/var/lib/kubelet/kubeadm-flags.env",)
_EXTRA_FLAGS = ("/etc/default/kubelet", "/etc/sysconfig/kubelet")
_HEARSAY = "; its layout is known by hearsay only"
_K3S_DROP_INS = "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d"
_RESERVED = "00-k3s-defaults.conf, 10-cli-config.conf and 20-cli-config.conf"


def find_home(root: str, process: KubeletProcess | None, flags: Mapping[str, str]) -> Home:
    """Where this node's kubelet is configured.

    Args:
        root: where the kubelet's file system is seen from here.
        process: the kubelet; None: only the files tell.
        flags: its flags, paths absolute; --config and --config-dir win over what the distribution
            usually does, and a kubelet that has not one of them reads no such files.
    """
    home = _recognised(root, process, flags)
    plain = process is not None and not process.embedded and len(process.command) > 1
    return replace(
        home,
        unit=_unit(process) or home.unit,
        config_file=flags.get("config") or (None if plain else home.config_file),
        drop_in_dir=flags.get("config-dir") or (None if plain else home.drop_in_dir),
        flags_files=tuple(
            path for path in (*home.flags_files, *_EXTRA_FLAGS) if exists(root, path)
        ),
    )


def _recognised(root: str, process: KubeletProcess | None, flags: Mapping[str, str]) -> Home:
    embedded = process.embedded if process else ""
    if embedded == "microk8s":
        return _microk8s()
    if embedded == "microshift" or (process is None and exists(root, "/etc/microshift")):
        return _microshift()
    if embedded == "k3s" or (process is None and exists(root, "/etc/rancher/k3s")):
        return _k3s(root, process)
    if _runs_from(process, "/rancher/rke2/") or (
        process is None and exists(root, "/etc/rancher/rke2")
    ):
        return _rke2()
    if _runs_from(process, "/k0s/"):
        return _k0s()
    config = flags.get("config", "")
    if exists(root, "/etc/machine-config-daemon") or config == "/etc/kubernetes/kubelet.conf":
        return _openshift()
    if exists(root, "/etc/eks/nodeadm") or config == "/etc/kubernetes/kubelet/config.json":
        return _eks_al2023()
    if exists(root, "/etc/eks") or config.endswith("/kubelet-config.json"):
        return _eks_al2()
    if config.startswith("/home/kubernetes/") or exists(root, "/home/kubernetes/kube-env"):
        return _gke()
    if exists(root, "/kind") or flags.get("provider-id", "").startswith("kind://"):
        return replace(_kubeadm(), distribution="kind", source="kind's own files" + _HEARSAY)
    if exists(root, _KUBEADM_FLAGS[0]) or exists(root, "/etc/kubernetes/kubelet.conf"):
        return _kubeadm()
    return Home(
        change="the featureGates of the file that --config names"
        if config
        else "the kubelet's command line: --feature-gates",
        source="nothing on this node is known as a distribution's: a kubelet of somebody's own",
    )


def _kubeadm() -> Home:
    return Home(
        distribution="kubeadm",
        unit="kubelet",
        config_file="/var/lib/kubelet/config.yaml",
        flags_files=_KUBEADM_FLAGS,
        change="featureGates in /var/lib/kubelet/config.yaml, and in the ConfigMap "
        "kube-system/kubelet-config (key kubelet) so that it lasts",
        overwritten_by="kubeadm upgrade writes the file anew from the ConfigMap "
        "kube-system/kubelet-config",
        supported=True,
        source="kubeadm's files in /var/lib/kubelet and /etc/kubernetes",
    )


def _k3s(root: str, process: KubeletProcess | None) -> Home:
    drop_ins = exists(root, _K3S_DROP_INS)
    agent = process is not None and re.search(r"\bagent\b", " ".join(process.command))
    return Home(
        distribution="k3s",
        unit="k3s-agent" if agent else "k3s",
        drop_in_dir=_K3S_DROP_INS if drop_ins else None,
        flags_files=("/etc/rancher/k3s/config.yaml",),
        change=f"a drop-in of its own such as 50-pleg.conf in {_K3S_DROP_INS}"
        if drop_ins
        else 'kubelet-arg: ["feature-gates=EventedPLEG=true"] in /etc/rancher/k3s/config.yaml',
        overwritten_by=f"k3s writes {_RESERVED} anew at each start, other drop-ins stay"
        if drop_ins
        else "",
        supported=True,
        source="the k3s process, which has the kubelet inside" if process else "/etc/rancher/k3s",
    )


def _rke2() -> Home:
    return Home(
        distribution="rke2",
        flags_files=("/etc/rancher/rke2/config.yaml",),
        change='kubelet-arg: ["feature-gates=EventedPLEG=true"] in /etc/rancher/rke2/config.yaml',
        overwritten_by="rke2 starts the kubelet with a command line that it makes anew",
        source="the kubelet's program lies under rancher/rke2, or /etc/rancher/rke2 is there"
        + _HEARSAY,
    )


def _k0s() -> Home:
    return Home(
        distribution="k0s",
        change="a worker profile in the cluster's k0s configuration",
        overwritten_by="k0s writes the kubelet's configuration anew at each start",
        supported=False,
        source="the kubelet's program lies under k0s" + _HEARSAY,
    )


def _microk8s() -> Home:
    return Home(
        distribution="microk8s",
        unit="snap.microk8s.daemon-kubelite",
        flags_files=("/var/snap/microk8s/current/args/kubelet",),
        change="--feature-gates in /var/snap/microk8s/current/args/kubelet",
        source="the kubelite process, which has the kubelet inside" + _HEARSAY,
    )


def _microshift() -> Home:
    return Home(
        distribution="microshift",
        unit="microshift",
        change="the kubelet part of /etc/microshift/config.yaml (its apiServer.featureGates are "
        "the API server's)",
        overwritten_by="MicroShift makes the kubelet's configuration anew at each start",
        supported=False,
        source="the microshift process, which has the kubelet inside, or /etc/microshift"
        + _HEARSAY,
    )


def _openshift() -> Home:
    return Home(
        distribution="openshift",
        unit="kubelet",
        config_file="/etc/kubernetes/kubelet.conf",
        change="the FeatureGate resource of the cluster (CustomNoUpgrade), which cannot be undone "
        "and ends upgrades",
        overwritten_by="the Machine Config Operator renders the file, and marks a node with a "
        "changed one as degraded",
        supported=False,
        source="the machine config daemon's files, or --config=/etc/kubernetes/kubelet.conf"
        + _HEARSAY,
    )


def _eks_al2023() -> Home:
    return Home(
        distribution="eks",
        unit="kubelet",
        config_file="/etc/kubernetes/kubelet/config.json",
        drop_in_dir="/etc/kubernetes/kubelet/config.json.d",
        change="the kubelet part of the NodeConfig in the node group's user data, so that it lasts",
        overwritten_by="nodeadm writes config.json and its own drop-in anew when the node boots "
        "for the first time, and a replaced node starts without the change",
        supported=True,
        source="nodeadm's files (EKS on AL2023)",
    )


def _eks_al2() -> Home:
    return Home(
        distribution="eks",
        unit="kubelet",
        config_file="/etc/kubernetes/kubelet/kubelet-config.json",
        change="the node group's user data (bootstrap.sh --kubelet-extra-args), so that it lasts",
        overwritten_by="a replaced node starts without the change",
        source="EKS's files (AL2)" + _HEARSAY,
    )


def _gke() -> Home:
    return Home(
        distribution="gke",
        unit="kubelet",
        config_file="/home/kubernetes/kubelet-config.yaml",
        change="GKE allows alpha gates on alpha clusters only",
        overwritten_by="GKE replaces nodes from its own images",
        supported=False,
        source="GKE's files in /home/kubernetes" + _HEARSAY,
    )


def _unit(process: KubeletProcess | None) -> str | None:
    """The systemd unit by the process's control group; the innermost one that is a service."""
    if process is None or not process.cgroup:
        return None
    for part in reversed(process.cgroup.split("/")):
        if part.endswith(".service"):
            return part.removesuffix(".service")
    return None


def _runs_from(process: KubeletProcess | None, part: str) -> bool:
    return bool(process and process.command and part in process.command[0])
