"""From frames to lifecycle events: each step told once, in order, with its names."""

from __future__ import annotations

import itertools

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.timestamp_pb2 import Timestamp

from pleg_tui import frames
from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.feed.story import HOLD_NS, SETTLE_NS, Story
from pleg_tui.frames import Flag, Frame, Kind
from pleg_tui.model import ContainerState, EventType, LifecycleEvent, Source

S = 1_000_000_000
WALL = 1_700_000_000 * S
STATES = {
    1: cri.CONTAINER_CREATED,
    2: cri.CONTAINER_RUNNING,
    3: cri.CONTAINER_EXITED,
}
Message = cri.ContainerStatus


class Node:
    """Speaks as a runtime's stream and listing do; every frame a millisecond after the last."""

    def __init__(self, source: Source = Source.CONTAINERD, name: str = "containerd") -> None:
        self.story = Story()
        self.mono = 100 * S
        self.wall = WALL
        self.story.connected(source, name, self.mono)
        self.sequence = itertools.count(1)

    def _frame(self, kind: Kind, payload: bytes, flags: int = 0) -> None:
        self.mono += 1_000_000
        self.wall += 1_000_000
        self.story.apply(Frame(kind, payload, self.mono, self.wall, 0, flags))

    def containerd(self, topic: str, object_id: str, exit_code: int = 0, at: int = 0) -> None:
        event: ctd.TaskExit | ctd.TaskStart | ctd.TaskOOM | ctd.ContainerCreate
        at = at or self.wall
        stamp = Timestamp(seconds=at // S, nanos=at % S)
        if topic == "/tasks/exit":
            event = ctd.TaskExit(
                container_id=object_id, id=object_id, exit_status=exit_code, exited_at=stamp
            )
        elif topic == "/tasks/start":
            event = ctd.TaskStart(container_id=object_id)
        elif topic == "/tasks/oom":
            event = ctd.TaskOOM(container_id=object_id)
        else:
            event = ctd.ContainerCreate(id=object_id)
        envelope = ctd.Envelope(
            timestamp=stamp,
            namespace="k8s.io",
            topic=topic,
            event=Any(value=event.SerializeToString()),
        )
        self._frame(Kind.EVENT_CONTAINERD, envelope.SerializeToString())

    def cri(
        self, kind: int, object_id: str, *statuses: Message, at: int = 0, pod: str = "s"
    ) -> None:
        event = cri.ContainerEventResponse(
            container_id=object_id,
            container_event_type=kind,  # type: ignore[arg-type]
            created_at=at or self.wall,
            pod_sandbox_status=sandbox_status(pod) if pod else None,
            containers_statuses=statuses,
        )
        self._frame(Kind.EVENT_CRI, event.SerializeToString())

    def container(self, message: Message) -> None:
        answer = cri.ContainerStatusResponse(status=message)
        self._frame(Kind.CONTAINER_STATUS, answer.SerializeToString())

    def sandbox(self, object_id: str) -> None:
        answer = cri.PodSandboxStatusResponse(status=sandbox_status(object_id))
        self._frame(Kind.SANDBOX_STATUS, answer.SerializeToString())

    def gone(self, object_id: str) -> None:
        self._frame(Kind.GONE, object_id.encode())

    def listing(self, sandboxes: list[str], containers: dict[str, int], flags: int = 0) -> None:
        self._frame(Kind.LISTING, self.listed(sandboxes, containers), flags)

    def listed(self, sandboxes: list[str], containers: dict[str, int]) -> bytes:
        first = cri.ListPodSandboxResponse(
            items=[
                cri.PodSandbox(id=s, metadata=sandbox_status(s).metadata, created_at=1)
                for s in sandboxes
            ]
        )
        second = cri.ListContainersResponse(
            containers=[
                cri.Container(
                    id=c,
                    pod_sandbox_id=sandboxes[0] if sandboxes else "",
                    metadata=cri.ContainerMetadata(name=c),
                    state=STATES[state],
                )
                for c, state in containers.items()
            ]
        )
        asked = self.mono + 1
        return frames.pack_listing(asked, first.SerializeToString(), second.SerializeToString())

    def told(self) -> list[LifecycleEvent]:
        return self.story.take().events

    def types(self) -> list[EventType]:
        return [event.type for event in self.told()]

    def later(self, nanoseconds: int) -> int:
        self.mono += nanoseconds
        self.wall += nanoseconds
        return self.story.settle(self.mono)


def sandbox_status(object_id: str) -> cri.PodSandboxStatus:
    return cri.PodSandboxStatus(
        id=object_id,
        metadata=cri.PodSandboxMetadata(
            name=f"pod-{object_id}", uid=f"u-{object_id}", namespace="ns"
        ),
        created_at=1,
    )


def status(object_id: str, state: int, **more: object) -> Message:
    return cri.ContainerStatus(
        id=object_id,
        metadata=cri.ContainerMetadata(name=object_id),
        state=STATES[state],
        labels={
            "io.kubernetes.pod.name": "pod-s",
            "io.kubernetes.pod.namespace": "ns",
            "io.kubernetes.pod.uid": "u-s",
        },
        **more,  # type: ignore[arg-type]
    )


E = EventType


def test_a_whole_life_is_told_once_and_in_order_with_its_names() -> None:
    node = Node()
    node.listing([], {})
    node.containerd("/containers/create", "s")
    assert node.told() == [], "nothing is told before it is known whose it is"
    node.containerd("/tasks/start", "s")
    node.sandbox("s")
    node.containerd("/containers/create", "c")
    node.container(status("c", 1))
    node.containerd("/tasks/start", "c")
    node.containerd("/tasks/exit", "c", exit_code=3)
    node.containerd("/containers/delete", "c")
    node.containerd("/tasks/exit", "s", exit_code=137)
    node.containerd("/containers/delete", "s")
    events = node.told()
    assert [event.type for event in events] == [
        E.SANDBOX_CREATED,
        E.SANDBOX_STARTED,
        E.CONTAINER_CREATED,
        E.CONTAINER_STARTED,
        E.CONTAINER_DIED,
        E.CONTAINER_REMOVED,
        E.SANDBOX_STOPPED,
        E.SANDBOX_REMOVED,
    ]
    assert [event.seq for event in events] == list(range(1, 9))
    assert {(event.namespace, event.pod, event.pod_uid) for event in events} == {
        ("ns", "pod-s", "u-s")
    }
    assert [event.exit_code for event in events if event.type is E.CONTAINER_DIED] == [3]
    assert all(event.lag_ns is not None and event.lag_ns >= 0 for event in events)
    assert not node.story.pods


def test_the_events_exit_code_stands_when_the_look_up_is_behind_it() -> None:
    node = Node()
    node.listing(["s"], {"c": 2})
    node.containerd("/tasks/exit", "c", exit_code=3)
    node.container(status("c", 2, started_at=5))
    container = node.story.state.container("c")
    assert container is not None
    assert (container.state, container.exit_code) == (ContainerState.EXITED, 3)


def test_an_oom_kill_is_told_and_is_the_reason_of_the_death_that_follows() -> None:
    node = Node()
    node.listing(["s"], {"c": 2})
    node.containerd("/tasks/oom", "c")
    node.containerd("/tasks/exit", "c", exit_code=137)
    oom, died = node.told()
    assert oom.type is E.CONTAINER_OOM
    assert (died.type, died.exit_code, died.reason) == (E.CONTAINER_DIED, 137, "OOMKilled")
    container = node.story.state.container("c")
    assert container is not None
    assert container.reason == "OOMKilled"


def test_doubles_of_overlapping_streams_are_told_once() -> None:
    for node in (Node(), Node(Source.CRI)):
        node.listing(["s"], {"c": 1})
        at = node.wall
        for _ in range(2):
            if node.story.source is Source.CRI:
                node.cri(1, "c", status("c", 2), at=at)
            else:
                node.containerd("/tasks/start", "c", at=at)
        assert node.types() == [E.CONTAINER_STARTED]


def test_a_sandbox_that_failed_below_the_cri_vanishes_without_a_trace() -> None:
    node = Node()
    node.listing([], {})
    node.containerd("/containers/create", "s")
    node.containerd("/containers/delete", "s")
    node.later(HOLD_NS + S)
    assert node.told() == []
    assert not node.story.holding
    assert not node.story.pods


def test_a_life_too_short_to_be_looked_up_is_told_without_names() -> None:
    node = Node()
    node.listing([], {})
    for topic in ("/containers/create", "/tasks/start", "/tasks/exit", "/containers/delete"):
        node.containerd(topic, "c", exit_code=1)
    node.later(HOLD_NS + S)
    events = node.told()
    assert [event.type for event in events] == [
        E.CONTAINER_CREATED,
        E.CONTAINER_STARTED,
        E.CONTAINER_DIED,
        E.CONTAINER_REMOVED,
    ]
    assert {event.pod for event in events} == {""}
    assert not node.story.pods


def test_replayed_events_are_told_as_such_and_raise_no_dead() -> None:
    node = Node(Source.CRI)
    node.listing([], {})
    old = node.wall - 100 * S
    node.cri(1, "c", status("c", 2), at=old)
    (event,) = node.told()
    assert event.replayed
    assert event.lag_ns is None
    assert (event.pod, event.container) == ("pod-s", "c")
    assert not node.story.pods


def test_a_wall_clock_that_jumps_back_makes_nothing_a_replay() -> None:
    node = Node(Source.CRI)
    node.listing(["s"], {"c": 1})
    node.wall -= 3600 * S
    node.cri(1, "c", status("c", 2))
    (event,) = node.told()
    assert not event.replayed
    container = node.story.state.container("c")
    assert container is not None
    assert container.state is ContainerState.RUNNING


def test_a_deletion_without_pod_status_goes_by_its_id() -> None:
    node = Node(Source.CRI)
    node.listing(["s"], {})
    node.cri(3, "s", pod="")
    (event,) = node.told()
    assert (event.type, event.pod) == (E.SANDBOX_REMOVED, "pod-s")
    assert not node.story.pods


def test_an_event_that_comes_after_the_removal_still_has_its_names() -> None:
    node = Node(Source.CRI)
    node.listing(["s"], {"c": 3})
    node.gone("c")
    node.cri(3, "c")
    (event,) = node.told()
    assert (event.type, event.container) == (E.CONTAINER_REMOVED, "c")


def test_unknown_event_types_and_broken_messages_are_counted_not_obeyed() -> None:
    node = Node(Source.CRI)
    node.listing(["s"], {})
    node.cri(77, "c")
    node._frame(Kind.EVENT_CRI, b"\xff\xff\xff")
    assert node.told() == []
    assert node.story.unreadable == 2


def test_a_resync_counts_what_no_event_announced() -> None:
    node = Node()
    node.listing(["s"], {"c": 2})
    node.listing(["s"], {"c": 3}, Flag.RESYNC)
    assert node.later(SETTLE_NS + S) == 1
    assert node.later(SETTLE_NS + S) == 0, "it is counted once"
    assert node.story.missed == 1


def test_an_event_that_was_on_its_way_is_not_missed() -> None:
    node = Node()
    node.listing(["s"], {"c": 2})
    node.listing(["s"], {"c": 3}, Flag.RESYNC)
    node.containerd("/tasks/exit", "c", exit_code=1)
    assert node.later(SETTLE_NS + S) == 0


def test_a_relist_tells_what_it_found_completed_by_look_ups() -> None:
    node = Node(Source.RELIST)
    node.listing(["s"], {"c": 2})
    node.container(status("c", 2, started_at=WALL))
    node.told()
    node.listing(["s"], {"c": 3, "d": 2}, Flag.RESYNC)
    assert node.told() == [], "the look-ups that say how and when are on their way"
    node.container(status("c", 3, started_at=WALL, finished_at=WALL + 9, exit_code=4))
    node.listing([], {}, Flag.RESYNC)
    node.gone("d")
    events = node.told()
    assert [(event.type, event.container) for event in events] == [
        (E.CONTAINER_DIED, "c"),
        (E.SANDBOX_REMOVED, ""),
        (E.CONTAINER_REMOVED, "c"),
        (E.CONTAINER_STARTED, "d"),
        (E.CONTAINER_REMOVED, "d"),
    ]
    assert (events[0].exit_code, events[0].created_at) == (4, WALL + 9)
    assert {event.source for event in events} == {Source.RELIST}
    assert node.later(SETTLE_NS + S) == 0, "a relist misses nothing that it was told"


def test_what_a_listing_leaves_out_is_looked_up_once_the_dead_first() -> None:
    node = Node()
    node.listing(["s"], {"run": 2, "dead": 3, "made": 1})
    assert list(node.story.details) == ["dead", "run"]
    node.story.details.clear()
    node.listing(["s"], {"run": 2, "dead": 3, "made": 1}, Flag.RESYNC)
    assert not node.story.details, "nothing is asked twice"


def test_a_container_that_stays_created_is_looked_at_again() -> None:
    node = Node()
    node.listing(["s"], {})
    node.containerd("/containers/create", "c")
    node.container(status("c", 1))
    node.story.collect()
    assert node.story.lingering
    node.story.look_at_lingering()
    assert list(node.story.details) == ["c"]
    node.container(status("c", 3, exit_code=128, reason="StartError", finished_at=9))
    node.story.collect()
    assert not node.story.lingering


def test_crio_tells_no_sandboxs_removal_so_a_stopped_one_is_looked_at_again() -> None:
    node = Node(Source.CRI, "cri-o")
    node.listing(["s"], {"c": 3})
    node.story.details.clear()
    node.cri(2, "s")
    node.story.collect()
    node.story.look_at_lingering()
    assert list(node.story.details) == ["s"]
    node.gone("s")
    assert not node.story.pods, "its containers went with it"
    assert node.later(SETTLE_NS + S) == 0


def test_what_nobody_takes_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pleg_tui.feed.telling.UNTAKEN", 100)
    node = Node()
    node.listing(["s"], {"c": 1})
    for turn in range(500):
        node.containerd("/tasks/start", "c", at=node.wall + turn)
    events = node.told()
    assert len(events) <= 100
    assert node.story.untaken + len(events) == 500
    assert events[-1].seq == 500, "the newest are kept"


def test_a_look_up_that_failed_is_asked_again_at_the_next_listing() -> None:
    node = Node()
    node.listing(["s"], {"dead": 3})
    node.story.details.clear()
    node._frame(Kind.ERROR, b'{"id":"dead","code":"DEADLINE_EXCEEDED","message":""}')
    node.listing(["s"], {"dead": 3}, Flag.RESYNC)
    assert list(node.story.details) == ["dead"]


def test_what_our_own_loss_or_a_reconnection_hid_was_not_missed() -> None:
    node = Node()
    node.listing(["s"], {"c": 2})
    node.listing(["s"], {"c": 3}, Flag.RESYNC | Flag.RECONNECT)
    node.story.connected(Source.CONTAINERD, "containerd", node.mono)
    node.listing(["s"], {"c": 3, "d": 2})
    assert node.later(SETTLE_NS + S) == 0


def test_events_whose_look_ups_came_too_late_were_not_missed() -> None:
    node = Node()
    node.listing(["s"], {})
    node.containerd("/containers/create", "c")
    node.containerd("/tasks/start", "c")
    node.later(HOLD_NS + S)
    node.listing(["s"], {"c": 2}, Flag.RESYNC)
    assert node.later(SETTLE_NS + S) == 0


def test_after_a_reconnection_a_relist_tells_what_changed_meanwhile() -> None:
    node = Node(Source.RELIST)
    node.listing(["s"], {"c": 1})
    node.told()
    node.story.connected(Source.RELIST, "containerd", node.mono)
    node.listing([], {}, Flag.RECONNECT)
    assert node.types() == [E.SANDBOX_REMOVED, E.CONTAINER_REMOVED]


def test_a_long_listing_is_told_of_only_when_it_is_whole() -> None:
    node = Node()
    containers = {f"c{n}": 2 for n in range(1000)}
    frame = Frame(Kind.LISTING, node.listed(["s"], containers), node.mono + 2, node.wall)
    turns = 0
    for _ in node.story.take_in(frame):
        turns += 1
        told = node.story.take()
        if told.changed:
            assert len(node.story.pods["u-s"].containers) == 1000
    assert turns > 10, "others had their turn meanwhile"
    assert len(node.story.pods["u-s"].containers) == 1000


def test_a_listing_that_cannot_be_read_to_its_end_changes_nothing() -> None:
    node = Node()
    node.listing(["s"], {"c": 2})
    node.told()
    whole = node.listed(["s", "t"], {f"c{n}": 2 for n in range(1000)})
    asked, first, second = frames.unpack_listing(whole)
    cut = frames.pack_listing(asked, first, second[:-3])
    node._frame(Kind.LISTING, cut, Flag.RESYNC)
    assert list(node.story.pods) == ["u-s"]
    assert node.story.unreadable == 1
    assert not node.story.take()


def test_very_much_is_told_in_parts_and_none_of_it_twice() -> None:
    node = Node()
    node.listing([f"s{n}" for n in range(1200)], {})
    seen: list[str] = []
    transitions = 0
    while node.story.news:
        told = node.story.take()
        assert len(told.changed) <= 500
        seen += told.changed
        transitions += len(told.transitions)
    assert sorted(seen) == sorted(node.story.pods)
    assert transitions == 1200
