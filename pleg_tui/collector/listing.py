"""Listing everything: at the start, to resync, and, where no events can be had, as the source."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from pleg_tui import frames
from pleg_tui.collector.lookups import send
from pleg_tui.collector.runtime import Runtime
from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.frames import Kind

TIMEOUT_S = 10.0
FASTEST_S = 1.0
"""A relist is never repeated sooner than the kubelet's own (genericPlegRelistPeriod)."""
CRIO_EXITS = "var/run/crio/exits"
"""CRI-O writes a file here for every container that exits (container_exits_dir, its default)."""

_SANDBOXES = cri.ListPodSandboxRequest(filter=cri.PodSandboxFilter()).SerializeToString()
_CONTAINERS = cri.ListContainersRequest(filter=cri.ContainerFilter()).SerializeToString()


async def listing(runtime: Runtime, flags: int = 0) -> None:
    """List sandboxes and containers, all states, as one LISTING frame.

    Raises:
        CallFailed: one of the two calls did.
    """
    asked = time.monotonic_ns()
    sandboxes = await runtime.call(methods.LIST_POD_SANDBOX, _SANDBOXES, TIMEOUT_S)
    containers = await runtime.call(methods.LIST_CONTAINERS, _CONTAINERS, TIMEOUT_S)
    payload = frames.pack_listing(asked, sandboxes, containers)
    send(runtime.outbox, Kind.LISTING, payload, flags=flags)


async def relist(runtime: Runtime, period_s: float, root: str, flags: int) -> None:
    """List for ever, every period_s seconds, and at once when a container's exit file appears.

    Raises:
        CallFailed: a listing failed.
    """
    exits = asyncio.Event()
    with _watching(Path(root) / CRIO_EXITS, exits):
        while True:
            await asyncio.sleep(FASTEST_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(exits.wait(), max(period_s - FASTEST_S, 0.001))
            exits.clear()
            await listing(runtime, flags)


@contextlib.contextmanager
def _watching(folder: Path, event: asyncio.Event) -> Iterator[None]:
    if not folder.is_dir():
        yield
        return
    from inotify_simple import INotify
    from inotify_simple import flags as inotify_flags

    try:
        watch = INotify(nonblocking=True)
        watch.add_watch(folder, inotify_flags.CREATE | inotify_flags.MOVED_TO)
    except OSError:  # this node has none left: the period alone must do
        yield
        return
    loop = asyncio.get_running_loop()

    def readable() -> None:
        watch.read(timeout=0)
        event.set()

    with watch:
        loop.add_reader(watch.fileno(), readable)
        try:
            yield
        finally:
            loop.remove_reader(watch.fileno())
