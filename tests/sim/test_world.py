"""The world: same seed, same story; lives that only climb; something every second."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleg_tui.sim.objects import Happening, State, Step
from pleg_tui.sim.options import SCENARIOS, Options
from pleg_tui.sim.scenarios import Node, build
from pleg_tui.sim.world import SECOND, ConflictError, NotFoundError, World

BASE = 1_700_000_000 * SECOND


def make(
    scenario: str = "steady",
    seed: int = 1,
    pods: int = 20,
    churn: float = 1.0,
    speed: float = 5.0,
) -> tuple[World, list[Happening], Node]:
    world = World(seed, BASE)
    told: list[Happening] = []
    world.listeners.append(told.append)
    node = build(world, scenario, pods=pods, churn=churn, speed=speed, log_root="/logs")
    return world, told, node


def play(world: World, seconds: float) -> None:
    until = int(seconds * SECOND)
    while world.advance(until):
        pass


def story(told: list[Happening]) -> list[tuple[int, str, str]]:
    return [(h.at, h.step, h.id) for h in told]


def check_lives(told: list[Happening], here: set[str]) -> None:
    """Each id is told of once for each step, in the order of life, and never after its end."""
    order = {
        Step.SANDBOX_CREATED: 0,
        Step.SANDBOX_STARTED: 1,
        Step.SANDBOX_STOPPED: 2,
        Step.SANDBOX_REMOVED: 3,
        Step.CONTAINER_CREATED: 0,
        Step.CONTAINER_STARTED: 1,
        Step.CONTAINER_EXITED: 2,
        Step.CONTAINER_REMOVED: 3,
    }
    rank: dict[str, int] = {}
    for happening in told:
        if happening.step in order:
            place = order[happening.step]
            if place == 0:
                assert happening.id not in rank
                assert happening.id not in here
            assert rank.get(happening.id, -1) < place
            rank[happening.id] = place


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_one_seed_tells_one_story(scenario: str) -> None:
    stories = []
    for _ in range(2):
        world, told, _node = make(scenario, seed=7)
        play(world, 20)
        stories.append(story(told))
    assert stories[0] == stories[1]
    assert stories[0]


def test_the_story_does_not_hang_on_how_python_hashes() -> None:
    program = (
        "from pleg_tui.sim.world import World; from pleg_tui.sim.scenarios import build\n"
        "w, told = World(5, 0), []; w.listeners.append(told.append)\n"
        "build(w, 'steady', pods=9, churn=1, speed=5, log_root='/l')\n"
        "while w.advance(5 * 10**9): pass\n"
        "print([(h.at, h.step.value, h.id) for h in told])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert len(told.pop()) > 1000


def test_another_seed_tells_another_story() -> None:
    (first, told, _), (second, other, _) = make(seed=1), make(seed=2)
    play(first, 10)
    play(second, 10)
    assert story(told) != story(other)
    assert not set(first.sandboxes) & set(second.sandboxes)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_something_changes_every_second_and_the_node_stays_its_size(scenario: str) -> None:
    world, told, _node = make(scenario, pods=20)
    here = set(world.sandboxes) | set(world.containers)
    play(world, 120)
    times = [BASE, *(h.at for h in told if h.step is not Step.EXEC), BASE + 120 * SECOND]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert max(gaps) <= SECOND
    check_lives(told, here)
    # A job's pod stays a while; a storm has some hundreds of them at a time.
    assert len(world.sandboxes) < (200 if scenario == "storm" else 90)
    assert sum(s.ready for s in world.sandboxes.values()) >= 15


def test_a_storm_is_hundreds_of_changes_a_second() -> None:
    world, told, _node = make("storm")
    play(world, 20)
    assert len(told) / 20 > 200


def test_without_churn_nothing_happens() -> None:
    for scenario in SCENARIOS:
        world, told, _node = make(scenario, churn=0)
        play(world, 3600)
        assert told == []
        assert world.next_due is None


def test_a_crash_loop_backs_off_as_the_kubelet_does() -> None:
    world, told, _node = make("crashloop", speed=1.0)
    play(world, 900)
    crashing: dict[str, list[tuple[int, Step]]] = {}
    for happening in told:
        container = happening.container
        if container is None or container.name != "legacy":
            continue
        crashing.setdefault(container.sandbox.uid, []).append((happening.at, happening.step))
    waits = []
    for steps in crashing.values():
        ends = [at for at, step in steps if step is Step.CONTAINER_EXITED]
        starts = [at for at, step in steps if step is Step.CONTAINER_STARTED]
        for end in ends:
            following = [at for at in starts if at > end]
            if following:
                waits.append((following[0] - end) / SECOND)
    rising = waits[:6]
    assert [round(w, -1) for w in rising] == [0, 10, 20, 40, 80, 160]
    assert max(waits) < 302


def test_a_restart_is_a_new_container_and_one_dead_one_is_kept() -> None:
    world, _told, _node = make("crashloop", speed=20.0)
    play(world, 60)
    for sandbox in world.sandboxes.values():
        by_name: dict[str, list[int]] = {}
        for container in sandbox.containers.values():
            by_name.setdefault(container.name, []).append(container.attempt)
            assert container.annotations["io.kubernetes.container.restartCount"] == str(
                container.attempt
            )
        for attempts in by_name.values():
            assert len(attempts) <= 2
            assert len(set(attempts)) == len(attempts)
    assert max(c.attempt for c in world.containers.values()) >= 3


def test_out_of_memory_is_told_before_the_end() -> None:
    world, told, _node = make("oom")
    play(world, 60)
    killed = [h for h in told if h.step is Step.CONTAINER_OOM]
    assert killed
    for happening in killed:
        container = happening.container
        assert container is not None
        place = told.index(happening)
        assert told[place + 1].step is Step.CONTAINER_EXITED
        assert told[place + 1].id == happening.id
        assert (container.reason, container.exit_code) == ("OOMKilled", 137)


def test_jobs_are_often_shorter_than_a_second() -> None:
    world, told, _node = make("jobs")
    play(world, 120)
    lives = [
        h.container.finished_at - h.container.started_at
        for h in told
        if h.step is Step.CONTAINER_EXITED and h.container is not None
    ]
    assert sum(life < SECOND for life in lives) > 40


def test_a_rollout_replaces_every_pod_of_a_deployment() -> None:
    world, told, _node = make("rollout", pods=30)
    play(world, 300)
    hashes = {
        (s.labels["app.kubernetes.io/name"], s.labels.get("pod-template-hash"))
        for s in world.sandboxes.values()
        if s.ready and "pod-template-hash" in s.labels
    }
    created = {
        (h.sandbox.labels["app.kubernetes.io/name"], h.sandbox.labels.get("pod-template-hash"))
        for h in told
        if h.step is Step.SANDBOX_CREATED
    }
    assert len(created) >= 4
    assert hashes & created


def test_init_containers_have_ended_well_before_the_others_begin() -> None:
    world, _told, _node = make("steady", pods=40)
    play(world, 120)
    seen = 0
    for sandbox in world.sandboxes.values():
        for init in sandbox.containers.values():
            if init.name in ("migrate", "install-cni") and init.state is State.EXITED:
                others = [c for c in sandbox.containers.values() if c.name != init.name]
                assert init.exit_code == 0 or not sandbox.ready
                assert all(c.created_at >= init.finished_at for c in others)
                seen += 1
    assert seen


def test_pods_look_like_pods() -> None:
    world, _told, _node = make(pods=40)
    names = [s.name for s in world.sandboxes.values()]
    assert len(set(names)) == len(names)
    assert {"kube-system", "shop"} <= {s.namespace for s in world.sandboxes.values()}
    for container in world.containers.values():
        labels = container.labels
        assert len(container.id) == 64
        assert set(container.id) <= set("0123456789abcdef")
        assert labels["io.kubernetes.pod.name"] == container.sandbox.name
        assert labels["io.kubernetes.pod.uid"] == container.sandbox.uid
        assert labels["io.kubernetes.container.name"] == container.name
        assert container.log_path.startswith("/logs/")
        assert container.created_at <= container.started_at


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    scenario=st.sampled_from(SCENARIOS),
    pods=st.integers(0, 30),
    churn=st.floats(0, 5),
    speed=st.floats(0.5, 50),
)
def test_lives_only_climb_whatever_the_options(
    seed: int, scenario: str, pods: int, churn: float, speed: float
) -> None:
    world, told, _node = make(scenario, seed, pods, churn, speed)
    here = set(world.sandboxes) | set(world.containers)
    for _ in range(600):
        due = world.next_due
        if due is None:
            break
        world.advance(due)
    check_lives(told, here)
    for container in world.containers.values():
        assert container.sandbox.id in world.sandboxes
        assert container.id in container.sandbox.containers
    assert sorted(s.id for all_ in world.by_uid.values() for s in all_) == sorted(world.sandboxes)


def test_what_a_runtime_refuses() -> None:
    world = World(1, BASE)
    sandbox = world.run_sandbox(name="a", namespace="b", uid="c")
    container = world.create_container(sandbox, name="x", image_id="i", image_name="i")
    world.start_container(container)
    with pytest.raises(ConflictError, match="CONTAINER_RUNNING"):
        world.start_container(container)
    with pytest.raises(ConflictError, match="reserved"):
        world.create_container(sandbox, name="x", image_id="i", image_name="i")
    with pytest.raises(ConflictError, match="reserved"):
        world.run_sandbox(name="a", namespace="b", uid="c")
    with pytest.raises(NotFoundError):
        world.find_container("nothing")
    world.stop_sandbox(sandbox)
    with pytest.raises(ConflictError, match="not ready"):
        world.create_container(sandbox, name="y", image_id="i", image_name="i")
    with pytest.raises(ConflictError):
        world.exec(container)


def test_ids_resolve_by_a_unique_beginning() -> None:
    world, _told, _node = make()
    sandbox = next(iter(world.sandboxes.values()))
    assert world.find_sandbox(sandbox.id[:13]) is sandbox
    with pytest.raises(NotFoundError):
        world.find_sandbox("")


@pytest.mark.parametrize(
    "wrong",
    [
        {"flavour": "docker"},
        {"scenario": "calm"},
        {"pods": -1},
        {"pods": 10**6},
        {"churn": -0.1},
        {"speed": 0.0},
    ],
)
def test_options_that_make_no_sense_are_refused_in_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown|must be"):
        Options(**wrong)  # type: ignore[arg-type]
