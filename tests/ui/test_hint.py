"""The hint of the first runs, and the help that a stranger begins with."""

from __future__ import annotations

from pathlib import Path

from pleg_tui.ui.memory import MOST_HINTS, Memory
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import FakeFeed, container, pod

HINT = "New here?"


def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path, ("pleg-tui",))


async def remembered(stage: Stage) -> None:
    await stage.app.workers.wait_for_complete()


async def test_a_key_closes_the_hint_for_good_and_does_what_it_does(
    opened: Opener, tmp_path: Path
) -> None:
    kept = memory(tmp_path)
    async with opened(pod("web", container("nginx")), hints=kept) as stage:
        assert "? every key" in stage.line(HINT)
        await stage.press("exclamation_mark")
        assert HINT not in stage.text()
        assert stage.app.live.view.unhealthy_only, "the key is not lost on it"
        await remembered(stage)
    assert kept.hints() == MOST_HINTS


async def test_a_hint_that_nobody_read_comes_again_a_few_times(
    opened: Opener, tmp_path: Path
) -> None:
    kept = memory(tmp_path)
    async with opened(pod("web"), hints=kept, size=(80, 24)) as stage:
        assert HINT in stage.text()
        await stage.wait(31)
        assert HINT not in stage.text()
        await remembered(stage)
    assert kept.hints() == 1


async def test_a_memory_that_does_not_work_is_no_reason_to_complain(
    opened: Opener, tmp_path: Path
) -> None:
    (tmp_path / "pleg-tui").write_text("no folder")
    async with opened(pod("web"), hints=memory(tmp_path)) as stage:
        await stage.press("down")
        await remembered(stage)
        assert HINT not in stage.text()
        assert "remembered" not in stage.text()


async def test_no_hint_where_none_is_wanted(opened: Opener) -> None:
    async with opened(pod("web")) as stage:
        assert HINT not in stage.text()


async def test_help_begins_with_what_died_and_tells_the_filters_language(opened: Opener) -> None:
    async with opened(pod("web"), size=(80, 24), keymap={"view.filter": "f9"}) as stage:
        await stage.press("question_mark")
        assert "state:oom" in stage.grid()[2]
        assert "f9 state:oom" in stage.text(), "by the key that was chosen"
    async with opened(pod("web"), size=(120, 150)) as stage:
        await stage.press("question_mark")
        for told in ("~^web-[0-9]", "ns:kube-system", "-l app=web", "unreadable", "missed"):
            assert told in stage.text()


async def test_messages_that_could_not_be_read_are_counted_on_the_screen(opened: Opener) -> None:
    feed = FakeFeed()
    async with opened(pod("web"), feed=feed) as stage:
        assert "unreadable" not in stage.text()
        feed.turn(unreadable=3)
        await stage.settle()
        assert "unreadable 3" in stage.grid()[0]
