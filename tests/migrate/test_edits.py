from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleg_tui.migrate import edits
from tests.migrate.nodes import KUBEADM_YAML


def test_a_gate_is_one_line_more_and_nothing_else() -> None:
    old = KUBEADM_YAML.splitlines()
    new = edits.set_gate(KUBEADM_YAML.encode(), True).decode().splitlines()
    assert [line for line in new if line not in old] == ["  EventedPLEG: true"]
    assert [line for line in new if line in old] == old


def test_a_gate_taken_away_leaves_the_rest() -> None:
    on = edits.set_gate(KUBEADM_YAML.encode(), True)
    assert edits.set_gate(on, None).decode() == KUBEADM_YAML


def test_the_only_gate_takes_its_mapping_with_it() -> None:
    text = b"kind: KubeletConfiguration\nfeatureGates:\n  EventedPLEG: true # on\nmaxPods: 5\n"
    assert edits.set_gate(text, None) == b"kind: KubeletConfiguration\nmaxPods: 5\n"
    off = edits.set_gate(text, False)
    assert b"  EventedPLEG: false # on\n" in off


@pytest.mark.parametrize(
    "text",
    [
        "kind: KubeletConfiguration\nfeatureGates: {A: true}\n",
        "kind: KubeletConfiguration\nfeatureGates: {}\nmaxPods: 5\n",
        "kind: KubeletConfiguration\nfeatureGates:\nmaxPods: 5\n",
        "kind: KubeletConfiguration\nfeatureGates:\n    'A': true # why\n    # last\nmaxPods: 5",
        "---\nkind: KubeletConfiguration\n",
        "kind: KubeletConfiguration\r\nfeatureGates:\r\n  A: true\r\n",
        "kind: KubeletConfiguration",
        "kind: KubeletConfiguration\nnote: |\n  featureGates:\n    EventedPLEG: false\n",
    ],
)
def test_every_way_to_write_it_comes_out_as_meant(text: str) -> None:
    on = edits.set_gate(text.encode(), True)
    assert edits.gate_in(on) is True
    for comment in ("# why", "# last"):
        assert (comment in text) == (comment in on.decode())
    assert edits.gate_in(edits.set_gate(on, None)) is None
    assert edits.set_gate(on, True) == on


@pytest.mark.parametrize(
    "text",
    ["", "[1, 2]", "a: b: c", "featureGates: [A]", "featureGates:\n  EventedPLEG: yes please\n",
     "a: 1\na: 2\n", "\xff\xfe"],
)  # fmt: skip
def test_what_is_not_understood_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(edits.EditRefused) as refused:
        edits.set_gate(text.encode("latin-1"), True)
    assert "\n" not in str(refused.value)


def test_json_stays_json_with_its_order_and_indentation() -> None:
    text = json.dumps({"kind": "KubeletConfiguration", "z": 1, "a": {"b": [1, "ä"]}}, indent=4)
    on = edits.set_gate((text + "\n").encode(), True).decode()
    assert list(json.loads(on)) == ["kind", "z", "a", "featureGates"]
    assert '\n    "z": 1' in on
    assert on.endswith("}\n")
    assert edits.set_gate(on.encode(), None) == edits.set_gate((text + "\n").encode(), None)


names = st.from_regex(r"[A-Z][A-Za-z]{1,12}", fullmatch=True).filter(lambda n: n != edits.GATE)


@settings(deadline=None)
@given(
    gates=st.dictionaries(names, st.booleans(), max_size=4),
    before=st.lists(st.sampled_from(["maxPods: 5", "# note", "", "tls: {a: [1]}"]), max_size=4,
                    unique=True),
    after=st.lists(st.sampled_from(["zone: x", "# end", "dns:", "other: |"]), max_size=2,
                   unique=True),
    indent=st.integers(1, 6),
)  # fmt: skip
def test_on_and_away_again_is_the_same_file_to_the_byte(
    gates: dict[str, bool], before: list[str], after: list[str], indent: int
) -> None:
    lines = ["kind: KubeletConfiguration", *before]
    if gates:
        lines += [
            "featureGates:",
            *(f"{' ' * indent}{k}: {str(v).lower()}" for k, v in gates.items()),
        ]
    lines += after
    text = ("\n".join(lines) + "\n").encode()
    on = edits.set_gate(text, True)
    assert edits.gate_in(on) is True
    assert edits.set_gate(on, None) == text


def test_one_flag_in_a_file_of_flags() -> None:
    text = b'KUBELET_KUBEADM_ARGS="--feature-gates=A=true,EventedPLEG=true --v=2"\n'
    assert edits.set_gate_flag(text, False) == text.replace(b"PLEG=true", b"PLEG=false")
    with pytest.raises(edits.EditRefused):
        edits.set_gate_flag(text + text, False)


def test_a_drop_in_of_crio_keeps_its_comments() -> None:
    text = b"# ours\n[crio.runtime] # here\nenable_pod_events = false # why\nother = 1\n"
    assert edits.crio_events(text, "") == text.replace(b"= false", b"= true")
    assert b"enable_pod_events = true" in edits.crio_events(None, "why")
    assert b"[crio.runtime]" in edits.crio_events(b"", "why")
    with pytest.raises(edits.EditRefused):
        edits.crio_events(b"enable_pod_events: true\n", "")


@pytest.mark.parametrize(
    ("text", "gone", "come"),
    [
        (
            "kind: K\ndns:\n  - a   # x\n  - b\nfeatureGates: {A: true} # keep\ntls:   {a: 1}\n",
            "{A: true}",
            "{A: true, EventedPLEG: true}",
        ),
        ("kind: K\r\nfeatureGates: {A: true}\r\nd:\r\n  - e\r\n", "true}",
         "true, EventedPLEG: true}"),
        ('{\n  "dns": ["a", "b"],\n  "f": 1e3,\n  "featureGates": {"A": true}\n}\n', "true}",
         'true, "EventedPLEG": true}'),
        ('{\n\t"kind": "K",\n\t"featureGates": {\n\t\t"A": true\n\t}\n}', "true\n\t}",
         'true,\n\t\t"EventedPLEG": true\n\t}'),
        ("\ufeffkind: K\nfeatureGates:\n  A: true\nd:\n  - e\n", "A: true\n",
         "A: true\n  EventedPLEG: true\n"),
        ("kind: K\nfeatureGates: {\n  A: true,\n}\nd:\n  - e", "true,",
         "true,\n  EventedPLEG: true,"),
    ],
)  # fmt: skip
def test_every_other_byte_stays(text: str, gone: str, come: str) -> None:
    on = edits.set_gate(text.encode(), True)
    assert on == text.replace(gone, come).encode()
    assert edits.set_gate(on, None) == text.encode()
    assert edits.set_gate(on, False) == on.replace(b"PLEG: true", b"PLEG: false").replace(
        b'PLEG": true', b'PLEG": false'
    )


@pytest.mark.parametrize(
    "text",
    ["kind: K\nx: &g\n  A: true\nfeatureGates: *g\n",
     "kind: K\nfeatureGates: &g {A: true}\ny: *g\n",
     "a: 1\n---\nb: 2\n", "featureGates:\n  A: true\nfeatureGates:\n  B: true\n"],
)  # fmt: skip
def test_what_would_change_elsewhere_too_is_refused(text: str) -> None:
    with pytest.raises(edits.EditRefused):
        edits.set_gate(text.encode(), True)
