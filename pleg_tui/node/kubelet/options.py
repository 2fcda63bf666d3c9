"""How the admin lets us look at a kubelet; apart from the facts, which the start does not need."""

from __future__ import annotations

from msgspec import Struct


class KubeletOptions(Struct, frozen=True):
    """How the admin lets us look; paths given here are as this program sees them, not under --root.

    An empty text means: find it, under the root.
    """

    pid: int | None = None
    """Which kubelet, where there are several."""
    url: str = ""
    """Of its HTTP server, such as https://127.0.0.1:10250; "none": do not ask it."""
    client_cert: str = ""
    client_key: str = ""
    token_file: str = ""
    ca_file: str = ""
    insecure: bool = False
    """Do not verify the kubelet's certificate."""
    log_file: str = ""
    """--kubelet-log: its log, where it is not in the journal."""
    kubeconfig: str = ""
    runtime_metrics_url: str = ""
    """Of containerd's or CRI-O's metrics, such as http://127.0.0.1:1338/v1/metrics."""
    timeout_s: float = 5.0
    """For each single request and command."""
    samples_apart_s: float = 5.0
    """Between two samples of the kubelet's metrics; 0: one sample only."""
    rhythm_s: float = 20.0
    """How long to watch its I/O where nothing better can be had; 0: not at all."""
    ask_node: bool = True
    """Ask the API server for the Node object."""
