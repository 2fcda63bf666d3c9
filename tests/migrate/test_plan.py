from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pleg_tui.migrate.facts import PodsSeen, RuntimeSeen
from pleg_tui.migrate.plan import Refused, Target, diff, plan
from pleg_tui.node.kubelet.types import Mode
from tests.migrate.nodes import Node, crio, eks, k3s, kubeadm


def refused(node: Node, target: str = "evented") -> Refused:
    made = plan(target, node.facts(), node.files)  # type: ignore[arg-type]
    assert isinstance(made, Refused), made
    return made


def test_kubeadm_one_line_and_one_restart(tmp_path: Path) -> None:
    made = kubeadm(tmp_path).plan()
    (change,) = made.changes
    assert [line for line in diff(change) if line[0] in "+-"] == [
        "--- a/var/lib/kubelet/config.yaml",
        "+++ b/var/lib/kubelet/config.yaml",
        "+  EventedPLEG: true",
    ]
    assert [one.unit for one in made.restarts] == ["kubelet"]
    assert change.after is not None
    assert change.after.mode == 0o600
    assert any("kubeadm upgrade" in note for note in made.notes)
    assert made.expects == (Mode.EVENTED,)


def test_k3s_gets_a_drop_in_and_one_restart(tmp_path: Path) -> None:
    made = k3s(tmp_path, runtime=RuntimeSeen("containerd", "v1.7.24-k3s1", "unix:///x")).plan()
    (change,) = made.changes
    assert change.before is None
    assert change.path.endswith("/kubelet.conf.d/90-pleg-tui.conf")
    assert change.after is not None
    assert b"kind: KubeletConfiguration" in change.after.data


def test_the_embedded_runtime_is_not_restarted_twice(tmp_path: Path) -> None:
    node = k3s(tmp_path, unit="containerd", runtime=RuntimeSeen("containerd", "1.7.2", "unix:///x"))
    made = node.plan()
    assert [(one.unit, one.kubelet) for one in made.restarts] == [("containerd", True)]


def test_eks_comes_after_what_turns_it_off_there(tmp_path: Path) -> None:
    made = eks(tmp_path).plan()
    (change,) = made.changes
    assert change.path == "/etc/kubernetes/kubelet/config.json.d/90-pleg-tui.conf"
    node = eks(tmp_path)
    node.write(f"{node.drop_in_dir}/95-late.conf", "featureGates: {EventedPLEG: false}\n")
    assert node.plan().changes[0].path.endswith("/99-pleg-tui.conf")
    node.write(f"{node.drop_in_dir}/zzz.conf", "featureGates: {EventedPLEG: false}\n")
    assert "zzz.conf" in refused(node).reason


def test_crio_is_configured_and_restarted_before_the_kubelet(tmp_path: Path) -> None:
    made = crio(tmp_path, option="[crio.runtime]\nenable_pod_events = false\n").plan()
    assert [change.path for change in made.changes] == [
        "/etc/crio/crio.conf.d/90-pleg-tui.conf",
        "/var/lib/kubelet/config.yaml",
    ]
    assert [one.unit for one in made.restarts] == ["crio", "kubelet"]
    on = crio(tmp_path, option="[crio.runtime]\nenable_pod_events = true\n").plan()
    assert [one.unit for one in on.restarts] == ["kubelet"]


def test_the_line_of_the_documentation_is_refused_with_its_remedy(tmp_path: Path) -> None:
    said = refused(crio(tmp_path, option="[crio.runtime]\nenable_pod_events: true\n"))
    assert "YAML" in said.reason
    assert "enable_pod_events = true" in said.remedy


def test_a_flag_of_crios_is_above_every_file(tmp_path: Path) -> None:
    said = refused(crio(tmp_path, crio_flags=("--enable-pod-events=false",)))
    assert "--enable-pod-events=false" in said.reason


def test_containerd_1_7_is_restarted_first(tmp_path: Path) -> None:
    node = kubeadm(tmp_path, runtime=RuntimeSeen("containerd", "1.7.24~ds1", "unix:///x"))
    assert [one.unit for one in node.plan().restarts] == ["containerd", "kubelet"]
    assert [one.unit for one in kubeadm(tmp_path).plan().restarts] == ["kubelet"]


@pytest.mark.parametrize("make", [kubeadm, k3s, eks, crio])
def test_there_and_back_and_there_again(tmp_path: Path, make: object) -> None:
    """A plan carried out leaves nothing to do; the way back ends where it began."""
    node: Node = make(tmp_path)  # type: ignore[operator]
    names = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def carry(target: Target) -> int:
        made = node.plan(target)
        for change in made.changes:
            if change.after is None:
                (tmp_path / change.path.lstrip("/")).unlink()
            else:
                node.write(change.path, change.after.data.decode(), change.after.mode)
        return len(made.changes)

    assert carry("evented") >= 1
    node.mode = Mode.EVENTED
    assert node.plan("evented").nothing_to_do
    assert carry("generic") >= 1
    node.mode = Mode.GENERIC
    assert node.plan("generic").nothing_to_do
    left = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for path in [p for p in left if "crio.conf.d" in str(p)]:
        del left[path]  # CRI-O may go on sending events
    assert left == {p: d for p, d in names.items() if "crio.conf.d" not in str(p)}


def test_all_alpha_needs_a_plain_no(tmp_path: Path) -> None:
    text = "kind: KubeletConfiguration\nfeatureGates:\n  AllAlpha: true\n"
    node = kubeadm(tmp_path, text, gates={"AllAlpha": True}, mode=Mode.EVENTED)
    assert node.plan("evented").nothing_to_do
    (change,) = node.plan("generic").changes
    assert change.after is not None
    assert b"EventedPLEG: false" in change.after.data


def test_a_fallen_back_kubelet_only_needs_its_restart(tmp_path: Path) -> None:
    text = "kind: KubeletConfiguration\nfeatureGates:\n  EventedPLEG: true\n"
    made = kubeadm(tmp_path, text, gate=True, mode=Mode.FALLEN_BACK).plan()
    assert made.changes == ()
    assert [one.unit for one in made.restarts] == ["kubelet"]


def test_a_mode_that_is_not_known_is_said_to_be(tmp_path: Path) -> None:
    text = "kind: KubeletConfiguration\nfeatureGates:\n  EventedPLEG: true\n"
    made = kubeadm(tmp_path, text, gate=True, mode=Mode.UNKNOWN).plan()
    assert made.nothing_to_do
    assert any("not known" in note for note in made.notes)


def test_the_flag_is_changed_where_it_is_written(tmp_path: Path) -> None:
    flags = {"feature-gates": "EventedPLEG=false"}
    env = "/var/lib/kubelet/kubeadm-flags.env"
    node = kubeadm(tmp_path, flags=flags, flags_files=(env,))
    node.write(env, 'KUBELET_KUBEADM_ARGS="--feature-gates=EventedPLEG=false"\n')
    (change,) = node.plan().changes
    assert (change.path, change.after and change.after.data) == (
        env,
        b'KUBELET_KUBEADM_ARGS="--feature-gates=EventedPLEG=true"\n',
    )
    assert "above every file" in refused(kubeadm(tmp_path, flags=flags)).reason


def test_static_pods_are_refused_unless_accepted(tmp_path: Path) -> None:
    pods = PodsSeen(3, ("kube-system/etcd-a",), (), "listing")
    node = kubeadm(tmp_path, pods=pods)
    said = refused(node)
    assert "kube-system/etcd-a" in said.reason
    assert "--accept-risks" in said.remedy
    assert node.plan(accept_risks=True).changes
    assert kubeadm(tmp_path, pods=pods, version="1.37.0").plan().expects == (Mode.HINT_ONLY,)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"distribution": "openshift", "supported": False}, "does not last"),
        ({"distribution": "gke", "supported": False}, "gke"),
        ({"distribution": "eks", "supported": None}, "partly"),
        ({"distribution": "", "supported": None}, "not understood"),
        ({"unit": ""}, "unit"),
        ({"pid": None}, "no kubelet"),
        ({"pids": (1, 2)}, "several kubelets"),
        ({"version": "1.25.16"}, "no feature gate"),
        ({"version": "?"}, "version"),
        ({"errors": {"/var/lib/kubelet/config.yaml": "a key stands twice"}}, "twice"),
        ({"runtime": RuntimeSeen(why="nothing answers")}, "nothing answers"),
        ({"runtime": RuntimeSeen("containerd", "2.0.2", "x")}, "2.0.0 to 2.0.2"),
        ({"runtime": RuntimeSeen("containerd", "1.6.39", "x")}, "Unimplemented"),
        ({"runtime": RuntimeSeen("docker", "0.4.0", "x")}, "cri-dockerd"),
        ({"runtime": RuntimeSeen("frakti", "1.0", "x")}, "nothing is known"),
        ({"config_file": None}, "neither"),
        ({"config_file": "/gone.yaml"}, "not there"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, more: dict[str, Any], says: str) -> None:
    said = refused(kubeadm(tmp_path, **more))
    assert says in said.reason
    assert "\n" not in said.reason + said.remedy


def test_links_and_broken_files_are_refused(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    real = tmp_path / "var/lib/kubelet/config.yaml"
    real.rename(real.with_name("real.yaml"))
    real.symlink_to("real.yaml")
    said = refused(node)
    assert "symbolic link to real.yaml" in said.reason
    real.unlink()
    os.link(real.with_name("real.yaml"), real)
    assert "2 names" in refused(node).reason
    real.unlink()
    real.write_text("a: 1\na: 2\n")
    assert "duplicate key" in refused(node).reason
    assert refused(node).reason.startswith("/var/lib/kubelet/config.yaml: ")
    real.write_text("x" * (1 << 20) + "y")
    assert "1 MiB" in refused(node).reason


def test_a_linked_folder_is_followed_inside_the_root(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    folder = tmp_path / "var/lib/kubelet"
    (tmp_path / "data").mkdir()
    folder.rename(tmp_path / "data/kubelet")
    folder.symlink_to("/data/kubelet")
    assert node.plan().changes[0].path == "/var/lib/kubelet/config.yaml"
    assert node.files.real("/var/lib/kubelet/config.yaml") == str(
        tmp_path / "data/kubelet/config.yaml"
    )


def test_hostile_names_and_lines_are_shown_clean(tmp_path: Path) -> None:
    node = kubeadm(tmp_path, "kind: KubeletConfiguration\n# \u202e\u200bpwned\n")
    lines = diff(node.plan().changes[0])
    assert all(line.isprintable() for line in lines)
    assert any("\ufffdpwned" in line for line in lines)
