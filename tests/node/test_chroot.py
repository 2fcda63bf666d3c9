"""The rig says why it cannot run, and never deletes what is mounted."""

import subprocess
from pathlib import Path

import pytest

from tests.node.rig import chroot
from tests.node.rig.chroot import Chroot, UnavailableError


def test_not_root_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    chroot.why_not.cache_clear()
    try:
        with pytest.raises(UnavailableError, match="needs root"):
            chroot.ensure("sid")
    finally:
        chroot.why_not.cache_clear()


def test_a_suite_that_moved_on_is_the_reason() -> None:
    moved = Chroot("sid", Path("/nowhere"), "3.0.1+unknown", "1.4.0")
    with pytest.raises(UnavailableError, match=r"sid holds containerd 3\.0\.1.*not 2\.x"):
        chroot.require_major(moved, 2)
    assert chroot.require_major(moved, 3) is moved


@pytest.mark.parametrize(
    ("own", "xdg", "expected"),
    [
        ("/a/own", "/a/xdg", "/a/own"),
        ("", "/a/xdg", "/a/xdg/pleg-tui/node"),
        ("", "", "/home/me/.cache/pleg-tui/node"),
    ],
)
def test_where_chroots_are_kept(
    monkeypatch: pytest.MonkeyPatch, own: str, xdg: str, expected: str
) -> None:
    monkeypatch.setenv("PLEG_TUI_NODE_CACHE", own)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    monkeypatch.setenv("HOME", "/home/me")
    assert chroot.cache_dir() == Path(expected)


def test_a_half_made_chroot_is_made_anew_and_a_failure_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLEG_TUI_NODE_CACHE", str(tmp_path))
    monkeypatch.setattr(chroot, "why_not", lambda: None)
    monkeypatch.setattr(chroot, "_need_debootstrap", lambda: None)
    monkeypatch.setattr(chroot, "_version", lambda path, program: "2.9.9")
    (tmp_path / "sid").mkdir()
    (tmp_path / "sid" / "half").touch()

    def fail(argv: list[str], failure: str) -> str:
        raise UnavailableError(f"{failure} (no network?): E: cannot resolve")

    monkeypatch.setattr(chroot, "_run", fail)
    with pytest.raises(UnavailableError, match="no network"):
        chroot.ensure("sid")
    assert not (tmp_path / "sid").exists()

    def bootstrap(argv: list[str], failure: str) -> str:
        target = Path(argv[-1])
        (target / "usr/bin").mkdir(parents=True)
        (target / "usr/bin/containerd").touch()
        return ""

    monkeypatch.setattr(chroot, "_run", bootstrap)
    made = chroot.ensure("sid")
    assert made.major == 2
    assert not (made.path / "half").exists()

    monkeypatch.setattr(chroot, "_run", fail)
    assert chroot.ensure("sid") == made


@pytest.mark.node
def test_what_is_mounted_is_never_deleted(tmp_path: Path) -> None:
    reason = chroot.why_not()
    if reason:
        pytest.skip(reason)
    point = tmp_path / "a chroot" / "proc"
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(point)], check=True)
    try:
        (point / "kept").touch()
        with pytest.raises(UnavailableError, match="mounted"):
            chroot.remove_tree(point.parent)
        assert (point / "kept").exists()
    finally:
        subprocess.run(["umount", str(point)], check=True)
    chroot.remove_tree(point.parent)
    assert not point.exists()


def test_debootstrap_is_fetched_where_it_can_be_and_else_is_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(chroot, "_run", lambda argv, failure: ran.append(" ".join(argv)))
    monkeypatch.setattr("shutil.which", lambda tool: None)
    with pytest.raises(UnavailableError, match="debootstrap is not installed"):
        chroot._need_debootstrap()
    assert ran == []

    monkeypatch.setattr("shutil.which", lambda tool: "/bin/x" if tool == "apt-get" else None)
    chroot._need_debootstrap()
    assert ran[0] == "apt-get update"
    assert ran[1].startswith("apt-get install -y")
    assert ran[1].endswith("debootstrap")
