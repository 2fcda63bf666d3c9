"""A container's processes as ps would show them, and hostile names as text."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.cgroups import CgroupIndex
from pleg_tui.node.processes import (
    MAX_COMMAND,
    MAX_PROCESSES,
    Process,
    as_tree,
    read_processes,
    read_users,
)
from tests.node_room.trees import Tree, an_id, process

ID = an_id(1)
PATH = f"kubepods/{ID}"
TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def processes_of(root: Path) -> tuple[list[Process], str]:
    index = CgroupIndex(str(root))
    told = read_processes(str(root), index.hierarchy, PATH)
    return list(told.processes), told.why


def test_a_container_is_listed_as_a_tree(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(PATH, procs="30\n10\n20\n11\n21\n")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nbroken\nweb:x:33:33::/:\n")
    process(tmp_path, 10, 1, name="init", arguments=b"/bin/init\0--all\0", ticks=50, pages=3)
    process(tmp_path, 11, 10, name="a b) c", state="R", threads=4)
    process(tmp_path, 20, 10, name="web", arguments=b"web\0", uid=33)
    process(tmp_path, 21, 11, name="leaf", uid=1001)
    process(tmp_path, 30, 7, name="exec", state="Z", arguments=b"not shown\0")
    listed, why = processes_of(tmp_path)
    assert [(p.pid, p.depth) for p in listed] == [(10, 0), (11, 1), (21, 2), (20, 1), (30, 0)]
    assert [p.command for p in listed] == ["/bin/init --all", "[a b) c]", "[leaf]", "web", "[exec]"]
    assert [p.user for p in listed] == ["root", "root", "1001", "web", "root"]
    init, second = listed[:2]
    assert (init.cpu_ns, init.rss) == (100 * TICK_NS, 3 * PAGE)
    assert (second.state_name, second.threads) == ("running", 4)
    assert why == ""


def test_processes_of_groups_within_are_listed_too(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(PATH)
    tree.group(f"{PATH}/container", procs="10\n")
    process(tmp_path, 10)
    assert [p.pid for p in processes_of(tmp_path)[0]] == [10]


def test_one_that_is_gone_is_left_out(tmp_path: Path) -> None:
    Tree(tmp_path, "v1").group(PATH, procs="10\n11\n")
    process(tmp_path, 11)
    assert [p.pid for p in processes_of(tmp_path)[0]] == [11]


def test_a_command_is_text_and_short(tmp_path: Path) -> None:
    Tree(tmp_path, "v2").group(PATH, procs="10\n11\n")
    process(tmp_path, 10, arguments=b"\x1b]0;title\x07\0a\nb\0\xff\0")
    process(tmp_path, 11, arguments=b"x" * 20000)
    first, second = processes_of(tmp_path)[0]
    assert first.command == "^[]0;title^G a^Jb \ufffd"
    assert len(second.command) == MAX_COMMAND


def test_arguments_of_a_stuck_process_are_not_asked_for(tmp_path: Path) -> None:
    Tree(tmp_path, "v2").group(PATH, procs="10\n")
    process(tmp_path, 10, name="stuck", arguments=b"never read\0", state="D")
    assert processes_of(tmp_path)[0][0].command == "[stuck]"


def test_why_nothing_is_listed(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    assert "gone" in processes_of(tmp_path)[1]
    tree.group(PATH, procs="0\n0\n")
    assert "hostPID" in processes_of(tmp_path)[1]
    tree.group(PATH, procs="10\n")
    assert "none of its 1 processes" in processes_of(tmp_path)[1]
    tree.group(PATH, procs="")
    assert processes_of(tmp_path) == ([], "")


def test_very_many_are_cut_and_it_is_said(tmp_path: Path) -> None:
    count = MAX_PROCESSES + 3
    Tree(tmp_path, "v2").group(PATH, procs="".join(f"{n}\n" for n in range(1, count + 1)))
    process(tmp_path, 1)
    index = CgroupIndex(str(tmp_path))
    told = read_processes(str(tmp_path), index.hierarchy, PATH)
    assert told.total == count
    assert f"of {count}" in told.why


def test_a_node_without_users_has_numbers(tmp_path: Path) -> None:
    assert read_users(str(tmp_path)) == {}


def a_process(pid: int, ppid: int) -> Process:
    return Process(pid, ppid, 0, 0, "root", "S", 0, 0, 1, "sh")


@given(st.dictionaries(st.integers(1, 30), st.integers(0, 35)))
def test_every_process_is_in_the_tree_once_right_after_its_elders(parents: dict[int, int]) -> None:
    tree = as_tree(a_process(pid, ppid) for pid, ppid in parents.items())
    assert sorted(p.pid for p in tree) == sorted(parents)
    path: list[int] = []
    for entry in tree:
        path = [*path[: entry.depth], entry.pid]
        assert len(path) == entry.depth + 1
        if entry.depth:
            assert entry.ppid == path[-2]


def test_this_process_is_seen_here() -> None:
    told = read_processes("/", CgroupIndex().hierarchy, "")
    assert told.total or told.why
