"""The first process of a runtime's own namespaces: mounts, starts what it is told, reaps orphans.

Run as a script by `unshare --mount --pid --fork`; it imports nothing of the project. Orders are
JSON lines on its standard input, answers JSON lines on its standard output. When its input ends it
ends too, and the kernel then kills every process of the namespace and drops every mount: whatever
becomes of the tests, nothing is left behind.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


def mount(*argv: str) -> None:
    subprocess.run(["mount", *argv], check=True)


def prepare(chroot: Path, instance: Path, state: Path) -> Path:
    """Mount a root for one runtime, and return it.

    The chroot lies under it read-only, so that several runtimes share one; what is written goes to
    the instance's own folders. runc needs `/` to be a mount point. The instance's folder is seen
    under the same path inside and outside, and its `containerd` is /run/containerd inside.
    """
    root, upper, work, store = (state / name for name in ("root", "upper", "work", "store"))
    for folder in (root, upper, work, store):
        folder.mkdir()
    layers = f"lowerdir={chroot},upperdir={upper},workdir={work}"
    mount("-t", "overlay", "-o", layers, "overlay", str(root))
    mount("-t", "proc", "proc", str(root / "proc"))
    mount("--rbind", "/sys", str(root / "sys"))
    mount("--rbind", "/dev", str(root / "dev"))
    runtime = instance / "containerd"
    runtime.mkdir()
    bind(instance, root / instance.relative_to("/"))
    bind(runtime, root / "run/containerd")
    bind(store, root / "var/lib/containerd")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")  # sandboxes get a copy of it
    return root


def bind(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    mount("--bind", str(source), str(target))


class Init:
    """Obeys orders one at a time; the daemon is the one long-lived child that orders are about."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.log = log
        self.daemon: int | None = None

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["op"]:
            case "run":
                return self.run(order["argv"], float(order["timeout"]))
            case "start":
                self.daemon = self.spawn(order["argv"])
                return {"pid": self.daemon}
            case "signal":
                if self.daemon is not None:
                    os.kill(self.daemon, int(order["signal"]))
                return {"sent": self.daemon is not None}
            case other:
                return {"error": f"unknown order {other}"}

    def run(self, argv: list[str], timeout: float) -> dict[str, Any]:
        try:
            done = subprocess.run(
                ["chroot", str(self.root), *argv],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"{argv[0]}: no end within {timeout:g} s"}
        return {"code": done.returncode, "out": done.stdout, "err": done.stderr}

    def spawn(self, argv: list[str]) -> int:
        with self.log.open("ab") as log, Path("/dev/null").open("rb") as nothing:
            return os.posix_spawnp(
                "chroot",
                ["chroot", str(self.root), *argv],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
                ],
            )

    def reap(self) -> None:
        """Collect dead children: the daemon, and shims whose parents are gone."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.daemon:
                self.daemon = None
                say({"exited": os.waitstatus_to_exitcode(status)})


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    chroot, instance, state = (Path(argument) for argument in sys.argv[1:4])
    try:
        root = prepare(chroot, instance, state)
    except (OSError, subprocess.CalledProcessError) as error:
        say({"error": f"cannot prepare the runtime's mounts: {error}"})
        return
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    init = Init(root, instance / "containerd.log")
    say({"ready": True})
    buffer = b""
    while True:
        readable, _, _ = select.select([0, wake_read], [], [])
        if wake_read in readable:
            os.read(wake_read, 4096)
            init.reap()
        if 0 not in readable:
            continue
        data = os.read(0, 65536)
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            try:
                answer = init.obey(json.loads(line))
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            say({"answer": answer})


if __name__ == "__main__":
    main()
