"""The Compare screen as its user sees it: before, while it measures, and what it concludes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from pleg_tui.compare.types import Plan, Report
from pleg_tui.ui.content.bars import StatusFacts
from pleg_tui.ui.content.lines import Line, Part
from tests import compare_scenes as scenes
from tests.compare_scenes import FakeExperiment, FakeLab
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import LIVE, FakeFeed, a_node

SIZES = ((80, 24), (120, 40), (200, 50))
SimulatedHealth = replace(
    LIVE, runtime=replace(LIVE.runtime, version="2.1.9 (simulated)", simulated=True)
    if LIVE.runtime is not None else None,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _own_lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status line is the same on every screen, and tested there; here its messages count."""

    def short(facts: StatusFacts, width: int, glyphs: object) -> Line:
        return (Part(f" {facts.message.text if facts.message else '(status)'}"),)

    monkeypatch.setattr("pleg_tui.ui.screens.mode.status_line", short)


async def begin(stage: Stage) -> None:
    """From Live to an experiment that runs."""
    await stage.press("2")
    await stage.press("enter")
    await stage.settle()


async def end(stage: Stage, lab: FakeLab) -> None:
    """Run it to its end; the messages of the status line have gone."""
    await begin(stage)
    lab.last.finish()
    await stage.settle()
    await stage.wait(9)


def whole(stage: Stage) -> str:
    """Everything that can be scrolled to."""
    pane = stage.app.screen.query_one("#result")
    lines = getattr(pane, "_lines")  # noqa: B009
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


# -- at three sizes


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_before_it_is_started(
    opened: Opener, same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    lab = FakeLab()
    async with opened(*a_node(), size=size, prepare=lab.prepare) as stage:
        await stage.press("2")
        same_grid(stage, f"compare-before-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_early_while_nothing_can_be_told_yet(
    opened: Opener, same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    lab = FakeLab()
    async with opened(*a_node(), size=size, prepare=lab.prepare) as stage:
        await begin(stage)
        lab.last.go(3, scenes.early(), warming_up=True)
        await asyncio.sleep(1.1)  # a report is made once a second
        await stage.wait(1)
        same_grid(stage, f"compare-early-{size[0]}x{size[1]}")


RESULTS = {
    "significant": scenes.FULL,
    "no-cost": scenes.no_cost(),
    "costs-more": scenes.events_cost_more(),
    "unavailable": scenes.unavailable(),
    "simulated": scenes.simulated(),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", RESULTS)
async def test_what_it_concludes(
    opened: Opener, same_grid: Callable[[Stage, str], None], name: str, size: tuple[int, int]
) -> None:
    lab = FakeLab(RESULTS[name])
    feed = FakeFeed(health=SimulatedHealth) if name == "simulated" else FakeFeed()
    async with opened(*a_node(), size=size, feed=feed, prepare=lab.prepare) as stage:
        await end(stage, lab)
        same_grid(stage, f"compare-{name}-{size[0]}x{size[1]}")


async def test_ascii_and_no_more(opened: Opener, same_grid: Callable[[Stage, str], None]) -> None:
    lab = FakeLab()
    async with opened(*a_node(), ascii=True, prepare=lab.prepare) as stage:
        await end(stage, lab)
        for _ in range(4):
            assert stage.text().isascii()
            assert "?" not in "".join(stage.grid()[:-1]), "a sign without its likeness"
            await stage.press("pagedown")
        await stage.press("g")
        same_grid(stage, "compare-ascii-120x40")


# -- before


async def test_the_plan_is_chosen_with_the_arrows(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await stage.press("2")
        assert "5 min" in stage.line("Duration")
        await stage.press("right")
        assert "10 min" in stage.line("Duration")
        await stage.press("j", "left")
        assert "5 s" in stage.line("Block")
        await stage.press("enter")
        assert lab.last.plan.duration_s == 600
        assert lab.last.plan.block_s == 5


async def test_a_plan_that_measures_nothing_says_what_to_ask_for(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await stage.press("2", "left", "left", "left", "j", "right", "right", "right", "right")
        assert "cannot be started" in stage.text()
        assert "or for shorter blocks" in stage.text()
        made = len(lab.made)
        await stage.press("enter")
        assert len(lab.made) == made


async def test_where_nothing_can_be_measured_it_says_why(opened: Opener) -> None:
    lab = FakeLab(error="the runtime's process was not found: run this as root")
    async with opened(prepare=lab.prepare) as stage:
        await stage.press("2")
        assert "run this as root" in stage.text()
        assert "cannot be started" in stage.text()
        await stage.press("enter")
        assert not lab.made
        lab.error = ""
        await stage.press("enter")  # asks again
        assert "enter starts it" in stage.text()
        await stage.press("enter")
        assert "So far" in stage.text()


async def test_an_experiment_that_breaks_off_keeps_what_it_had(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await begin(stage)
        lab.last.go(13, scenes.FULL)
        lab.last.break_off(RuntimeError("a [/] broke"))
        await stage.settle()
        assert "the experiment failed" in stage.grid()[1]
        assert "3.1 ms/s" in stage.text()


async def test_stopped_before_it_began_it_is_back_at_the_plan(opened: Opener) -> None:
    class Slow(FakeLab):
        async def prepare(self, plan: Plan) -> FakeExperiment:
            if self.made:
                await asyncio.sleep(3600)
            return await super().prepare(plan)

    lab = Slow()
    async with opened(prepare=lab.prepare) as stage:
        await begin(stage)
        assert "starting" in stage.text()
        await stage.press("x", "2")
        assert "The plan" in stage.text()
        assert "stopped before it had begun" in stage.text()


async def test_a_lane_that_is_not_available_says_why_before_anything_runs(opened: Opener) -> None:
    lab = FakeLab(scenes.unavailable())
    async with opened(prepare=lab.prepare) as stage:
        await stage.press("2")
        assert "unavailable: Events cannot be measured on CRI-O 1.30" in stage.text()
        assert "enter starts it" in stage.text()


async def test_a_start_that_fails_leads_back_to_the_plan(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await stage.press("2")
        lab.error = "the runtime went away: wait until it is back"
        await stage.press("enter")
        assert "wait until it is back" in stage.text()
        assert "The plan" in stage.text()


# -- while it runs


async def test_an_effect_that_is_unknown_is_no_figure(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await begin(stage)
        assert stage.line(" CPU of the daemon  ").count("—") == 2
        assert "not yet: it needs the measured cost" in whole(stage)


async def test_stopping_early_asks_and_keeps_what_there_is(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await begin(stage)
        lab.last.go(13, scenes.FULL)
        await stage.settle()
        await stage.press("x")
        assert "Stop early?" in stage.text()
        await stage.press("escape")
        assert not lab.last.stopped
        await stage.press("x", "2")
        assert lab.made[-1].stopped
        assert "3.1 ms/s" in stage.text()
        assert "Verdict" in stage.text()


async def test_it_goes_on_while_live_is_looked_at(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(*a_node(), prepare=lab.prepare) as stage:
        await begin(stage)
        lab.last.go(14, scenes.FULL)
        await stage.press("1")
        assert "NAMESPACE/POD" in stage.text()
        assert "comparing 50%" in stage.grid()[0]
        before = lab.last.reports
        lab.last.go(21, scenes.FULL)
        await stage.wait(2)
        assert "comparing 75%" in stage.grid()[0]
        assert lab.last.reports == before, "nobody looks: no report is made"
        lab.last.finish()
        await stage.wait(1)
        assert "comparing" not in stage.grid()[0]
        assert "the comparison is done" in stage.grid()[0]
        await stage.press("2")
        assert "Verdict" in stage.text()


async def test_live_goes_on_behind_it(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await stage.press("2")
        stage.feed.put(*a_node())
        await stage.settle()
        await stage.press("escape")
        assert "coredns" in stage.text()


async def test_leaving_the_program_ends_the_lanes(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await begin(stage)
        await stage.app.close_down()
        assert lab.last.stopped
        assert lab.last.ended


async def test_leaving_while_it_runs_is_asked_about_once_and_saves_what_there_is(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await begin(stage)
        lab.last.go(13, scenes.FULL)
        await asyncio.sleep(1.1)  # a report is made once a second
        await stage.wait(1)
        await stage.press("q")
        assert "A comparison is running" in stage.text()
        await stage.press("escape")
        assert stage.app.is_running
        assert not lab.last.stopped
        await stage.press("1", "q")
        assert "A comparison is running" in stage.text()
        await stage.press("2")
        await stage.app.close_down()
        ended: bool = getattr(lab.last, "stopped")  # noqa: B009 - mypy holds the old one fast
        assert ended
    (saved,) = (tmp_path / "pleg-tui" / "reports").iterdir()
    assert saved.stat().st_mode & 0o777 == 0o600
    assert json.loads(saved.read_text())["schema"] == "pleg-tui/compare/v1"
    assert str(saved) in stage.app.parting[0]


@pytest.mark.parametrize("finished", [False, True])
async def test_whatever_ends_the_program_the_report_is_kept(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await begin(stage)
        lab.last.go(13, scenes.FULL)
        await stage.settle()
        if finished:
            lab.last.finish()
            await stage.settle()
        await stage.press("ctrl+c")
        await stage.app.close_down()
    assert len(list((tmp_path / "pleg-tui" / "reports").iterdir())) == 1
    assert len(stage.app.parting) == 1


async def test_what_was_saved_or_is_not_wanted_is_not_saved_again(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await end(stage, lab)
        await stage.press("w")
        await stage.settle()
        await stage.app.close_down()
        assert len(list((tmp_path / "pleg-tui" / "reports").iterdir())) == 1
        assert not stage.app.parting
        await stage.press("s", "s")
        await stage.settle()
        lab.last.go(13, scenes.FULL)
        await asyncio.sleep(1.1)
        await stage.wait(1)
        await stage.press("q", "3")
        await stage.app.close_down()
    assert len(list((tmp_path / "pleg-tui" / "reports").iterdir())) == 1


async def test_nothing_is_drawn_again_while_nothing_changes(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await begin(stage)
        lab.last.go(13, scenes.FULL)
        await stage.wait(3)
        pane = stage.app.screen.query_one("#result")
        drawn: list[object] = []
        monkeypatch.setattr(pane, "refresh", lambda *regions, **_: drawn.append(regions))
        await stage.wait(3)
        assert not drawn


# -- when it is done


async def test_every_heading_of_figures_says_simulated(opened: Opener) -> None:
    lab = FakeLab(scenes.simulated())
    async with opened(feed=FakeFeed(health=SimulatedHealth), prepare=lab.prepare) as stage:
        await end(stage, lab)
        text = whole(stage)
    for heading in ("Verdict", "In the runtime", "This program's client", "What was seen",
                    "Each block", "How long after", "Missed", "The real kubelet",
                    "Projected, not measured", "How sure"):  # fmt: skip
        line = next(line for line in text.splitlines() if heading in line)
        assert "simulated" in line[line.index(heading) :], line


async def test_names_are_shown_and_never_obeyed(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(size=(200, 50), prepare=lab.prepare) as stage:
        await end(stage, lab)
        assert "[bold]job[/]" in whole(stage)


async def test_what_was_missed_is_listed_with_how_long_it_lived(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(size=(200, 50), prepare=lab.prepare) as stage:
        await end(stage, lab)
        text = whole(stage)
    line = next(line for line in text.splitlines() if "flaky" in line)
    assert "never seen, lived 312 ms" in line
    assert line.lstrip().startswith("polling")


async def test_sections_are_reached_one_after_the_other(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(size=(80, 24), prepare=lab.prepare) as stage:
        await end(stage, lab)
        assert "Each block" not in stage.grid()[2]
        await stage.press("tab", "tab")
        assert "Each block" in stage.grid()[2]
        await stage.press("shift+tab")
        assert "▲ polling" in stage.grid()[2]
        await stage.press("G")
        assert "10 are 1 % of one core" in stage.text()


async def test_a_report_is_saved_for_its_owner(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    lab = FakeLab()
    async with opened(size=(200, 50), prepare=lab.prepare) as stage:
        await end(stage, lab)
        await stage.press("w")
        for _ in range(200):
            if "saved" in stage.text():
                break
            await stage.pilot.pause(0.02)
        assert "saved" in stage.text()
    (path,) = (tmp_path / "pleg-tui" / "reports").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    told = json.loads(path.read_text())
    assert told["schema"] == "pleg-tui/compare/v1"
    assert told["lanes"]["polling"]["transitions_missed"] == 3


async def test_another_one_begins_with_the_plan(opened: Opener) -> None:
    lab = FakeLab()
    async with opened(prepare=lab.prepare) as stage:
        await end(stage, lab)
        await stage.press("s")
        assert "The plan" in stage.text()
        made = len(lab.made)
        await stage.press("s")
        assert len(lab.made) == made + 1
        assert "So far" in stage.text()


@pytest.mark.parametrize("report", [scenes.FULL, scenes.early(0), scenes.unavailable()])
@pytest.mark.parametrize("width", [60, 79, 80, 115, 116, 143, 230])
def test_no_line_is_wider_than_the_screen(report: Report, width: int) -> None:
    from pleg_tui.ui.content.compare import sheet
    from pleg_tui.ui.content.glyphs import UNICODE
    from pleg_tui.ui.content.text import width_of

    made = sheet(report, width, 40, UNICODE, blocks=28)
    for line in made.lines:
        assert sum(width_of(text) for text, _ in line) <= width
