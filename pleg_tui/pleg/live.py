"""The live state: the one owner of what is known about a node's sandboxes and containers.

A container's id never restarts and a sandbox's never comes back, so per id the state only climbs.
Everything else follows from that: messages may come late, doubled, replayed or out of order, and
the end is the same. Each message costs the same however many containers there are; only a listing
costs by its length.

Times called mono are monotonic nanoseconds of the collector; wall times are for showing only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pleg_tui.model import Container, ContainerState, Pod, Sandbox, SandboxState, Transition
from pleg_tui.pleg import merge, steps
from pleg_tui.pleg.groups import Groups
from pleg_tui.pleg.ledger import Ledger
from pleg_tui.pleg.pieces import pieces
from pleg_tui.pleg.records import Names, Record
from pleg_tui.pleg.steps import CONTAINERD, CRIO, NOTHING, Announced, Coverage, Missed

__all__ = [
    "CONTAINERD",
    "CRIO",
    "HEARSAY_NS",
    "NOTHING",
    "Announced",
    "Coverage",
    "LiveState",
    "Missed",
    "Names",
]

HEARSAY_NS = 60 * 10**9
"""How long an id that only bare events named may be absent from listings before it is dropped.

containerd announces a container before its CRI knows it (a sandbox by a second or more), and other
clients' containers, which the CRI never lists, are announced in the same words.
"""


class LiveState:
    """What exists on the node, what changed, and what no event announced."""

    def __init__(self, *, tombstone_ns: int = 600 * 10**9, coverage: Coverage = CONTAINERD) -> None:
        self._tombstone_ns = tombstone_ns
        self._alive: dict[str, Record] = {}
        self._tombs: dict[str, Record] = {}  # in the order of burial
        self._waiting: dict[str, set[str]] = {}  # sandbox id -> containers that take its pod's key
        self._groups = Groups()
        self._transitions: list[Transition] = []
        self._found_gone: list[Record] = []  # by look-ups since the last listing
        self._ledger = Ledger(coverage)

    @property
    def coverage(self) -> Coverage:
        """Which steps the present source announces.

        When the source changes, what it was the old one's habit not to announce is no miss of the
        new one's. What happened between the two is nobody's: let the first listing of the new
        source be a baseline.
        """
        return self._ledger.coverage

    @coverage.setter
    def coverage(self, coverage: Coverage) -> None:
        for record in self._alive.values():
            self._ledger.excuse(record)
        self._ledger.change(coverage)

    @property
    def pods(self) -> Mapping[str, Pod]:
        """Every pod by its key (its UID, or its sandbox's id where there is no UID); read-only."""
        return self._groups

    def container(self, id: str) -> Container | None:  # noqa: A002
        """A container that still exists; None too while only bare events named the id."""
        record = self._alive.get(id)
        return record.container if record is not None and record.vouched else None

    def sandbox(self, id: str) -> Sandbox | None:  # noqa: A002
        """A sandbox that still exists; None too while only bare events named the id."""
        record = self._alive.get(id)
        return record.sandbox if record is not None and record.vouched else None

    def is_sandbox(self, id: str) -> bool | None:  # noqa: A002
        """Whether the id is a sandbox's, tombstones too; None when it was never seen."""
        record = self._find(id)
        return None if record is None else record.is_sandbox

    def announced(self, id: str) -> Announced:  # noqa: A002
        """Which steps of this id no longer need an event, tombstones too."""
        record = self._find(id)
        return Announced(0 if record is None else record.announced)

    def names(self, id: str) -> Names | None:  # noqa: A002
        """Whose id it is, tombstones too; None when it was never seen."""
        record = self._find(id)
        return None if record is None else self._names(record)

    def apply_listing(
        self,
        sandboxes: Iterable[Sandbox],
        containers: Iterable[Container],
        *,
        asked: int,
        mono: int,
        wall: int,
        baseline: bool = False,
    ) -> None:
        """Everything that the runtime lists (CRI ListPodSandbox and ListContainers).

        What was known before the listing was asked for and is absent from it is gone.

        Args:
            sandboxes: all of them, in any state.
            containers: all of them, in any state.
            asked: when the first of the two calls was made.
            mono: when both had been answered.
            wall: the same by the wall clock.
            baseline: nothing that this listing shows needed an event: the first listing of a
                source, and the second look soon after it.
        """
        items: tuple[Sandbox | Container, ...] = (*sandboxes, *containers)
        for _ in self.take_in(items, asked=asked, mono=mono, wall=wall, baseline=baseline):
            pass

    def take_in(
        self,
        items: Iterable[Sandbox | Container],
        *,
        asked: int,
        mono: int,
        wall: int,
        baseline: bool,
    ) -> Iterator[None]:
        """Do as apply_listing, a piece each time when the next one is asked for.

        Between two pieces each id is as far as one message or another has brought it, as ever. The
        pods are not: a new one may lack containers, and what is gone is still there, so take() is
        for afterwards.
        """
        listed: set[str] = set()
        for piece in pieces(items):
            questions: list[Record] = []
            for item in piece:
                listed.add(item.id)
                known = self._alive.get(item.id)
                record = self._hear(item, mono, wall, listing=True, baseline=baseline)
                if baseline:
                    reached = min(item.state, record.state)
                    record.announced |= steps.UP_TO[record.is_sandbox][reached]
                elif record.buried is None and (known is None or record.first < asked):
                    questions.append(record)
            self._ledger.suspect(questions, mono)
            yield
        gone, self._found_gone = self._found_gone, []
        for records in pieces([*self._alive.values()]):
            for record in records:
                if record.first >= asked or record.id in listed or record.buried is not None:
                    continue
                if record.vouched:
                    self._bury(record, 0, mono, wall)
                    gone.append(record)
                elif asked - record.first > HEARSAY_NS:
                    self._alive.pop(record.id, None)
            yield
        if not baseline:
            unsaid = [record for record in gone if not record.announced & Announced.REMOVED]
            self._ledger.suspect(unsaid, mono)

    def apply_sandbox(self, sandbox: Sandbox, *, mono: int, wall: int) -> None:
        """A sandbox's status: a look-up's answer, or the snapshot inside a CRI event."""
        self._hear(sandbox, mono, wall)

    def apply_container(self, container: Container, *, mono: int, wall: int) -> None:
        """A container's status: a look-up's answer, or the snapshot inside a CRI event.

        The very object that was applied last says nothing new and costs next to nothing.
        """
        self._hear(container, mono, wall)

    def apply_event(
        self,
        id: str,  # noqa: A002
        *,
        is_sandbox: bool,
        state: int,
        at: int,
        mono: int,
        wall: int,
        exit_code: int | None = None,
        reason: str = "",
        sandbox_id: str = "",
    ) -> None:
        """A bare statement that an id reached a state, which announces that step.

        Args:
            id: the sandbox's or container's id.
            is_sandbox: which of the two; what a status said of the id counts more.
            state: the rank; 0 for a statement that is not about the state (out of memory).
            at: when it happened, ns; 0 when unknown.
            mono: when it was received.
            wall: the same by the wall clock.
            exit_code: counts only when the state is EXITED.
            reason: counts only once the container has exited.
            sandbox_id: the container's sandbox, where the event says it.
        """
        state = max(0, min(state, steps.REMOVED[is_sandbox]))
        record = self._find(id)
        if record is None:
            record = self._alive[id] = Record(id, is_sandbox, mono)
        elif record.is_sandbox is not is_sandbox:
            state = steps.as_kind(state, is_sandbox=record.is_sandbox)
        record.announced |= steps.BIT[record.is_sandbox][state]
        if state == ContainerState.RUNNING and not record.is_sandbox:
            record.ran = True
        if record.buried is not None:
            return
        if state == steps.REMOVED[record.is_sandbox]:
            self._bury(record, at, mono, wall)
            return
        new: Sandbox | Container
        if record.sandbox is not None:
            old: Sandbox | Container = record.sandbox
            new = record.sandbox = merge.sandbox_event(record.sandbox, SandboxState(state), at)
        else:
            assert record.container is not None  # noqa: S101
            old = record.container
            new = record.container = merge.container_event(
                record.container, ContainerState(state), at, exit_code, reason, sandbox_id
            )
            record.vouched = record.vouched or bool(sandbox_id)
        if new is not old:
            record.heard = None
            self._place(record)
            self._climb(record, new.state, at, wall)

    def remove(self, id: str, *, mono: int, wall: int) -> None:  # noqa: A002
        """A look-up found nothing: it is gone, and the next listing asks who announced it.

        An id that only bare events named is kept: the CRI may not know it yet (HEARSAY_NS).
        """
        record = self._alive.get(id)
        if record is not None and record.vouched:
            self._bury(record, 0, mono, wall)
            self._found_gone.append(record)

    def settle(self, before: int) -> tuple[Missed, ...]:
        """The steps that a listing showed before this time (mono) and still nothing announced.

        Each is returned once in the life of its id.
        """
        return tuple(
            Missed(record.id, record.is_sandbox, state, *self._names(record))
            for record, bits in self._ledger.settle(before)
            for state in steps.steps(bits, is_sandbox=record.is_sandbox)
        )

    def forget(self, mono: int) -> None:
        """Drop the tombstones that have stood long enough; costs by what it drops."""
        expired: list[str] = []
        for object_id, record in self._tombs.items():
            if record.buried is None or record.buried + self._tombstone_ns > mono:
                break
            expired.append(object_id)
        for object_id in expired:
            del self._tombs[object_id]

    def take(self) -> tuple[frozenset[str], frozenset[str], tuple[Transition, ...]]:
        """Since the last call: keys of changed pods, keys of removed pods, transitions."""
        changed, removed = self._groups.take()
        transitions, self._transitions = tuple(self._transitions), []
        return changed, removed, transitions

    def _find(self, object_id: str) -> Record | None:
        return self._alive.get(object_id) or self._tombs.get(object_id)

    def _hear(
        self,
        item: Sandbox | Container,
        mono: int,
        wall: int,
        *,
        listing: bool = False,
        baseline: bool = False,
    ) -> Record:
        """Merge what the CRI said of one id."""
        record = self._find(item.id)
        if record is not None and record.heard is item:
            return record
        is_sandbox = isinstance(item, Sandbox)
        if record is None:
            record = self._alive[item.id] = Record(item.id, is_sandbox, mono)
        elif record.buried is None and record.is_sandbox is not is_sandbox:
            if record.vouched:
                return record  # one id cannot be both; the runtime contradicts itself
            record.become(is_sandbox)
        if isinstance(item, Container):
            record.learn_whether_it_ran(item, is_status=not listing)
        if record.buried is not None:
            return record
        first_word = not record.vouched and record.state == 0
        fill = listing and record.detailed
        record.vouched = True
        record.detailed = record.detailed or not listing
        record.heard = None if listing else item
        old: Sandbox | Container
        new: Sandbox | Container
        if isinstance(item, Sandbox):
            assert record.sandbox is not None  # noqa: S101
            old = record.sandbox
            new = record.sandbox = merge.sandbox(old, item, fill=fill)
        else:
            assert record.container is not None  # noqa: S101
            old = record.container
            new = record.container = merge.container(old, item, fill=fill)
        if new.state == steps.REMOVED[is_sandbox]:
            self._bury(record, 0, mono, wall)
        elif new is not old or not record.key:
            self._place(record)
            self._climb(record, new.state, new.reached_at, 0 if baseline and first_word else wall)
        return record

    def _place(self, record: Record) -> None:
        """Put the newest version of an id into the pod that it belongs to, once that is known."""
        part = record.sandbox or record.container
        if part is None or not record.vouched:
            return
        key = self._key(record)
        if key != record.key:
            if record.key:
                self._groups.drop(record.key, record.id)
            record.key = key
            if record.is_sandbox:
                for child in tuple(self._waiting.get(record.id, ())):
                    if child in self._alive:
                        self._place(self._alive[child])
            self._groups.put(key, part)
            self._groups.stamp(key, record.climbed)
        elif key:
            self._groups.put(key, part)

    def _key(self, record: Record) -> str:
        """The key of an id's pod; empty while it is not known."""
        if record.sandbox is not None:
            return record.sandbox.uid or record.id
        container = record.container
        if container is None:
            return record.key
        if container.pod_uid:
            self._stop_waiting(container)
            return container.pod_uid
        if not container.sandbox_id:
            return record.key
        self._waiting.setdefault(container.sandbox_id, set()).add(container.id)
        sandbox = self._find(container.sandbox_id)
        return (sandbox.key if sandbox is not None else "") or record.key

    def _stop_waiting(self, container: Container) -> None:
        waiting = self._waiting.get(container.sandbox_id)
        if waiting is not None:
            waiting.discard(container.id)
            if not waiting:
                del self._waiting[container.sandbox_id]

    def _climb(self, record: Record, state: int, at: int, wall: int) -> None:
        """Note a transition, if it is one."""
        if state <= record.state:
            return
        self._transitions.append(
            Transition(record.id, record.key, record.is_sandbox, record.state, int(state), at)
        )
        record.state = int(state)
        record.climbed = wall
        self._groups.stamp(record.key, wall)

    def _bury(self, record: Record, at: int, mono: int, wall: int) -> None:
        """Remove an id and leave a tombstone."""
        if record.container is not None:
            self._stop_waiting(record.container)
        record.bury(self._names(record), mono)
        del self._alive[record.id]
        self._tombs[record.id] = record
        if record.key:
            self._groups.drop(record.key, record.id)
        self._climb(record, steps.REMOVED[record.is_sandbox], at, wall)

    def _names(self, record: Record) -> Names:
        if record.names is not None:
            return record.names
        namespace, pod, name = "", "", ""
        if record.sandbox is not None:
            namespace, pod = record.sandbox.namespace, record.sandbox.name
        elif record.container is not None:
            one = record.container
            namespace, pod, name = one.pod_namespace, one.pod_name, one.name
        if not pod and record.key:
            namespace, pod = self._groups.names(record.key)
        return Names(record.key, namespace, pod, name)
