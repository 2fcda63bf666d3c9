"""Makes the pictures in this folder: `make screenshots`.

Each is the program itself on a simulated node with a fixed seed and a clock of its own, so the same
code gives the same picture.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.update(TZ="UTC", TEXTUAL_ANIMATIONS="none", COLORTERM="truecolor", TERM="xterm-256color")
for _name in ("NO_COLOR", "SSH_CONNECTION"):
    os.environ.pop(_name, None)
time.tzset()

from pleg_tui.compare.report import from_json  # noqa: E402
from pleg_tui.compare.types import Plan  # noqa: E402
from pleg_tui.sim.options import Options  # noqa: E402
from pleg_tui.ui.app import PlegTui  # noqa: E402
from pleg_tui.ui.content.bars import Usage  # noqa: E402
from pleg_tui.ui.options import UiOptions  # noqa: E402
from tests import migrate_scenes  # noqa: E402
from tests.compare_scenes import FakeExperiment, FakeLab  # noqa: E402
from tests.scenes import SceneFeed  # noqa: E402


class Shot(Struct, frozen=True):
    """One picture: what is on the node, how large the terminal is, what is pressed."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    theme: str = "pleg-dark"
    scenario: str = "steady"
    seconds: int = 45
    report: str = ""
    """A report of a real run on the simulator, for the experiment to end with."""
    kubelet: bool = False
    """With a kubelet as tests/migrate_scenes.py makes it up, on a simulated node."""


SHOTS = (
    Shot("live", (120, 40), ("j", "j", "j", "j")),
    Shot("live-80x24", (80, 24)),
    Shot("live-200x50", (200, 50), ("j", "j", "j", "j")),
    Shot("live-light", (120, 40), ("j", "j"), theme="pleg-light"),
    Shot("unhealthy", (120, 40), ("exclamation_mark", "j"), scenario="oom", seconds=60),
    Shot("details", (120, 40), ("exclamation_mark", "j", "j", "enter"), scenario="oom", seconds=60),
    Shot("compare", (120, 44), ("2", "enter"), report="compare-simulated.json"),
    Shot("migrate", (120, 40), ("3", "j", "j"), kubelet=True),
    Shot("migrate-plan", (120, 40), ("3", "enter"), kubelet=True),
    Shot("help", (120, 40), ("question_mark",)),
)


class Replayed(FakeLab):
    """An experiment that ends with a report of tests/data, whose figures the simulator gave."""

    def __init__(self, name: str) -> None:
        text = (HERE.parent / "tests" / "data" / name).read_text("utf-8")
        super().__init__(from_json(json.loads(text)))

    async def prepare(self, plan: Plan) -> FakeExperiment:  # noqa: ARG002 - it ran with its own
        """One that has the report's own plan."""
        return await super().prepare(self.final.plan)


def simulated_kubelet(root: Path) -> migrate_scenes.Lab:
    """A node that is ready."""
    return migrate_scenes.lab(migrate_scenes.node_facts(root, version="1.36.2"), root)


async def take(shot: Shot) -> None:
    """Play the scene, press the keys, keep the screen."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(pods=16, churn=0.7, speed=1.0, seed=11, scenario=shot.scenario)
        feed = SceneFeed(options, Path(folder))
        lab = Replayed(shot.report) if shot.report else None
        kubelet = simulated_kubelet(Path(folder) / "node") if shot.kubelet else None
        app = PlegTui(
            feed,
            UiOptions(theme=shot.theme, node="worker-3"),
            now=feed.now,
            monotonic=feed.monotonic,
            measure=lambda *_: Usage(),  # what this program costs differs from run to run
            prepare=lab.prepare if lab is not None else None,
            drift=kubelet.migrating.drift if kubelet is not None else None,
        )
        if kubelet is not None:
            app.switching = kubelet.migrating
        async with app.run_test(size=shot.size) as pilot:
            await pilot.pause(0.2)
            feed.on_dirty = None  # the app paces itself by the real clock; here, by the scene's
            for _ in range(shot.seconds):
                feed.play(1)
                app._take()
                app.beat()
                await pilot.pause()
            await pilot.pause(0.4)
            for key in shot.keys:
                await pilot.press(key)
                await pilot.pause(0.1)
            if lab is not None:
                lab.last.finish()
                await pilot.pause(0.2)
                for _ in range(9):  # until the status line has said that it is done
                    feed.play(1)
                    app._take()
                    app.beat()
            await pilot.pause(0.4)
            picture = app.export_screenshot(title="pleg-tui")
    # Without this, some viewers drop the spaces that columns stand on.
    picture = picture.replace("<text ", '<text xml:space="preserve" ')
    (HERE / f"{shot.name}.svg").write_text(picture)
    print(f"screenshots/{shot.name}.svg")


async def main() -> None:
    """All of them, or those that are named."""
    wanted = set(sys.argv[1:])
    for shot in SHOTS:
        if not wanted or shot.name in wanted:
            await take(shot)


if __name__ == "__main__":
    asyncio.run(main())
