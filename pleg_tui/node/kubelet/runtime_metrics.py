"""What the runtime's own metrics say about who listens to it and who lists it, where they are on.

Sources: containerd's grpc_server_* counters (go-grpc-prometheus; `[metrics] address`, in
configuration version 4 the plugin io.containerd.server.v1.metrics), CRI-O's
container_runtime_crio_operations_total (`[crio.metrics]`), which do not count streams. Both count
every client, this program included.
"""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Mapping

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.fetch import Access, FetchError, fetch
from pleg_tui.node.kubelet.files import Unreadable, read_file
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.types import Evidence, Weight

_PREFIXES = (
    "grpc_server_started_total",
    "grpc_server_handled_total",
    "container_runtime_crio_operations_total",
    "crio_operations_total",
)
_RANCHER = "/var/lib/rancher/{}/agent/etc/containerd/config.toml"
_CONTAINERD = {
    "/run/containerd/containerd.sock": "/etc/containerd/config.toml",
    "/run/k3s/containerd/containerd.sock": _RANCHER.format("k3s"),
}
"""containerd's configuration by its socket."""
_ALL_BUT_POLLING_PER_S = 0.7
"""Without a relist every second a kubelet lists sandboxes every 2 s, and now and then besides."""


class RuntimeSample(Struct, frozen=True):
    """One reading; None: the page does not have it."""

    mono: float
    subscribers: float | None
    """Readers of GetContainerEvents just now."""
    lists: float | None
    """ListPodSandbox calls that were begun, of all clients, since the runtime's start."""


def find_url(root: str, options: KubeletOptions, endpoint: str | None) -> tuple[str, str]:
    """The URL of the runtime's metrics, and why there is none (empty: there is).

    Args:
        root: where the node's file system is seen from here.
        options: which may name it.
        endpoint: the runtime's that the kubelet uses; another one's metrics say nothing of it.
    """
    if options.runtime_metrics_url:
        return options.runtime_metrics_url, ""
    if endpoint is None:
        return "", "which runtime the kubelet uses is unknown, and so are its metrics"
    socket = endpoint.removeprefix("unix://").removeprefix("/var")
    if socket in _CONTAINERD:
        name, url = "containerd", _containerd_url(root, _CONTAINERD[socket])
    elif socket == "/run/crio/crio.sock":
        name, url = "CRI-O", _crio_url(root)
    else:
        return "", f"no metrics are known of the runtime at {clean(endpoint, 200)}"
    return url, "" if url else f"{name} has no metrics switched on in its configuration"


def parse_runtime_metrics(text: str, mono: float) -> RuntimeSample | None:
    """What concerns us of a runtime's metrics page; None: it is none, or malformed."""
    lines = [line for line in text.split("\n") if line.startswith(_PREFIXES)]
    if not lines:
        return None
    from prometheus_client.parser import text_string_to_metric_families

    started = handled = lists = 0.0
    grpc = False
    try:
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for sample in family.samples:
                method = sample.labels.get("grpc_method") or sample.labels.get("operation", "")
                grpc = grpc or sample.name.startswith("grpc_")
                begun = sample.name != "grpc_server_handled_total"
                if method == "GetContainerEvents":
                    started += sample.value if begun else 0.0
                    handled += 0.0 if begun else sample.value
                elif method in ("ListPodSandbox", "StreamPodSandboxes") and begun:
                    lists += sample.value
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return RuntimeSample(mono, started - handled if grpc else None, lists)


def judge_runtime(
    first: RuntimeSample, second: RuntimeSample | None, gate_on: bool | None
) -> list[Evidence]:
    """What the runtime's figures say of the kubelet; pure."""
    found = []
    last = second or first
    if last.subscribers is not None:
        says = f"{last.subscribers:g} readers of the runtime's CRI events"
        if last.subscribers <= 0 and gate_on:
            found.append(
                Evidence(
                    "runtime metrics", f"{says}: the kubelet is none", Weight.STRONG, polls=True
                )
            )
        else:
            says += ", of which the kubelet may be one" if last.subscribers > 0 else ""
            found.append(Evidence("runtime metrics", says, Weight.WEAK))
    if second is None or first.lists is None or second.lists is None:
        return found
    seconds, new = second.mono - first.mono, second.lists - first.lists
    if seconds < 4 or new < 0:
        return found
    says = f"{new:g} ListPodSandbox calls of all clients in {seconds:.1f} s"
    # None at all: it lists by the streaming calls of 1.36, which CRI-O does not count.
    if 0 < new / seconds <= _ALL_BUT_POLLING_PER_S and seconds >= 10:
        says += ": nobody polls every second"
        found.append(Evidence("runtime metrics", says, Weight.STRONG, polls=False))
    else:
        found.append(Evidence("runtime metrics", says, Weight.WEAK))
    return found


def sample_runtime(url: str, options: KubeletOptions) -> tuple[RuntimeSample | None, str]:
    """A reading, and why there is none (empty: there is)."""
    try:
        mono = time.monotonic()
        text = fetch(url, Access(insecure=options.insecure), options.timeout_s)
    except FetchError as error:
        return None, str(error)
    sample = parse_runtime_metrics(text, mono)
    return sample, "" if sample else f"{clean(url, 200)} has none of the runtime's figures"


def _containerd_url(root: str, path: str) -> str:
    config = _toml(root, path)
    plugin = _at(config, "plugins", "io.containerd.server.v1.metrics", "address")
    address = plugin or _at(config, "metrics", "address")
    return f"http://{_local(address)}/v1/metrics" if isinstance(address, str) and address else ""


def _crio_url(root: str) -> str:
    enabled, host, port = False, "127.0.0.1", 9090
    folder = "/etc/crio/crio.conf.d"
    try:
        names = sorted(os.listdir(under(root, folder)))[:200]  # noqa: PTH208
    except OSError:
        names = []
    for path in ("/etc/crio/crio.conf", *(f"{folder}/{name}" for name in names)):
        part = _at(_toml(root, path), "crio", "metrics")
        if not isinstance(part, dict):
            continue
        enabled = part.get("enable_metrics", enabled) is True
        new_port, new_host = part.get("metrics_port", port), part.get("metrics_host", host)
        port = new_port if isinstance(new_port, int) and 0 < new_port < 65536 else port
        host = new_host if isinstance(new_host, str) else host
    return f"http://{_local(f'{host}:{port}')}/metrics" if enabled else ""


def _toml(root: str, path: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(read_file(root, path).text)
    except (Unreadable, ValueError, RecursionError):
        return {}


def _at(value: object, *keys: str) -> object:
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _local(address: str) -> str:
    host, _, port = address.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("", "0.0.0.0", "[::]") else address  # noqa: S104
