"""From the command line to a feed: which endpoint, simulated or real."""

from __future__ import annotations

import contextlib
import os
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pleg_tui.cli.errors import NoRuntimeError, UsageError, say
from pleg_tui.cri import endpoint as where
from pleg_tui.feed.types import Settings, SourceChoice

if TYPE_CHECKING:
    from pleg_tui.sim.process import SimulatorProcess

TIMEOUT_S = 5.0
"""crictl's 2 s are short for a node in a storm, which is when this program is called."""
_LOOK_AGAIN_S = 1.0
_SIMULATOR_OPTIONS = ("scenario", "flavour", "pods", "churn", "seed")


class Target(Struct, frozen=True):
    """What a command works on."""

    settings: Settings
    timeout_s: float
    simulator: SimulatorProcess | None


def make_feed(settings: Settings, *, ahead: bool = False) -> Any:
    """The live feed.

    Args:
        settings: what it is to do.
        ahead: start its collector at once, in the main thread, whose end it does not outlive. It
            takes as long to load as the screen does: let them do so at the same time.
    """
    process = None
    if ahead:
        from pleg_tui.feed.process import start_collector

        process = start_collector(settings)
    from pleg_tui.feed.live import LiveFeed

    return LiveFeed(settings, process)


@contextlib.contextmanager
def target(
    options: Namespace,
    *,
    demo: bool,
    waits: bool = False,
    source: SourceChoice | None = None,
    details: bool = True,
) -> Iterator[Target]:
    """What the options point at; a simulator that is started for it ends with the block.

    Args:
        options: the parsed command line.
        demo: against a simulator of our own.
        waits: an endpoint that was named may come up later.
        source: instead of what the options say.
        details: as in `Settings`.

    Raises:
        UsageError: the options contradict each other.
        NoRuntimeError: there is nothing to work on.
    """
    source = source or SourceChoice(getattr(options, "source", "auto"))
    root = getattr(options, "root", "/")
    debug = getattr(options, "debug", "")
    timeout_s = getattr(options, "timeout", 0.0)
    if demo:
        with _simulated(options) as simulator:
            settings = Settings(simulator.endpoint, source, details=details, debug=debug)
            yield Target(settings, timeout_s if timeout_s > 0 else TIMEOUT_S, simulator)
        return
    for name in _SIMULATOR_OPTIONS:
        if hasattr(options, name):
            raise UsageError(f"--{name} is for the simulated runtime: add --demo, or leave it out")
    found = find(options, waits=waits)
    settings = Settings(found.uri, source, root=root, details=details, debug=debug)
    default_s = found.timeout_s or TIMEOUT_S
    yield Target(settings, timeout_s if timeout_s > 0 else default_s, None)


def find(options: Namespace, *, waits: bool) -> where.Endpoint:
    """The runtime's endpoint.

    Raises:
        UsageError: what was named makes no sense.
        NoRuntimeError: there is none, or, unless the caller waits, nobody answers there.
    """
    root = getattr(options, "root", "/")
    if not os.path.isdir(root):  # noqa: PTH112 - "" is no folder either
        raise UsageError(f"--root {root} is not a folder: name the one that holds the node's files")
    wanted = where.Wanted(
        getattr(options, "runtime_endpoint", ""), getattr(options, "config", ""), root
    )
    try:
        found = where.discover(wanted, os.environ)
        found.check(waits=waits)
    except where.EndpointError as error:
        raise (UsageError if error.usage else NoRuntimeError)(str(error)) from None
    return found


def wait_for_socket(options: Namespace) -> None:
    """Until there is an endpoint at all; says once what it waits for.

    Raises:
        UsageError: waiting would not help.
    """
    told = False
    while True:
        try:
            find(options, waits=True)
        except NoRuntimeError as error:
            if not told:
                say(f"waiting: {error}")
                told = True
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


@contextlib.contextmanager
def _simulated(options: Namespace) -> Iterator[SimulatorProcess]:
    from pleg_tui.sim.child import SimulatorProcessError
    from pleg_tui.sim.options import Options
    from pleg_tui.sim.process import SimulatorProcess

    for name in ("runtime_endpoint", "config"):
        if hasattr(options, name):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is for a real runtime: leave it out, or the demo")
    given = {name: getattr(options, name) for name in _SIMULATOR_OPTIONS if hasattr(options, name)}
    try:
        wanted = Options(**given)
    except ValueError as error:
        raise UsageError(str(error)) from None
    simulator = SimulatorProcess(wanted)
    try:
        simulator.launch()
        yield simulator
    except SimulatorProcessError as error:
        raise NoRuntimeError(str(error)) from None
    finally:
        simulator.stop()
