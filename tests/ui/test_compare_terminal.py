"""A whole comparison in a real terminal, on the simulator, with the shortest blocks there are."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal, children_of, command_line

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = f"{sys.executable} -m pleg_tui"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    home = {"PYTHONPATH": str(REPOSITORY), "XDG_STATE_HOME": str(tmp_path)}
    with Terminal(120, 40, home) as one:
        yield one


def lanes(terminal: Terminal) -> list[int]:
    return [pid for pid in children_of(terminal.pid) if "collector.lane" in command_line(pid)]


def wait_gone(terminal: Terminal) -> None:
    end = time.monotonic() + 15
    while lanes(terminal):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.timeout(240)
def test_from_the_plan_to_a_report_that_is_kept(terminal: Terminal, tmp_path: Path) -> None:
    terminal.press(f"{PROGRAM} demo --pods 6\n")
    terminal.wait_for("1 Live   2 Compare", 60)
    terminal.press("2")
    terminal.wait_for("enter starts it", 60)
    terminal.wait_for("GetContainerEvents", 60)
    terminal.press("jh\r")  # blocks of 5 s
    terminal.wait_for("block 1 of", 60)
    terminal.wait_for("▲ polling")
    terminal.press("1")
    terminal.wait_for("comparing", 20)
    terminal.press("2")
    terminal.wait_for("block 2 of", 60)
    terminal.press("x")
    terminal.wait_for("Stop early?")
    terminal.press("2")
    screen = terminal.wait_for("Verdict  simulated", 60)
    assert "too few blocks" in re.sub(r"\s+", " ", screen)
    wait_gone(terminal)
    terminal.press("w")
    terminal.wait_for("saved compare-", 20)
    assert len(list((tmp_path / "pleg-tui" / "reports").iterdir())) == 1
    terminal.press("q")
    terminal.wait_for_shell()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("key", ["q", "\x03"])
def test_leaving_ends_the_lanes(terminal: Terminal, key: str) -> None:
    terminal.press(f"{PROGRAM} demo --pods 3\n")
    terminal.wait_for("1 Live   2 Compare", 60)
    terminal.press("2")
    terminal.wait_for("GetContainerEvents", 60)
    terminal.press("\r")
    terminal.wait_for("block 1 of", 60)
    assert len(lanes(terminal)) == 2
    terminal.press(key)
    terminal.wait_for_shell()
    wait_gone(terminal)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", ["q", "SIGTERM", "SIGHUP"])
def test_what_was_measured_is_kept_however_it_ends(
    terminal: Terminal, tmp_path: Path, how: str
) -> None:
    terminal.press(f"{PROGRAM} demo --pods 3\n")
    terminal.wait_for("1 Live   2 Compare", 60)
    terminal.press("2")
    terminal.wait_for("GetContainerEvents", 60)
    terminal.press("jh\r")  # blocks of 5 s
    terminal.wait_for("block 2 of", 60)
    time.sleep(1.5)  # a report is made once a second
    if how == "q":
        terminal.press("q")
        terminal.wait_for("A comparison is running")
        terminal.press("2")
    else:
        (pid,) = (p for p in children_of(terminal.pid) if "demo" in command_line(p))
        os.kill(pid, getattr(signal, how))
    terminal.wait_for("is saved in", 20)
    wait_gone(terminal)
    (saved,) = (tmp_path / "pleg-tui" / "reports").iterdir()
    assert saved.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(saved.read_text())["measured"]) >= 1
    assert saved.name in re.sub(r"\s+", "", terminal.text)


@pytest.mark.timeout(240)
def test_the_command_line_counts_down_on_one_line(terminal: Terminal) -> None:
    terminal.press(f"{PROGRAM} compare --demo --pods 3 --block 1 --period 0.2 --duration 10m\n")
    terminal.wait_until(lambda text: "left  block" in text, "progress", 60)
    time.sleep(2.5)
    assert terminal.text.count(" left  block ") == 1
    terminal.press("\x03")
    screen = terminal.wait_for("HOW SURE THIS IS, simulated", 60)
    assert " left  block " not in screen
