from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pleg_tui.migrate.apply import ApplyError, apply, finish
from pleg_tui.migrate.hands import HandsError, Verdict
from pleg_tui.migrate.journal import Busy, Journal, JournalError, Stage
from pleg_tui.migrate.rollback import RollbackRefused, UndoFailed, rollback
from pleg_tui.node.kubelet.types import Mode
from tests.migrate.nodes import FakeHands, Node, crio, eks, k3s, kubeadm, snapshot

OURS = ("var/lib/pleg-tui",)
CONFIG = "/var/lib/kubelet/config.yaml"


def quiet(line: str) -> None:
    pass


def journal(node: Node) -> Journal:
    return Journal.at(str(node.root))


@pytest.mark.parametrize("make", [kubeadm, k3s, eks, crio])
def test_there_and_back_to_the_byte(tmp_path: Path, make: object) -> None:
    node: Node = make(tmp_path)  # type: ignore[operator]
    before = snapshot(tmp_path, *OURS)
    hands = FakeHands()
    outcome = apply(node.plan(), node.files, journal(node), hands, quiet)
    assert outcome.applied
    assert hands.done[-1] == "verify"
    assert snapshot(tmp_path, *OURS) != before
    rollback(journal(node), node.files, FakeHands(), quiet)
    assert snapshot(tmp_path, *OURS) == before
    with pytest.raises(RollbackRefused, match="no switch"):
        rollback(journal(node), node.files, FakeHands(), quiet)


@pytest.mark.parametrize("fault", ["restart crio", "well crio", "restart kubelet", "well kubelet",
                                   "verify"])  # fmt: skip
def test_any_failure_puts_everything_back(tmp_path: Path, fault: str) -> None:
    node = crio(tmp_path)
    before = snapshot(tmp_path, *OURS)
    hands = FakeHands(frozenset({fault}))
    outcome = apply(node.plan(), node.files, journal(node), hands, quiet)
    assert not outcome.applied
    assert fault in outcome.why
    assert snapshot(tmp_path, *OURS) == before
    # What was restarted with the new files is restarted with the old ones, and nothing else.
    touched = ["crio"] if "crio" in fault else ["crio", "kubelet"]
    undone = hands.done[hands.done.index(fault) + 1 :]
    assert undone == [f"{word} {unit}" for unit in touched for word in ("restart", "well")]


def test_another_mode_than_wanted_is_a_failure_and_an_unknown_one_is_not(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    hands = FakeHands(verdict=Verdict(False, Mode.FALLEN_BACK, "five stream errors"))
    outcome = apply(node.plan(), node.files, journal(node), hands, quiet)
    assert not outcome.applied
    assert "fallen-back: five stream errors" in outcome.why
    hands = FakeHands(verdict=Verdict(None, Mode.UNKNOWN, "nothing to be seen"))
    outcome = apply(node.plan(), node.files, journal(node), hands, quiet)
    assert outcome.applied
    assert outcome.verdict is not None
    assert outcome.verdict.ok is None


def test_a_rollback_that_fails_is_finished_by_the_next(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    before = snapshot(tmp_path, *OURS)
    apply(node.plan(), node.files, journal(node), FakeHands(), quiet)
    with pytest.raises(UndoFailed, match="the files are as they were"):
        rollback(journal(node), node.files, FakeHands(frozenset({"restart kubelet"})), quiet)
    assert snapshot(tmp_path, *OURS) == before
    record = journal(node).unfinished()
    assert record is not None
    assert record.stage is Stage.UNDOING
    with pytest.raises(ApplyError, match="half done"):
        apply(node.plan(), node.files, journal(node), FakeHands(), quiet)
    assert not finish((Mode.EVENTED,), node.files, journal(node), FakeHands(), quiet).applied
    assert journal(node).unfinished() is None


def test_somebody_elses_work_is_never_overwritten(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    made = node.plan()
    node.write(CONFIG, "kind: KubeletConfiguration\nmaxPods: 7\n")
    with pytest.raises(ApplyError, match="changed since the plan"):
        apply(made, node.files, journal(node), FakeHands(), quiet)
    apply(node.plan(), node.files, journal(node), FakeHands(), quiet)
    node.write(CONFIG, node.read(CONFIG) + "# by hand\n")
    with pytest.raises(RollbackRefused, match="changed since the switch"):
        rollback(journal(node), node.files, FakeHands(), quiet)
    assert "# by hand" in node.read(CONFIG)


def test_a_file_that_becomes_a_link_meanwhile_is_left_alone(tmp_path: Path) -> None:
    node = crio(tmp_path)
    real = tmp_path / CONFIG.lstrip("/")
    hands = FakeHands()

    def tell(line: str) -> None:
        if line == f"writing {CONFIG}":
            real.rename(real.with_name("elsewhere"))
            real.symlink_to("elsewhere")

    with pytest.raises(UndoFailed, match="symbolic link"):
        apply(node.plan(), node.files, journal(node), hands, tell)
    assert real.is_symlink()
    assert hands.done == []
    assert not node.exists("/etc/crio/crio.conf.d/90-pleg-tui.conf")


def test_rollbacks_go_back_one_switch_at_a_time(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    first = node.read(CONFIG)
    apply(node.plan("evented"), node.files, journal(node), FakeHands(), quiet)
    second = node.read(CONFIG)
    node.mode = Mode.EVENTED
    polls = FakeHands(verdict=Verdict(True, Mode.GENERIC, "it polls"))
    apply(node.plan("generic"), node.files, journal(node), polls, quiet)
    assert rollback(journal(node), node.files, FakeHands(), quiet).target == "generic"
    assert node.read(CONFIG) == second
    assert rollback(journal(node), node.files, FakeHands(), quiet).target == "evented"
    assert node.read(CONFIG) == first


def test_only_one_at_a_time(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    with journal(node).locked():
        with pytest.raises(Busy):
            with journal(node).locked():
                pass
        with pytest.raises(ApplyError, match="another switch"):
            apply(node.plan(), node.files, journal(node), FakeHands(), quiet)
        with pytest.raises(RollbackRefused, match="another switch"):
            rollback(journal(node), node.files, FakeHands(), quiet)
    assert apply(node.plan(), node.files, journal(node), FakeHands(), quiet).applied


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_puts_everything_back_and_a_second_is_not_heard(
    tmp_path: Path, number: signal.Signals
) -> None:
    node = kubeadm(tmp_path)
    before = snapshot(tmp_path, *OURS)

    def tell(line: str) -> None:
        if line == "restarting kubelet":
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), number)

    outcome = apply(node.plan(), node.files, journal(node), FakeHands(), tell)
    assert outcome.interrupted
    assert not outcome.applied
    assert snapshot(tmp_path, *OURS) == before
    assert signal.getsignal(number) is not signal.SIG_IGN


def test_a_damaged_journal_is_told_and_touched_by_nobody(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    apply(node.plan(), node.files, journal(node), FakeHands(), quiet)
    (file,) = (tmp_path / "var/lib/pleg-tui/switches").glob("*/journal.json")
    whole = file.read_bytes()
    for broken in (b"", b"{}", whole[:-40], whole.replace(b'"sha256": "', b'"sha256": "0')):
        file.write_bytes(broken)
        with pytest.raises(JournalError) as error:
            journal(node).last()
        assert "\n" not in str(error.value)
        with pytest.raises(RollbackRefused):
            rollback(journal(node), node.files, FakeHands(), quiet)
    kept = file.parent / "0.before"
    file.write_bytes(whole)
    kept.write_bytes(b"other")
    with pytest.raises(JournalError, match=r"0\.before"):
        journal(node).last()


def test_a_state_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "var/lib/pleg-tui").symlink_to(tmp_path / "elsewhere")
    made = node.plan()
    with pytest.raises(ApplyError, match="not a folder of this user"):
        apply(made, node.files, Journal(str(tmp_path / "var/lib/pleg-tui")), FakeHands(), quiet)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_old_switches_are_forgotten(tmp_path: Path) -> None:
    node = kubeadm(tmp_path)
    for _ in range(7):
        node.mode = Mode.GENERIC
        apply(node.plan("evented"), node.files, journal(node), FakeHands(), quiet)
        node.mode = Mode.EVENTED
        polls = FakeHands(verdict=Verdict(True, Mode.GENERIC, ""))
        apply(node.plan("generic"), node.files, journal(node), polls, quiet)
    assert len(list((tmp_path / "var/lib/pleg-tui/switches").iterdir())) <= 10
    assert journal(node).applied() is not None


def test_a_fault_in_the_journal_does_not_stop_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = kubeadm(tmp_path)
    before = snapshot(tmp_path, *OURS)
    real = Journal.write
    full = False

    def write(self: Journal, record: object) -> object:
        if full:
            raise JournalError("no space left")
        return real(self, record)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "write", write)

    class Fails(FakeHands):
        def restart(self, restart: object) -> None:
            nonlocal full
            if not full:
                full = True
                raise HandsError("no")

    with pytest.raises(UndoFailed, match="everything is as it was"):
        apply(node.plan(), node.files, journal(node), Fails(), quiet)
    assert snapshot(tmp_path, *OURS) == before
    full = False
    rollback(journal(node), node.files, FakeHands(), quiet)
    assert journal(node).unfinished() is None
