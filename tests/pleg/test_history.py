"""What a timeline says of a pod, from what a runtime tells and from what it leaves out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleg_tui.model import (
    Container,
    ContainerState,
    EventType,
    LifecycleEvent,
    Pod,
    Sandbox,
    SandboxState,
    Source,
    Transition,
)
from pleg_tui.pleg.history import KEEP_GONE_NS, Gap, History, Span, Track

T0 = 1_700_000_000_000_000_000
S = 1_000_000_000
CREATED, RUNNING, EXITED = (ContainerState(n) for n in (1, 2, 3))
REMOVED, UNKNOWN = ContainerState.REMOVED, ContainerState.UNKNOWN


def pod(*containers: Container, sandboxes: tuple[Sandbox, ...] = (), uid: str = "web") -> Pod:
    return Pod(
        uid, "default", uid, sandboxes[0] if sandboxes else None, sandboxes, containers, 1, 0
    )


def app(object_id: str = "c0", **more: Any) -> Container:
    return Container(object_id, "s0", more.pop("name", "app"), **more)


def step(object_id: str, old: int, new: int, at: int = 0, *, sandbox: bool = False) -> Transition:
    return Transition(object_id, "web", sandbox, old, new, at)


def event(type_: EventType, object_id: str, at: int, **more: Any) -> LifecycleEvent:
    plain = {"pod_uid": "web", "container": "app", **more}
    return LifecycleEvent(1, type_, Source.CONTAINERD, at, at, object_id, **plain)


def told(history: History, pod_: Pod, now: int, *transitions: Transition) -> Track:
    history.apply({"web": pod_}, changed=["web"], transitions=transitions, now=now)
    return history.spans("web")[0]


def brief(track: Track) -> list[tuple[ContainerState, int | None, int | None]]:
    """States with their times in seconds since T0."""
    return [
        (s.state, (s.start_ns - T0) // S, None if s.end_ns is None else (s.end_ns - T0) // S)
        for s in track.spans
    ]


def test_what_the_runtime_dates_is_known_from_before_we_looked() -> None:
    one = app(state=EXITED, created_at=T0, started_at=T0 + S, finished_at=T0 + 5 * S, exit_code=3,
              reason="Error")  # fmt: skip
    track = told(History(), pod(one), T0 + 60 * S)
    assert brief(track) == [(CREATED, 0, 1), (RUNNING, 1, 5), (EXITED, 5, None)]
    assert all(span.known_start for span in track.spans)
    assert (track.spans[-1].exit_code, track.spans[-1].reason) == (3, "Error")


def test_what_nobody_saw_is_unknown_until_a_status_tells() -> None:
    history = History()
    listed = app(state=EXITED, created_at=T0)
    track = told(history, pod(listed), T0 + 60 * S, step("c0", 0, 3))
    assert brief(track) == [(UNKNOWN, 0, 60), (EXITED, 60, None)]
    assert not track.spans[1].known_start
    status = replace(listed, started_at=T0 + S, finished_at=T0 + 2 * S, exit_code=0)
    track = told(history, pod(status), T0 + 61 * S)
    assert brief(track) == [(CREATED, 0, 1), (RUNNING, 1, 2), (EXITED, 2, None)]


def test_one_met_while_it_runs_ran_from_then_on_at_least() -> None:
    track = told(History(), pod(app(state=RUNNING, created_at=T0)), T0 + 9 * S)
    assert brief(track) == [(UNKNOWN, 0, 9), (RUNNING, 9, None)]


def test_attempts_follow_each_other_and_those_before_the_oldest_are_unknown() -> None:
    sandbox = Sandbox("s0", "web", "default", "web", 0, SandboxState.READY, T0)
    old = app("c3", attempt=3, state=EXITED, created_at=T0 + 30 * S, started_at=T0 + 30 * S,
              finished_at=T0 + 35 * S, exit_code=1)  # fmt: skip
    new = app("c4", attempt=4, state=RUNNING, created_at=T0 + 40 * S, started_at=T0 + 41 * S)
    history = History()
    track = told(history, pod(new, old, sandboxes=(sandbox,)), T0 + 60 * S)
    assert brief(track) == [
        (UNKNOWN, 0, 30), (CREATED, 30, 30), (RUNNING, 30, 35), (EXITED, 35, 40),
        (CREATED, 40, 41), (RUNNING, 41, None),
    ]  # fmt: skip
    assert track.spans[0].container_id == ""
    shown = history.spans("web")[1]
    assert shown.is_sandbox
    assert brief(shown) == [(RUNNING, 0, None)]


def test_an_attempt_that_nobody_saw_leaves_the_time_between_unknown() -> None:
    old = app("c0", attempt=0, state=EXITED, created_at=T0, started_at=T0, finished_at=T0 + 5 * S)
    new = app("c2", attempt=2, state=RUNNING, created_at=T0 + 40 * S, started_at=T0 + 41 * S)
    track = told(History(), pod(new, old), T0 + 60 * S)
    assert brief(track)[2:4] == [(EXITED, 5, 5), (UNKNOWN, 5, 40)]


def test_a_whole_life_between_two_takes_is_told_by_its_events() -> None:
    history = History()
    history.apply(
        {},
        removed=["web"],
        transitions=[step("c0", 0, 1, T0), step("c0", 1, 2, T0 + S), step("c0", 2, 3, T0 + 4 * S),
                     step("c0", 3, 4)],
        events=[event(EventType.CONTAINER_OOM, "c0", T0 + 4 * S),
                event(EventType.CONTAINER_DIED, "c0", T0 + 4 * S, exit_code=137, reason="Error")],
        now=T0 + 6 * S,
    )  # fmt: skip
    (track,) = history.spans("web")
    assert track.name == "app"
    assert brief(track) == [(CREATED, 0, 1), (RUNNING, 1, 4), (EXITED, 4, 6)]
    assert (track.spans[-1].exit_code, track.spans[-1].reason) == (137, "OOMKilled")
    assert track.spans[-1].removed


def test_events_replayed_from_before_the_start_are_history_too() -> None:
    history = History()
    track = told(history, pod(app("c1", state=RUNNING, created_at=T0, started_at=T0)), T0 + 9 * S)
    history.apply(
        {"web": pod(app("c1", state=RUNNING, created_at=T0, started_at=T0))},
        events=[event(EventType.CONTAINER_STARTED, "c0", T0 - 60 * S),
                event(EventType.CONTAINER_DIED, "c0", T0 - 30 * S, exit_code=1),
                event(EventType.CONTAINER_REMOVED, "c0", T0 - 20 * S)],
        now=T0 + 10 * S,
    )  # fmt: skip
    (track,) = history.spans("web")
    assert brief(track)[:2] == [(RUNNING, -60, -30), (EXITED, -30, -20)]
    assert brief(track)[-1] == (RUNNING, 0, None)


def test_what_is_gone_is_kept_for_a_quarter_of_an_hour() -> None:
    history = History()
    told(history, pod(app(state=RUNNING, created_at=T0, started_at=T0)), T0)
    history.apply({}, removed=["web"], now=T0 + 10 * S)
    assert brief(history.spans("web")[0])[-1] == (RUNNING, 0, 10)
    history.apply({}, now=T0 + 9 * S + KEEP_GONE_NS)
    assert history.spans("web")
    history.apply({}, now=T0 + 10 * S + KEEP_GONE_NS)
    assert history.spans("web") == ()
    assert history.version("web") == 0


def test_a_time_that_only_an_event_told_stays_known_of_a_pod_nobody_looked_at() -> None:
    history = History()
    sandbox = Sandbox("s0", "web", "default", "web", 0, SandboxState.READY, T0)
    one = pod(app(state=RUNNING, pod_uid="web"), sandboxes=(sandbox,))
    history.apply(
        {"web": one}, changed=["web"], transitions=[step("c0", 0, 2, T0 + S)], now=T0 + 9 * S
    )
    history.apply({"web": one}, changed=["web"], now=T0 + 20 * S)
    assert brief(history.spans("web")[0]) == [(RUNNING, 1, None)]


def test_a_pod_that_comes_back_is_not_forgotten() -> None:
    history = History()
    one = pod(app(state=RUNNING, created_at=T0, started_at=T0))
    told(history, one, T0)
    history.apply({}, removed=["web"], now=T0 + S)
    back = pod(app("c1", state=RUNNING, created_at=T0 + 2 * S, started_at=T0 + 2 * S))
    told(history, back, T0 + 2 * S)
    history.apply({"web": back}, now=T0 + 2 * KEEP_GONE_NS)
    assert history.spans("web")[0].spans[-1].end_ns is None


def test_it_stays_in_bounds() -> None:
    history = History(most_ended=10, most_gone=20)
    for n in range(100):
        uid = f"p{n}"
        history.apply({uid: pod(app(f"c{n}"), uid=uid)}, changed=[uid], now=T0)
        history.apply({}, removed=[uid], now=T0)
    assert sum(bool(history.spans(f"p{n}")) for n in range(100)) == 20
    for n in range(100):
        one = app(f"x{n}", attempt=n, state=RUNNING, created_at=T0 + n * S, started_at=T0 + n * S)
        track = told(history, pod(one), T0 + n * S)
    assert len({span.container_id for span in track.spans} - {""}) == 11
    assert len(history._lives) < 60


def test_a_lost_stream_is_a_gap_and_one_at_a_time() -> None:
    history = History()
    history.connected(T0)
    assert not history.gaps
    history.lost(T0 + S)
    history.lost(T0 + 2 * S)
    assert history.gaps == (Gap(T0 + S, None),)
    history.connected(T0 - S)  # the clock was put back
    assert history.gaps == (Gap(T0 + S, T0 + S),)


def test_a_clock_that_is_put_back_breaks_nothing() -> None:
    one = app(state=EXITED, created_at=T0 + 3600 * S, started_at=T0 + S, finished_at=T0 + 5 * S)
    track = told(History(), pod(one), T0 + 60 * S)
    assert brief(track) == [(CREATED, 1, 1), (RUNNING, 1, 5), (EXITED, 5, None)]


def test_nothing_new_is_no_new_version() -> None:
    history = History()
    one = pod(app(state=RUNNING, created_at=T0, started_at=T0))
    told(history, one, T0)
    version = history.version("web")
    again = replace(one, version=2, containers=tuple(replace(c) for c in one.containers))
    told(history, again, T0 + S, step("c0", 1, 2, T0))
    assert history.version("web") == version


TIMES = st.sampled_from([0, T0 - 9 * S, T0, T0 + S, T0 + 2 * S, T0 + 90 * S]) | st.integers(
    -(2**62), 2**62
)
IDS = st.sampled_from(["c0", "c1", "c2", "s0"])
CONTAINERS = st.builds(
    Container,
    id=IDS,
    sandbox_id=st.just("s0"),
    name=st.sampled_from(["app", "side", ""]),
    attempt=st.integers(0, 5),
    state=st.sampled_from(ContainerState),
    created_at=TIMES,
    started_at=TIMES,
    finished_at=TIMES,
    exit_code=st.none() | st.integers(-1, 300),
    reason=st.sampled_from(["", "Error", "OOMKilled"]),
)
SANDBOXES = st.builds(
    Sandbox,
    id=st.sampled_from(["s0", "s1"]),
    uid=st.just("web"),
    namespace=st.just("default"),
    name=st.just("web"),
    attempt=st.integers(0, 3),
    state=st.sampled_from(SandboxState),
    created_at=TIMES,
)
KEYS = st.sampled_from(["web", "db", ""])
TRANSITIONS = st.builds(
    Transition, IDS, KEYS, st.just(False), st.just(0), st.integers(0, 4), TIMES
) | st.builds(Transition, IDS, KEYS, st.just(True), st.just(0), st.integers(0, 3), TIMES)
EVENTS = st.builds(
    event, st.sampled_from(EventType), IDS, TIMES, pod_uid=KEYS,
    exit_code=st.none() | st.integers(0, 255), reason=st.sampled_from(["", "Error"]),
)  # fmt: skip
TAKES = st.tuples(
    st.lists(CONTAINERS, max_size=4),
    st.lists(SANDBOXES, max_size=2),
    KEYS,
    st.lists(TRANSITIONS, max_size=4),
    st.lists(EVENTS, max_size=4),
    TIMES,
    st.booleans(),
)


def in_order(spans: tuple[Span, ...]) -> bool:
    ends = all(s.end_ns is None or s.start_ns <= s.end_ns for s in spans)
    return ends and all(a.end_ns is not None and a.end_ns <= b.start_ns for a, b in pairwise(spans))


@given(st.lists(TAKES, max_size=8))
def test_whatever_a_runtime_says_spans_follow_each_other(
    takes: list[tuple[Any, ...]],
) -> None:
    history = History(most_ended=3, most_gone=1)
    pods: dict[str, Pod] = {}
    for containers, sandboxes, key, transitions, events, now, gone in takes:
        before = set(pods)
        if gone:
            pods.pop(key, None)
        elif key:
            pods[key] = pod(*containers, sandboxes=tuple(sandboxes), uid=key)
        history.apply(
            pods, changed=[key], removed=before - set(pods), transitions=transitions,
            events=events, now=now,
        )  # fmt: skip
        for uid in ("web", "db"):
            tracks = history.spans(uid)
            assert len({(t.is_sandbox, t.name) for t in tracks}) == len(tracks)
            for track in tracks:
                assert in_order(track.spans)
        assert len(history._gone) <= 1


@given(st.lists(TAKES, max_size=8))
def test_it_is_all_the_same_whether_anybody_looked_meanwhile(takes: list[tuple[Any, ...]]) -> None:
    looked_at, left_alone = History(), History()
    pods: dict[str, Pod] = {}
    for containers, _, key, transitions, events, now, gone in takes:
        before = set(pods)
        if gone:
            pods.pop(key, None)
        elif key:  # an id is of one pod only, and of one kind
            own = [replace(one, id=f"{key} {one.id}", pod_uid=key) for one in containers]
            sandbox = Sandbox(f"{key} True", key, "default", key, 0, SandboxState.READY, T0)
            pods[key] = pod(*own, sandboxes=(sandbox,), uid=key)
        for history in (looked_at, left_alone):
            history.apply(
                pods,
                changed=[key],
                removed=before - set(pods),
                transitions=[
                    replace(t, id=f"{t.pod_uid} {t.is_sandbox or t.id}") for t in transitions
                ],
                events=[replace(e, container_id=f"{e.pod_uid} {e.container_id}") for e in events],
                now=now,
            )
        for uid in pods:
            looked_at.spans(uid)
    for uid in ("web", "db"):
        assert left_alone.spans(uid) == looked_at.spans(uid)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=12))
def test_a_restarting_container_is_told_whole_however_it_is_looked_at(
    runs: list[tuple[int, int]],
) -> None:
    """The same lives, watched step by step or dated by the runtime afterwards, are the same."""
    watched, asked = History(), History()
    at = T0
    lives: list[Container] = []
    for attempt, (ran, waited) in enumerate(runs):
        start, end = at, at + ran * S
        created = app(f"c{attempt}", attempt=attempt, state=CREATED, created_at=start)
        running = replace(created, state=RUNNING, started_at=start)
        exited = replace(running, state=EXITED, finished_at=end, exit_code=1)
        for now, one in ((start, created), (start, running), (end, exited)):
            climb = step(one.id, one.state - 1, one.state, now)
            told(watched, pod(one, *reversed(lives)), now, climb)
        lives.append(exited)
        at = end + waited * S
    track = told(asked, pod(*reversed(lives)), at)
    assert track.spans == watched.spans("web")[0].spans
    assert [s.end_ns is not None for s in track.spans] == [True] * (3 * len(runs) - 1) + [False]
