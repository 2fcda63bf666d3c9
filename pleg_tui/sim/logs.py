"""CRI log files that grow: `RFC3339Nano stdout|stderr F|P text`, as runtimes write them.

A file is there as soon as its path has been told to anybody. Only the containers that were told of
last grow, so that ten thousand of them cost no more than a few dozen.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import OrderedDict
from pathlib import Path

from pleg_tui.sim.objects import Container, Sandbox, State

FIRST_LINE = "this log is simulated: no program runs here (pleg-tui's simulated runtime)"
_GROWING = 64
_PER_TICK = 16
_ROTATE = 1 << 20
_PHRASES = (
    'level=info msg="request served" path=/v1/items status=200 ms={n}',
    'level=info msg="request served" path=/healthz status=200 ms=1',
    'level=debug msg="cache hit" key=item:{n}',
    'level=info msg="batch done" rows={n}',
    'level=warn msg="slow query" ms={n}',
    '{{"level":"info","msg":"tick","seq":{n}}}',
    'level=error msg="upstream timed out" attempt={n}',
)


def timestamp(at: int) -> str:
    """RFC 3339 with nanoseconds, UTC, of a time in ns since the epoch."""
    seconds, nanos = divmod(at, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanos:09d}Z"


def line(at: int, text: str, *, stream: str = "stdout", partial: bool = False) -> str:
    """One line of a CRI log file."""
    return f"{timestamp(at)} {stream} {'P' if partial else 'F'} {text}\n"


class Logs:
    """The log files of one simulator. Disk errors are the reader's bad luck, never the server's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._growing: OrderedDict[str, Container] = OrderedDict()
        self._made: set[str] = set()
        self._folders: set[str] = set()
        self._lines = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        """Nothing grows."""
        return not self._growing

    def ensure(self, container: Container) -> None:
        """Its file exists, with a beginning, and grows while the container runs."""
        if not container.log_path or not container.started_at:
            return
        if container.id not in self._made:
            self._made.add(container.id)
            started = container.started_at
            texts = [
                line(started, FIRST_LINE),
                line(
                    started + 1_000_000, f"starting {container.name}, attempt {container.attempt}"
                ),
                line(started + 2_000_000, "config: ", partial=True),
                line(started + 2_000_001, "{workers: 4, listen: ':8080'}"),
            ]
            self._append(container, "".join(texts))
        if container.state is State.RUNNING:
            self._growing[container.id] = container
            self._growing.move_to_end(container.id)
            if len(self._growing) > _GROWING:
                self._growing.popitem(last=False)

    def exited(self, container: Container, at: int) -> None:
        """The last lines of a container."""
        self._growing.pop(container.id, None)
        if container.log_path and container.id in self._made:
            if container.exit_code == 0:
                text = line(at, "done")
            else:
                last = container.message or f"exiting with code {container.exit_code}"
                if container.reason == "OOMKilled" and container.memory_limit:
                    # Killed between two lines: a program does not get to say goodbye.
                    limit = container.memory_limit >> 20
                    last = f"cache grew to {limit * 97 // 100} MiB of {limit} MiB"
                text = line(at, last, stream="stderr")
            self._append(container, text)

    def removed(self, container: Container) -> None:
        """The container is gone, and its file with it where the simulated kubelet's own are."""
        self._growing.pop(container.id, None)
        if container.id in self._made:
            self._made.discard(container.id)
            path = Path(container.log_path)
            if self.root in path.parents:
                try:
                    path.unlink(missing_ok=True)
                    Path(f"{path}.1").unlink(missing_ok=True)
                except OSError:
                    return

    def sandbox_removed(self, sandbox: Sandbox) -> None:
        """The pod's folder goes, if it was made here."""
        if sandbox.log_directory in self._folders:
            self._folders.discard(sandbox.log_directory)
            shutil.rmtree(sandbox.log_directory, ignore_errors=True)

    def close(self) -> None:
        """Remove every folder that was made here, and nothing else; nothing is written again."""
        self._closed = True
        self._growing.clear()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()
        with contextlib.suppress(OSError):
            self.root.rmdir()

    def grow(self, at: int) -> None:
        """A line more for the next few of those that grow."""
        for _ in range(min(_PER_TICK, len(self._growing))):
            key, container = self._growing.popitem(last=False)
            self._growing[key] = container
            self._lines += 1
            phrase = _PHRASES[self._lines % len(_PHRASES)]
            stream = "stderr" if "error" in phrase else "stdout"
            self._append(container, line(at, phrase.format(n=self._lines), stream=stream))

    def _append(self, container: Container, text: str) -> None:
        if self._closed:
            return
        path = Path(container.log_path)
        try:
            try:
                file = path.open("a", encoding="utf-8")
            except FileNotFoundError:
                if path.parent.parent.parent == self.root:
                    self._folders.add(str(path.parent.parent))
                path.parent.mkdir(parents=True, exist_ok=True)
                file = path.open("a", encoding="utf-8")
            with file:
                file.write(text)
                size = file.tell()
            if size > _ROTATE:
                path.replace(container.log_path + ".1")
        except OSError:
            self._growing.pop(container.id, None)
