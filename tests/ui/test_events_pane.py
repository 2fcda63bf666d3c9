"""The pane of events: which are shown, what relists would have seen, where they lead."""

from __future__ import annotations

import pytest

from pleg_tui.feed.types import Notice
from pleg_tui.model import EventType, Source
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import T0, S, container, event, exited, pod

CREATED, STARTED, DIED = (
    EventType.CONTAINER_CREATED, EventType.CONTAINER_STARTED, EventType.CONTAINER_DIED,
)  # fmt: skip
MS = 1_000_000


def title(stage: Stage) -> str:
    """The title of the pane of events."""
    return next(line for line in stage.grid() if " Events " in line or "▎Events " in line)


def shown(stage: Stage) -> list[str]:
    """The paths of the events on the screen."""
    lines = [line.split() for line in stage.grid() if line.startswith(" 22:1")]
    return [words[2] for words in lines if words[1].startswith(("Container", "Sandbox"))]


async def test_a_modelled_relist_sees_an_event_later_or_never(opened: Opener) -> None:
    async with opened(pod("web", container("app"))) as stage:
        stage.feed.happen(event(1, STARTED, container_id="0" * 64, at=T0 - 5 * S, replayed=True))
        await stage.settle()
        stage.feed.happen(
            event(2, STARTED, container_id="a" * 64, at=T0 + 580 * MS),
            event(3, CREATED, container_id="b" * 64, container="brief", at=T0 + 100 * MS),
            event(4, STARTED, container_id="b" * 64, container="brief", at=T0 + 200 * MS),
            event(5, DIED, container_id="b" * 64, container="brief", exit_code=0,
                  at=T0 + 300 * MS),
            event(6, DIED, container_id="e" * 64, container="found", at=T0 + 300 * MS,
                  source=Source.RELIST, exit_code=0),
        )  # fmt: skip
        await stage.settle()
        assert "relist 1s (modelled)" in title(stage)
        assert "never" not in stage.text()
        await stage.wait(3)
        lines = [line for line in stage.grid() if line.startswith(" 22:1")]
        assert "+" not in lines[0]
        assert "↺ before" in lines[0]
        assert "+420 ms" in lines[1]
        assert "never" in lines[2]
        assert "never" in lines[3]
        assert "+700 ms" in lines[4]
        assert "+" not in lines[5]
        assert "never" not in lines[5]
        assert lines[1].endswith("3 ms")


async def test_a_narrow_list_shows_it_in_the_place_of_the_lag(opened: Opener) -> None:
    async with opened(pod("web", container("app")), size=(80, 24)) as stage:
        stage.feed.happen(event(1, STARTED, at=T0 + 580 * MS))
        await stage.wait(3)
        assert title(stage).endswith(" lag")
        assert stage.line("ContainerStarted").endswith(" 3 ms")
        await stage.press("m")
        assert title(stage).endswith("relist 1s (modelled)")
        assert stage.line("ContainerStarted").endswith("+420 ms")
        await stage.press("m")
        assert stage.line("ContainerStarted").endswith(" 3 ms")


async def test_events_follow_the_lists_filter_until_told_otherwise(opened: Opener) -> None:
    async with opened(pod("web", container("app")), pod("api", container("main"))) as stage:
        stage.feed.happen(event(1), Notice("resynced", T0), event(2, pod="api", container="main"))
        await stage.settle()
        await stage.press("slash")
        await stage.type("web")
        await stage.press("enter")
        assert shown(stage) == ["default/web/app"]
        assert "resynced" in stage.text()
        assert "2 shown" in title(stage)
        stage.feed.happen(event(3, pod="api"), event(4, container="late"))
        await stage.settle()
        assert shown(stage) == ["default/web/app", "default/web/late"]
        await stage.press("E")
        assert len(shown(stage)) == 4
        assert "whatever the list shows" in title(stage)
        assert "/api" not in "\n".join(stage.grid()[:10])
        await stage.press("E", "escape")
        assert len(shown(stage)) == 4


async def test_events_have_a_filter_of_their_own(opened: Opener) -> None:
    async with opened(pod("web", container("app")), pod("api", container("main"))) as stage:
        stage.feed.happen(event(1), event(2, pod="api", container="main"))
        await stage.settle()
        await stage.press("shift+tab", "slash")
        await stage.type("main")
        await stage.press("enter")
        assert shown(stage) == ["default/api/main"]
        assert "own /main" in title(stage)
        assert "default/web" in stage.text()
        assert stage.app.live.events.has_focus
        await stage.press("escape")
        assert len(shown(stage)) == 2
        assert "own /" not in title(stage)


async def test_a_filter_by_label_finds_the_events_of_what_is_gone(opened: Opener) -> None:
    async with opened(pod("web", container("app"), labels={"app": "web"}), pod("api")) as stage:
        stage.feed.happen(event(1), event(2, pod="api", container=""))
        await stage.settle()
        stage.feed.drop("web")
        await stage.settle()
        stage.feed.happen(event(3, EventType.SANDBOX_REMOVED, container=""))
        await stage.wait(5)
        await stage.press("slash")
        await stage.type("-l")
        stage.app.live.filter_by("-l app=web")
        await stage.settle()
        assert shown(stage) == ["default/web/app", "default/web"]


async def test_only_the_events_of_what_is_under_the_cursor(opened: Opener) -> None:
    async with opened(
        pod("api", container("one"), container("two")), pod("web", container("app"))
    ) as stage:
        stage.feed.happen(
            event(1, pod="api", container="one"), event(2, pod="api", container="two"), event(3)
        )
        await stage.settle()
        await stage.press("v")
        assert shown(stage) == ["default/api/one", "default/api/two"]
        assert "of default/api" in title(stage)
        await stage.press("j", "j", "v")
        assert shown(stage) == ["default/api/two"]
        stage.feed.drop("api")
        await stage.wait(5)
        stage.feed.happen(event(4, DIED, pod="api", container="two", container_id="f" * 64))
        await stage.settle()
        assert shown(stage) == ["default/api/two", "default/api/two"]
        await stage.press("escape")
        assert len(shown(stage)) == 4


async def test_enter_goes_to_the_container_if_it_is_there(opened: Opener) -> None:
    app = container("app", id="c" * 64)
    async with opened(pod("aaa"), pod("web", container("other"), app)) as stage:
        await stage.press("z")
        stage.feed.happen(event(1), event(2, pod="gone", exit_code=3, reason="Broken"))
        await stage.settle()
        await stage.press("shift+tab", "k", "enter")
        assert stage.app.live.pods.has_focus
        assert "app" in stage.cursor_line()
        await stage.press("shift+tab", "G", "enter")
        assert "gone; this is what was last known" in stage.text()
        assert "default/gone/app" in stage.text()
        assert "c" * 64 in stage.text()


async def test_what_is_last_known_of_a_gone_container_is_shown(opened: Opener) -> None:
    ended = exited("app", 137, id="c" * 64, reason="OOMKilled")
    async with opened(pod("web", ended)) as stage:
        stage.feed.happen(event(1, DIED, exit_code=137, reason="OOMKilled"))
        await stage.settle()
        stage.feed.drop("web")
        await stage.wait(5)
        stage.feed.answers["c" * 64] = "there is no such container"
        await stage.press("shift+tab", "enter")
        assert "gone; this is what was last known" in stage.text()
        assert "OOMKilled (exit 137)" in stage.text()
        assert "there is no such container" in stage.text()


async def test_enter_says_when_the_pod_is_hidden(opened: Opener) -> None:
    async with opened(pod("web", container("app")), pod("api")) as stage:
        stage.feed.happen(event(1))
        await stage.settle()
        await stage.press("slash")
        await stage.type("api")
        await stage.press("enter", "E", "shift+tab", "enter")
        assert "hidden" in stage.grid()[0]


async def test_a_reader_keeps_the_place_when_the_choice_changes(opened: Opener) -> None:
    async with opened(pod("a"), pod("b")) as stage:
        stage.feed.happen(*(event(n, pod="ab"[n % 2], at=T0 + n) for n in range(60)))
        await stage.settle()
        await stage.press("shift+tab", "pageup", "pageup")
        entry = stage.app.live.events.entry
        await stage.press("v")
        assert stage.app.live.events.entry is entry
        assert not stage.app.live.events.following
        await stage.press("v")
        assert stage.app.live.events.entry is entry


async def test_a_pause_of_hours_in_a_storm_is_bounded(opened: Opener) -> None:
    async with opened(pod("web")) as stage:
        await stage.press("space")
        held = stage.app.live._held
        assert held is not None
        for lot in range(12):
            stage.feed.put(*(pod(f"x{lot}-{n}") for n in range(20)))
            stage.feed.happen(*(event(lot * 1000 + n, at=T0 + lot * S) for n in range(1000)))
            await stage.settle()
            stage.feed.drop(*(f"x{lot}-{n}" for n in range(20)))
            await stage.settle()
        assert "PAUSED, 12k changes wait" in stage.text()
        assert len(held.entries) == 5000
        assert held.touched <= {"web"}
        await stage.press("space")
        assert "7,000 events came while paused and were not kept" in stage.text()
        assert "12,000" in title(stage)
        assert stage.app.live.events.count == 5000
        await stage.wait(10)
        assert "7,000 not kept" in title(stage)


async def test_rate_and_lag_of_the_last_minute(opened: Opener) -> None:
    async with opened(pod("web"), size=(160, 40)) as stage:
        assert "rate" not in title(stage)
        stage.feed.happen(*(event(n) for n in range(24)))
        await stage.settle()
        await stage.wait(2)
        stage.feed.happen(event(24, received_at=T0 + 12 * MS))
        await stage.settle()
        assert "█▂ max 12/s" in title(stage)
        assert "▃█ max 12 ms" in title(stage)
        before = title(stage)
        await stage.press("space")
        await stage.wait(10)
        assert title(stage) == before
        await stage.press("space")
        await stage.wait(60)
        assert "rate" not in title(stage)


@pytest.mark.parametrize("size", [(80, 24), (100, 30)])
async def test_the_sparklines_are_ascii_where_no_more_can_be_shown(
    opened: Opener, size: tuple[int, int]
) -> None:
    async with opened(pod("web"), size=size, ascii=True) as stage:
        stage.feed.happen(*(event(n) for n in range(24)))
        await stage.settle()
        assert title(stage).isascii()
        assert ("# max 12/s" in title(stage)) is (size[0] >= 100)
