"""The dashboard in a real terminal: however it ends, the shell finds its terminal whole."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal, children_of, command_line

ROOT = Path(__file__).parents[2]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal(100, 30, {"PYTHONPATH": str(ROOT)}) as terminal:
        yield terminal


def play(terminal: Terminal, *arguments: str) -> int:
    """Start the dashboard in it; returns its process id."""
    words = " ".join(arguments)
    # The CAN ends a sequence that was cut off in the middle.
    ending = "rc=$?; printf '\\030\\n'; echo rc=$rc; stty -a"
    terminal.press(f"{sys.executable} -m tests.ui.play {words}; {ending}\n")
    terminal.wait_for("ContainerStarted")
    return next(p for p in children_of(terminal.pid) if "tests.ui.play" in command_line(p))


def shell_again(terminal: Terminal, code: int) -> str:
    screen = terminal.wait_for(" icanon")
    assert f"rc={code}" in screen
    assert " echo " in screen
    assert "-icanon" not in screen
    terminal.wait_for_shell()
    return screen


@pytest.mark.parametrize(("keys", "code"), [("q", 0), ("\x03", 130), ("\x11", 0)])
def test_leaving_it(terminal: Terminal, keys: str, code: int) -> None:
    play(terminal)
    terminal.press(keys)
    assert "the feed was stopped" in shell_again(terminal, code)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_being_ended(terminal: Terminal, number: signal.Signals, code: int) -> None:
    pid = play(terminal)
    os.kill(pid, number)
    assert "the feed was stopped" in shell_again(terminal, code)


@pytest.mark.parametrize("how", ["fail", "callback"])
def test_an_error_of_its_own_is_one_sentence(terminal: Terminal, how: str) -> None:
    play(terminal, how)
    screen = shell_again(terminal, 1)
    assert "pleg-tui: internal error: ValueError: a " in screen
    assert "[/] broke (run with --debug FILE for details)" in screen.replace("\n", "")
    assert "Traceback" not in screen
    assert "the feed was stopped" in screen


def test_ended_while_the_terminal_takes_no_output(terminal: Terminal) -> None:
    pid = play(terminal)
    terminal.stop_reading()
    terminal.press("?q" * 150)
    time.sleep(1.5)
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 15
    while command_line(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not command_line(pid), "it waits for a terminal that reads nothing"
    terminal.read_on()
    terminal.wait_for("rc=143")
    assert " icanon" in terminal.wait_for(" echoe ")


def test_suspended_and_back(terminal: Terminal) -> None:
    play(terminal)
    terminal.press("\x1a")
    terminal.wait_for("Stopped")
    terminal.wait_for_shell()
    terminal.press("fg\n")
    terminal.wait_for("ContainerStarted")
    terminal.wait_for("▎Pods")
    terminal.press("jq")
    terminal.wait_for_shell()


def test_stopped_from_outside_and_back(terminal: Terminal) -> None:
    pid = play(terminal)
    os.kill(pid, signal.SIGSTOP)
    terminal.wait_for("Stopped")
    terminal.press("fg\n")
    terminal.wait_until(lambda text: "▎Pods" in text and "Stopped" not in text, "the pods alone")
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    terminal.press("?")
    terminal.wait_for("what each does here")
    terminal.press("\x1b")
    terminal.wait_for("▎Pods")
    assert threads <= 5
    terminal.press("q")
    terminal.wait_for_shell()


def test_resizing_draws_everything_anew(terminal: Terminal) -> None:
    play(terminal)
    terminal.resize(70, 20)
    terminal.wait_until(lambda text: "RST" in text and "AGE" not in text, "a narrow list")
    terminal.resize(160, 40)
    terminal.wait_for("IMAGE")
    assert "registry.example/app:1.0" in terminal.text
    terminal.press("q")
    terminal.wait_for_shell()
