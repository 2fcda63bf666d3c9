"""The timeline pane as its user sees it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from pleg_tui.feed.types import Notice
from pleg_tui.model import ContainerState, Pod, Source
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import T0, S, a_node, container, exited, pod


def looper() -> Pod:
    """A pod that has crashed, waits, and has crashed again; one beside it runs."""
    runs = [
        exited("main", 137, ago=200 - 60 * n, id=f"{n}" * 64, attempt=n, restarts=n,
               reason="OOMKilled" if n == 1 else "Error", created_at=T0 - (225 - 60 * n) * S,
               started_at=T0 - (224 - 60 * n) * S)
        for n in range(3)
    ]  # fmt: skip
    now = container("main", id="3" * 64, attempt=3, restarts=3, created_at=T0 - 40 * S,
                    started_at=T0 - 38 * S - 922_000_000)  # fmt: skip
    side = container("side", created_at=T0 - 230 * S, started_at=T0 - 229 * S)
    return pod("looper-0", now, *reversed(runs), side, age=232)


def pane_lines(stage: Stage) -> tuple[list[str], str]:
    """The lines of the tracks, and the one about the change at the cursor."""
    pane = stage.app.live.timeline.pane
    lines = stage.grid()[pane.region.y : pane.region.bottom]
    axis = next(n for n, line in enumerate(lines) if re.match(r" +\d+ (s|min|h) ", line))
    return lines[:axis], lines[axis + 1].strip()


def strip(stage: Stage, name: str) -> str:
    """A track's strip, without its name."""
    (line,) = [line for line in pane_lines(stage)[0] if name in line]
    return line[24:]


def told(stage: Stage) -> str:
    return pane_lines(stage)[1]


def other() -> Pod:
    return pod("web", container("app"), container("log"))


async def test_a_crashing_pods_life_at_a_glance(
    opened: Opener, same_grid: Callable[[Stage, str], None]
) -> None:
    async with opened(looper(), other(), size=(120, 40), timeline=True) as stage:
        assert strip(stage, "main").count("✖") == 2
        assert strip(stage, "main").count("Ø") == 1
        assert "✖" not in strip(stage, "side")
        assert told(stage) == "main started (attempt 3) 22:12:41.078, for 38s now"
        await stage.press("tab", "left", "left", "left")
        same_grid(stage, "timeline-120x40")


async def test_it_follows_the_cursor_of_the_list(opened: Opener) -> None:
    async with opened(looper(), other(), timeline=True) as stage:
        assert "Timeline  default/looper-0" in stage.text()
        await stage.press(*["j"] * 5)
        assert "side started" in told(stage)
        await stage.press("j")
        assert "Timeline  default/web" in stage.text()
        assert "Timeline  default/looper-0" not in stage.text()


async def test_the_cursor_of_time_goes_from_change_to_change(opened: Opener) -> None:
    async with opened(looper(), timeline=True) as stage:
        await stage.press("tab")
        assert "▎Timeline" in stage.text()
        assert "left earlier" in stage.grid()[-1]
        await stage.press("left", "left", "left")
        assert told(stage) == ("main ended (attempt 2) 22:12:00.000 after 24.0 s, exit 137 SIGKILL")
        await stage.press("left")
        assert told(stage) == "main started (attempt 2) 22:11:36.000, ran 24.0 s, exit 137 SIGKILL"
        await stage.press("left", "left")
        assert "exit 137 OOMKilled" in told(stage)
        await stage.press(*["right"] * 9)
        assert "started (attempt 3)" in told(stage)
        await stage.press("down")
        assert told(stage).startswith("side started")
        await stage.press("escape")
        assert "▎Pods" in stage.text()


async def test_the_cursor_stays_on_its_change_while_more_happens(opened: Opener) -> None:
    one = looper()
    async with opened(one, timeline=True) as stage:
        await stage.press("tab", *["left"] * 4)
        before = told(stage)
        dead = replace(one.containers[0], state=ContainerState.EXITED, finished_at=T0 + 2 * S,
                       exit_code=1)  # fmt: skip
        stage.clock.advance(3)
        stage.feed.put(replace(one, containers=(dead, *one.containers[1:]), version=2))
        await stage.settle()
        assert told(stage) == before
        assert strip(stage, "main").count("✖") == 3


async def test_zoom_and_pan_and_back_to_now(opened: Opener) -> None:
    async with opened(looper(), timeline=True) as stage:
        await stage.press("tab", "plus", "plus", "plus")
        assert "30 s" in stage.text()
        assert strip(stage, "main").strip("━") == ""
        await stage.press("left_square_bracket")
        assert "until 22:13:05, 0 for now" in stage.text()
        await stage.press("H", "H", "H", "left_square_bracket")
        assert strip(stage, "main").count("✖") == 1
        assert "╵22:12:00" in stage.text()
        await stage.press("0")
        assert "for now" not in stage.text()
        await stage.press(*["minus"] * 20)
        assert "6 h" in stage.text().replace("360 min", "6 h")
        await stage.press("left_square_bracket", "L")
        assert "for now" not in stage.text()


async def test_a_change_out_of_sight_is_brought_into_it(opened: Opener) -> None:
    async with opened(looper(), timeline=True) as stage:
        await stage.press("tab", "plus", "plus", "plus", *["left"] * 4)
        assert "started (attempt 2)" in told(stage)
        assert "for now" in stage.text()
        assert "▲" in stage.text()


@pytest.mark.parametrize(
    ("size", "shown"), [((80, 24), False), ((80, 31), False), ((80, 32), True), ((200, 50), True)]
)
async def test_it_is_there_where_there_is_room_and_t_turns_it_round(
    opened: Opener, size: tuple[int, int], shown: bool
) -> None:
    async with opened(looper(), size=size, timeline=True) as stage:
        assert ("Timeline" in stage.text()) is shown
        await stage.press("t")
        assert ("Timeline" in stage.text()) is not shown
        await stage.press("t", "tab")
        assert ("▎Timeline" in stage.text()) is shown
        assert ("▎Events" in stage.text()) is not shown
        await stage.press("tab", "shift+tab", "shift+tab")
        assert "▎Pods" in stage.text()


async def test_it_works_on_a_small_terminal_too(opened: Opener) -> None:
    async with opened(looper(), size=(80, 24)) as stage:
        await stage.press("t")
        assert "main started" in stage.text()
        assert "looper-0" in stage.grid()[3]
        await stage.press("tab", "left", "left")
        assert "main created" in stage.text()
        await stage.press("t")
        assert "▎Pods" in stage.text()


async def test_more_containers_than_lines_are_reached(opened: Opener) -> None:
    many = pod("many", *(container(f"c{n}") for n in range(9)))
    async with opened(many, timeline=True) as stage:
        assert "7 more ↓" in stage.text()
        await stage.press("tab", *["j"] * 8)
        assert told(stage).startswith("c8 started")
        await stage.press(*["k"] * 8)
        assert told(stage).startswith("c0 started")


async def test_time_goes_by_in_whole_cells_and_only_then_is_it_painted(opened: Opener) -> None:
    async with opened(looper(), other(), timeline=True) as stage:
        pane = stage.app.live.timeline.pane
        painted = 0
        refresh = pane.refresh

        def count(*regions: object, **more: object) -> object:
            nonlocal painted
            painted += 1
            return refresh(*regions, **more)  # type: ignore[arg-type]

        pane.refresh = count  # type: ignore[assignment, method-assign]
        await stage.press("G")  # a pod that only runs
        await stage.wait(30)
        painted = 0
        await stage.wait(20)
        assert painted == 0
        await stage.press("g")
        painted = 0
        await stage.wait(30)
        lines_that_move = 3
        assert 5 < painted <= 11 * lines_that_move


async def test_a_lost_stream_is_hatched(opened: Opener) -> None:
    async with opened(other(), timeline=True) as stage:
        stage.feed.happen(Notice("lost", stage.clock.wall, Source.CRI))
        await stage.settle()
        await stage.wait(60)
        assert strip(stage, "app").rstrip().endswith("╱" * 15)
        stage.feed.happen(Notice("connected", stage.clock.wall, Source.CRI))
        await stage.settle()
        await stage.wait(60)
        assert strip(stage, "app").rstrip().endswith("━" * 15)
        assert strip(stage, "app").count("╱") > 15


async def test_it_stands_still_while_paused_and_misses_nothing(opened: Opener) -> None:
    one = looper()
    async with opened(one, timeline=True) as stage:
        await stage.press("space")
        before = strip(stage, "main")
        dead = replace(one.containers[0], state=ContainerState.EXITED, exit_code=1,
                       finished_at=T0 + 5 * S)  # fmt: skip
        stage.clock.advance(6)
        stage.feed.put(replace(one, containers=(dead, *one.containers[1:]), version=2))
        await stage.settle()
        await stage.wait(20)
        assert strip(stage, "main") == before
        await stage.press("space")
        assert strip(stage, "main").count("✖") == 3


async def test_details_of_the_attempt_under_the_cursor_of_time(opened: Opener) -> None:
    async with opened(looper(), timeline=True) as stage:
        await stage.press("tab", "left", "left", "left", "enter")
        assert "2" * 64 in stage.text()


async def test_each_pods_last_minutes_are_in_its_row_where_there_is_room(opened: Opener) -> None:
    async with opened(looper(), other(), size=(160, 40), timeline=True) as stage:
        heading = stage.grid()[2]
        x = heading.index("LAST 10 MIN")
        rows = [line[x : x + 20] for line in stage.grid() if "▾" in line]
        assert rows[0].lstrip().count("━") > 3
        assert "✖" in rows[0]
        assert "Ø" in rows[0]
        assert rows[1] == "━" * 20
        await stage.pilot.resize_terminal(159, 40)
        await stage.settle()
        assert "LAST 10 MIN" not in stage.text()


async def test_names_and_signs_in_ascii(opened: Opener) -> None:
    async with opened(*a_node(), looper(), size=(170, 50), timeline=True, ascii=True) as stage:
        assert stage.text().isascii()
        assert "= runs  x died  O OOM  @ restarted  - ended  / unwatched  ? unknown" in stage.text()


async def test_a_click_goes_to_the_nearest_change(opened: Opener) -> None:
    async with opened(looper(), timeline=True) as stage:
        x = 24 + strip(stage, "main").index("✖")
        await stage.pilot.click("#strips", offset=(x, 0))
        await stage.settle()
        assert "ended 22:10:00.000" in told(stage)
