"""What a runtime leaves in the file system, and how it goes: folders and cgroups, never processes.

Processes and mounts go with their namespace. Folders and cgroups of an owner that was killed are
removed when the next runtime is started: a lock that the owner held tells that it is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from tests.node.rig.chroot import cache_dir, mounts_below
from tests.node.rig.namespace import RigError

Claim = TextIOWrapper
"""The open file whose lock says that an instance is in use; closing it gives it up."""

_CGROUPS = Path("/sys/fs/cgroup")
_LEAVING_S = 5.0
"""Processes that were killed a moment ago may still be leaving their cgroups."""


def places(instance: str) -> tuple[Path, Path, str]:
    """(folder with socket and logs, folder with the runtime's state, name of its cgroups)."""
    return (
        Path(f"/run/pleg-tui-{instance}"),
        cache_dir() / "state" / instance,
        f"pleg-tui-{instance}",
    )


def claim(instance: str) -> Claim:
    """Mark an instance as in use, and remove what instances left that are not in use any more."""
    with _all_claims() as folder:
        for path in folder.glob("*.lock"):
            with path.open("a") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                with contextlib.suppress(RigError):
                    remove(path.stem)
        mine = (folder / f"{instance}.lock").open("w")
        fcntl.flock(mine, fcntl.LOCK_EX)
        return mine


def remove(instance: str) -> None:
    """Remove the folders and cgroups of an instance whose processes are gone.

    Raises:
        RigError: something of it cannot be removed.
    """
    folder, state, cgroups = places(instance)
    for top in (_CGROUPS / cgroups, *_CGROUPS.glob(f"*/{cgroups}")):
        _remove_cgroup(top)
    for path in (folder, state):
        mounted = mounts_below(path)
        if mounted:
            raise RigError(f"{path} is left as it is: {mounted[0]} is mounted in it")
        if path.exists():
            shutil.rmtree(path)
    (state.parent / f"{instance}.lock").unlink(missing_ok=True)


def _remove_cgroup(top: Path) -> None:
    end = time.monotonic() + _LEAVING_S
    while top.is_dir():
        for folder in (*sorted(top.rglob("*/"), key=lambda path: -len(path.parts)), top):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if top.is_dir() and time.monotonic() > end:
            raise RigError(f"cgroup {top} still has processes")
        time.sleep(0.01)


@contextlib.contextmanager
def _all_claims() -> Iterator[Path]:
    folder = cache_dir() / "state"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "all").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield folder
