"""The raw answer as a tree, and the processes, as a user meets them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.processes import Process, Processes
from pleg_tui.ui.content.glyphs import UNICODE
from pleg_tui.ui.content.json_tree import JsonTree
from pleg_tui.ui.content.process_lines import branches, shares, size
from pleg_tui.ui.content.secrets import masked, masked_text
from pleg_tui.ui.content.text import width_of
from pleg_tui.ui.screens import processes
from pleg_tui.ui.screens.raw import nested_json
from tests.ui.conftest import Opener, until
from tests.ui.fakes import FakeFeed, container, pod

APP = container("app", id="a" * 64)
ANSWER: dict[str, Any] = {
    "status": {
        "id": "abc",
        "labels": {"app.kubernetes.io/name": "shop", "plain": "[red]x[/]"},
        "annotations": {"last": '{"spec": {"x": "\\u001b[31m\\u202e"}}'},
        "long": "w" * 300,
    },
    "info": {"list": [1, None, True, {"deep": "needle"}], "empty": {}},
}


async def test_a_tree_folds_and_is_searched(opened: Opener) -> None:
    feed = FakeFeed(answers={APP.id: ANSWER})
    async with opened(pod("web", APP), feed=feed) as stage:
        await stage.press("j", "y")
        assert '   id: "abc"' in stage.text()
        assert stage.line('plain: "[red]x[/]"')
        assert stage.grid()[-2].strip() == ".status"
        await stage.press("left")
        assert "▸ status: {4 keys}" in stage.text()
        assert '"abc"' not in stage.text()
        await stage.press("slash")
        await stage.type("shop")
        await stage.press("enter")
        assert "match 1 of 1" in stage.text()
        assert stage.grid()[-2].strip() == '.status.labels["app.kubernetes.io/name"]'
        await stage.press("c")
        assert stage.app.clipboard == "shop"
        await stage.press("C")
        assert stage.app.clipboard == '.status.labels["app.kubernetes.io/name"]'
        await stage.press("slash")
        await stage.type("e")
        await stage.press("enter", "n", "N", "escape")
        assert "match" not in stage.text()
        await stage.press("z")
        assert stage.text().count("▸") == 2
        await stage.press("G", "right", "right", "right")
        assert stage.grid()[-2].strip() == ".info.list"
        await stage.press("r")
        assert stage.grid()[-2].strip() == ".info.list"
        assert "▸ status" in stage.text()


async def test_a_value_is_opened_whole(opened: Opener) -> None:
    feed = FakeFeed(answers={APP.id: ANSWER})
    async with opened(pod("web", APP), feed=feed, size=(80, 24)) as stage:
        await stage.press("j", "y", "slash")
        await stage.type("wwww")
        await stage.press("enter", "enter")
        assert stage.text().count("w") == 300
        await stage.press("escape", "slash")
        await stage.type("last")
        await stage.press("enter", "enter")
        assert "JSON in" in stage.text()
        assert 'x: "^[[31m\ufffd"' in stage.text()
        await stage.press("escape", "Y")
        assert '"needle"' in stage.app.clipboard


async def test_values_of_variables_are_shown_when_asked_for(opened: Opener) -> None:
    answer = {"info": {"runtimeSpec": {"process": {"env": ["TOKEN=hunter2"], "args": ["run"]}}}}
    feed = FakeFeed(answers={APP.id: answer})
    async with opened(pod("web", APP), feed=feed, size=(80, 24)) as stage:
        await stage.press("j", "d")
        assert "hunter2" not in stage.text()
        await stage.press("v")
        assert "hunter2" in stage.line("TOKEN")
        assert "may be secrets" in stage.text()
        await stage.press("v")
        assert "hunter2" not in stage.text()


LAST_APPLIED = json.dumps(
    {"spec": {"containers": [{"name": "c", "env": [{"name": "PW", "value": "hunter2"}]}]}}
)
SECRETIVE = {
    "status": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": LAST_APPLIED}},
    "info": {
        "config": {"envs": [{"key": "PW", "value": "hunter2"}]},
        "runtimeSpec": {"process": {"env": ["PW=hunter2", "EMPTY"], "args": ["run"]}},
        "image": '{"config": {"Env": ["PW=hunter2"]}}',
    },
}


async def test_the_raw_answer_hides_values_until_asked(opened: Opener) -> None:
    """Hidden, they are found by no search, opened by no enter and copied by no key."""
    feed = FakeFeed(answers={APP.id: SECRETIVE})
    async with opened(pod("web", APP), feed=feed, size=(120, 40)) as stage:
        await stage.press("j", "y")
        assert "PW=(value not shown)" in stage.text()
        assert "hunter2" not in stage.text()
        await stage.press("slash")
        await stage.type("hunter2")
        await stage.press("enter")
        assert "nothing found" in stage.text()
        await stage.press("escape", "Y")
        assert "hunter2" not in stage.app.clipboard
        assert "PW=(value not shown)" in stage.app.clipboard
        await stage.press("slash")
        await stage.type("last-applied")
        await stage.press("enter", "enter")
        assert "JSON in" in stage.text()
        await stage.press("Y")
        assert '"PW"' in stage.app.clipboard
        assert "hunter2" not in stage.app.clipboard
        await stage.press("escape", "escape", "v")
        assert "PW=hunter2" in stage.text()
        assert "may be secrets" in stage.text()
        await stage.press("Y")
        assert stage.app.clipboard.count("hunter2") == 4
        await stage.press("v")
        assert "hunter2" not in stage.text()


async def test_annotations_of_a_pod_hide_values_until_asked(opened: Opener) -> None:
    seen = pod("web", APP)
    assert seen.sandbox is not None
    feed = FakeFeed(answers={seen.sandbox.id: SECRETIVE, APP.id: SECRETIVE})
    async with opened(seen, feed=feed, size=(120, 40)) as stage:
        for keys in (("d",), ("escape", "j", "d")):
            await stage.press(*keys)
            await stage.press("G")
            assert "last-applied" in stage.text()
            assert "hunter2" not in stage.text()
            await stage.press("v", "G")
            assert "hunter2" in stage.text()
            await stage.press("v")


ENV = st.lists(
    st.one_of(
        st.text(alphabet="abc", min_size=1).map(lambda name: f"{name}=hunter2"),
        st.text(alphabet="abc").map(lambda name: {"name": name, "value": "hunter2"}),
    ),
    min_size=1,
)


@given(ENV, st.sampled_from(["env", "envs", "Env"]), st.integers(0, 5), st.booleans())
def test_no_depth_nor_wrapping_uncovers_a_value(
    env: list[Any], name: str, depth: int, as_text: bool
) -> None:
    data: Any = {name: env}
    for level in range(depth):
        data = [data] if level % 2 else {"x": data}
        if as_text:
            data = {"annotation": json.dumps(data)}
    assert "hunter2" not in json.dumps(masked(data))
    whole = json.dumps({"x": data})
    for end in range(0, len(whole), 7):
        assert "hunter2" not in masked_text(whole[:end])


def test_what_holds_no_values_stays_as_it_is() -> None:
    pieces: tuple[Any, ...] = (
        {"environmental": ["a=b"], "x": "[env] a=b"},
        {"env": []},
        "env",
        [],
        None,
    )
    for data in pieces:
        assert masked(data) is data


def test_a_large_answer_begins_folded() -> None:
    tree = JsonTree({"a": {"b": [{"n": n} for n in range(5000)]}, "c": 1})
    assert len(tree.visible) < 10
    (place,) = tree.find("4321")
    assert tree.path(place) == ".a.b[4321].n"
    shown = tree.reveal(place)
    assert tree.visible[shown] == place


def test_depth_does_no_harm() -> None:
    data: Any = []
    for _ in range(900):
        data = [data]
    tree = JsonTree({"x": data})
    assert len(tree.nodes) < 400
    assert nested_json("[" * 100_000) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@given(JSON, JSON, st.data())
def test_a_tree_holds_together(data: Any, other: Any, choose: st.DataObject) -> None:
    tree = JsonTree(data, open_lines=3)
    for _ in range(5):
        if not tree.nodes:
            return
        place = choose.draw(st.integers(0, len(tree.nodes) - 1))
        tree.fold(place, choose.draw(st.booleans()))
        assert tree.visible == sorted(set(tree.visible))
        shown = tree.reveal(place)
        assert tree.visible[shown] == place
        width = choose.draw(st.integers(40, 90))
        assert sum(width_of(t) for t, _ in tree.line(place, width, UNICODE)) <= width + 30
    same = JsonTree(data, open_lines=3)
    assert same.resemble(tree, place) == place
    assert same.visible == tree.visible
    different = JsonTree(other)
    if different.nodes:
        assert 0 <= different.resemble(tree, place) < len(different.nodes)


# -- processes


def process(pid: int, ppid: int, depth: int, **more: Any) -> Process:
    plain = {"uid": 0, "user": "root", "state": "S", "cpu_ns": 10**9, "rss": 5 << 20,
             "threads": 1, "command": f"program-{pid} [red]x[/]"}  # fmt: skip
    return Process(pid=pid, ppid=ppid, depth=depth, **{**plain, **more})


async def test_processes_are_a_tree(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Processes((process(7, 1, 0), process(8, 7, 1), process(9, 8, 2, state="D"),
                       process(10, 7, 1, user="www")), 4)  # fmt: skip
    looks: list[Processes] = [found]
    monkeypatch.setattr(processes.ProcessScreen, "_look", lambda self: looks[-1])
    async with opened(pod("web", APP)) as stage:
        await stage.press("j", "x")
        await until(stage, "program-10")
        assert "├ program-8 [red]x[/]" in stage.text()
        assert "  └ program-9" in stage.line("disk sleep")
        assert "└ program-10" in stage.line("www")
        assert "4 processes" in stage.text()
        await stage.press("G", "C")
        assert stage.app.clipboard == "10"
        looks.append(Processes(why="its control group is gone: it has ended"))
        await stage.press("r")
        await until(stage, "Its control group is gone: it has ended.")
        await stage.press("x")
        assert "▎Pods" in stage.text()


async def test_why_there_are_no_processes(opened: Opener, tmp_path: Any) -> None:
    async with opened(pod("web", APP), root=str(tmp_path)) as stage:
        await stage.press("j", "x")
        await until(stage, "This node's control groups cannot be read")


def test_shares_and_sizes() -> None:
    now = [process(1, 0, 0, cpu_ns=3 * 10**9), process(2, 1, 1)]
    assert shares(now, {1: 10**9}, 2.0) == {1: 100.0, 2: None}
    assert [size(n) for n in (0, 999, 1024, 5 << 20, 3 << 30)] == [
        "0 B", "999 B", "1.0 KiB", "5.0 MiB", "3.0 GiB",
    ]  # fmt: skip
    drawn = branches([process(1, 0, 0), process(2, 1, 1), process(3, 1, 1)], UNICODE)
    assert drawn == ["", "├ ", "└ "]
