"""What stands in a kubelet's files, log, command line and pages is told as text, never obeyed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.hostile import EVIL, HostileNode, assert_harmless, assert_inert
from tests.node_room.kubelets import PID, Node, klog, start_lines

ROOT = Path(__file__).parents[2]
ALL = "".join(text.replace("\0", "") for text in EVIL)
"""Every hostile text in one, as a file name or an argument may hold it."""
BYTES = ALL.encode() + b"\xff\xfe\xc0"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response_only(200, "OK\x1b[2J")
        self.end_headers()
        evil = ALL.replace("\n", "").replace('"', "").replace("\\", "")
        lines = [
            f'kubernetes_build_info{{git_version="v1.36.2{evil}",major="{evil}"}} 1',
            f'kubernetes_feature_enabled{{name="EventedPLEG{evil}",stage="{evil}"}} 1',
            f'kubelet_pleg_relist_duration_seconds_bucket{{le="{evil}"}} 3',
            ALL,
        ]
        self.wfile.write("\n".join(lines).encode() + b"\n\xff\xfe")

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node whose kubelet's every text was chosen by an attacker."""
    root = tmp_path / "node"
    root.mkdir()
    node = Node(root)
    said = json.dumps(ALL)
    node.process(
        "--config=/var/lib/kubelet/config.yaml", f"--feature-gates=EventedPLEG={ALL}", ALL,
        f"--container-runtime-endpoint=unix:///run/{ALL}", f"--config-dir=/etc/{ALL}",
        f"--hostname-override={ALL}",
    )  # fmt: skip
    node.config(
        "/var/lib/kubelet/config.yaml",
        f"featureGates:\n  EventedPLEG: true\n  {said}: true\n"
        f"containerRuntimeEndpoint: {said}\nstaticPodPath: {said}\n",
    )
    node.write("/etc/containerd/config.toml", f"version = 3\nimports = [{said}]\n".encode())
    log = start_lines("1.36.2") + "".join(
        klog(f"{text}|err={json.dumps(text)} gates={json.dumps(text)}")
        for text in ("EventedPLEG " + ALL, "feature gates: {[]}" + ALL, ALL)
    )
    node.write("/var/log/kubelet.log", log.encode() + BYTES)
    node.log_to_file("/var/log/kubelet.log", PID)
    node.write("/etc/os-release", f'NAME="{ALL}"\n')
    return node


def run(*arguments: str) -> str:
    """Run the program as a user would; returns what it said, which obeys nobody."""
    ended = subprocess.run(
        [sys.executable, "-m", "pleg_tui", *arguments], capture_output=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}, check=False,
    )  # fmt: skip
    assert ended.returncode in (0, 1, 3), ended.stderr
    said = ended.stdout + ended.stderr
    assert b"Traceback" not in said
    assert b"a fault of this program" not in said
    assert_harmless(said)
    assert_inert(said.decode("utf-8"), " ".join(arguments))
    return said.decode("utf-8")


@pytest.mark.parametrize("form", ["table", "json"])
def test_check(node: Node, pages: str, form: str, tmp_path: Path) -> None:
    with HostileNode(tmp_path) as runtime:
        said = run("check", "--root", str(node.root), "-r", runtime.endpoint, "-o", form,
                   "--kubelet-url", pages, "--duration", "0s")  # fmt: skip
    assert "[red]x[/]" in said, "none of it came so far"
    if form == "json":
        assert json.loads(said)["schema"] == "pleg-tui/check/v1"


@pytest.mark.parametrize("target", ["evented", "generic"])
def test_switch(node: Node, pages: str, target: str, tmp_path: Path) -> None:
    with HostileNode(tmp_path) as runtime:
        run("switch", target, "--dry-run", "--root", str(node.root), "-r", runtime.endpoint,
            "--kubelet-url", pages)  # fmt: skip


def test_a_file_that_breaks_off_or_is_no_yaml(node: Node, tmp_path: Path) -> None:
    with HostileNode(tmp_path) as runtime:
        for content in (BYTES, b"a: &a [*a]\n" + ALL.encode(), b"\x00" * 99, b"{" * 9999):
            node.write("/var/lib/kubelet/config.yaml", content)
            run("check", "--root", str(node.root), "-r", runtime.endpoint)


def test_no_program_sets_the_title_of_the_window() -> None:
    """Nothing in what a terminal is allowed to be sent is one: see tests/hostile.py."""
    for title in (b"\x1b]0;x\x07", b"\x1b]2;x\x1b\\", b"\x1b]9;x\x07", b"\x1b]777;notify;x;y\x07"):
        with pytest.raises(AssertionError):
            assert_harmless(title)
