"""What containers of a real containerd use, run and write is what is read of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.node.log_format import Stream
from pleg_tui.node.logs import ContainerLog
from pleg_tui.node.processes import Process, read_processes
from pleg_tui.node.usage import UsageSampler
from tests.node.rig.client import CriClient, Spec
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.namespace import wait_until

MIB = 1 << 20
BUSY = ("/bin/sh", "-c", "while :; do :; done")
HOLDS_20_MIB = ("/bin/sh", "-c", "/bin/dd if=/dev/zero bs=20M count=1 | /bin/sleep infinity")
COUNTS = ("/bin/sh", "-c", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.02; done")
TICKS = os.sysconf("SC_CLK_TCK")


def processes_of(sampler: UsageSampler, container: str) -> tuple[Process, ...]:
    path = sampler.index.path(container)
    assert path is not None
    return read_processes("/", sampler.index.hierarchy, path).processes


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@pytest.mark.timeout(120)
def test_a_busy_container_uses_what_its_process_uses(containerd2: RealContainerd) -> None:
    """Near one core; how near, on a machine with other work, its process knows."""
    pod = containerd2.client.run_pod("busy", Spec("loop", BUSY), Spec("idle"))
    loop, idle = pod.containers["loop"], pod.containers["idle"]
    sampler = UsageSampler()
    first = sampler.sample([loop, idle], time.monotonic_ns())
    assert first[loop].cpu_ns is not None
    sampler.sample_pods({pod.uid: [loop, idle]}, time.monotonic_ns())
    (process,) = processes_of(sampler, loop)
    started, before = time.monotonic(), cpu_seconds(process.pid)
    sampler.sample([loop, idle], time.monotonic_ns())
    time.sleep(3)
    usage = sampler.sample([loop, idle], time.monotonic_ns())
    real = (cpu_seconds(process.pid) - before) / (time.monotonic() - started)
    cores, resting = usage[loop].cores, usage[idle].cores
    assert cores is not None
    assert resting is not None
    assert cores == pytest.approx(real, abs=0.15)
    assert 0.25 < cores < 1.15
    assert resting < 0.05
    whole = sampler.sample_pods({pod.uid: [loop, idle]}, time.monotonic_ns())[pod.uid]
    assert whole.cpu_ns is not None
    assert whole.cpu_ns >= (usage[loop].cpu_ns or 0)
    assert whole.source("cpu_ns").startswith("cpu")
    sampler.close()


@pytest.mark.timeout(120)
def test_memory_and_its_limit_are_seen(containerd2: RealContainerd) -> None:
    pod = containerd2.client.run_pod(
        "memory", Spec("holds", HOLDS_20_MIB, memory_limit=64 * MIB), Spec("small")
    )
    holds, small = pod.containers["holds"], pod.containers["small"]
    sampler = UsageSampler()

    def filled() -> bool:
        usage = sampler.sample([holds], time.monotonic_ns())[holds]
        return (usage.anon or 0) > 19 * MIB

    wait_until("20 MiB in use", filled, 20, 0.3)
    usage = sampler.sample([holds, small], time.monotonic_ns() + 1_000_000_000)
    assert 19 * MIB < (usage[holds].working_set or 0) < 30 * MIB
    assert usage[holds].memory_limit == 64 * MIB
    assert usage[holds].oom_kills == 0
    assert usage[holds].pids == 3
    assert (usage[small].working_set or 0) < 5 * MIB
    assert usage[small].memory_limit == 0
    sampler.close()


@pytest.mark.timeout(120)
def test_its_processes_are_listed_as_a_tree(containerd2: RealContainerd) -> None:
    pod = containerd2.client.run_pod("tree", Spec("main", HOLDS_20_MIB))
    container = pod.containers["main"]
    sampler = UsageSampler()
    sampler.sample([container], time.monotonic_ns())

    def programs() -> list[str]:
        return sorted(p.command.split()[0] for p in processes_of(sampler, container))

    expected = ["/bin/dd", "/bin/sh", "/bin/sleep"]
    wait_until("its processes", lambda: programs() == expected, 20, 0.1)
    shell, *rest = processes_of(sampler, container)
    assert shell.command == " ".join(HOLDS_20_MIB)
    assert (shell.depth, shell.user, shell.uid) == (0, "root", 0)
    assert [(p.depth, p.ppid) for p in rest] == [(1, shell.pid)] * 2
    sampler.close()


@pytest.mark.timeout(120)
def test_a_container_that_ended_is_unknown_and_not_zero(containerd2: RealContainerd) -> None:
    client = containerd2.client
    pod = client.run_pod("ends", Spec("main"))
    container = pod.containers["main"]
    sampler = UsageSampler()
    assert sampler.sample([container], time.monotonic_ns())[container].pids == 1
    client.stop(container)
    usage = sampler.sample([container], time.monotonic_ns() + 1_000_000_000)[container]
    assert (usage.cpu_ns, usage.working_set, usage.pids) == (None, None, None)
    assert "gone" in usage.why("pids")
    sampler.close()


def log_path(client: CriClient, container: str) -> str:
    return client.container_status(container).status.log_path


@pytest.mark.timeout(120)
def test_a_log_is_followed_through_rotation(containerd2: RealContainerd) -> None:
    client = containerd2.client
    pod = client.run_pod("logs", Spec("main", COUNTS))
    container = pod.containers["main"]
    path = Path(log_path(client, container))
    wait_until("a log", path.exists, 10, 0.05)
    log = ContainerLog(str(path))
    page, follower = log.follow(1000)
    lines = [placed.line for placed in page.lines]
    rotations = 0
    for turn in range(60):
        time.sleep(0.05)
        if turn in (15, 30):  # as the kubelet does
            path.rename(path.with_name(f"{path.name}.20240615-1200{turn}"))
            request = cri.ReopenContainerLogRequest(container_id=container)
            client.call("ReopenContainerLog", request, cri.ReopenContainerLogResponse)
        update = follower.poll()
        lines += update.lines
        rotations += update.rotated
        assert not update.why
        assert not update.truncated
    follower.close()
    assert rotations == 2
    numbers = [int(line.plain.removeprefix("line ")) for line in lines]
    assert len(numbers) > 20
    assert numbers == list(range(1, len(numbers) + 1))
    assert {line.stream for line in lines} == {Stream.STDOUT}
    times = [line.at_ns or 0 for line in lines]
    assert times == sorted(times)
    assert abs(time.time_ns() - times[-1]) < 10_000_000_000
    whole = log.tail(100_000)
    assert [p.line.plain for p in whole.lines][: len(numbers)] == [f"line {n}" for n in numbers]
    assert log.instances()[0].files == 3


@pytest.mark.timeout(120)
def test_a_long_line_is_put_together_and_an_earlier_attempt_is_found(
    containerd2: RealContainerd,
) -> None:
    client = containerd2.client
    long = ("/bin/sh", "-c", "printf '%050000d\\n' 7; echo error >&2; echo end")
    pod = client.run_pod("long", Spec("main", long))
    first = pod.containers["main"]

    def ended() -> bool:
        return client.container_status(first).status.state == cri.CONTAINER_EXITED

    wait_until("its end", ended, 20, 0.05)
    again = client.run(pod, Spec("main", ("/bin/echo", "again"), attempt=1))
    newer = ContainerLog(log_path(client, again))
    wait_until("its line", lambda: bool(newer.tail(1).lines), 20, 0.05)
    assert [p.line.plain for p in newer.tail(5).lines] == ["again"]
    attempts = newer.instances()
    assert [instance.attempt for instance in attempts] == [1, 0]
    lines = [p.line for p in ContainerLog(attempts[1].log_path).tail(50).lines]
    out = [line.plain for line in lines if line.stream is Stream.STDOUT]
    assert out == ["0" * 49999 + "7", "end"]
    errors = [line.plain for line in lines if line.stream is Stream.STDERR]
    assert errors == ["error"]
