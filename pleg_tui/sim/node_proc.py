"""The /proc of a simulated node: its own processes only, and under their part's names.

Each process is a folder: the name, command line and control group are files that say what a node's
would; everything measured (stat, status, io and so on) leads to the real process's own. So nothing
on the real machine takes a simulated kubelet for a kubelet, and yet every figure is real.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

_MEASURED = (
    "stat",
    "statm",
    "status",
    "io",
    "schedstat",
    "limits",
    "mountinfo",
    "smaps_rollup",
    "ns",
    "fd",
    "task",
    "net",
)
_MACHINE = ("uptime", "meminfo", "loadavg", "cpuinfo", "version", "filesystems", "sys")


class Proc:
    """One root's /proc."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._proc = Path(root, "proc")

    def begin(self, own_pid: int) -> None:
        """The machine's part, and a process 1 in the namespaces of this one."""
        self._proc.mkdir(parents=True, exist_ok=True)
        for name in _MACHINE:
            self._proc.joinpath(name).symlink_to(f"/proc/{name}")
        # A file of its own, for readers that follow no link out of the root; the boot time in it
        # does not change.
        self._proc.joinpath("stat").write_bytes(Path("/proc/stat").read_bytes())
        first = self._proc / "1"
        first.mkdir()
        first.joinpath("comm").write_text("systemd\n")
        first.joinpath("cmdline").write_text("/sbin/init\0")
        first.joinpath("cgroup").write_text("0::/init.scope\n")
        first.joinpath("ns").symlink_to(f"/proc/{own_pid}/ns")
        first.joinpath("root").symlink_to(self._root)

    def add(self, pid: int, comm: str, command: Sequence[str], unit: str) -> None:
        """Show a process under another name."""
        folder = self._proc / str(pid)
        making = self._proc / f".{pid}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        making.joinpath("comm").write_text(f"{comm}\n")
        making.joinpath("cmdline").write_text("".join(f"{word}\0" for word in command))
        making.joinpath("cgroup").write_text(f"0::/system.slice/{unit}.service\n")
        making.joinpath("environ").write_text("PATH=/usr/sbin:/usr/bin:/sbin:/bin\0")
        making.joinpath("exe").symlink_to(f"{self._root}{command[0]}")
        making.joinpath("root").symlink_to(self._root)
        making.joinpath("cwd").symlink_to(self._root)
        for name in _MEASURED:
            making.joinpath(name).symlink_to(f"/proc/{pid}/{name}")
        self.remove(pid)
        making.rename(folder)  # at once, as a process appears

    def remove(self, pid: int) -> None:
        """It has ended."""
        gone = self._proc / f".gone-{pid}"
        with contextlib.suppress(FileNotFoundError):
            self._proc.joinpath(str(pid)).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
