"""The whole journey of the demo in a real terminal: to events, fallen back, repaired, back."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal, children_of, command_line

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = f"{sys.executable} -m pleg_tui"
CONFIG = "var/lib/kubelet/config.yaml"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    home = {"PYTHONPATH": str(REPOSITORY), "XDG_STATE_HOME": str(tmp_path)}
    with Terminal(120, 40, home) as one:
        yield one


def node_root(terminal: Terminal) -> Path:
    """Where the simulated node's files are."""
    for pid in children_of(terminal.pid):
        line = command_line(pid)
        if "pleg_tui.sim.node_main" in line:
            found = re.search(r'"root": "([^"]+)"', line)
            assert found is not None
            return Path(json.loads(f'"{found[1]}"'))
    raise AssertionError("no simulated node runs")


def confirm(terminal: Terminal) -> None:
    """Apply what is shown, without the measurements, which take their time."""
    terminal.press("a")
    terminal.wait_for("type simulated", 30)
    terminal.press("simulated\r")


@pytest.mark.timeout(420)
def test_to_events_fallen_back_repaired_and_rolled_back(terminal: Terminal) -> None:
    terminal.press(f"{PROGRAM} demo --pods 6\n")
    terminal.wait_for("PLEG polling", 90)
    root = node_root(terminal)
    before = (root / CONFIG).read_bytes()
    terminal.press("3")
    terminal.wait_for("can be taken to events", 60)
    terminal.press("\r")
    terminal.wait_for("EventedPLEG: true", 30)
    terminal.press("mm")
    terminal.wait_for("not measured", 30)
    confirm(terminal)
    terminal.wait_for("verified", 120)
    assert b"EventedPLEG: true" in (root / CONFIG).read_bytes()
    terminal.wait_for("PLEG events", 60)
    terminal.press("\x1b")
    terminal.wait_for("IN USE", 60)

    terminal.press(":")
    terminal.wait_for("Search for commands", 30)
    terminal.press("restart of the runtime")
    terminal.wait_for("Simulate a restart of the runtime", 30)
    terminal.press("\r")
    terminal.wait_for("PLEG fallen back!", 120)
    terminal.wait_for("restart the kubelet to put it back", 30)

    terminal.press("r")
    terminal.wait_for("DEGRADED", 60)
    terminal.press("\r")
    terminal.wait_for("it is fallen-back: it must start anew", 30)
    confirm(terminal)
    terminal.wait_for("verified", 120)
    terminal.wait_for("PLEG events", 60)
    terminal.wait_until(lambda text: "puts this away" not in text, "the banner is gone", 30)
    terminal.press("\x1b")
    terminal.wait_for("u roll back", 60)
    terminal.press("u")
    terminal.wait_for("-  EventedPLEG: true", 30)
    confirm(terminal)
    terminal.wait_for("rolled back", 120)
    assert (root / CONFIG).read_bytes() == before
    terminal.wait_for("PLEG polling", 60)
    terminal.press("q")
    terminal.wait_for_shell()


@pytest.mark.timeout(240)
def test_leaving_during_a_switch_asks_first(terminal: Terminal) -> None:
    terminal.press(f"{PROGRAM} demo --pods 3\n")
    terminal.wait_for("PLEG polling", 90)
    terminal.press("3")
    terminal.wait_for("can be taken to events", 60)
    terminal.press("\r")
    terminal.wait_for("applies it", 30)
    confirm(terminal)
    terminal.wait_for("measuring the CPU before", 60)
    terminal.press("q")
    terminal.wait_for("A switch is going on", 30)
    terminal.press("\x1b")
    terminal.wait_for("left", 30)
    terminal.press("q")
    terminal.wait_for("A switch is going on", 30)
    terminal.press("2")
    terminal.wait_for_shell()
