"""What is known of the machine and of our rights on it, for the checklist. Only reads; blocking."""

from __future__ import annotations

import os
import shutil

from msgspec.structs import replace

from pleg_tui.cri.sockets import under
from pleg_tui.migrate.changes import targets
from pleg_tui.migrate.facts import Facts, Machine
from pleg_tui.migrate.files import NodeFiles
from pleg_tui.migrate.hands import systemd_runs
from pleg_tui.node.runtime_config import Setting


def read_machine(root: str, restart_command: str = "") -> Machine:
    """Whether services can be restarted and control groups written, seen from here."""
    return Machine(_systemd(root, restart_command), _cgroups(root))


def with_writable(facts: Facts, files: NodeFiles) -> Facts:
    """The facts with what is known of the files that a switch would write."""
    writable = {path: files.writable(path) for path in targets(facts, files)}
    return replace(facts, machine=replace(facts.machine, writable=writable))


def _systemd(root: str, restart_command: str) -> Setting:
    if restart_command:
        return Setting(True, "not needed: --restart-command says how")
    if os.path.normpath(root) != "/":
        return Setting(
            False,
            f"with --root {root} systemctl here would not be the node's: give --restart-command, "
            f"such as 'chroot {root} systemctl restart {{unit}}'",
        )
    if not systemd_runs(root):
        return Setting(False, "systemd is not this node's init")
    if shutil.which("systemctl") is None:
        return Setting(False, "systemctl is not on the PATH")
    return Setting(True, "systemd runs")


def _cgroups(root: str) -> Setting:
    path = under(root, "/sys/fs/cgroup")
    try:
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return Setting(False, f"{path} is mounted read-only, as in a container")
    except OSError as error:
        return Setting(None, f"{path} cannot be read: {error.strerror}")
    if not os.access(path, os.W_OK):
        return Setting(False, f"{path} cannot be written by this user")
    return Setting(True, f"{path} is writable")
