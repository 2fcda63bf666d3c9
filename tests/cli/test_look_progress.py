"""A look that takes long says so, to somebody at a terminal only."""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path

import pytest

from pleg_tui.cli import node_facts
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.types import KubeletFacts
from tests.migrate.nodes import kubeadm


@pytest.mark.parametrize("terminal", [True, False])
def test_a_slow_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    told = threading.Event()
    facts = kubeadm(tmp_path).kubelet()

    class Errors(io.StringIO):
        def isatty(self) -> bool:
            return terminal

        def write(self, text: str) -> int:
            told.set()
            return super().write(text)

    def slow(root: str, options: KubeletOptions) -> KubeletFacts:
        told.wait(60 if terminal else 0.2)
        return facts

    monkeypatch.setattr(node_facts, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(node_facts, "read_kubelet", slow)
    monkeypatch.setattr(sys, "stderr", errors := Errors())
    assert node_facts._Look("/", KubeletOptions()).result() is facts
    assert ("half a minute" in errors.getvalue()) is terminal
