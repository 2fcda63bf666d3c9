"""`pods`: the node's pods, listed once; nothing is subscribed to."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from pleg_tui.cli import connect, shapes, table
from pleg_tui.cli.filters import Filter
from pleg_tui.cli.watch import Watch
from pleg_tui.cri.clean import MAX_REASON, clean
from pleg_tui.feed.types import AskError, Feed, SourceChoice
from pleg_tui.model import Container, ContainerState, Pod, RuntimeInfo

_ASKS_AT_ONCE = 4


def run(options: Namespace) -> int:
    """Print them; returns the exit code.

    Raises:
        CliError: there is no runtime, or the options make no sense.
    """
    demo = hasattr(options, "demo")
    with connect.target(options, demo=demo, source=SourceChoice.NONE, details=False) as found:
        if found.simulator is not None:
            found.simulator.wait_ready()
        runtime, listed = asyncio.run(_list(found, options))
    sys.stdout.write("".join(f"{line}\n" for line in _lines(runtime, listed, options)))
    sys.stdout.flush()
    return 0


async def _list(found: connect.Target, options: Namespace) -> tuple[RuntimeInfo, list[Pod]]:
    feed = connect.make_feed(found.settings)
    watch = Watch(feed)
    await feed.start()
    try:
        runtime = await watch.first_listing(found.timeout_s)
        listed = choose(feed.pods.values(), options)
        if not hasattr(options, "quiet"):
            exited_only = not _json(options)
            listed = await with_statuses(feed, listed, exited_only=exited_only)
        return runtime, listed
    finally:
        await feed.stop()


def choose(pods: Iterable[Pod], options: Namespace) -> list[Pod]:
    """The pods that were asked for: the newest first if a number was, else by name."""
    wanted = Filter(
        name=getattr(options, "name", None),
        namespace=getattr(options, "namespace", None),
        labels=tuple(getattr(options, "label", ())),
        state=getattr(options, "state", ""),
        pod=getattr(options, "pod", ""),
    )
    listed = [pod for pod in pods if wanted.takes_pod(pod)]
    last = 1 if hasattr(options, "latest") else getattr(options, "last", 0)
    if last:
        return sorted(listed, key=lambda pod: (-pod.created_at, pod.uid))[:last]
    return sorted(listed, key=lambda pod: (pod.namespace, pod.name, pod.uid))


async def with_statuses(feed: Feed, pods: list[Pod], *, exited_only: bool) -> list[Pod]:
    """The pods with what only a container's status tells: exit codes, reasons, times.

    A container that cannot be asked about stays as the listing told it, its unknowns unknown.
    """
    room = asyncio.Semaphore(_ASKS_AT_ONCE)

    async def ask(container: Container) -> Container:
        if exited_only and container.state is not ContainerState.EXITED:
            return container
        async with room:
            with contextlib.suppress(AskError):
                return with_status(container, await feed.ask("container", container.id))
        return container

    async def fill(pod: Pod) -> Pod:
        return replace(pod, containers=tuple(await asyncio.gather(*map(ask, pod.containers))))

    return list(await asyncio.gather(*map(fill, pods)))


def with_status(container: Container, answer: Mapping[str, Any]) -> Container:
    """The container with what a ContainerStatusResponse (as JSON) says beyond the listing."""
    status = answer.get("status")
    if not isinstance(status, Mapping):
        return container
    state = status.get("state")
    known = f"CONTAINER_{container.state.name}"
    if state is not None and state != known:  # it went on since it was listed
        name = str(state).removeprefix("CONTAINER_")
        container = replace(container, state=getattr(ContainerState, name, ContainerState.UNKNOWN))
    exited = container.state is ContainerState.EXITED
    return replace(
        container,
        started_at=_integer(status, "started_at"),
        finished_at=_integer(status, "finished_at") if exited else 0,
        # A field that is zero is left out of the answer.
        exit_code=_integer(status, "exit_code") if exited else None,
        reason=clean(str(status.get("reason", "")), MAX_REASON),
        message=clean(str(status.get("message", ""))),
        log_path=str(status.get("log_path", "")) or container.log_path,
    )


def _integer(status: Mapping[str, Any], key: str) -> int:
    try:
        return int(status.get(key, 0))
    except (TypeError, ValueError):
        return 0


def _json(options: Namespace) -> bool:
    return getattr(options, "output", "table") == "json"


def _lines(runtime: RuntimeInfo, listed: list[Pod], options: Namespace) -> list[str]:
    if hasattr(options, "quiet"):
        return [pod.sandbox.id for pod in listed if pod.sandbox]
    if _json(options):
        return [shapes.dumps(shapes.pods(runtime, listed), indent=2)]
    lines = table.pods(
        listed,
        time.time_ns(),
        nested=hasattr(options, "all"),
        full_ids=hasattr(options, "no_trunc"),
    )
    if runtime.simulated:
        lines.insert(0, f"-- {table.title(runtime)}")
    return lines
