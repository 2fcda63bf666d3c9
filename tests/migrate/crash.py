"""A process that is killed at its Nth step, and a node whose kubelet is a file and a shell script.

Every call that could change a file, and every command, counts as a step; a write that is killed has
written half.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pleg_tui.migrate.edits import gate_in
from pleg_tui.migrate.hands import Patience, SystemHands
from pleg_tui.migrate.journal import Journal
from pleg_tui.migrate.plan import Restart
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.types import KubeletFacts, Mode
from tests.migrate.nodes import Node, crio

_MOST_S = 60
"""So long may the work take until it is killed or done; then it is ended."""
CONFIG = "/var/lib/kubelet/config.yaml"
_CALLS = ("open", "write", "fsync", "rename", "unlink", "mkdir", "rmdir", "fchmod", "fchown",
          "setxattr")  # fmt: skip
_SYSTEMCTL = """#!/bin/sh
[ "$1" = is-active ] && { echo active; exit 0; }
echo "$2" >> "$NODE/restarted"
[ -e "$NODE/refuse-$2" ] && { rm "$NODE/refuse-$2"; echo "Job for $2 failed." >&2; exit 1; }
[ "$2" = kubelet.service ] && cp "$NODE/var/lib/kubelet/config.yaml" "$NODE/running"
exit 0
"""


def make(root: Path) -> Node:
    """A node with CRI-O, so that a switch makes a folder and a file, changes one, restarts two."""
    node = crio(root)
    config = root / CONFIG.lstrip("/")
    if os.geteuid() == 0:
        os.chown(config, 1234, 4321)
    config.chmod(0o640)
    with contextlib.suppress(OSError):
        os.setxattr(config, "user.kept", b"\x00\xff")
    tools = root / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text(_SYSTEMCTL)
    (tools / "systemctl").chmod(0o755)
    (root / "running").write_bytes(config.read_bytes())
    return node


class ScriptHands(SystemHands):
    """The stand-in systemctl's kubelet is another process after each restart."""

    def __init__(self, node: Node) -> None:
        self._node = node
        facts = node.kubelet()
        super().__init__(
            facts,
            root=str(node.root),
            patience=Patience(20, 20, 0, 0, 0.01),
            look=self._seen,
        )

    def _process(self, restart: Restart) -> tuple[int, int | None] | None:
        path = self._node.root / "restarted"
        return len(path.read_text().split()) + 1 if path.exists() else 1, None

    def _seen(self, root: str, options: KubeletOptions) -> KubeletFacts:
        on = gate_in((self._node.root / "running").read_bytes())
        self._node.mode = Mode.EVENTED if on else Mode.GENERIC
        return self._node.kubelet()


def journal(node: Node) -> Journal:
    return Journal.at(str(node.root))


def killed_at(step: int, work: Callable[[], Any]) -> bool:
    """Do the work in a child that kills itself before its step with this number.

    Returns:
        Whether it was killed; False: it ended by itself before.
    """
    child = os.fork()
    if child == 0:
        # What the tests before this one left is not finalized here: its threads are the parent's.
        gc.disable()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_MOST_S)
        code = 1
        try:
            _arm(step)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, "it did not end by itself"
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed"
    return False


def _arm(step: int) -> None:
    left = step

    def due() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            if due():
                if name == "write" and arguments[0] > 2:
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return wrapped

    for name in _CALLS:
        setattr(os, name, wrap(name, getattr(os, name)))
    subprocess.Popen = wrap("run", subprocess.Popen)  # type: ignore[assignment, misc]
