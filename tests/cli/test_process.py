"""`pleg-tui` as a process: exit codes, signals, pipes, and the simulator for a runtime."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.terminal import children_of, command_line

COMMAND = [sys.executable, "-m", "pleg_tui"]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name not in ("CONTAINER_RUNTIME_ENDPOINT", "CRI_CONFIG_FILE", "PYTHONPATH")
}


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**CLEAN, **more},
    )
    assert "Traceback" not in ended.stderr
    return ended


def start(*arguments: str, **more: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=more.get("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        env=CLEAN,
        pipesize=more.get("pipesize", -1),
    )


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with SimulatorProcess(Options(pods=5)) as simulator:
        yield simulator.endpoint


def test_no_runtime_names_every_socket_that_was_tried(tmp_path: Path) -> None:
    ended = run("pods", "--root", str(tmp_path))
    assert ended.returncode == 3
    for path in ("/run/containerd/containerd.sock", "/run/crio/crio.sock"):
        assert f"{tmp_path}{path} (not there)" in ended.stderr


def test_what_is_not_a_cri_ends_with_3(tmp_path: Path) -> None:
    import socket

    path = tmp_path / "echo.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        ended = run("pods", "-r", str(path), "--timeout", "1s")
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1


def test_version_and_help() -> None:
    assert run("--version").stdout.startswith("pleg-tui 0.")
    for command in ([], ["demo"], ["pods"], ["events"], ["compare"], ["simulate"]):
        told = run(*command, "--help")
        assert (told.returncode, told.stderr) == (0, "")
        assert told.stdout.startswith("usage: pleg-tui")
    told = run("--help")
    for name in ("compare", "check", "switch", "rollback"):
        assert name in told.stdout


def test_pods_of_a_runtime_named_in_three_ways(endpoint: str, tmp_path: Path) -> None:
    config = tmp_path / "crictl.yaml"
    config.write_text(f"runtime-endpoint: {endpoint}\ntimeout: 10\n")
    bare = endpoint.removeprefix("unix://")
    answers = [
        run("pods", "-q", "-r", bare),
        run("-r", endpoint, "pods", "-q"),
        run("pods", "-q", CONTAINER_RUNTIME_ENDPOINT=endpoint),
        run("pods", "-q", "-c", str(config)),
        run("pods", "-q", CRI_CONFIG_FILE=str(config)),
    ]
    for answer in answers:
        assert answer.returncode == 0, answer.stderr
        assert len(answer.stdout.split()) >= 5


def test_pods_as_json_are_the_simulators(endpoint: str) -> None:
    told = json.loads(run("pods", "-o", "json", "-r", endpoint).stdout)
    assert told["simulated"] is True
    assert "simulated" in told["runtime"]["version"]
    assert all(pod["name"] and pod["sandbox_id"] for pod in told["pods"])
    running = [
        each for pod in told["pods"] for each in pod["containers"] if each["state"] == "running"
    ]
    assert running
    assert all(each["started_at"] and each["log_path"] for each in running)


@pytest.mark.parametrize("flavour", ["containerd-2", "containerd-1.6", "crio"])
def test_events_of_a_demo(flavour: str) -> None:
    ended = run("events", "--demo", "--flavour", flavour, "--count", "3", "-o", "json")
    assert ended.returncode == 0, ended.stderr
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert all(each["simulated"] for each in told if "schema" in each)
    assert len([each for each in told if "schema" in each]) == 3


def test_a_switch_that_is_off_is_named() -> None:
    ended = run("events", "--demo", "--flavour", "crio-events-off", "--duration", "1s")
    assert ended.returncode == 0
    assert "enable_pod_events = true" in ended.stderr


def test_a_source_that_the_runtime_does_not_have_is_refused() -> None:
    ended = run("events", "--demo", "--flavour", "crio", "--source", "containerd")
    assert ended.returncode == 3
    assert "--source auto" in ended.stderr


@pytest.mark.parametrize("command", [["events", "-ojson"], ["pods", "-ojson"], ["--help"]])
def test_a_reader_that_leaves_is_no_error(command: list[str], endpoint: str) -> None:
    more = [] if command == ["--help"] else ["-r", endpoint]
    program = start(*command, *more)
    assert program.stdout is not None
    program.stdout.read(1)
    program.stdout.close()
    assert program.wait(30) == 0
    assert program.stderr is not None
    assert program.stderr.read() == ""


def test_a_reader_that_leaves_is_noticed_while_nothing_happens() -> None:
    with SimulatorProcess(Options(pods=1, churn=0)) as simulator:
        program = start("events", "-r", simulator.endpoint)
        assert program.stdout is not None
        program.stdout.readline()
        program.stdout.close()
        assert program.wait(30) == 0


def test_a_reader_that_does_not_read_does_not_keep_ctrl_c_away() -> None:
    options = Options(pods=50, scenario="storm", churn=20)
    with SimulatorProcess(options) as simulator:
        program = start("events", "-ojson", "-r", simulator.endpoint, pipesize=4096)
        assert program.stdout is not None
        program.stdout.readline()
        _until_blocked(program)
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it(number: signal.Signals, code: int, endpoint: str) -> None:
    program = start("events", "-r", endpoint)
    assert program.stdout is not None
    program.stdout.readline()
    program.send_signal(number)
    _, error = program.communicate(timeout=30)
    assert program.returncode == code
    assert error == ""


def test_wait_waits_for_a_runtime_and_then_follows_it(tmp_path: Path) -> None:
    path = str(tmp_path / "late.sock")
    program = start("events", "--wait", "-r", path, "-n", "1", "-q")
    assert program.stderr is not None
    assert "waiting" in program.stderr.readline()
    with SimulatorProcess(Options(socket=path)):
        output, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert len(output.split()) == 1


def test_closed_standard_streams_do_no_harm(endpoint: str) -> None:
    for closed in (">&-", ">&- 2>&- <&-"):
        command = f"exec {sys.executable} -m pleg_tui pods -r {endpoint} {closed}"
        assert subprocess.run(["sh", "-c", command], timeout=60, env=CLEAN).returncode == 0


def test_a_full_disk_is_said(endpoint: str) -> None:
    with Path("/dev/full").open("w") as full:
        for command in (["pods"], ["events", "-n1"]):
            program = start(*command, "-r", endpoint, stdout=full.fileno())
            _, error = program.communicate(timeout=60)
            assert program.returncode == 1
            assert error.count("\n") == 1
            assert "No space left" in error


def test_simulate_says_when_it_is_ready_and_ends_on_a_signal(tmp_path: Path) -> None:
    path = str(tmp_path / "sim.sock")
    program = start("simulate", "--socket", path, "--pods", "3")
    assert program.stdout is not None
    told = json.loads(program.stdout.readline())
    assert told["ready"] is True
    assert told["simulated"] is True
    assert run("pods", "-r", path).returncode == 0
    program.send_signal(signal.SIGINT)
    _, error = program.communicate(timeout=30)
    assert (program.returncode, error) == (130, "")


def _until_blocked(program: subprocess.Popen[str]) -> None:
    """Until the program's pipe is full: what is in it does not grow any more."""
    import fcntl
    import struct
    import termios
    import time

    assert program.stdout is not None
    fd = program.stdout.fileno()
    held, since = -1, time.monotonic()
    while time.monotonic() - since < 30:
        (now,) = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))
        if now == held and now > 0:
            return
        held = now
        time.sleep(0.3)


def test_compare_measures_the_simulator_and_ctrl_c_keeps_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    program = start("compare", "--demo", "--pods", "4", "--block", "1s", "--period", "200ms",
                    "--duration", "10m", "-o", "json", "--save", str(path))  # fmt: skip
    lanes = _until(lambda: lanes_of(program.pid))
    program.send_signal(signal.SIGINT)
    output, error = program.communicate(timeout=60)
    assert program.returncode == 130
    assert error == f"pleg-tui: saved {path}\n"
    told = json.loads(output)
    assert told["simulated"] is True
    assert told == json.loads(path.read_text())
    assert not any(command_line(lane) for lane in lanes)


def lanes_of(pid: int) -> list[int]:
    """Both lanes' processes; the one that only asks who the runtime is comes before them."""
    found = [child for child in children_of(pid) if "lane" in command_line(child)]
    return found if len(found) == 2 else []


def _until(found: Callable[[], list[int]]) -> list[int]:
    import time

    end = time.monotonic() + 60
    while not (result := found()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return result
