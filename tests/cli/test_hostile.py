"""What an attacker calls things is printed as text: neither terminal nor table obeys any of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import ALL, EVIL, LONG, ORDERS, HostileNode, assert_inert, shown

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileNode]:
    with HostileNode(tmp_path_factory.mktemp("hostile")) as one:
        yield one


def run(node: HostileNode, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[bytes]:
    """Run the program as a user would."""
    ended = subprocess.run(
        [sys.executable, "-m", "pleg_tui", *arguments, "-r", node.endpoint],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=90, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    assert b"Traceback" not in ended.stderr
    for name, data in (("stdout", ended.stdout), ("stderr", ended.stderr)):
        assert not any(order.encode() in data for order in ORDERS), name
        assert_inert(data.decode("utf-8"), name)
    return ended


def strings(value: Any) -> Iterator[str]:
    """Every text in some JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for part in pair for text in strings(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in strings(part))


def test_a_table_of_pods_is_a_line_a_pod_and_a_container(node: HostileNode) -> None:
    lines = run(node, "pods", "-a").stdout.decode().splitlines()
    assert len(lines) == 2 + 3 * len(ALL)
    for place, evil in enumerate(EVIL):
        for text in (shown(f"p0{place:02}-{evil}"), shown(f"r{evil}")):
            assert any(text in line for line in lines), text
    assert max(map(len, lines)) < 4000


def test_json_of_pods_holds_only_cleaned_text(node: HostileNode) -> None:
    told = json.loads(run(node, "pods", "-a", "-o", "json").stdout)
    assert len(told["pods"]) == len(ALL)
    for text in strings(told):
        assert_inert(text, "JSON")
        assert "\n" not in text
    (long,) = [pod for pod in told["pods"] if "LLLL" in pod["name"]]
    assert len(long["name"]) < 600
    assert max(map(len, long["labels"].values())) < len(LONG) // 10


@pytest.mark.parametrize("form", ["table", "json"])
def test_events_are_a_line_each(node: HostileNode, form: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pleg_tui", "events", "-o", form, "--count", "60",
         "-r", node.endpoint],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        assert program.stdout.readline()  # it is connected
        node.happen()
        rest, complaints = program.communicate(timeout=90)
    assert program.returncode == 0, complaints
    assert not any(order.encode() in rest for order in ORDERS)
    lines = rest.decode("utf-8").splitlines()
    for line in lines:
        assert_inert(line, form)
    if form == "json":
        told = [json.loads(line) for line in lines]
        events = [one for one in told if "schema" in one]
        assert len(events) == 60
        for text in strings(told):
            assert_inert(text, "JSON")
    else:
        assert sum("Container" in line or "Sandbox" in line for line in lines) >= 60
    assert any("[@click=app.quit]q[/]" in line for line in lines)


def test_an_errors_details_are_one_inert_sentence(tmp_path: Path) -> None:
    with HostileNode(tmp_path) as node:
        node.fail("ListContainers", "ListPodSandbox")
        ended = run(node, "pods", code=3)
    said = ended.stderr.decode()
    assert len(said.splitlines()) == 1, said
    assert "[red]x[/] x[/]y" in said
