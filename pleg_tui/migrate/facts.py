"""Everything that the checklist and the plan are made from, as it was at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from pleg_tui.model import Pod, RuntimeInfo, SandboxState
from pleg_tui.node.kubelet.types import KubeletFacts
from pleg_tui.node.runtime_config import RuntimeConfig, Setting

_NOT_LOOKED = Setting(None, "not looked at")
_NOT_READ = RuntimeConfig(None, "not read", Setting(None, "not read"))
_SOURCE = "kubernetes.io/config.source"
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class RuntimeSeen(Struct, frozen=True):
    """What answered on the CRI socket."""

    name: str = ""
    """As it calls itself; empty: nothing answered, and `why` says more."""
    version: str = ""
    endpoint: str = ""
    simulated: bool = False
    why: str = "not asked"


class PodsSeen(Struct, frozen=True):
    """What the live listing tells about the pods; None is unknown, and `why` says why."""

    running: int | None = None
    """Pods with a ready sandbox."""
    static: tuple[str, ...] | None = None
    """Static pods among them, as namespace/name."""
    sidecars: tuple[str, ...] = ()
    """Pods that surely have restartable init containers; the CRI itself does not tell."""
    why: str = "the runtime was not listed"


class Machine(Struct, frozen=True):
    """What is known of the machine and of our rights on it; None is unknown."""

    systemd: Setting = _NOT_LOOKED
    cgroups: Setting = _NOT_LOOKED
    """Whether the control groups can be written."""
    writable: Mapping[str, Setting] = field(default_factory=dict)
    """By path, for the files and folders that a switch would write."""


class Unfinished(Struct, frozen=True):
    """A switch that was interrupted."""

    target: str
    reached: str
    undoing: bool


class Facts(Struct, frozen=True):
    """One look at the node."""

    kubelet: KubeletFacts
    runtime: RuntimeSeen = RuntimeSeen()
    runtime_config: RuntimeConfig = _NOT_READ
    pods: PodsSeen = PodsSeen()
    machine: Machine = Machine()
    unfinished: Unfinished | None = None
    events: Setting = _NOT_LOOKED
    """Whether the runtime's CRI events were seen to flow by somebody who may look."""


def runtime_seen(info: RuntimeInfo | None, why: str = "") -> RuntimeSeen:
    """What answered, from a feed's own words."""
    if info is None:
        return RuntimeSeen(why=why or "no runtime answered")
    return RuntimeSeen(
        info.name,
        info.version,
        info.endpoint,
        info.simulated,
        f"the Version call to {info.endpoint}",
    )


def pods_seen(pods: Iterable[Pod]) -> PodsSeen:
    """What a listing tells: static pods by the kubelet's annotation of where a pod came from."""
    running = 0
    static: list[str] = []
    sidecars: list[str] = []
    for pod in pods:
        sandbox = pod.sandbox
        if sandbox is None or sandbox.state is not SandboxState.READY:
            continue
        running += 1
        title = f"{pod.namespace}/{pod.name}"
        if sandbox.annotations.get(_SOURCE) in ("file", "http"):
            static.append(title)
        if _has_sidecar(sandbox.annotations.get(_APPLIED, "")):
            sidecars.append(title)
    return PodsSeen(running, tuple(sorted(static)), tuple(sorted(sidecars)), "the live listing")


def _has_sidecar(applied: str) -> bool:
    """Whether the manifest that kubectl kept has an init container that restarts for ever."""
    if "initContainers" not in applied:
        return False
    import json

    try:
        spec = json.loads(applied).get("spec", {})
        return any(one.get("restartPolicy") == "Always" for one in spec.get("initContainers", ()))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return False
