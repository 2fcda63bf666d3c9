from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pleg_tui.cli import node_facts, rollback, switch
from pleg_tui.cli.node_facts import Site
from pleg_tui.migrate.apply import apply
from pleg_tui.migrate.facts import Facts, Machine
from pleg_tui.migrate.hands import Patience, SystemHands
from pleg_tui.migrate.journal import Journal, unfinished
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.types import Mode
from pleg_tui.node.runtime_config import Setting
from pleg_tui.sim.node import SimulatedNode
from pleg_tui.sim.node_options import Fault, Layout, NodeOptions
from pleg_tui.sim.options import Options
from tests.cli.conftest import Run
from tests.migrate.crash import CONFIG, ScriptHands, killed_at, make
from tests.migrate.nodes import Node, snapshot

OURS = ("var/lib/pleg-tui", "restarted", "running")
NO = Setting(False, "systemd is not this node's init")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node of files and a script, which the commands find."""
    root = tmp_path / "node"
    root.mkdir()
    made = make(root)
    monkeypatch.setenv("NODE", str(root))
    monkeypatch.setenv("PATH", f"{root}/bin:{os.environ['PATH']}")

    def gather(found: Site, *, quick: bool = False) -> Facts:
        left = unfinished(Journal.at(str(root)).unfinished())
        return replace(made.facts(), machine=Machine(systemd=YES), unfinished=left)

    for module in (switch, rollback):
        monkeypatch.setattr(module, "gather", gather)
        monkeypatch.setattr(module, "hands", lambda found, facts: ScriptHands(made))
    return made


YES = Setting(True, "systemd runs")


def test_the_plan_is_shown_and_nothing_is_touched(run: Run, node: Node) -> None:
    before = snapshot(node.root)
    for more in ((), ("--dry-run",)):
        ended = run("switch", "evented", "--root", str(node.root), *more)
        assert ended.code == 0
        assert "+  EventedPLEG: true" in ended.out
        assert "+enable_pod_events = true" in ended.out
        order = [ended.out.index(w) for w in ("restart crio:", "restart kubelet:", "risk: ")]
        assert order == sorted(order)
    assert snapshot(node.root) == before


def test_apply_and_roll_back(run: Run, node: Node) -> None:
    before = snapshot(node.root, *OURS)
    root = ("--root", str(node.root), "--yes")
    ended = run("switch", "evented", "--apply", "--measure", "0", *root)
    assert (ended.code, ended.err) == (0, "")
    assert "verified: the kubelet is evented" in ended.out
    node.mode = Mode.EVENTED
    again = run("switch", "evented", "--apply", *root)
    assert (again.code, "nothing to do" in again.out) == (0, True)
    ended = run("rollback", *root)
    assert ended.code == 0
    assert "-  EventedPLEG: true" in ended.out
    assert snapshot(node.root, *OURS) == before
    ended = run("rollback", *root)
    assert ended.code == 1
    assert "nothing to roll back" in ended.err


def test_nobody_to_ask_is_wrong_usage(run: Run, node: Node) -> None:
    before = snapshot(node.root, *OURS)
    ended = run("switch", "evented", "--apply", "--root", str(node.root))
    assert ended.code == 2
    assert "--yes is needed" in ended.err
    assert snapshot(node.root, *OURS) == before


def test_a_failure_is_said_and_undone(run: Run, node: Node) -> None:
    before = snapshot(node.root, *OURS)
    (node.root / "refuse-kubelet.service").touch()
    ended = run("switch", "evented", "--apply", "--yes", "--measure", "0", "--root", str(node.root))
    assert ended.code == 1
    assert "every file was put back as it was: `systemctl restart kubelet.service`" in ended.err
    assert snapshot(node.root, *OURS) == before


@pytest.mark.parametrize("way", ["finish", "undo"])
def test_an_interrupted_switch_is_offered(run: Run, node: Node, way: str) -> None:
    before = snapshot(node.root, *OURS)

    def work() -> None:
        apply(node.plan(), node.files, Journal.at(str(node.root)), ScriptHands(node))

    assert killed_at(70, work)
    root = ("--root", str(node.root))
    ended = run("switch", "generic", *root)
    assert ended.code == 1
    assert "`pleg-tui switch evented --apply`" in ended.err
    assert "`pleg-tui rollback`" in ended.err
    if way == "finish":
        ended = run("switch", "evented", "--apply", "--yes", *root)
        assert ended.code == 0
        assert "EventedPLEG: true" in node.read(CONFIG)
    else:
        ended = run("rollback", "--yes", *root)
        assert ended.code == 0
        assert snapshot(node.root, *OURS) == before


def test_refusals_and_no_way_to_restart(
    run: Run, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ("--root", str(node.root))
    node.distribution, node.supported = "openshift", False
    ended = run("switch", "evented", "--apply", "--yes", *root)
    assert ended.code == 1
    assert ended.err.startswith("pleg-tui: refused: on openshift a change on the node itself")
    node.distribution, node.supported = "kubeadm", True

    def gather(found: Site, *, quick: bool = False) -> Facts:
        return replace(node.facts(), machine=Machine(systemd=NO))

    monkeypatch.setattr(switch, "gather", gather)
    ended = run("switch", "evented", "--apply", "--yes", *root)
    assert ended.code == 1
    assert "--restart-command" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [("switch",), ("switch", "sideways"), ("switch", "evented", "--apply", "--dry-run"),
     ("switch", "evented", "--restart-command", " "), ("rollback", "now")],
)  # fmt: skip
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1


# -- the simulated node, with everything real but the kubelet


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = Patience(60, 60, 0.3, 60, 0.1)
    monkeypatch.setattr(switch, "SystemHands", functools.partial(SystemHands, patience=patience))
    quick = functools.partial(KubeletOptions, rhythm_s=0)
    monkeypatch.setattr(node_facts, "KubeletOptions", quick)


@pytest.fixture
def simulated() -> Iterator[SimulatedNode]:
    options = NodeOptions(layout=Layout.CRIO, runtime=Options(pods=3, churn=0))
    with SimulatedNode(options) as started:
        yield started


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("fast")
def test_the_whole_journey(run: Run, simulated: SimulatedNode) -> None:
    here = simulated
    root = Path(here.root)
    files = ("var/lib/kubelet/config.yaml", "etc")

    def bytes_now() -> dict[str, tuple[object, ...]]:
        return snapshot(root / "etc") | {
            files[0]: ((root / files[0]).read_bytes(), (root / files[0]).stat().st_mode)
        }

    look = ("--root", here.root, "--kubelet-url", here.kubelet_url, "--kubelet-token-file",
            here.token_file, "--kubelet-ca", here.ca_file)  # fmt: skip
    act = ("--yes", "--restart-command", f"{here.bin}/systemctl restart {{unit}}", *look)

    def answer() -> str:
        told = json.loads(run("check", "-o", "json", *look).out)
        assert told["simulated"] is True
        return f"{told['answer']} {told['kubelet']['mode']}"

    # The documentation's line: not ready, with its remedy; mended as that says.
    wrong = root / "etc/crio/crio.conf.d/99-events.conf"
    wrong.parent.mkdir(parents=True, exist_ok=True)
    wrong.write_text("[crio.runtime]\nenable_pod_events: true\n")
    assert answer() == "not-ready generic"
    assert run("switch", "evented", "--apply", *act).code == 1
    wrong.unlink()
    first = bytes_now()
    assert answer() == "ready generic"

    ended = run("switch", "evented", "--apply", "--measure", "1", *act)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("-- SIMULATED node\n")
    assert "verified: the kubelet is evented" in ended.out
    assert "CPU, ms per s" in ended.out
    assert answer() == "in-use evented"

    here.restart(here.runtime_unit)
    assert answer() == "degraded fallen-back"
    ended = run("switch", "evented", "--apply", "--measure", "0", *act)
    assert ended.code == 0, ended.err
    assert "restart kubelet: its configuration is right, but it is fallen-back" in ended.out
    assert answer() == "in-use evented"

    ended = run("rollback", *act)
    assert ended.code == 0, ended.err
    assert bytes_now() == first
    assert answer() == "ready generic"


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("fault", [Fault.RESTART_REFUSED, Fault.START_FAILS, Fault.UNHEALTHY])
def test_a_kubelet_that_does_not_come_up_costs_no_byte(
    run: Run, simulated: SimulatedNode, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = Patience(60, 6, 0.3, 60, 0.1)
    monkeypatch.setattr(switch, "SystemHands", functools.partial(SystemHands, patience=patience))
    here = simulated
    config = Path(here.root, "var/lib/kubelet/config.yaml")
    before = config.read_bytes(), snapshot(Path(here.root, "etc"))
    here.fault(fault)
    act = ("--yes", "--restart-command", f"{here.bin}/systemctl restart {{unit}}", "--root",
           here.root, "--kubelet-url", here.kubelet_url, "--kubelet-token-file", here.token_file,
           "--kubelet-ca", here.ca_file)  # fmt: skip
    ended = run("switch", "evented", "--apply", "--measure", "0", *act)
    assert ended.code == 1
    assert (config.read_bytes(), snapshot(Path(here.root, "etc"))) == before
    if fault is Fault.UNHEALTHY:  # before us already
        assert "nothing was changed: the kubelet's healthz" in ended.err
        return
    # The fault also holds up the old configuration: the journal says so, until it is mended.
    assert "pleg-tui rollback" in ended.err
    here.fault(fault, on=False)
    ended = run("rollback", *act)
    assert ended.code == 0, ended.err
    assert (config.read_bytes(), snapshot(Path(here.root, "etc"))) == before
