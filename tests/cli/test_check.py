from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pleg_tui.cli import check
from pleg_tui.cli.node_facts import Site
from pleg_tui.migrate import machine
from pleg_tui.migrate.facts import Facts, Machine, RuntimeSeen
from pleg_tui.node.kubelet.types import (
    Change,
    ChangeKind,
    Evidence,
    Look,
    Mode,
    PlegFigures,
    Weight,
)
from pleg_tui.node.runtime_config import Setting
from tests.cli.conftest import Run
from tests.migrate.nodes import Node, crio, kubeadm

Pretend = Callable[..., None]
YES = Setting(True, "it is so")


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Make the command find these nodes, one after the other, the last for ever."""

    def pretend_(*nodes: Node | Facts) -> None:
        facts = [
            replace(one.facts(), machine=Machine(YES, YES, {"/f": YES}))
            if isinstance(one, Node)
            else one
            for one in nodes
        ]

        def gather(found: Site) -> Facts:
            return facts.pop(0) if len(facts) > 1 else facts[0]

        monkeypatch.setattr(check, "gather", gather)

    return pretend_


def test_a_ready_node(run: Run, pretend: Pretend, tmp_path: Path) -> None:
    pretend(kubeadm(tmp_path))
    ended = run("check")
    assert ended.code == 0
    assert ended.lines[0] == "answer   ready: this node can be switched to events, with 1 warning"
    assert all(len(line) <= 80 for line in ended.lines)
    assert ended.lines[1].startswith("kubelet  1.32.4, generic")
    assert any(line.startswith("PASS    runtime version: containerd 2.1.9") for line in ended.lines)


def test_json_has_the_shape_that_was_promised(run: Run, pretend: Pretend, tmp_path: Path) -> None:
    node = crio(tmp_path, option="[crio.runtime]\nenable_pod_events: true\n")
    kubelet = replace(
        node.kubelet(), evidence=(Evidence("rhythm", "a burst each second", Weight.STRONG),)
    )
    pretend(replace(node.facts(), kubelet=kubelet))
    ended = run("check", "-o", "json")
    assert ended.code == 1
    told = json.loads(ended.out)
    assert told["schema"] == "pleg-tui/check/v1"
    assert told["answer"] == "not-ready"
    assert told["kubelet"]["version"] == "1.32.4"
    assert told["kubelet"]["mode"] == "generic"
    assert told["kubelet"]["evidence"] == [
        {"source": "rhythm", "says": "a burst each second", "weight": "strong"}
    ]
    for one in told["checks"]:
        assert set(one) == {"id", "status", "title", "evidence", "remedy", "source"}
        assert one["status"] in ("pass", "warn", "fail", "unknown")
    (events,) = [one for one in told["checks"] if one["id"] == "runtime-events"]
    assert "enable_pod_events = true" in events["remedy"]


@pytest.mark.parametrize(
    ("more", "code", "word"),
    [
        ({"mode": Mode.EVENTED, "gate": True}, 0, "in-use"),
        ({"mode": Mode.FALLEN_BACK, "gate": True}, 1, "degraded"),
        ({"mode": Mode.UNKNOWN, "gate": True}, 1, "unknown"),
        ({"runtime": RuntimeSeen("containerd", "2.0.1", "x")}, 1, "not-ready"),
        ({"runtime": RuntimeSeen(why="no socket was found")}, 3, "unknown"),
    ],
)
def test_exit_codes(
    run: Run, pretend: Pretend, tmp_path: Path, more: dict[str, Any], code: int, word: str
) -> None:
    pretend(kubeadm(tmp_path, **more))
    ended = run("check")
    assert ended.code == code
    assert ended.lines[0].startswith(f"answer   {word}: ")


def test_a_narrow_terminal_and_hostile_text(
    run: Run, pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    node = kubeadm(tmp_path, runtime=RuntimeSeen(why="\x1b]0;x\x07 " + "a" * 300))
    pretend(node)
    ended = run("check")
    assert all(len(line) <= 60 for line in ended.lines)
    assert all(line.isprintable() for line in ended.lines)


class FakeWatch:
    """Falls back at the second look."""

    looks = 0

    def __init__(self, root: str, options: object, facts: object) -> None:
        pass

    def look(self) -> Look:
        FakeWatch.looks += 1
        changes: tuple[Change, ...] = ()
        if FakeWatch.looks == 2:
            changes = (
                Change(ChangeKind.FELL_BACK, time.time(), "five stream\x1b errors", "restart it",
                       "log"),
            )  # fmt: skip
        return Look(time.time(), 1, Mode.EVENTED, "", PlegFigures(), changes)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("output", ["table", "json"])
def test_watching_tells_what_changes(
    run: Run, pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    FakeWatch.looks = 0
    monkeypatch.setattr(check, "KubeletWatch", FakeWatch)
    monkeypatch.setattr(check, "_WATCH_S", 0.01)
    evented = kubeadm(tmp_path, mode=Mode.EVENTED, gate=True)
    pretend(evented, kubeadm(tmp_path, mode=Mode.FALLEN_BACK, gate=True))
    ended = run("check", "--watch", "--duration", "500ms", "-o", output)
    assert ended.code == 1
    if output == "json":
        first, change, again = ended.objects
        assert (first["answer"], again["answer"]) == ("in-use", "degraded")
        assert change["schema"] == "pleg-tui/check-change/v1"
        assert (change["kind"], change["remedy"]) == ("fell-back", "restart it")
    else:
        assert ended.lines[0].startswith("answer   in-use")
        assert ended.lines[-2].endswith("fell-back: five stream^[ errors -> restart it")
        assert "degraded: the gate is on, but this kubelet polls: restart it" in ended.lines[-1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--root", "/nonexistent/x"), "--root /nonexistent/x is not a folder"),
        (("--kubelet-token-file", "/nonexistent/t"), "--kubelet-token-file /nonexistent/t"),
        (("--pods", "3"), "add --demo"),
        (("--demo", "--kubelet-url", "x"), "leave it out, or the demo"),
        (("--duration", "soon"), "no span of time"),
    ],
)
def test_wrong_usage_is_one_sentence(run: Run, arguments: tuple[str, ...], says: str) -> None:
    ended = run("check", *arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert says in ended.err
    assert len(ended.err.splitlines()) == 1


def test_no_node_at_all(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty root: nothing is known, nothing is guessed, nothing falls over."""
    monkeypatch.setattr(machine, "systemd_runs", lambda root: False)
    ended = run("check", "--root", str(tmp_path), "-o", "json")
    assert ended.code == 3
    told = json.loads(ended.out)
    assert told["answer"] == "unknown"
    assert told["kubelet"]["version"] is None
    assert told["kubelet"]["mode"] == "unknown"
