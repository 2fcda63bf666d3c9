"""From the command line to the facts of the checklist: kubelet, runtime, pods and machine at once.

Nothing here subscribes to anything: the runtime is asked its version and listed once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.cli import connect
from pleg_tui.cli.errors import NoRuntimeError, UsageError, say
from pleg_tui.cli.node_access import kubelet_options, marked, refuse_real, simulated_access
from pleg_tui.cli.watch import Watch
from pleg_tui.cri.sockets import under
from pleg_tui.feed.types import SourceChoice
from pleg_tui.migrate.facts import Facts, PodsSeen, RuntimeSeen, pods_seen, runtime_seen
from pleg_tui.migrate.files import NodeFiles
from pleg_tui.migrate.journal import Journal, JournalError, unfinished
from pleg_tui.migrate.machine import read_machine, with_writable
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.read import read_kubelet
from pleg_tui.node.kubelet.types import KubeletFacts
from pleg_tui.node.runtime_config import read_runtime_config

_PATIENCE_S = 1.0
"""After so long somebody at a terminal is told what is waited for."""


class Site(Struct, frozen=True):
    """The node that a command works on."""

    options: Namespace
    root: str
    kubelet: KubeletOptions
    restart_command: str
    """Empty: systemd's."""
    simulated: bool

    @property
    def files(self) -> NodeFiles:
        """The node's files."""
        return NodeFiles(self.root)

    @property
    def journal(self) -> Journal:
        """The node's journal of switches."""
        return Journal.at(self.root)


@contextlib.contextmanager
def site(options: Namespace) -> Iterator[Site]:
    """The node that the options point at; a simulated one is started with --demo, and ends here.

    Raises:
        UsageError: the options make no sense.
        NoRuntimeError: the simulated node does not start.
    """
    if hasattr(options, "demo"):
        with _simulated(options) as found:
            yield found
        return
    for name in ("scenario", "flavour", "pods", "churn", "seed"):
        if hasattr(options, name):
            raise UsageError(f"--{name} is for the simulated node: add --demo, or leave it out")
    root = getattr(options, "root", "/")
    if not os.path.isdir(root):  # noqa: PTH112 - "" is no folder either
        raise UsageError(f"--root {root} is not a folder: name the one that holds the node's files")
    yield Site(
        options, root, kubelet_options(options), getattr(options, "restart_command", ""),
        marked(root),
    )  # fmt: skip


def gather(found: Site, *, quick: bool = False) -> Facts:
    """Look at everything once; takes as long as the look at the kubelet.

    Args:
        found: the node.
        quick: without what only tells the kubelet's mode, which takes its time.

    Raises:
        UsageError: what was named makes no sense.
    """
    kubelet_options = found.kubelet
    if quick:
        kubelet_options = replace(kubelet_options, samples_apart_s=0, rhythm_s=0, ask_node=False)
    look = _Look(found.root, kubelet_options)
    runtime, pods = _runtime(found.options)
    kubelet = look.result()
    theirs = _endpoint_path(found.root, kubelet.runtime_endpoint.value or "")
    named = any(name in found.options for name in ("runtime_endpoint", "config"))
    if theirs and not named and theirs != _endpoint_path("/", runtime.endpoint):
        # Two runtimes on one node: the kubelet's own counts, not the first that answers.
        again = Namespace(**{**vars(found.options), "runtime_endpoint": f"unix://{theirs}"})
        runtime, pods = _runtime(again)
    record = None
    try:
        record = found.journal.unfinished()
    except JournalError as error:
        say(str(error))
    endpoint = kubelet.runtime_endpoint.value or runtime.endpoint
    facts = Facts(
        kubelet,
        runtime,
        read_runtime_config(found.root, endpoint, runtime.name, runtime.endpoint),
        pods,
        read_machine(found.root, found.restart_command),
        unfinished(record),
    )
    return with_writable(facts, found.files)


class _Look:
    """The look at the kubelet, in a thread that no Ctrl-C has to wait for."""

    def __init__(self, root: str, options: KubeletOptions) -> None:
        self._facts: KubeletFacts | None = None
        self._error: BaseException | None = None
        self._root = root
        self._options = options
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._facts = read_kubelet(self._root, self._options)
        except BaseException as error:
            self._error = error

    def result(self) -> KubeletFacts:
        self._thread.join(_PATIENCE_S)
        if self._thread.is_alive() and sys.stderr.isatty():
            say("looking at what the kubelet does, which may take half a minute")
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._facts is not None  # noqa: S101 - else there is an error
        return self._facts


def _runtime(options: Namespace) -> tuple[RuntimeSeen, PodsSeen]:
    try:
        with connect.target(options, demo=False, source=SourceChoice.NONE, details=False) as target:
            return asyncio.run(_listed(target))
    except NoRuntimeError as error:
        return runtime_seen(None, str(error)), PodsSeen(why=str(error))


async def _listed(target: connect.Target) -> tuple[RuntimeSeen, PodsSeen]:
    feed = connect.make_feed(target.settings)
    watch = Watch(feed)
    await feed.start()
    try:
        runtime = await watch.first_listing(target.timeout_s)
        return runtime_seen(runtime), pods_seen(feed.pods.values())
    finally:
        await feed.stop()


def _endpoint_path(root: str, endpoint: str) -> str:
    path = endpoint.removeprefix("unix://")
    if not path.startswith("/"):
        return ""
    return os.path.realpath(under(root, path))


@contextlib.contextmanager
def _simulated(options: Namespace) -> Iterator[Site]:
    from pleg_tui.sim.child import SimulatorProcessError
    from pleg_tui.sim.node import SimulatedNode
    from pleg_tui.sim.node_options import Layout, NodeOptions
    from pleg_tui.sim.options import Options

    refuse_real(options)
    names = ("scenario", "flavour", "pods", "churn", "seed")
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    crio = str(given.get("flavour", "")).startswith("cri")
    try:
        wanted = NodeOptions(
            layout=Layout.CRIO if crio else Layout.KUBEADM, runtime=Options(**given)
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    node = SimulatedNode(wanted)
    try:
        node.start()
        inside = Namespace(**{k: v for k, v in vars(options).items() if k not in ("demo", *names)})
        inside.root = node.root
        inside.runtime_endpoint = node.endpoint
        command = f"{node.bin}/systemctl restart {{unit}}"
        yield Site(inside, node.root, simulated_access(node), command, True)
    except SimulatorProcessError as error:
        raise NoRuntimeError(str(error)) from None
    finally:
        node.stop()
