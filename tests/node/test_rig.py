"""The rig itself: real containerds that behave as one, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pleg_tui.cri import runtime_pb2 as cri
from tests.node.rig import call_pace, churn
from tests.node.rig.chroot import mounts_below
from tests.node.rig.client import CallError, Spec
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.kubelet_like import REPOSITORY, KubeletLike
from tests.node.rig.namespace import wait_until
from tests.node.rig.subscriber import cri_events, native_events

LIFE = ["CREATED", "STARTED", "STOPPED", "DELETED"]
NATIVE_LIFE = [
    "/containers/create",
    "/tasks/create",
    "/tasks/start",
    "/tasks/exit",
    "/tasks/delete",
    "/containers/delete",
]


def test_a_pod_comes_up_as_a_kubelet_would_have_made_it(any_containerd: RealContainerd) -> None:
    client = any_containerd.client
    assert client.version().runtime_name == "containerd"
    assert client.version().runtime_version in any_containerd.version
    assert Path(f"/proc/{any_containerd.pid}/comm").read_text().strip() == "containerd"

    talk = Spec("app", ("/bin/sh", "-c", "echo hello; sleep 100"), attempt=2)
    pod = client.run_pod("web", talk, namespace="shop", uid="u-1")
    (listed,) = client.pods()
    assert (listed.metadata.name, listed.metadata.namespace) == ("web", "shop")
    assert listed.labels["io.kubernetes.pod.uid"] == listed.metadata.uid == "u-1"
    status = client.container_status(pod.containers["app"]).status
    assert status.state == cri.CONTAINER_RUNNING
    assert status.labels["io.kubernetes.container.name"] == "app"
    assert status.annotations["io.kubernetes.container.restartCount"] == "2"
    log = Path(status.log_path)
    wait_until("the log", lambda: log.exists() and " stdout F hello" in log.read_text(), 5)


def test_both_streams_tell_a_whole_life(any_containerd: RealContainerd) -> None:
    endpoint = any_containerd.endpoint
    with KubeletLike(endpoint) as kubelet, native_events(endpoint) as native:
        truth = churn.one_pod(any_containerd.client, 1, exit_code=3)
        (life,) = truth.complete
        wait_until("its end", lambda: len(kubelet.of(life.id)) == 4, 10)
        wait_until("its end", lambda: topics(native, life.id) == NATIVE_LIFE, 10)
        assert [event.type for event in kubelet.of(life.id)] == LIFE
        assert {event.pod_uid for event in kubelet.of(life.id)} == {life.pod_uid}
    assert (kubelet.error, native.error) == ("", "")


def topics(native: object, container_id: str) -> list[str]:
    received = native.received  # type: ignore[attr-defined]
    wanted = [m.message for m in received if container_id.encode() in m.message.event.value]
    return [m.topic for m in wanted if m.topic in NATIVE_LIFE]


def test_the_kubelets_stand_in_gets_every_event_of_a_storm(containerd2: RealContainerd) -> None:
    with KubeletLike(containerd2.endpoint) as kubelet:
        truth = churn.many_pods(containerd2.client, 4, lives_each=3)
        assert truth.failures == []
        assert len(truth.complete) == 12
        assert kubelet.wait_for(4 * (12 + 4))
        for life in truth.lives:
            assert [event.type for event in kubelet.of(life.id)] == LIFE
    assert containerd2.client.pods() == []


def test_events_of_a_growing_pod_grow(containerd2: RealContainerd) -> None:
    with cri_events(containerd2.endpoint) as stream:
        truth = churn.growing_pod(containerd2.client, 8)
        assert truth.failures == []
        assert stream.wait_for(2 + 16)
        sizes = [got.message.ByteSize() for got in stream.received[2:]]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 3 * sizes[0]


def test_a_crash_of_containerd_keeps_pods_and_a_restart_finds_them(
    any_containerd: RealContainerd,
) -> None:
    pod = any_containerd.client.run_pod("stays", Spec("main"))
    first = any_containerd.pid
    with cri_events(any_containerd.endpoint) as stream:
        any_containerd.kill()
        wait_until("the stream's end", lambda: bool(stream.error), 5)
    with pytest.raises(CallError, match="UNAVAILABLE"):
        any_containerd.client.version()
    any_containerd.boot()
    assert any_containerd.pid != first
    status = any_containerd.client.container_status(pod.containers["main"]).status
    assert status.state == cri.CONTAINER_RUNNING
    any_containerd.restart()
    assert [p.id for p in any_containerd.client.pods()] == [pod.id]


def test_two_versions_side_by_side_do_not_see_each_other(
    containerd2: RealContainerd, containerd17: RealContainerd
) -> None:
    containerd2.client.run_pod("two", Spec())
    containerd17.client.run_pod("one", Spec())
    assert [p.metadata.name for p in containerd2.client.pods()] == ["two"]
    assert [p.metadata.name for p in containerd17.client.pods()] == ["one"]


def test_two_of_one_chroot_do_not_see_each_other(containerd2: RealContainerd) -> None:
    with RealContainerd(containerd2.chroot) as other:
        containerd2.client.run_pod("mine", Spec())
        assert other.client.pods() == []
        other.client.run_pod("its", Spec())
        assert [p.metadata.name for p in containerd2.client.pods()] == ["mine"]


def test_the_pace_of_calls_is_measured(containerd2: RealContainerd) -> None:
    client = containerd2.new_client()
    pace = call_pace.measure(client, lives=6, pods=2)
    client.close()
    assert pace.completed == 6
    assert pace.failures == ()
    assert sorted({call.method for call in pace.calls}) == [
        "CreateContainer",
        "RemoveContainer",
        "RemovePodSandbox",
        "RunPodSandbox",
        "StartContainer",
        "StopContainer",
        "StopPodSandbox",
    ]
    assert len(pace.calls) == 4 * 6 + 3 * 2
    assert pace.slowest.seconds >= pace.median_ms / 1e3
    assert containerd2.client.pods() == []


def test_a_runtime_that_answers_nobody_is_seen_in_the_pace(containerd2: RealContainerd) -> None:
    client = containerd2.new_client()
    pid = containerd2.pid
    pod = client.run_pod("frozen")
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(CallError, match="DEADLINE_EXCEEDED"):
            client.create(pod, Spec(), timeout=0.5)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert client.calls[-1].code == "DEADLINE_EXCEEDED"
    assert client.calls[-1].seconds >= 0.5
    client.close()


def test_what_a_killed_owner_left_is_removed_by_the_next(containerd2: RealContainerd) -> None:
    owner = subprocess.Popen(
        [sys.executable, "tests/node/up.py", "--pods", "1"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert owner.stdout is not None
    endpoint = next(line for line in owner.stdout if line.startswith("endpoint: "))
    folder = Path(endpoint.split("unix://")[1]).parent.parent
    owner.kill()
    owner.communicate(timeout=10)
    wait_until(
        "the end of its processes", lambda: not processes_of(folder.name.rpartition("-")[2]), 10
    )
    assert folder.exists()
    with RealContainerd(containerd2.chroot):
        assert not folder.exists()
        assert containerd2.folder.exists()
    assert list(Path("/sys/fs/cgroup").glob(f"*/{folder.name}")) == []


@pytest.mark.parametrize("how", ["stop", "frozen", "abandoned"])
def test_nothing_is_left_behind(containerd2: RealContainerd, how: str) -> None:
    runtime = RealContainerd(containerd2.chroot).start()
    try:
        runtime.client.run_pod("a", Spec("x"))
        assert processes_of(runtime.id)
        if how == "frozen":
            os.kill(runtime.pid, signal.SIGSTOP)
            runtime.client.calls.clear()
        if how == "abandoned":
            runtime.abandon()
            wait_until("the end of its processes", lambda: not processes_of(runtime.id), 10)
    finally:
        began = time.monotonic()
        runtime.stop(within_s=1)
        assert time.monotonic() - began < 30
    assert processes_of(runtime.id) == []
    assert not runtime.folder.exists()
    assert mounts_below(runtime.folder) == []
    assert list(Path("/sys/fs/cgroup").glob(f"*{runtime.cgroup_parent}")) == []
    assert list(Path("/sys/fs/cgroup").glob(f"*/{runtime.cgroup_parent.strip('/')}")) == []
    runtime.stop()


def processes_of(instance: str) -> list[int]:
    """Processes that name the instance's folder in their arguments or their cgroup."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "cgroup").read_bytes()
        except OSError:
            continue
        if instance.encode() in text:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_make_node_shows_an_endpoint_and_cleans_up(
    containerd2: RealContainerd, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "tests/node/up.py", "--pods", "2", "--churn"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    said = []
    socket = Path()
    try:
        for line in process.stdout:
            said.append(line)
            if line.startswith("endpoint: unix://"):
                socket = Path(line.split("unix://")[1].strip())
            if line.startswith("Ctrl-C"):
                break
        assert socket.is_socket(), "".join(said)
    finally:
        process.send_signal(number)
        rest = process.communicate(timeout=60)[0]
    assert process.returncode == 0, "".join(said) + rest
    assert not socket.parent.parent.exists()
