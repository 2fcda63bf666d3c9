"""Every short-lived container that polling missed is listed, and none that it saw."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.compare.detection import Seen, detect, histogram, percentile
from pleg_tui.compare.types import WHOLE_LIFE, Lane, Missed, Sighting, Watch
from pleg_tui.pleg.relist import PlegState, PodLifecycleType, generate_events

MS = 1_000_000
SECOND = 1000 * MS
POLLING, EVENTED = Lane.POLLING, Lane.EVENTED
ON = (Watch(POLLING, 0, 60 * SECOND), Watch(EVENTED, 0, 60 * SECOND))


class Life(Struct, frozen=True):
    """One container: when it reached each state, ms; None: it never did."""

    created: int
    running: int | None
    exited: int | None
    removed: int | None

    def steps(self) -> list[tuple[str, int]]:
        return [
            (state, at * MS)
            for state in ("created", "running", "exited", "removed")
            if (at := getattr(self, state)) is not None
        ]

    def state_at(self, now: int) -> str:
        return ([""] + [state for state, at in self.steps() if at <= now])[-1]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    span = st.integers(1, 3000)
    at = draw(st.integers(-3000, 9000))
    created = at
    running = exited = removed = None
    if draw(st.booleans()) or draw(st.booleans()):
        running = at = at + draw(span)
    if draw(st.booleans()) or draw(st.booleans()):
        if running is not None:
            exited = at = at + draw(span)
        if draw(st.booleans()):
            removed = at + draw(span)
    return Life(created, running, exited, removed)


def events(lives: Iterable[Life], lag: int = MS) -> list[Sighting]:
    return [
        Sighting(EVENTED, str(i), state, at, at + lag, f"ns/pod/{i}")
        for i, life in enumerate(lives)
        for state, at in life.steps()
    ]


_STATES = {
    "": PlegState.NON_EXISTENT,
    "created": PlegState.UNKNOWN,
    "running": PlegState.RUNNING,
    "exited": PlegState.EXITED,
    "removed": PlegState.NON_EXISTENT,
}


def poll(
    lives: Iterable[Life], since: int, until: int, period: int = SECOND
) -> tuple[list[Sighting], set[tuple[str, PodLifecycleType]]]:
    """What a relist sees from since on, and what the kubelet would make of it, by its own rules."""
    seen: list[Sighting] = []
    told: set[tuple[str, PodLifecycleType]] = set()
    for i, life in enumerate(lives):
        last = life.state_at(since)
        for now in range(since + period, until + 1, period):
            state = life.state_at(now)
            if state != last and not (state == "removed" and last == ""):
                at = dict(life.steps())[state] if state != "removed" else None
                seen.append(Sighting(POLLING, str(i), state, at, now + 5 * MS, f"ns/pod/{i}"))
                for event in generate_events("uid", str(i), _STATES[last], _STATES[state]):
                    told.add((event.container_id, event.type))
                last = state
    return seen, told


_TOLD_AS = {
    "running": PodLifecycleType.CONTAINER_STARTED,
    "exited": PodLifecycleType.CONTAINER_DIED,
    "removed": PodLifecycleType.CONTAINER_REMOVED,
}


@given(st.lists(lives(), max_size=12), st.randoms())
def test_missed_is_what_the_kubelet_would_not_have_been_told(
    made: list[Life], draw: random.Random
) -> None:
    until = 10 * SECOND
    polled, told = poll(made, 0, until)
    sightings = [*polled, *events(made)]
    draw.shuffle(sightings)
    watches = (Watch(POLLING, 0, until + 10 * MS), Watch(EVENTED, 0, until + 10 * MS))
    found = detect(sightings, (), watches, SECOND)[POLLING]
    expected = set()
    decided = 0
    for i, life in enumerate(made):
        for state, at in life.steps():
            if state == "created" or not 250 * MS <= at <= until + 10 * MS - 1500 * MS:
                continue
            decided += 1
            if (str(i), _TOLD_AS[state]) not in told:
                expected.add((str(i), state))
    known = {sighting.id for sighting in polled}
    assert {(one.id, one.state) for one in found.missed} == {
        (id_, state if id_ in known else WHOLE_LIFE) for id_, state in expected
    }
    assert found.transitions_missed == len(expected)
    assert found.seen == decided - len(expected)


@given(st.lists(lives(), max_size=12))
def test_a_lane_that_saw_everything_missed_nothing(made: list[Life]) -> None:
    found = detect(events(made), (), (ON[1],), SECOND)[EVENTED]
    assert found.missed == ()
    assert found.transitions_missed == 0


def held(
    *sightings: Sighting, watches: tuple[Watch, ...] = ON, reference: tuple[Sighting, ...] = ()
) -> Seen:
    return detect(sightings, reference, watches, SECOND)[POLLING]


def saw(lane: Lane, state: str, at: int | None, seen: int, id_: str = "a") -> Sighting:
    return Sighting(
        lane, id_, state, None if at is None else at * MS, seen * MS, "ns/pod/c" if at else ""
    )


def test_a_container_that_lived_300_ms_between_two_relists_is_one_missed_life() -> None:
    found = held(
        saw(EVENTED, "created", 10_100, 10_101),
        saw(EVENTED, "running", 10_200, 10_201),
        saw(EVENTED, "exited", 10_500, 10_501),
        saw(EVENTED, "removed", 10_600, 10_601),
    )
    assert found.missed == (Missed(POLLING, "ns/pod/c", "a", WHOLE_LIFE, 10_200 * MS, 300.0),)
    assert found.transitions_missed == 3


def test_a_container_first_seen_exited_ran_unseen() -> None:
    found = held(
        saw(EVENTED, "running", 10_200, 10_201),
        saw(EVENTED, "exited", 10_500, 10_501),
        saw(POLLING, "exited", 10_499, 11_000),
    )
    assert [(one.state, one.lived_ms) for one in found.missed] == [("running", 300.0)]
    assert (found.seen, found.transitions_missed) == (1, 1)


def test_what_was_seen_running_and_then_gone_has_died_for_the_kubelet() -> None:
    found = held(
        saw(EVENTED, "running", 10_200, 10_201),
        saw(POLLING, "running", 10_200, 11_000),
        saw(EVENTED, "exited", 11_100, 11_101),
        saw(EVENTED, "removed", 11_200, 11_201),
        saw(POLLING, "removed", None, 12_000),
    )
    assert found.missed == ()
    assert found.seen == 3


def test_nobody_can_miss_that_something_was_created() -> None:
    found = held(saw(EVENTED, "created", 10_100, 10_101))
    assert (found.seen, found.missed) == (0, ())


def test_created_and_removed_without_ever_running_is_a_missed_life() -> None:
    found = held(saw(EVENTED, "created", 10_100, 10_101), saw(EVENTED, "removed", 10_300, 10_301))
    assert [(one.state, one.lived_ms) for one in found.missed] == [(WHOLE_LIFE, None)]


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (4_000, "before the lane was on"),
        (5_100, "part of its first listing"),
        (19_000, "within one period of its end"),
        (30_000, "while it was off"),
        (40_100, "part of the next first listing"),
    ],
)
def test_what_is_undecided_is_neither_seen_nor_missed(at: int, why: str) -> None:
    watches = (
        Watch(POLLING, 5 * SECOND, 20 * SECOND),
        Watch(POLLING, 40 * SECOND, 60 * SECOND),
        Watch(EVENTED, 0, 60 * SECOND),
    )
    found = held(saw(EVENTED, "running", at, at + 1), watches=watches)
    assert (found.seen, found.missed) == (0, ()), why


def test_what_only_the_first_listing_of_a_later_stretch_showed_is_undecided() -> None:
    watches = (Watch(POLLING, 0, 20 * SECOND), Watch(POLLING, 40 * SECOND, 60 * SECOND))
    found = held(
        saw(POLLING, "running", 10_000, 40_000),
        watches=watches,
        reference=(saw(EVENTED, "running", 10_000, 10_001),),
    )
    assert (found.seen, found.missed) == (0, ())


def test_the_replayed_backlog_is_dropped() -> None:
    watches = (Watch(EVENTED, 60 * SECOND, 90 * SECOND), Watch(POLLING, 60 * SECOND, 90 * SECOND))
    found = detect([saw(EVENTED, "running", 1_000, 60_500)], (), watches, SECOND)
    assert [(one.seen, one.detection.n, one.missed) for one in found.values()] == [(0, 0, ())] * 2


def test_the_live_stream_tells_what_happened_where_no_event_lane_is_on() -> None:
    live = (saw(EVENTED, "running", 10_200, 10_201), saw(EVENTED, "exited", 10_300, 10_301))
    found = detect((), live, (ON[0],), SECOND)
    assert set(found) == {POLLING}
    assert [one.state for one in found[POLLING].missed] == [WHOLE_LIFE]


def test_an_event_that_never_came_is_missed_by_the_evented_lane() -> None:
    found = detect([saw(POLLING, "exited", 10_200, 11_000)], (), ON, SECOND)[EVENTED]
    assert [(one.lane, one.state) for one in found.missed] == [(EVENTED, WHOLE_LIFE)]


def test_both_lanes_are_timed_against_the_event_of_the_same_change() -> None:
    found = detect(
        [
            saw(EVENTED, "exited", 10_200, 10_202),
            saw(POLLING, "exited", 10_190, 11_000),
            saw(POLLING, "exited", 10_190, 12_000),  # a double
        ],
        (),
        ON,
        SECOND,
    )
    assert found[EVENTED].detection.p50 == pytest.approx(2.0)
    assert found[POLLING].detection.max == pytest.approx(800.0)
    assert found[POLLING].detection.n == 1
    assert found[POLLING].detection.paired


def test_changes_of_one_lane_alone_are_not_timed_beside_common_ones() -> None:
    watches = (Watch(POLLING, 0, 60 * SECOND), Watch(EVENTED, 0, 20 * SECOND))
    found = detect(
        [
            saw(EVENTED, "exited", 10_200, 10_202),
            saw(POLLING, "exited", 10_200, 11_000),
            saw(POLLING, "exited", 40_000, 40_900, "b"),
        ],
        (),
        watches,
        SECOND,
    )[POLLING]
    assert found.seen == 2
    assert found.detection.n == 1


def test_with_one_lane_its_own_changes_are_timed() -> None:
    found = held(saw(POLLING, "exited", 10_200, 11_000), watches=ON[:1])
    assert found.detection.p50 == pytest.approx(800.0)
    assert not found.detection.paired


def test_what_was_known_before_its_stamp_was_known_at_once() -> None:
    found = held(saw(EVENTED, "exited", 10_200, 10_201), saw(POLLING, "exited", 10_190, 10_195))
    assert found.detection.max == 0.0


def test_a_change_without_a_time_counts_but_is_not_timed() -> None:
    found = held(saw(POLLING, "removed", None, 11_000), watches=ON[:1])
    assert (found.seen, found.detection.n) == (1, 0)
    assert found.detection.p50 is None


def test_no_watch_no_answer() -> None:
    assert detect([saw(POLLING, "exited", 1_000, 2_000)], (), (), SECOND) == {}


@given(st.lists(st.floats(0, 1e6)))
def test_the_histogram_holds_every_delay_once_under_growing_edges(delays: list[float]) -> None:
    bars = histogram(delays)
    edges = [edge for edge, _ in bars]
    assert edges == sorted(edges)
    assert edges[-1] == math.inf
    assert sum(count for _, count in bars) == len(delays)
    for i, (edge, _) in enumerate(bars):
        assert sum(count for _, count in bars[: i + 1]) == sum(d <= edge for d in delays)


def test_percentiles_are_values_that_occurred() -> None:
    ordered = [float(x) for x in range(1, 101)]
    assert [percentile(ordered, share) for share in (0.5, 0.9, 0.99, 1)] == [50, 90, 99, 100]
    assert percentile([3.0], 0.99) == 3.0
    assert percentile([], 0.5) is None


def test_the_list_is_in_the_order_of_time_and_keeps_the_name_that_anybody_knew() -> None:
    late, early = (
        saw(EVENTED, "running", 20_000, 20_001, "b"),
        saw(EVENTED, "running", 10_000, 10_001),
    )
    found = held(late, replace(early, name=""), reference=(early,))
    assert [(one.id, one.name) for one in found.missed] == [("a", "ns/pod/c"), ("b", "ns/pod/c")]
