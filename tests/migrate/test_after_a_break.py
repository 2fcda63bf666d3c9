"""What happens between a switch that was broken off and the command that mends it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pleg_tui.migrate.apply import apply, finish
from pleg_tui.migrate.journal import Journal, Record, Stage
from pleg_tui.migrate.rollback import UndoFailed, preview, rollback
from pleg_tui.node.kubelet.types import Mode
from tests.migrate.nodes import PROVEN, FakeHands, Node, crio, kubeadm

CONFIG = "/var/lib/kubelet/config.yaml"


class Killed(BaseException):
    """As if by SIGKILL: nothing of ours runs afterwards."""


def quiet(line: str) -> None:
    pass


def journal(node: Node) -> Journal:
    return Journal.at(str(node.root))


def broken_off(node: Node, at: str) -> Record:
    """A switch of which nothing ran after it said this."""

    def tell(line: str) -> None:
        if line == at:
            raise Killed

    with pytest.raises(Killed):
        apply(node.plan(), node.files, journal(node), FakeHands(), tell)
    record = journal(node).unfinished()
    assert record is not None
    return record


def test_a_machine_booted_in_the_middle_runs_the_old_files_after_the_rollback(
    tmp_path: Path,
) -> None:
    node = crio(tmp_path)
    record = broken_off(node, "restarting crio")
    assert record.begun == ()
    # The boot has started both with the new files, and the journal knows nothing of it.
    _, shown = preview(record, node.files)
    hands = FakeHands()
    rollback(journal(node), node.files, hands, quiet)
    assert [one.unit for one in shown] == ["crio", "kubelet"]
    assert [one for one in hands.done if one.startswith("restart")] == [
        "restart crio",
        "restart kubelet",
    ]


def test_what_was_broken_off_before_a_file_was_new_restarts_nothing(tmp_path: Path) -> None:
    node = crio(tmp_path)
    record = broken_off(node, "writing /etc/crio/crio.conf.d/90-pleg-tui.conf")
    hands = FakeHands()
    assert preview(record, node.files)[1] == ()
    rollback(journal(node), node.files, hands, quiet)
    assert hands.done == []


def test_finishing_that_fails_after_a_boot_restarts_what_the_boot_started(tmp_path: Path) -> None:
    node = crio(tmp_path)
    broken_off(node, "restarting crio")
    hands = FakeHands(frozenset({"restart crio"}))
    outcome = finish((Mode.EVENTED,), node.files, journal(node), hands, quiet)
    assert not outcome.applied
    assert hands.done[-2:] == ["restart kubelet", "well kubelet"]


def test_what_cannot_be_put_back_is_told_as_commands(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    old = node.read(CONFIG)
    record = broken_off(node, "restarting kubelet")
    node.write(CONFIG, "kind: KubeletConfiguration\nmaxPods: 7\n")
    with pytest.raises(UndoFailed) as failed:
        rollback(journal(node), node.files, FakeHands(), quiet)
    kept = tmp_path / "var/lib/pleg-tui/switches" / record.id / "0.before"
    assert f"`cp {kept} {tmp_path}{CONFIG}" in str(failed.value)
    assert node.read(CONFIG).endswith("maxPods: 7\n")
    # Done as it says, the next one is content.
    node.write(CONFIG, kept.read_text())
    assert node.read(CONFIG) == old
    assert rollback(journal(node), node.files, FakeHands(), quiet).stage is Stage.UNDONE


def test_a_service_that_does_not_come_back_is_told_as_a_command(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    apply(node.plan(), node.files, journal(node), FakeHands(), quiet)
    with pytest.raises(UndoFailed, match="`systemctl restart kubelet`"):
        rollback(journal(node), node.files, FakeHands(frozenset({"well kubelet"})), quiet)


def test_a_clock_that_falls_back_does_not_hide_the_newest_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = kubeadm(tmp_path)
    now = time.time_ns()
    apply(node.plan(), node.files, journal(node), FakeHands(verdict=PROVEN), quiet)
    monkeypatch.setattr(time, "time_ns", lambda: now - 10**18)
    node.mode = Mode.EVENTED
    node.gate = True
    hands = FakeHands()

    def tell(line: str) -> None:
        if line == "restarting kubelet":
            raise Killed

    with pytest.raises(Killed):
        apply(node.plan("generic"), node.files, journal(node), hands, tell)
    record = journal(node).unfinished()
    assert record is not None
    assert record.target == "generic"


def test_what_is_no_switch_lies_in_nobodys_way(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    apply(node.plan(), node.files, journal(node), FakeHands(), quiet)
    (tmp_path / "var/lib/pleg-tui/switches/zz-note").write_text("mine")
    assert journal(node).unfinished() is None
    assert journal(node).applied() is not None
