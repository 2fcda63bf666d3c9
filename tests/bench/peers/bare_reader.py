"""A Python gRPC client that reads a stream of CRI events and throws them away.

    python bare_reader.py ENDPOINT EVENTS

The same gRPC library, loop and channel options as the collector. Prints the seconds from the first
event to the last, and the CPU seconds of this process meanwhile.
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc.aio

from pleg_tui.collector.runtime import _OPTIONS
from pleg_tui.cri import methods


async def main() -> None:
    """Read them."""
    endpoint, events = sys.argv[1], int(sys.argv[2])
    channel: Any = grpc.aio.insecure_channel(endpoint, options=_OPTIONS)
    call = channel.unary_stream(methods.GET_CONTAINER_EVENTS)(b"", timeout=300)
    begun = cpu = 0.0
    left = events
    async for _message in call:
        if left == events:
            begun, cpu = time.perf_counter(), time.process_time()
        left -= 1
        if not left:
            break
    print(f"{time.perf_counter() - begun} {time.process_time() - cpu}", flush=True)
    await channel.close()


asyncio.run(main())
