"""The kubelet's mode in the status line of every screen, and the banner that tells of its drift."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pleg_tui.migrate.journal import Entry, Journal
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.types import (
    Change,
    ChangeKind,
    Evidence,
    KubeletFacts,
    Look,
    Mode,
    Weight,
)
from pleg_tui.ui.content.bars import StatusFacts, status_line
from pleg_tui.ui.content.glyphs import UNICODE
from pleg_tui.ui.content.pleg import Told, drift_line, mode_part
from pleg_tui.ui.drift import Drift, Eyes, half_done
from pleg_tui.ui.site import Site
from tests import migrate_scenes as scenes
from tests.migrate.nodes import kubeadm
from tests.ui.conftest import Opener, Stage, until
from tests.ui.fakes import LIVE, a_node

SIZES = ((80, 24), (120, 40), (200, 50))
FELL = Change(
    ChangeKind.FELL_BACK, scenes.AT, "the kubelet has fallen back to polling: 20 relists in 20 s",
    "restart the kubelet to put it back on events", "metrics",
)  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (Mode.GENERIC, "PLEG polling"),
        (Mode.EVENTED, "PLEG events"),
        (Mode.FALLEN_BACK, "PLEG fallen back!"),
        (Mode.HINT_ONLY, "PLEG hints only"),
        (Mode.UNKNOWN, "PLEG ?"),
    ],
)
async def test_every_screen_says_what_the_kubelet_does(
    opened: Opener, mode: Mode, text: str
) -> None:
    drift = scenes.drift()
    drift.take_facts(scenes.kubelet(mode))
    async with opened(*a_node(), size=(80, 24), drift=drift) as stage:
        for key in "1234":
            await stage.press(key)
            await until(stage, text)
            assert text in stage.grid()[0], stage.grid()[0]


async def test_where_no_kubelet_is_looked_at_nothing_is_said_of_it(opened: Opener) -> None:
    async with opened(*a_node()) as stage:
        assert "PLEG" not in stage.grid()[0]
        await stage.press("3")
        assert "no kubelet is looked at" in stage.text()


def test_the_mode_fits_beside_the_simulators_badge_in_80_columns() -> None:
    assert LIVE.runtime is not None
    health = replace(LIVE, runtime=replace(LIVE.runtime, simulated=True))
    modes = tuple((str(i), name, i == 3) for i, name in enumerate(
        ("Live", "Compare", "Migrate", "Node"), 1))  # fmt: skip
    for mode in Mode:
        facts = StatusFacts("node-1", health, modes=modes, pleg=mode_part(mode))
        text = "".join(part for part, _ in status_line(facts, 80, UNICODE))
        assert len(text) == 80
        assert mode_part(mode).text in text
        assert "3 Migrate" in text
        assert "SIMULATED" in text


# -- the banner


async def raised(stage: Stage, change: Change = FELL) -> None:
    drift = stage.app.drift
    assert drift is not None
    look = scenes.look(
        Mode.FALLEN_BACK if change.kind is ChangeKind.FELL_BACK else drift.mode, changes=(change,)
    )
    drift.take_look(look)
    stage.app._drift_changed()
    await stage.settle()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_fall_back_is_raised_with_its_remedy(
    opened: Opener, same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    drift = scenes.drift()
    drift.take_facts(scenes.kubelet(Mode.EVENTED))
    async with opened(*a_node(), size=size, drift=drift) as stage:
        await raised(stage)
        same_grid(stage, f"drift-banner-{size[0]}x{size[1]}")


async def test_the_banner_is_on_every_screen_until_it_is_put_away(opened: Opener) -> None:
    drift = scenes.drift()
    drift.take_facts(scenes.kubelet(Mode.EVENTED))
    async with opened(*a_node(), drift=drift) as stage:
        await raised(stage)
        for key in "2341":
            await stage.press(key)
            await until(stage, "restart the kubelet")
            assert "restart the kubelet" in stage.grid()[1], key
        await stage.press("X")
        stage.app._drift_changed()
        await stage.settle()
        assert "restart the kubelet" not in stage.grid()[1]
        await stage.press("4")
        assert "fallen back" in stage.text(), "Node keeps what it said"


async def test_a_kubelet_that_is_on_events_again_takes_the_banner_away(opened: Opener) -> None:
    drift = scenes.drift()
    drift.take_facts(scenes.kubelet(Mode.EVENTED))
    async with opened(*a_node(), drift=drift) as stage:
        await raised(stage)
        drift.take_facts(scenes.kubelet(Mode.EVENTED, pid=4800))
        stage.app._drift_changed()
        await stage.settle()
        assert "PLEG events" in stage.grid()[0]
        assert "restart the kubelet" not in stage.grid()[1]


def test_what_is_urgent_is_not_hidden_behind_what_is_not() -> None:
    drift = scenes.drift()
    drift.tell(FELL)
    drift.tell(Change(ChangeKind.DISCARDS, scenes.AT, "it threw away 3 pod events", "", "metrics"))
    assert drift.banner is not None
    assert drift.banner.kind == ChangeKind.FELL_BACK
    assert [one.kind for one in drift.told] == ["fell-back", "discards"]


def test_what_our_own_switch_restarts_is_kept_and_not_raised() -> None:
    drift = scenes.drift()
    drift.quiet = True
    drift.tell(Change(ChangeKind.RESTARTED, scenes.AT, "it was restarted", "", "/proc"))
    assert drift.banner is None
    assert len(drift.told) == 1


@pytest.mark.parametrize(
    ("mode", "remedy"), [(Mode.EVENTED, "restart the kubelet, too"), (Mode.GENERIC, "")]
)
def test_a_restart_of_the_runtime_is_told_and_matters_only_on_events(
    mode: Mode, remedy: str
) -> None:
    drift = scenes.drift()
    drift.take_facts(scenes.kubelet(mode))
    (vitals,) = scenes.vitals(0)
    drift.take_vitals(replace(vitals, runtime_restarted=True))
    assert drift.banner is not None
    assert "the runtime has been restarted" in drift.banner.says
    assert drift.banner.remedy.startswith(remedy)
    assert bool(drift.banner.remedy) is bool(remedy)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_banner_keeps_to_its_line_and_to_the_text_of_the_node(width: int) -> None:
    told = Told(scenes.AT, "fell-back", "[red]x[/] " * 40, "restart it", "log")
    parts = drift_line(told, width, UNICODE, "X")
    text = "".join(part for part, _ in parts)
    assert len(text) <= width
    assert "restart it" in text
    assert "X" in text


# -- the thread


class Eye:
    """A node that is looked at without there being one."""

    def __init__(self, *modes: Mode, counted: bool = False) -> None:
        self.modes = list(modes)
        self.asked: list[KubeletOptions] = []
        self.looks = 0
        self.threads: set[str] = set()
        self.counted = counted

    def eyes(self) -> Eyes:
        return Eyes(self.read, lambda *_: self, lambda *_: self)  # type: ignore[arg-type]

    def read(self, root: str, options: KubeletOptions, stop: Any) -> KubeletFacts:
        del root, stop
        self.threads.add(threading.current_thread().name)
        self.asked.append(options)
        mode = self.modes.pop(0) if len(self.modes) > 1 else self.modes[0]
        evidence: tuple[Evidence, ...] = ()
        if options.rhythm_s:
            evidence = (Evidence("rhythm", "watched its reading for 20 s", Weight.STRONG),)
        more = {"figures": scenes.figures()} if self.counted else {}
        return scenes.kubelet(mode, evidence=evidence, **more)

    def renew(self, facts: KubeletFacts) -> None:
        del facts

    def look(self) -> Look:
        self.looks += 1
        return scenes.look(self.modes[0])

    def close(self) -> None:
        pass


async def follow(eye: Eye, until: Callable[[Drift], bool]) -> Drift:
    drift = Drift(Site(), lambda: ("", ""), lambda: None, eye.eyes())
    drift.start()
    end = time.monotonic() + 20
    while not until(drift):
        assert time.monotonic() < end, drift
        await asyncio.sleep(0.01)
    return drift


async def test_what_costs_little_comes_first_and_nothing_more_is_done_where_it_tells() -> None:
    eye = Eye(Mode.GENERIC)
    drift = await follow(eye, lambda one: one.look is not None)
    await drift.close()
    assert [one.rhythm_s for one in eye.asked] == [0.0]
    assert not eye.asked[0].ask_node, "the API server is asked only by who opens Migrate"
    assert eye.threads == {"kubelet"}


async def test_the_rhythm_is_watched_once_for_a_kubelet_and_again_when_asked() -> None:
    eye = Eye(Mode.UNKNOWN, Mode.EVENTED, Mode.UNKNOWN)
    drift = await follow(eye, lambda one: one.look is not None)
    assert [one.rhythm_s > 0 for one in eye.asked] == [False, True]
    facts = await drift.full_look()
    assert facts is not None
    assert facts.mode is Mode.EVENTED, "what was seen of this very process still counts"
    assert [one.rhythm_s > 0 for one in eye.asked] == [False, True, False]
    await drift.full_look(rhythm=True)
    assert [one.rhythm_s > 0 for one in eye.asked][3:] == [False, True]
    assert drift.rhythm_at is not None
    await drift.close()


async def test_its_own_cost_is_counted() -> None:
    eye = Eye(Mode.GENERIC)
    drift = await follow(eye, lambda one: one.cost.followed_for_s > 0)
    await drift.full_look()
    assert drift.cost.first_s >= 0
    await drift.close()


async def test_a_fault_ends_in_a_sentence_and_nobody_waits_for_ever() -> None:
    def broken(*_: Any) -> Any:
        raise OSError("the disk is gone")

    drift = Drift(Site(), lambda: ("", ""), lambda: None, Eyes(broken, broken, broken))
    assert await drift.full_look() is None
    end = time.monotonic() + 10
    while not drift.problem:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    assert drift.problem == "the disk is gone"
    assert drift.mode_why == "the disk is gone"
    await drift.close()


# -- what was left half done


def test_a_switch_that_was_left_half_done_is_raised_at_the_start(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    assert half_done(str(tmp_path), scenes.AT) is None
    journal = Journal.at(str(tmp_path))
    plan = node.plan()
    with journal.locked():
        entries = tuple(Entry(one.path, one.before, one.after) for one in plan.changes)
        journal.begin(plan, entries, healthz=True)
        told = half_done(str(tmp_path), scenes.AT)
        assert told is not None
        assert "another process is switching this node" in told.says
    told = half_done(str(tmp_path), scenes.AT)
    assert told is not None
    assert "left half done at: keeping the old files" in told.says
    assert told.remedy == "Migrate finishes or undoes it"
