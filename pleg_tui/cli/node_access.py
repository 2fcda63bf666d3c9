"""How the command line lets us look at a node's kubelet; loads nothing heavy."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import TYPE_CHECKING

from pleg_tui.cli.errors import UsageError
from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.options import KubeletOptions

if TYPE_CHECKING:
    from pleg_tui.sim.node import SimulatedNode

_KUBELET = {
    "kubelet_pid": "pid",
    "kubelet_url": "url",
    "kubelet_cert": "client_cert",
    "kubelet_key": "client_key",
    "kubelet_token_file": "token_file",
    "kubelet_ca": "ca_file",
    "kubelet_insecure": "insecure",
    "kubelet_log": "log_file",
    "kubeconfig": "kubeconfig",
    "runtime_metrics": "runtime_metrics_url",
}
"""Options of the command line, and what they are to a look at the kubelet."""
_MUST_EXIST = ("kubelet_cert", "kubelet_key", "kubelet_token_file", "kubelet_ca", "kubelet_log",
               "kubeconfig")  # fmt: skip


def kubelet_options(options: Namespace) -> KubeletOptions:
    """How the command line lets us look at the kubelet.

    Raises:
        UsageError: a file that is named is not there.
    """
    for name in _MUST_EXIST:
        path = getattr(options, name, "")
        if path and not os.path.exists(path):  # noqa: PTH110
            raise UsageError(f"--{name.replace('_', '-')} {clean(path)} is not there")
    given = {ours: getattr(options, name) for name, ours in _KUBELET.items() if name in options}
    return KubeletOptions(**given)


def marked(root: str) -> bool:
    """The node under this root says that it is simulated."""
    from pleg_tui.sim.flavours import MARKER

    return os.path.exists(under(root, f"/{MARKER}"))  # noqa: PTH110


def refuse_real(options: Namespace) -> None:
    """Refuse what a simulated node has no use for.

    Raises:
        UsageError: it was given.
    """
    for name in ("runtime_endpoint", "config", "root", *_KUBELET, "restart_command"):
        if hasattr(options, name):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} is for a real node: leave it out, or the demo")


def simulated_access(node: SimulatedNode) -> KubeletOptions:
    """How the kubelet of a simulated node that is ready may be looked at."""
    return KubeletOptions(
        url=node.kubelet_url, token_file=node.token_file, ca_file=node.ca_file,
        log_file=node.log_file,
    )  # fmt: skip
