"""The simulator as a child process: it starts, says so, ends in every way it must."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pleg_tui.sim.child import SimulatorProcessError
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess

COMMAND = [sys.executable, "-m", "pleg_tui.sim"]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_it_starts_serves_and_leaves_nothing() -> None:
    with SimulatorProcess(Options(pods=7, flavour="crio", seed=3)) as process:
        folder = Path(process.socket).parent
        assert process.info["ready"] is True
        assert process.info["simulated"] is True
        assert process.info["pods"] == 7
        assert process.info["flavour"] == "crio"
        assert process.info["endpoint"] == process.endpoint == f"unix://{process.socket}"
        assert process.info["pid"] == process.pid
        mode = Path(process.socket).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(process.socket)
        assert process.running
    assert not folder.exists()
    process.stop()  # once more is harmless
    assert process.pid is None


def test_a_launched_child_need_not_be_waited_for() -> None:
    process = SimulatorProcess(Options(pods=1)).launch()
    try:
        assert process.endpoint.startswith("unix:///")
        assert process.wait_ready().info["pods"] == 1
        assert process.wait_ready().info["pods"] == 1
    finally:
        process.stop()


def test_starting_one_loads_no_grpc_here() -> None:
    program = (
        "import sys; from pleg_tui.sim.process import SimulatorProcess; "
        "from pleg_tui.sim.options import add_arguments; "
        "raise SystemExit(any(m.split('.')[0] in ('grpc', 'google') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: int, code: int) -> None:
    where = tmp_path / "cri.sock"
    with subprocess.Popen(
        [*COMMAND, f"--socket={where}", "--pods=3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        ready = json.loads(child.stdout.readline())
        assert ready["socket"] == str(where)
        child.send_signal(number)
        assert child.wait(10) == code
        assert child.stdout.read() == b""
        assert child.stderr.read() == b""
    assert not where.exists()
    assert not Path(ready["log_dir"]).exists()


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pleg_tui.sim.process import SimulatorProcess; "
        "p = SimulatorProcess().start(); print(p.pid, p.socket, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, where = parent.stdout.readline().split()
        assert Path(f"/proc/{int(pid)}").exists()
        parent.kill()
    assert until(lambda: not _alive(int(pid)))
    assert until(lambda: not Path(where.decode()).parent.exists())


def test_a_parent_that_is_gone_already_ends_it() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    done = subprocess.run(
        [*COMMAND, f"--parent-pid={gone.pid}", "--pods=1"],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except OSError:
        return False


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=20, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    where = tmp_path / "cri.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(where))
        server.listen()
        code, said = run(f"--socket={where}")
        assert code == 1
        assert "another server listens" in said
        assert where.exists()


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    where = tmp_path / "notes.txt"
    where.write_text("mine")
    code, said = run(f"--socket={where}")
    assert code == 1
    assert "not a socket" in said
    assert where.read_text() == "mine"


def test_a_socket_left_behind_is_taken_over(tmp_path: Path) -> None:
    where = tmp_path / "cri.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(where))
    with SimulatorProcess(Options(socket=str(where), pods=1)) as process:
        assert process.info["socket"] == str(where)
    assert not where.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pods=-3"], "pods must be"),
        (["--churn=nan"], "churn must be"),
        (["--flavour=docker"], "invalid choice"),
        (["--socket=/tmp/" + "x" * 120], "longer than"),
        (["--socket=/proc/nothing/here.sock"], "cannot make the folder"),
    ],
)
def test_wrong_use_is_one_clear_sentence(arguments: list[str], words: str) -> None:
    code, said = run(*arguments)
    assert code in (1, 2)
    assert words in said


def test_a_child_that_cannot_serve_says_why(tmp_path: Path) -> None:
    where = tmp_path / "file"
    where.write_text("")
    process = SimulatorProcess(Options(socket=str(where)))
    with pytest.raises(SimulatorProcessError, match="not a socket"):
        process.start()
    assert not process.running
