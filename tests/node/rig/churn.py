"""Container lives on purpose, with the truth about each: what any watcher must have seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct, field

from pleg_tui.cri import runtime_pb2 as cri
from tests.node.rig.client import TIMEOUT_S, CallError, CriClient, Pod, Spec
from tests.node.rig.namespace import wait_until

EXIT_TIMEOUT_S = 20.0


class Life(Struct):
    """One container's life. A step is when its call had returned, ns since the epoch; 0 if not."""

    name: str
    pod_id: str
    pod_uid: str
    id: str = ""
    exit_code: int | None = None
    """What it ended with; None while it runs."""
    created: int = 0
    started: int = 0
    stopped: int = 0
    removed: int = 0


class Truth(Struct):
    """What was done to a runtime."""

    pods: list[Pod] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    failures: list[CallError] = field(default_factory=list)

    @property
    def complete(self) -> list[Life]:
        """The lives that went through every step."""
        return [life for life in self.lives if life.removed]


def growing_pod(client: CriClient, lives: int, name: str = "growing") -> Truth:
    """One pod in which containers are created and started, and stay: events grow with each."""
    truth = Truth()
    pod = client.run_pod(name)
    truth.pods.append(pod)
    for number in range(lives):
        _live(client, truth, pod, number, None, keep=True)
    return truth


def one_pod(
    client: CriClient, lives: int, name: str = "busy", exit_code: int | None = None
) -> Truth:
    """One pod in which containers are created, run, end and are removed, one after another."""
    truth = Truth()
    pod = client.run_pod(name)
    truth.pods.append(pod)
    for number in range(lives):
        _live(client, truth, pod, number, exit_code)
    return truth


def many_pods(
    client: CriClient,
    pods: int,
    lives_each: int = 1,
    workers: int = 4,
    exit_code: int | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Truth:
    """Pods with lives in them, several at a time; every pod is removed at the end of its lives.

    Args:
        client: of the runtime.
        pods: how many.
        lives_each: containers in each, one after another.
        workers: pods at the same time.
        exit_code: what containers end with by themselves; None to have them stopped (137).
        timeout_s: a call that takes longer has failed.
    """
    truth = Truth()
    lock = threading.Lock()

    def live(number: int) -> None:
        try:
            pod = client.run_pod(f"churn-{number}", timeout=timeout_s)
        except CallError as error:
            with lock:
                truth.failures.append(error)
            return
        with lock:
            truth.pods.append(pod)
        for turn in range(lives_each):
            _live(client, truth, pod, turn, exit_code, timeout_s=timeout_s)
        try:
            client.stop_pod(pod.id, timeout_s)
            client.remove_pod(pod.id, timeout_s)
        except CallError as error:
            with lock:
                truth.failures.append(error)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(live, range(pods)))
    return truth


def _live(
    client: CriClient,
    truth: Truth,
    pod: Pod,
    number: int,
    exit_code: int | None,
    keep: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> None:
    life = Life(f"c{number}", pod.id, pod.uid)
    truth.lives.append(life)
    command: Sequence[str] = ("/bin/sleep", "infinity")
    if exit_code is not None:
        command = ("/bin/sh", "-c", f"exit {exit_code}")
    try:
        life.id = client.create(pod, Spec(life.name, command), timeout_s)
        life.created = time.time_ns()
        client.start(life.id, timeout_s)
        life.started = time.time_ns()
        if keep:
            return
        if exit_code is None:
            client.stop(life.id, timeout=timeout_s)
            life.exit_code = 137
        else:
            wait_until(f"{life.name}'s exit", lambda: exited(client, life.id), EXIT_TIMEOUT_S, 0.02)
            life.exit_code = exit_code
        life.stopped = time.time_ns()
        client.remove(life.id, timeout_s)
        life.removed = time.time_ns()
    except CallError as error:
        truth.failures.append(error)


def exited(client: CriClient, container_id: str) -> bool:
    """The runtime says that it has exited."""
    return client.container_status(container_id).status.state == cri.CONTAINER_EXITED
