from __future__ import annotations

from pathlib import Path

import pytest

from pleg_tui.migrate.apply import apply, finish
from pleg_tui.migrate.files import FileState, read_state
from pleg_tui.migrate.journal import Stage
from pleg_tui.migrate.rollback import RollbackRefused, rollback
from tests.migrate.crash import CONFIG, ScriptHands, journal, killed_at, make
from tests.migrate.nodes import Node, snapshot

DROP_IN = "/etc/crio/crio.conf.d/90-pleg-tui.conf"
OURS = ("var/lib/pleg-tui", "restarted", "running")
States = dict[str, FileState | None]


def quiet(line: str) -> None:
    pass


def switch(node: Node) -> None:
    outcome = apply(node.plan(), node.files, journal(node), ScriptHands(node), quiet)
    assert outcome.applied, outcome


def back(node: Node) -> None:
    rollback(journal(node), node.files, ScriptHands(node), quiet)


def states(node: Node) -> States:
    return {path: read_state(str(node.root) + path) for path in (CONFIG, DROP_IN)}


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    count = 0

    def make_one() -> Node:
        nonlocal count
        count += 1
        root = tmp_path / str(count)
        root.mkdir()
        monkeypatch.setenv("NODE", str(root))
        monkeypatch.setenv("PATH", f"{root}/bin:/usr/bin:/bin")
        return make(root)

    return make_one


def no_leftovers(node: Node) -> None:
    left = [p for p in node.root.rglob("*.tmp") if "var/lib/pleg-tui/switches" not in str(p)]
    assert left == []


def each_old_or_new(node: Node, old: States, new: States) -> None:
    for path, now in states(node).items():
        assert now in (old[path], new[path]), path


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["finish", "undo"])
def test_a_switch_killed_at_any_step_can_be_finished_and_undone(fresh: object, way: str) -> None:
    node: Node = fresh()  # type: ignore[operator]
    before, old = snapshot(node.root, *OURS), states(node)
    switch(node)
    after, new = snapshot(node.root, *OURS), states(node)
    assert before != after

    reached = set()
    step = 0
    while True:
        node = fresh()  # type: ignore[operator]
        was_killed = killed_at(step, lambda node=node: switch(node))  # type: ignore[misc]
        each_old_or_new(node, old, new)
        record = journal(node).unfinished()
        if record is not None:
            assert record.stage is Stage.APPLYING
            reached.add(record.reached)
        elif was_killed:
            assert states(node) in (old, new), "no journal, and half done"
        if way == "undo":
            try:
                back(node)
            except RollbackRefused:
                assert states(node) == old
            assert snapshot(node.root, *OURS) == before
            assert b"EventedPLEG" not in (node.root / "running").read_bytes()
        else:
            node.mode = node.mode.GENERIC
            if record is not None:
                outcome = finish((node.mode.EVENTED,), node.files, journal(node),
                                 ScriptHands(node), quiet)  # fmt: skip
                assert outcome.applied
            elif states(node) == old:
                switch(node)
            assert snapshot(node.root, *OURS) == after
            assert b"EventedPLEG: true" in (node.root / "running").read_bytes()
        no_leftovers(node)
        assert journal(node).unfinished() is None
        if not was_killed:
            break
        step += 1
    assert step > 60
    assert {f"writing {CONFIG}", f"writing {DROP_IN}", "restarting crio", "restarting kubelet",
            "looking at what the kubelet does"} <= reached  # fmt: skip


@pytest.mark.timeout(300)
def test_a_rollback_killed_at_any_step_is_finished_by_the_next(fresh: object) -> None:
    node: Node = fresh()  # type: ignore[operator]
    before, old = snapshot(node.root, *OURS), states(node)
    switch(node)
    new = states(node)

    reached = set()
    step = 0
    while True:
        node = fresh()  # type: ignore[operator]
        switch(node)
        was_killed = killed_at(step, lambda node=node: back(node))  # type: ignore[misc]
        each_old_or_new(node, old, new)
        record = journal(node).unfinished()
        if record is not None:
            assert record.stage is Stage.UNDOING
            reached.add(record.reached)
        if was_killed:
            try:
                back(node)
            except RollbackRefused:
                assert states(node) == old
        assert snapshot(node.root, *OURS) == before
        assert b"EventedPLEG" not in (node.root / "running").read_bytes()
        no_leftovers(node)
        if not was_killed:
            break
        step += 1
    assert step > 40
    assert {f"putting back {CONFIG}", f"putting back {DROP_IN}",
            "restarting kubelet, with the old files"} <= reached  # fmt: skip


@pytest.mark.parametrize("unit", ["crio", "kubelet"])
def test_a_service_that_does_not_restart_puts_everything_back(fresh: object, unit: str) -> None:
    node: Node = fresh()  # type: ignore[operator]
    before = snapshot(node.root, *OURS)
    (node.root / f"refuse-{unit}.service").touch()
    told: list[str] = []
    outcome = apply(node.plan(), node.files, journal(node), ScriptHands(node), told.append)
    assert not outcome.applied
    assert f"Job for {unit}.service failed." in outcome.why
    assert any(line.startswith("failed: ") for line in told)
    assert snapshot(node.root, *OURS) == before
    assert journal(node).unfinished() is None
    assert journal(node).applied() is None


def test_killed_while_it_fails_it_is_still_undone(fresh: object) -> None:
    node: Node = fresh()  # type: ignore[operator]
    before = snapshot(node.root, *OURS)
    for step in range(0, 200, 7):
        node = fresh()  # type: ignore[operator]
        (node.root / "refuse-kubelet.service").touch()

        def fail(node: Node = node) -> None:
            apply(node.plan(), node.files, journal(node), ScriptHands(node), quiet)

        was_killed = killed_at(step, fail)
        (node.root / "refuse-kubelet.service").unlink(missing_ok=True)
        if journal(node).unfinished() is not None:
            back(node)
        assert snapshot(node.root, *OURS) == before
        if not was_killed:
            break
    else:
        pytest.fail("more steps than were tried")


def test_the_journal_is_for_its_owner_only(fresh: object) -> None:
    node: Node = fresh()  # type: ignore[operator]
    switch(node)
    for path in (node.root / "var/lib/pleg-tui").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (node.root / "var/lib/pleg-tui").stat().st_mode & 0o777 == 0o700
