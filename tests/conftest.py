"""Which tests are slow: those that try every step, wait for real time, or draw the largest size.

`make test` leaves them out to stay short; `make test-slow` and `.ci/run` run them.
"""

from __future__ import annotations

import pytest

SLOW_FILES = (
    "tests/cli/test_switch.py",
    "tests/compare/test_experiment.py",
    "tests/faults/test_hostile_kubelet.py",
    "tests/faults/test_runtime.py",
    "tests/faults/test_soak.py",
    "tests/faults/test_terminal.py",
    "tests/migrate/test_crash.py",
    "tests/sim/test_kubelet.py",
    "tests/ui/test_compare_terminal.py",
    "tests/ui/test_hostile.py",
    "tests/ui/test_migrate_terminal.py",
)
LARGEST = "200x50"
"""The grids at 80x24 and 120x40 are looked at every day."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here and not in tests/ui: options count only where pytest begins to look."""
    parser.addoption("--update-grids", action="store_true", help="write tests/ui/grids anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        name = item.nodeid.replace("\\", "/")
        if name.partition("::")[0] in SLOW_FILES or LARGEST in name:
            item.add_marker(pytest.mark.slow)
