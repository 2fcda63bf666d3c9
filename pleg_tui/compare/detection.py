"""When each lane knew of a change, and which changes it never knew of.

Only changes count of which a PLEG tells the kubelet's sync loop: that something runs, has exited or
was removed. That a container was created it tells nobody, polling (generic.go, convertState:
unknown) or evented (evented.go: CREATED only sets the cache), so nobody can miss it.

The rules are those of the generic relist, which compares states:

- running was seen only by a listing in which it ran: ContainerStarted has no other source. Whatever
  is first seen exited ran unseen.
- exited was seen by a listing in which it had exited, or by the first in which what had been seen
  before was gone: generateEvents then sends ContainerDied and ContainerRemoved. A DELETED event is
  the same (evented.go).
- what was created and removed between two listings makes no event at all: a whole life was missed,
  and it is one entry, whatever happened in it.

What happened is what anybody saw: the live stream, or one of the lanes. A change counts for a lane
if it happened while that lane was on (`Watch`), more than one period before its end: of a later one
it could still have learned, so it is undecided. What was before the lane's first listing, or is
replayed from before its stream stood, is no change of its time. A change that a lane saw only in
another stretch, as part of a first listing, was neither seen in time nor missed: undecided too.

Of a change the event's own time is taken, for both lanes, and the time in the container's status
where no event told of it. A lane that seems to have known before that (the status is stamped a
little before or after the event) knew at once: 0 ms.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from pleg_tui.compare.types import WHOLE_LIFE, Detection, Lane, Missed, Sighting, Watch

RUNNING, EXITED, REMOVED = "running", "exited", "removed"
COUNTED = (RUNNING, EXITED, REMOVED)
"""The states that a PLEG tells of, in the order of a life."""
BASELINE_NS = 250_000_000
"""How long after its start a change may still have been part of a lane's first listing: the event
is stamped when it is made, which is a little after the listings show the state."""
SLACK_NS = 500_000_000
"""How much longer than its period a relist may take; in many kubelets the next one begins a period
after the last one's end (generic.go, wait.Until)."""
SETTLE_NS = 1_000_000_000
"""How long before the end of the evented lane a change is still undecided."""
EDGES_MS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Upper edges of the histogram; evenly spaced on a logarithmic scale, as 1, 2 and 5 are."""

# What the time of a change is known from.
_SEEN, _STATUS, _EVENT = 0, 1, 2

_Key = tuple[str, str]
"""An id and a state."""


class Seen(Struct, frozen=True):
    """What one lane made of the changes that happened while it was on."""

    detection: Detection
    seen: int
    """Changes that it saw."""
    missed: tuple[Missed, ...]
    """By time; one for each state, or one for a whole life."""
    transitions_missed: int
    """Changes that it did not see; a missed life is several."""


class _Change(Struct):
    """One change that happened, as all who saw it tell."""

    at: int
    trust: int
    name: str


class _Held(Struct, frozen=True):
    """One change that counts for a lane."""

    seen_at: int | None


def detect(
    sightings: Iterable[Sighting],
    reference: Iterable[Sighting],
    watches: Sequence[Watch],
    period_ns: int,
) -> Mapping[Lane, Seen]:
    """Hold the lanes' sightings against what happened.

    Args:
        sightings: of the lanes themselves, in any order, doubles and all.
        reference: of anybody else who watched, such as the live stream; their lane means nothing.
        watches: when which lane was on; a lane without one has nothing to answer for.
        period_ns: of polling.

    Returns:
        For each lane that was on, what it saw and missed. The times are of the very same changes
        for both lanes, where there are some that both can be held against.
    """
    told = list(sightings)
    happened = _happened(told, reference)
    held: dict[Lane, dict[_Key, _Held]] = {}
    known: dict[Lane, set[str]] = {}
    for lane in {watch.lane for watch in watches}:
        own = [sighting for sighting in told if sighting.lane is lane]
        known[lane] = {sighting.id for sighting in own}
        held[lane] = _hold(
            _first_seen(own),
            happened,
            sorted((w for w in watches if w.lane is lane), key=lambda w: w.since),
            period_ns + SLACK_NS if lane is Lane.POLLING else SETTLE_NS,
        )
    both = held[Lane.POLLING].keys() & held[Lane.EVENTED].keys() if len(held) > 1 else set()
    return {
        lane: _seen(lane, held[lane], known[lane], happened, both) for lane in Lane if lane in held
    }


def histogram(delays_ms: Iterable[float]) -> tuple[tuple[float, int], ...]:
    """How many delays fall under each edge and above the one before; the last edge is infinity."""
    counts = [0] * (len(EDGES_MS) + 1)
    for delay in delays_ms:
        counts[bisect_left(EDGES_MS, delay)] += 1
    return tuple(zip((*EDGES_MS, math.inf), counts, strict=True))


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share of all does not exceed (nearest rank); None of nothing."""
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1] if ordered else None


def _happened(told: Iterable[Sighting], reference: Iterable[Sighting]) -> dict[_Key, _Change]:
    """Every change that anybody saw, with the best time that is known of it."""
    changes: dict[_Key, _Change] = {}
    witnesses = ((sighting, False) for sighting in reference)
    lanes = ((sighting, sighting.lane is Lane.POLLING) for sighting in told)
    for sighting, polled in chain(witnesses, lanes):
        if sighting.state not in COUNTED:
            continue
        at = sighting.seen_at if sighting.happened_at is None else sighting.happened_at
        trust = _SEEN if sighting.happened_at is None else _STATUS if polled else _EVENT
        key = (sighting.id, sighting.state)
        change = changes.get(key)
        if change is None:
            changes[key] = _Change(at, trust, sighting.name)
            continue
        change.name = change.name or sighting.name
        if (trust, -at) > (change.trust, -change.at):
            change.at, change.trust = at, trust
    return changes


def _first_seen(own: Iterable[Sighting]) -> dict[_Key, int]:
    """When a lane first knew of each change; that something is gone says that it had exited."""
    first: dict[_Key, int] = {}
    for sighting in own:
        states = (EXITED, REMOVED) if sighting.state == REMOVED else (sighting.state,)
        for state in states:
            key = (sighting.id, state)
            first[key] = min(sighting.seen_at, first.get(key, sighting.seen_at))
    return first


def _hold(
    first: Mapping[_Key, int],
    happened: Mapping[_Key, _Change],
    watches: Sequence[Watch],
    settle_ns: int,
) -> dict[_Key, _Held]:
    """The changes that count for a lane, and when it knew of each."""
    starts = [watch.since for watch in watches]
    held: dict[_Key, _Held] = {}
    for key, change in happened.items():
        place = bisect_right(starts, change.at) - 1
        if place < 0:
            continue
        watch = watches[place]
        if not watch.since + BASELINE_NS <= change.at <= watch.until - settle_ns:
            continue
        seen_at = first.get(key)
        if seen_at is None or watch.since < seen_at <= watch.until:
            held[key] = _Held(seen_at)
    return held


def _seen(
    lane: Lane,
    held: Mapping[_Key, _Held],
    known: Collection[str],
    happened: Mapping[_Key, _Change],
    both: Collection[_Key],
) -> Seen:
    """What that comes to."""
    delays = sorted(
        max(held[key].seen_at - happened[key].at, 0) / 1e6  # type: ignore[operator]
        for key in (both or held)
        if held[key].seen_at is not None and happened[key].trust > _SEEN
    )
    unseen = [key for key, one in held.items() if one.seen_at is None]
    return Seen(
        Detection(
            percentile(delays, 0.5),
            percentile(delays, 0.9),
            percentile(delays, 0.99),
            delays[-1] if delays else None,
            len(delays),
            histogram(delays),
            bool(both),
        ),
        len(held) - len(unseen),
        _missed(lane, unseen, known, happened),
        len(unseen),
    )


def _missed(
    lane: Lane, unseen: Iterable[_Key], known: Collection[str], happened: Mapping[_Key, _Change]
) -> tuple[Missed, ...]:
    """The list by name: each state of something known, one entry for what was never seen."""
    entries: dict[_Key, Missed] = {}
    for key in unseen:
        id_, state = key
        change = happened[key]
        entry = (id_, state if id_ in known else WHOLE_LIFE)
        if entry not in entries or change.at < entries[entry].at:
            name = change.name or (entries[entry].name if entry in entries else "")
            lived = _lived_ms(id_, happened)
            entries[entry] = Missed(lane, name, id_, entry[1], change.at, lived)
    return tuple(sorted(entries.values(), key=lambda one: (one.at, one.id, one.state)))


def _lived_ms(id_: str, happened: Mapping[_Key, _Change]) -> float | None:
    """How long it ran, by the runtime's own times of both ends."""
    ends = [happened.get((id_, state)) for state in (RUNNING, EXITED)]
    if any(end is None or end.trust == _SEEN for end in ends):
        return None
    start, end = (change.at for change in ends if change is not None)
    return max(end - start, 0) / 1e6
