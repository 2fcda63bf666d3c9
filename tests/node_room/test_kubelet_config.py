from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.kubelet.config import read_config
from pleg_tui.node.kubelet.gates import resolve
from pleg_tui.node.kubelet.yaml_text import NotData, merge_patch, parse_document
from tests.node_room.kubelets import CONFIG, STARTED, Node

PATH = "/var/lib/kubelet/config.yaml"
FOLDER = "/etc/kubernetes/kubelet.d"
ON = "featureGates:\n  EventedPLEG: true\n"
OFF = "featureGates: {EventedPLEG: false}\n"
RELEASE = (1, 36, 2)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def gates_of(node: Node, folder: str = "") -> tuple[bool | None, str]:
    read = read_config(str(node.root), PATH, folder, STARTED)
    gate = resolve(read.running, RELEASE)
    return gate.on, gate.source


def test_the_file_sets_the_gate(node: Node) -> None:
    node.config(PATH, ON)
    assert gates_of(node) == (True, PATH)


def test_json_is_read_too(node: Node) -> None:
    node.write(
        PATH,
        '{"kind":"KubeletConfiguration","apiVersion":"kubelet.config.k8s.io/v1beta1",'
        '"featureGates":{"EventedPLEG":true}}',
    )
    assert gates_of(node) == (True, PATH)


def test_drop_ins_win_in_the_order_of_their_names(node: Node) -> None:
    node.config(PATH, OFF)
    node.config(f"{FOLDER}/10-a.conf", ON)
    node.config(f"{FOLDER}/20-sub/x.conf", OFF + "maxPods: 7\n")
    node.config(f"{FOLDER}/30-z.conf", "featureGates: {Other: true}\n")
    node.config(f"{FOLDER}/99.yaml", ON)  # not *.conf: not read
    read = read_config(str(node.root), PATH, FOLDER, STARTED)
    assert [file.path for file in read.files] == [
        PATH,
        f"{FOLDER}/10-a.conf",
        f"{FOLDER}/20-sub/x.conf",
        f"{FOLDER}/30-z.conf",
    ]
    assert read.merged["featureGates"] == {"EventedPLEG": False, "Other": True}
    assert read.merged["maxPods"] == 7
    assert gates_of(node, FOLDER) == (False, f"{FOLDER}/20-sub/x.conf")


def test_a_null_takes_away_what_was_set_below(node: Node) -> None:
    node.config(PATH, ON)
    node.config(f"{FOLDER}/10.conf", "featureGates: {EventedPLEG: null}\n")
    on, source = gates_of(node, FOLDER)
    assert on is False
    assert "default" in source


BROKEN = [
    ("a: [1\n", "is not YAML at line"),
    (ON, "has kind none"),
    (CONFIG.replace("kubelet.config.k8s.io/v1beta1", "v1") + ON, "has apiVersion “v1”"),
    (CONFIG.replace("KubeletConfiguration", "Pod") + ON, "has kind “Pod”"),
    ("", "is empty"),
    ("- a\n- b\n", "is not a list of"),
    (CONFIG + "featureGates: [EventedPLEG]\n", "featureGates that are not"),
    (CONFIG + "featureGates: {EventedPLEG: 'true'}\n", "featureGates.EventedPLEG: “true”"),
    (CONFIG + "---\n" + CONFIG, "several YAML documents"),
    (CONFIG + "x: &a [*a]\n", "more than any such file"),
    (b"\xff\xfe\x00", "is not UTF-8"),
    (b"a: \x00\n", "is not YAML"),
    (CONFIG + "#" * (80 << 10), "is larger than 64 KiB"),
    ("[" * 5000, "nested too deep"),
]


@pytest.mark.parametrize(("text", "reason"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_leaves_the_gate_unknown_with_the_reason(
    node: Node, text: str | bytes, reason: str
) -> None:
    node.write(PATH, text)
    read = read_config(str(node.root), PATH, "", STARTED)
    assert reason in read.files[0].error
    on, source = gates_of(node)
    assert on is None
    assert source.startswith(PATH)
    assert reason in source


def test_a_broken_drop_in_does_not_matter_where_a_later_one_decides(node: Node) -> None:
    node.config(PATH, OFF)
    node.write(f"{FOLDER}/10.conf", "{{{")
    node.config(f"{FOLDER}/20.conf", ON)
    assert gates_of(node, FOLDER) == (True, f"{FOLDER}/20.conf")


def test_a_key_twice_is_told_and_matters_only_where_it_may_be_the_gate(node: Node) -> None:
    node.config(PATH, ON + "maxPods: 1\nmaxPods: 2\n")
    read = read_config(str(node.root), PATH, "", STARTED)
    assert "has maxPods twice (line 6)" in read.files[0].error
    assert gates_of(node) == (True, PATH)
    node.config(PATH, "featureGates:\n  EventedPLEG: true\n  EventedPLEG: false\n")
    on, source = gates_of(node)
    assert on is None
    assert "featureGates.EventedPLEG twice" in source


def test_unknown_fields_are_no_harm(node: Node) -> None:
    node.config(PATH, ON + "somethingNew: {deep: [1, 2]}\n")
    assert gates_of(node) == (True, PATH)


def test_yes_is_true_as_for_the_kubelet(node: Node) -> None:
    node.config(PATH, "featureGates: {EventedPLEG: yes}\n")
    assert gates_of(node) == (True, PATH)


def test_links_are_followed_inside_the_root(node: Node) -> None:
    node.config("/opt/real.yaml", ON)
    (node.root / "var/lib/kubelet").mkdir(parents=True)
    (node.root / PATH.lstrip("/")).symlink_to("/opt/real.yaml")
    read = read_config(str(node.root), PATH, "", None)
    assert read.files[0].error == ""
    assert resolve(read.running, RELEASE).on is True


def test_links_in_a_circle_are_told(node: Node) -> None:
    (node.root / "var/lib/kubelet").mkdir(parents=True)
    (node.root / PATH.lstrip("/")).symlink_to("/var/lib/kubelet/b")
    (node.root / "var/lib/kubelet/b").symlink_to(PATH)
    assert "symbolic links" in gates_of(node)[1]


def test_a_pipe_does_not_hold_us_up(node: Node) -> None:
    (node.root / "var/lib/kubelet").mkdir(parents=True)
    os.mkfifo(node.root / PATH.lstrip("/"))
    assert "is not a plain file" in gates_of(node)[1]


def test_a_missing_file_or_folder_is_told(node: Node) -> None:
    assert "does not exist" in gates_of(node)[1]
    node.config(PATH, ON)
    on, source = gates_of(node, FOLDER)
    assert on is None
    assert FOLDER in source


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_told(node: Node) -> None:
    node.config(PATH, ON).chmod(0)
    assert "no permission" in gates_of(node)[1]


def test_a_file_that_was_changed_after_the_start_counts_from_the_next_one_on(node: Node) -> None:
    node.config(PATH, ON, at=STARTED + 60)
    read = read_config(str(node.root), PATH, "", STARTED)
    assert read.files[0].newer
    assert resolve(read.now, RELEASE).on is True
    running = resolve(read.running, RELEASE)
    assert running.on is None
    assert "changed after this kubelet's start" in running.source


def test_a_drop_in_that_is_gone_since_the_start_leaves_doubt(node: Node) -> None:
    node.config(PATH, ON)
    node.config(f"{FOLDER}/10.conf", OFF)
    (node.root / f"{FOLDER}/10.conf".lstrip("/")).unlink()
    os.utime(node.root / FOLDER.lstrip("/"), (STARTED + 60, STARTED + 60))
    read = read_config(str(node.root), PATH, FOLDER, STARTED)
    assert resolve(read.running, RELEASE).on is None
    assert resolve(read.now, RELEASE).on is True


def test_secrets_and_escape_sequences_do_not_get_out(node: Node) -> None:
    node.config(PATH, 'staticPodURLHeader: {A: [secret]}\nclusterDomain: "a\\e[31mb"\n')
    read = read_config(str(node.root), PATH, "", STARTED)
    assert "secret" not in str(read)
    assert read.merged["clusterDomain"] == "a^[[31mb"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_merging_a_patch_twice_changes_nothing_more(target: object, patch: object) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@given(st.text() | st.text(alphabet='{}[]:,-&*!|>"\n\t ab1'))
def test_no_text_is_too_strange(text: str) -> None:
    with contextlib.suppress(NotData):
        parse_document(text)
