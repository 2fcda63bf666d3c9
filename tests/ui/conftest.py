"""What the tests of the screens share: the app on a fake feed, and grids kept as text."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field
from textual.pilot import Pilot

from pleg_tui.ui.app import PlegTui
from pleg_tui.ui.content.bars import Usage
from pleg_tui.ui.options import UiOptions
from tests.ui.fakes import ENDPOINT, Clock, FakeFeed, FakeSampler

GRIDS = Path(__file__).parent / "grids"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    for name in ("NO_COLOR", "SSH_CONNECTION", "COLORFGBG", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often whether the app has come to rest than Textual's pilot would."""
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)


class Stage(Struct):
    """A running dashboard, the feed that plays to it, and the clock that both go by."""

    feed: FakeFeed
    clock: Clock
    app: PlegTui
    pilot: Pilot[None]
    written: list[str] = field(default_factory=list)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self, *, figures: bool = True) -> None:
        """Let everything that was told be drawn, with figures that may wait for the next second."""
        for _ in range(100):
            await self.pilot.pause()
            pump = self.app._pump
            if (pump is None or pump._handle is None) and not self.app.type_ahead.busy:
                break
            await self.pilot.pause(0.01)
        if figures and self.app.live.is_mounted:
            self.app.live._refresh_bars()
        await self.pilot.pause()

    async def wait(self, seconds: float) -> None:
        """Let time pass, a beat a second, as the app's own clock would."""
        while seconds > 0:
            step = min(seconds, 1.0)
            self.clock.advance(step)
            self.app.beat()
            seconds -= step
        await self.settle()

    async def type(self, text: str) -> None:
        await self.press(*({" ": "space", "!": "exclamation_mark"}.get(c, c) for c in text))

    def grid(self) -> list[str]:
        """The screen's text, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def text(self) -> str:
        return "\n".join(self.grid())

    def line(self, part: str) -> str:
        """The one line that holds this."""
        found = [line for line in self.grid() if part in line]
        assert len(found) == 1, f"{part!r} is in {len(found)} lines of\n{self.text()}"
        return found[0]

    def cursor_line(self) -> str:
        """The line under the cursor of the pods' list."""
        pods = self.app.live.pods
        y = pods.region.y + pods.cursor - round(pods.scroll_y)
        return self.grid()[y]


Opener = Callable[..., AbstractAsyncContextManager[Stage]]


async def until(stage: Stage, text: str, *, gone: bool = False) -> None:
    """Wait until the screen says so; files are read beside the loop."""
    for _ in range(400):
        await stage.settle()
        folded = " ".join(stage.text().split())
        if (text in stage.text() or text in folded) != gone:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{text!r} is {'still' if gone else 'not'} in\n{stage.text()}")


@pytest.fixture
def opened() -> Opener:
    """Open a dashboard: `async with opened(pods=[...]) as stage`."""

    @asynccontextmanager
    async def opener(
        *pods: Any,
        size: tuple[int, int] = (120, 40),
        feed: FakeFeed | None = None,
        timeline: bool = False,
        **options: Any,
    ) -> AsyncIterator[Stage]:
        # Most tests are about the list: without the strips a name is on the screen once.
        clock = Clock()
        feed = feed or FakeFeed()
        feed.put(*pods)
        chosen: dict[str, Any] = {
            "fps": 1000.0, "ascii": False, "theme": "pleg-dark", "node": "node-1",
            "endpoint": ENDPOINT, **options,
        }  # fmt: skip
        sampler = chosen.pop("sampler", None) or FakeSampler()
        prepare = chosen.pop("prepare", None)
        drift = chosen.pop("drift", None)
        app = PlegTui(
            feed,
            UiOptions(**chosen),
            now=clock.now,
            monotonic=clock.monotonic,
            measure=lambda _pid, _now: Usage(0.8, 71 << 20),
            sampler=lambda: sampler,
            prepare=prepare,
            drift=drift,
        )
        async with app.run_test(size=size) as pilot:
            stage = Stage(feed, clock, app, pilot)
            await stage.settle()
            if not timeline and app.live.timeline.display:
                app.live.action_timeline()
            await stage.wait(0.001)
            yield stage

    return opener


MODES_APART = ("migrate-", "node-figures", "node-unknown")


@pytest.fixture
def same_grid(request: pytest.FixtureRequest) -> Callable[[Stage, str], None]:
    """Compare the screen with the grid that is kept under a name."""
    update = bool(request.config.getoption("--update-grids", default=False))

    def compare(stage: Stage, name: str) -> None:
        path = GRIDS / f"{name}.txt"
        text = stage.text() + "\n"
        if name.startswith(MODES_APART):
            # How many beats these waited depends on the machine, and so does what it cost by then.
            first, rest = text.split("\n", 1)
            text = re.sub(r" {2,}(lag|events|cpu|mem) .*", "", first) + "\n" + rest
        if update:
            GRIDS.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        assert path.exists(), f"{path.name} is missing: run with --update-grids and look at it"
        assert text == path.read_text("utf-8"), f"the screen differs from {path.name}:\n{text}"

    return compare
