"""Whatever made them and wherever they are, groups are found by their ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from pleg_tui.node.cgroups import CgroupIndex, Walk, container_id, pod_uid
from pleg_tui.node.hierarchy import Kind, detect
from tests.node_room.trees import Tree, a_uid, an_id

ID = an_id(0xABC)
UID = a_uid(1)
SLICE_UID = UID.replace("-", "_")
STATIC = "f" * 32
S = 1_000_000_000


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (ID, ID),
        (f"cri-containerd-{ID}.scope", ID),
        (f"crio-{ID}.scope", ID),
        (f"crio-{ID}", ID),
        (f"docker-{ID}.scope", ID),
        (f"kubepods-burstable-pod{SLICE_UID}.slice:cri-containerd:{ID}", ID),
        (f"crio-conmon-{ID}.scope", ""),
        (f"libpod-conmon-{ID}.scope", ""),
        (f"{ID}f", ""),
        (ID.upper(), ""),
        (f"pod{UID}", ""),
        ("system.slice", ""),
    ],
)
def test_a_containers_id_is_read_from_its_groups_name(name: str, found: str) -> None:
    assert container_id(name) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (f"pod{UID}", UID),
        (f"pod{STATIC}", STATIC),
        (f"kubepods-burstable-pod{SLICE_UID}.slice", UID),
        (f"kubepods-pod{SLICE_UID}.slice", UID),
        (f"kubelet-kubepods-besteffort-pod{STATIC}.slice", STATIC),
        ("kubepods", ""),
        ("kubepods.slice", ""),
        ("kubepods-burstable.slice", ""),
        (ID, ""),
    ],
)
def test_a_pods_uid_is_read_from_its_groups_name(name: str, found: str) -> None:
    assert pod_uid(name) == found


POD_SLICE = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{SLICE_UID}.slice"
KIND_SLICE = (
    f"system.slice/docker-{an_id(9)}.scope/kubelet.slice/kubelet-kubepods.slice/"
    f"kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{SLICE_UID}.slice"
)


@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize(
    ("pod", "container"),
    [
        (POD_SLICE, f"cri-containerd-{ID}.scope"),
        (POD_SLICE, f"crio-{ID}.scope"),
        (f"kubepods/burstable/pod{UID}", ID),
        (f"kubepods/pod{UID}", f"crio-{ID}"),
        (KIND_SLICE, f"cri-containerd-{ID}.scope"),
        (f"docker/{an_id(9)}/kubelet/kubepods/besteffort/pod{UID}", ID),
        (f"some-rig-1234/pod{UID}", ID),
    ],
)
def test_groups_are_found_in_every_layout(
    tmp_path: Path, kind: str, pod: str, container: str
) -> None:
    tree = Tree(tmp_path, kind)
    tree.group(pod)
    tree.group(f"{pod}/{container}")
    tree.group(f"{pod}/crio-conmon-{an_id(5)}.scope")
    tree.group(f"{pod}/{container}/container")
    index = CgroupIndex(str(tmp_path))
    index.locate([ID, UID], 0)
    assert index.path(ID) == f"{pod}/{container}"
    assert index.path(UID) == pod
    assert index.path(an_id(5)) is None
    assert index.hierarchy.kind == Kind(kind)


def test_a_misplaced_group_of_mixed_cgroup_drivers_is_found(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    path = f"system.slice/kubepods-pod{SLICE_UID}.slice:cri-containerd:{ID}"
    tree.group(path)
    index = CgroupIndex(str(tmp_path))
    index.locate([ID], 0)
    assert index.path(ID) == path


def test_the_tree_is_walked_again_only_for_an_unknown_id(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    tree.group(f"kubepods/pod{UID}/{ID}")
    index = CgroupIndex(str(tmp_path), clock=lambda: 0)
    for second in range(10):
        index.locate([ID, UID], second * S)
    assert index.walks == 1
    tree.group(f"kubepods/pod{UID}/{an_id(2)}")
    index.locate([ID, an_id(2)], 10 * S)
    assert index.walks == 2
    assert index.path(an_id(2)) == f"kubepods/pod{UID}/{an_id(2)}"


def test_walks_are_rate_limited(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    index = CgroupIndex(str(tmp_path), clock=lambda: 0)
    index.locate([an_id(1)], 0)
    tree.group(f"kubepods/{an_id(2)}")
    index.locate([an_id(2)], S)
    assert index.path(an_id(2)) is None
    assert "not been looked for yet" in index.why_unknown(an_id(2))
    index.locate([an_id(2)], 2 * S)
    assert index.path(an_id(2)) == f"kubepods/{an_id(2)}"
    assert index.walks == 2


def test_an_id_that_has_no_group_causes_ever_fewer_walks(tmp_path: Path) -> None:
    Tree(tmp_path, "v2")
    index = CgroupIndex(str(tmp_path), clock=lambda: 0)
    for second in range(600):
        index.locate([ID], second * S)
    assert 5 < index.walks < 18
    assert "has its id" in index.why_unknown(ID)


def test_a_slow_walk_is_followed_by_a_long_rest(tmp_path: Path) -> None:
    Tree(tmp_path, "v2")
    ticks = iter(range(0, 10**12, S))  # every look at the clock finds a second gone
    index = CgroupIndex(str(tmp_path), clock=lambda: next(ticks))
    for second in range(50):
        index.locate([an_id(second)], second * S)
    assert index.walks == 1


def test_a_walk_over_very_many_groups_takes_several_calls(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    for number in range(20):
        (tree.base / f"kubepods/pod{a_uid(number)}/{an_id(number)}").mkdir(parents=True)
    walk = Walk(str(tree.base))
    steps = 0
    while not walk.step(4):
        steps += 1
        assert steps < 20
    assert steps > 3
    assert len(walk.found) == 40


def test_depth_and_number_are_bounded(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    (tree.base / "a/b/c/d" / ID).mkdir(parents=True)
    deep = Walk(str(tree.base), max_depth=3)
    assert deep.step(100)
    assert (deep.found, deep.cut) == ({}, True)
    many = Walk(str(tree.base), max_groups=2)
    assert many.step(100)
    assert (many.found, many.cut) == ({}, True)


def test_links_are_not_followed(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v2")
    (tree.base / "kubepods").mkdir()
    (tree.base / "kubepods/loop").symlink_to(tree.base)
    (tree.base / ID).symlink_to(tree.base / "kubepods")
    walk = Walk(str(tree.base))
    assert walk.step(100)
    assert walk.found == {}


def test_a_node_without_control_groups_says_so(tmp_path: Path) -> None:
    index = CgroupIndex(str(tmp_path))
    index.locate([ID], 0)
    assert index.path(ID) is None
    assert "cannot be read" in index.why_unknown(ID)
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    assert "no control groups are mounted" in detect(str(tmp_path)).why


def test_groups_that_appear_later_are_found(tmp_path: Path) -> None:
    index = CgroupIndex(str(tmp_path), clock=lambda: 0)
    index.locate([ID], 0)
    Tree(tmp_path, "v2").group(f"kubepods/{ID}")
    index.locate([ID], 5 * S)
    assert index.path(ID) == f"kubepods/{ID}"


def test_this_machine_is_understood() -> None:
    hierarchy = detect("/")
    if hierarchy.kind is Kind.NONE:
        pytest.skip(hierarchy.why)
    index = CgroupIndex()
    index.locate([ID], 0)
    assert index.walks == 1
    assert index.path(ID) is None
    for identity, path in index.found.items():
        assert identity in path.replace("_", "-")
