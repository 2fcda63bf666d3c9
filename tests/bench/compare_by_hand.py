"""What a relist every second costs containerd, measured by hand: nothing of pleg_tui.compare in it.

    python -m tests.bench.compare_by_hand --pods 0,25,50,100 --duration 240

Starts a containerd of the test rig, makes the pods of two idle containers each, and switches a
plain relist loop (synchronous gRPC, in a process of its own) on and off in blocks of random order
within each pair. What containerd spends is read from /proc/PID/task/*/schedstat, which is another
way than the program's own, and its effect is the mean of the pairs' differences with a t interval.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from pleg_tui.cri import runtime_pb2 as cri
from tests.node.rig.chroot import UnavailableError, ensure, require_major
from tests.node.rig.client import Spec
from tests.node.rig.containerd import RealContainerd

REPOSITORY = Path(__file__).resolve().parents[2]
WARMUP_S = 2.0
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)
"""Student's t, two-sided 95 %, for 1 to 15 degrees of freedom; beyond that 2.1 is taken."""


def spent_ns(pid: int) -> int:
    """Processor time of the threads of a process that live."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
        try:
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue
    return total


def relist_loop(endpoint: str) -> None:
    """The client's process: lists every second while the last line of stdin was "on"."""
    channel = grpc.insecure_channel(endpoint, options=[("grpc.default_authority", "localhost")])
    service = "/runtime.v1.RuntimeService/"
    sandboxes = channel.unary_unary(
        service + "ListPodSandbox",
        request_serializer=cri.ListPodSandboxRequest.SerializeToString,
        response_deserializer=cri.ListPodSandboxResponse.FromString,
    )
    containers = channel.unary_unary(
        service + "ListContainers",
        request_serializer=cri.ListContainersRequest.SerializeToString,
        response_deserializer=cri.ListContainersResponse.FromString,
    )
    os.set_blocking(0, False)
    state: dict[str, int] = {}
    on = False
    while True:
        try:
            data = os.read(0, 4096)
        except BlockingIOError:
            pass
        else:
            if not data:
                return
            on = data.split()[-1] == b"on"
        if on:
            answer = sandboxes(cri.ListPodSandboxRequest(), timeout=10)
            answer2 = containers(cri.ListContainersRequest(), timeout=10)
            state = {item.id: item.state for item in answer.items}
            state |= {item.id: item.state for item in answer2.containers}
        # Little enough when off, and the rhythm of a kubelet when on.
        time.sleep(1.0 if on else 0.1)


def measure(
    endpoint: str, pid: int, duration_s: float, block_s: float, seed: int
) -> dict[str, Any]:
    """Switch the loop on and off; CPU in milliseconds per second."""
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.compare_by_hand", "--relist", endpoint],
        stdin=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert client.stdin is not None
    draw = random.Random(seed)
    pairs: list[tuple[float, float]] = []
    clients: list[float] = []
    try:
        time.sleep(2)
        for _ in range(max(2, int(duration_s // (2 * block_s)))):
            rates = {}
            for what in draw.sample(["on", "off"], 2):
                client.stdin.write(f"{what}\n".encode())
                client.stdin.flush()
                time.sleep(WARMUP_S)
                begun, before, own = time.monotonic(), spent_ns(pid), spent_ns(client.pid)
                time.sleep(block_s - WARMUP_S)
                after, own_after, ended = spent_ns(pid), spent_ns(client.pid), time.monotonic()
                rates[what] = (after - before) / (ended - begun) / 1e6
                if what == "on":
                    clients.append((own_after - own) / (ended - begun) / 1e6)
            pairs.append((rates["off"], rates["on"]))
    finally:
        client.stdin.close()
        client.wait(20)
    differences = [on - off for off, on in pairs]
    mean = statistics.fmean(differences)
    t = _T[len(pairs) - 2] if len(pairs) - 2 < len(_T) else 2.1
    half = t * statistics.stdev(differences) / math.sqrt(len(pairs))
    return {
        "pairs": len(pairs),
        "baseline_ms_per_s": statistics.fmean(off for off, _ in pairs),
        "runtime_ms_per_s": {"estimate": mean, "low": mean - half, "high": mean + half},
        "client_ms_per_s": statistics.fmean(clients),
    }


def grow(runtime: RealContainerd, pods: int) -> None:
    """Make pods of two idle containers until there are so many."""
    there = len(runtime.client.pods())

    def make(number: int) -> None:
        runtime.client.run_pod(f"idle-{number}", Spec("main"), Spec("side"), timeout=120)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(make, range(there, pods)))
    time.sleep(5)  # what the creation left to be done is not idling


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What both scripts take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--pods", default="0,25,50,100", help="sizes, ascending")
    parser.add_argument("--duration", type=float, default=240.0, help="seconds for each size")
    parser.add_argument("--block", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("compare-results"))
    return parser


def a_containerd() -> RealContainerd:
    """A containerd 2.x of the rig, which `with` starts.

    Raises:
        SystemExit: it cannot be had here.
    """
    try:
        return RealContainerd(require_major(ensure("sid"), 2))
    except UnavailableError as error:
        sys.exit(str(error))


def sizes(text: str) -> list[int]:
    """The sizes that were asked for, ascending."""
    return sorted({int(word) for word in text.split(",")})


def main() -> None:
    """Measure and write."""
    if sys.argv[1:2] == ["--relist"]:
        relist_loop(sys.argv[2])
        return
    options = arguments(__doc__).parse_args()
    results = []
    with a_containerd() as runtime:
        for pods in sizes(options.pods):
            grow(runtime, pods)
            result = measure(
                runtime.endpoint, runtime.pid, options.duration, options.block, options.seed
            )
            results.append({"pods": pods, "containers": 2 * pods, **result})
            print(json.dumps(results[-1]), flush=True)
        version = runtime.version
    options.out.mkdir(parents=True, exist_ok=True)
    told = {"containerd": version, "options": {**vars(options), "out": ""}, "results": results}
    (options.out / "by-hand.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
