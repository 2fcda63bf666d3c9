"""The command line against a fake feed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from pleg_tui.cli import connect, main
from pleg_tui.cri.endpoint import Endpoint
from pleg_tui.cri.sockets import Probe
from pleg_tui.feed.types import Settings
from tests.cli.fakes import FakeFeed


class Ended(Struct, frozen=True):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, with nothing set: no settings of who runs the tests."""
    for name in list(os.environ):
        if name.startswith(("PLEG_TUI_", "XDG_", "SSH_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process, against a fake feed if one is given."""
    for name in ("CONTAINER_RUNTIME_ENDPOINT", "CRI_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)

    def run_(*arguments: str, feed: FakeFeed | None = None) -> Ended:
        if feed is not None:
            found = Endpoint("/fake.sock", "test", Probe.ANSWERS, True)
            monkeypatch.setattr(connect, "find", lambda options, waits: found)

            def make(settings: Settings, **_: object) -> FakeFeed:
                feed.settings = settings
                return feed

            monkeypatch.setattr(connect, "make_feed", make)
        code = main.main(arguments)
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return Ended(code, said.out, said.err)

    return run_
