"""Whole nodes of every kind: each gives the right answer, or unknown with the reason."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.process import find_kubelet
from pleg_tui.node.kubelet.read import read_kubelet
from pleg_tui.node.kubelet.types import KubeletFacts, Mode
from tests.node_room.kubelets import (
    BOOTED,
    DATA,
    PID,
    STARTED,
    Node,
    Server,
    configz,
    klog,
    page,
    says,
    start_lines,
)

CONFIG = "/var/lib/kubelet/config.yaml"
LOG = "/var/log/kubelet.log"
ON = "featureGates: {EventedPLEG: true}\n"
ERROR = klog("container events stream is closed", at="16:10:00.0", level="E")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def kubeadm(node: Node, config: str, *flags: str, version: str, log: str = "") -> None:
    """A node as kubeadm makes it."""
    node.config(CONFIG, config)
    node.write("/var/lib/kubelet/kubeadm-flags.env", 'KUBELET_KUBEADM_ARGS=""\n')
    node.write("/etc/kubernetes/kubelet.conf", "apiVersion: v1\n")
    node.process(f"--config={CONFIG}", *flags)
    node.write(LOG, start_lines(version) + log)
    node.log_to_file(LOG)


def look(node: Node, **options: object) -> KubeletFacts:
    settings = {"rhythm_s": 0, "samples_apart_s": 0, "ask_node": False, "timeout_s": 30.0}
    return read_kubelet(str(node.root), KubeletOptions(**(settings | options)))  # type: ignore[arg-type]


@pytest.mark.parametrize("minor", range(26, 38))
def test_the_gate_off_is_generic_in_every_version(node: Node, minor: int) -> None:
    kubeadm(node, "", version=f"1.{minor}.11")
    facts = look(node)
    assert facts.version.value == f"1.{minor}.11"
    assert facts.mode is Mode.GENERIC
    assert "default" in facts.evented_gate.source


@pytest.mark.parametrize("minor", range(26, 38))
def test_the_gate_on_alone_proves_nothing_up_to_1_36(node: Node, minor: int) -> None:
    kubeadm(node, ON, version=f"1.{minor}.11")
    facts = look(node)
    assert facts.evented_gate.on is True
    assert facts.mode is (Mode.HINT_ONLY if minor == 37 else Mode.UNKNOWN)
    assert facts.mode_why


@pytest.mark.parametrize("minor", range(26, 38))
def test_five_stream_errors_are_a_fall_back_up_to_1_36(node: Node, minor: int) -> None:
    kubeadm(node, ON, version=f"1.{minor}.11", log=ERROR * 5)
    facts = look(node)
    assert facts.mode is (Mode.HINT_ONLY if minor == 37 else Mode.FALLEN_BACK)
    assert facts.figures.stream_errors.value == 5


@pytest.mark.parametrize("minor", range(27, 38))
@pytest.mark.parametrize("relists", [14, 3600])
def test_the_relists_of_the_metrics_decide(node: Node, minor: int, relists: int) -> None:
    kubeadm(node, ON, version=f"1.{minor}.11")
    started = find_kubelet(str(node.root)).chosen
    assert started is not None

    # Its page as it would be an hour after the start, whenever that was.
    recent = time.time() - 3600
    node.process(f"--config={CONFIG}", started=recent)
    text = page(relists=relists, version=f"1.{minor}.11", gate=True, slow=2, started=recent)
    with Server({"/metrics": (200, text)}) as server:
        facts = look(node, url=server.url)
    if minor == 37:
        # 14 relists in an hour cannot be, for it always polls: that is said.
        expected = Mode.HINT_ONLY if relists == 3600 else Mode.UNKNOWN
    else:
        expected = Mode.FALLEN_BACK if relists == 3600 else Mode.EVENTED
    assert facts.mode is expected
    assert facts.figures.relists.value == relists


@pytest.mark.parametrize(("mode", "expected"), [("evented", True), ("generic", False)])
def test_a_real_kubelets_output_is_recognised(node: Node, mode: str, expected: bool) -> None:
    node.config("/var/lib/kubelet/config.run.yaml", "")
    log = (DATA / mode / "kubelet.log").read_text()
    pid = int(log.split()[2])
    node.process("--config=/var/lib/kubelet/config.run.yaml", "--v=4", pid=pid)
    node.write("/var/log/k.log", log)
    node.log_to_file("/var/log/k.log", pid)
    answers = {
        "/metrics": (200, _of_now((DATA / mode / "metrics.txt").read_text(), node, pid)),
        "/configz": (200, (DATA / mode / "configz.json").read_text()),
    }
    with Server(answers) as server:
        facts = look(node, url=server.url)
    assert facts.version.value == "1.36.2"
    assert facts.evented_gate.on is expected
    assert facts.mode is (Mode.EVENTED if expected else Mode.GENERIC)
    assert facts.config["containerRuntimeEndpoint"] == "unix:///run/containerd/containerd.sock"
    assert facts.runtime_endpoint.source == "configz"
    # Without the server the log and the gate are what there is.
    facts = look(node, url="none")
    assert facts.mode is (Mode.UNKNOWN if expected else Mode.GENERIC)
    assert facts.evented_gate.on is expected


def _of_now(text: str, node: Node, pid: int) -> str:
    """The recorded page, as if recorded now: a kubelet that began 66 s ago."""

    began = time.time() - 66
    node.process("--config=/var/lib/kubelet/config.run.yaml", "--v=4", pid=pid, started=began)
    return re.sub(
        r"^process_start_time_seconds .*$", f"process_start_time_seconds {began}", text, flags=re.M
    )


def test_two_samples_of_a_kubelet_that_has_just_fallen_back(node: Node) -> None:
    kubeadm(node, ON, version="1.34.1")
    relists = iter(range(12, 1000, 4))
    with Server(
        {"/metrics": lambda: (200, page(relists=next(relists), gate=True, errors=5))}
    ) as server:
        facts = look(node, url=server.url, samples_apart_s=2.1)
    assert facts.mode is Mode.FALLEN_BACK
    assert "4 relists in" in facts.mode_why
    assert facts.figures.relists_per_s.value


def test_metrics_and_log_that_contradict_each_other_are_both_named(node: Node) -> None:
    kubeadm(node, ON, version="1.34.1", log=ERROR * 5)

    recent = time.time() - 3600
    node.process(f"--config={CONFIG}", started=recent)
    with Server(
        {"/metrics": (200, page(relists=13, gate=True, errors=0, started=recent))}
    ) as server:
        facts = look(node, url=server.url)
    assert facts.mode is Mode.UNKNOWN
    assert "13 relists" in facts.mode_why
    assert "5 errors" in facts.mode_why


def test_the_metrics_of_another_process_do_not_count(node: Node) -> None:
    kubeadm(node, ON, version="1.34.1")
    with Server({"/metrics": (200, page(relists=9, gate=True, started=STARTED - 99))}) as server:
        facts = look(node, url=server.url)
    assert "is not this kubelet's" in says(facts.evidence, "metrics")
    assert facts.figures.relists.value is None
    assert "is not this kubelet's" in facts.figures.relists.source


def test_configz_knows_flags_and_files_better_than_we(node: Node) -> None:
    kubeadm(node, "featureGates: {EventedPLEG: false}\n", version="1.34.1")
    answers = {"/metrics": (200, page(relists=9)), "/configz": (200, configz({"AllAlpha": True}))}
    with Server(answers) as server:
        facts = look(node, url=server.url)
    assert facts.evented_gate.on is True
    assert "configz" in facts.evented_gate.source
    assert facts.next_gate.on is False


def test_flags_win_over_files_and_the_log_over_both(node: Node) -> None:
    kubeadm(node, ON, "--feature-gates=EventedPLEG=false", version="1.34.1")
    facts = look(node)
    assert facts.evented_gate.on is False
    assert "--feature-gates in the command line" in facts.evented_gate.source
    assert facts.gates == {"EventedPLEG": False}
    line = klog('Updated|featureGates={"EventedPLEG":true}')
    node.write(LOG, line + start_lines("1.34.1"))
    facts = look(node)
    assert facts.evented_gate.on is True
    assert facts.next_gate.on is False


def test_a_switched_file_without_a_restart_is_not_yet_a_switched_kubelet(node: Node) -> None:
    kubeadm(node, "", version="1.34.1")
    node.config(CONFIG, ON, at=STARTED + 500)
    facts = look(node)
    assert facts.evented_gate.on is None
    assert "after this kubelet's start" in facts.evented_gate.source
    assert facts.next_gate.on is True
    assert facts.mode is Mode.UNKNOWN


def test_kubeadm_is_recognised_and_who_overwrites_it(node: Node) -> None:
    kubeadm(node, ON, version="1.34.1")
    home = look(node).home
    assert (home.distribution, home.unit, home.config_file) == ("kubeadm", "kubelet", CONFIG)
    assert "kubeadm upgrade" in home.overwritten_by
    assert home.flags_files == ("/var/lib/kubelet/kubeadm-flags.env",)


def test_crio_with_drop_ins(node: Node) -> None:
    folder = "/etc/kubernetes/kubelet.conf.d"
    kubeadm(
        node,
        "containerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n",
        f"--config-dir={folder}",
        version="1.33.0",
    )
    node.config(f"{folder}/50-pleg.conf", ON)
    facts = look(node)
    assert facts.runtime_endpoint.value == "unix:///var/run/crio/crio.sock"
    assert facts.evented_gate.source == f"{folder}/50-pleg.conf"
    assert facts.home.drop_in_dir == folder


DROP_INS = "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d"


def k3s(node: Node, *arguments: str) -> None:
    node.process(
        "server", *arguments, comm="k3s-server", program="/usr/local/bin/k3s", unit="k3s.service"
    )


def test_k3s_with_drop_ins(node: Node) -> None:
    k3s(node)
    node.config(f"{DROP_INS}/00-k3s-defaults.conf", "maxPods: 50\n")
    node.config(f"{DROP_INS}/50-pleg.conf", ON)
    facts = look(node, log_file=str(node.write("/k3s.log", start_lines("1.33.1+k3s1"))))
    assert facts.version.value == "1.33.1+k3s1"
    assert facts.evented_gate.on is True
    assert (facts.home.distribution, facts.home.unit) == ("k3s", "k3s")
    assert "50-pleg.conf" in facts.home.change
    assert facts.runtime_endpoint.value == "unix:///run/k3s/containerd/containerd.sock"


def test_k3s_by_its_own_configuration_its_command_line_and_its_log(node: Node) -> None:
    k3s(node)
    node.write("/etc/rancher/k3s/config.yaml", "kubelet-arg: [feature-gates=EventedPLEG=true]\n")
    facts = look(node)
    assert facts.next_gate.on is True
    k3s(node, "--kubelet-arg=feature-gates=EventedPLEG=false")
    assert look(node).next_gate.on is False
    log = (
        'time="2026-11-23T10:00:00Z" level=info msg="Running kubelet '
        '--config-dir=/x --feature-gates=EventedPLEG=true --v=2"\n'
    )
    node.write("/x/nothing", "")
    facts = look(node, log_file=str(node.write("/k3s.log", log + start_lines("1.31.4+k3s1"))))
    assert facts.next_gate.on is True
    assert "k3s's log" in facts.next_gate.source


def test_k3s_with_a_broken_configuration_is_unknown(node: Node) -> None:
    k3s(node)
    node.write("/etc/rancher/k3s/config.yaml", "kubelet-arg: [\n")
    gate = look(node).evented_gate
    assert gate.on is None
    assert "/etc/rancher/k3s/config.yaml is not YAML" in gate.source


def test_a_k3s_command_is_no_kubelet(node: Node) -> None:
    node.process("kubectl", "get", "pods", comm="k3s", program="/usr/local/bin/k3s")
    assert look(node).pid is None


def test_microshift_does_not_show_its_kubelets_configuration(node: Node) -> None:
    node.process("run", comm="microshift", program="/usr/bin/microshift")
    facts = look(node)
    assert (facts.home.distribution, facts.home.supported) == ("microshift", False)
    assert facts.evented_gate.on is None
    assert facts.mode is Mode.UNKNOWN


@pytest.mark.parametrize(
    ("prepare", "flags", "distribution"),
    [
        ("/etc/machine-config-daemon/x", ("--config=/etc/kubernetes/kubelet.conf",), "openshift"),
        ("/etc/eks/nodeadm/x", ("--config=/etc/kubernetes/kubelet/config.json",), "eks"),
        ("/x", ("--config=/etc/kubernetes/kubelet/kubelet-config.json",), "eks"),
        ("/x", ("--config=/home/kubernetes/kubelet-config.yaml",), "gke"),
        ("/kind/x", ("--provider-id=kind://docker/kind/kind-worker",), "kind"),
        ("/x", (), None),
    ],
)
def test_distributions(
    node: Node, prepare: str, flags: tuple[str, ...], distribution: str | None
) -> None:
    node.write(prepare, "")
    node.process(*flags)
    home = look(node).home
    assert home.distribution == distribution
    assert home.source


def test_rke2_runs_a_kubelet_of_its_own(node: Node) -> None:
    node.process("--v=2", program="/var/lib/rancher/rke2/data/v1.33/bin/kubelet")
    assert look(node).home.distribution == "rke2"


def test_hyperkube_is_one_too(node: Node) -> None:
    node.process("kubelet", "--v=2", comm="hyperkube", program="/hyperkube")
    assert look(node).pid == PID


def test_of_several_kubelets_it_is_said_which(node: Node) -> None:
    node.process("--v=2")
    node.process("--v=4", pid=5000, started=STARTED + 100)
    facts = look(node)
    assert (facts.pid, facts.pids) == (PID, (PID, 5000))
    assert "2 kubelets run here (processes 812, 5000); 812 was taken" in facts.why
    assert look(node, pid=5000).flags == {"v": "4"}
    assert "process 7 is no kubelet" in look(node, pid=7).why


def test_a_kubelet_in_a_container_is_read_through_its_own_root(node: Node) -> None:
    node.process(f"--config={CONFIG}")
    for pid, space in ((1, "mnt:[1]"), (PID, "mnt:[2]")):
        (node.root / f"proc/{pid}/ns").mkdir(exist_ok=True)
        (node.root / f"proc/{pid}/ns/mnt").symlink_to(space)
    node.config(f"/proc/{PID}/root{CONFIG}", ON)
    facts = look(node)
    assert facts.next_gate.on is True
    assert facts.root == f"{node.root}/proc/{PID}/root"


def test_no_kubelet_says_where_we_looked(node: Node, tmp_path: Path) -> None:
    facts = look(node)
    assert facts.pid is None
    assert "none of 1 processes" in facts.why
    assert (facts.mode, facts.mode_why) == (Mode.UNKNOWN, facts.why)
    nowhere = read_kubelet(str(tmp_path / "nowhere"), KubeletOptions(rhythm_s=0))
    assert "is --root right?" in nowhere.why


def test_nothing_known_says_what_would_help(node: Node) -> None:
    node.process()
    facts = look(node)
    assert facts.version.value is None
    assert facts.evented_gate.on is None
    assert facts.mode is Mode.UNKNOWN
    assert any("--kubelet-log" in remedy for remedy in facts.remedies)


def test_tokens_on_the_command_line_are_not_shown(node: Node) -> None:
    node.process(
        "--bootstrap-token=abcdef",
        "--some-token",
        "abcdef",
        "--kubelet-arg=token=abcdef",
        "--v=2\x1b[31m",
    )
    facts = look(node)
    assert "abcdef" not in str(facts)
    assert "\x1b" not in str(facts)


def test_the_runtimes_metrics_are_found_in_its_configuration(node: Node) -> None:
    kubeadm(node, ON, version="1.34.1")
    text = (
        'grpc_server_started_total{grpc_method="GetContainerEvents"} 5\n'
        'grpc_server_handled_total{grpc_method="GetContainerEvents"} 5\n'
    )
    with Server({"/v1/metrics": (200, text)}) as server:
        node.write(
            "/etc/containerd/config.toml", f'[metrics]\naddress = "127.0.0.1:{server.port}"\n'
        )
        facts = look(node)
    assert facts.mode is Mode.FALLEN_BACK
    assert "0 readers of the runtime's CRI events" in facts.mode_why


def test_the_metrics_of_a_runtime_that_the_kubelet_does_not_use_say_nothing(node: Node) -> None:
    kubeadm(node, ON, "--container-runtime-endpoint=unix:///run/other.sock", version="1.34.1")
    with Server({}) as server:
        node.write(
            "/etc/containerd/config.toml", f'[metrics]\naddress = "127.0.0.1:{server.port}"\n'
        )
        facts = look(node)
        assert server.asked == []
    assert "/run/other.sock" in says(facts.evidence, "runtime metrics")


def test_a_kubelet_that_restarts_while_it_is_looked_at_is_unknown(node: Node) -> None:
    kubeadm(node, ON, version="1.34.1")

    def restarts() -> tuple[int, str]:
        node.process(f"--config={CONFIG}", started=STARTED + 900)
        return 200, page(relists=9000, gate=True)

    with Server({"/metrics": restarts}) as server:
        facts = look(node, url=server.url)
    assert facts.mode is Mode.UNKNOWN
    assert "while it was looked at" in facts.mode_why


def test_crios_metrics_are_found_in_its_drop_ins(node: Node) -> None:
    kubeadm(node, ON, "--container-runtime-endpoint=/var/run/crio/crio.sock", version="1.34.1")
    text = 'container_runtime_crio_operations_total{operation="ListPodSandbox"} 3\n'
    with Server({"/metrics": (200, text)}) as server:
        node.write("/etc/crio/crio.conf", "[crio.metrics]\nenable_metrics = false\n")
        node.write(
            "/etc/crio/crio.conf.d/10.conf",
            f"[crio.metrics]\nenable_metrics = true\nmetrics_port = {server.port}\n",
        )
        look(node)
        assert server.asked


def test_a_pid_that_is_used_anew_is_another_start(node: Node) -> None:
    node.process()
    first = look(node).started_at
    assert first == pytest.approx(STARTED, abs=0.02)
    node.process(started=BOOTED + 5)
    assert look(node).started_at == pytest.approx(BOOTED + 5, abs=0.02)


def test_only_reads(node: Node) -> None:
    kubeadm(node, ON, version="1.34.1")

    def state() -> list[tuple[str, int, float]]:
        return sorted(
            (str(path), path.lstat().st_size, path.lstat().st_mtime)
            for path in node.root.rglob("*")
        )

    before = state()
    look(node)
    assert state() == before
