from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleg_tui.migrate.checks import Answer, answer, because, check
from pleg_tui.migrate.facts import Facts, Machine, PodsSeen, RuntimeSeen, Unfinished, pods_seen
from pleg_tui.migrate.ladder import LADDER, Status, rungs, worst
from pleg_tui.model import Pod, Sandbox, SandboxState
from pleg_tui.node.kubelet.types import Mode
from pleg_tui.node.runtime_config import Setting
from tests.migrate.nodes import Node, crio, kubeadm


def facts_of(node: Node) -> Facts:
    yes = Setting(True, "it is so")
    return replace(node.facts(), machine=Machine(yes, yes, {"/f": yes}))


def of(facts: Facts) -> tuple[Answer, dict[str, Status]]:
    checks = check(facts)
    assert len({one.id for one in checks}) == len(checks)
    for one in checks:
        assert (one.title + one.evidence + one.remedy + one.source).isprintable()
        assert one.evidence, one
        if one.status is Status.FAIL:
            assert one.remedy, one
    assert because(facts, checks).isprintable()
    return answer(facts, checks), {one.id: one.status for one in checks}


@pytest.mark.parametrize(
    ("more", "expected", "failing"),
    [
        ({}, Answer.READY, None),
        ({"version": "1.25.3"}, Answer.NOT_READY, "kubelet-version"),
        ({"version": "1.27.3"}, Answer.READY, None),
        ({"runtime": RuntimeSeen("containerd", "2.0.1", "x")}, Answer.NOT_READY, "runtime"),
        ({"runtime": RuntimeSeen(why="nobody answers")}, Answer.UNKNOWN, None),
        ({"runtime": RuntimeSeen("docker", "0.3", "x")}, Answer.NOT_READY, "runtime"),
        ({"distribution": "openshift", "supported": False}, Answer.NOT_READY, "distribution"),
        ({"distribution": "", "supported": None}, Answer.UNKNOWN, None),
        ({"pid": None, "version": None, "gate": None, "mode": Mode.UNKNOWN}, Answer.UNKNOWN, None),
        ({"mode": Mode.EVENTED, "gate": True}, Answer.IN_USE, None),
        ({"mode": Mode.HINT_ONLY, "gate": True, "version": "1.37.0"}, Answer.IN_USE, None),
        ({"mode": Mode.FALLEN_BACK, "gate": True}, Answer.DEGRADED, "gate"),
        ({"mode": Mode.GENERIC, "gate": True}, Answer.DEGRADED, "gate"),
        ({"mode": Mode.UNKNOWN, "gate": True}, Answer.UNKNOWN, None),
        ({"mode": Mode.EVENTED, "gate": True, "runtime": RuntimeSeen("containerd", "2.0.0", "x")},
         Answer.DEGRADED, "runtime"),
        ({"errors": {"/var/lib/kubelet/config.yaml": "not YAML"}}, Answer.NOT_READY,
         "distribution"),
    ],
)  # fmt: skip
def test_the_answer(
    tmp_path: Path, more: dict[str, Any], expected: Answer, failing: str | None
) -> None:
    said, status = of(facts_of(kubeadm(tmp_path, **more)))
    assert said is expected
    failed = {name for name, one in status.items() if one is Status.FAIL}
    assert (failing in failed) if failing else not failed


@pytest.mark.parametrize(
    ("version", "status"),
    [("1.25.16", "fail"), ("1.26.0", "warn"), ("1.28.15", "warn"), ("1.31.9", "warn"),
     ("1.32.0", "pass"), ("1.36.3+k3s1", "pass"), ("1.37.0-rc.0", "warn"), ("junk", "unknown")],
)  # fmt: skip
def test_the_kubelets_ladder(tmp_path: Path, version: str, status: str) -> None:
    _, found = of(facts_of(kubeadm(tmp_path, version=version)))
    assert found["kubelet-version"].value == status


@pytest.mark.parametrize(
    ("name", "version", "status"),
    [
        ("containerd", "v1.6.39", "fail"),
        ("containerd", "1.7.0", "warn"),
        ("containerd", "2.0.2", "fail"),
        ("containerd", "v2.0.3", "pass"),
        ("containerd", "2.3.4-1~deb", "pass"),
        ("cri-o", "1.25.0", "fail"),
        ("cri-o", "1.27.9", "warn"),
        ("cri-o", "1.32.13", "warn"),
        ("cri-o", "1.34.11", "warn"),
        ("cri-o", "1.35.0", "pass"),
        ("docker", "0.3.4", "fail"),
    ],
)
def test_the_runtimes_ladder(name: str, version: str, status: str) -> None:
    found = rungs(name, version)
    assert found is not None
    assert worst(found).value == status


def test_a_time_in_seconds_is_known_by_its_patch() -> None:
    def says(version: str) -> bool:
        return any("seconds" in rung.says for rung in rungs("cri-o", version) or ())

    assert [says(v) for v in ("1.29.8", "1.29.9", "1.30.5", "1.30.6", "1.31.0", "1.31.1")] == [
        True, False, True, False, True, False,
    ]  # fmt: skip


def test_every_rung_names_its_source_and_remedy() -> None:
    for rung in LADDER:
        assert rung.source
        assert rung.says[0].islower() or rung.says.startswith(("containerd", "CRI-O"))
        assert rung.remedy or rung.status is Status.PASS


def test_the_documented_line_fails_with_its_remedy(tmp_path: Path) -> None:
    node = crio(tmp_path, option="[crio.runtime]\nenable_pod_events: true\n")
    facts = facts_of(node)
    said, status = of(facts)
    assert (said, status["runtime-events"]) == (Answer.NOT_READY, Status.FAIL)
    (one,) = [c for c in check(facts) if c.id == "runtime-events"]
    assert "line 2 `enable_pod_events = true`" in one.remedy
    off = of(facts_of(crio(tmp_path, option="")))
    assert off == of(facts_of(crio(tmp_path)))


def test_crio_with_events_off_is_a_warning_that_the_switch_mends(tmp_path: Path) -> None:
    said, status = of(facts_of(crio(tmp_path)))
    assert (said, status["runtime-events"]) == (Answer.READY, Status.WARN)
    _, status = of(facts_of(crio(tmp_path, crio_flags=("--enable-pod-events=false",))))
    assert status["runtime-events"] is Status.FAIL


def test_an_interrupted_switch_is_told_first(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    facts = replace(facts_of(node), unfinished=Unfinished("evented", "restarting kubelet", False))
    first = check(facts)[0]
    assert (first.id, first.status) == ("interrupted", Status.FAIL)
    assert "restarting kubelet" in first.evidence
    assert "pleg-tui switch evented --apply" in first.remedy
    assert of(facts)[0] is Answer.NOT_READY


def test_a_node_that_takes_pods_is_a_warning_and_an_empty_one_is_drained(tmp_path: Path) -> None:
    assert of(facts_of(kubeadm(tmp_path, cordoned=False)))[1]["drained"] is Status.WARN
    assert of(facts_of(kubeadm(tmp_path, cordoned=None)))[1]["drained"] is Status.UNKNOWN
    empty = kubeadm(tmp_path, cordoned=None, pods=PodsSeen(0, (), (), ""))
    assert of(facts_of(empty))[1]["drained"] is Status.PASS


def pod(name: str, annotations: dict[str, str], state: SandboxState = SandboxState.READY) -> Pod:
    sandbox = Sandbox("id", name, "ns", name, state=state, annotations=annotations)
    return Pod(name, "ns", name, sandbox, (sandbox,), (), 0, 0)


def test_static_pods_and_sidecars_by_their_annotations() -> None:
    key = "kubectl.kubernetes.io/last-applied-configuration"
    sidecar = '{"spec": {"initContainers": [{"name": "x", "restartPolicy": "Always"}]}}'
    seen = pods_seen(
        [
            pod("etcd", {"kubernetes.io/config.source": "file"}),
            pod("web", {"kubernetes.io/config.source": "api", key: sidecar}),
            pod("odd", {key: '{"spec": {"initContainers": 3}}'}),
            pod("worse", {key: "initContainers {"}),
            pod("gone", {"kubernetes.io/config.source": "file"}, SandboxState.NOTREADY),
        ]
    )
    assert (seen.running, seen.static, seen.sidecars) == (4, ("ns/etcd",), ("ns/web",))


versions = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.builds("{}.{}.{}".format, st.integers(0, 3), st.integers(0, 45), st.integers(0, 20)),
)


@given(
    version=versions,
    name=st.sampled_from(["", "containerd", "cri-o", "docker", "\x1b[1mx"]),
    runtime=versions,
    mode=st.sampled_from(Mode),
    gate=st.sampled_from([None, True, False]),
    supported=st.sampled_from([None, True, False]),
    cordoned=st.sampled_from([None, True, False]),
    pods=st.sampled_from([PodsSeen(), PodsSeen(0, (), (), ""), PodsSeen(3, ("a/\x1b",), ("b/c",))]),
)
def test_whatever_is_found_there_is_an_answer(
    version: str | None, name: str, runtime: str | None, mode: Mode, gate: bool | None,
    supported: bool | None, cordoned: bool | None, pods: PodsSeen,
) -> None:  # fmt: skip
    node = Node(
        Path("/nonexistent"), version=version, mode=mode, gate=gate, supported=supported,
        cordoned=cordoned, pods=pods, runtime=RuntimeSeen(name, runtime or "", "x"),
    )  # fmt: skip
    said, status = of(facts_of(node))
    if said is Answer.READY:
        assert Status.FAIL not in status.values()
        assert gate is False
    if said is Answer.IN_USE:
        assert mode in (Mode.EVENTED, Mode.HINT_ONLY)
