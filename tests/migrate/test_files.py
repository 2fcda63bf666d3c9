from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from pleg_tui.migrate.files import (
    FileRefused,
    FileState,
    NodeFiles,
    read_state,
    remove_temporary,
    same,
    temporary_folder,
    write_state,
)


def test_everything_of_a_file_is_kept(tmp_path: Path) -> None:
    one, two = tmp_path / "a/one", tmp_path / "a/two"
    one.parent.mkdir()
    one.write_bytes(b"x\x00\xff\r\n")
    one.chmod(0o4640)
    with contextlib.suppress(OSError):
        os.setxattr(one, "user.note", b"\x00")
    state = read_state(str(one))
    assert state is not None
    write_state(str(two), state, ".temporary")
    assert read_state(str(two)) == state
    assert FileState.from_json(state.data, state.to_json()) == state
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "one", "two"]


def test_an_attribute_that_was_not_there_goes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    try:
        os.setxattr(path, "user.note", b"1")
    except OSError as error:
        pytest.skip(f"this file system has no attributes: {error}")
    state = read_state(str(path))
    assert state is not None
    assert ("user.note", b"1") in state.xattrs
    plain = FileState(b"new", 0o600, state.uid, state.gid)
    write_state(str(path), plain, ".temporary")
    assert same(read_state(str(path)), plain)


def test_the_systems_own_label_is_no_difference() -> None:
    labelled = FileState(b"", xattrs=(("security.selinux", b"etc_t"),))
    assert same(labelled, FileState(b""))
    assert not same(labelled, FileState(b"", xattrs=(("security.selinux", b"other_t"),)))
    assert not same(None, FileState(b""))


def test_the_temporary_file_is_not_in_a_folder_that_is_read_whole(tmp_path: Path) -> None:
    folder = tmp_path / "crio.conf.d"
    folder.mkdir()
    assert temporary_folder(str(folder / "90.conf")) == str(tmp_path)


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "a/file"
    path.parent.mkdir()
    (tmp_path / ".temporary").symlink_to("/etc/passwd")
    write_state(str(path), FileState(b"x", 0o600, os.geteuid(), os.getegid()), ".temporary")
    assert path.read_bytes() == b"x"
    assert not (tmp_path / ".temporary").is_symlink()


@pytest.mark.parametrize("kind", ["folder", "fifo", "dangling", "device"])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/nonexistent" if kind == "dangling" else "/dev/zero")
    with pytest.raises(FileRefused) as refused:
        NodeFiles(str(tmp_path)).read("/file")
    assert str(refused.value).startswith("/file ")


def test_writable_says_why_not(tmp_path: Path) -> None:
    files = NodeFiles(str(tmp_path))
    assert files.writable("/file").on is True
    assert files.writable("/not/yet/there").on is True
    (tmp_path / "file").symlink_to("x")
    said = files.writable("/file")
    assert (said.on, "symbolic link" in said.source) == (False, True)
    assert NodeFiles("/").writable("/proc/version").on is not None


def test_a_folder_that_is_a_mount_of_the_same_device_can_be_written(tmp_path: Path) -> None:
    folder, source = tmp_path / "kubelet", tmp_path / "source"
    folder.mkdir()
    source.mkdir()
    if subprocess.run(["mount", "--bind", source, folder], capture_output=True).returncode:
        pytest.skip("no right to mount")
    try:
        state = FileState(b"x", 0o600, os.geteuid(), os.getegid())
        write_state(str(folder / "config.yaml"), state, ".temporary")
        assert (folder / "config.yaml").read_bytes() == b"x"
    finally:
        subprocess.run(["umount", folder], check=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["config.yaml", "kubelet", "source"]


def test_the_temporary_file_is_found_wherever_it_lay(tmp_path: Path) -> None:
    folder = tmp_path / "kubelet"
    folder.mkdir()
    (folder / ".temporary").touch()
    (tmp_path / ".temporary").touch()
    remove_temporary(str(folder / "config.yaml"), ".temporary")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kubelet"]
