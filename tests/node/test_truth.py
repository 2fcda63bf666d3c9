"""What the command line tells of a real containerd is what was done to it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pleg_tui.cri import runtime_pb2 as cri
from tests.node.dashboards import REPOSITORY
from tests.node.rig.churn import many_pods
from tests.node.rig.client import CallError, Spec
from tests.node.rig.containerd import RealContainerd

WHOLE = ["ContainerCreated", "ContainerStarted", "ContainerDied", "ContainerRemoved"]
WHOLE_POD = ["SandboxCreated", "SandboxStarted", "SandboxStopped", "SandboxRemoved"]


class Events:
    """`pleg-tui events -o json`, its lines as they come."""

    def __init__(self, endpoint: str, *arguments: str) -> None:
        self.lines: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pleg_tui", "events", "-o", "json", "-r", endpoint, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def wait_for(self, state: str, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not any(line.get("state") == state for line in list(self.lines)):
            assert time.monotonic() < end, f"no line says {state}: {self.lines[-3:]}"
            time.sleep(0.02)

    def wait_for_events(self, count: int, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while len(self.events) < count and time.monotonic() < end:
            time.sleep(0.05)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [line for line in list(self.lines) if "seq" in line]

    def of(self, object_id: str) -> list[str]:
        return [event["type"] for event in self.events if event["container_id"] == object_id]


@contextmanager
def events_of(runtime: RealContainerd, *arguments: str) -> Iterator[Events]:
    events = Events(runtime.endpoint, *arguments)
    try:
        events.wait_for("connected")
        yield events
    finally:
        events.process.send_signal(signal.SIGINT)
        events.process.wait(10)


def pods_of(runtime: RealContainerd) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-m", "pleg_tui", "pods", "-a", "-o", "json", "-r", runtime.endpoint],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
        check=True,
    )
    parsed: dict[str, Any] = json.loads(answer.stdout)
    return parsed


def assert_pods_equal_the_listing(runtime: RealContainerd) -> None:
    """`pods -o json` against the runtime's own answers, field by field."""
    client = runtime.client
    told = {pod["sandbox_id"]: pod for pod in pods_of(runtime)["pods"]}
    listed = {pod.id: pod for pod in client.pods()}
    assert told.keys() == listed.keys()
    containers: dict[str, dict[str, Any]] = {}
    for sandbox_id, pod in told.items():
        real = listed[sandbox_id]
        assert (pod["uid"], pod["namespace"], pod["name"], pod["attempt"]) == (
            real.metadata.uid,
            real.metadata.namespace,
            real.metadata.name,
            real.metadata.attempt,
        )
        containers.update({container["id"]: container for container in pod["containers"]})
    real_containers = {container.id: container for container in client.containers()}
    assert containers.keys() == real_containers.keys()
    for container_id, container in containers.items():
        status = client.container_status(container_id).status
        assert container["name"] == status.metadata.name
        state = cri.ContainerState.Name(status.state).removeprefix("CONTAINER_").lower()
        assert container["state"].lower() == state
        ended = status.state == cri.CONTAINER_EXITED
        assert container["exit_code"] == (status.exit_code if ended else None)
        assert (container["reason"] or "") == status.reason
        assert bool(container["started_at"]) == bool(status.started_at)
        assert bool(container["finished_at"]) == bool(status.finished_at)


@pytest.mark.timeout(240)
def test_after_a_churn_of_200_each_life_was_told_once_and_in_order(
    any_containerd: RealContainerd,
) -> None:
    with events_of(any_containerd) as events:
        truth = many_pods(any_containerd.new_client(), pods=40, lives_each=5, exit_code=None)
        client = any_containerd.new_client()
        left = client.run_pod("left", Spec("stays"), Spec("fails", ("sh", "-c", "exit 3")))
        with pytest.raises(CallError):
            client.run(left, Spec("never", ("/no/such/program",)))
        time.sleep(0.5)
        assert not truth.failures
        assert len(truth.complete) == 200
        events.wait_for_events(4 * 200 + 4 * 40 + 2 + 2 + 3 + 1)
        for life in truth.complete:
            assert events.of(life.id) == WHOLE
        for pod in truth.pods:
            assert events.of(pod.id) == WHOLE_POD
        assert [event["seq"] for event in events.events] == list(range(1, len(events.events) + 1))
        assert {event["pod"] for event in events.events} == {
            "left",
            *(f"churn-{number}" for number in range(40)),
        }
        lags = sorted(event["lag_ms"] for event in events.events)
        assert lags[0] >= 0
        assert_pods_equal_the_listing(any_containerd)


@pytest.mark.timeout(120)
def test_exit_codes_and_oom_kills_are_told(any_containerd: RealContainerd) -> None:
    client = any_containerd.new_client()
    with events_of(any_containerd) as events:
        pod = client.run_pod("ends")
        failed = client.run(pod, Spec("fails", ("sh", "-c", "exit 3")))
        # runc itself takes 12 MiB until the container's own program begins.
        eats = Spec("eats", ("sh", "-c", "tail /dev/zero"), memory_limit=64 << 20)
        killed = client.run(pod, eats)
        events.wait_for_events(2 + 3 + 4)
        died = {e["container_id"]: e for e in events.events if e["type"] == "ContainerDied"}
        assert died[failed]["exit_code"] == 3
        assert (died[killed]["exit_code"], died[killed]["reason"]) == (137, "OOMKilled")
        assert "ContainerOOM" in events.of(killed)
        assert_pods_equal_the_listing(any_containerd)


@pytest.mark.timeout(120)
def test_a_runtime_killed_and_started_again_is_followed_on(any_containerd: RealContainerd) -> None:
    client = any_containerd.new_client()
    with events_of(any_containerd) as events:
        pod = client.run_pod("survivor", Spec("stays"))
        any_containerd.kill()
        events.wait_for("lost")
        any_containerd.boot()
        client = any_containerd.new_client()
        end = time.monotonic() + 30
        while sum(line.get("state") == "connected" for line in events.lines) < 2:
            assert time.monotonic() < end, "it did not come back"
            time.sleep(0.05)
        container = client.run(pod, Spec("later"))
        client.stop(container)
        client.remove(container)
        time.sleep(0.5)
        assert events.of(container) == WHOLE
        assert_pods_equal_the_listing(any_containerd)
