"""Folders that look like a node's /sys/fs/cgroup and /proc, built below a root."""

from __future__ import annotations

import shutil
from pathlib import Path

V1 = ("blkio", "cpu,cpuacct", "freezer", "memory", "pids", "systemd")


def an_id(number: int) -> str:
    """A container's id."""
    return f"{number:064x}"


def a_uid(number: int) -> str:
    """A pod's UID."""
    return f"0a1b2c3d-1111-4222-8333-{number:012x}"


class Tree:
    """A node's control groups, as one of the kinds that there are.

    Args:
        root: the node's root.
        kind: v1, v2 or hybrid.
    """

    def __init__(self, root: Path, kind: str) -> None:
        self.root = root
        self.kind = kind
        self.base = root / "sys/fs/cgroup"
        self.base.mkdir(parents=True)
        if kind == "v2":
            (self.base / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
            (self.base / "cgroup.procs").write_text("1\n")
            return
        for name in V1:
            (self.base / name).mkdir()
            (self.base / name / "cgroup.procs").write_text("1\n")
        (self.base / "cpu").symlink_to("cpu,cpuacct")
        (self.base / "cpuacct").symlink_to("cpu,cpuacct")
        if kind == "hybrid":
            (self.base / "unified").mkdir()
            (self.base / "unified/cgroup.controllers").write_text("\n")
            (self.base / "unified/cgroup.procs").write_text("1\n")

    def group(
        self,
        path: str,
        *,
        cpu_ns: int = 0,
        used: int = 0,
        inactive: int = 0,
        anon: int = 0,
        limit: int | None = None,
        periods: tuple[int, int, int] = (0, 0, 0),
        oom: int = 0,
        pids: int = 1,
        procs: str = "",
    ) -> None:
        """Make a group, or set what one that exists says; periods are (all, slowed, ns slowed)."""
        every, slowed, slowed_ns = periods
        if self.kind == "v2":
            self._write(
                self.base / path,
                {
                    "cpu.stat": f"usage_usec {cpu_ns // 1000}\nuser_usec 0\nsystem_usec 0\n"
                    f"nr_periods {every}\nnr_throttled {slowed}\n"
                    f"throttled_usec {slowed_ns // 1000}\n",
                    "memory.current": f"{used}\n",
                    "memory.stat": f"anon {anon}\nfile {used - anon}\nkernel 4096\n"
                    f"inactive_anon 7\ninactive_file {inactive}\nactive_file 9\n",
                    "memory.max": f"{'max' if limit is None else limit}\n",
                    "memory.events": f"low 0\nhigh 0\nmax 3\noom {oom}\noom_kill {oom}\n"
                    "oom_group_kill 0\n",
                    "pids.current": f"{pids}\n",
                    "cgroup.procs": procs,
                },
            )
            return
        self._write(
            self.base / "cpu,cpuacct" / path,
            {
                "cpuacct.usage": f"{cpu_ns}\n",
                "cpu.stat": f"nr_periods {every}\nnr_throttled {slowed}\n"
                f"throttled_time {slowed_ns}\n",
            },
        )
        self._write(
            self.base / "memory" / path,
            {
                "memory.usage_in_bytes": f"{used}\n",
                "memory.stat": f"cache 1\nrss 1\ninactive_file 1\ntotal_cache {used - anon}\n"
                f"total_rss {anon}\ntotal_inactive_file {inactive}\ntotal_active_file 9\n",
                "memory.limit_in_bytes": f"{9223372036854771712 if limit is None else limit}\n",
                "memory.oom_control": f"oom_kill_disable 0\nunder_oom 0\noom_kill {oom}\n",
                "cgroup.procs": procs,
            },
        )
        self._write(self.base / "pids" / path, {"pids.current": f"{pids}\n"})
        for name in ("blkio", "freezer", "systemd", "unified"):
            if (self.base / name).is_dir():
                self._write(self.base / name / path, {"cgroup.procs": procs})

    def remove(self, path: str) -> None:
        """The group goes, as when its container has ended."""
        trees = [self.base] if self.kind == "v2" else [e for e in self.base.iterdir() if e.is_dir()]
        for tree in trees:
            shutil.rmtree(tree / path, ignore_errors=True)

    @staticmethod
    def _write(folder: Path, files: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)


def process(
    root: Path,
    pid: int,
    ppid: int = 1,
    *,
    name: str = "sh",
    arguments: bytes = b"",
    state: str = "S",
    ticks: int = 0,
    pages: int = 0,
    uid: int = 0,
    threads: int = 1,
) -> None:
    """A process in the root's /proc."""
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True)
    numbers = [0] * 49
    values = {0: ppid, 10: ticks, 11: ticks, 16: threads, 20: pages}
    for position, value in values.items():
        numbers[position] = value
    text = f"{pid} ({name}) {state} {' '.join(map(str, numbers))}\n"
    (folder / "stat").write_text(text)
    (folder / "status").write_text(f"Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t0\n")
    (folder / "cmdline").write_bytes(arguments)
