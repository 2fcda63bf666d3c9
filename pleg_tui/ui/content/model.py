"""The rows of the live list: pods in order, their containers under them, kept up as pods change.

Only pods that changed are looked at again. The flat list of rows is put together anew when its
make-up changed and somebody looks at it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pleg_tui.model import Container, ContainerState, Pod, SandboxState
from pleg_tui.ui.content.filters import StatesOf
from pleg_tui.ui.content.order import BY_USAGE, Key, View, sort_key
from pleg_tui.ui.content.states import container_states, pod_states
from pleg_tui.ui.content.status import (
    GONE,
    Change,
    Status,
    container_change,
    container_status,
    is_stopping,
    pod_change,
    pod_status,
)
from pleg_tui.ui.content.text import SECOND
from pleg_tui.ui.content.usage import NO_SAMPLES, Sample

GONE_STAYS = 2 * SECOND
"""How long a pod's row stays after the pod is gone."""


class RowKey(NamedTuple):
    """What a row is about, for as long as it is there: a pod, or a container of it."""

    pod: str
    container: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    key: RowKey
    pod: Pod
    container: Container | None
    """None on the pod's own row."""
    status: Status
    change: Change
    last: bool = False
    """The last of its pod's containers that are shown."""
    older: bool = False
    """Not the newest attempt of its name."""
    folded: bool = False
    """A pod's row with containers that are not shown because it is folded."""
    gone: bool = False

    @property
    def restarts(self) -> int:
        """As the list shows them."""
        return self.pod.restarts if self.container is None else self.container.restarts


class Cell(NamedTuple):
    """One value on the screen, to tell which have changed."""

    key: RowKey
    column: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update did to the list."""

    rows: bool = False
    """Rows came, went, moved or read differently."""
    cells: tuple[Cell, ...] = ()
    """The values that are others now, and the names of rows that are new."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What there is, shown or not."""

    pods: int = 0
    containers: int = 0
    unhealthy: int = 0
    """Pods."""
    restarted: int = 0
    """Pods that are not unhealthy, but in which something was restarted a short time ago."""
    shown: int = 0
    """Pods."""


@dataclass(slots=True)
class _Entry:
    """A pod as the list holds it."""

    head: Row
    """The pod's own row."""
    below: tuple[Row, ...]
    """A row for every container of it."""
    key: Key
    rows: tuple[Row, ...]
    """The head and, folded or not, those of its containers that pass; empty when hidden."""
    until: int
    """When it must be looked at again, ns; 0 for never."""
    gone_at: int = 0


class RowModel:
    """Pods in, rows out."""

    def __init__(self) -> None:
        self.view = View()
        self._samples: Mapping[str, Sample] = NO_SAMPLES
        self._entries: dict[str, _Entry] = {}
        self._order: list[Key] = []
        self._fold_all = False
        self._fold_not: set[str] = set()
        self._rows: list[Row] = []
        self._index: dict[RowKey, int] = {}
        self._stale = False
        self._gone: set[str] = set()
        self._due: dict[str, int] = {}
        self._containers = 0
        self._unhealthy = 0
        self._restarted = 0
        self._shown = 0

    @property
    def rows(self) -> Sequence[Row]:
        """Every visible row, in order."""
        if self._stale:
            self._flatten()
        return self._rows

    @property
    def totals(self) -> Totals:
        """Counts of pods and containers that still exist."""
        return Totals(
            len(self._entries) - len(self._gone),
            self._containers,
            self._unhealthy,
            self._restarted,
            self._shown,
        )

    def pod(self, uid: str) -> Pod | None:
        """A pod of the list, shown or not; for a moment also one that is gone."""
        entry = self._entries.get(uid)
        return None if entry is None else entry.head.pod

    def index(self, key: RowKey) -> int | None:
        """Where a row stands; None when it is not visible."""
        if self._stale:
            self._flatten()
        return self._index.get(key)

    def update(
        self,
        pods: Mapping[str, Pod],
        touched: Iterable[str],
        now: int,
    ) -> Changes:
        """Take in what changed.

        Args:
            pods: what there is now.
            touched: the pods that are new, different or gone.
            now: wall time, ns.
        """
        cells: list[Cell] = []
        rows = False
        first = not self._entries
        for uid in touched:
            pod = pods.get(uid)
            old = self._entries.get(uid)
            if pod is None:
                if old is not None and not old.gone_at:
                    rows |= self._replace(uid, old, _ghost(old, now))
                continue
            new = self._entry(pod, now)
            rows |= self._replace(uid, old, new)
            if not first:
                cells += _differences(() if old is None or old.gone_at else old.rows, new.rows)
        return Changes(rows, tuple(cells))

    def set_view(self, view: View) -> None:
        """Look at the list in another way."""
        resort = view.sort is not self.view.sort
        self.view = view
        self._shown = 0
        for entry in self._entries.values():
            head = entry.head
            if resort:
                entry.key = self._sort_key(head)
            if entry.gone_at:
                continue
            entry.rows = self._visible(head, entry.below)
            self._shown += bool(entry.rows)
        if resort:
            self._order = sorted(entry.key for entry in self._entries.values())
        self._stale = True

    def set_samples(self, samples: Mapping[str, Sample]) -> bool:
        """What the pods use is known anew; True when they stand in another order now."""
        self._samples = samples
        if self.view.sort not in BY_USAGE:
            return False
        before = self._order
        for entry in self._entries.values():
            entry.key = self._sort_key(entry.head)
        self._order = sorted(entry.key for entry in self._entries.values())
        moved = [key[-1] for key in before] != [key[-1] for key in self._order]
        self._stale |= moved
        return moved

    def tick(self, now: int) -> Changes:
        """Let time pass: rows of pods long gone leave, and states that run out are replaced."""
        rows = False
        for uid in [u for u in self._gone if now - self._entries[u].gone_at >= GONE_STAYS]:
            rows |= self._replace(uid, self._entries[uid], None)
        cells: list[Cell] = []
        for uid in [u for u, until in self._due.items() if now >= until]:
            entry = self._entries[uid]
            new = self._entry(entry.head.pod, now)
            rows |= self._replace(uid, entry, new)
            cells += _differences(entry.rows, new.rows)
        return Changes(rows, tuple(cells))

    @property
    def next_tick(self) -> int:
        """Wall time, ns, of the next tick() that will do something; 0 when none will."""
        gone = (self._entries[uid].gone_at + GONE_STAYS for uid in self._gone)
        return min((*gone, *self._due.values()), default=0)

    def shown_of(self, uid: str) -> list[Container]:
        """The containers of a pod that the view lets through, folded or not."""
        entry = self._entries.get(uid)
        return [row.container for row in entry.rows if row.container] if entry else []

    def is_folded(self, uid: str) -> bool:
        """The pod's containers are not shown."""
        return self._fold_all != (uid in self._fold_not)

    def fold(self, uid: str, folded: bool) -> bool:
        """Hide or show the containers of one pod; False when nothing came of it."""
        if self.is_folded(uid) == folded or uid not in self._entries:
            return False
        self._fold_not ^= {uid}
        self._stale = True
        return True

    def fold_all(self, folded: bool) -> None:
        """Hide or show the containers of every pod."""
        self._fold_all = folded
        self._fold_not.clear()
        self._stale = True

    @property
    def all_folded(self) -> bool:
        """Pods are folded unless they were unfolded one by one."""
        return self._fold_all

    def _flatten(self) -> None:
        rows: list[Row] = []
        entries = self._entries
        order = reversed(self._order) if self.view.reverse else self._order
        for key in order:
            shown = entries[str(key[-1])].rows
            if len(shown) > 1 and self.is_folded(shown[0].key.pod):
                rows.append(replace(shown[0], folded=True))
            else:
                rows += shown
        self._rows = rows
        self._index = {row.key: index for index, row in enumerate(rows)}
        self._stale = False

    def _replace(self, uid: str, old: _Entry | None, new: _Entry | None) -> bool:
        """Put one entry in another's place; True when the list may look different now."""
        for entry, sign in ((old, -1), (new, 1)):
            if entry is not None:
                self._shown += sign * bool(entry.rows and not entry.gone_at)
                if not entry.gone_at:
                    self._containers += sign * len(entry.below)
                    self._unhealthy += sign * entry.head.status.unhealthy
                    self._restarted += sign * entry.head.status.restarted
        if old is None or new is None or old.key != new.key:
            if old is not None:
                del self._order[bisect_left(self._order, old.key)]
            if new is not None:
                insort(self._order, new.key)
        self._gone.discard(uid)
        self._due.pop(uid, None)
        if new is None:
            del self._entries[uid]
            self._fold_not.discard(uid)
        else:
            self._entries[uid] = new
            if new.gone_at:
                self._gone.add(uid)
            elif new.until:
                self._due[uid] = new.until
        old_rows = old.rows if old is not None else ()
        new_rows = new.rows if new is not None else ()
        self._stale |= bool(old_rows or new_rows)
        return bool(old_rows or new_rows)

    def _entry(self, pod: Pod, now: int) -> _Entry:
        """Look at one pod."""
        below = _container_rows(pod, now)
        current = [(row.container, row) for row in below if row.container and not row.older]
        status = pod_status(pod, [(c, row.status) for c, row in current], now)
        change = pod_change(pod, [(c, row.change) for c, row in current])
        head = Row(RowKey(pod.uid), pod, None, status, change)
        until = min((row.status.until for row in (head, *below) if row.status.until), default=0)
        key = self._sort_key(head)
        return _Entry(head, below, key, self._visible(head, below), until)

    def _sort_key(self, head: Row) -> Key:
        sample = self._samples.get(head.key.pod)
        usage = sample.usage if sample is not None else None
        return sort_key(self.view.sort, head.pod, head.status, head.change, usage)

    def _visible(self, head: Row, below: tuple[Row, ...]) -> tuple[Row, ...]:
        """The rows that the view lets through; none when the pod is hidden."""
        view = self.view
        rows = list(below)
        if view.unhealthy_only and not head.status.of_interest:
            return ()
        if view.running_only:
            rows = [row for row in rows if row.container is not None and _is_up(row.container)]
            sandbox = head.pod.sandbox
            if not rows and (sandbox is None or sandbox.state is not SandboxState.READY):
                return ()
        if view.filter:
            containers = tuple(row.container for row in rows if row.container is not None)
            kept = view.filter.select(head.pod, containers, _states_of(head, below))
            if kept is None:
                return ()
            ids = {container.id for container in kept}
            rows = [row for row in rows if row.key.container in ids]
        if rows:
            rows[-1] = replace(rows[-1], last=True)
        return (head, *rows)


def _states_of(head: Row, below: tuple[Row, ...]) -> StatesOf:
    """What the filter asks for where it names states; most do not."""

    def of(container: Container | None) -> frozenset[str]:
        if container is None:
            return pod_states(head.pod, head.status)
        row = next(row for row in below if row.container is container)
        return container_states(container, row.status)

    return of


def _is_up(container: Container) -> bool:
    return container.state in (ContainerState.RUNNING, ContainerState.CREATED)


def _container_rows(pod: Pod, now: int) -> tuple[Row, ...]:
    """A row for every container of the pod, those of one name newest first."""
    rows: list[Row] = []
    stopping = is_stopping(pod)
    containers = pod.containers
    for index, container in enumerate(containers):
        older = index > 0 and containers[index - 1].name == container.name
        following = containers[index + 1] if index + 1 < len(containers) else None
        previous = following if following and following.name == container.name else None
        status = container_status(container, now, previous=previous, stopping=stopping)
        if older:
            status = replace(status, unhealthy=False, restarted=False)
        change = container_change(container, previous, brief=True)
        key = RowKey(pod.uid, container.id)
        rows.append(Row(key, pod, container, status, change, older=older))
    return tuple(rows)


def _ghost(entry: _Entry, now: int) -> _Entry:
    """The entry of a pod that is no more, as it is shown for a moment longer."""
    rows = tuple(
        replace(row, status=GONE, gone=True, change=Change(now, "removed"))
        if row.container is None
        else replace(row, gone=True)
        for row in entry.rows
    )
    return replace(entry, rows=rows, until=0, gone_at=now)


def _differences(old: tuple[Row, ...], new: tuple[Row, ...]) -> Iterable[Cell]:
    """The values that are others in the new rows, and the names of rows that were not there."""
    before = {row.key: row for row in old}
    for row in new:
        was = before.get(row.key)
        if was is None:
            yield Cell(row.key, "name")
            continue
        if was.status.word != row.status.word:
            yield Cell(row.key, "state")
        if was.restarts != row.restarts:
            yield Cell(row.key, "restarts")
        if was.change != row.change:
            yield Cell(row.key, "change")
        if row.container is None and (
            was.pod.running != row.pod.running or len(was.pod.counted) != len(row.pod.counted)
        ):
            yield Cell(row.key, "ready")
