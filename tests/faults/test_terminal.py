"""However it ends and whatever the terminal does, the terminal is left as it was found."""

from __future__ import annotations

import fcntl
import os
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.terminal import Terminal, children_of, command_line

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = f"{sys.executable} -m pleg_tui"
SHOWN = "running"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal(120, 40, {"PYTHONPATH": str(REPOSITORY)}) as one:
        yield one


def ours(terminal: Terminal) -> list[int]:
    return [pid for pid in children_of(terminal.pid) if "pleg_tui" in command_line(pid)]


def the_screen(terminal: Terminal) -> int:
    return next(
        p for p in ours(terminal) if not re.search(r"pleg_tui\.(collector|sim)", command_line(p))
    )


def wait_gone(pids: list[int]) -> None:
    end = time.monotonic() + 10
    while left := [command_line(pid) for pid in pids if "pleg_tui" in command_line(pid)]:
        assert time.monotonic() < end, f"left behind: {left}"
        time.sleep(0.05)


def back_at_the_shell(terminal: Terminal, before: tuple[object, ...]) -> int:
    """The exit code of what has just ended, once the terminal stands as before."""
    terminal.wait_for_shell()
    terminal.press("echo code=$?.\n")
    screen = terminal.wait_until(lambda text: re.search(r"code=\d+\.", text) is not None, "it")
    end = time.monotonic() + 5
    while terminal.condition != before:
        assert time.monotonic() < end, f"{before} became {terminal.condition}"
        time.sleep(0.05)
    assert "Traceback" not in screen
    found = re.search(r"code=(\d+)\.", screen)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGINT, 130),
        (signal.SIGQUIT, 131),
    ],
)
def test_a_signal_from_outside(terminal: Terminal, number: signal.Signals, code: int) -> None:
    before = terminal.condition
    with SimulatorProcess(Options(pods=4)) as simulator:
        terminal.press(f"{PROGRAM} -r {simulator.endpoint}\n")
        terminal.wait_for(SHOWN)
        processes = ours(terminal)
        os.kill(the_screen(terminal), number)
        assert back_at_the_shell(terminal, before) == code
        wait_gone(processes)
        assert simulator.running, "what is not ours is left alone"


def test_killed_outright_it_leaves_no_process(terminal: Terminal) -> None:
    terminal.press(f"{PROGRAM} demo\n")
    terminal.wait_for(SHOWN)
    processes = ours(terminal)
    os.kill(the_screen(terminal), signal.SIGKILL)
    wait_gone(processes)


def test_a_hang_up_that_comes_with_a_continue(terminal: Terminal) -> None:
    """A closing terminal sends SIGHUP and SIGCONT to a stopped job: it must end, not stop again."""
    terminal.press(f"{PROGRAM} demo\n")
    terminal.wait_for(SHOWN)
    processes = ours(terminal)
    screen = the_screen(terminal)
    terminal.press("\x1a")
    terminal.wait_for("Stopped")
    os.kill(screen, signal.SIGHUP)
    os.kill(screen, signal.SIGCONT)
    terminal.close()
    wait_gone(processes)


def test_a_terminal_that_is_closed_leaves_no_process(terminal: Terminal) -> None:
    terminal.press(f"{PROGRAM} demo\n")
    terminal.wait_for(SHOWN)
    processes = ours(terminal)
    terminal.close()
    wait_gone(processes)


def test_a_storm_of_sizes_down_to_one_cell(terminal: Terminal) -> None:
    before = terminal.condition
    terminal.press(f"{PROGRAM} demo --pods 5\n")
    terminal.wait_for(SHOWN)
    chance = random.Random(1)
    for _ in range(120):
        terminal.resize(chance.randint(1, 200), chance.randint(1, 60))
        time.sleep(0.01)
    for size in ((1, 1), (2, 1), (1, 2), (300, 100), (5, 3), (80, 24)):
        terminal.resize(*size)
        time.sleep(0.3)
    terminal.wait_until(lambda text: SHOWN in text and "SIMULATED" in text, "the list at 80x24")
    terminal.press("q")
    assert back_at_the_shell(terminal, before) == 0


@pytest.mark.parametrize(
    "term", ["", "linux", "xterm", "xterm-256color", "screen", "tmux-256color"]
)
def test_on_every_common_terminal(term: str) -> None:
    with Terminal(100, 30, {"PYTHONPATH": str(REPOSITORY), "TERM": term}) as terminal:
        before = terminal.condition
        terminal.press(f"{PROGRAM} demo --pods 5\n")
        terminal.wait_for(SHOWN)
        terminal.press("q")
        assert back_at_the_shell(terminal, before) == 0


def test_on_a_terminal_that_cannot_move_its_cursor() -> None:
    """It is said in a sentence, with what works there instead."""
    with Terminal(100, 30, {"PYTHONPATH": str(REPOSITORY), "TERM": "dumb"}) as terminal:
        terminal.press(f"{PROGRAM} demo --pods 5; echo code=$?.\n")
        screen = terminal.wait_until(lambda text: "code=2." in text, "exit code 2")
        assert "TERM" in screen
        assert "pleg-tui pods" in screen


def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
    )


@pytest.mark.parametrize("command", ["pods --demo", "events --demo --count 50", "config show"])
def test_a_reader_that_has_seen_enough_ends_it_quietly(command: str) -> None:
    done = run(f"{PROGRAM} {command} | head -n 1; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["pods --demo", "events --demo --count 5", "config show"])
def test_a_full_disk_is_said_in_one_sentence(command: str) -> None:
    done = run(f"{PROGRAM} {command} > /dev/full")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("stdin", ["< /dev/null", "<&-"])
@pytest.mark.parametrize("stdout", ["| cat", ">&-"])
def test_no_terminal_at_all(stdin: str, stdout: str) -> None:
    done = run(f"{PROGRAM} demo {stdin} {stdout}; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_terminal_that_goes_without_a_word_leaves_no_process() -> None:
    """Where it is not the controlling one (setsid, a supervisor), no SIGHUP tells of its end."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    program = subprocess.Popen(
        [sys.executable, "-m", "pleg_tui", "demo", "--pods", "3"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm-256color"},
    )
    os.close(slave)
    seen = b""
    while SHOWN.encode() not in seen:
        ready, _, _ = select.select([master], [], [], 60)
        assert ready, "it shows nothing"
        seen += os.read(master, 65536)
    processes = [program.pid, *children_of(program.pid)]
    os.close(master)
    assert program.wait(30) == 129
    wait_gone(processes)
