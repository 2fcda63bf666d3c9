"""The Migrate screen as its user sees it: each answer, the plan, a switch and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pleg_tui.migrate import journal
from pleg_tui.migrate.facts import Unfinished
from pleg_tui.migrate.journal import Entry, Record
from pleg_tui.migrate.plan import Restart
from pleg_tui.node.kubelet.types import Mode
from tests import migrate_scenes as scenes
from tests.migrate.nodes import kubeadm
from tests.migrate_scenes import Lab
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import a_node

SIZES = ((80, 24), (120, 40), (200, 50))
CONFIG = "/var/lib/kubelet/config.yaml"


def ready(root: Path) -> Lab:
    return scenes.lab(scenes.node_facts(root), root)


def not_ready(root: Path) -> Lab:
    return scenes.lab(scenes.node_facts(root, version="1.25.4"), root)


def unknown(root: Path) -> Lab:
    facts = scenes.node_facts(root, version=None, runtime=scenes.NO_RUNTIME, gate=None,
                              mode=Mode.UNKNOWN)  # fmt: skip
    return scenes.lab(facts, root)


def in_use(root: Path) -> Lab:
    return scenes.lab(scenes.node_facts(root, gate=True, mode=Mode.EVENTED), root)


def degraded(root: Path) -> Lab:
    return scenes.lab(scenes.node_facts(root, gate=True, mode=Mode.FALLEN_BACK), root)


def half_done(root: Path) -> Lab:
    return scenes.lab(
        scenes.node_facts(root, unfinished=Unfinished("evented", "restarting kubelet", False)),
        root,
        record=record(root, journal.Stage.APPLYING),
    )


ANSWERS = {
    "ready": ready, "not-ready": not_ready, "unknown": unknown, "in-use": in_use,
    "degraded": degraded, "half-done": half_done,
}  # fmt: skip


def record(root: Path, stage: journal.Stage) -> Record:
    """A switch to events as its journal has it."""
    node = kubeadm(root)
    before = node.files.read(CONFIG)
    assert before is not None
    text = before.data.replace(b"featureGates:\n", b"featureGates:\n  EventedPLEG: true\n")
    restart = Restart("kubelet", "reads its configuration only when it starts", True)
    return Record(
        "20231114T220000-000000001", "evented", stage, "restarting kubelet",
        (Entry(CONFIG, before, replace(before, data=text)),), (restart,), ("kubelet",),
    )  # fmt: skip


async def open_migrate(stage: Stage, lab: Lab) -> None:
    stage.app.switching = lab.migrating
    await stage.press("3")
    await stage.settle()


@pytest.fixture
def on_migrate(opened: Opener, tmp_path: Path) -> Callable[..., Any]:
    def opener(make: Callable[[Path], Lab], **more: Any) -> Any:
        lab = make(tmp_path)
        return lab, opened(*a_node(), drift=lab.migrating.drift, **more)

    return opener


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", ANSWERS)
async def test_the_answer_and_the_checklist(
    on_migrate: Callable[..., Any],
    same_grid: Callable[[Stage, str], None],
    name: str,
    size: tuple[int, int],
) -> None:
    lab, opening = on_migrate(ANSWERS[name], size=size)
    async with opening as stage:
        await open_migrate(stage, lab)
        same_grid(stage, f"migrate-{name}-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("target", ["evented", "generic"])
async def test_the_plan_is_a_diff_with_every_restart(
    on_migrate: Callable[..., Any],
    same_grid: Callable[[Stage, str], None],
    target: str,
    size: tuple[int, int],
) -> None:
    def on_events(root: Path) -> Lab:
        lab = in_use(root)
        path = root / CONFIG.lstrip("/")
        path.write_text(
            path.read_text().replace("featureGates:\n", "featureGates:\n  EventedPLEG: true\n")
        )
        return lab

    lab, opening = on_migrate(ready if target == "evented" else on_events, size=size)
    async with opening as stage:
        await open_migrate(stage, lab)
        await stage.press("enter")
        same_grid(stage, f"migrate-plan-{target}-{size[0]}x{size[1]}")


async def test_ascii_and_no_more(
    on_migrate: Callable[..., Any], same_grid: Callable[[Stage, str], None]
) -> None:
    lab, opening = on_migrate(ready, ascii=True)
    async with opening as stage:
        await open_migrate(stage, lab)
        assert stage.text().isascii()
        same_grid(stage, "migrate-ascii-120x40")


async def test_each_check_opens_under_the_cursor(on_migrate: Callable[..., Any]) -> None:
    lab, opening = on_migrate(not_ready, size=(80, 24))
    async with opening as stage:
        await open_migrate(stage, lab)
        assert "do  upgrade the node" in stage.text(), "what fails is opened at first"
        await stage.press("G")
        assert "do  upgrade the node" not in stage.text()
        assert "systemd restarts services" in stage.text()


async def test_a_refusal_says_why_and_what_to_do(on_migrate: Callable[..., Any]) -> None:
    lab, opening = on_migrate(not_ready)
    async with opening as stage:
        await open_migrate(stage, lab)
        await stage.press("enter")
        assert "refused  this kubelet has no feature gate" in stage.text()
        await stage.press("a")
        assert "there is nothing to carry out" in stage.text()
        assert not lab.workers


async def test_static_pods_are_a_risk_to_accept(on_migrate: Callable[..., Any]) -> None:
    def with_static(root: Path) -> Lab:
        return scenes.lab(scenes.node_facts(root, pods=scenes.STATIC), root)

    lab, opening = on_migrate(with_static)
    async with opening as stage:
        await open_migrate(stage, lab)
        await stage.press("enter")
        assert "static pods run here" in stage.text()
        await stage.press("exclamation_mark")
        assert "EventedPLEG: true" in stage.text()
        assert "the risk of static pods was accepted" in stage.text()


# -- a switch


STEPS = (
    "measuring the CPU before", "keeping the old files", f"writing {CONFIG}",
    "restarting kubelet", "waiting until kubelet is well", "looking at what the kubelet does now",
)  # fmt: skip


def usage(name: str, value: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "cpu_ms_per_s": value,
        "seconds": 30.0,
        "why": "its process was not found",
    }


async def apply(stage: Stage, lab: Lab) -> None:
    """From the checklist to a switch that goes on."""
    await open_migrate(stage, lab)
    await stage.press("enter", "a")
    await stage.type("worker-1")
    await stage.press("enter")


async def told(stage: Stage) -> None:
    """What the worker said has been heard."""
    await stage.pilot.pause()
    await stage.settle()
    await stage.wait(1)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_while_it_is_carried_out(
    on_migrate: Callable[..., Any], same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    lab, opening = on_migrate(ready, size=size)
    async with opening as stage:
        await apply(stage, lab)
        lab.last.steps(*STEPS[:4])
        await told(stage)
        same_grid(stage, f"migrate-applying-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_done_and_proven_with_the_figures_side_by_side(
    on_migrate: Callable[..., Any], same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    lab, opening = on_migrate(ready, size=size)
    async with opening as stage:
        await apply(stage, lab)
        worker = lab.last
        worker.steps(*STEPS)
        verdict = {"ok": True, "mode": "evented", "says": "no relist in 60 s"}
        worker.say(
            "usage", 1, when="before", parts=[usage("kubelet", 14.2), usage("containerd", 9)]
        )
        worker.say("applied", 12, verdict=verdict)
        worker.say(
            "usage", 40, when="after", parts=[usage("kubelet", 6.1), usage("containerd", None)]
        )
        worker.say("end", 42, result="applied", why="", verdict=verdict)
        worker.say("gone", 42, why="")
        await told(stage)
        assert lab.migrating.looks == 1, "it is looked at anew"
        same_grid(stage, f"migrate-done-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_failed_and_rolled_back_by_itself(
    on_migrate: Callable[..., Any], same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    lab, opening = on_migrate(ready, size=size)
    async with opening as stage:
        await apply(stage, lab)
        why = "kubelet is not well 90 s after its restart: no process of it runs"
        lab.last.steps(*STEPS[1:5], f"failed: {why}", f"putting back {CONFIG}",
                       "restarting kubelet", "waiting until kubelet is well")  # fmt: skip
        lab.last.say("end", 18, result="failed", why=why, verdict=None)
        await told(stage)
        assert "everything was put back as it was" in stage.text()
        same_grid(stage, f"migrate-failed-{size[0]}x{size[1]}")


async def test_nothing_is_changed_without_the_nodes_name(on_migrate: Callable[..., Any]) -> None:
    lab, opening = on_migrate(ready)
    async with opening as stage:
        await open_migrate(stage, lab)
        await stage.press("enter", "a")
        assert "type worker-1" in stage.text()
        await stage.press("y", "enter")
        assert "nothing was changed" in stage.text()
        await stage.press("a", "escape")
        assert not lab.workers


async def test_the_job_is_the_plan_that_was_seen(on_migrate: Callable[..., Any]) -> None:
    lab, opening = on_migrate(ready)
    async with opening as stage:
        await open_migrate(stage, lab)
        await stage.press("enter")
        seen = lab.migrating.plan
        await stage.press("m", "m", "a")
        await stage.type("worker-1")
        await stage.press("enter")
        assert lab.last.job.plan is seen
        assert lab.last.job.measure_s == 0


async def test_another_screen_says_that_it_goes_on_and_quitting_asks(
    on_migrate: Callable[..., Any],
) -> None:
    lab, opening = on_migrate(ready)
    async with opening as stage:
        await apply(stage, lab)
        lab.last.steps(*STEPS[:2])
        await told(stage)
        await stage.press("1")
        assert "switching to evented" in stage.grid()[0]
        await stage.press("q")
        assert "A switch is going on" in stage.text()
        await stage.press("escape")
        assert not lab.last.ended
        lab.last.say("end", 9, result="applied", why="", verdict=None)
        await told(stage)
        assert "the switch has ended: applied" in stage.grid()[0]


async def test_a_worker_that_is_gone_without_a_word_is_no_success(
    on_migrate: Callable[..., Any],
) -> None:
    lab, opening = on_migrate(ready)
    async with opening as stage:
        await apply(stage, lab)
        lab.last.steps(*STEPS[:3])
        lab.last.say("gone", 6, why="its process ended with -9")
        await told(stage)
        assert "not finished" in stage.text()
        assert "finish or undo it" in stage.text()


async def test_an_interrupted_switch_is_finished_or_undone(
    on_migrate: Callable[..., Any],
) -> None:
    lab, opening = on_migrate(half_done)
    async with opening as stage:
        await open_migrate(stage, lab)
        await stage.press("enter")
        assert "finish or undo it first" in stage.text()
        await stage.press("u")
        assert "which was interrupted at: restarting kubelet" in stage.text()
        assert "-  EventedPLEG: true" in stage.text()
        await stage.press("escape", "f")
        await stage.type("worker-1")
        await stage.press("enter")
        assert lab.last.job.kind == "finish"


async def test_a_rollback_is_shown_before_it_is_done(on_migrate: Callable[..., Any]) -> None:
    def applied(root: Path) -> Lab:
        return scenes.lab(scenes.node_facts(root, gate=True, mode=Mode.EVENTED), root,
                          record=record(root, journal.Stage.APPLIED))  # fmt: skip

    lab, opening = on_migrate(applied)
    async with opening as stage:
        await open_migrate(stage, lab)
        await stage.press("u", "a")
        await stage.type("worker-1")
        await stage.press("enter")
        assert lab.last.job.kind == "rollback"
        lab.last.steps(f"putting back {CONFIG}")
        lab.last.say("end", 3, result="undone", why="every file is as before")
        await told(stage)
        assert "rolled back" in stage.text()


async def test_who_is_not_root_is_told_before_typing(
    on_migrate: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, opening = on_migrate(ready)
    lab.migrating.site.simulated = False
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    async with opening as stage:
        await open_migrate(stage, lab)
        await stage.press("enter")
        assert "this needs root" in stage.text()
        await stage.press("a")
        assert "type worker-1" not in stage.text()
