"""Figures as the kubelet would have them, unknown where they are, and cheap to keep."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.cgroup_files import OpenFiles, number
from pleg_tui.node.cgroups import CgroupIndex
from pleg_tui.node.figures import FIGURES, add_up, unknown
from pleg_tui.node.usage import HISTORY, MAX_IDS, UsageSampler
from pleg_tui.node.usage_rounds import due
from tests.node_room.trees import Tree, a_uid, an_id

MIB = 1 << 20
S = 1_000_000_000
ID = an_id(1)
UID = a_uid(1)
POD = f"kubepods/burstable/pod{UID}"
KINDS = ["v1", "v2", "hybrid"]


def a_sampler(root: Path) -> UsageSampler:
    return UsageSampler(str(root), CgroupIndex(str(root), clock=lambda: 0), clock=lambda: 0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_is_read(tmp_path: Path, kind: str) -> None:
    tree = Tree(tmp_path, kind)
    path = f"{POD}/{ID}"
    tree.group(
        path,
        cpu_ns=5 * S,
        used=100 * MIB,
        inactive=30 * MIB,
        anon=50 * MIB,
        limit=200 * MIB,
        periods=(100, 10, S),
        oom=2,
        pids=7,
    )
    sampler = a_sampler(tmp_path)
    first = sampler.sample([ID], 100 * S)[ID]
    assert (first.cores, first.cpu_ns) == (None, 5 * S)
    assert "two readings" in first.why("cores")
    assert first.working_set == 70 * MIB
    assert first.anon == 50 * MIB
    assert first.memory_limit == 200 * MIB
    assert (first.periods, first.throttled_periods, first.throttled_ns) == (100, 10, S)
    assert (first.oom_kills, first.pids) == (2, 7)
    tree.group(path, cpu_ns=8 * S, used=100 * MIB, periods=(120, 15, 2 * S))
    second = sampler.sample([ID], 102 * S)[ID]
    assert second.cores == pytest.approx(1.5)
    assert second.interval_ns == 2 * S
    assert second.throttled_share == pytest.approx(0.25)
    assert second.memory_limit == 0
    assert not second.why("memory_limit")
    for figure in FIGURES:
        assert second.source(figure)
    assert not second.reasons
    brief = sampler.sample([ID], 104 * S, brief=True)[ID]
    assert (brief.cores, brief.working_set, brief.memory_limit) == (0.0, 100 * MIB, 0)
    assert brief.oom_kills is None
    assert brief.pids is None
    assert "was not read" in brief.why("oom_kills")


def test_working_set_is_never_negative(tmp_path: Path) -> None:
    Tree(tmp_path, "v2").group(f"{POD}/{ID}", used=MIB, inactive=5 * MIB)
    assert a_sampler(tmp_path).sample([ID], 0)[ID].working_set == 0


def test_zero_is_read_and_is_not_unknown(tmp_path: Path) -> None:
    Tree(tmp_path, "v2").group(f"{POD}/{ID}", pids=0)
    usage = a_sampler(tmp_path).sample([ID], 0)[ID]
    assert (usage.cpu_ns, usage.oom_kills, usage.pids, usage.anon) == (0, 0, 0, 0)


def test_what_has_no_group_is_unknown_with_the_reason(tmp_path: Path) -> None:
    Tree(tmp_path, "v2")
    usage = a_sampler(tmp_path).sample([ID], 0)[ID]
    for figure in FIGURES:
        assert getattr(usage, figure) is None
        assert "no control group" in usage.why(figure)


@pytest.mark.parametrize("kind", KINDS)
def test_a_container_that_ends_is_gone_and_then_unknown(tmp_path: Path, kind: str) -> None:
    tree = Tree(tmp_path, kind)
    tree.group(f"{POD}/{ID}", cpu_ns=S)
    sampler = a_sampler(tmp_path)
    sampler.sample([ID], 0)
    sampler.close()  # a file that is still open here would be readable, unlike the kernel's
    tree.remove(f"{POD}/{ID}")
    usage = sampler.sample([ID], 2 * S)[ID]
    assert usage.cpu_ns is None
    assert "gone" in usage.why("working_set")
    assert "no control group" in sampler.sample([ID], 4 * S)[ID].why("cores")


def test_a_group_made_anew_under_the_same_id_has_no_negative_rate(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(f"{POD}/{ID}", cpu_ns=9 * S)
    sampler = a_sampler(tmp_path)
    sampler.sample([ID], 0)
    tree.group(f"{POD}/{ID}", cpu_ns=S)
    usage = sampler.sample([ID], 2 * S)[ID]
    assert usage.cores is None
    assert "backwards" in usage.why("cores")


def test_readings_in_quick_succession_give_the_same_figures(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    sampler = a_sampler(tmp_path)
    tree.group(f"{POD}/{ID}", cpu_ns=0)
    sampler.sample([ID], 0)
    tree.group(f"{POD}/{ID}", cpu_ns=S)
    usage = sampler.sample([ID], 2 * S)[ID]
    tree.group(f"{POD}/{ID}", cpu_ns=2 * S)
    assert sampler.sample([ID], 2 * S + 1000)[ID] is usage
    assert len(sampler.history(ID).cores) == 2


def test_a_controller_that_is_off_leaves_its_figures_unknown(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(f"{POD}/{ID}", cpu_ns=S)
    folder = tree.base / POD / ID
    for name in ("memory.current", "memory.stat", "memory.max", "memory.events", "pids.current"):
        (folder / name).unlink()
    (folder / "cpu.stat").write_text("usage_usec 1000000\nuser_usec 0\nsystem_usec 0\n")
    usage = a_sampler(tmp_path).sample([ID], 0)[ID]
    assert usage.cpu_ns == S
    for figure in ("working_set", "anon", "memory_limit", "oom_kills"):
        assert getattr(usage, figure) is None
        assert "memory controller" in usage.why(figure)
    assert "pids controller" in usage.why("pids")
    assert "cpu controller" in usage.why("throttled_periods")
    assert "cpu controller" in usage.why("throttled_share")


def test_v1_without_a_memory_controller_says_so(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v1")
    tree.group(f"{POD}/{ID}", cpu_ns=S)
    (tree.base / "memory").rename(tmp_path / "elsewhere")
    usage = a_sampler(tmp_path).sample([ID], 0)[ID]
    assert usage.cpu_ns == S
    assert usage.why("working_set") == "the memory controller is not mounted on this node"


def test_a_kernel_that_counts_no_oom_kills_is_named(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v1")
    tree.group(f"{POD}/{ID}")
    (tree.base / "memory" / POD / ID / "memory.oom_control").write_text("under_oom 0\n")
    usage = a_sampler(tmp_path).sample([ID], 0)[ID]
    assert usage.oom_kills is None
    assert "kernel" in usage.why("oom_kills")


@pytest.mark.parametrize("text", ["", "garbage", "usage_usec\n", "usage_usec x\n", "\0\0"])
def test_files_that_say_nothing_are_unknown(tmp_path: Path, text: str) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(f"{POD}/{ID}")
    for name in ("cpu.stat", "memory.current", "memory.stat", "pids.current"):
        (tree.base / POD / ID / name).write_text(text)
    usage = a_sampler(tmp_path).sample([ID], 0)[ID]
    for figure in ("cores", "cpu_ns", "working_set", "anon", "pids", "throttled_ns"):
        assert getattr(usage, figure) is None
        assert usage.why(figure)


def test_a_pod_is_its_own_group(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(POD, cpu_ns=3 * S, used=50 * MIB)
    tree.group(f"{POD}/{ID}", cpu_ns=S, used=10 * MIB)
    sampler = a_sampler(tmp_path)
    usage = sampler.sample_pods({UID: [ID]}, 0)[UID]
    assert (usage.cpu_ns, usage.working_set) == (3 * S, 50 * MIB)


def test_a_pod_whose_containers_are_elsewhere_is_their_sum(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(POD)  # the kubelet's, which stays empty
    other = an_id(2)
    tree.group(f"system.slice/{ID}", cpu_ns=S, used=10 * MIB, limit=20 * MIB, pids=2)
    tree.group(f"system.slice/{other}", cpu_ns=2 * S, used=5 * MIB, limit=20 * MIB, pids=3)
    sampler = a_sampler(tmp_path)
    for second in (0, 2):
        sampler.sample([ID, other], second * S)
    tree.group(f"system.slice/{ID}", cpu_ns=3 * S, used=10 * MIB, limit=20 * MIB, pids=2)
    sampler.sample([ID, other], 4 * S)
    usage = sampler.sample_pods({UID: [ID, other]}, 4 * S)[UID]
    assert usage.cpu_ns == 5 * S
    assert usage.cores == pytest.approx(1.0)
    assert usage.working_set == 15 * MIB
    assert usage.memory_limit == 40 * MIB
    assert usage.pids == 5
    assert usage.source("working_set").startswith("sum of its containers'")


def test_a_sum_with_an_unknown_part_is_unknown(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(f"a/{ID}", cpu_ns=S)
    sampler = a_sampler(tmp_path)
    part = sampler.sample([ID], 0)[ID]
    both = add_up(UID, 0, [part, unknown(an_id(2), 0, "it is hidden")], 2)
    assert both.cpu_ns is None
    assert both.why("cpu_ns") == "it is hidden"
    assert both.why("memory_limit") == "it is hidden"
    assert "1 of its 2" in add_up(UID, 0, [part], 2).why("working_set")
    assert add_up(UID, 0, [part], 1).memory_limit == 0


def test_the_history_is_bounded_and_aligned(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    sampler = a_sampler(tmp_path)
    for reading in range(HISTORY + 10):
        tree.group(f"{POD}/{ID}", cpu_ns=reading * S, used=reading)
        sampler.sample([ID], reading * 2 * S)
    history = sampler.history(ID)
    assert len(history.cores) == len(history.at_s) == len(history.working_set) == HISTORY
    assert list(history.cores) == [pytest.approx(0.5)] * HISTORY
    assert history.working_set[-1] == HISTORY + 9
    sampler.forget([ID])
    assert not sampler.history(ID).cores
    assert sampler.last(ID) is None


def test_the_first_reading_is_a_gap_in_the_history(tmp_path: Path) -> None:
    Tree(tmp_path, "v2").group(f"{POD}/{ID}", used=5)
    sampler = a_sampler(tmp_path)
    sampler.sample([ID], 0)
    assert math.isnan(sampler.history(ID).cores[0])
    assert sampler.history(ID).working_set[0] == 5


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    Tree(tmp_path, "v2")
    sampler = a_sampler(tmp_path)
    sampler.sample([an_id(number) for number in range(MAX_IDS + 50)], 0)
    assert len(sampler.read_at) == MAX_IDS
    assert sampler.last(an_id(0)) is None
    assert not sampler.history(an_id(0)).cores


def test_files_stay_open_up_to_the_limit(tmp_path: Path) -> None:
    paths = []
    for place in range(6):
        path = tmp_path / str(place)
        path.write_text(f"{place}")
        paths.append(str(path))
    files = OpenFiles(3)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert [files.read(path) for path in paths] == [b"0", b"1", b"2", b"3", b"4", b"5"]
        assert len(files) == 3
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 3
    for _ in range(12):
        files.begin_round()
        assert files.read(paths[5]) == b"5"
    files.begin_round()
    assert files.read(paths[5]) == b"5"
    assert len(files) == 3
    files.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert OpenFiles(0).read(paths[2]) == b"2"


def test_an_open_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "pids.current"
    path.write_text("12345\n")
    files = OpenFiles()
    assert files.read(str(path)) == b"12345\n"
    path.write_text("7\n")
    assert files.read(str(path)) == b"7\n"
    files.close()


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1 << 63)), max_size=6))
def test_a_key_is_never_mistaken_for_another(lines: list[tuple[str, int]]) -> None:
    text = "".join(f"total_{key} {value}\n{key} {value + 1}\n" for key, value in lines).encode()
    told = dict(reversed(lines))
    for key in "abcd":
        if key in told:
            assert number(text, key.encode()) == told[key] + 1
        else:
            with pytest.raises(KeyError):
                number(text, key.encode())


def test_who_is_due() -> None:
    read_at = {"seen": 0, "hidden": 0, "fresh": 10 * S, "old": -5 * S}
    assert due(read_at, ["seen"], ["hidden", "fresh", "old", "new"], 2 * S) == ["seen", "new"]
    assert due(read_at, ["seen"], ["hidden", "old"], 50 * S) == ["seen", "old"]
    assert due(read_at, ["seen"], ["hidden", "old"], 60 * S) == ["seen", "old", "hidden"]
    assert due(read_at, [], ["hidden", "old"], 10 * S, far_ns=15 * S) == ["old"]
    assert due(read_at, ["seen", "hidden"], ["hidden"], S) == []
    assert due({"seen": 0}, ["seen"], [], int(1.9 * S)) == ["seen"]


@given(
    st.dictionaries(st.integers(0, 40).map(str), st.integers(0, 30 * S)),
    st.sets(st.integers(0, 40).map(str)),
    st.sets(st.integers(0, 40).map(str)),
    st.integers(0, 60),
)
def test_what_is_seen_is_never_put_off(
    read_at: dict[str, int], seen: set[str], others: set[str], at_most: int
) -> None:
    now = 30 * S
    chosen = due(read_at, seen, others, now, at_most)
    assert len(chosen) == len(set(chosen))
    assert set(chosen) <= seen | others
    assert {i for i in seen if i not in read_at or now - read_at[i] >= 2 * S} <= set(chosen)
    assert len([i for i in chosen if i not in seen]) <= at_most


def test_files_that_are_read_no_more_give_way(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    new.write_text("new")
    files = OpenFiles(1)
    files.read(str(old))
    files.read(str(new))
    old.write_text("changed")
    old.unlink()
    assert files.read(str(old)) == b"changed"  # it stayed open
    for _ in range(20):
        files.begin_round()
        files.read(str(new))
    with pytest.raises(FileNotFoundError):
        files.read(str(old))
    files.close()
