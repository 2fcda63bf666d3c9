"""The simulated kubelet as its watchers meet it: what it does follows from version and runtime."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.flavours import MARKER
from pleg_tui.sim.node import SimulatedNode
from pleg_tui.sim.node_options import Fault, Layout, NodeOptions
from pleg_tui.sim.options import Options

STILL = Options(pods=6, churn=0.0)
_TIME_S = 60.0


@pytest.fixture
def start() -> Iterator[Callable[..., SimulatedNode]]:
    """Nodes; they are stopped with the test."""
    nodes: list[SimulatedNode] = []

    def make(kubelet: str = "1.36.2", layout: str = "kubeadm", **more: object) -> SimulatedNode:
        runtime = more.pop("runtime", STILL)
        verbosity = more.pop("verbosity", 4)
        node = SimulatedNode(
            NodeOptions(
                kubelet=kubelet,
                layout=Layout(layout),
                verbosity=verbosity,  # type: ignore[arg-type]
                runtime=runtime,  # type: ignore[arg-type]
                **more,  # type: ignore[arg-type]
            )
        )
        nodes.append(node)
        return node.start()

    yield make
    for node in nodes:
        node.stop()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _TIME_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def log(node: SimulatedNode) -> str:
    return Path(node.log_file).read_text()


def get(node: SimulatedNode, path: str, token: str | None = None, timeout: float = 20) -> str:
    said = Path(node.token_file).read_text().strip() if token is None else token
    request = urllib.request.Request(node.kubelet_url + path)
    if said:
        request.add_header("Authorization", f"Bearer {said}")
    context = ssl.create_default_context(cafile=node.ca_file)
    with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
        return str(answer.read().decode())


def status(node: SimulatedNode, path: str, token: str | None = None) -> int:
    try:
        get(node, path, token)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def metric(node: SimulatedNode, name: str, /, **labels: str) -> float | None:
    """The value of one sample; None: there is no such."""
    for family in text_string_to_metric_families(get(node, "/metrics")):
        for sample in family.samples:
            if sample.name in (name, f"{name}_total") and labels.items() <= sample.labels.items():
                return float(sample.value)
    return None


def relists(node: SimulatedNode) -> float:
    return metric(node, "kubelet_pleg_relist_duration_seconds_count") or 0.0


def gate(node: SimulatedNode) -> float | None:
    return metric(node, "kubernetes_feature_enabled", name="EventedPLEG")


# ---- what it does, by version and runtime ----


@pytest.mark.parametrize("version", ["1.26.5", "1.31.2", "1.36.2", "1.37.0"])
def test_without_the_gate_it_relists_every_second(
    start: Callable[..., SimulatedNode], version: str
) -> None:
    node = start(version)
    until(lambda: relists(node) >= 3, "three relists")
    assert gate(node) == 0
    # A second and what a relist takes: in the bucket up to 2.5 s, unless this machine stood still.
    count = metric(node, "kubelet_pleg_relist_interval_seconds_count")
    assert count is not None
    assert count >= 2
    assert (metric(node, "kubelet_evented_pleg_connection_success_count") is None) == (
        version == "1.26.5"
    )


@pytest.mark.parametrize(("version", "layout"), [("1.36.2", "kubeadm"), ("1.33.4", "k3s")])
def test_with_the_gate_it_lives_on_events(
    start: Callable[..., SimulatedNode], version: str, layout: str
) -> None:
    node = start(version, layout, evented=True, runtime=Options(pods=6))
    until(lambda: (metric(node, _LATENCY) or 0) > 3, "events")
    assert relists(node) == 1
    assert metric(node, "kubelet_evented_pleg_connection_error_count") == 0
    assert gate(node) == 1
    text = log(node)
    assert '"container event received" resp="container_id:' in text
    assert '"Evented PLEG: Generated pod status from the received event" podUID=' in text
    assert "Fall back" not in text


_LATENCY = "kubelet_evented_pleg_connection_latency_seconds_count"


def test_from_1_37_on_events_only_hurry_terminations(start: Callable[..., SimulatedNode]) -> None:
    node = start("1.37.1", evented=True, runtime=Options(pods=6, churn=3.0))
    until(lambda: relists(node) >= 3, "polling")
    until(lambda: "requested pod relist after container termination" in log(node), "a hint")
    assert (metric(node, "kubelet_pleg_pod_relist_duration_seconds_count") or 0) > 0
    assert metric(node, "kubelet_evented_pleg_connection_error_count") == 0


@pytest.mark.parametrize(
    ("layout", "runtime"),
    [("crio", STILL), ("kubeadm", Options(flavour="containerd-1.6", pods=6, churn=0.0))],
)
def test_a_runtime_without_events_puts_it_back_to_polling(
    start: Callable[..., SimulatedNode], layout: str, runtime: Options
) -> None:
    node = start("1.36.2", layout, evented=True, runtime=runtime)
    until(lambda: relists(node) >= 8, "polling")
    # As measured on a real one: five successes that were none.
    assert metric(node, "kubelet_evented_pleg_connection_success_count") == 5
    assert metric(node, "kubelet_evented_pleg_connection_error_count") == 5
    assert gate(node) == 1
    assert "Fall back to Generic PLEG relisting since Evented PLEG is not working" in log(node)


def test_a_restart_of_the_runtime_puts_it_back_until_it_restarts_itself(
    start: Callable[..., SimulatedNode],
) -> None:
    node = start("1.36.2", "crio", evented=True, pod_events=True)
    until(lambda: metric(node, "kubelet_evented_pleg_connection_success_count") == 1, "a stream")
    before = node.kubelet_pid
    runtime = node.systemctl("show", "-p", "MainPID", "--value", "crio").stdout
    node.restart("crio")
    assert node.systemctl("show", "-p", "MainPID", "--value", "crio").stdout != runtime
    until(lambda: relists(node) >= 10, "polling")
    assert metric(node, "kubelet_evented_pleg_connection_error_count") == 5
    assert node.kubelet_pid == before
    node.restart("kubelet")
    until(lambda: node.kubelet_pid not in (before, None), "another process")
    until(lambda: _answers(node), "its server")
    until(lambda: metric(node, "kubelet_evented_pleg_connection_success_count") == 1, "a stream")
    assert metric(node, "kubelet_evented_pleg_connection_error_count") == 0
    assert relists(node) == 1


def test_the_fall_back_is_silent_at_the_usual_verbosity(
    start: Callable[..., SimulatedNode],
) -> None:
    node = start("1.35.0", "crio", evented=True, verbosity=2)
    until(lambda: metric(node, "kubelet_evented_pleg_connection_error_count") == 5, "errors")
    text = log(node)
    assert "Fall back" not in text
    assert text.count('"container events stream is closed" err="EOF"') == 5
    assert "feature gates: &{map[EventedPLEG:true]}" in text


# ---- files and restarts: the journey ----


def test_a_change_of_the_files_takes_effect_with_the_restarts(
    start: Callable[..., SimulatedNode],
) -> None:
    node = start("1.36.2", "crio")
    config = Path(node.root, "var/lib/kubelet/config.yaml")
    before = config.read_bytes()
    Path(node.root, "etc/crio/crio.conf.d/99-events.conf").write_text(
        "[crio.runtime]\nenable_pod_events = true\n"
    )
    node.restart("crio")
    config.write_text(config.read_text() + "featureGates:\n  EventedPLEG: true\n")
    old = node.kubelet_pid
    node.restart("kubelet")
    until(lambda: node.kubelet_pid != old and _answers(node), "the new kubelet")
    assert json.loads(get(node, "/configz"))["kubeletconfig"]["featureGates"] == {
        "EventedPLEG": True
    }
    until(lambda: metric(node, "kubelet_evented_pleg_connection_success_count") == 1, "a stream")
    assert metric(node, "kubelet_evented_pleg_connection_error_count") == 0
    config.write_bytes(before)
    old = node.kubelet_pid
    node.restart("kubelet")
    until(lambda: node.kubelet_pid != old and _answers(node), "the kubelet of before")
    assert gate(node) == 0


def test_the_yaml_style_line_of_the_documentation_keeps_crio_from_starting(
    start: Callable[..., SimulatedNode],
) -> None:
    node = start("1.36.2", "crio")
    wrong = Path(node.root, "etc/crio/crio.conf.d/99-events.conf")
    wrong.write_text("[crio.runtime]\nenable_pod_events: true\n")
    done = node.systemctl("restart", "crio")
    assert done.returncode == 1
    assert "Job for crio.service failed" in done.stderr
    assert node.systemctl("is-active", "crio").returncode == 3
    assert "toml: " in node.systemctl("status", "crio").stdout
    wrong.unlink()
    node.restart("crio")
    assert node.systemctl("is-active", "crio").stdout == "active\n"


def test_a_gate_that_this_version_does_not_know_keeps_it_from_starting(
    start: Callable[..., SimulatedNode],
) -> None:
    node = start("1.25.9", evented=True)
    assert "unrecognized feature gate: EventedPLEG" in log(node)
    assert node.systemctl("is-active", "kubelet").returncode == 3
    config = Path(node.root, "var/lib/kubelet/config.yaml")
    config.write_text(config.read_text().replace("  EventedPLEG: true\n", ""))
    config.write_text(config.read_text().replace("featureGates:\n", ""))
    until(lambda: _answers(node), "systemd starts it again by itself")


def test_what_can_go_wrong_goes_wrong(start: Callable[..., SimulatedNode]) -> None:
    node = start()
    assert status(node, "/metrics", token="") == 401
    assert status(node, "/metrics", token="wrong") == 401
    until(lambda: _answers(node), "as of a kubelet whose PLEG has listed once")
    node.fault(Fault.FORBIDDEN)
    assert status(node, "/configz") == 403
    node.fault(Fault.FORBIDDEN, on=False)
    node.fault(Fault.UNAUTHORIZED)
    assert status(node, "/metrics") == 401
    node.fault(Fault.UNAUTHORIZED, on=False)
    node.fault(Fault.UNHEALTHY)
    assert status(node, "/healthz") == 500
    node.fault(Fault.UNHEALTHY, on=False)
    node.fault(Fault.HANG)
    with pytest.raises(TimeoutError):
        get(node, "/metrics", timeout=0.5)
    node.fault(Fault.HANG, on=False)
    node.fault(Fault.RESTART_REFUSED)
    before = node.kubelet_pid
    assert node.systemctl("restart", "kubelet").returncode == 1
    assert node.kubelet_pid == before
    node.fault(Fault.RESTART_REFUSED, on=False)
    node.fault(Fault.START_FAILS)
    node.restart("kubelet")
    until(lambda: node.kubelet_pid is None, "it ends at once")
    node.fault(Fault.START_FAILS, on=False)
    until(lambda: _answers(node), "it comes back")


def test_a_killed_kubelet_is_started_again(start: Callable[..., SimulatedNode]) -> None:
    node = start()
    before = node.kubelet_pid
    assert before is not None
    node.systemctl("kill", "--signal=SIGKILL", "kubelet")
    until(lambda: node.kubelet_pid not in (before, None), "another process")
    assert not Path(node.root, f"proc/{before}").exists()


# ---- what it shows ----


def test_a_change_is_seen_by_a_relist_and_told(start: Callable[..., SimulatedNode]) -> None:
    node = start("1.32.4", runtime=Options(pods=4, churn=4.0))
    until(lambda: 'newState="exited"' in log(node), "a container that ended")
    text = log(node)
    assert '"SyncLoop (PLEG): event for pod" pod="' in text
    until(
        lambda: (
            (
                metric(node, "kubelet_runtime_operations_total", operation_type="container_status")
                or 0
            )
            > 0
        ),
        "an inspection",
    )


def test_the_metrics_have_the_kubelets_names_and_buckets(
    start: Callable[..., SimulatedNode],
) -> None:
    node = start(read_only_port=True)
    until(lambda: relists(node) >= 2, "relists")
    with urllib.request.urlopen(f"{node.read_only_url}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    interval = families["kubelet_pleg_relist_interval_seconds"]
    bounds = [s.labels["le"] for s in interval.samples if s.name.endswith("_bucket")]
    assert bounds == [
        "0.005",
        "0.01",
        "0.025",
        "0.05",
        "0.1",
        "0.25",
        "0.5",
        "1",
        "2.5",
        "5",
        "10",
        "+Inf",
    ]
    operations = families["kubelet_runtime_operations_duration_seconds"]
    first = [
        s.labels["le"]
        for s in operations.samples
        if s.name.endswith("_bucket") and s.labels["operation_type"] == "list_containers"
    ]
    assert first[:4] == ["0.005", "0.0125", "0.03125", "0.078125"]
    assert first[-2:] == ["745.0580596923828", "+Inf"]
    assert "kubelet_pleg_discard_events 0\n" in text
    assert families["process_cpu_seconds"].samples[0].value > 0
    build = families["kubernetes_build_info"].samples[0].labels
    assert build["git_version"] == "v1.36.2+simulated"
    with urllib.request.urlopen(node.healthz_url, timeout=20) as answer:
        assert answer.read() == b"ok"


def test_it_says_that_it_is_simulated_and_is_no_kubelet_of_this_machine(
    start: Callable[..., SimulatedNode],
) -> None:
    node = start()
    assert Path(node.root, MARKER).exists()
    assert node.info["simulated"] is True
    assert node.info["kubelet_version"].endswith("+simulated")
    pid = node.kubelet_pid
    assert Path(node.root, f"proc/{pid}/comm").read_text() == "kubelet\n"
    assert Path(node.root, f"proc/{pid}/cmdline").read_text().startswith("/usr/bin/kubelet\0--")
    assert Path(f"/proc/{pid}/comm").read_text() == "sim-kubelet\n"


def test_its_reads_have_a_kubelets_rhythm(start: Callable[..., SimulatedNode]) -> None:
    """Both are read for the same time: it is the amounts that differ, not when they come."""
    still = Options(pods=30, churn=0.0)
    polling, evented = start(runtime=still), start(evented=True, runtime=still)
    until(lambda: relists(polling) >= 2 and relists(evented) == 1, "both at work")

    def read(node: SimulatedNode) -> int:
        text = Path(node.root, f"proc/{node.kubelet_pid}/io").read_text()
        return int(text.split()[1])

    before = read(polling), read(evented)
    count = relists(polling)
    until(lambda: relists(polling) >= count + 8, "eight relists")
    after = read(polling), read(evented)
    assert after[0] - before[0] > 1.4 * (after[1] - before[1])


def sandboxes(node: SimulatedNode) -> dict[str, int]:
    """Ids with the times of their making, as the runtime lists them."""
    options = (("grpc.default_authority", "localhost"), ("grpc.use_local_subchannel_pool", 1))
    with grpc.insecure_channel(node.endpoint, options=options) as channel:
        rpc: Any = channel.unary_unary(methods.LIST_POD_SANDBOX)  # type: ignore[call-arg]
        request = cri.ListPodSandboxRequest().SerializeToString()
        data = rpc(request, timeout=30, wait_for_ready=True)
    return {item.id: item.created_at for item in cri.ListPodSandboxResponse.FromString(data).items}


def test_pods_outlive_a_restart_of_their_runtime(start: Callable[..., SimulatedNode]) -> None:
    node = start(runtime=Options(pods=20, churn=0.0))
    before = sandboxes(node)
    node.restart("containerd")
    assert sandboxes(node) == before
    # So do those that came after the start: the new process catches up with the story.
    lively = start(runtime=Options(pods=20, churn=4.0))
    first = set(sandboxes(lively))
    until(lambda: len(set(sandboxes(lively)) - first) >= 3, "new pods")
    came = set(sandboxes(lively)) - first
    lively.restart("containerd")
    assert came & set(sandboxes(lively))


def test_nothing_is_left_behind(start: Callable[..., SimulatedNode]) -> None:
    node = start()
    pids = [node.kubelet_pid, node.info["pid"]]
    node.stop()
    assert not Path(node.root).exists()
    until(lambda: not any(_runs(pid) for pid in pids), "both ended")


def _answers(node: SimulatedNode) -> bool:
    try:
        return get(node, "/healthz") == "ok"
    except OSError:
        return False


def _runs(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"kubelet": "one"}, "a version such as 1.36.2"),
        ({"kubelet": "1.99"}, "1.20 to 1.40"),
        ({"runtime": Options(flavour="crio")}, "layout kubeadm has no runtime crio"),
        (
            {"layout": Layout.CRIO, "runtime": Options(flavour="cri-dockerd")},
            "no runtime cri-dockerd",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        NodeOptions(**more)
