"""A plain client that lists again and again: what `watch crictl ps -a` does, without its starts.

    python relist_loop.py ENDPOINT PERIOD_S [list|stats]

`stats` asks ListContainerStats instead, as `crictl stats` does. One process, one connection, prints
the number of containers; so it is cheaper than `watch`, which starts a program each time.
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import grpc

from pleg_tui.cri import runtime_pb2 as cri

_SERVICE = "/runtime.v1.RuntimeService/"


def main() -> None:
    """Until it is ended."""
    endpoint, period, what = sys.argv[1], float(sys.argv[2]), (sys.argv[3:] or ["list"])[0]
    options = [
        ("grpc.default_authority", "localhost"),
        ("grpc.max_receive_message_length", 64 << 20),
    ]
    channel = grpc.insecure_channel(endpoint, options=options)

    def call(name: str, request: Any, answer: Any) -> Any:
        stub = channel.unary_unary(
            _SERVICE + name,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return stub(request, timeout=60)

    next_at = time.monotonic()
    while True:
        if what == "stats":
            found = call(
                "ListContainerStats",
                cri.ListContainerStatsRequest(),
                cri.ListContainerStatsResponse,
            )
            print(len(found.stats), flush=True)
        else:
            call("ListPodSandbox", cri.ListPodSandboxRequest(), cri.ListPodSandboxResponse)
            found = call("ListContainers", cri.ListContainersRequest(), cri.ListContainersResponse)
            print(len(found.containers), flush=True)
        next_at = max(next_at + period, time.monotonic())
        time.sleep(next_at - time.monotonic())


main()
