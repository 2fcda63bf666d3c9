"""The menu of columns, what it remembers, and the columns themselves."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.ui.content import pods as cells
from pleg_tui.ui.content.columns import KINDS, NAMES, layout, usual
from pleg_tui.ui.content.order import SortBy
from pleg_tui.ui.memory import FILE, Memory, MemoryFault
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import a_node


def heading(stage: Stage) -> list[str]:
    titles = stage.line("NAMESPACE/POD").split()
    return [title.rstrip("▲▼") for title in titles if title.rstrip("▲▼")][1:]


# -- which columns


def test_every_column_can_be_drawn_and_is_told_of() -> None:
    assert set(NAMES) | {"name"} == set(cells._CELLS)
    assert all(kind.says for kind in KINDS)


@given(st.integers(59, 300), st.lists(st.sampled_from([*NAMES, "bogus", "name"])))
def test_chosen_columns_keep_their_order_and_fill_the_width(width: int, names: list[str]) -> None:
    found = layout(width, tuple(names))
    assert sum(c.gap + c.width for c in found.columns) == width
    there = [c.name for c in found.columns]
    assert there[0] == "name"
    wanted = [name for name in dict.fromkeys(names) if name in NAMES]
    assert there[1:] == wanted[: len(there) - 1]
    assert all(c.width > 0 for c in found.columns)


@given(st.integers(59, 300))
def test_what_is_usual_is_what_stands_unless_columns_were_chosen(width: int) -> None:
    assert tuple(c.name for c in layout(width).columns[1:]) == usual(width)


def test_an_order_is_told_by_one_title_that_is_there() -> None:
    assert layout(120).sorted_by(SortBy.CHANGE) == layout(120).columns[-1]
    short = layout(120, ("since", "ready"))
    assert short.sorted_by(SortBy.CHANGE) == short.columns[1]
    assert short.sorted_by(SortBy.AGE) is None


# -- the menu


async def test_a_column_is_hidden_shown_and_moved_while_the_list_follows(opened: Opener) -> None:
    async with opened(*a_node()) as stage:
        usually = ["READY", "STATE", "RST", "AGE", "LAST", "CHANGE"]
        assert heading(stage) == usually
        await stage.press("o")
        assert "[x] RESTARTS" in stage.text()
        assert "[ ] IMAGE" in stage.text()
        await stage.press("j", "j", "space")
        assert heading(stage) == ["READY", "STATE", "AGE", "LAST", "CHANGE"]
        assert "[ ] RESTARTS" in stage.text()
        await stage.press("space", "K", "K")
        assert "[x] RESTARTS" in stage.text()
        await stage.press("enter")
        assert "[x]" not in stage.text()
        assert heading(stage)[:2] == ["READY", "STATE"]
        assert heading(stage)[-3:] == ["RST", "LAST", "CHANGE"]
        await stage.press("o", "u", "escape")
        assert heading(stage) == usually


async def test_what_has_no_room_is_said_and_left_out(opened: Opener) -> None:
    async with opened(*a_node(), size=(60, 30), columns=NAMES) as stage:
        assert "IMAGE" not in stage.line("NAMESPACE/POD")
        await stage.press("o")
        assert "no room for it now" in stage.line("[x] IMAGE")


async def test_a_click_shows_or_hides(opened: Opener) -> None:
    async with opened(*a_node()) as stage:
        await stage.press("o")
        await stage.pilot.click("#columns", offset=(5, 3))
        await stage.settle()
        assert "AGE" not in heading(stage)


async def test_a_column_that_is_sorted_by_says_so_wherever_it_stands(opened: Opener) -> None:
    async with opened(*a_node(), columns=("age", "image"), sort="age") as stage:
        assert "AGE▲" in stage.line("NAMESPACE/POD")
        await stage.pilot.click("#heading", offset=(stage.line("NAMESPACE").index("IMAGE"), 0))
        await stage.settle()
        assert "IMAGE ▲" in stage.line("NAMESPACE/POD")
        assert "AGE▲" not in stage.line("NAMESPACE/POD")


# -- remembering


async def test_the_choice_is_remembered(opened: Opener, tmp_path: Path) -> None:
    memory = Memory(tmp_path, ("pleg-tui",))
    async with opened(*a_node(), memory=memory) as stage:
        await stage.press("o", "space", "enter")
        await stage.app.workers.wait_for_complete()
        assert "not remembered" not in stage.text()
    assert Memory(tmp_path, ("pleg-tui",)).columns() == usual(119)[1:]


async def test_leaving_the_menu_as_it_was_writes_nothing(opened: Opener, tmp_path: Path) -> None:
    memory = Memory(tmp_path, ("pleg-tui",))
    async with opened(*a_node(), memory=memory) as stage:
        await stage.press("o", "escape")
        await stage.app.workers.wait_for_complete()
    assert not memory.path.exists()


async def test_what_cannot_be_remembered_is_said_once_and_works(
    opened: Opener, tmp_path: Path
) -> None:
    (tmp_path / "pleg-tui").write_text("in the way")
    async with opened(*a_node(), memory=Memory(tmp_path, ("pleg-tui",))) as stage:
        await stage.press("o", "space", "enter")
        await stage.app.workers.wait_for_complete()
        await stage.settle()
        assert "The columns are not remembered" in stage.text()
        assert "READY" not in stage.line("NAMESPACE/POD")
        await stage.wait(10)
        await stage.press("o", "space", "enter")
        await stage.app.workers.wait_for_complete()
        await stage.settle()
        assert "not remembered" not in stage.text()


async def test_columns_of_the_settings_file_are_changed_for_now_only(opened: Opener) -> None:
    async with opened(*a_node(), columns=("age",)) as stage:
        await stage.press("o", "space", "enter")
        await stage.app.workers.wait_for_complete()
        await stage.settle()
        assert "For now only" in stage.text()
        assert heading(stage) == []


async def test_the_file_is_its_owners_alone_and_replaced_whole(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "home", (".local", "state", "pleg-tui"))
    assert memory.columns() is None
    memory.keep(("age",))
    memory.keep(("age", "image"))
    assert memory.columns() == ("age", "image")
    assert stat.S_IMODE(memory.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(memory.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in memory.path.parent.iterdir()] == [FILE]
    memory.keep(None)
    assert memory.columns() is None


@pytest.mark.parametrize("link", [".local", ".local/state/pleg-tui"])
def test_no_link_leads_the_file_elsewhere(tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / link).symlink_to(elsewhere)
    memory = Memory(tmp_path, (".local", "state", "pleg-tui"))
    with pytest.raises(MemoryFault, match="symbolic link"):
        memory.keep(("age",))
    assert not list(elsewhere.iterdir())


def test_a_link_in_the_files_place_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    memory = Memory(tmp_path, ("pleg-tui",))
    memory.path.parent.mkdir()
    memory.path.symlink_to(victim)
    with pytest.raises(MemoryFault, match="symbolic link"):
        memory.columns()
    memory.keep(("age",))
    assert victim.read_text() == "precious"
    assert memory.columns() == ("age",)


@pytest.mark.parametrize("text", ["", "{", "[" * 60_000, "\xff"])
def test_a_damaged_file_is_told_of(tmp_path: Path, text: str) -> None:
    memory = Memory(tmp_path, ("pleg-tui",))
    memory.path.parent.mkdir()
    memory.path.write_bytes(text.encode("latin-1"))
    with pytest.raises(MemoryFault, match="it is damaged"):
        memory.columns()


@pytest.mark.parametrize("text", ['{"columns": 3}', "null", '{"columns": ["age", 3]}'])
def test_a_file_that_names_no_columns_is_no_choice(tmp_path: Path, text: str) -> None:
    memory = Memory(tmp_path, ("pleg-tui",))
    memory.path.parent.mkdir()
    memory.path.write_text(text)
    assert memory.columns() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_gives_what_it_writes_to_whose_home_it_is(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    memory = Memory(tmp_path, (".local", "state", "pleg-tui"))
    memory.keep(("age",))
    assert memory.path.stat().st_uid == 1234
    assert memory.path.parent.stat().st_uid == 1234
    assert json.loads(memory.path.read_text())["columns"] == ["age"]
