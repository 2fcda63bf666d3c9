"""A machine that is short of something: busy loops on every core, a small memory cgroup."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


class NoCgroupError(Exception):
    """No memory cgroup can be made here; its text says why."""


@contextmanager
def busy_cores() -> Iterator[None]:
    """One process for each core that does nothing but run."""
    loops = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait(10)


class MemoryCgroup:
    """A memory cgroup, of version 1 or 2 as the machine has them."""

    def __init__(self, folder: Path, version: int) -> None:
        self.folder = folder
        self._version = version

    @property
    def used(self) -> int:
        """Bytes now."""
        name = "memory.usage_in_bytes" if self._version == 1 else "memory.current"
        return int((self.folder / name).read_text())

    @property
    def kills(self) -> int:
        """Processes that the kernel has killed in it because there was no memory."""
        name = "memory.oom_control" if self._version == 1 else "memory.events"
        words = (self.folder / name).read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def limit(self, limit: int) -> None:
        """Set the limit, bytes; the kernel first takes back what it can.

        Raises:
            OSError: version 1, and more than that is in use.
        """
        name = "memory.limit_in_bytes" if self._version == 1 else "memory.max"
        (self.folder / name).write_text(str(limit))

    def remove(self) -> None:
        """Remove it once its processes are gone.

        Raises:
            OSError: some still live after ten seconds.
        """
        end = time.monotonic() + 10
        while True:
            try:
                self.folder.rmdir()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return


@contextmanager
def memory_cgroup() -> Iterator[MemoryCgroup]:
    """A memory cgroup without a limit yet; its processes must be gone at the end.

    Raises:
        NoCgroupError: none can be made here.
    """
    version = 1 if (_CGROUPS / "memory/memory.limit_in_bytes").exists() else 2
    top = _CGROUPS / "memory" if version == 1 else _CGROUPS
    folder = top / f"pleg-tui-small-{uuid.uuid4().hex[:8]}"
    try:
        if version == 2 and "memory" not in (top / "cgroup.subtree_control").read_text().split():
            (top / "cgroup.subtree_control").write_text("+memory")
        folder.mkdir()
    except OSError as error:
        raise NoCgroupError(f"no memory cgroup can be made: {error.strerror}") from None
    made = MemoryCgroup(folder, version)
    try:
        yield made
    finally:
        made.remove()
