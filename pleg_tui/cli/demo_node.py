"""The node of the demo: a simulated runtime, and a simulated kubelet where its flavour has one."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pleg_tui.cli.errors import NoRuntimeError, UsageError
from pleg_tui.cli.node_access import refuse_real, simulated_access
from pleg_tui.ui.site import Site

if TYPE_CHECKING:
    from pleg_tui.sim.node import SimulatedNode

NAME = "simulated"
"""What confirms a change of the demo's node."""
OPTIONS = ("scenario", "flavour", "pods", "churn", "seed")


@contextlib.contextmanager
def demo_node(options: Namespace) -> Iterator[SimulatedNode | None]:
    """A whole node, launched and not waited for; None where the flavour has no kubelet.

    Raises:
        UsageError: the options make no sense.
        NoRuntimeError: it does not start.
    """
    from pleg_tui.sim.child import SimulatorProcessError
    from pleg_tui.sim.node import SimulatedNode
    from pleg_tui.sim.node_options import Layout, NodeOptions
    from pleg_tui.sim.options import Options

    refuse_real(options)
    given = {name: getattr(options, name) for name in OPTIONS if hasattr(options, name)}
    flavour = str(given.get("flavour", "containerd"))
    if not flavour.startswith(("containerd", "crio")):
        yield None
        return
    layout = Layout.CRIO if flavour.startswith("crio") else Layout.KUBEADM
    try:
        node = SimulatedNode(NodeOptions(layout=layout, runtime=Options(**given)))
    except ValueError as error:
        raise UsageError(str(error)) from None
    try:
        node.launch()
        yield node
    except SimulatorProcessError as error:
        raise NoRuntimeError(str(error)) from None
    finally:
        node.stop()


def site(node: SimulatedNode | None) -> Site:
    """As the dashboard wants it; the kubelet is waited for where it is first looked at."""
    if node is None:
        why = "this simulated runtime has no kubelet: containerd and CRI-O have"
        return Site(simulated=True, name=NAME, why_not=why)
    return Site(
        node.root, simulated=True, name=NAME, settle=_settler(node), trouble=_troubles(node)
    )


def _settler(node: SimulatedNode) -> Callable[[Site], None]:
    def settle(found: Site) -> None:
        node.wait_ready()
        found.kubelet = simulated_access(node)
        found.restart_command = f"{node.bin}/systemctl restart {{unit}}"

    return settle


def _troubles(node: SimulatedNode) -> tuple[tuple[str, str, Callable[[], None]], ...]:
    from pleg_tui.sim.node_options import Fault

    def restart(which: str) -> Callable[[], None]:
        def work() -> None:
            node.wait_ready()
            node.restart(node.runtime_unit if which == "runtime" else node.unit)

        return work

    def fault(on: bool) -> Callable[[], None]:
        def work() -> None:
            node.wait_ready()
            node.fault(Fault.START_FAILS, on)

        return work

    return (
        ("Simulate a restart of the runtime", "the simulated runtime was restarted",
         restart("runtime")),
        ("Simulate a restart of the kubelet", "the simulated kubelet was restarted",
         restart("kubelet")),
        ("Simulate that the kubelet does not start any more",
         "from its next start on the kubelet fails", fault(True)),
        ("Simulate that the kubelet starts again", "the kubelet starts again", fault(False)),
    )  # fmt: skip
