"""The Live screen when something is amiss: no runtime, no pods, no room, no colours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from pleg_tui.feed.types import Health, Notice, Phase
from pleg_tui.model import EventType, RuntimeInfo
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import (
    ENDPOINT,
    LIVE,
    RUNTIME,
    T0,
    FakeFeed,
    a_node,
    container,
    event,
    pod,
)

SIZES = [(80, 24), (120, 40), (200, 50)]


async def test_waiting_for_a_runtime_says_for_what_and_since_when(opened: Opener) -> None:
    feed = FakeFeed(health=Health())
    async with opened(feed=feed) as stage:
        assert "Starting" in stage.text()
        assert ENDPOINT in stage.text()
        feed.turn(
            phase=Phase.CONNECTING,
            error="nothing listens on the socket: is containerd running?",
            retry_at=stage.clock.mono + 3,
        )
        await stage.settle()
        assert "Waiting for the container runtime" in stage.text()
        assert "since 22:13:20" in stage.text()
        assert "Trying again in 3 s." in stage.text()
        assert "is containerd running?" in stage.text()
        await stage.wait(2)
        assert "Trying again in 1 s." in stage.text()
        feed.health = LIVE
        feed.put(pod("web"))
        feed.turn()
        await stage.settle()
        assert "Waiting" not in stage.text()
        assert "/web" in stage.text()


async def test_a_lost_connection_keeps_the_list_and_counts_down(
    opened: Opener, same_grid: Callable[[Stage, str], None]
) -> None:
    async with opened(*a_node(), size=(100, 32)) as stage:
        stage.feed.turn(
            phase=Phase.LOST,
            error="containerd closed the connection: is it restarting?",
            retry_at=stage.clock.mono + 5,
        )
        await stage.settle()
        assert "✖ lost" in stage.text()
        assert "is it restarting?  Trying again in 5 s." in stage.text()
        assert "/looper-0" in stage.text()
        same_grid(stage, "lost-100x32")
        await stage.wait(2)
        assert "Trying again in 3 s." in stage.text()
        stage.feed.turn(phase=Phase.LIVE, error="", retry_at=None, missed=2)
        await stage.settle()
        assert "● live" in stage.text()
        assert "restarting" not in stage.text()
        assert "missed 2" in stage.text()


async def test_a_node_without_pods_and_a_filter_that_matches_nothing(opened: Opener) -> None:
    async with opened() as stage:
        assert "No pods on this node" in stage.text()
        stage.feed.put(pod("web", container("app")))
        await stage.settle()
        assert "No pods" not in stage.text()
        await stage.press("slash")
        await stage.type("nope")
        assert "Nothing matches  /nope" in stage.text()
        assert "1 pod hidden. esc clears the filter." in stage.text()
        await stage.press("escape", "exclamation_mark")
        assert "Nothing is unhealthy" in stage.text()


async def test_warnings_and_losses_are_never_hidden(opened: Opener) -> None:
    async with opened(pod("web"), size=(80, 24)) as stage:
        stage.feed.turn(lost=17, missed=4, warning="CRI events were forced: they may harm the node")
        await stage.settle()
        assert "lost 17" in stage.text()
        assert "missed 4" in stage.text()
        assert "▲ CRI events were forced" in stage.text()


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 50)])
async def test_a_simulated_runtime_is_always_labelled(
    opened: Opener, size: tuple[int, int]
) -> None:
    feed = FakeFeed(health=replace(LIVE, runtime=replace(RUNTIME, simulated=True), lost=1234567))
    async with opened(pod("web"), feed=feed, size=size) as stage:
        assert "SIMULATED" in stage.grid()[0]


async def test_too_small_a_terminal_is_told_what_it_takes(opened: Opener) -> None:
    async with opened(pod("web"), size=(59, 20)) as stage:
        assert "needs 60×15" in stage.text()
        assert "59×20" in stage.text()
        assert "/web" not in stage.text()
        await stage.pilot.resize_terminal(80, 24)
        await stage.settle()
        assert "/web" in stage.text()
        await stage.press("j")
        assert "needs" not in stage.text()


HOSTILE = ["x[/]y", "[@click=app.quit]run[/]", "[red]r[/red]", "^[]52;c;aGk=^G", "$name {x} \\["]


async def test_names_from_the_node_are_shown_as_they_are_and_never_obeyed(opened: Opener) -> None:
    pods = [
        pod(f"pod-{name}", container(name, image=name, labels={name: name}, id=f"c{n}"),
            namespace=name, uid=f"u{n}")
        for n, name in enumerate(HOSTILE)
    ]  # fmt: skip
    every = "".join(HOSTILE)
    runtime = RuntimeInfo(HOSTILE[0], "1", ENDPOINT)
    feed = FakeFeed(health=replace(LIVE, warning=f"warns of {every}", runtime=runtime))
    answer = {"status": {"labels": {name: name for name in HOSTILE}}, "info": {every: every}}
    feed.answers = {f"c{n}": answer for n in range(len(HOSTILE))}
    async with opened(*pods, feed=feed, size=(240, 60)) as s:
        assert f"warns of {every}" in s.text()
        for name in HOSTILE:
            assert f"{name}/pod-{name}" in s.text()
            assert f"└ {name}" in s.text()
            s.feed.happen(
                event(1, EventType.CONTAINER_DIED, name, container=name, reason=name, exit_code=3),
                Notice("lost", T0, error=name),
            )
        await s.settle()
        for name in HOSTILE:
            assert f"exit 3 {name}" in s.text()
            assert f"─ lost: {name}" in s.text()
        await s.press("j", "enter")
        assert all(s.text().count(name) > 1 for name in HOSTILE)
        await s.press("escape", "y")
        assert every.replace("\\", "\\\\") in s.text()
        await s.press("escape", "c")
        assert f"copied {s.app.live.pods.row.container.name}" in s.text()  # type: ignore[union-attr]
        await s.press("slash")
        field = s.app.live.query_one("#filter-input")
        field.value = "zz" + every.replace(" ", "")  # type: ignore[attr-defined]
        await s.press("enter")
        assert "Nothing matches" in s.text()
        assert s.app.return_code in (None, 0)
        assert s.app.is_running


async def test_wide_characters_do_not_break_the_columns(opened: Opener) -> None:
    names = ["日本語のポッド名前はとても長い", "emoji-🚀🚀❤️", "zalgo-a\u0301\u0302\u0303", "plain"]
    async with opened(*(pod(n, container("c")) for n in names), size=(100, 30)) as stage:
        from rich.cells import cell_len

        rows = [line for line in stage.grid() if "●" in line and "live" not in line]
        assert len(rows) == 8
        where = rows[-1].index("●")
        assert {cell_len(line[: line.index("●")]) for line in rows} == {where}


async def test_a_long_absence_is_told_with_what_it_missed(opened: Opener) -> None:
    async with opened(pod("web")) as stage:
        await stage.wait(2)
        stage.clock.advance(180)
        stage.feed.happen(*(event(n) for n in range(214)))
        stage.app.beat()
        await stage.settle()
        await stage.wait(1)
        assert "away 3 min, 214 changes" in stage.text()
        await stage.wait(12)
        assert "away" not in stage.text()


async def test_nothing_but_ascii_where_no_more_can_be_shown(
    opened: Opener, same_grid: Callable[[Stage, str], None]
) -> None:
    async with opened(*a_node(), pod("日本"), size=(80, 24), ascii=True) as stage:
        strips = stage.app.screen._compositor.render_strips()
        text = "\n".join("".join(segment.text for segment in strip) for strip in strips)
        assert text.isascii()
        same_grid(stage, "ascii-80x24")


@pytest.mark.parametrize("theme", ["pleg-light", "ansi-dark", "ansi-light"])
async def test_every_theme_opens(opened: Opener, theme: str) -> None:
    async with opened(*a_node(), theme=theme) as stage:
        await stage.press("j")
        assert "looper-0" in stage.text()


async def test_no_color_means_no_colours(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(*a_node()) as stage:
        await stage.press("j")
        for strip in stage.app.screen._compositor.render_strips():
            for segment in strip:
                if segment.style is not None:
                    for color in (segment.style.color, segment.style.bgcolor):
                        assert color is None or color.is_default
