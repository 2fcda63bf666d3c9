"""One full look at a node's kubelet: everything that can be known of it, each fact with its source.

Only reads. Blocking, and bounded in time: call it from a thread.
"""

from __future__ import annotations

from pleg_tui.node.kubelet.types import KubeletFacts, KubeletOptions


def read_kubelet(root: str = "/", options: KubeletOptions | None = None) -> KubeletFacts:
    """Look at everything once; takes as long as the samples need, some 25 s at the most.

    Never raises for what is on the node: what cannot be read is unknown, with the reason.

    Args:
        root: where the node's file system is seen from here.
        options: how we may look.
    """
    raise NotImplementedError
