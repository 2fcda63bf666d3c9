"""What containers and pods use, read from their control groups: the runtime is not asked."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct, field

from pleg_tui.node.cgroup_files import GroupReader, OpenFiles
from pleg_tui.node.cgroups import CgroupIndex
from pleg_tui.node.figures import Usage, add_up, rate, unknown

HISTORY = 60
"""Readings kept of each id: an hour of one that is out of sight."""
MAX_IDS = 2048
"""Ids whose last reading and history are kept; the least recently read go first."""
MIN_INTERVAL_NS = 200_000_000
"""Readings closer together than this tell no rate: the one before is given again."""


class History(Struct):
    """The last readings of one id, oldest first; NaN where a figure was unknown."""

    at_s: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    """CLOCK_MONOTONIC, seconds; readings are not evenly spaced."""
    cores: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    working_set: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def add(self, usage: Usage) -> None:
        """Append a reading."""
        self.at_s.append(usage.at_mono_ns / 1e9)
        self.cores.append(math.nan if usage.cores is None else usage.cores)
        memory = usage.working_set
        self.working_set.append(math.nan if memory is None else float(memory))


class UsageSampler:
    """Reads usages and keeps what rates and sparklines need.

    Synchronous: some 50 to 80 microseconds a container, three times that the first time. Not for
    several threads at once.

    Args:
        root: where the node's file system is seen from here.
        index: where control groups are; its own by default.
        clock: CLOCK_MONOTONIC, ns.
    """

    def __init__(
        self,
        root: str = "/",
        index: CgroupIndex | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.index = index or CgroupIndex(root)
        self._clock = clock
        self._files = OpenFiles()
        self._reader: GroupReader | None = None
        self._last: OrderedDict[str, Usage] = OrderedDict()
        self._histories: dict[str, History] = {}

    def sample(
        self, ids: Collection[str], now_mono_ns: int, *, brief: bool = False
    ) -> dict[str, Usage]:
        """Read these containers (or pods' own control groups, by UID) now; one answer for each.

        Args:
            ids: container ids, sandbox ids or pod UIDs, in full.
            now_mono_ns: CLOCK_MONOTONIC.
            brief: only CPU and memory as lists show them; it costs half.
        """
        started = self._clock()
        self.index.locate(ids, now_mono_ns)
        self._files.begin_round()
        return {
            identity: self._sample(identity, now_mono_ns + self._clock() - started, brief)
            for identity in ids
        }

    def sample_pods(
        self, pods: Mapping[str, Sequence[str]], now_mono_ns: int, *, brief: bool = False
    ) -> dict[str, Usage]:
        """What pods use: their own control groups' figures, or else the sums of their containers'.

        A pod's own group also counts its sandbox, and memory that no container is charged for. It
        is not used where its containers are not in it: a runtime and a kubelet with different
        cgroup drivers leave it empty. The sum is of readings that sample() already made.

        Args:
            pods: the ids of a pod's containers that run (and its sandbox's), by the pod's UID.
            now_mono_ns: CLOCK_MONOTONIC.
            brief: as for sample().
        """
        self.index.locate([*pods, *(i for ids in pods.values() for i in ids)], now_mono_ns)
        own = [uid for uid, containers in pods.items() if self.holds(uid, containers)]
        answers = self.sample(own, now_mono_ns, brief=brief)
        for uid, containers in pods.items():
            if uid not in answers:
                known = [self._last[i] for i in containers if i in self._last]
                answers[uid] = self._keep(add_up(uid, now_mono_ns, known, len(containers)))
        return answers

    def holds(self, uid: str, containers: Sequence[str]) -> bool:
        """Whether the pod's own control group is known to count these containers (and sandbox)."""
        folder = self.index.path(uid)
        if folder is None or not containers:
            return folder is not None
        paths = [path for i in containers if (path := self.index.path(i)) is not None]
        return bool(paths) and all(path.startswith(f"{folder}/") for path in paths)

    def last(self, identity: str) -> Usage | None:
        """Its last reading; None when it was never read, or too many others were since."""
        return self._last.get(identity)

    @property
    def read_at(self) -> Mapping[str, int]:
        """When each id was last read, CLOCK_MONOTONIC ns; as due() wants it."""
        return {identity: usage.at_mono_ns for identity, usage in self._last.items()}

    def history(self, identity: str) -> History:
        """Its last readings; empty when it was never read."""
        return self._histories.get(identity) or History()

    def forget(self, ids: Collection[str]) -> None:
        """These are gone for good: keep nothing of them."""
        for identity in ids:
            self._last.pop(identity, None)
            self._histories.pop(identity, None)
            self._drop(identity)

    def close(self) -> None:
        """Close every file; a later sample() opens them again."""
        self._files.close()

    def _sample(self, identity: str, at: int, brief: bool) -> Usage:
        before = self._last.get(identity)
        if (
            before is not None
            and before.cpu_ns is not None
            and 0 <= at - before.at_mono_ns < MIN_INTERVAL_NS
        ):
            return before
        path = self.index.path(identity)
        if path is None:
            return self._keep(unknown(identity, at, self.index.why_unknown(identity)))
        if self._reader is None or self._reader.hierarchy is not self.index.hierarchy:
            self._reader = GroupReader(self.index.hierarchy, self._files)
        counts = self._reader.read(path, brief=brief)
        if counts.gone:
            self._drop(identity)
        return self._keep(rate(identity, at, counts, before, self._reader.sources))

    def _drop(self, identity: str) -> None:
        path = self.index.path(identity)
        if path is not None and self._reader is not None:
            self._reader.forget(path)
        self.index.forget(identity)

    def _keep(self, usage: Usage) -> Usage:
        self._last[usage.id] = usage
        self._last.move_to_end(usage.id)
        self._histories.setdefault(usage.id, History()).add(usage)
        while len(self._last) > MAX_IDS:
            self._histories.pop(self._last.popitem(last=False)[0], None)
        return usage
