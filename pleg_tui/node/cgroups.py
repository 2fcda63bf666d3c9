"""Where each container's and pod's control group is, found by its id.

Drivers, runtimes and nesting give a group many names and parents, but a container's always ends in
its id and a pod's in its UID. So one walk of the tree finds them all, whatever lies above them, and
the walk is repeated only when somebody asks for an id that it did not find.

The kubelet's names: cgroup_manager_linux.go (`kubepods`, `kubepods-burstable-pod<uid>.slice` with
`-` in a UID turned into `_`); the runtimes': `cri-containerd-<id>.scope`, `crio-<id>.scope`, or
`<id>` alone with the cgroupfs driver.
"""

from __future__ import annotations

import os
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping

from pleg_tui.node.hierarchy import MOUNT, Hierarchy, Kind, detect

_CONTAINER = re.compile(r"(?:^|.*[-:])([0-9a-f]{64})(?:\.scope)?")
_POD = re.compile(r"(?:^|.*-)pod([0-9A-Za-z][0-9A-Za-z_.-]*)")
_MONITOR = "conmon-"
"""In the name of the group that CRI-O and Podman give a container's monitor."""

MAX_DEPTH = 16
MAX_GROUPS = 50_000
_SCANS_AT_ONCE = 500
"""Folders listed in one call, so that no call takes longer than some 25 ms; the next goes on."""
_MIN_GAP_NS = 2_000_000_000
_MAX_GAP_NS = 60_000_000_000
_REST = 50
"""A walk that took t is followed by a rest of 50 t: walking never takes more than 2 % of a core."""
_MAX_MISSES = 4096


def container_id(name: str) -> str:
    """The container's id in the name of its control group; empty when it is not a container's."""
    found = _CONTAINER.fullmatch(name)
    return "" if found is None or _MONITOR in name else found[1]


def pod_uid(name: str) -> str:
    """The pod's UID in the name of its control group; empty when it is not a pod's."""
    found = _POD.fullmatch(name.removesuffix(".slice"))
    if found is None:
        return ""
    return found[1].replace("_", "-") if name.endswith(".slice") else found[1]


class Walk:
    """One look through a tree, breadth first, in as many steps as it takes.

    Args:
        top: the tree's folder.
        max_depth: folders below the top that are entered.
        max_groups: groups that are looked at.
    """

    def __init__(self, top: str, max_depth: int = MAX_DEPTH, max_groups: int = MAX_GROUPS) -> None:
        self.found: dict[str, str] = {}
        """Container id or pod UID to the group's path below the top."""
        self.cut = False
        """There was more than it was allowed to look at."""
        self._top = top
        self._max_depth = max_depth
        self._left = max_groups
        self._queue: deque[tuple[str, int]] = deque([("", 0)])

    def step(self, scans: int = _SCANS_AT_ONCE) -> bool:
        """List so many folders more; True when there is nothing left to list."""
        for _ in range(scans):
            if not self._queue:
                return True
            self._scan(*self._queue.popleft())
        return not self._queue

    def _scan(self, path: str, depth: int) -> None:
        try:
            with os.scandir(f"{self._top}/{path}") as entries:
                names = [e.name for e in entries if e.is_dir(follow_symlinks=False)]
        except OSError:
            return  # it went, or is not ours to see
        for name in names:
            if self._left <= 0:
                self.cut = True
                self._queue.clear()
                return
            self._left -= 1
            child = f"{path}/{name}" if path else name
            identity = container_id(name) or pod_uid(name)
            if identity:
                self.found.setdefault(identity, child)
            if self._has_children(child):
                if depth + 1 < self._max_depth:
                    self._queue.append((child, depth + 1))
                else:
                    self.cut = True

    def _has_children(self, path: str) -> bool:
        # kernfs keeps a folder's link count at 2 and one more for each folder in it: a stat tells
        # a leaf, and most groups are leaves, for a tenth of what listing its files would cost.
        try:
            return os.stat(f"{self._top}/{path}").st_nlink != 2  # noqa: PTH116
        except OSError:
            return False


class CgroupIndex:
    """The paths of control groups by container id or pod UID, as of the last walk.

    Args:
        root: where the node's file system is seen from here.
        min_gap_ns: the least time between two walks.
        clock: for how long a walk took, ns.
    """

    def __init__(
        self,
        root: str = "/",
        min_gap_ns: int = _MIN_GAP_NS,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.walks = 0
        """Walks that were begun."""
        self._root = root
        self._min_gap = min_gap_ns
        self._clock = clock
        self._hierarchy: Hierarchy | None = None
        self._found: dict[str, str] = {}
        self._cut = False
        self._walk: Walk | None = None
        self._spent = 0
        self._next_walk: int | None = None
        self._misses: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """Id to how often it was missed, and when it may cause a walk again."""

    @property
    def hierarchy(self) -> Hierarchy:
        """How this node mounts its control groups."""
        if self._hierarchy is None:
            self._hierarchy = detect(self._root)
        return self._hierarchy

    def locate(self, ids: Iterable[str], now_ns: int) -> None:
        """See to it that these can be found: walk, or go on walking, if one of them is unknown.

        Args:
            ids: container ids and pod UIDs.
            now_ns: CLOCK_MONOTONIC.
        """
        missing = [identity for identity in ids if identity not in self._found]
        if self._walk is None:
            if not any(self._may_ask(identity, now_ns) for identity in missing):
                return
            if self._next_walk is not None and now_ns < self._next_walk:
                return
            if self.hierarchy.kind is Kind.NONE:
                self._hierarchy = None  # it may be mounted by now
            self._walk = Walk(self.hierarchy.walked) if self.hierarchy.walked else None
            self.walks += 1
            self._spent = 0
        finished = True
        if self._walk is not None:
            started = self._clock()
            finished = self._walk.step()
            self._spent += self._clock() - started
        if finished:
            self._install(missing, now_ns)

    @property
    def found(self) -> Mapping[str, str]:
        """Every path by container id or pod UID, as of the last walk; read-only."""
        return self._found

    def path(self, identity: str) -> str | None:
        """The group's path below its tree's folder; None when it is not known."""
        return self._found.get(identity)

    def forget(self, identity: str) -> None:
        """Its group was found to be gone."""
        self._found.pop(identity, None)

    def why_unknown(self, identity: str) -> str:
        """Why path() has no answer, in one sentence."""
        if self.hierarchy.why:
            return self.hierarchy.why
        if identity not in self._misses:
            return "its control group has not been looked for yet"
        if self._cut:
            return "this node has more control groups than are looked at"
        return f"no control group under {MOUNT} has its id"

    def _may_ask(self, identity: str, now_ns: int) -> bool:
        return now_ns >= self._misses.get(identity, (0, now_ns))[1]

    def _install(self, missing: list[str], now_ns: int) -> None:
        if self._walk is not None:
            self._found = self._walk.found
            self._cut = self._walk.cut
        self._walk = None
        self._next_walk = now_ns + max(self._min_gap, _REST * self._spent)
        for identity in missing:
            # What has no group (it has exited, or the runtime hides it in a virtual machine) is
            # asked for again and again: ever longer pauses, so that it does not cause ever more
            # walks.
            times = self._misses.pop(identity, (0, 0))[0]
            if identity in self._found:
                continue
            pause = min(_MAX_GAP_NS, self._min_gap << min(times, 8))
            self._misses[identity] = (times + 1, now_ns + pause)
        while len(self._misses) > _MAX_MISSES:
            self._misses.popitem(last=False)
