"""What a 1 s relist would have seen of an event."""

from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.model import EventType, LifecycleEvent, Source
from pleg_tui.pleg.relist_model import RelistModel, Verdict

START = 1_700_000_000_000_000_000
MS = 1_000_000


def event(
    seq: int,
    type_: EventType,
    at_ms: float,
    id_: str = "c1",
    *,
    received_ms: float | None = None,
    replayed: bool = False,
    source: Source = Source.CONTAINERD,
) -> LifecycleEvent:
    received = at_ms + 1 if received_ms is None else received_ms
    return LifecycleEvent(
        seq, type_, source, START + int(at_ms * MS), START + int(received * MS), id_, replayed
    )


CREATED, STARTED = EventType.CONTAINER_CREATED, EventType.CONTAINER_STARTED
DIED, REMOVED = EventType.CONTAINER_DIED, EventType.CONTAINER_REMOVED


def verdicts(*events: LifecycleEvent, until_ms: float = 100_000) -> list[Verdict]:
    model = RelistModel(START)
    for each in events:
        model.add(each)
    return model.advance(START + int(until_ms * MS))


def test_a_start_that_lasts_is_seen_by_the_next_relist() -> None:
    assert verdicts(event(7, STARTED, 300)) == [Verdict((7,), True, 700 * MS)]
    assert verdicts(event(7, STARTED, 300))[0].after_ms == 700


def test_what_was_passed_through_within_a_second_is_never_seen() -> None:
    told = verdicts(event(1, CREATED, 100), event(2, STARTED, 150), event(3, DIED, 600))
    assert told == [Verdict((3,), True, 400 * MS), Verdict((1, 2), False, None)]


def test_a_life_between_two_relists_is_never_seen_at_all() -> None:
    told = verdicts(
        event(1, CREATED, 100), event(2, STARTED, 150), event(3, DIED, 600), event(4, REMOVED, 700)
    )
    assert told == [Verdict((1, 2, 3, 4), False, None)]


def test_a_removal_is_seen_when_the_container_had_been() -> None:
    told = verdicts(event(1, CREATED, 900), event(2, REMOVED, 1100))
    assert told == [Verdict((1,), True, 100 * MS), Verdict((2,), True, 900 * MS)]
    # One that was there before the model began had been listed too.
    assert verdicts(event(1, REMOVED, 200)) == [Verdict((1,), True, 800 * MS)]


def test_an_event_at_the_very_relist_is_seen_by_it() -> None:
    assert verdicts(event(1, STARTED, 2000)) == [Verdict((1,), True, 0)]


def test_containers_do_not_hide_each_other() -> None:
    told = verdicts(event(1, STARTED, 100, "a"), event(2, DIED, 200, "b"))
    assert [verdict.seen for verdict in told] == [True, True]


def test_a_sandbox_is_ready_from_its_creation() -> None:
    told = verdicts(
        event(1, EventType.SANDBOX_CREATED, 100), event(2, EventType.SANDBOX_STARTED, 101)
    )
    assert told == [Verdict((1,), True, 900 * MS), Verdict((2,), True, 899 * MS)]


def test_a_verdict_waits_until_late_events_can_have_come() -> None:
    model = RelistModel(START, grace_ns=500 * MS)
    model.add(event(1, STARTED, 300))
    assert model.advance(START + 1400 * MS) == []
    model.add(event(2, DIED, 800, received_ms=1450))
    told = model.advance(START + 1500 * MS)
    assert told == [Verdict((2,), True, 200 * MS), Verdict((1,), False, None)]
    assert model.advance(START + 9000 * MS) == []


def test_an_event_that_comes_after_the_verdict_gets_its_own() -> None:
    model = RelistModel(START, grace_ns=0)
    model.add(event(2, DIED, 800))
    assert model.advance(START + 1000 * MS) == [Verdict((2,), True, 200 * MS)]
    model.add(event(1, STARTED, 300, received_ms=4000))
    assert model.advance(START + 4000 * MS) == [Verdict((1,), False, None)]


def test_what_cannot_be_modelled_gets_no_verdict() -> None:
    assert (
        verdicts(
            event(1, STARTED, 100, replayed=True),
            event(2, EventType.CONTAINER_OOM, 100),
            event(3, STARTED, 100, source=Source.RELIST),
            event(4, STARTED, -START / MS, received_ms=5),
            event(5, STARTED, -500, received_ms=5),
        )
        == []
    )


def test_a_runtime_whose_clock_is_ahead_does_not_put_off_the_verdict() -> None:
    told = verdicts(event(1, STARTED, 3_600_000, received_ms=300), until_ms=2500)
    assert told == [Verdict((1,), True, 700 * MS)]


STEPS = st.lists(
    st.tuples(st.integers(0, 5000), st.sampled_from([CREATED, STARTED, DIED, REMOVED])), max_size=30
)


@given(STEPS, st.lists(st.integers(0, 8000), max_size=8))
def test_every_event_gets_one_verdict_within_a_second(
    steps: list[tuple[int, EventType]], looks: list[int]
) -> None:
    model = RelistModel(START)
    told: list[Verdict] = []
    for seq, (at, type_) in enumerate(steps, 1):
        model.add(event(seq, type_, at, f"c{at % 3}"))
    for look in sorted(looks):
        told += model.advance(START + look * MS)
    told += model.advance(START + 20_000 * MS)
    assert sorted(seq for verdict in told for seq in verdict.seqs) == list(range(1, len(steps) + 1))
    for verdict in told:
        assert verdict.seen == (verdict.after_ns is not None)
        assert verdict.after_ns is None or 0 <= verdict.after_ns < 1000 * MS
