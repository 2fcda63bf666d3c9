from __future__ import annotations

import os
from pathlib import Path

import pytest

from pleg_tui.node.runtime_config import (
    RuntimeProcess,
    find_runtime,
    read_crio,
    read_runtime_config,
)

ON, OFF = (
    "[crio.runtime]\nenable_pod_events = true\n",
    "[crio.runtime]\nenable_pod_events = false\n",
)


def write(root: Path, name: str, text: str) -> None:
    path = root / "etc/crio" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def process(*flags: str, **environment: str) -> RuntimeProcess:
    return RuntimeProcess(1, "cri-o", ("crio", *flags), "crio", environment)


def test_the_last_drop_in_wins_over_the_file_and_flags_over_all(tmp_path: Path) -> None:
    write(tmp_path, "crio.conf", ON)
    assert read_crio(str(tmp_path), process()).pod_events.source == "/etc/crio/crio.conf"
    write(tmp_path, "crio.conf.d/20-off", OFF)
    write(tmp_path, "crio.conf.d/10-on.conf", ON)
    found = read_crio(str(tmp_path), process()).pod_events
    assert (found.on, found.source) == (False, "/etc/crio/crio.conf.d/20-off")
    flagged = read_crio(str(tmp_path), process("--enable-pod-events")).pod_events
    assert flagged.on is True
    assert "flag" in flagged.source
    assert read_crio(str(tmp_path), process("--enable-pod-events=false")).pod_events.on is False
    by_env = read_crio(str(tmp_path), process(ENABLE_POD_EVENTS="true")).pod_events
    assert (by_env.on, "ENABLE_POD_EVENTS" in by_env.source) == (True, True)


def test_nothing_set_is_off_by_default(tmp_path: Path) -> None:
    found = read_crio(str(tmp_path), process()).pod_events
    assert found.on is False
    assert "default" in found.source


def test_the_line_of_the_documentation_is_recognised(tmp_path: Path) -> None:
    write(tmp_path, "crio.conf.d/01.conf", "[crio.runtime]\n\nenable_pod_events: true\n")
    config = read_crio(str(tmp_path), process())
    assert config.pod_events.on is None
    (file,) = config.files
    assert "YAML" in file.error
    assert file.remedy == ("make line 3 `enable_pod_events = true`, under a line [crio.runtime]")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[crio.runtime\n", "not TOML"),
        ('[crio.runtime]\nenable_pod_events = "true"\n', "not true or false"),
        ("enable_pod_events = true\n", "outside"),
        ("[crio]\nenable_pod_events = true\n", "outside"),
        ("\x1b[31m = \n", "not TOML"),
    ],
)
def test_what_is_wrong_is_one_clean_sentence(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "crio.conf", text)
    (file,) = read_crio(str(tmp_path), process()).files
    assert says in file.error
    assert file.error.isprintable()
    assert file.remedy


def test_a_fifo_in_the_folder_holds_nobody_up(tmp_path: Path) -> None:
    write(tmp_path, "crio.conf.d/10.conf", ON)
    os.mkfifo(tmp_path / "etc/crio/crio.conf.d/20.conf")
    config = read_crio(str(tmp_path), process())
    assert [file.error for file in config.files] == ["", "it is not a file"]


def proc(root: Path, pid: int, comm: str, *command: str, unit: str = "") -> None:
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True)
    (folder / "comm").write_text(comm + "\n")
    (folder / "cmdline").write_text("".join(f"{a}\0" for a in command))
    (folder / "cgroup").write_text(f"0::/system.slice/{unit}\n" if unit else "0::/\n")
    (folder / "environ").write_text("A=b\0")


def test_of_several_containerds_the_kubelets_own_is_taken(tmp_path: Path) -> None:
    proc(tmp_path, 10, "containerd", "/usr/bin/containerd", unit="containerd.service")
    proc(tmp_path, 20, "containerd", "containerd", "-a", "/run/k3s/containerd/containerd.sock",
         unit="k3s.service")  # fmt: skip
    proc(tmp_path, 30, "bash", "bash")
    found, _ = find_runtime(str(tmp_path), "unix:///run/k3s/containerd/containerd.sock")
    assert found is not None
    assert (found.pid, found.unit) == (20, "k3s")
    found, _ = find_runtime(str(tmp_path), "unix:///run/containerd/containerd.sock")
    assert found is not None
    assert (found.pid, found.unit) == (10, "containerd")
    proc(tmp_path, 40, "containerd", "containerd", unit="kubepods-pod1.slice/x")
    nothing, why = find_runtime(str(tmp_path), "")
    assert nothing is None
    assert "10, 20" in why or "20, 10" in why
    assert "40" not in why


def test_containerd_has_no_switch(tmp_path: Path) -> None:
    proc(tmp_path, 10, "containerd", "containerd")
    config = read_runtime_config(str(tmp_path), "unix:///run/containerd/containerd.sock")
    assert config.pod_events.on is True
    assert config.drop_in_dir is None
