"""Nodes on which a hasty plan would change the wrong place, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pleg_tui.migrate import edits
from pleg_tui.migrate.checks import check
from pleg_tui.migrate.hands import SystemHands
from pleg_tui.migrate.plan import Plan, Refused, diff, expected, plan
from pleg_tui.node.kubelet.distribution import find_home
from pleg_tui.node.kubelet.flags import parse_flags
from pleg_tui.node.kubelet.process import KubeletProcess
from pleg_tui.node.kubelet.types import Mode
from pleg_tui.node.runtime_config import read_crio
from tests.migrate.nodes import Node, crio, eks, k3s, kubeadm

CONFIG = "/var/lib/kubelet/config.yaml"
ENV = "/var/lib/kubelet/kubeadm-flags.env"
HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


@pytest.mark.parametrize(
    ("version", "group", "gate_is_on"),
    [
        ("1.27.5", "AllAlpha", False),  # beta there: AllAlpha does not reach it
        ("1.27.5", "AllBeta", True),
        ("1.32.4", "AllAlpha", True),
        ("1.32.4", "AllBeta", False),
    ],
)
def test_a_group_counts_only_for_the_gates_own_stage(
    tmp_path: Path, version: str, group: str, gate_is_on: bool
) -> None:
    node = kubeadm(tmp_path, version=version, gates={group: True})
    assert bool(node.plan("evented").changes) is not gate_is_on
    assert bool(node.plan("generic").changes) is gate_is_on
    if gate_is_on:
        (change,) = node.plan("generic").changes
        assert change.after
        assert b"EventedPLEG: false" in change.after.data


def test_of_a_flag_given_twice_the_last_one_counts(tmp_path: Path) -> None:
    flags = {"feature-gates": "EventedPLEG=true,EventedPLEG=false"}
    node = kubeadm(tmp_path, flags=flags, flags_files=(ENV,))
    node.write(ENV, 'ARGS="--feature-gates=EventedPLEG=true,EventedPLEG=false"\n')
    assert isinstance(plan("evented", node.facts(), node.files), Refused)


def test_a_flag_in_a_comment_is_not_the_one_to_change(tmp_path: Path) -> None:
    node = kubeadm(tmp_path, flags={"feature-gates": "EventedPLEG=false"}, flags_files=(ENV,))
    node.write(ENV, "# ARGS=--feature-gates=EventedPLEG=false\nARGS=--v=2\n")
    assert isinstance(plan("evented", node.facts(), node.files), Refused)
    node.write(ENV, "#EventedPLEG=true\nARGS=--feature-gates=EventedPLEG=false\n")
    (change,) = node.plan().changes
    assert change.after
    assert change.after.data == b"#EventedPLEG=true\nARGS=--feature-gates=EventedPLEG=true\n"


def test_a_gate_with_a_longer_name_is_another(tmp_path: Path) -> None:
    node = kubeadm(tmp_path, flags={"feature-gates": "MyEventedPLEG=true"})
    (change,) = node.plan().changes
    assert change.path == CONFIG
    assert edits.gate_flags(b"A=MyEventedPLEG=true\n") == 0


def test_what_somebody_added_to_our_drop_in_stays(tmp_path: Path) -> None:
    node = k3s(tmp_path)
    (change,) = node.plan().changes
    assert change.after
    node.write(change.path, change.after.data.decode() + "maxPods: 50\n")
    (back,) = node.plan("generic").changes
    assert back.after
    assert b"maxPods: 50" in back.after.data
    assert edits.gate_in(back.after.data) is None


def test_ours_that_is_outdone_stays_if_somebody_added_to_it(tmp_path: Path) -> None:
    node = eks(tmp_path)
    folder = node.drop_in_dir
    ours = HEAD + "featureGates:\n  EventedPLEG: true\nmaxPods: 50\n"
    node.write(f"{folder}/90-pleg-tui.conf", ours)
    node.write(f"{folder}/95-off.conf", HEAD + "featureGates:\n  EventedPLEG: false\n")
    (change,) = node.plan().changes
    assert change.path == f"{folder}/99-pleg-tui.conf"


def test_a_drop_in_that_takes_gates_away_is_refused(tmp_path: Path) -> None:
    node = k3s(tmp_path)
    node.write(f"{node.drop_in_dir}/95-none.conf", HEAD + "featureGates:\n")
    refused = plan("evented", node.facts(), node.files)
    assert isinstance(refused, Refused)
    assert "null" in refused.reason


def test_a_drop_in_of_crio_counts_though_the_main_file_is_called_later(tmp_path: Path) -> None:
    node = crio(tmp_path, crio_flags=("--config", "/etc/crio/z.conf"))
    on_off = "[crio.runtime]\nenable_pod_events = false\n"
    node.write("/etc/crio/z.conf", on_off)
    node.write("/etc/crio/crio.conf.d/95-off.conf", on_off)
    assert node.plan().changes[0].path == "/etc/crio/crio.conf.d/99-pleg-tui.conf"


def test_a_kubelet_that_is_down_may_be_of_any_version(tmp_path: Path) -> None:
    facts = kubeadm(tmp_path, version=None).facts()
    assert set(expected("evented", facts)) == {Mode.EVENTED, Mode.HINT_ONLY}


def process(*arguments: str) -> KubeletProcess:
    return KubeletProcess(
        7, ("/usr/bin/kubelet", *arguments), "", None, "/", False, None, frozenset()
    )


def test_files_that_this_kubelet_does_not_read_are_not_its_home(tmp_path: Path) -> None:
    (tmp_path / "etc/eks/nodeadm").mkdir(parents=True)
    config = "/etc/kubernetes/kubelet/config.json"
    alone = find_home(str(tmp_path), process("--config", config), {"config": config})
    assert (alone.distribution, alone.config_file, alone.drop_in_dir) == ("eks", config, None)
    none = find_home(str(tmp_path), process("--v=2"), {})
    assert none.config_file is None


def test_the_healthz_port_may_be_a_flag(tmp_path: Path) -> None:
    node: Node = kubeadm(tmp_path)
    node.flags = parse_flags(["--healthz-port=0", "--healthz-bind-address=::1"]).values
    assert SystemHands(node.kubelet()).healthz() is None
    assert node.flags == {"healthz-port": "0", "healthz-bind-address": "::1"}


def test_secrets_beside_the_gate_are_not_shown(tmp_path: Path) -> None:
    text = (
        f"{HEAD}staticPodURLHeader:\n  X-Key: [s3cret]\n  Authorization:\n  - Bearer s3cret\n"
        "featureGates:\n  A: true\n"
        "configMapAndSecretChangeDetectionStrategy: Watch\nmanifestToken: s3cret\n"
    )
    node = kubeadm(tmp_path, text)
    (change,) = node.plan().changes
    shown = "\n".join(diff(change))
    assert "s3cret" not in shown
    assert "+  EventedPLEG: true" in shown
    assert "DetectionStrategy: Watch" in shown
    flags = {"feature-gates": "EventedPLEG=false"}
    flagged = kubeadm(tmp_path, flags=flags, flags_files=(ENV,))
    flagged.write(ENV, 'A="--manifest-url-header=k:s3cret --feature-gates=EventedPLEG=false"\n')
    (change,) = flagged.plan().changes
    assert "s3cret" not in "\n".join(diff(change))
    assert change.after
    assert b"s3cret" in change.after.data


def test_a_crio_that_has_not_read_its_option_yet_is_restarted(tmp_path: Path) -> None:
    node = crio(tmp_path, option="[crio.runtime]\nenable_pod_events = true\n")
    facts = node.facts()
    assert facts.runtime_config.process
    written = (tmp_path / "etc/crio/crio.conf.d/10-crio.conf").stat().st_mtime
    for started, units in ((written - 60, ["crio", "kubelet"]), (written + 60, ["kubelet"])):
        process = replace(facts.runtime_config.process, started_at=started)
        now = replace(facts, runtime_config=read_crio(str(tmp_path), process))
        made = plan("evented", now, node.files)
        assert isinstance(made, Plan)
        assert [one.unit for one in made.restarts] == units
        (line,) = (one for one in check(now) if one.id == "runtime-events")
        assert ("after CRI-O's start" in line.evidence) is (len(units) == 2)
