"""The dashboard in a real terminal, from its first frame to the shell's prompt again."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.terminal import Terminal, children_of, command_line

REPOSITORY = Path(__file__).resolve().parents[1]
PROGRAM = f"{sys.executable} -m pleg_tui"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal(120, 40, {"PYTHONPATH": str(REPOSITORY)}) as one:
        yield one


def ours(terminal: Terminal) -> list[int]:
    """Processes of this program below the terminal's shell."""
    return [pid for pid in children_of(terminal.pid) if "pleg_tui" in command_line(pid)]


def screen_process(terminal: Terminal) -> int:
    return next(pid for pid in ours(terminal) if "collector" not in command_line(pid))


def end_code(terminal: Terminal) -> int:
    """The exit code of the program that has just left the terminal to the shell."""
    terminal.wait_for_shell()
    terminal.press("echo code=$?.\n")
    screen = terminal.wait_until(lambda text: re.search(r"code=\d+\.", text) is not None, "it")
    found = re.search(r"code=(\d+)\.", screen)
    assert found is not None
    assert "Traceback" not in screen
    return int(found[1])


def stopped(pid: int) -> None:
    """Until it has stopped."""
    end = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < end, f"{pid} does not stop"
        time.sleep(0.01)


def gone(pids: list[int]) -> bool:
    return not any("pleg_tui" in command_line(pid) for pid in pids)


def assert_gone(pids: list[int]) -> None:
    end = time.monotonic() + 5
    while not gone(pids):
        assert time.monotonic() < end, f"left behind: {[command_line(pid) for pid in pids]}"
        time.sleep(0.05)


def test_the_palette_is_loaded_when_it_is_opened_and_runs_what_it_finds(
    terminal: Terminal,
) -> None:
    with SimulatorProcess(Options(pods=3, churn=0)) as simulator:
        terminal.press(f"{PROGRAM} -r {simulator.endpoint}\n")
        terminal.wait_for("running")
        terminal.press(":pleg-light")
        terminal.wait_for("Use the colours of pleg-light")
        terminal.press("\r")
        terminal.wait_until(lambda text: "Use the colours" not in text, "the palette's end")
        terminal.press("q")
        assert end_code(terminal) == 0


def test_the_demo_shows_pods_says_simulated_and_leaves_nothing_behind(terminal: Terminal) -> None:
    terminal.press(f"{PROGRAM} demo\n")
    screen = terminal.wait_until(
        lambda text: "running" in text and "SIMULATED" in text, "simulated pods that run"
    )
    assert "live" in screen
    assert "$ " not in screen, "the shell's lines are on the other screen"
    terminal.wait_for("PLEG polling", 60)
    processes = ours(terminal)
    assert len(processes) == 5, "the screen, its collector; the simulated node, runtime and kubelet"
    terminal.press("q")
    assert end_code(terminal) == 0
    assert_gone(processes)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_the_terminal_whole(
    terminal: Terminal, number: signal.Signals
) -> None:
    terminal.press(f"{PROGRAM} demo\n")
    terminal.wait_for("running")
    processes = ours(terminal)
    os.kill(screen_process(terminal), number)
    end_code(terminal)
    assert_gone(processes)


def test_after_ctrl_z_and_fg_the_screen_is_right_and_says_what_it_missed(
    terminal: Terminal,
) -> None:
    with SimulatorProcess(Options(pods=6, churn=6)) as simulator:
        terminal.press(f"{PROGRAM} -r {simulator.endpoint}\n")
        terminal.wait_for("running")
        screen = screen_process(terminal)
        terminal.press("\x1a")
        terminal.wait_for("Stopped")
        collector = next(p for p in ours(terminal) if "collector" in command_line(p))
        time.sleep(6)
        assert "T (" not in Path(f"/proc/{collector}/status").read_text(), "it drains on"
        terminal.press("fg\n")
        terminal.wait_for("away")
        assert screen_process(terminal) == screen
        terminal.press("q")
        assert end_code(terminal) == 0


def test_after_a_terminal_that_took_nothing_the_screen_is_right_again(terminal: Terminal) -> None:
    with SimulatorProcess(Options(pods=6, churn=8)) as simulator:
        terminal.press(f"{PROGRAM} -r {simulator.endpoint}\n")
        terminal.wait_for("running")
        terminal.stop_reading()
        time.sleep(16)  # the line takes some seconds until it is full
        terminal.read_on()
        terminal.wait_for("away")
        terminal.press("q")
        assert end_code(terminal) == 0


def test_after_the_whole_machine_slept_it_goes_on(terminal: Terminal) -> None:
    with SimulatorProcess(Options(pods=6, churn=4)) as simulator:
        terminal.press(f"{PROGRAM} -r {simulator.endpoint}\n")
        terminal.wait_for("running")
        processes = [terminal.pid, *ours(terminal)]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
            stopped(pid)  # the shell first: it must not see its program stop
        time.sleep(6)
        for pid in reversed(processes):
            os.kill(pid, signal.SIGCONT)
        terminal.wait_for("away")
        terminal.wait_for("● live")
        terminal.press("q")
        assert end_code(terminal) == 0


def test_started_first_it_waits_with_a_banner_and_a_restart_is_survived(
    terminal: Terminal, tmp_path: Path
) -> None:
    socket = tmp_path / "cri.sock"
    options = Options(socket=str(socket), pods=5, churn=1)
    terminal.press(f"{PROGRAM} -r {socket}\n")
    terminal.wait_for("cri.sock is not there")
    with SimulatorProcess(options):
        terminal.wait_for("running")
    terminal.wait_until(lambda text: "● live" not in text, "that it is lost")
    assert "running" in terminal.text, "what was known stays in sight"
    with SimulatorProcess(options):
        terminal.wait_for("● live")
        terminal.press("q")
        assert end_code(terminal) == 0


def test_without_a_terminal_it_says_so_and_ends_with_2(terminal: Terminal) -> None:
    terminal.press(f"{PROGRAM} demo < /dev/null | cat; echo code=${{PIPESTATUS[0]}}\n")
    screen = terminal.wait_for("code=2")
    assert "terminal" in screen
    assert "Traceback" not in screen
