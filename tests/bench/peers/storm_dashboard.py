"""A whole dashboard without a terminal, that tells how it stood a storm of CRI events.

    python storm_dashboard.py ENDPOINT EVENTS

Prints "ready", the collector's process id once live, and after the storm one line of JSON. Times of
receipt are the collector's own, from its frames; nothing of the program is replaced, only watched.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from pleg_tui.ui.options import UiOptions, prepare_environment

QUIET_S = 0.1


async def watch(feed: Any, seen: dict[str, float], endpoint: str) -> dict[str, Any]:
    """Wait for the storm and for what comes after it."""
    from pleg_tui.feed.types import Phase

    while feed.health.phase is not Phase.LIVE or feed.health.collector_pid is None:
        await asyncio.sleep(0.05)
    await asyncio.sleep(3)  # the confirming listing has passed
    _say(feed.health.collector_pid)
    while "first" not in seen:
        await asyncio.sleep(0.01)
    counted = -1.0
    while counted != seen["count"] or time.monotonic() - seen["taken"] < QUIET_S:
        counted = seen["count"]
        await asyncio.sleep(QUIET_S / 4)
    while not (wanted := await asyncio.to_thread(_listed, endpoint)):
        await asyncio.sleep(QUIET_S / 4)  # a pause only: nothing is listed before all was sent
    end = time.monotonic() + 20
    while (same := _state(feed) == wanted) is False and time.monotonic() < end:
        await asyncio.sleep(0.02)
    settled = seen["state"] if same else time.monotonic_ns()
    return {
        "received_s": (seen["last"] - seen["first"]) / 1e9,
        "settled_s": max(settled - seen["last"], 0) / 1e9,
        "lost": feed.health.lost,
        "same": same,
    }


def _say(what: object) -> None:
    print(what, file=sys.__stdout__, flush=True)  # an app keeps sys.stdout to itself


def _state(feed: Any) -> dict[str, int]:
    return {c.id: int(c.state) for pod in feed.pods.values() for c in pod.containers}


def _listed(endpoint: str) -> dict[str, int]:
    import grpc

    from pleg_tui.cri import methods
    from pleg_tui.cri import runtime_pb2 as cri

    with grpc.insecure_channel(endpoint) as channel:
        stub = channel.unary_unary(
            methods.LIST_CONTAINERS,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=cri.ListContainersResponse.FromString,
        )
        found = stub(cri.ListContainersRequest(), timeout=20).containers
    return {one.id: one.state + 1 for one in found}


def main() -> None:
    """Run it."""
    endpoint = sys.argv[1]
    options = UiOptions(fps=4, theme="pleg-dark", endpoint=endpoint)
    prepare_environment(options)
    from pleg_tui.feed.live import LiveFeed
    from pleg_tui.feed.process import start_collector
    from pleg_tui.feed.types import Settings
    from pleg_tui.frames import Kind
    from pleg_tui.ui.app import PlegTui

    settings = Settings(endpoint)
    feed = LiveFeed(settings, start_collector(settings))
    seen: dict[str, float] = {"count": 0, "last": 0, "state": 0}
    take_in = feed._take_in

    def watched(frame: Any) -> Iterator[None]:
        yield from take_in(frame)
        if frame.kind == Kind.EVENT_CRI:
            seen.setdefault("first", frame.mono)
            seen["last"], seen["taken"] = frame.mono, time.monotonic()
            seen["count"] += 1
        if frame.kind in (Kind.EVENT_CRI, Kind.LISTING, Kind.GONE):
            seen["state"] = time.monotonic_ns()

    feed._take_in = watched  # type: ignore[method-assign]
    app = PlegTui(feed, options)
    _say("ready")

    async def ready(pilot: Any) -> None:
        told = await watch(feed, seen, endpoint)
        _say(json.dumps(told))
        pilot.app.exit()

    app.run(headless=True, size=(160, 50), auto_pilot=ready)


main()
