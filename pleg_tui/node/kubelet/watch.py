"""The cheap, repeated look at a kubelet: has it restarted, fallen back, thrown events away?

Only reads. Blocking, and bounded in time: call it from a thread.
"""

from __future__ import annotations

from pleg_tui.node.kubelet.types import KubeletFacts, KubeletOptions, Look


class KubeletWatch:
    """Remembers what it saw and tells what has changed since.

    The full look goes first (read_kubelet); this one only follows: the process, its counters
    where its metrics can be read, and the new lines of its log.
    """

    def __init__(
        self, root: str, options: KubeletOptions | None = None, facts: KubeletFacts | None = None
    ) -> None:
        """Follow the kubelet under this root, beginning from the facts of a full look."""
        raise NotImplementedError

    def look(self) -> Look:
        """Look once; call it every few seconds, from one thread at a time.

        Reads two files of /proc, the log's new lines and at most one page of metrics.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what is open."""
