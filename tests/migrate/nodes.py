"""Nodes as files in a folder, and what a look at them would have found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from pleg_tui.migrate.facts import Facts, PodsSeen, RuntimeSeen
from pleg_tui.migrate.files import NodeFiles
from pleg_tui.migrate.hands import HandsError, Verdict
from pleg_tui.migrate.plan import Plan, Restart, Target, plan
from pleg_tui.node.kubelet.types import (
    ConfigFile,
    Fact,
    Gate,
    Home,
    KubeletFacts,
    Mode,
    NodeFacts,
)
from pleg_tui.node.runtime_config import RuntimeConfig, RuntimeProcess, Setting, read_crio

KUBEADM_YAML = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}   # do not open this
# our own
cgroupDriver: systemd
featureGates:
  # needed for the GPUs
  DynamicResourceAllocation: true
clusterDNS:
- 10.96.0.10
"""
RUNTIME = RuntimeSeen("containerd", "v2.1.9", "unix:///run/c.sock", why="asked")
PROVEN = Verdict(True, Mode.EVENTED, "no relist in a minute")
PODS = PodsSeen(12, (), (), "the live listing")


class Node(Struct):
    """One node under a folder."""

    root: Path
    distribution: str = "kubeadm"
    version: str | None = "1.32.4"
    mode: Mode = Mode.GENERIC
    gate: bool | None = False
    config_file: str | None = "/var/lib/kubelet/config.yaml"
    drop_in_dir: str | None = None
    drop_ins: tuple[str, ...] = ()
    unit: str = "kubelet"
    supported: bool | None = True
    overwritten_by: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)
    flags_files: tuple[str, ...] = ()
    gates: Mapping[str, bool] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    runtime: RuntimeSeen = RUNTIME
    pods: PodsSeen = PODS
    pid: int | None = 4711
    pids: tuple[int, ...] = (4711,)
    crio_flags: tuple[str, ...] = ()
    cordoned: bool | None = True

    @property
    def files(self) -> NodeFiles:
        return NodeFiles(str(self.root))

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        real = self.root / path.lstrip("/")
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(text)
        real.chmod(mode)
        return real

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def exists(self, path: str) -> bool:
        return (self.root / path.lstrip("/")).exists()

    def kubelet(self) -> KubeletFacts:
        files = [ConfigFile(self.config_file, "config")] if self.config_file else []
        files += [ConfigFile(path, "drop-in") for path in self.drop_ins]
        known = {file.path for file in files}
        files = [ConfigFile(f.path, f.kind, self.errors.get(f.path, "")) for f in files]
        files += [ConfigFile(p, "config", e) for p, e in self.errors.items() if p not in known]
        return KubeletFacts(
            pid=self.pid,
            why="" if self.pid else "no process is named kubelet",
            version=Fact(self.version, "its program"),
            config_files=tuple(files),
            flags=self.flags,
            gates=self.gates,
            evented_gate=Gate(self.gate, "the default"),
            mode=self.mode,
            mode_why="66 relists in a minute",
            pids=self.pids,
            root=str(self.root),
            home=Home(
                self.distribution or None,
                self.unit or None,
                self.config_file,
                self.drop_in_dir,
                self.flags_files,
                "change it at its source",
                self.overwritten_by,
                self.supported,
                "its files",
            ),
            node=NodeFacts("worker-1", self.cordoned, True, {}, None, "the API server"),
        )

    def facts(self) -> Facts:
        config = RuntimeConfig(
            RuntimeProcess(99, "containerd", ("containerd",), "containerd", {}),
            "process 99",
            Setting(True, "containerd sends events always"),
        )
        if self.runtime.name == "cri-o":
            process = RuntimeProcess(99, "cri-o", ("crio", *self.crio_flags), "crio", {})
            config = read_crio(str(self.root), process, "process 99")
        return Facts(self.kubelet(), self.runtime, config, self.pods)

    def plan(self, target: Target = "evented", **more: bool) -> Plan:
        made = plan(target, self.facts(), self.files, **more)
        assert isinstance(made, Plan), made
        return made


def kubeadm(root: Path, text: str = KUBEADM_YAML, **more: Any) -> Node:
    node = Node(root, overwritten_by="kubeadm upgrade", **more)
    node.write("/var/lib/kubelet/config.yaml", text, 0o600)
    return node


def k3s(root: Path, **more: Any) -> Node:
    folder = "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d"
    name = f"{folder}/00-k3s-defaults.conf"
    more = {"unit": "k3s-agent"} | more
    node = Node(
        root,
        "k3s",
        config_file=None,
        drop_in_dir=folder,
        drop_ins=(name,),
        **more,
    )
    node.write(name, "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n")
    return node


def eks(root: Path, **more: Any) -> Node:
    folder = "/etc/kubernetes/kubelet/config.json.d"
    node = Node(
        root,
        "eks",
        config_file="/etc/kubernetes/kubelet/config.json",
        drop_in_dir=folder,
        drop_ins=(f"{folder}/40-nodeadm.conf",),
        **more,
    )
    node.write("/etc/kubernetes/kubelet/config.json", '{"kind": "KubeletConfiguration"}\n')
    node.write(
        f"{folder}/40-nodeadm.conf",
        '{"kind": "KubeletConfiguration", "featureGates": {"EventedPLEG": false}}\n',
        0o600,
    )
    return node


def crio(root: Path, *, option: str = "", **more: Any) -> Node:
    seen = RuntimeSeen("cri-o", "1.35.2", "unix:///var/run/crio/crio.sock", why="asked")
    node = kubeadm(root, runtime=seen, **more)
    node.write("/etc/crio/crio.conf", '[crio]\nlog_level = "info"\n')
    if option:
        node.write("/etc/crio/crio.conf.d/10-crio.conf", option)
    return node


class FakeHands(Struct):
    """Does nothing, and writes down what it was asked; `faults` names what goes wrong."""

    faults: frozenset[str] = frozenset()
    verdict: Verdict = PROVEN
    done: list[str] = field(default_factory=list)

    def healthz(self) -> bool | None:
        return True

    def restart(self, restart: Restart) -> None:
        self.done.append(f"restart {restart.unit}")
        self._fail(self.done[-1])

    def wait_well(self, restart: Restart, healthz: bool | None) -> None:
        self.done.append(f"well {restart.unit}")
        self._fail(self.done[-1])

    def verify(self, expects: Iterable[Mode]) -> Verdict:
        self.done.append("verify")
        self._fail("verify")
        return self.verdict

    def _fail(self, what: str) -> None:
        if what in self.faults:
            self.faults -= {what}
            raise HandsError(f"{what}: it did not")


def snapshot(root: Path, *skip: str) -> dict[str, tuple[object, ...]]:
    """Every file below a folder: bytes, mode, owner and attributes."""
    import os

    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith(skip) or name in ("var", "var/lib"):
            continue
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        attributes = {n: os.getxattr(path, n) for n in os.listxattr(path)}
        found[name] = (
            data,
            status.st_mode,
            status.st_uid,
            status.st_gid,
            tuple(attributes.items()),
        )
    return found
