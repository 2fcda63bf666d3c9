"""The command that restarts a service, as an admin may write it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pleg_tui.migrate.hands import HandsError, Patience, SystemHands
from pleg_tui.migrate.plan import Restart
from tests.migrate.nodes import kubeadm

KUBELET = Restart("kubelet", "reads its configuration only when it starts", True)


def hands(root: Path, script: str, restart_s: float = 60) -> SystemHands:
    path = root / "restart"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    facts = kubeadm(root).kubelet()
    patience = Patience(restart_s=restart_s)
    return SystemHands(facts, root=str(root), restart_command=f"{path} {{unit}}", patience=patience)


def test_what_it_leaves_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    hands(tmp_path, f"sleep 600 &\necho $! > {tmp_path}/pid", restart_s=90).restart(KUBELET)
    # It still runs, and holds the command's output open.
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)


def test_it_may_say_much_and_its_last_line_is_told(tmp_path: Path) -> None:
    script = (
        "head -c 3000000 /dev/zero | tr '\\0' x\necho\nprintf 'no \\033[31m%s\\n' $1 >&2\nexit 3"
    )
    with pytest.raises(HandsError, match=r"exit code 3: no .*kubelet\.service") as failed:
        hands(tmp_path, script).restart(KUBELET)
    assert "\x1b" not in str(failed.value)
    assert len(str(failed.value)) < 1000


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(HandsError, match="did not end within 1 s"):
        hands(tmp_path, "exec sleep 600", restart_s=1).restart(KUBELET)
