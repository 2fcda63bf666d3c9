"""What a simulated node can be told, and its command line; imports no grpc.

A simulated node is a folder that looks like a node's file system, a simulated runtime in it, and a
simulated kubelet: everything that reads a node under `--root` can be shown and tested on it.
"""

from __future__ import annotations

import argparse
import re
from enum import StrEnum

from msgspec import Struct, field

from pleg_tui.sim import options as runtime_options
from pleg_tui.sim.flavours import SUFFIX

DEFAULT_KUBELET = "1.36.2"


class Layout(StrEnum):
    """Where a distribution keeps its kubelet's configuration."""

    KUBEADM = "kubeadm"
    K3S = "k3s"
    CRIO = "crio"
    """kubeadm's files with CRI-O as the runtime."""
    EKS = "eks"


class Fault(StrEnum):
    """What can be made to go wrong; several at once."""

    RESTART_REFUSED = "restart-refused"
    """`systemctl restart` fails and nothing was restarted."""
    START_FAILS = "start-fails"
    """A kubelet that is started ends at once."""
    UNHEALTHY = "unhealthy"
    """The kubelet runs, and its healthz answers 500."""
    UNAUTHORIZED = "unauthorized"
    """The kubelet answers 401, whatever the token."""
    FORBIDDEN = "forbidden"
    """The kubelet answers 403 to a good token: it may authenticate, but not read."""
    HANG = "hang"
    """The kubelet takes connections and never answers."""
    ANONYMOUS = "anonymous"
    """The kubelet answers without any token."""


_VERSION = re.compile(r"v?1\.(\d{1,3})(?:\.(\d{1,3}))?([-+][\w.+-]*)?")


class NodeOptions(Struct, frozen=True):
    """Everything that shapes one simulated node."""

    kubelet: str = DEFAULT_KUBELET
    """Its version, "1.36.2" or "1.36"; "+simulated" is added to it."""
    layout: Layout = Layout.KUBEADM
    evented: bool = False
    """The gate is on in the configuration from the start."""
    pod_events: bool = False
    """CRI-O's enable_pod_events is on from the start; other runtimes ignore it."""
    verbosity: int = 2
    """The kubelet's -v."""
    read_only_port: bool = False
    """The kubelet's plain port without authentication is open."""
    faults: frozenset[Fault] = frozenset()
    """On from the start; see `SimulatedNode.fault`."""
    runtime: runtime_options.Options = field(default_factory=runtime_options.Options)
    """Its socket and, for the crio layout, its flavour follow from the layout."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ValueError: in one clear sentence.
        """
        minor, _ = self.minor_patch
        if not 20 <= minor <= 40:
            raise ValueError(f"kubelet must be 1.20 to 1.40, not {self.kubelet}")
        if not 0 <= self.verbosity <= 10:
            raise ValueError(f"verbosity must be 0 to 10, not {self.verbosity}")
        flavour = self.runtime.flavour
        if not flavour.startswith("containerd") and (
            self.layout is not Layout.CRIO or not flavour.startswith("crio")
        ):
            raise ValueError(f"a simulated node of layout {self.layout} has no runtime {flavour}")

    @property
    def minor_patch(self) -> tuple[int, int]:
        """(36, 2) for 1.36.2.

        Raises:
            ValueError: the version cannot be read.
        """
        match = _VERSION.fullmatch(self.kubelet)
        if match is None:
            raise ValueError(f"kubelet must be a version such as 1.36.2, not {self.kubelet!r}")
        return int(match[1]), int(match[2] or 0)

    @property
    def crio_events(self) -> bool:
        """enable_pod_events of the crio layout."""
        return self.pod_events or self.runtime.flavour == "crio"

    @property
    def git_version(self) -> str:
        """As the kubelet names itself: v1.36.2+simulated."""
        minor, patch = self.minor_patch
        return f"v1.{minor}.{patch}{SUFFIX}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the node's arguments, beside the runtime's; read the result with `from_namespace`."""
    group = parser.add_argument_group(
        "simulated kubelet", "a folder for --root with a kubelet, its files, log and metrics"
    )
    group.add_argument("--kubelet", metavar="VERSION", help="also a kubelet of this version")
    group.add_argument("--layout", choices=tuple(v.value for v in Layout), help="[kubeadm]")
    group.add_argument("--evented", action="store_true", help="its EventedPLEG gate is on")
    group.add_argument("--pod-events", action="store_true", help="CRI-O's enable_pod_events is on")
    group.add_argument("--verbosity", type=int, metavar="N", help="the kubelet's -v [2]")
    group.add_argument(
        "--read-only-port", action="store_true", help="its port without authentication is open"
    )
    group.add_argument(
        "--fault",
        dest="faults",
        action="append",
        choices=tuple(v.value for v in Fault),
        help="what goes wrong; may be repeated",
        metavar="FAULT",
    )


def from_namespace(namespace: argparse.Namespace) -> NodeOptions | None:
    """The node that a parsed command line asks for; None when it asks for a runtime alone.

    Raises:
        ValueError: a value makes no sense; the text is one clear sentence.
    """
    given = {k: v for k, v in vars(namespace).items() if v not in (None, False, [])}
    own = ("kubelet", "layout", "evented", "pod_events", "verbosity", "read_only_port", "faults")
    picked = {name: given[name] for name in own if name in given}
    if not picked:
        return None
    if given.get("socket"):
        raise ValueError("--socket and --kubelet exclude each other: the node's layout decides")
    if "layout" in picked:
        picked["layout"] = Layout(picked["layout"])
    elif str(given.get("flavour", "")).startswith("crio"):
        picked["layout"] = Layout.CRIO
    if "faults" in picked:
        picked["faults"] = frozenset(Fault(name) for name in picked["faults"])
    return NodeOptions(**picked, runtime=runtime_options.from_namespace(namespace))
