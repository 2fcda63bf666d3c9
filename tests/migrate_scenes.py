"""Nodes for the Migrate and Node screens: what was seen of them, and a switch that is played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from pleg_tui.migrate.facts import Facts, Machine, PodsSeen, RuntimeSeen
from pleg_tui.migrate.journal import Record
from pleg_tui.migrate.machine import with_writable
from pleg_tui.migrate.worker import Job
from pleg_tui.node.kubelet.types import (
    Fact,
    Figure,
    Gate,
    KubeletFacts,
    Look,
    Mode,
    PlegFigures,
)
from pleg_tui.node.runtime_config import Setting
from pleg_tui.node.vitals import Machine as NodeMachine
from pleg_tui.node.vitals import Reading, Vitals
from pleg_tui.ui.drift import Drift, Eyes
from pleg_tui.ui.migrating import Migrating, Seen, judged
from pleg_tui.ui.site import Site
from tests.migrate.nodes import KUBEADM_YAML, PODS, kubeadm
from tests.ui.fakes import T0, S

AT = T0 / S
PLACE = "/node"


def _never(*_: Any) -> Any:
    raise AssertionError("nothing is to be read in this test")


NO_EYES = Eyes(_never, _never, _never)


class StillDrift(Drift):
    """One that never looks by itself: a test tells it what was seen."""

    again: KubeletFacts | None = None

    def start(self) -> None:
        """No thread."""

    async def full_look(self, *, rhythm: bool = False, node: bool = True) -> KubeletFacts | None:
        """What a test says, at once."""
        del rhythm, node
        return self.again


def drift(root: Path | str = "/", **more: Any) -> StillDrift:
    """A drift watch of a node under this root."""
    site = Site(str(root), name="worker-1", simulated=True, **more)
    return StillDrift(site, lambda: ("", ""), lambda: None, NO_EYES, lambda: AT)


def node_facts(root: Path, **more: Any) -> Facts:
    """A kubeadm node under a folder, whose files are really there."""
    pods = more.pop("pods", PODS)
    runtime = more.pop("runtime", None)
    machine = more.pop("machine", None)
    unfinished = more.pop("unfinished", None)
    node = kubeadm(root, KUBEADM_YAML, pods=pods, **more)
    if runtime is not None:
        node.runtime = runtime
    facts = node.facts()
    seen = machine or Machine(
        Setting(True, "systemd runs"), Setting(True, "/sys/fs/cgroup is writable")
    )
    facts = replace(facts, machine=seen, unfinished=unfinished)
    return with_writable(facts, node.files)


def without_root(facts: Facts, root: Path) -> Facts:
    """The same facts with the folder's own name taken out, which differs from run to run."""
    writable = {path: Setting(one.on, one.source.replace(str(root), "")) for path, one in
                facts.machine.writable.items()}  # fmt: skip
    return replace(facts, machine=replace(facts.machine, writable=writable))


class FakeWorker(Struct):
    """Carries nothing out; a test tells what it says."""

    job: Job
    hear: Callable[[Mapping[str, Any]], None]
    pid: int | None = 4242
    ended: bool = False

    def end(self, wait_s: float) -> None:
        del wait_s
        self.ended = True

    def say(self, kind: str, at: float, **more: Any) -> None:
        self.hear({"kind": kind, "at": AT + at, **more})

    def steps(self, *texts: str, begin: float = 0.0, each: float = 2.0) -> None:
        for index, text in enumerate(texts):
            self.say("step", begin + index * each, text=text)


class Lab(Struct):
    """A Migrate screen's own work with a worker that is played."""

    migrating: Migrating
    workers: list[FakeWorker] = field(default_factory=list)

    @property
    def last(self) -> FakeWorker:
        return self.workers[-1]


def lab(facts: Facts, root: Path, **seen: Any) -> Lab:
    """Everything behind the screen, as after a look at this node."""
    watch = drift(root)
    watch.again = None
    workers: list[FakeWorker] = []

    def work(job: Job, hear: Callable[[Mapping[str, Any]], None]) -> Any:
        workers.append(FakeWorker(job, hear))
        return workers[-1]

    migrating = Still(watch, lambda: (None, None), lambda: None, work=work, now=lambda: AT)
    migrating.seen = judged(without_root(facts, root), AT, **seen)
    watch.take_facts(facts.kubelet)
    return Lab(migrating, workers)


class Still(Migrating):
    """Its looks find what was found before."""

    looks = 0

    async def look(self, *, rhythm: bool = False) -> None:
        del rhythm
        self.looks += 1
        await asyncio.sleep(0)


NO_RUNTIME = RuntimeSeen(why="nothing answered on /run/containerd/containerd.sock")
STATIC = PodsSeen(12, ("kube-system/etcd-worker-1",), (), "the live listing")
FIGURES_FROM = "https://127.0.0.1:10250/metrics"


def kubelet(mode: Mode = Mode.GENERIC, **more: Any) -> KubeletFacts:
    """A kubelet as a look found it."""
    given: dict[str, Any] = {
        "pid": 4711,
        "why": "",
        "version": Fact("1.36.2", "its metrics"),
        "started_at": AT - 86_400,
        "evented_gate": Gate(
            mode is not Mode.GENERIC, "featureGates in /var/lib/kubelet/config.yaml"
        ),
        "runtime_endpoint": Fact("unix:///run/containerd/containerd.sock", "its configuration"),
        "mode": mode,
        "mode_why": "66 relists in 66 s",
        **more,
    }
    return KubeletFacts(**given)


def figures(evented: bool = False) -> PlegFigures:
    """The kubelet's own figures."""

    def one(value: float) -> Figure:
        return Figure(value, f"{FIGURES_FROM}, since the kubelet's start")

    return PlegFigures(
        AT,
        one(86_012),
        Figure(0.0 if evented else 0.98, f"{FIGURES_FROM}, over 20 s"),
        Figure(300.0 if evented else 1.02, f"{FIGURES_FROM}, over 20 s"),
        one(0.0247),
        one(4210 if evented else 0),
        one(3),
        one(0),
        one(12.0),
    )


def look(mode: Mode = Mode.GENERIC, **more: Any) -> Look:
    """A cheap look."""
    told = more.pop("figures", figures(mode is Mode.EVENTED))
    return Look(AT, 4711, mode, "66 relists in 66 s", told, **more)


def vitals(minutes: float = 15, until: float = 1000.0) -> list[Vitals]:
    """A reading every five seconds, with a bump in the middle."""
    found = []
    count = int(minutes * 12)
    for index in range(count + 1):
        at = until - (count - index) * 5
        bump = 30.0 if count / 3 < index < count / 2 else 0.0
        parts = (
            Reading(12.5 + bump + index % 5, (90 + index % 7) << 20, 24, 1),
            Reading(8.25 + index % 3, 61 << 20, 31 + (index > count / 2), 1),
            Reading(2.5, 240 << 20, 180, 15),
        )
        machine = NodeMachine(
            8, (0.42, 0.51, 0.6), 16 << 30, 9 << 30, (("cpu", 0.4), ("memory", 0.0), ("io", 1.2))
        )
        found.append(
            Vitals(
                at, parts, machine, who=("process 4711", "containerd, process 812", "15 of them")
            )
        )
    return found


__all__ = [
    "AT",
    "NO_RUNTIME",
    "PLACE",
    "STATIC",
    "FakeWorker",
    "Lab",
    "Record",
    "Seen",
    "drift",
    "figures",
    "kubelet",
    "lab",
    "look",
    "node_facts",
    "vitals",
]  # fmt: skip
