"""The rows of the live list: pods in order, their containers under them, kept up as pods change.

Only pods that changed are looked at again, and only rows that somebody asks for are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, overload

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.model import Container, ContainerState, Pod, SandboxState
from pleg_tui.ui.content.filters import StatesOf
from pleg_tui.ui.content.order import BY_USAGE, Key, View, sort_key
from pleg_tui.ui.content.places import Places
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


class RowKey(Struct, frozen=True, gc=False):
    """What a row is about, for as long as it is there: a pod, or a container of it."""

    pod: str
    container: str = ""


class Row(Struct, frozen=True, gc=False):
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


class Changes(Struct, frozen=True):
    """What an update did to the list."""

    rows: bool = False
    """Rows came, went, moved or read differently."""
    cells: tuple[Cell, ...] = ()
    """The values that are others now, and the names of rows that are new."""


class Totals(Struct, frozen=True):
    """What there is, shown or not."""

    pods: int = 0
    containers: int = 0
    unhealthy: int = 0
    """Pods."""
    restarted: int = 0
    """Pods that are not unhealthy, but in which something was restarted a short time ago."""
    shown: int = 0
    """Pods."""


class _Entry(Struct, gc=False):
    """A pod as the list holds it."""

    whole: tuple[Row, ...]
    """The pod's own row, and one for every container of it."""
    key: Key
    until: int
    """When it must be looked at again, ns; 0 for never."""
    rows: tuple[Row, ...] = ()
    """The pod's own, folded or not, and those of its containers that pass; none when hidden."""
    shown: tuple[Row, ...] = ()
    """Those that can be seen."""
    gone_at: int = 0
    name: str = ""
    """Its pod's "namespace/name" in small letters, once a filter has asked."""


class Rows(Sequence[Row]):
    """Every visible row, in order."""

    def __init__(self, places: Places, entries: Mapping[str, _Entry]) -> None:
        self._places = places
        self._entries = entries

    def __len__(self) -> int:
        return self._places.rows

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        key, place = self._places.at(index)
        return self._entries[str(key[-1])].shown[place]


class RowModel:
    """Pods in, rows out."""

    def __init__(self) -> None:
        self.view = View()
        self._samples: Mapping[str, Sample] = NO_SAMPLES
        self._entries: dict[str, _Entry] = {}
        self._places = Places()
        self.rows = Rows(self._places, self._entries)
        self._fold_all = False
        self._fold_not: set[str] = set()
        self._gone: set[str] = set()
        self._due: dict[str, int] = {}
        self._containers = 0
        self._unhealthy = 0
        self._restarted = 0
        self._shown = 0

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
        return None if entry is None else entry.whole[0].pod

    def index(self, key: RowKey) -> int | None:
        """Where a row stands; None when it is not visible."""
        entry = self._entries.get(key.pod)
        if entry is None:
            return None
        place = next((at for at, row in enumerate(entry.shown) if row.key == key), None)
        return None if place is None else self._places.first(entry.key) + place

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
            if not first and (old is not None or pod.changed_at):  # else it was there before us
                cells += _differences(() if old is None or old.gone_at else old.rows, new.rows)
        return Changes(rows, tuple(cells))

    def set_view(self, view: View) -> None:
        """Look at the list in another way."""
        before, self.view = self.view, view
        self._places.reverse = view.reverse
        if view.sort is not before.sort:
            self._sort()
        if _choice(view) != _choice(before):
            self._choose()
            self._show()

    def set_samples(self, samples: Mapping[str, Sample]) -> bool:
        """What the pods use is known anew; True when they stand in another order now."""
        self._samples = samples
        if self.view.sort not in BY_USAGE:
            return False
        before = [key[-1] for key in self._places.keys]
        self._sort()
        return before != [key[-1] for key in self._places.keys]

    def tick(self, now: int) -> Changes:
        """Let time pass: rows of pods long gone leave, and states that run out are replaced."""
        rows = False
        for uid in [u for u in self._gone if now - self._entries[u].gone_at >= GONE_STAYS]:
            rows |= self._replace(uid, self._entries[uid], None)
        cells: list[Cell] = []
        for uid in [u for u, until in self._due.items() if now >= until]:
            entry = self._entries[uid]
            new = self._entry(entry.whole[0].pod, now)
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
        entry = self._entries[uid]
        entry.shown = self._seen(entry.rows)
        self._places.put(entry.key, len(entry.shown))
        return True

    def fold_all(self, folded: bool) -> None:
        """Hide or show the containers of every pod."""
        self._fold_all = folded
        self._fold_not.clear()
        self._show()

    @property
    def all_folded(self) -> bool:
        """Pods are folded unless they were unfolded one by one."""
        return self._fold_all

    def _sort(self) -> None:
        for entry in self._entries.values():
            entry.key = self._sort_key(entry.whole[0])
        self._places.fill((entry.key, len(entry.shown)) for entry in self._entries.values())

    def _choose(self) -> None:
        """Ask of every pod what the view lets through."""
        view, passing = self.view, self._passing
        there = [entry for entry in self._entries.values() if not entry.gone_at]
        if not (view.filter or view.running_only or view.unhealthy_only):
            for entry in there:
                entry.rows = entry.whole
        elif (text := view.filter.plain) and not (view.running_only or view.unhealthy_only):
            for entry in there:
                if not (name := entry.name):
                    pod = entry.whole[0].pod
                    name = entry.name = f"{pod.namespace}/{pod.name}".lower()
                entry.rows = entry.whole if text in name else passing(entry.whole)
        else:
            view.filter.learn([entry.whole[0].pod for entry in there])
            for entry in there:
                entry.rows = passing(entry.whole)
        self._shown = sum(1 for entry in there if entry.rows)

    def _show(self) -> None:
        entries = self._entries
        if self._fold_all or self._fold_not:
            for entry in entries.values():
                entry.shown = self._seen(entry.rows)
        else:
            for entry in entries.values():
                entry.shown = entry.rows
        self._places.measure([len(entries[str(key[-1])].shown) for key in self._places.keys])

    def _replace(self, uid: str, old: _Entry | None, new: _Entry | None) -> bool:
        """Put one entry in another's place; True when the list may look different now."""
        for entry, sign in ((old, -1), (new, 1)):
            if entry is not None:
                self._shown += sign * bool(entry.rows and not entry.gone_at)
                if not entry.gone_at:
                    self._containers += sign * (len(entry.whole) - 1)
                    self._unhealthy += sign * entry.whole[0].status.unhealthy
                    self._restarted += sign * entry.whole[0].status.restarted
        if old is not None and (new is None or old.key != new.key):
            self._places.drop(old.key)
        self._gone.discard(uid)
        self._due.pop(uid, None)
        if new is None:
            del self._entries[uid]
            self._fold_not.discard(uid)
        else:
            self._entries[uid] = new
            new.shown = self._seen(new.rows)
            self._places.put(new.key, len(new.shown))
            if new.gone_at:
                self._gone.add(uid)
            elif new.until:
                self._due[uid] = new.until
        return bool((old is not None and old.rows) or (new is not None and new.rows))

    def _entry(self, pod: Pod, now: int) -> _Entry:
        """Look at one pod."""
        below = _container_rows(pod, now)
        current = [(row.container, row) for row in below if row.container and not row.older]
        status = pod_status(pod, [(c, row.status) for c, row in current], now)
        change = pod_change(pod, [(c, row.change) for c, row in current])
        head = Row(RowKey(pod.uid), pod, None, status, change)
        whole = (head, *below)
        until = min((row.status.until for row in whole if row.status.until), default=0)
        return _Entry(whole, self._sort_key(head), until, self._passing(whole))

    def _sort_key(self, head: Row) -> Key:
        sample = self._samples.get(head.key.pod)
        usage = sample.usage if sample is not None else None
        return sort_key(self.view.sort, head.pod, head.status, head.change, usage)

    def _passing(self, whole: tuple[Row, ...]) -> tuple[Row, ...]:
        """The rows that the view lets through; none when the pod is hidden."""
        view = self.view
        head, rows = whole[0], whole
        if view.unhealthy_only and not head.status.of_interest:
            return ()
        if view.running_only:
            rows = (head, *(row for row in whole[1:] if row.container and _is_up(row.container)))
            sandbox = head.pod.sandbox
            if len(rows) == 1 and (sandbox is None or sandbox.state is not SandboxState.READY):
                return ()
        if view.filter:
            containers = head.pod.containers
            if rows is not whole:
                containers = tuple([row.container for row in rows if row.container is not None])
            states = _states_of(whole) if view.filter.asks_states else None
            kept = view.filter.select(head.pod, containers, states)
            if kept is None:
                return ()
            if len(kept) < len(containers):
                ids = {container.id for container in kept}
                rows = (head, *(row for row in rows[1:] if row.key.container in ids))
        if rows is not whole and len(rows) > 1 and not rows[-1].last:
            rows = (*rows[:-1], replace(rows[-1], last=True))
        return rows

    def _seen(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """Of the rows that pass, those that can be seen: of a folded pod its own."""
        if (self._fold_all or self._fold_not) and len(rows) > 1 and self.is_folded(rows[0].key.pod):
            return (replace(rows[0], folded=True),)
        return rows


def _choice(view: View) -> tuple[object, ...]:
    """What of a view decides which pods and containers pass."""
    return view.filter, view.running_only, view.unhealthy_only


def _states_of(whole: tuple[Row, ...]) -> StatesOf:
    """What the filter asks for where it names states; most do not."""

    def of(container: Container | None) -> frozenset[str]:
        if container is None:
            return pod_states(whole[0].pod, whole[0].status)
        for row in whole:
            if row.container is container:
                return container_states(container, row.status)
        return frozenset()

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
        rows.append(Row(key, pod, container, status, change, following is None, older))
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
