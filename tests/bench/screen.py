"""A program on a pseudo-terminal whose bytes are counted and timed; nothing looks at them."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pleg_tui.node.process_cpu import clock_ns
from pleg_tui.ui.memory import FILE
from tests.bench.harness import ROOT
from tests.terminal import children_of, command_line

COMMAND = str(Path(sys.executable).with_name("pleg-tui"))
"""As it is typed: `python -m` starts later than that."""


def environment(**more: str) -> dict[str, str]:
    """As over an ordinary terminal, with no settings of whoever runs this."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEXTUAL", "NO_COLOR", "SSH_", "PLEG_TUI", "PYTHON"))
    }
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
    return kept | terminal | {"XDG_STATE_HOME": _state_home()} | more


@cache
def _state_home() -> str:
    """A state of its own, in which the hint for newcomers was seen and no columns were chosen."""
    folder = Path(tempfile.mkdtemp(prefix="pleg-tui-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "pleg-tui").mkdir()
    (folder / "pleg-tui" / FILE).write_text('{"hints": 99}')
    return str(folder)


class Answer(NamedTuple):
    """What came after a key."""

    ms: float
    """From the key to the last byte."""
    cpu_ms: float
    """Of the program meanwhile."""
    bytes: int
    """0: nothing came, and the times mean nothing."""


class Screen:
    """A program that draws, and what it sends to its terminal.

    Its bytes are taken as soon as they come, by a thread that keeps their number and, for whoever
    asks, when they came.
    """

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 120,
        lines: int = 40,
        heard: Callable[[float, bytes], None] | None = None,
    ) -> None:
        """Start it.

        Args:
            command: the program and its arguments.
            columns: of the terminal.
            lines: of the terminal.
            heard: told of all that comes, with its time.perf_counter(), in the thread.
        """
        self.bytes = 0
        self.last = self.begun = time.perf_counter()
        """When the last bytes came, and when it was started: time.perf_counter()."""
        self._heard = heard
        self._fd, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(COLUMNS="", LINES=""),
            start_new_session=True,
            close_fds=True,
        )
        os.close(slave)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def collector(self) -> int:
        """The process of its collector; 0 for none."""
        return next((p for p in children_of(self.pid) if "collector" in command_line(p)), 0)

    @property
    def pids(self) -> tuple[int, ...]:
        """It and its collector."""
        return (self.pid, self.collector)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._fd, keys.encode())

    def wait_quiet(self, quiet_s: float = 0.08, most_s: float = 5.0) -> float:
        """Wait until nothing has come for so long; returns when the last bytes came."""
        end = time.perf_counter() + most_s
        seen = time.perf_counter()
        while (now := time.perf_counter()) < end:
            seen = max(seen, self.last)
            if now - seen >= quiet_s:
                break
            time.sleep(0.003)
        return self.last

    def answer(self, keys: str, quiet_s: float = 0.08, most_s: float = 0.5) -> Answer:
        """Type, and wait until the answer is over."""
        before, begun, cpu = self.bytes, time.perf_counter(), clock_ns(self.pid) or 0
        self.press(keys)
        while self.bytes == before and time.perf_counter() < begun + most_s:
            time.sleep(0.002)
        last = self.wait_quiet(quiet_s)
        spent = ((clock_ns(self.pid) or 0) - cpu) / 1e6
        return Answer((last - begun) * 1e3, spent, self.bytes - before)

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._thread.join(3)
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> None:
        while True:
            try:
                if not select.select([self._fd], [], [], 0.5)[0]:
                    if self._process.poll() is not None:
                        return
                    continue
                data = os.read(self._fd, 1 << 16)
            except (OSError, ValueError):
                return
            if not data:
                return
            self.last = time.perf_counter()
            self.bytes += len(data)
            if b"\x1b[?2026$p" in data:  # a terminal of today answers: synchronised output
                with contextlib.suppress(OSError):
                    os.write(self._fd, b"\x1b[?2026;2$y")
            if self._heard is not None:
                self._heard(self.last, data)


def dashboard(
    endpoint: str,
    columns: int = 120,
    lines: int = 40,
    *options: str,
    heard: Callable[[float, bytes], None] | None = None,
) -> Screen:
    """The dashboard on a runtime."""
    program = [COMMAND, "-r", endpoint, *options]
    return Screen(program, columns, lines, heard)


def settle(screen: Screen, seconds: float) -> None:
    """Let it show everything, details and all, and let the second listing pass."""
    end = time.perf_counter() + seconds
    while not screen.collector and time.perf_counter() < end + 20:
        time.sleep(0.05)
    time.sleep(max(0.0, end - time.perf_counter()))
