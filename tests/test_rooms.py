"""The walls that matter most, proven in a process of their own: who loads what, when it runs."""

import subprocess
import sys

import pytest

HEAVY = (
    "grpc",
    "textual",
    "rich",
    "google.protobuf",
    "ruamel.yaml",
    "psutil",
    "asyncio",
    "logging",
)


def loaded(code: str) -> set[str]:
    """Which of the heavy packages are loaded after the code ran."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\n{code}\nprint(*[n for n in {HEAVY!r} if n in sys.modules])",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return set(told.stdout.splitlines()[-1].split())


def test_the_screens_never_load_grpc() -> None:
    found = loaded("import pleg_tui.ui.app, pleg_tui.feed.live, pleg_tui.sim.process")
    assert "textual" in found
    assert "grpc" not in found


def test_the_collector_never_loads_textual() -> None:
    found = loaded("import pleg_tui.collector.main")
    assert "grpc" in found
    assert not found & {"textual", "rich"}


def test_pods_and_events_load_neither() -> None:
    found = loaded(
        "import pleg_tui.cli.main, pleg_tui.cli.pods, pleg_tui.cli.events, pleg_tui.feed.live"
    )
    assert not found & {"textual", "rich", "grpc"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_loads_nothing_heavy(option: str) -> None:
    code = f"from pleg_tui.cli.main import main\nassert main([{option!r}]) == 0"
    assert loaded(code) == set()


@pytest.mark.parametrize("room", ["pleg_tui.model", "pleg_tui.frames", "pleg_tui.pleg.live"])
def test_the_pure_rooms_load_nothing_heavy(room: str) -> None:
    assert not loaded(f"import {room}") & {"grpc", "textual", "google.protobuf", "psutil"}


def test_the_dashboard_starts_without_what_it_seldom_needs() -> None:
    """TLS, protobuf's own Python, Textual's palette: each would be felt at the start."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, pleg_tui.cli.main, pleg_tui.cli.dashboard, pleg_tui.feed.live\n"
            "import pleg_tui.ui.run\n"
            "print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(told.stdout.split())
    assert "textual.app" in loaded
    assert not loaded & {
        "_ssl",
        "ctypes",
        "google.protobuf.text_format",
        "json",
        "platformdirs",
        "tomllib",
        "textual.command",
        "textual.widgets._input",
    }
