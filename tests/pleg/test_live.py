"""The live state by example."""

from __future__ import annotations

from msgspec.structs import replace

from pleg_tui.model import Container, ContainerState, Sandbox, SandboxState, Transition
from pleg_tui.pleg.live import CONTAINERD, CRIO, HEARSAY_NS, NOTHING, Announced, LiveState, Missed

WEB = Sandbox("s1", "uid-1", "shop", "web", state=SandboxState.READY, created_at=100)
NGINX = Container(
    "c1",
    "s1",
    "nginx",
    state=ContainerState.RUNNING,
    image="nginx",
    created_at=110,
    pod_uid="uid-1",
    pod_name="web",
    pod_namespace="shop",
)


def listing(
    live: LiveState, *items: Sandbox | Container, asked: int, baseline: bool = False
) -> None:
    live.apply_listing(
        [item for item in items if isinstance(item, Sandbox)],
        [item for item in items if isinstance(item, Container)],
        asked=asked,
        mono=asked + 1,
        wall=asked + 1,
        baseline=baseline,
    )


def started(*items: Sandbox | Container) -> LiveState:
    """A program whose first listing, asked for at 1000, found these."""
    live = LiveState()
    listing(live, *items, asked=1000, baseline=True)
    live.take()
    return live


def event(live: LiveState, object_id: str, state: int, mono: int, *, at: int = 0) -> None:
    live.apply_event(
        object_id,
        is_sandbox=isinstance(state, SandboxState),
        state=state,
        at=at,
        mono=mono,
        wall=mono,
    )


def missed_steps(live: LiveState) -> list[tuple[str, int]]:
    return [(missed.id, missed.state) for missed in live.settle(10**18)]


# ---- what is shown ----


def test_a_status_that_comes_again_after_another_counts_by_arrival() -> None:
    live = started(WEB, NGINX)
    old, new = replace(NGINX, message="old"), replace(NGINX, log_path="new", message="new")
    ended = replace(new, state=ContainerState.EXITED, exit_code=0, message="new")
    killed = replace(ended, message="killed")
    for status in (old, new, ended, ended, killed, ended):
        live.apply_container(status, mono=2000, wall=2000)
    container = live.container("c1")
    assert container is not None
    assert (container.log_path, container.message) == ("new", "new")
    live.remove("c1", mono=3000, wall=3000)
    live.apply_container(ended, mono=4000, wall=4000)
    assert live.container("c1") is None, "what is removed stays so"


def test_the_first_listing_shows_every_pod_with_its_containers() -> None:
    live = LiveState()
    listing(live, WEB, NGINX, asked=1000, baseline=True)
    assert live.take()[0] == {"uid-1"}
    pod = live.pods["uid-1"]
    assert (pod.namespace, pod.name, pod.ready) == ("shop", "web", True)
    assert pod.containers == (NGINX,)
    assert pod.changed_at == 0, "it was like that before anybody looked"


def test_nothing_that_happens_to_one_pod_touches_another() -> None:
    other = Sandbox("s2", "uid-2", "shop", "db", state=SandboxState.READY)
    live = started(WEB, NGINX, other)
    before = live.pods["uid-2"]
    event(live, "c1", ContainerState.EXITED, 2000, at=1990)
    assert live.take() == (
        frozenset({"uid-1"}),
        frozenset(),
        (Transition("c1", "uid-1", False, 2, 3, 1990),),
    )
    assert live.pods["uid-2"] is before
    assert live.pods["uid-1"].changed_at == 2000


def test_a_pod_is_gone_with_its_last_part_and_not_before() -> None:
    live = started(WEB, NGINX)
    event(live, "s1", SandboxState.REMOVED, 2000)
    assert live.pods["uid-1"].sandbox is None
    assert live.pods["uid-1"].name == "web"
    event(live, "c1", ContainerState.REMOVED, 2001)
    assert live.take()[:2] == (frozenset(), frozenset({"uid-1"}))
    assert dict(live.pods) == {}
    assert live.names("c1") == ("uid-1", "shop", "web", "nginx")


def test_an_event_of_an_unknown_id_shows_nothing_until_its_pod_is_known() -> None:
    live = started()
    event(live, "c1", ContainerState.RUNNING, 2000, at=1999)
    event(live, "c1", ContainerState.EXITED, 2001, at=2000)
    assert dict(live.pods) == {}
    live.apply_container(NGINX, mono=2002, wall=2002)  # a look-up that is behind
    shown = live.pods["uid-1"].containers[0]
    assert (shown.name, shown.state, shown.finished_at) == ("nginx", ContainerState.EXITED, 2000)


def test_a_container_without_labels_joins_the_pod_of_its_sandbox() -> None:
    live = started()
    live.apply_container(
        Container("c1", "s1", "nginx", state=ContainerState.RUNNING), mono=2000, wall=2000
    )
    assert dict(live.pods) == {}
    live.apply_sandbox(Sandbox("s1", "", "", ""), mono=2001, wall=2001)
    assert [c.id for c in live.pods["s1"].containers] == ["c1"]
    live.apply_sandbox(WEB, mono=2002, wall=2002)
    assert list(live.pods) == ["uid-1"]
    assert [c.id for c in live.pods["uid-1"].containers] == ["c1"]
    assert live.take()[:2] == (frozenset({"uid-1"}), frozenset({"s1"}))


def test_a_container_stays_in_its_pod_when_its_sandbox_is_long_forgotten() -> None:
    bare = Container("c1", "s1", "nginx", state=ContainerState.RUNNING)
    live = started(WEB, bare)
    event(live, "s1", SandboxState.REMOVED, 2000)
    live.forget(2000 + 600 * 10**9)
    event(live, "c1", ContainerState.EXITED, 2001)
    assert live.pods["uid-1"].containers[0].state is ContainerState.EXITED


def test_attempts_are_sorted_newest_first() -> None:
    attempts = [
        replace(NGINX, id=f"c{n}", attempt=n, state=ContainerState.EXITED) for n in (1, 10, 2)
    ]
    live = started(WEB, replace(WEB, id="s2", attempt=1), replace(NGINX, id="a", name="app"))
    for container in attempts:
        live.apply_container(container, mono=2000, wall=2000)
    pod = live.pods["uid-1"]
    assert [s.id for s in pod.sandboxes] == ["s2", "s1"]
    assert [c.id for c in pod.containers] == ["a", "c10", "c2", "c1"]


# ---- what is believed ----


def test_a_message_that_is_behind_fills_gaps_and_changes_nothing_else() -> None:
    live = started(WEB, NGINX)
    live.apply_event(
        "c1",
        is_sandbox=False,
        state=ContainerState.EXITED,
        at=1990,
        mono=2000,
        wall=2000,
        exit_code=137,
    )
    behind = replace(NGINX, image="other", log_path="/var/log/0.log", started_at=120, exit_code=0)
    live.apply_container(behind, mono=2001, wall=2001)
    container = live.container("c1")
    assert container is not None
    assert (container.state, container.exit_code) == (ContainerState.EXITED, 137)
    assert (container.image, container.log_path, container.started_at) == (
        "nginx",
        "/var/log/0.log",
        120,
    )


def test_an_event_that_comes_late_does_not_replace_what_a_status_said_of_the_end() -> None:
    ended = replace(NGINX, state=ContainerState.EXITED, exit_code=137, finished_at=1990)
    live = started(WEB, NGINX)
    live.apply_container(ended, mono=2000, wall=2000)
    live.apply_event(
        "c1",
        is_sandbox=False,
        state=ContainerState.EXITED,
        at=1991,
        mono=2001,
        wall=2001,
        exit_code=255,
    )
    assert live.container("c1") == ended


def test_a_reason_that_the_runtime_learns_late_is_kept() -> None:
    ended = replace(NGINX, state=ContainerState.EXITED, exit_code=137, finished_at=1990)
    live = started(WEB, NGINX)
    for reason in ("Error", "OOMKilled", "Error"):
        live.apply_container(replace(ended, reason=reason), mono=2000, wall=2000)
    container = live.container("c1")
    assert container is not None
    assert container.reason == "OOMKilled"


def test_a_listing_does_not_wipe_what_a_status_said() -> None:
    live = started(WEB, NGINX)
    status = replace(NGINX, image="docker.io/library/nginx:1", started_at=120, log_path="/x")
    live.apply_container(status, mono=2000, wall=2000)
    live.take()
    listing(live, WEB, replace(NGINX, image="sha256:1234"), asked=3000)
    assert live.container("c1") == status
    assert live.take() == (frozenset(), frozenset(), ()), "and so nothing is drawn anew"


def test_a_listing_removes_only_what_was_known_before_it_was_asked_for() -> None:
    live = started(WEB, NGINX)
    young = replace(NGINX, id="c2", name="young")
    live.apply_container(young, mono=2000, wall=2000)
    listing(live, WEB, asked=2000)
    assert live.container("c1") is None
    assert live.container("c2") == young


def test_nothing_comes_back_from_its_tombstone() -> None:
    live = started(WEB, NGINX)
    event(live, "c1", ContainerState.REMOVED, 2000)
    live.take()
    event(live, "c1", ContainerState.RUNNING, 2001)
    live.apply_container(NGINX, mono=2002, wall=2002)
    listing(live, WEB, NGINX, asked=1999)
    assert live.take() == (frozenset(), frozenset(), ())
    assert live.container("c1") is None
    assert live.is_sandbox("c1") is False
    live.forget(2000 + 600 * 10**9)
    assert live.is_sandbox("c1") is None


def test_a_container_that_the_cri_does_not_know_yet_is_not_taken_for_gone() -> None:
    # containerd announces a sandbox up to a second before its CRI lists it.
    live = started()
    event(live, "s1", SandboxState.READY, 2000)
    live.remove("s1", mono=2001, wall=2001)
    listing(live, asked=2002)
    live.apply_sandbox(WEB, mono=2003, wall=2003)
    assert live.pods["uid-1"].sandbox == WEB


def test_what_the_cri_never_lists_is_dropped_after_a_while() -> None:
    live = started()
    event(live, "not-a-pod", ContainerState.RUNNING, 2000)
    listing(live, asked=2000 + HEARSAY_NS)
    assert live.is_sandbox("not-a-pod") is False
    listing(live, asked=2001 + HEARSAY_NS)
    assert live.is_sandbox("not-a-pod") is None
    assert missed_steps(live) == []


def test_a_sandbox_that_an_event_took_for_a_container_is_set_right() -> None:
    live = started()
    event(live, "s1", ContainerState.EXITED, 2000)
    live.apply_sandbox(WEB, mono=2001, wall=2001)
    sandbox = live.sandbox("s1")
    assert sandbox is not None
    assert sandbox.state is SandboxState.NOTREADY
    assert live.container("s1") is None
    event(live, "s1", ContainerState.REMOVED, 2002)
    assert dict(live.pods) == {}


# ---- what was missed ----


def test_a_death_that_no_event_announced_is_missed_once() -> None:
    live = started(WEB, NGINX)
    listing(live, WEB, replace(NGINX, state=ContainerState.EXITED), asked=5000)
    assert live.settle(5001) == (), "an event may still be on its way"
    assert live.settle(5002) == (
        Missed("c1", False, ContainerState.EXITED, "uid-1", "shop", "web", "nginx"),
    )
    listing(live, WEB, replace(NGINX, state=ContainerState.EXITED), asked=6000)
    assert missed_steps(live) == []


def test_an_event_that_comes_after_the_listing_but_before_the_account_is_not_missed() -> None:
    live = started(WEB, NGINX)
    listing(live, WEB, replace(NGINX, state=ContainerState.EXITED), asked=5000)
    event(live, "c1", ContainerState.EXITED, 5003)
    assert missed_steps(live) == []


def test_a_removal_that_nobody_announced_counts_with_the_end_before_it() -> None:
    live = started(WEB, NGINX)
    listing(live, asked=5000)
    assert missed_steps(live) == [
        ("s1", SandboxState.NOTREADY),
        ("s1", SandboxState.REMOVED),
        ("c1", ContainerState.EXITED),
        ("c1", ContainerState.REMOVED),
    ]


def test_what_a_look_up_finds_gone_is_missed_like_what_a_listing_finds_gone() -> None:
    live = started(WEB, NGINX)
    event(live, "c1", ContainerState.EXITED, 2000)
    live.remove("c1", mono=2001, wall=2001)
    assert missed_steps(live) == [], "no listing has asked yet"
    listing(live, WEB, asked=5000)
    assert missed_steps(live) == [("c1", ContainerState.REMOVED)]


def test_a_removal_that_is_announced_after_the_look_up_found_it_is_none() -> None:
    live = started(WEB)
    event(live, "c1", ContainerState.CREATED, 2000)
    live.apply_container(NGINX, mono=2001, wall=2001)
    live.remove("c1", mono=2002, wall=2002)
    event(live, "c1", ContainerState.REMOVED, 2003)
    listing(live, WEB, asked=5000)
    assert missed_steps(live) == [], "as if the event had been the first to tell"


def test_the_confirming_second_look_counts_nothing() -> None:
    live = started(WEB, NGINX)
    live.remove("c1", mono=1500, wall=1500)
    listing(live, asked=2000, baseline=True)
    listing(live, asked=5000)
    assert missed_steps(live) == []


def test_a_baseline_excuses_only_what_it_shows() -> None:
    live = LiveState()
    live.apply_container(replace(NGINX, state=ContainerState.EXITED), mono=1001, wall=1001)
    listing(live, WEB, NGINX, asked=1000, baseline=True)  # it was asked for before the exit
    listing(live, WEB, replace(NGINX, state=ContainerState.EXITED), asked=5000)
    assert missed_steps(live) == [("c1", ContainerState.EXITED)]


def test_a_whole_life_that_only_a_listing_tells_is_missed_step_by_step() -> None:
    live = started(WEB)
    listing(live, WEB, replace(NGINX, state=ContainerState.EXITED), asked=5000)
    assert missed_steps(live) == [
        ("c1", ContainerState.CREATED),
        ("c1", ContainerState.RUNNING),
        ("c1", ContainerState.EXITED),
    ]


def test_cri_o_never_announces_a_sandboxs_removal_so_none_is_missed() -> None:
    live = LiveState(coverage=CRIO)
    listing(live, WEB, asked=1000, baseline=True)
    event(live, "s1", SandboxState.NOTREADY, 2000)
    listing(live, asked=5000)
    assert missed_steps(live) == []


def test_what_a_polling_source_found_is_no_miss_of_the_event_stream_that_follows() -> None:
    live = LiveState(coverage=NOTHING)
    listing(live, WEB, asked=1000, baseline=True)
    listing(live, WEB, NGINX, asked=2000)
    live.coverage = CONTAINERD
    listing(live, WEB, replace(NGINX, state=ContainerState.EXITED), asked=5000)
    assert missed_steps(live) == [("c1", ContainerState.EXITED)]


def test_a_container_that_never_started_missed_no_start() -> None:
    live = started(WEB)
    failed = replace(NGINX, state=ContainerState.EXITED, exit_code=128, reason="StartError")
    listing(live, WEB, replace(NGINX, state=ContainerState.EXITED), asked=5000)
    live.apply_container(failed, mono=5005, wall=5005)
    assert missed_steps(live) == [
        ("c1", ContainerState.CREATED),
        ("c1", ContainerState.EXITED),
    ]


def test_one_knows_which_steps_were_announced() -> None:
    live = started(WEB)
    event(live, "c1", ContainerState.RUNNING, 2000)
    assert live.announced("s1") == Announced.RUNNING
    assert live.announced("c1") == Announced.RUNNING
    assert live.announced("nobody") == Announced.NONE
