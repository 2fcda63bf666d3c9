"""The chroots that hold real containerds, made by debootstrap once and kept in a cache folder.

Nothing is mounted in a chroot here: every mount is made in a namespace of the runtime's own
(`init.py`), so that a chroot is a plain folder which may be used by several runtimes at once.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from msgspec import Struct

PACKAGES = ("containerd", "runc", "busybox-static", "ca-certificates")
MARKER = ".pleg-tui-complete"
"""A file in a chroot that was made to the end; a folder without it is made anew."""
BUILD_TIMEOUT_S = 900


class UnavailableError(Exception):
    """The rig cannot run here; its text is the reason, in one sentence."""


class Chroot(Struct, frozen=True):
    """A complete chroot with the versions of what it holds."""

    suite: str
    path: Path
    containerd: str
    """As it says itself, suffixes and all: `2.1.9+unknown`."""
    runc: str

    @property
    def major(self) -> int:
        """The first number of containerd's version."""
        return int(self.containerd.partition(".")[0])


def cache_dir() -> Path:
    """Where chroots and the state of running instances are kept."""
    own = os.environ.get("PLEG_TUI_NODE_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pleg-tui" / "node"


@cache
def why_not() -> str | None:
    """The reason why no runtime can be started on this machine; None when one can."""
    if os.geteuid() != 0:
        return "a real containerd needs root"
    for tool in ("unshare", "chroot", "mount"):
        if shutil.which(tool) is None:
            return f"the program {tool} is not installed"
    trial = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--propagation", "private", "true"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if trial.returncode:
        said = trial.stderr.strip() or f"exit status {trial.returncode}"
        return f"mount and process namespaces are not permitted here ({said})"
    return None


def ensure(suite: str) -> Chroot:
    """The chroot of a Debian suite, made now if it is missing (about a minute, and the network).

    Raises:
        UnavailableError: it cannot be made or used here.
    """
    reason = why_not()
    if reason:
        raise UnavailableError(reason)
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / suite
    with _locked(folder / f"{suite}.lock"):
        if not is_made(suite):
            _build(suite, path)
    return Chroot(suite, path, _version(path, "containerd"), _version(path, "runc"))


def is_made(suite: str) -> bool:
    """Its chroot is there, made to the end."""
    return (cache_dir() / suite / MARKER).exists()


def require_major(chroot: Chroot, major: int) -> Chroot:
    """The same chroot, when its containerd has this major version; suites move.

    Raises:
        UnavailableError: it is another one.
    """
    if chroot.major != major:
        raise UnavailableError(
            f"Debian {chroot.suite} holds containerd {chroot.containerd}, not {major}.x"
        )
    return chroot


def _build(suite: str, path: Path) -> None:
    _need_debootstrap()
    fresh = path.with_name(f"{path.name}.tmp")
    for old in (fresh, path):
        remove_tree(old)
    # In namespaces of its own: what debootstrap mounts and starts goes with it, however it ends.
    argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    argv += ["--propagation", "private", "debootstrap", "--variant=minbase"]
    argv += [f"--include={','.join(PACKAGES)}", suite, str(fresh)]
    said = _run(argv, f"debootstrap {suite} failed")
    if not (fresh / "usr/bin/containerd").exists():
        raise UnavailableError(f"debootstrap {suite} made no containerd: {_last_line(said)}")
    (fresh / MARKER).touch()
    fresh.rename(path)


def _need_debootstrap() -> None:
    if shutil.which("debootstrap"):
        return
    if shutil.which("apt-get") is None:
        raise UnavailableError("debootstrap is not installed, and there is no apt-get to get it")
    _run(["apt-get", "update"], "debootstrap is not installed and apt-get update failed")
    _run(
        ["apt-get", "install", "-y", "--no-install-recommends", "debootstrap"],
        "debootstrap is not installed and cannot be installed",
    )


def _run(argv: list[str], failure: str) -> str:
    try:
        done = subprocess.run(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{failure}: no end within {BUILD_TIMEOUT_S} s") from None
    if done.returncode:
        raise UnavailableError(f"{failure} (no network?): {_last_line(done.stdout)}")
    return done.stdout


def _version(path: Path, program: str) -> str:
    done = subprocess.run(
        ["chroot", str(path), program, "--version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    match = re.search(r"\sv?(\d+\.\d+\.\d+\S*)", done.stdout)
    if match is None:
        raise UnavailableError(
            f"{program} in {path} does not tell its version: "
            f"{_last_line(done.stdout + done.stderr)} (remove the folder to have it made anew)"
        )
    return match[1]


def remove_tree(path: Path) -> None:
    """Delete a folder of ours, unless something is mounted in it.

    Raises:
        UnavailableError: something is mounted there; deleting would delete what is mounted.
    """
    if not path.exists():
        return
    mounted = mounts_below(path)
    if mounted:
        raise UnavailableError(f"{path} is left as it is: {mounted[0]} is mounted in it")
    shutil.rmtree(path)


def mounts_below(path: Path) -> list[str]:
    """Mount points at or below a path, as this process sees them."""
    root = str(path.resolve())
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split(" ")[4].replace("\\040", " ")
        if point == root or point.startswith(f"{root}/"):
            points.append(point)
    return points


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
