"""The kubelet's relist, event mapping and cache, by example and by property."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pleg_tui.model import Container, ContainerState, Sandbox, SandboxState
from pleg_tui.pleg.cache import Cache
from pleg_tui.pleg.evented import CacheAction, CriEventType, outcome, process
from pleg_tui.pleg.relist import (
    PlegState,
    PodLifecycleEvent,
    PodLifecycleType,
    PodRecords,
    generate_events,
    pod_records,
    relist,
)
from tests.pleg.histories import Fact, History, World, histories, listed

STARTED = PodLifecycleType.CONTAINER_STARTED
DIED = PodLifecycleType.CONTAINER_DIED
REMOVED = PodLifecycleType.CONTAINER_REMOVED
CHANGED = PodLifecycleType.CONTAINER_CHANGED


def records(state: ContainerState | None) -> PodRecords:
    """A ready pod, with a container in this state or none."""
    sandbox = Sandbox("s1", "uid", "ns", "pod", state=SandboxState.READY)
    container = Container("c1", "s1", "app", state=state or 0, pod_uid="uid")  # type: ignore[arg-type]
    return pod_records([sandbox], [container] if state is not None else [])


def types(events: tuple[PodLifecycleEvent, ...]) -> list[PodLifecycleType]:
    return [event.type for event in events]


# ---- relist ----


def test_a_relist_tells_what_changed_since_the_last_one() -> None:
    empty = relist({}, {})
    first = relist(empty.records, records(ContainerState.RUNNING))
    assert types(first.events) == [STARTED, STARTED], "the sandbox takes part as a container"
    assert first.inspect == ("uid",)
    again = relist(first.records, records(ContainerState.RUNNING))
    assert (again.inspect, again.events) == ((), ())
    died = relist(again.records, records(ContainerState.EXITED))
    assert types(died.events) == [DIED]
    gone = relist(died.records, records(None))
    assert types(gone.events) == [REMOVED]
    assert types(relist(gone.records, {}).events) == [DIED, REMOVED]


def test_a_container_that_lives_between_two_relists_is_never_seen() -> None:
    assert relist(records(None), records(None)).events == ()


def test_a_created_container_makes_the_kubelet_look_but_is_told_to_nobody() -> None:
    found = relist(records(None), records(ContainerState.CREATED))
    assert found.inspect == ("uid",)
    assert found.events == ()
    change = generate_events("uid", "c1", PlegState.NON_EXISTENT, PlegState.UNKNOWN)
    assert types(change) == [CHANGED]


def test_a_pod_whose_status_could_not_be_had_is_found_again_by_the_next_relist() -> None:
    running, exited = records(ContainerState.RUNNING), records(ContainerState.EXITED)
    failed = relist(running, exited, failed={"uid"})
    assert (failed.inspect, failed.events) == (("uid",), ())
    assert types(relist(failed.records, exited).events) == [DIED]
    new = relist({}, running, failed={"uid"})
    assert types(relist(new.records, running).events) == [STARTED, STARTED]


# ---- evented mapping ----


def test_only_the_sandboxs_own_deletion_takes_the_pod_out_of_the_cache() -> None:
    assert outcome(CriEventType.DELETED, of_sandbox=True).action is CacheAction.DELETE
    assert outcome(CriEventType.DELETED, of_sandbox=False).action is CacheAction.NONE
    assert outcome(CriEventType.STOPPED, of_sandbox=True).action is CacheAction.SET


def test_an_event_older_than_the_cached_status_is_told_to_nobody() -> None:
    cache: Cache[str] = Cache()
    cache.set("uid", "newer", 100)
    told = process(
        cache,
        CriEventType.STOPPED,
        "c1",
        pod_uid="uid",
        sandbox_ids=["s1"],
        status="older",
        created_at=99,
    )
    assert told == ()
    entry = cache.get("uid")
    assert entry is not None
    assert entry.status == "newer"


def test_an_event_without_pod_status_is_dropped() -> None:
    # containerd 1.7 sends a sandbox's deletion so: the cached status stays until the next relist.
    cache: Cache[str] = Cache()
    cache.set("uid", "status", 100)
    told = process(
        cache,
        CriEventType.DELETED,
        "s1",
        pod_uid=None,
        sandbox_ids=[],
        status="",
        created_at=101,
    )
    assert told == ()
    assert cache.get("uid") is not None


# ---- both ways, on the same history ----


def by_relist(history: History) -> list[tuple[PodLifecycleEvent, ...]]:
    """What the generic PLEG sends for each fact; it relists after each, so it misses none."""
    told: list[tuple[PodLifecycleEvent, ...]] = []
    old: PodRecords = {}
    for world in history.worlds[1:]:
        found = relist(old, pod_records(*listed(world)))
        old = found.records
        told.append(found.events)
    return told


def cri_events(fact: Fact) -> list[CriEventType]:
    """The events of containerd for one fact; it sends a new sandbox's two back to back."""
    if fact.is_sandbox:
        return {
            int(SandboxState.READY): [CriEventType.CREATED, CriEventType.STARTED],
            int(SandboxState.NOTREADY): [CriEventType.STOPPED],
            int(SandboxState.REMOVED): [CriEventType.DELETED],
        }[fact.state]
    return [CriEventType(fact.state - 1)]


def by_events(history: History) -> list[tuple[PodLifecycleEvent, ...]]:
    """What the evented PLEG sends for each fact of the same history."""
    told: list[tuple[PodLifecycleEvent, ...]] = []
    cache: Cache[World] = Cache()
    for fact in history.facts:
        before, after = history.worlds[fact.index], history.worlds[fact.index + 1]
        subject = after.get(fact.id) or before[fact.id]
        sent: tuple[PodLifecycleEvent, ...] = ()
        for kind in cri_events(fact):
            sent += process(
                cache,
                kind,
                fact.id,
                pod_uid=subject.uid if isinstance(subject, Sandbox) else subject.pod_uid,
                sandbox_ids=[subject.id] if isinstance(subject, Sandbox) else [subject.sandbox_id],
                status=after,
                created_at=fact.at,
            )
        told.append(sent)
    return told


def with_the_known_difference(told: tuple[PodLifecycleEvent, ...]) -> tuple[PodLifecycleEvent, ...]:
    """The one difference where nothing was missed: evented says Died again at every removal.

    A DELETED event always becomes Died and Removed, while the relist leaves Died out when it has
    reported it before. CREATED becomes nothing on both ways: the relist's ContainerChanged is not
    sent. (That a removed container stays in the cached status shows in no event.)
    """
    if types(told) != [REMOVED]:
        return told
    return (replace(told[0], type=DIED), *told)


@settings(max_examples=150, deadline=None)
@given(histories(labelled=True))
def test_where_nothing_is_missed_relist_and_events_tell_the_kubelet_the_same(
    history: History,
) -> None:
    assert by_events(history) == [with_the_known_difference(told) for told in by_relist(history)]


def test_the_known_difference_by_example() -> None:
    running, exited = records(ContainerState.RUNNING), records(ContainerState.EXITED)
    assert types(relist(running, exited).events) == [DIED]
    assert types(relist(exited, records(None)).events) == [REMOVED]
    assert list(outcome(CriEventType.STOPPED, of_sandbox=False).types) == [DIED]
    assert list(outcome(CriEventType.DELETED, of_sandbox=False).types) == [DIED, REMOVED]


# ---- cache ----

times = st.integers(0, 20)


@settings(max_examples=100, deadline=None)
@given(st.lists(times, min_size=1))
def test_with_the_gate_on_the_latest_status_wins_whatever_the_order(arrivals: list[int]) -> None:
    cache: Cache[int] = Cache()
    latest = -1
    for number, timestamp in enumerate(arrivals):
        accepted = cache.set("uid", number, timestamp)
        assert accepted == (timestamp >= latest), "one of the same time is accepted"
        latest = max(latest, timestamp)
        entry = cache.get("uid")
        assert entry is not None
        assert entry.modified == latest
        assert arrivals[entry.status] == latest
        assert cache.is_newer_than("uid", latest - 1)
        assert not cache.is_newer_than("uid", latest), "the same time is not later"


@settings(max_examples=50, deadline=None)
@given(st.lists(times, min_size=1))
def test_with_the_gate_off_the_last_status_wins(arrivals: list[int]) -> None:
    cache: Cache[int] = Cache(evented=False)
    for number, timestamp in enumerate(arrivals):
        assert cache.set("uid", number, timestamp)
    entry = cache.get("uid")
    assert entry is not None
    assert (entry.status, entry.modified) == (len(arrivals) - 1, arrivals[-1])


@settings(max_examples=50, deadline=None)
@given(times, times, times)
def test_a_worker_goes_on_when_its_pod_or_the_whole_cache_is_newer(
    modified: int, global_time: int, minimum: int
) -> None:
    cache: Cache[str] = Cache()
    assert not cache.is_newer_than("uid", minimum), "an empty cache tells nothing"
    cache.set("uid", "status", modified)
    cache.update_time(global_time)
    assert cache.is_newer_than("uid", minimum) == (max(modified, global_time) > minimum)
    assert cache.is_newer_than("other", minimum) == (global_time > minimum)


def test_a_deleted_pod_may_come_back_with_an_older_status() -> None:
    cache: Cache[str] = Cache()
    cache.set("uid", "new", 100)
    cache.delete("uid")
    assert cache.get("uid") is None
    assert cache.set("uid", "old", 1)
