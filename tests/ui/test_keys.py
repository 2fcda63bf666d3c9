"""Other keys than usual: they do what they are set to, and are named wherever keys are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.widgets import Input

from pleg_tui.ui.keys import KeyChoiceError, actions, keymap, shown
from tests.ui.conftest import Opener
from tests.ui.fakes import a_node


async def test_a_key_that_was_set_does_it_and_the_old_one_no_more(opened: Opener) -> None:
    chosen = keymap({"view.filter": ["ctrl+f"]})
    async with opened(*a_node(), keymap=chosen, size=(120, 150)) as stage:
        assert "^f filter" in stage.grid()[-1]
        assert "/ filter" not in stage.grid()[-1]
        await stage.press("slash")
        assert not stage.app.live.query(Input)
        await stage.press("ctrl+f")
        assert stage.app.live.query_one(Input).has_focus
        await stage.press("escape", "question_mark")
        assert stage.line("Show only what matches").split()[0] == "^f"
        assert stage.line("Page down").split()[0] == "pgdn"
        assert "^f" not in stage.line("Page down")


async def test_a_text_that_names_a_key_names_the_one_that_was_set(opened: Opener) -> None:
    async with opened(*a_node(), keymap=keymap({"app.back": ["f9"]})) as stage:
        await stage.press("slash")
        await stage.type("nothing-like-it")
        await stage.press("enter")
        assert "f9 clears the filter" in stage.text()


async def test_two_things_may_change_places(opened: Opener) -> None:
    chosen = keymap({"view.sort": ["r"], "view.reverse": ["s"]})
    async with opened(*a_node(), keymap=chosen) as stage:
        await stage.press("s")
        assert "Sort by" not in stage.text()
        assert stage.app.live.view.reverse
        await stage.press("r")
        assert "Sort by" in stage.text()


async def test_keys_of_pages_and_menus_can_be_set(opened: Opener) -> None:
    chosen = keymap({"page.back": ["b", "escape"], "columns.done": ["f5", "enter"]})
    async with opened(*a_node(), keymap=chosen) as stage:
        await stage.press("question_mark", "q")
        assert stage.app.screen is not stage.app.live or not stage.app.is_running
    async with opened(*a_node(), keymap=chosen) as stage:
        await stage.press("question_mark")
        assert "Moving" in stage.text()
        await stage.press("b")
        assert "Moving" not in stage.text()
        await stage.press("o", "f5")
        assert "[x]" not in stage.text()


async def test_the_palette_names_the_keys_that_were_set(opened: Opener) -> None:
    async with opened(*a_node(), keymap=keymap({"view.sort": ["f9"]})) as stage:
        commands = {
            command.title: command.help
            for command in stage.app.get_system_commands(stage.app.screen)
        }
        assert commands["Choose what the pods are sorted by"] == "f9"


async def test_nothing_that_was_not_set_is_changed(opened: Opener) -> None:
    async with opened(*a_node()) as usual:
        before = {key: a.binding.id for key, a in usual.app.screen.active_bindings.items()}
    async with opened(*a_node(), keymap=keymap({"view.filter": ["ctrl+f"]})) as stage:
        now = {key: a.binding.id for key, a in stage.app.screen.active_bindings.items()}
    assert {**before, "ctrl+f": "view.filter"} == {**now, "slash": "view.filter"}


def test_what_a_key_is_called_is_forgiving() -> None:
    for written in ("?", "question_mark", "Question_Mark"):
        assert keymap({"app.help": [written]}) == {"app.help": "question_mark"}
    assert keymap({"view.filter": ["Ctrl+F"]})["view.filter"] == "ctrl+f"
    assert keymap({"app.back": ["esc"]}) == {"app.back": "escape"}
    assert keymap({"view.pause": [" "]}) == {"view.pause": "space"}
    assert keymap({"view.pause": ["+"]})["view.pause"] == "plus"
    assert keymap({"move.first": ["shift+ctrl+home"]}) == {"move.first": "ctrl+shift+home"}


def test_a_key_is_taken_from_what_has_another() -> None:
    assert keymap({"view.sort": ["d"]}) == {"view.sort": "d", "look.details": "enter"}
    with pytest.raises(KeyChoiceError, match=r"only key of view\.reverse"):
        keymap({"view.sort": ["r"]})
    with pytest.raises(KeyChoiceError, match=r"only key of app\.interrupt"):
        keymap({"view.sort": ["ctrl+c"]})


def test_every_usual_key_may_be_set_as_it_is_listed() -> None:
    for action in actions().values():
        result = keymap({action.id: [shown(key) for key in action.keys]})
        assert set(result[action.id].split(",")) == set(action.keys)
        assert list(result) == [action.id], "nothing loses a key by that"


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(sorted(actions())),
                       st.lists(st.sampled_from(["f9", "x", "ctrl+f", "g", "esc", "?"]),
                                min_size=1, max_size=2), max_size=3))  # fmt: skip
def test_no_choice_leaves_anything_without_a_key(chosen: dict[str, list[str]]) -> None:
    try:
        result = keymap(chosen)
    except KeyChoiceError:
        return
    assert all(result.values())
    assert set(chosen) <= set(result)
