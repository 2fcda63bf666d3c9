"""What is typed in one burst goes where it would have gone had it been typed slowly."""

from __future__ import annotations

import sys
from pathlib import Path

from textual import events
from textual.widgets import Input

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.terminal import Terminal
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import FakeFeed, container, pod

ROOT = Path(__file__).parents[2]
PODS = (pod("web", container("app")), pod("job", container("run")))


def burst(stage: Stage, keys: str) -> None:
    """Keys as one read of the terminal brings them."""
    names = {"/": "slash", ":": "colon", "\r": "enter", "\x1b": "escape", "?": "question_mark"}
    for key in keys:
        printable = key if key.isprintable() else None
        stage.app.post_message(events.Key(names.get(key, key), printable))


async def test_letters_after_the_slash_are_the_filter(opened: Opener) -> None:
    async with opened(*PODS, feed=FakeFeed(), size=(100, 30)) as stage:
        burst(stage, "/jobqdlx")
        await stage.settle()
        assert stage.app.screen is stage.app.live
        assert stage.app.query_one("#filter-input", Input).value == "jobqdlx"


async def test_a_filter_taken_in_the_same_burst_filters(opened: Opener) -> None:
    async with opened(*PODS, feed=FakeFeed(), size=(100, 30)) as stage:
        burst(stage, "/job\r?")
        await stage.settle()
        assert stage.app.live.view.filter.text == "job"
        assert type(stage.app.screen).__name__ == "HelpScreen"


async def test_letters_after_the_colon_are_the_palettes(opened: Opener) -> None:
    async with opened(*PODS, feed=FakeFeed(), size=(100, 30)) as stage:
        burst(stage, ":sort")
        await stage.settle()
        assert stage.app.screen.query_one(Input).value == "sort"


async def test_a_search_on_a_page_that_is_just_opening(opened: Opener) -> None:
    async with opened(*PODS, feed=FakeFeed(), size=(100, 30)) as stage:
        burst(stage, "?/quit")
        await stage.settle()
        # The help has no search of its own, so its letters are keys there: q goes back.
        assert stage.app.screen is stage.app.live
        burst(stage, "y/quit")
        await stage.settle()
        assert stage.app.screen.query_one("#prompt-input", Input).value == "quit"


async def test_a_key_that_closes_a_dialog_lets_the_next_one_through_at_once(
    opened: Opener,
) -> None:
    async with opened(*PODS, feed=FakeFeed(), size=(100, 30)) as stage:
        for _ in range(2):
            burst(stage, "s\x1bs\x1bs")
            await stage.settle()
            assert "Sort by" in stage.text()
            burst(stage, "\x1b?\x1b/x")
            await stage.settle()
            assert stage.app.query_one("#filter-input", Input).value == "x"
            burst(stage, "\x1b")
            await stage.settle()


async def test_a_text_pasted_after_the_slash_is_the_filter(opened: Opener) -> None:
    async with opened(*PODS, feed=FakeFeed(), size=(100, 30)) as stage:
        burst(stage, "/")
        stage.app.post_message(events.Paste("job"))
        await stage.settle()
        assert stage.app.query_one("#filter-input", Input).value == "job"


def test_one_write_into_a_real_terminal() -> None:
    with (
        Terminal(100, 30, {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}) as terminal,
        SimulatorProcess(Options(pods=4, churn=0)) as simulator,
    ):
        terminal.press(f"{sys.executable} -m pleg_tui -r {simulator.endpoint}\n")
        terminal.wait_for("running")
        terminal.press("/no-such-qdlx")
        terminal.wait_for("/ no-such-qdlx", 40)
        terminal.press("\x03")
        terminal.wait_for_shell()
