"""What the program writes is for its owner alone, and nobody leads it elsewhere.

Nor does a secret reach a log, a message or a report of a fault; nor needs it more than the socket.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import shutil
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.cli import compare
from pleg_tui.migrate.journal import Journal
from pleg_tui.node.kubelet.fetch import Access, FetchError, fetch
from pleg_tui.private import NotPrivate, append, create, open_folder, redacted
from pleg_tui.sim.kubelet.certificate import self_signed
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from pleg_tui.ui.memory import Memory, MemoryFault
from pleg_tui.ui.saving import SaveError, save_text
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
STRANGER = 54321
"""A user that is not us."""
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(Options(pods=4, churn=2)) as one:
        yield one


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pleg_tui", *arguments], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, timeout=120, check=False,
    )  # fmt: skip


def mode(path: Path | str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def only_ours(folder: Path) -> list[Path]:
    """Everything in a folder, which is for its owner alone; returns it."""
    found = sorted(folder.rglob("*"))
    for path in found:
        assert mode(path) & 0o077 == 0, f"{path} has mode {mode(path):o}"
        assert not path.is_symlink()
    return found


# -- what is written is private, under whatever umask


def test_a_dashboard_under_umask_000(tmp_path: Path) -> None:
    """Its log, a saved log, what it remembers."""
    home, logs = tmp_path / "home", tmp_path / "logs"
    for folder in (home, logs):
        folder.mkdir(mode=0o700)
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(home), "LANG": "C.UTF-8"}
    with (
        SimulatorProcess(Options(pods=2, churn=0)) as simulator,
        Terminal(120, 40, environment) as terminal,
    ):
        terminal.press(
            f"umask 000; {sys.executable} -m pleg_tui -r {simulator.endpoint} "
            f"--debug {logs}/debug.log\n"
        )
        terminal.wait_for("running")
        terminal.press("jl")
        terminal.wait_until(lambda text: re.search(r"[1-9]\d* lines", text) is not None, "lines")
        terminal.press("s")
        terminal.wait_until(lambda text: re.search(r"\d+ lines in ", text) is not None, "saved")
        terminal.press("\x03")
        terminal.wait_for_shell()
    kept = {path.name for path in only_ours(home) if path.is_file()}
    assert "state.json" in kept
    assert any(name.endswith(".log") for name in kept)
    (log,) = only_ours(logs)
    assert "pleg_tui" in log.read_text()


def test_the_simulators_socket_and_logs_under_umask_000(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pleg_tui", "simulate", "--socket", f"{tmp_path}/s/cri.sock",
             "--log-dir", f"{tmp_path}/l", "--pods", "3"]  # fmt: skip
    with subprocess.Popen(
        words, umask=0, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["ready"]
        found = only_ours(tmp_path)
        assert any(path.is_socket() for path in found)
        child.terminate()
        child.wait(30)


@pytest.mark.usefixtures("open_umask")
def test_every_kind_of_file_under_umask_000(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    save_text("a log", ["x"])
    Memory(tmp_path, ("pleg-tui",)).keep(("name",))
    assert compare._save(tmp_path / "report.json", "{}") == ""
    os.close(append(str(tmp_path / "debug.log")))
    with Journal(f"{tmp_path}/journal").locked():
        pass
    assert len(only_ours(tmp_path)) >= 8


def test_a_log_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "debug.log"
    path.write_text("before\n")
    path.chmod(0o666)
    os.close(append(str(path)))
    assert mode(path) == 0o600
    assert path.read_text() == "before\n"


# -- nobody leads it elsewhere


@pytest.fixture(params=["a link", "a dangling link", "a folder", "a pipe", "a second name"])
def trap(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Something that lies where the program is told to write."""
    where, victim = tmp_path / "trap", tmp_path / "victim"
    match request.param:
        case "a link":
            victim.write_text("precious")
            where.symlink_to(victim)
        case "a dangling link":
            where.symlink_to(victim)
        case "a folder":
            where.mkdir()
        case "a pipe":
            os.mkfifo(where)
        case _:
            victim.write_text("precious")
            os.link(victim, where)
    return where


def unharmed(trap: Path) -> None:
    victim = trap.parent / "victim"
    if victim.exists():
        assert victim.read_text() == "precious"
    else:
        assert not os.path.lexists(victim), "made by way of a dangling link"


def test_a_trap_for_the_log(trap: Path, simulator: SimulatorProcess) -> None:
    ended = run("pods", "-r", simulator.endpoint, "--debug", str(trap))
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "--debug" in ended.stderr
    assert ended.stdout == ""
    unharmed(trap)


def test_a_trap_for_a_report(trap: Path) -> None:
    ended = run("compare", "--demo", "--save", str(trap))
    assert ended.returncode == 2
    assert "it is there already" in ended.stderr
    assert "left as it is" in compare._save(trap, "{}")  # it appeared only while measuring
    unharmed(trap)


def test_a_trap_for_what_is_saved_and_remembered(
    trap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = trap.parent
    monkeypatch.setenv("XDG_STATE_HOME", str(base / "state"))
    for place in ("pleg-tui", "pleg-tui/logs", "pleg-tui/logs/x.log"):
        shutil.rmtree(base / "state", ignore_errors=True)
        where = base / "state" / place
        where.parent.mkdir(parents=True)
        if trap.is_symlink():
            where.symlink_to(trap.readlink())
        else:
            where.write_text("in the way")
        with pytest.raises(SaveError, match="not saved"):
            save_text("x.log", ["y"])
        if place == "pleg-tui":
            with pytest.raises(MemoryFault):
                Memory(base / "state", ("pleg-tui",)).keep(("name",))
    unharmed(trap)


def test_a_trap_for_the_journal(trap: Path) -> None:
    from pleg_tui.migrate.journal import JournalError

    if not trap.is_dir() or trap.is_symlink():
        with pytest.raises(JournalError), Journal(str(trap)).locked():
            pass
        unharmed(trap)


@as_root
def test_the_link_of_a_stranger_is_followed_nowhere(tmp_path: Path) -> None:
    """A folder on the way is a link that another user planted, as in /tmp."""
    goal, link = tmp_path / "goal", tmp_path / "link"
    goal.mkdir()
    link.symlink_to(goal)
    os.close(open_folder(str(link)))  # our own is
    os.lchown(link, STRANGER, STRANGER)
    for write in (append, create):
        with pytest.raises(NotPrivate, match="another user"):
            write(f"{link}/file")
    with pytest.raises(NotPrivate):
        Memory(link, ("pleg-tui",))._open(make=True)
    assert list(goal.iterdir()) == []


@as_root
def test_the_file_of_a_stranger_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "debug.log"
    path.write_text("")
    os.chown(path, STRANGER, STRANGER)
    with pytest.raises(NotPrivate, match="another user"):
        append(str(path))
    assert path.read_text() == ""


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="too many"):
        open_folder(f"{tmp_path}/a/c")
    (tmp_path / "deep").mkdir()
    (tmp_path / "up").symlink_to("deep/../deep/./..")
    folder = open_folder(f"{tmp_path}/up/deep/..")
    assert os.fstat(folder).st_ino == tmp_path.stat().st_ino
    os.close(folder)


def test_commands_that_only_look_write_nothing(simulator: SimulatorProcess, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": "", "TMPDIR": str(tmp_path)}
    reach = ("-r", simulator.endpoint)
    for words in (("pods", *reach), ("events", "--count", "1", *reach), ("check",)):
        run(*words, **home)
    assert list(tmp_path.iterdir()) == []


# -- no secret and no traceback


def test_what_looks_like_a_secret_is_hidden() -> None:
    for text in (
        f"Authorization: Bearer {TOKEN}", f"it is {TOKEN}", "DB_PASSWORD=hunter2-hunter2",
        "{'api_token': 'hunter2-hunter2'}", "--token hunter2-hunter2".replace(" ", "="),
        "-----BEGIN EC PRIVATE KEY-----\nhunter2-hunter2\n-----END EC PRIVATE KEY-----",
    ):  # fmt: skip
        assert "hunter2" not in redacted(text)
        assert TOKEN not in redacted(text)
    for text in ("the token in /etc/token cannot be read", "ns/pod-x 12 ms", ""):
        assert redacted(text) == text


@given(st.text())
def test_hiding_never_fails_and_is_done_once(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


def test_the_log_of_a_child_hides_them_too(tmp_path: Path) -> None:
    from pleg_tui.collector.log_file import log_file

    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        with log_file(str(tmp_path / "x.log"), logging.INFO):
            logging.getLogger("test").info("Bearer %s", TOKEN)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert "hidden" in (tmp_path / "x.log").read_text()
    assert TOKEN not in (tmp_path / "x.log").read_text()


class _Echo(BaseHTTPRequestHandler):
    """Sends what it was given back wherever an answer has room for it."""

    seen: list[str]

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        self.seen.append(given)
        status = int(self.path.strip("/"))
        self.send_response(status, given)
        self.send_header("Location", f"http://127.0.0.1:1/{given}")
        self.end_headers()
        self.wfile.write(given.encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


def test_a_kubelet_that_throws_the_token_back_does_not_get_it_shown(tmp_path: Path) -> None:
    certificate, key = self_signed("node")
    (tmp_path / "server.pem").write_text(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    seen: list[str] = []
    handler = type("Echo", (_Echo,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        access = Access(token=TOKEN, insecure=True)
        for status in (401, 403, 302, 404, 500, 503):
            with pytest.raises(FetchError) as caught:
                fetch(f"https://127.0.0.1:{server.server_port}/{status}", access, 30)
            assert TOKEN not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
        server.shutdown()
    assert seen == [f"Bearer {TOKEN}"] * 6  # each was a real try


FAULT = """
import sys
import pleg_tui.{module} as broken
def fail(*arguments, **named):
    raise ValueError("\\x1b[2Jcannot do DB_PASSWORD=hunter2 Bearer {token}")
broken.{name} = fail
from pleg_tui.cli.main import console
console()
"""


def broken(module: str, name: str, *arguments: str) -> list[str]:
    """The program with one function in it that fails."""
    code = FAULT.format(module=module, name=name, token=TOKEN)
    return [sys.executable, "-c", code, *arguments]


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_a_command(debug: bool, simulator: SimulatorProcess, tmp_path: Path) -> None:
    log = tmp_path / "debug.log"
    more = ["--debug", str(log)] if debug else []
    ended = subprocess.run(
        broken("cli.pods", "run", "pods", "-r", simulator.endpoint, *more), capture_output=True,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "a fault of this program" in ended.stderr
    told = ended.stderr + (log.read_text() if debug else "")
    assert ("Traceback" in told) == debug
    assert "hunter2" not in told
    assert TOKEN not in told
    if debug:
        assert mode(log) == 0o600


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("ui.app", "PlegTui._take"),
        ("ui.app", "PlegTui.beat"),
        ("ui.screens.live", "Live.action_help"),
    ],
)
def test_a_fault_of_the_dashboard(
    module: str, name: str, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """In drawing, in a timer, in a key's action: one sentence, and the terminal as it was."""
    log = tmp_path / "debug.log"
    words = broken(module, name, "-r", simulator.endpoint, "--debug", str(log))
    (tmp_path / "broken.py").write_text(words[2])
    words[1:3] = [str(tmp_path / "broken.py")]
    with Terminal(160, 40, {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}) as terminal:
        before = terminal.condition
        terminal.press(shlex.join(words) + "\n")
        if name.endswith("action_help"):
            terminal.wait_for("running")
            terminal.press("?")
        screen = terminal.wait_for("internal error", 60)
        terminal.wait_for_shell()
        terminal.press("echo back\n")
        terminal.wait_for("back")
        end = time.monotonic() + 10
        while terminal.condition != before:
            assert time.monotonic() < end, f"{before} became {terminal.condition}"
            time.sleep(0.05)
    assert "Traceback" not in screen
    assert "hunter2" not in screen
    assert "the --debug log has the details" in screen.replace("\n", "")
    told = log.read_text()
    assert "Traceback" in told
    assert "hunter2" not in told
    assert TOKEN not in told
    assert mode(log) == 0o600


def test_a_fault_in_a_thread_is_silent(tmp_path: Path) -> None:
    code = (
        "import threading; from pleg_tui.cli.main import _no_tracebacks; _no_tracebacks()\n"
        "import logging; logging.getLogger().addHandler(logging.NullHandler())\n"
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    assert ended.stderr == ""


# -- privilege


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is not here")
@pytest.mark.parametrize("words", [("pods",), ("events", "--count", "2")])
def test_no_capability_is_needed(words: tuple[str, ...], simulator: SimulatorProcess) -> None:
    """Without one capability, and without a way to get any: only the socket must be ours."""
    assert Path("/proc/self/status").exists()
    ended = subprocess.run(
        ["setpriv", *(("--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()),
         "--no-new-privs", sys.executable, "-m", "pleg_tui", *words, "-r", simulator.endpoint],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) > 1
