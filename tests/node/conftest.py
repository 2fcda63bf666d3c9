"""Real containerds for tests: skipped with the reason where they cannot run.

The everyday `make test` leaves them out; they run with `-m node` or with PLEG_TUI_NODE=1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import pytest

from tests.node.rig.chroot import (
    Chroot,
    UnavailableError,
    ensure,
    is_made,
    require_major,
)
from tests.node.rig.containerd import RealContainerd

SUITES = {2: "sid", 1: "trixie"}
"""Debian suite by the major version that it is to hold."""
_FIXTURES = {"containerd2": {2}, "containerd17": {1}, "any_containerd": {2, 1}}
"""Which major versions a fixture needs."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a real containerd, and skip it unless it was asked for."""
    asked = os.environ.get("PLEG_TUI_NODE") == "1" or config.option.markexpr.strip() == "node"
    skip = pytest.mark.skip(reason="needs a real containerd: set PLEG_TUI_NODE=1 or use -m node")
    for item in items:
        if majors_of(item):
            item.add_marker(pytest.mark.node)
        if not asked and item.get_closest_marker("node"):
            item.add_marker(skip)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the chroots that the chosen tests need, now: no test's time limit may cut that short."""
    chosen = [item for item in session.items if not item.get_closest_marker("skip")]
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    for major in sorted(set().union(*map(majors_of, chosen))):
        if terminal is not None and not is_made(SUITES[major]):
            terminal.write_line(f"making a Debian {SUITES[major]} chroot: about a minute, once")
        find_chroot(major)


def majors_of(item: pytest.Item) -> set[int]:
    """The versions of containerd that a test needs."""
    fixtures = getattr(item, "fixturenames", ())
    return set().union(*(_FIXTURES.get(name, set()) for name in fixtures))


@cache
def find_chroot(major: int) -> Chroot | str:
    """The chroot of this version, or the reason why there is none; asked once per process."""
    try:
        return require_major(ensure(SUITES[major]), major)
    except UnavailableError as error:
        return str(error)


class Kept:
    """The runtimes of this test process, started when first needed."""

    def __init__(self) -> None:
        self._runtimes: dict[int, RealContainerd] = {}

    def get(self, major: int) -> RealContainerd:
        """The runtime of this major version; skips the test where it cannot run."""
        if major not in self._runtimes:
            chroot = find_chroot(major)
            if isinstance(chroot, str):
                pytest.skip(chroot)
            self._runtimes[major] = RealContainerd(chroot).start()
        return self._runtimes[major]

    def clean(self, major: int) -> None:
        """Remove what a test left; a runtime that cannot be cleaned is replaced by a new one."""
        runtime = self._runtimes[major]
        try:
            runtime.clean()
        except Exception:
            del self._runtimes[major]
            runtime.stop()
            raise

    def stop(self) -> None:
        """Stop them all."""
        while self._runtimes:
            self._runtimes.popitem()[1].stop()


@pytest.fixture(scope="session")
def kept_runtimes() -> Iterator[Kept]:
    """One of each version, per test process."""
    kept = Kept()
    try:
        yield kept
    finally:
        kept.stop()


def _clean_after(kept: Kept, major: int) -> Iterator[RealContainerd]:
    runtime = kept.get(major)
    yield runtime
    kept.clean(major)


@pytest.fixture
def containerd2(kept_runtimes: Kept) -> Iterator[RealContainerd]:
    """A containerd 2.x without pods."""
    yield from _clean_after(kept_runtimes, 2)


@pytest.fixture
def containerd17(kept_runtimes: Kept) -> Iterator[RealContainerd]:
    """A containerd 1.7 without pods."""
    yield from _clean_after(kept_runtimes, 1)


@pytest.fixture(params=[2, 1], ids=["containerd2", "containerd17"])
def any_containerd(request: pytest.FixtureRequest, kept_runtimes: Kept) -> Iterator[RealContainerd]:
    """Each of both in turn, without pods."""
    yield from _clean_after(kept_runtimes, request.param)
