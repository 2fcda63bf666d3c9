"""How this node mounts its control groups: v1, v2, or both at once.

Source: the kernel's cgroup-v1 and cgroup-v2 documents; systemd's "unified", "legacy" and "hybrid".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under

MOUNT = "/sys/fs/cgroup"
_WALK_FIRST = ("memory", "cpuacct", "pids", "cpu", "freezer", "systemd")
"""The v1 controllers whose tree is walked, by preference: runtimes use one path in all of them."""


class Kind(StrEnum):
    """Which control groups this node has."""

    V1 = "v1"
    V2 = "v2"
    HYBRID = "hybrid"
    NONE = "none"


class Hierarchy(Struct, frozen=True):
    """Where each controller's tree is, seen from here."""

    kind: Kind
    walked: str = ""
    """The tree in which paths are looked for; empty where there is none."""
    v1: Mapping[str, str] = field(default_factory=dict)
    """Controller to the folder of its v1 tree."""
    v2: str = ""
    """The folder of the v2 tree; empty where there is none."""
    why: str = ""
    """Why there is none, in one sentence."""


def detect(root: str = "/") -> Hierarchy:
    """How the node under this root mounts its control groups."""
    base = under(root, MOUNT)
    if _is_file(f"{base}/cgroup.controllers"):
        return Hierarchy(Kind.V2, walked=base, v2=base)
    try:
        with os.scandir(base) as entries:
            names = sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
    except OSError as error:
        told = clean(f"{base}: {error.strerror}")
        return Hierarchy(Kind.NONE, why=f"this node's control groups cannot be read ({told})")
    v1: dict[str, str] = {}
    v2 = ""
    for name in names:
        folder = f"{base}/{name}"
        if _is_file(f"{folder}/cgroup.controllers"):
            v2 = folder
        elif _is_file(f"{folder}/cgroup.procs"):
            v1.update(dict.fromkeys(name.split(","), folder))
    walked = next((v1[name] for name in _WALK_FIRST if name in v1), v2)
    if not walked:
        return Hierarchy(Kind.NONE, why=f"no control groups are mounted at {clean(base)}")
    return Hierarchy(Kind.HYBRID if v2 else Kind.V1, walked, v1, v2)


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113
