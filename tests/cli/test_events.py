"""`pleg-tui events`: a line each, in order, with everything that happened to the stream."""

import time

import pytest
from msgspec.structs import replace

from pleg_tui.feed.types import Health, Notice, Phase, SourceChoice
from pleg_tui.model import EventType, Source
from tests.cli.conftest import Run
from tests.cli.fakes import RUNTIME, T0, FakeFeed, container, event, events, live, pod

CONNECTED = Notice("connected", T0, Source.CONTAINERD)


def test_a_line_each_with_its_lag(run: Run) -> None:
    died = event(2, EventType.CONTAINER_DIED, exit_code=137, reason="OOMKilled")
    ended = run("events", "-n", "2", feed=FakeFeed(deltas=[events(event(1), died)]))
    assert ended.code == 0
    title, heading, first, second = ended.lines
    assert title == "-- containerd v2.1.9 at unix:///fake.sock"
    assert heading.split() == [
        "SEQ", "TIME", "EVENT", "NAMESPACE", "POD", "CONTAINER", "ID", "LAG", "DETAIL",
    ]  # fmt: skip
    assert first.split()[-4:] == ["app", "c-1".ljust(13, "0"), "1.5", "ms"]
    assert second.endswith("exit 137 OOMKilled")
    assert heading.index("LAG") == first.index("1.5 ms")


def test_json_has_the_promised_keys(run: Run) -> None:
    ended = run("events", "-o", "json", "--count", "1", feed=FakeFeed(deltas=[events(event(7))]))
    assert ended.objects == [
        {
            "schema": "pleg-tui/event/v1",
            "simulated": False,
            "seq": 7,
            "type": "ContainerStarted",
            "source": "containerd",
            "created_at": "2023-11-14T22:13:20.007000000Z",
            "received_at": "2023-11-14T22:13:20.008500000Z",
            "lag_ms": 1.5,
            "replayed": False,
            "namespace": "default",
            "pod": "web",
            "pod_uid": "uid-web",
            "container": "app",
            "container_id": "c-7".ljust(64, "0"),
            "exit_code": None,
            "reason": None,
        }
    ]


def test_what_is_unknown_is_null_and_a_dash(run: Run) -> None:
    bare = event(1, created_at=0, namespace="", pod="", pod_uid="", container="")
    feed = FakeFeed(deltas=[events(bare)])
    (told,) = run("events", "-o", "json", "-n1", feed=feed).objects
    for key in ("created_at", "lag_ms", "namespace", "pod", "pod_uid", "container", "reason"):
        assert told[key] is None, key
    feed.deltas = [events(bare)]
    cells = run("events", "-n1", feed=feed).lines[-1].split()
    assert cells[1].startswith("~") or cells[2].startswith("~")
    assert cells.count("-") == 4


def test_the_streams_own_story_stands_between_the_events(run: Run) -> None:
    lost = Notice("lost", T0 + 2_600_000, Source.CONTAINERD, error="the event stream ended")
    resynced = Notice("resynced", T0 + 3_000_000, Source.CONTAINERD, lost=3, missed=2)
    delta = events(event(1), event(2), notices=(CONNECTED, lost, resynced))
    told = run("events", "-o", "json", "-n2", feed=FakeFeed(deltas=[delta])).objects
    assert [each.get("state") or each["seq"] for each in told] == [
        "connected", 1, "lost", "resynced", 2,
    ]  # fmt: skip
    assert told[0] == {
        "type": "stream",
        "state": "connected",
        "source": "containerd",
        "lost": 0,
        "missed": 0,
        "error": None,
    }
    assert told[2]["error"] == "the event stream ended"
    assert (told[3]["lost"], told[3]["missed"]) == (3, 2)


def test_replayed_events_are_told_only_when_asked_for(run: Run) -> None:
    old = event(1, replayed=True)
    feed = FakeFeed(deltas=[events(old, event(2))])
    assert [o["seq"] for o in run("events", "-ojson", "-n1", feed=feed).objects] == [2]
    feed.deltas = [events(old, event(2))]
    first, _ = run("events", "-ojson", "-n2", "-a", feed=feed).objects
    assert (first["seq"], first["replayed"], first["lag_ms"]) == (1, True, None)
    feed.deltas = [events(old)]
    assert "replayed" in run("events", "-n1", "-a", feed=feed).lines[-1]


def test_count_is_not_passed(run: Run) -> None:
    feed = FakeFeed(deltas=[events(*(event(seq) for seq in range(1, 10)))])
    assert len(run("events", "-q", "-n", "3", feed=feed).lines) == 3


def test_duration_ends_it(run: Run) -> None:
    ended = run("events", "--duration", "50ms", feed=FakeFeed(deltas=[events(event(1))]))
    assert ended.code == 0
    assert len(ended.lines) == 3


def test_quiet_prints_only_whole_ids(run: Run) -> None:
    feed = FakeFeed(deltas=[events(event(1), notices=(CONNECTED,))])
    ended = run("events", "-q", "-n1", feed=feed)
    assert ended.lines == ["c-1".ljust(64, "0")]
    assert "connected" in ended.err


@pytest.mark.parametrize(
    ("arguments", "seqs"),
    [
        (["--state", "exited"], [2]),
        (["--state", "ready"], [3]),
        (["--name", "^app$"], [1, 2]),
        (["--name", "^db$"], [3]),
        (["--namespace", "kube"], [3]),
        (["--label", "tier=front"], [1, 2]),
        (["--label", "tier=back"], []),
        (["-p", "uid-web"], [1, 2]),
        (["-p", "s-web"], [1, 2]),
        (["-p", "s-db"], [3]),
        (["-p", "db"], [3]),
    ],
)
def test_filters(run: Run, arguments: list[str], seqs: list[int]) -> None:
    web = pod("web", container("app"), labels={"tier": "front"})
    started = event(
        3, EventType.SANDBOX_STARTED, pod="db", pod_uid="uid-db", namespace="kube", container="",
        container_id="s-db".ljust(64, "0"),
    )  # fmt: skip
    told = events(
        event(1), event(2, EventType.CONTAINER_DIED), started, changed=frozenset({web.uid})
    )
    feed = FakeFeed(pods={web.uid: web}, deltas=[told])
    ended = run("events", "-o", "json", "--duration", "20ms", *arguments, feed=feed)
    assert [each["seq"] for each in ended.objects] == seqs


def test_labels_are_known_for_a_while_after_the_pod_is_gone(run: Run) -> None:
    web = pod("web", labels={"tier": "front"})
    feed = FakeFeed(pods={web.uid: web})
    feed.deltas = [
        events(event(1), changed=frozenset({web.uid})),
        events(event(2), removed=frozenset({web.uid})),
    ]
    take = feed.take

    def take_and_forget():  # type: ignore[no-untyped-def]
        if len(feed.deltas) == 1:
            feed.pods = {}
        return take()

    feed.take = take_and_forget  # type: ignore[method-assign]
    ended = run("events", "-o", "json", "-n2", "--label", "tier=front", feed=feed)
    assert [each["seq"] for each in ended.objects] == [1, 2]


def test_a_warning_is_said_once(run: Run) -> None:
    feed = FakeFeed(
        deltas=[events(event(1), health=True), events(event(2), health=True)],
        healths=[live(warning="it may take the kubelet's events")],
    )
    ended = run("events", "-q", "-n2", feed=feed)
    assert ended.err.count("warning: it may take the kubelet's events") == 1


def test_the_source_that_was_asked_for_is_passed_on(run: Run) -> None:
    for arguments in (["--source", "cri", "events"], ["events", "--source", "cri"]):
        feed = FakeFeed(deltas=[events(event(1))])
        run(*arguments, "-n1", feed=feed)
        assert feed.settings.source is SourceChoice.CRI


def test_a_simulated_runtime_is_called_so_in_every_line(run: Run) -> None:
    feed = FakeFeed(deltas=[events(event(1), health=True)], healths=[live(simulated=True)])
    assert run("events", "-ojson", "-n1", feed=feed).objects[0]["simulated"] is True
    feed.deltas = [events(event(1))]
    assert run("events", "-n1", feed=feed).lines[0].startswith("-- SIMULATED ")


def test_no_answer_ends_with_3_unless_it_is_to_wait(run: Run) -> None:
    refused = Health(Phase.CONNECTING, error="the runtime cannot be reached: refused")
    ended = run("events", feed=FakeFeed(healths=[Health(), refused, live()]))
    assert ended.code == 3
    assert ended.err == "pleg-tui: the runtime cannot be reached: refused\n"
    feed = FakeFeed(
        healths=[Health(), refused, live()], deltas=[events(), events(), events(event(1))]
    )
    ended = run("events", "--wait", "-n1", feed=feed)
    assert ended.code == 0
    assert "waiting: the runtime cannot be reached: refused" in ended.err


def test_a_relist_model_tells_of_each_event_what_polling_would_have_seen(run: Run) -> None:
    # The model's grid begins when the command does, so these events are of now.
    now = time.time_ns() + 1_000_000_000
    created = replace(event(1, EventType.CONTAINER_CREATED), created_at=now, received_at=now)
    started = replace(event(2), container_id=created.container_id, created_at=now, received_at=now)
    feed = FakeFeed(deltas=[events(created, started)])
    told = run("events", "-o", "json", "-n2", "--relist-model", feed=feed).objects
    verdicts = [each for each in told if each.get("type") == "relist"]
    assert [each["seqs"] for each in verdicts] == [[2], [1]]
    assert [each["seen"] for each in verdicts] == [True, False]
    assert 0 <= verdicts[0]["after_ms"] < 1000
    assert verdicts[1]["after_ms"] is None


def test_a_relist_model_of_a_relist_is_refused_politely(run: Run) -> None:
    feed = FakeFeed(deltas=[events(event(1, source=Source.RELIST))], healths=[live(Source.RELIST)])
    ended = run("events", "-n1", "-ojson", "--relist-model", feed=feed)
    assert len(ended.objects) == 1
    assert "not events" in ended.err


def test_the_runtime_is_named_once_it_is_known(run: Run) -> None:
    healths = [Health(), Health(Phase.CONNECTING), Health(Phase.LIVE, RUNTIME, Source.CRI)]
    ended = run("events", "--duration", "20ms", feed=FakeFeed(healths=healths))
    assert ended.lines[0].startswith("-- containerd v2.1.9")
