"""What a kubelet that lists once a second would have seen of an event, and when (modelled).

A grid of relists, its phase fixed at the start, stands for the Generic PLEG (kubelet generic.go,
Relist; period 1 s, kubelet.go genericPlegRelistPeriod). A relist sees a state, not a change: an
event is seen by the first relist after it if its container is still in the state that the event
led to, and never if the container had gone on by then. A removal is seen if an earlier relist had
seen the container at all. A listing's own duration is taken as nothing, which favours polling.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from msgspec import Struct, field

from pleg_tui.model import EventType, LifecycleEvent, Source

PERIOD_NS = 1_000_000_000
GRACE_NS = 1_000_000_000
"""How long after a relist its verdict waits for events that are still on their way."""

_CREATED, _RUNNING, _EXITED, _REMOVED = 1, 2, 3, 4
# In a listing a sandbox is ready from the first; that it was OOM-killed only a status tells.
_LEADS_TO = {
    EventType.CONTAINER_CREATED: _CREATED,
    EventType.CONTAINER_STARTED: _RUNNING,
    EventType.CONTAINER_DIED: _EXITED,
    EventType.CONTAINER_REMOVED: _REMOVED,
    EventType.SANDBOX_CREATED: _RUNNING,
    EventType.SANDBOX_STARTED: _RUNNING,
    EventType.SANDBOX_STOPPED: _EXITED,
    EventType.SANDBOX_REMOVED: _REMOVED,
}
_BIRTHS = frozenset(
    {EventType.CONTAINER_CREATED, EventType.SANDBOX_CREATED, EventType.SANDBOX_STARTED}
)
_LIVES_KEPT = 20_000
_TICKS_KEPT = 10


class Verdict(Struct, frozen=True):
    """What the relists made of one or more events."""

    seqs: tuple[int, ...]
    """The events, as counted in this run; several only where none was seen."""
    seen: bool
    after_ns: int | None
    """From the event to the relist that saw it; None when none did."""

    @property
    def after_ms(self) -> float | None:
        """From the event to the relist that saw it, ms; None when none did."""
        return None if self.after_ns is None else self.after_ns / 1e6


class _Life(Struct):
    """One id: its birth, if that was seen, and which state it had reached by which relist."""

    born: int | None
    """The first relist after its birth; None: it was there before the model."""
    steps: list[tuple[int, int]] = field(default_factory=list)

    def state_at(self, tick: int) -> int:
        return max((rank for at, rank in self.steps if at <= tick), default=0)


class RelistModel:
    """Feeds on events, in any order, and says what the relists made of them.

    Args:
        start_ns: wall time of one of the relists, ns.
        period_ns: from one relist to the next.
        grace_ns: how long after a relist its verdict waits for late events.
    """

    def __init__(self, start_ns: int, period_ns: int = PERIOD_NS, grace_ns: int = GRACE_NS) -> None:
        self._start = start_ns
        self._period = period_ns
        self._grace = grace_ns
        self._lives: OrderedDict[str, _Life] = OrderedDict()
        self._waiting: dict[int, list[tuple[int, str, int, int]]] = {}
        self._removed: deque[tuple[int, str]] = deque()

    def add(self, event: LifecycleEvent) -> bool:
        """Take an event in; False when it gets no verdict.

        Left alone are those from before the start, those without a time of their own, OOM kills
        (no state) and those that a listing found in the first place.
        """
        rank = _LEADS_TO.get(event.type)
        if rank is None or event.replayed or not event.created_at or event.source is Source.RELIST:
            return False
        # A runtime's clock that is ahead of ours does not put off the verdict.
        at = min(event.created_at, event.received_at) if event.received_at else event.created_at
        if at < self._start:
            return False
        tick = -(-(at - self._start) // self._period)
        life = self._lives.get(event.container_id)
        if life is None:
            life = _Life(tick if event.type in _BIRTHS else None)
            self._lives[event.container_id] = life
            if len(self._lives) > _LIVES_KEPT:
                self._lives.popitem(last=False)
        life.steps.append((tick, rank))
        if event.type in _BIRTHS and life.born is not None:
            life.born = min(life.born, tick)
        if rank == _REMOVED:
            self._removed.append((tick, event.container_id))
        self._waiting.setdefault(tick, []).append((event.seq, event.container_id, rank, at))
        return True

    def advance(self, now_ns: int) -> list[Verdict]:
        """The verdicts that can be given at this wall time, ns; each event gets one, once."""
        last = (now_ns - self._grace - self._start) // self._period
        verdicts: list[Verdict] = []
        for tick in sorted(tick for tick in self._waiting if tick <= last):
            verdicts += self._judge(tick)
        while self._removed and self._removed[0][0] < last - _TICKS_KEPT:
            self._lives.pop(self._removed.popleft()[1], None)
        return verdicts

    def _judge(self, tick: int) -> list[Verdict]:
        relist = self._start + tick * self._period
        verdicts: list[Verdict] = []
        unseen: list[int] = []
        for seq, object_id, rank, at in self._waiting.pop(tick):
            if self._sees(tick, object_id, rank):
                verdicts.append(Verdict((seq,), True, relist - at))
            else:
                unseen.append(seq)
        if unseen:
            verdicts.append(Verdict(tuple(unseen), False, None))
        return verdicts

    def _sees(self, tick: int, object_id: str, rank: int) -> bool:
        life = self._lives.get(object_id)
        if life is None:
            return True  # forgotten: more ids than are kept
        if rank == _REMOVED:
            return life.born is None or life.born < tick
        return life.state_at(tick) == rank
