"""The kubelet's version, from whoever may be believed most.

Its own program is run (`--version`, which prints and ends) only as the last resort, and only where
that is this machine's own file system: never under another root, and never for a kubelet in a
container. Everything before it only reads.
"""

from __future__ import annotations

import os
import re
import subprocess

from pleg_tui.node.kubelet.gates import parse_release
from pleg_tui.node.kubelet.process import KubeletProcess
from pleg_tui.node.kubelet.types import Fact

_PRINTED = re.compile(r"\bv(\d+\.\d+\.\d+[\w.+-]*)")


def choose(told: list[tuple[str | None, str]], why: str) -> Fact:
    """The first version that can be read as one; pure.

    Args:
        told: what each source says, best first, with the source's name; None: it says nothing.
        why: why it is unknown where none says anything.
    """
    for text, source in told:
        if text and parse_release(text) is not None:
            return Fact(text.removeprefix("v"), source)
    return Fact(None, why)


def ask_program(root: str, process: KubeletProcess | None, timeout_s: float = 5.0) -> str | None:
    """What the running program itself prints as its version; None where it may not be asked."""
    if process is None or process.foreign or os.path.normpath(root) != "/":
        return None
    try:
        # Of other programs that have a kubelet inside it is not known what --version does.
        program = os.readlink(f"/proc/{process.pid}/exe").removesuffix(" (deleted)")  # noqa: PTH115
        if program.rpartition("/")[2] not in ("kubelet", "k3s"):
            return None
        # Its /proc/<pid>/exe is the very program that runs, even if the file was replaced since.
        done = subprocess.run(
            [process.command[0], "--version"],
            executable=f"/proc/{process.pid}/exe",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=timeout_s,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    found = _PRINTED.search(done.stdout[:4096].decode("utf-8", "replace"))
    return found[1] if found else None
