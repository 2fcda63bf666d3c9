"""What holds for every history, whatever becomes of its messages on the way."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from pleg_tui.model import Container, ContainerState
from pleg_tui.pleg.live import HEARSAY_NS, LiveState
from tests.pleg.histories import (
    TICK,
    Fact,
    History,
    histories,
    seen,
    tell_cri_event,
    tell_event,
    tell_listing,
    tell_status,
    truth,
    when,
)

TOMBSTONE_NS = 10**6
relaxed = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Message(Struct, frozen=True):
    """One thing that a collector may say, and how long after the fact it says it."""

    index: int
    kind: str
    delay: int


def say(live: LiveState, history: History, message: Message) -> None:
    index = message.index % len(history.facts)
    fact = history.facts[index]
    mono = when(index) + message.delay
    match message.kind:
        case "event":
            tell_event(live, fact, mono)
        case "cri event":
            tell_cri_event(live, history, fact, mono)
        case "status":
            tell_status(live, history.worlds[index + 1], fact.id, mono)
        case "look-up":
            if fact.removed:
                live.remove(fact.id, mono=mono, wall=mono)
            else:
                tell_status(live, history.worlds[index + 1], fact.id, mono)
        case "listing":
            # Asked when this fact was the newest, however late the answer is passed on.
            tell_listing(live, history.worlds[index + 1], asked=when(index), mono=mono)


kinds = st.sampled_from(["event", "cri event", "status", "look-up", "listing"])
messages = st.builds(Message, st.integers(0, 200), kinds, st.integers(0, 20 * TICK))


@relaxed
@given(histories(), st.lists(messages, max_size=80))
def test_whatever_came_before_one_fresh_listing_ends_in_its_own_state(
    history: History, sent: list[Message]
) -> None:
    live = LiveState(tombstone_ns=TOMBSTONE_NS)
    for message in sent:  # any subset, in any order, any of them several times
        say(live, history, message)
    asked = when(len(history.facts)) + HEARSAY_NS + 10**6
    tell_listing(live, history.end, asked=asked, mono=asked + 1)

    assert seen(live) == truth(history.end)
    for object_id in history.ids:
        exists = (live.container(object_id) or live.sandbox(object_id)) is not None
        assert exists == (object_id in history.end)

    live.forget(asked + 1 + TOMBSTONE_NS)
    remembered = {i for i in history.ids if live.is_sandbox(i) is not None}
    assert remembered == set(history.end)


@relaxed
@given(histories(), st.lists(messages, max_size=40))
def test_a_message_that_comes_twice_tells_nothing_new(
    history: History, sent: list[Message]
) -> None:
    live = LiveState()
    for message in sent:
        say(live, history, message)
        live.take()
        before = seen(live)
        say(live, history, message)
        changed, removed, transitions = live.take()
        assert (changed, removed, transitions) == (frozenset(), frozenset(), ())
        assert seen(live) == before


@relaxed
@given(histories(), st.lists(messages, max_size=60))
def test_states_only_climb_and_every_climb_is_told_once(
    history: History, sent: list[Message]
) -> None:
    live = LiveState()
    ranks: dict[str, int] = {}
    versions: dict[str, int] = {}
    for message in sent:
        say(live, history, message)
        changed, removed, transitions = live.take()
        for step in transitions:
            assert step.old == ranks.get(step.id, 0)
            assert step.new > step.old
            ranks[step.id] = step.new
        assert not changed & removed
        for key in changed:
            assert live.pods[key].version > versions.get(key, 0)
            versions[key] = live.pods[key].version
        assert {key: pod.version for key, pod in live.pods.items()}.items() <= versions.items()
    assert {i: state for i, (_, state) in seen(live).items()}.items() <= ranks.items()


@relaxed
@given(histories(labelled=True), st.data())
def test_without_loss_no_listing_is_needed_in_whatever_order(
    history: History, data: st.DataObject
) -> None:
    # containerd: each fact's bare event, and one look-up behind it where something is to be found.
    sent = [(fact, kind) for fact in history.facts for kind in ("event", "status")]
    order = data.draw(st.permutations(sent))
    live = LiveState()
    for fact, kind in order:
        say(live, history, Message(fact.index, kind, 5))

    assert seen(live) == truth(history.end)
    for item in history.end.values():
        if isinstance(item, Container):
            known = live.container(item.id)
            assert known is not None
            assert known.exit_code == item.exit_code
            assert known.reason == item.reason
            assert (known.created_at, known.started_at, known.finished_at) == (
                item.created_at,
                item.started_at,
                item.finished_at,
            )


@relaxed
@given(histories(), st.data())
def test_without_loss_cri_events_alone_are_enough_in_whatever_order(
    history: History, data: st.DataObject
) -> None:
    live = LiveState()
    for fact in data.draw(st.permutations(history.facts)):
        tell_cri_event(live, history, fact, when(fact.index) + 5)
    assert seen(live) == truth(history.end)


class Fate(Struct, frozen=True):
    """What becomes of one event."""

    dropped: bool
    late: bool
    """It comes after the listing, but before the account is settled."""


fates = st.lists(st.builds(Fate, st.booleans(), st.booleans()), min_size=40, max_size=40)


def steps_of(live: LiveState, before: int) -> list[tuple[str, int]]:
    return sorted((missed.id, missed.state) for missed in live.settle(before))


@settings(relaxed, max_examples=250)
@given(histories(straight=True), st.integers(0, 40), fates, st.booleans())
def test_missed_events_are_counted_exactly(
    history: History, begin: int, fate: list[Fate], lossless: bool
) -> None:
    live = LiveState()
    begin = min(begin, len(history.facts))
    tell_listing(
        live, history.worlds[begin], asked=begin * TICK, mono=begin * TICK + 1, baseline=True
    )
    followed = history.facts[begin:]
    dropped = {f.index for f in followed if fate[f.index].dropped and not lossless}
    late = {f.index for f in followed if fate[f.index].late} - dropped
    known = set(history.worlds[begin])
    removal_heard: set[str] = set()

    def look_up_the_unstarted(fact: Fact, mono: int) -> None:
        # That a container never started is known only to a status, not to a listing.
        world = history.worlds[fact.index + 1]
        item = world.get(fact.id)
        if isinstance(item, Container) and item.state is ContainerState.EXITED:
            tell_status(live, world, fact.id, mono)
            known.add(fact.id)

    for fact in followed:
        if fact.index not in dropped | late:
            tell_cri_event(live, history, fact, when(fact.index) + 5)
            known |= {i for i in history.ids if live.is_sandbox(i) is not None}
            if fact.removed:
                removal_heard.add(fact.id)
        look_up_the_unstarted(fact, when(fact.index) + 6)

    asked = when(len(history.facts)) + 100
    tell_listing(live, history.end, asked=asked, mono=asked + 50)
    for index in sorted(late):
        tell_cri_event(live, history, history.facts[index], asked + 60)

    revealed = {
        (fact.id, fact.state)
        for fact in followed
        if fact.index in dropped
        and (fact.id in history.end or (fact.id in known and fact.id not in removal_heard))
    }
    assert steps_of(live, asked + 1000) == sorted(revealed)
    if lossless:
        assert not revealed

    # Never twice: not at once, not after another listing.
    assert steps_of(live, asked + 1000) == []
    tell_listing(live, history.end, asked=asked + 2000, mono=asked + 2001)
    again = steps_of(live, asked + 3000)
    assert not set(again) & revealed
    assert {i for i, _ in again}.isdisjoint(history.end)
