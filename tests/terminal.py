"""A program in a real pseudo-terminal under a job-control shell, its screen read with pyte."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyte

_ALTERNATE = 1049


class _Screen(pyte.Screen):
    """pyte's screen with the alternate one, which it leaves out."""

    saved: Any = None

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        if kwargs.get("private") and _ALTERNATE in modes and self.saved is None:
            self.saved = copy.deepcopy((self.buffer, self.cursor))
            self.erase_in_display(2)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        super().reset_mode(*modes, **kwargs)
        if kwargs.get("private") and _ALTERNATE in modes and self.saved is not None:
            pen = self.cursor.attrs  # not every terminal puts that back
            self.buffer, self.cursor = self.saved
            self.cursor.attrs = pen
            self.saved = None

    @property
    def is_alternate(self) -> bool:
        """A full-screen program has the terminal."""
        return self.saved is not None


class Terminal:
    """An interactive bash on a pseudo-terminal; type commands into it and look at its screen.

    A shell stands between, because a program that stops itself (Ctrl-Z) needs one to be stopped.
    """

    def __init__(
        self, columns: int = 120, lines: int = 40, environment: dict[str, str] | None = None
    ) -> None:
        self.written = 0
        """Bytes that the program sent to the terminal."""
        self._screen = _Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._reading = threading.Event()
        self._reading.set()
        self._closed = False
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            base = {
                k: v for k, v in os.environ.items() if not k.startswith(("TEXTUAL", "NO_COLOR"))
            }
            base |= {"TERM": "xterm-256color", "PS1": "$ ", "HISTFILE": "", **(environment or {})}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], base)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.wait_for("$ ")

    def press(self, text: str) -> None:
        """Send keys; end a command with a newline."""
        os.write(self._fd, text.encode())

    def stop_reading(self) -> None:
        """The terminal is blocked: whoever writes to it fills the line and then waits."""
        self._reading.clear()

    def read_on(self) -> None:
        """The terminal is back."""
        self._reading.set()

    @property
    def text(self) -> str:
        """The screen's lines."""
        with self._lock:
            return "\n".join(self._screen.display)

    @property
    def title(self) -> tuple[str, str]:
        """What programs have called the window and its icon."""
        with self._lock:
            title, icon = self._screen.title, self._screen.icon_name
        # pyte takes OSC 22, the pointer's shape, for an OSC 2.
        return "" if title.startswith(";") else title, icon

    @property
    def condition(self) -> tuple[object, ...]:
        """How the terminal stands: line settings, the pen, the modes that programs switch."""
        settings = termios.tcgetattr(self._fd)
        with self._lock:
            screen = self._screen
            modes = frozenset(screen.mode)
            return (settings[:4], screen.cursor.attrs, modes, screen.is_alternate)

    def wait_for(self, text: str, seconds: float = 20.0) -> str:
        """Wait until the screen shows a text; returns the screen.

        Raises:
            AssertionError: it did not, with the screen as it was.
        """
        return self.wait_until(lambda screen: text in screen, repr(text), seconds)

    def wait_until(self, condition: Callable[[str], bool], what: str, seconds: float = 20.0) -> str:
        """Wait until the screen is as it should be; returns it.

        Raises:
            AssertionError: it was not, with the screen as it was.
        """
        end = time.monotonic() + seconds
        while not condition(screen := self.text):
            if time.monotonic() > end:
                raise AssertionError(f"the screen does not show {what}:\n{screen}")
            time.sleep(0.02)
        return screen

    def wait_for_shell(self, seconds: float = 20.0) -> str:
        """Wait until no full-screen program has the terminal; returns the shell's screen.

        Raises:
            AssertionError: one still has it.
        """
        return self.wait_until(lambda _: not self._screen.is_alternate, "the shell", seconds)

    def resize(self, columns: int, lines: int) -> None:
        """The terminal's window has another size."""
        with self._lock:
            self._screen.resize(lines, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def close(self) -> None:
        """Hang up."""
        if self._closed:
            return
        self._closed = True
        self._reading.set()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGHUP)
        # Its number is the next terminal's, whose text this thread would read.
        self._thread.join(5)
        os.close(self._fd)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

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
        while not self._closed:
            self._reading.wait()
            try:
                ready, _, _ = select.select([self._fd], [], [], 0.2)
                if not ready or not self._reading.is_set():
                    continue
                data = os.read(self._fd, 65536)
            except (OSError, ValueError):
                return
            if not data:
                return
            self.written += len(data)
            with self._lock:
                self._stream.feed(data)


def children_of(pid: int) -> list[int]:
    """Every living descendant of a process, nearest first."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop(0)
        try:
            words = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            continue
        children = [int(word) for word in words]
        found += children
        waiting += children
    return found


def command_line(pid: int) -> str:
    """A process's arguments, joined by spaces; empty when it is gone."""
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return data.replace(b"\0", b" ").decode(errors="replace").strip()
