from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pleg_tui.node.kubelet import watch as watching
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.read import read_kubelet
from pleg_tui.node.kubelet.types import ChangeKind, Look, Mode
from pleg_tui.node.kubelet.watch import KubeletWatch
from tests.node_room.kubelets import PID, STARTED, Node, Server, klog, page, start_lines

CONFIG = "/var/lib/kubelet/config.yaml"
LOG = "/var/log/kubelet.log"
ERROR = klog("container events stream is closed", at="16:10:00.0", level="E")


class Watched:
    """A node with a kubelet on events, its server, and a watch over it."""

    def __init__(self, root: Path, version: str = "1.34.1", *, metrics: bool = True) -> None:
        self.node = Node(root)
        self.node.config(CONFIG, "featureGates: {EventedPLEG: true}\n")
        self.node.process(f"--config={CONFIG}")
        self.log = self.node.write(LOG, start_lines(version))
        self.node.log_to_file(LOG)
        self.figures = {"relists": 12, "errors": 0, "discards": 0}
        self.started = STARTED
        self.version = version
        self.server = Server({"/metrics": self.answer})
        self.options = KubeletOptions(
            url=self.server.url if metrics else "none",
            rhythm_s=0,
            samples_apart_s=0,
            ask_node=False,
            timeout_s=30,
        )
        facts = read_kubelet(str(root), self.options)
        self.watch = KubeletWatch(str(root), self.options, facts)

    def answer(self) -> tuple[int, str]:
        return 200, page(**self.figures, gate=True, version=self.version, started=self.started)

    def write(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(text)

    def kinds(self, look: Look) -> list[ChangeKind]:
        return [change.kind for change in look.changes]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    it = Watched(tmp_path)
    with it.server:
        yield it
    it.watch.close()


@pytest.fixture
def by_log(tmp_path: Path) -> Iterator[Watched]:
    it = Watched(tmp_path, metrics=False)
    with it.server:
        yield it


def test_nothing_new_is_nothing_told(watched: Watched) -> None:
    for _ in range(3):
        assert watched.watch.look().changes == ()
    look = watched.watch.look()
    assert look.pid == PID
    assert look.figures.relists.value == 12


def test_a_fall_back_is_seen_in_the_counters(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.watch.look()
    watched.figures |= {"relists": 17, "errors": 5}
    found = list(watched.watch.look().changes)
    assert found[0].kind is ChangeKind.STREAM_ERRORS

    # Two readings must be two seconds apart to be compared.
    real, ahead = time.monotonic, 10.0
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead)
    watched.figures["relists"] = 27
    found += watched.watch.look().changes
    look = watched.watch.look()
    assert look.mode is Mode.FALLEN_BACK
    (change,) = [c for c in found if c.kind is ChangeKind.FELL_BACK]
    assert "restart the kubelet" in change.remedy
    assert watched.watch.look().changes == ()


def test_discards_are_told_once(watched: Watched) -> None:
    watched.watch.look()
    watched.figures["discards"] = 3
    (change,) = watched.watch.look().changes
    assert change.kind is ChangeKind.DISCARDS
    assert "3 pod events" in change.says
    assert watched.watch.look().changes == ()


def test_a_restart_is_seen_and_asks_for_a_full_look(watched: Watched) -> None:
    watched.watch.look()
    watched.started = STARTED + 500
    watched.node.process(f"--config={CONFIG}", started=watched.started)
    look = watched.watch.look()
    assert watched.kinds(look) == [ChangeKind.RESTARTED]
    assert look.full_look_due
    facts = read_kubelet(str(watched.node.root), watched.options)
    watched.watch.renew(facts)
    look = watched.watch.look()
    assert (look.changes, look.full_look_due) == ((), False)


def test_a_restart_under_another_pid_is_one_too(by_log: Watched) -> None:

    by_log.watch.look()
    shutil.rmtree(by_log.node.root / f"proc/{PID}")
    by_log.node.process(f"--config={CONFIG}", pid=999, started=STARTED + 500)
    (change,) = by_log.watch.look().changes
    assert change.kind is ChangeKind.RESTARTED
    assert "process 999, before: 812" in change.says


def test_gone_and_back(by_log: Watched) -> None:

    by_log.watch.look()
    shutil.rmtree(by_log.node.root / f"proc/{PID}")
    look = by_log.watch.look()
    assert by_log.kinds(look) == [ChangeKind.GONE]
    assert (look.pid, look.mode) == (None, Mode.UNKNOWN)
    assert by_log.watch.look().changes == ()
    by_log.node.process(f"--config={CONFIG}", started=STARTED + 500)
    assert by_log.kinds(by_log.watch.look()) == [ChangeKind.APPEARED]


def test_without_metrics_the_log_tells(by_log: Watched) -> None:
    assert by_log.watch.look().changes == ()
    by_log.write(ERROR * 2)
    look = by_log.watch.look()
    assert by_log.kinds(look) == [ChangeKind.STREAM_ERRORS]
    assert look.mode is not Mode.FALLEN_BACK
    by_log.write(ERROR * 3)
    look = by_log.watch.look()
    assert ChangeKind.FELL_BACK in by_log.kinds(look)
    assert look.mode is Mode.FALLEN_BACK
    assert look.figures.stream_errors.value == 5
    assert look.figures.relists.value is None


def test_a_half_written_line_is_read_when_it_is_whole(by_log: Watched) -> None:
    by_log.watch.look()
    by_log.write(ERROR[:60])
    assert by_log.watch.look().changes == ()
    by_log.write(ERROR[60:])
    assert by_log.kinds(by_log.watch.look()) == [ChangeKind.STREAM_ERRORS]


def test_lines_between_the_full_look_and_the_first_cheap_one_are_not_lost(tmp_path: Path) -> None:
    it = Watched(tmp_path, metrics=False)
    with it.server:
        facts = read_kubelet(str(tmp_path), it.options)
        it.write(ERROR)
        watch = KubeletWatch(str(tmp_path), it.options, facts)
        assert it.kinds(watch.look()) == [ChangeKind.STREAM_ERRORS]


def test_a_rotated_log_is_read_on(by_log: Watched) -> None:
    by_log.watch.look()
    by_log.log.rename(by_log.log.with_suffix(".1"))
    by_log.log.write_text(ERROR)
    assert by_log.kinds(by_log.watch.look()) == [ChangeKind.STREAM_ERRORS]


def test_an_unhealthy_pleg_is_told(by_log: Watched) -> None:
    by_log.watch.look()
    by_log.write(klog('Skipping pod synchronization|err="PLEG is not healthy: 10m1s"', level="E"))
    (change,) = by_log.watch.look().changes
    assert change.kind is ChangeKind.UNHEALTHY
    assert "PLEG is not healthy: 10m1s" in change.says
    by_log.write(klog('Skipping pod synchronization|err="PLEG is not healthy: 10m2s"', level="E"))
    assert by_log.watch.look().changes == ()  # the same trouble goes on


def test_an_upgraded_kubelet_is_not_judged_by_the_old_ones_version(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.watch.look()
    watched.version, watched.started = "1.37.0", STARTED + 500
    watched.node.process(f"--config={CONFIG}", started=watched.started)
    watched.watch.look()
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 10)
    watched.figures["relists"] = 22
    assert watched.watch.look().mode is Mode.HINT_ONLY


def test_a_full_look_that_finds_another_mode_is_told(by_log: Watched) -> None:

    facts = replace(
        read_kubelet(str(by_log.node.root), by_log.options), mode=Mode.EVENTED, mode_why="rhythm"
    )
    by_log.watch.renew(facts)
    by_log.watch.look()
    by_log.watch.renew(replace(facts, mode=Mode.FALLEN_BACK, mode_why="rhythm: it polls"))
    (change,) = by_log.watch.look().changes
    assert change.kind is ChangeKind.FELL_BACK
    assert "it polls" in change.says


def test_where_nothing_can_be_read_a_full_look_is_due_now_and_then(
    by_log: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not by_log.watch.look().full_look_due
    monkeypatch.setattr(watching, "_WITHOUT_METRICS_S", 0.0)
    assert by_log.watch.look().full_look_due


def test_without_a_full_look_one_is_asked_for(tmp_path: Path) -> None:
    node = Node(tmp_path)
    watch = KubeletWatch(str(tmp_path))
    look = watch.look()
    assert look.full_look_due
    assert look.pid is None
    node.process()
    look = watch.look()
    assert (look.pid, look.mode, look.changes) == (PID, Mode.UNKNOWN, ())
