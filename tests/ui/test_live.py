"""The Live screen as its user sees it, on a feed that plays what each test says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.style import Style

from pleg_tui.feed.types import Notice
from pleg_tui.model import ContainerState, EventType, Source
from pleg_tui.ui.pump import Pump
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import (
    T0,
    S,
    a_node,
    container,
    event,
    exited,
    pod,
)

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_node_at_three_sizes(
    opened: Opener, same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    async with opened(*a_node(), size=size, timeline=True) as stage:
        stage.feed.happen(
            Notice("connected", T0 - 9 * S, Source.CONTAINERD),
            event(1, EventType.CONTAINER_CREATED, at=T0 - 8 * S, replayed=True),
            event(2, at=T0 - 7 * S),
            event(3, EventType.CONTAINER_DIED, "api-6c9b7d-qqq11", container="worker",
                  exit_code=137, reason="OOMKilled", at=T0 - 5 * S),
            event(4, EventType.SANDBOX_STOPPED, container="", at=T0 - 4 * S),
            event(5, EventType.CONTAINER_DIED, exit_code=143, at=T0 - 3 * S),
        )  # fmt: skip
        await stage.settle()
        same_grid(stage, f"node-{size[0]}x{size[1]}")


async def test_while_a_long_listing_comes_in_its_title_says_how_much_there_is(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pump, "again", lambda _: None)  # the rest comes when this test says so
    async with opened() as stage:
        stage.feed.pods.update({f"p{n}": pod(f"p{n}", changed_at=0) for n in range(3)})
        stage.feed.tell(changed=frozenset({"p0"}), more=True)
        await stage.settle()
        assert "Pods  1 of 3 listed" in stage.line("Pods ")
        stage.feed.tell(changed=frozenset({"p1", "p2"}))
        await stage.settle()
        assert "Pods  3  " in stage.line("Pods ")
        assert not stage.app.live.pods._glow, "what was there before is no change"


async def test_states_are_said_in_a_word_with_the_reason(opened: Opener) -> None:
    async with opened(*a_node()) as stage:
        assert stage.line("└ worker").endswith("OOMKilled")
        assert "worker OOMKilled" in stage.line("/api-6c9b7d-qqq11")
        assert "↻ CrashLoop" in stage.line("/looper-0")
        assert "was exit 1, restarted" in stage.line("├ sidecar")
        assert "○ completed" in stage.line("job-28391-k2j1l")
        assert "◐ starting" in stage.line("/fresh-9")
        assert "● running" in stage.line("└ logger")
        assert "2/2" in stage.line("web-7d9f8b6c5-x2x4z")


async def test_the_cursor_stays_with_its_row_while_others_come_go_and_sort(opened: Opener) -> None:
    async with opened(pod("bbb"), pod("ddd"), pod("fff")) as stage:
        await stage.press("j")
        assert "ddd" in stage.cursor_line()
        stage.feed.put(pod("aaa"), pod("ccc"))
        await stage.settle()
        assert "ddd" in stage.cursor_line()
        stage.feed.drop("bbb")
        await stage.settle()
        await stage.wait(4)
        assert "ddd" in stage.cursor_line()
        await stage.press("r")
        assert "ddd" in stage.cursor_line()
        await stage.press("s", "5")
        assert "ddd" in stage.cursor_line()
        stage.feed.drop("ddd")
        await stage.settle()
        await stage.wait(4)
        assert stage.cursor_line().strip()


async def test_what_is_looked_at_stays_where_it_is_on_the_screen(opened: Opener) -> None:
    async with opened(*(pod(f"p{n:03}") for n in range(100, 200)), size=(100, 24)) as stage:
        await stage.press("G")
        before = stage.grid()
        stage.feed.put(*(pod(f"a{n:03}") for n in range(30)))
        await stage.settle()
        after = stage.grid()
        pods = stage.app.live.pods
        top, bottom = pods.region.y, pods.region.bottom
        names = [[line.split()[0] for line in grid[top:bottom]] for grid in (before, after)]
        assert names[0] == names[1]


async def test_until_the_cursor_is_moved_it_stays_at_the_top(opened: Opener) -> None:
    async with opened(pod("mmm")) as stage:
        stage.feed.put(pod("aaa"))
        await stage.settle()
        assert "aaa" in stage.cursor_line()


async def test_a_pod_that_goes_is_shown_as_gone_for_a_moment(opened: Opener) -> None:
    async with opened(pod("stays"), pod("goes", container("app"))) as stage:
        stage.feed.drop("goes")
        await stage.settle()
        assert "gone" in stage.line("/goes")
        await stage.wait(1)
        assert "gone" in stage.line("/goes")
        await stage.wait(2)
        assert "/goes" not in stage.text()
        assert "/stays" in stage.text()


async def test_folding(opened: Opener) -> None:
    async with opened(
        pod("one", container("a1"), container("a2")), pod("two", container("b1"))
    ) as s:
        await s.press("j", "left")
        assert "one" in s.cursor_line()
        assert "▸ default/one" in s.text()
        assert "├ a1" not in s.text()
        assert "└ b1" in s.text()
        await s.press("right")
        assert "├ a1" in s.text()
        await s.press("z")
        assert "└" not in s.text()
        await s.press("j", "right")
        assert "└ b1" in s.text()
        assert "├ a1" not in s.text()


async def test_a_filter_narrows_while_it_is_typed_and_escape_clears_it(opened: Opener) -> None:
    async with opened(*a_node()) as stage:
        await stage.press("slash")
        await stage.type("ngi")
        assert "/web-7d9f8b6c5-x2x4z" in stage.text()
        assert "nginx" in stage.text()
        assert "└ logger" not in stage.text()
        assert "coredns" not in stage.text()
        assert "1 of 7 shown" in stage.text()
        await stage.press("enter")
        await stage.press("j")
        assert "nginx" in stage.cursor_line()
        await stage.press("escape")
        assert "coredns" in stage.text()


@pytest.mark.parametrize(
    ("text", "there", "hidden"),
    [
        ("!coredns", "/looper-0", "coredns-5d78"),
        ("ns:kube", "coredns-5d78", "/looper-0"),
        ("!ns:kube", "/looper-0", "coredns-5d78"),
        ("-l app=web", "/web-7d9f8b6c5", "/looper-0"),
        ("-l app!=web", "/looper-0", "/web-7d9f8b6c5"),
        ("LOOPER", "/looper-0", "/web-7d9f8b6c5"),
        ("ns:default api", "/api-6c9b7d", "/looper-0"),
    ],
)
async def test_what_a_filter_understands(
    opened: Opener, text: str, there: str, hidden: str
) -> None:
    async with opened(*a_node()) as stage:
        await stage.press("slash")
        stage.app.live.query_one("#filter-input").value = text  # type: ignore[attr-defined]
        await stage.press("enter")
        assert there in stage.text()
        assert hidden not in stage.text()


async def test_sorting_by_restarts_and_turning_it_round(opened: Opener) -> None:
    async with opened(*a_node()) as stage:
        await stage.press("s")
        assert "Sort by" in stage.text()
        await stage.press("4")
        lines = [line for line in stage.grid() if "▾" in line]
        assert "looper-0" in lines[0]
        assert "RST▲" in stage.text()
        await stage.press("r")
        lines = [line for line in stage.grid() if "▾" in line]
        assert "looper-0" in lines[-1]


async def test_only_what_runs_and_only_what_is_unhealthy(opened: Opener) -> None:
    async with opened(*a_node()) as stage:
        await stage.press("a")
        assert "job-28391" not in stage.text()
        assert "└ worker" not in stage.text()
        assert "└ api" in stage.text()
        assert "running only" in stage.text()
        await stage.press("a", "exclamation_mark")
        assert "/looper-0" in stage.text()
        assert "/api-6c9b7d" in stage.text()
        assert "/web-7d9f8b6c5" not in stage.text()
        assert "/patched-1" in stage.text(), "it crashed a short time ago"
        assert "3 of 7 shown" in stage.text()
        assert "2 unhealthy  1 restarted" in stage.text()
        await stage.press("slash")
        await stage.type("state:restarted")
        await stage.press("enter")
        assert "/patched-1" in stage.text()
        assert "1 of 7 shown" in stage.text()
        await stage.press("escape")
        await stage.wait(600)
        assert "/patched-1" not in stage.text()
        assert "1 restarted" not in stage.text()


async def test_pause_holds_the_screen_still_and_loses_nothing(opened: Opener) -> None:
    async with opened(pod("web", container("app"))) as stage:
        await stage.press("space")
        before = stage.grid()[2:-1]
        stage.feed.put(pod("new"))
        stage.feed.happen(event(1), event(2))
        await stage.settle()
        stage.feed.happen(event(3))
        await stage.settle()
        assert stage.grid()[2:-1] == before
        assert "PAUSED, 3 changes wait   space goes on" in stage.grid()[0]
        assert "live" not in stage.grid()[0]
        assert stage.feed.takes >= 3
        await stage.press("space")
        assert "/new" in stage.text()
        assert stage.text().count("ContainerStarted") == 3
        assert "PAUSED" not in stage.text()
        assert "● live" in stage.grid()[0]


def style_of(stage: Stage, text: str) -> Style:
    """How the last segment with this text is painted."""
    segments = (s for strip in stage.app.screen._compositor.render_strips() for s in strip)
    return [s.style for s in segments if text in s.text and s.style is not None][-1]


def shown_events(stage: Stage) -> list[str]:
    """The names in the event list."""
    return [line.split()[2] for line in stage.grid() if "/p0" in line]


async def test_new_events_do_not_drag_a_reader_along(opened: Opener) -> None:
    async with opened(pod("web", container("app"))) as stage:
        stage.feed.happen(*(event(n, pod=f"p{n:03}", pod_uid="web") for n in range(50)))
        await stage.settle()
        assert "p049" in stage.text()
        await stage.press("tab", "k", "k", "pageup", "pageup")
        seen = shown_events(stage)
        stage.feed.happen(*(event(n, pod=f"p{n:03}", pod_uid="web") for n in range(50, 57)))
        await stage.settle()
        assert shown_events(stage) == seen
        assert "7 new ↓" in stage.text()
        await stage.press("G")
        assert "p056" in stage.text()
        assert "new ↓" not in stage.text()
        stage.feed.happen(event(57, pod="p057"))
        await stage.settle()
        assert "p057" in stage.text()


async def test_the_event_list_is_bounded_and_a_reader_keeps_the_place(opened: Opener) -> None:
    async with opened(pod("web")) as stage:
        stage.feed.happen(*(event(n, pod=f"p{n:05}") for n in range(5400)))
        await stage.settle()
        await stage.press("tab", *["pageup"] * 6)
        seen = shown_events(stage)
        stage.feed.happen(*(event(n, pod=f"p{n:05}") for n in range(5400, 5700)))
        await stage.settle()
        assert shown_events(stage) == seen
        assert stage.app.live.events.count == 5000
        assert "5,700" in stage.line("▎Events")


async def test_notices_are_lines_among_the_events(opened: Opener) -> None:
    async with opened() as stage:
        stage.feed.happen(
            event(1, at=T0),
            Notice("lost", T0 + 1 * S, Source.CRI, error="the socket is closed"),
            Notice("resynced", T0 + 2 * S, Source.CRI, lost=3, missed=2),
        )
        await stage.settle()
        assert "lost (cri): the socket is closed" in stage.text()
        assert "3 messages lost here, 2 events the runtime never sent" in stage.text()


async def test_copying_sends_osc_52_and_says_so(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(pod("web", container("app"))) as stage:
        sent: list[str] = []
        monkeypatch.setattr(stage.app._driver, "write", sent.append)
        await stage.press("c")
        await stage.press("j", "C")
    assert "\x1b]52;c;ZGVmYXVsdC93ZWI=\x07" in sent[0]
    assert any(text.startswith("\x1b]52;c;") for text in sent[1:])


async def test_the_footer_and_the_help_come_from_the_bindings(opened: Opener) -> None:
    async with opened(pod("web")) as stage:
        assert stage.grid()[-1].startswith(" ? help  / filter  enter details  l logs")
        stage.app.set_keymap({"view.filter": "f"})
        await stage.settle()
        assert "f filter" in stage.grid()[-1]
        await stage.press("question_mark")
        assert "f                 Show only what matches" in stage.text()
        assert "Hold the screen still" in stage.text()
        assert "logs" not in stage.text()
        await stage.press("escape")
        assert "/web" in stage.text()


async def test_the_palette_finds_commands(opened: Opener) -> None:
    async with opened(pod("web", container("app"))) as stage:
        await stage.press("colon")
        await stage.type("unhealthy")
        await stage.pilot.pause(0.3)
        await stage.press("enter")
        await stage.pilot.pause(0.1)
        await stage.press("enter")
        await stage.pilot.pause(0.1)
        await stage.settle()
        assert "unhealthy or restarted" in stage.text()


async def test_values_that_changed_glow_for_about_a_second(opened: Opener) -> None:
    async with opened(pod("web", container("app"))) as stage:
        stage.feed.put(
            pod("web", container("app", state=ContainerState.EXITED, exit_code=2,
                                 finished_at=T0, restarts=0), version=2)
        )  # fmt: skip
        await stage.settle()
        background = style_of(stage, "exit 2").bgcolor
        await stage.wait(2)
        assert style_of(stage, "exit 2").bgcolor != background
        assert "exit 2" in stage.line("└ app")


async def test_an_exit_is_a_died_event_with_its_signal(opened: Opener) -> None:
    async with opened(pod("web", exited("app", 139))) as stage:
        stage.feed.happen(event(1, EventType.CONTAINER_DIED, exit_code=139))
        await stage.settle()
        assert "exit 139 SIGSEGV" in stage.line("ContainerDied")
        assert "exit 139 SIGSEGV" in stage.line("└ app")


async def test_a_second_that_passes_while_a_change_waits_is_drawn_with_it(opened: Opener) -> None:
    async with opened(pod("aaa", age=57)) as stage:
        stage.feed.put(pod("bbb"))
        await stage.settle()
        stage.feed.put(pod("ccc"))  # comes too soon after the last, and waits
        await stage.wait(1)
        assert "/ccc" in stage.text()
        assert " 58s " in stage.line("/aaa")


async def test_a_second_that_passes_soon_after_a_picture_is_drawn_with_the_next(
    opened: Opener,
) -> None:
    async with opened(pod("aaa", age=57), fps=5.0) as stage:
        stage.feed.put(pod("bbb"))
        await stage.settle()
        takes = stage.feed.takes
        stage.clock.advance(1)
        stage.app.beat()
        assert stage.feed.takes == takes, "no picture of its own"
        await stage.settle()
        assert stage.feed.takes == takes + 1
        assert " 58s " in stage.line("/aaa")


async def test_figures_that_run_on_are_drawn_by_the_second(opened: Opener) -> None:
    async with opened(pod("web"), size=(160, 40)) as stage:

        async def happens(number: int, after: float) -> str:
            stage.clock.advance(after)
            stage.feed.happen(event(number))
            stage.feed.turn(events=number)
            await stage.settle(figures=False)
            return stage.text()

        shown = await happens(1, after=2)
        assert "  events 1  " in shown, "the first after a quiet time, at once"
        assert " Events  1  " in shown
        shown = await happens(2, after=0.5)
        assert shown.count("ContainerStarted") == 2, "what happened waits for nothing"
        assert "  events 1  " in shown
        assert " Events  1  " in shown
        stage.feed.turn(lost=3)
        await stage.settle(figures=False)
        assert "  events 2  lost 3  " in stage.text(), "what is wrong waits for nothing either"
        shown = await happens(3, after=0.2)
        assert "  events 2  " in shown
        assert " Events  2  " in shown
        for _ in range(2):
            stage.clock.advance(1)
            stage.app.beat()
            await stage.settle(figures=False)
        assert "  events 3  " in stage.text()
        assert " Events  3  " in stage.text()


async def test_ages_grow(opened: Opener) -> None:
    async with opened(pod("web", age=57)) as stage:
        assert " 57s " in stage.line("/web")
        await stage.wait(2)
        assert " 59s " in stage.line("/web")
        await stage.wait(2)
        assert " 1m " in stage.line("/web")


async def test_a_row_that_comes_into_sight_later_has_grown_as_old(opened: Opener) -> None:
    async with opened(*(pod(f"p{n:03}", age=600) for n in range(60)), size=(100, 30)) as stage:
        await stage.wait(40)
        assert " 10m " in stage.line("/p000")
        await stage.wait(21)
        assert " 11m " in stage.line("/p000")
        await stage.wait(30)
        await stage.press("G")
        assert " 11m " in stage.line("/p059")
        await stage.wait(30)
        assert " 12m " in stage.line("/p059")


async def test_keys_move_as_fingers_expect(opened: Opener) -> None:
    async with opened(*(pod(f"p{n:03}") for n in range(300)), size=(100, 30)) as stage:
        await stage.press("j", "j", "k")
        assert "p001" in stage.cursor_line()
        await stage.press("G")
        assert "p299" in stage.cursor_line()
        await stage.press("g")
        assert "p000" in stage.cursor_line()
        await stage.press("ctrl+d")
        half = stage.app.live.pods.cursor
        await stage.press("ctrl+u")
        assert stage.app.live.pods.cursor == 0
        await stage.press("pagedown")
        assert stage.app.live.pods.cursor in (half * 2, half * 2 + 1)
        await stage.press("end")
        assert "p299" in stage.cursor_line()
        await stage.press("home")
        assert "p000" in stage.cursor_line()
