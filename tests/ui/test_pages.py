"""Details, the raw answer and their failures, as a user meets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleg_tui.ui.content.details import (
    container_sections,
    env_pairs,
    pod_sections,
    section_lines,
)
from pleg_tui.ui.content.glyphs import UNICODE
from pleg_tui.ui.content.json_tree import JsonTree
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import T0, FakeFeed, S, container, exited, pod

ENDED = exited("worker", 137, ago=12, reason="OOMKilled", message="out of memory",
               started_at=T0 - 72 * S, id="e" * 64)  # fmt: skip
ANSWER: dict[str, Any] = {
    "status": {
        "image": {"image": "registry.example/worker:2"},
        "image_ref": "registry.example/worker@sha256:1234",
        "labels": {"app": "shop", "io.kubernetes.pod.name": "web"},
        "annotations": {"note": "a [red]note[/]"},
        "mounts": [{"container_path": "/data", "host_path": "/var/lib/data", "readonly": True}],
        "resources": {"linux": {"memory_limit_in_bytes": "268435456", "cpu_quota": "50000",
                                "cpu_period": "100000", "cpu_shares": "512"}},
        "log_path": "/var/log/pods/shop/0.log",
    },
    "info": {"config": {"envs": [{"key": "PASSWORD", "value": "hunter2"}]},
             "runtimeSpec": {"process": {"env": ["PATH=/bin", "PASSWORD=hunter2"]}}},
}  # fmt: skip


async def test_all_about_a_container(
    opened: Opener, same_grid: Callable[[Stage, str], None]
) -> None:
    feed = FakeFeed(answers={ENDED.id: ANSWER})
    async with opened(pod("web", ENDED, namespace="shop"), feed=feed, size=(100, 50)) as stage:
        await stage.press("j", "d")
        assert feed.asked == [("container", ENDED.id, True)]
        same_grid(stage, "details-100x50")
        assert "PASSWORD" in stage.text()
        assert "hunter2" not in stage.text()
        assert "256 MiB" in stage.text()
        assert "OOMKilled (exit 137)" in stage.text()
        await stage.press("y")
        await stage.press("G")
        assert "runtimeSpec" in stage.text()
        await stage.press("escape")
        assert "PASSWORD" in stage.text()
        await stage.press("q")
        assert "▎Pods" in stage.text()


async def test_all_about_a_pod(opened: Opener) -> None:
    async with opened(pod("web", ENDED, container("app"), labels={"a": "b"})) as stage:
        await stage.press("enter")
        assert stage.feed.asked == [("sandbox", "sandbox-of-web", True)]
        assert "10.0.0.7" in stage.text()
        assert "1 of 2 run" in stage.text()
        assert "OOMKilled (exit 137)" in stage.line("   worker")


async def test_a_look_up_that_fails_leaves_what_is_known(opened: Opener) -> None:
    feed = FakeFeed(answers={ENDED.id: "the runtime did not answer within 8 s"})
    async with opened(pod("web", ENDED), feed=feed) as stage:
        await stage.press("j", "d")
        assert "Only what is known here is shown: the runtime did not answer" in stage.text()
        assert "OOMKilled (exit 137)" in stage.text()
        await stage.press("escape", "y")
        assert "the runtime did not answer within 8 s" in stage.text()
        feed.answers[ENDED.id] = ANSWER
        await stage.press("r")
        assert "image_ref: " in stage.text()


async def test_details_follow_the_container_until_after_its_end(opened: Opener) -> None:
    up = container("app")
    async with opened(pod("web", up)) as stage:
        await stage.press("j", "d")
        assert "running" in stage.line("state")
        down = exited("app", 3, id=up.id)
        stage.feed.put(pod("web", down, version=2))
        await stage.settle()
        assert "error" in stage.line("state")
        assert len(stage.feed.asked) == 2
        stage.feed.drop("web")
        await stage.settle()
        assert "gone; this is what was last known" in stage.text()
        assert "exit 3" in stage.text()


async def test_an_events_details_are_those_of_its_container(opened: Opener) -> None:
    from tests.ui.fakes import event

    app = container("app", id="c" * 64)
    async with opened(pod("web", container("other"), app)) as stage:
        stage.feed.happen(event(1), event(2, pod="gone"))
        await stage.settle()
        stage.app.live.events.focus()
        await stage.press("enter")
        assert "gone; this is what was last known" in stage.text()
        await stage.press("escape", "k", "enter")
        assert stage.feed.asked == [("container", app.id, True)]


def test_the_attempt_before_is_told_as_well() -> None:
    new = container("app", attempt=1, restarts=1, id="n" * 64)
    old = exited("app", 1, id="o" * 64)
    sections = dict(container_sections(new, pod("p", new, old), None, T0))
    last = dict(sections["Last state (the attempt before)"])
    assert last["id"] == ("o" * 64, "")
    assert last["exit code"] == ("1", "")
    assert last["ended"][0] == "exit 1"


def test_the_names_of_variables_come_from_wherever_the_runtime_has_them() -> None:
    assert env_pairs({"info": {"config": ANSWER["info"]["config"]}}) == [("PASSWORD", "hunter2")]
    assert env_pairs(ANSWER) == [("PATH", "/bin"), ("PASSWORD", "hunter2")]
    assert env_pairs({"info": {"runtimeSpec": {"process": {"env": ["A=1=2", "B"]}}}}) == [
        ("A", "1=2"),
        ("B", ""),
    ]
    assert env_pairs({"info": {"info": {"config": {"envs": [{"key": "A"}]}}}}) == [("A", "")]
    assert env_pairs({"info": "text"}) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["status", "info"]), JSON))
def test_an_answer_of_any_shape_is_survived(answer: dict[str, Any]) -> None:
    c = replace(ENDED, pod_uid="web")
    p = pod("web", c)
    section_lines(container_sections(p.containers[0], p, answer, T0))
    section_lines(pod_sections(p, answer, T0))
    tree = JsonTree(answer)
    assert all(tree.line(p, 40, UNICODE) for p in range(len(tree.nodes)))


@given(st.dictionaries(st.sampled_from(["mounts", "resources", "labels", "image"]), JSON))
def test_a_status_of_any_shape_is_survived(status: dict[str, Any]) -> None:
    p = pod("web", ENDED)
    section_lines(container_sections(p.containers[0], p, {"status": status}, T0))
    section_lines(pod_sections(p, {"status": status}, T0))
