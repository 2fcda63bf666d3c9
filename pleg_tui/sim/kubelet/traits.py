"""What differs between the kubelet's versions, where it can be seen from outside.

Sources: pkg/features/kube_features.go, pkg/kubelet/metrics/metrics.go, pkg/kubelet/pleg and
cmd/kubelet/app/server.go of each release; KEP-3386 for the short-lived beta and for 1.37.
"""

from __future__ import annotations

from msgspec import Struct

GATE = "EventedPLEG"
RELIST_S = 1.0
"""genericPlegRelistPeriod."""
EVENTED_RELIST_S = 300.0
"""eventedPlegRelistPeriod."""
MAX_STREAM_RETRIES = 5
"""eventedPlegMaxStreamRetries: the counter is never reset."""
HOUSEKEEPING_S = 2.0
STATUS_S = 5.0
NODE_STATUS_S = 10.0
LOG_MANAGER_S = 10.0
CONTAINER_GC_S = 60.0
IMAGE_GC_S = 300.0

_BETA_UNTIL = {27: 9, 28: 5, 29: 0}
"""Minor to the last patch in which the gate was beta (and off), before it went back to alpha."""


class Traits(Struct, frozen=True):
    """One version's visible habits."""

    minor: int
    patch: int
    git_version: str
    """v1.36.2+simulated."""

    @property
    def knows_gate(self) -> bool:
        """There is an EventedPLEG gate: 1.26 and later."""
        return self.minor >= 26

    @property
    def stage(self) -> str:
        """ALPHA, or BETA in the patches of 1.27 to 1.29 before it was taken back."""
        return "BETA" if self.patch <= _BETA_UNTIL.get(self.minor, -1) else "ALPHA"

    @property
    def hint_only(self) -> bool:
        """It polls all the same; events only hurry terminations."""
        return self.minor >= 37

    @property
    def evented_metrics(self) -> bool:
        """The three kubelet_evented_pleg_connection families exist."""
        return self.minor >= 27

    @property
    def pod_relist(self) -> bool:
        """Single pods are relisted on demand, with a metric of its own."""
        return self.minor >= 36

    @property
    def lists_pod_again(self) -> bool:
        """Before a changed pod is inspected, its sandboxes and containers are listed by label."""
        return self.minor <= 35

    @property
    def housekeeping_lists(self) -> bool:
        """Housekeeping forces the runtime cache: both lists every 2 s."""
        return self.minor >= 27

    @property
    def updated_gates_line(self) -> bool:
        """The log says `"Updated" featureGates=…` and no longer `feature gates: …`."""
        return self.minor >= 36

    @property
    def config_dir(self) -> str:
        """What --config-dir is here: "" no such flag, "alpha" needs an environment variable."""
        if self.minor < 28:
            return ""
        return "alpha" if self.minor < 30 else "on"

    @property
    def fine_grained_authz(self) -> bool:
        """configz, healthz and pods have subresources of their own (else nodes/proxy)."""
        return self.minor >= 33
