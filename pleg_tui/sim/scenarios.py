"""What goes on at the node: the pods that are there, and who does what to them when.

Every scenario starts from the same kind of population and keeps its size about the same. `churn`
scales how often something is done, not how long things take.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from pleg_tui.sim.life import PodLife, Setting
from pleg_tui.sim.workloads import (
    APPS,
    BURST,
    CRASHERS,
    JOBS,
    LEAKERS,
    SYSTEM,
    Kind,
    Workload,
    word,
)
from pleg_tui.sim.world import World

_DAY_S = 86_400.0
_KEEP_JOBS_S = 20.0
"""How long a finished job's pod stays, on a real node's time."""
_KEEP_EVICTED_S = 25.0
"""As for jobs; a real one stays until its pod is deleted."""


class Node:
    """The pods of one node and what befalls them."""

    def __init__(self, world: World, pods: int, churn: float, speed: float, log_root: str) -> None:
        self.world = world
        self.churn = churn
        self.setting = Setting(world, speed, log_root, lively=churn > 0)
        self.services: list[PodLife] = []
        """Pods that are meant to stay, in the order of their coming."""
        self.revisions: dict[str, str] = {}
        self._ordinals: dict[str, int] = {}
        self._jobs = 29_000_000
        self._wanted = pods

    # ---- population ----

    def populate(self, first: tuple[Workload, ...] = ()) -> None:
        """The pods that are there from the start, in silence."""
        world = self.world
        special = (*first, *SYSTEM, *first)
        world.quiet = True
        try:
            for number in range(self._wanted):
                workload = special[number] if number < len(special) else APPS[number % len(APPS)]
                life = self._make(workload)
                life.populate(world.random.uniform(60.0, 9 * _DAY_S))
        finally:
            world.quiet = False

    def _make(self, workload: Workload) -> PodLife:
        key = f"{workload.namespace}/{workload.name}"
        revision = self.revisions.setdefault(key, word(self.world.random, 9))
        ordinal = self._ordinals.get(key, 0)
        self._ordinals[key] = ordinal + 1
        life = PodLife(self.setting, workload, revision=revision, ordinal=ordinal)
        self.services.append(life)
        return life

    # ---- what can be done ----

    def every(self, low: float, high: float, action: Callable[[], object]) -> None:
        """Do it again and again, at random intervals that churn shortens; never with churn 0."""
        if self.churn <= 0:
            return

        def again() -> None:
            action()
            self.world.after(self.world.random.uniform(low, high) / self.churn, again)

        self.world.after(self.world.random.uniform(low, high) / self.churn, again)

    def pick(self) -> PodLife | None:
        """A service whose containers all run, by chance; None when a few tries found none."""
        for _ in range(8):
            if not self.services:
                return None
            life = self.world.random.choice(self.services)
            mains = sum(not s.init for s in life.workload.containers)
            if not life.deleting and len(life.running) == mains:
                return life
        return None

    def restart_one(self) -> None:
        """A container of some service ends and comes back."""
        life = self.pick()
        if life is None:
            self.run_job()
            return
        container = self.world.random.choice(life.running)
        code, message = self.world.random.choice(
            ((0, ""), (1, "fatal: lost lease, exiting"), (137, ""), (143, ""))
        )
        life.crash(container, code, message)

    def replace_one(self) -> None:
        """A pod of a Deployment goes and another comes."""
        life = self.pick()
        if life is None or life.workload.kind is not Kind.DEPLOYMENT:
            self.run_job()
            return
        self._replace(life)

    def _replace(self, life: PodLife) -> PodLife:
        self.services.remove(life)
        life.delete()
        successor = self._make(life.workload)
        self.world.after(self.world.random.uniform(0.1, 0.5) / self.setting.speed, successor.begin)
        return successor

    def oom_one(self) -> None:
        """The kernel kills a container of some service."""
        life = self.pick()
        limited = [c for c in life.running if c.memory_limit] if life is not None else []
        if life is None or not limited:
            self.run_job()
            return
        life.oom(self.world.random.choice(limited))

    def evict_one(self) -> None:
        """The kubelet evicts a pod of a Deployment, for want of memory on the node; another comes.

        What that looks like through the CRI: see PodLife.evict.
        """
        life = self.pick()
        if life is None or life.workload.kind is not Kind.DEPLOYMENT:
            self.run_job()
            return
        self.services.remove(life)
        life.evict(_KEEP_EVICTED_S)
        successor = self._make(life.workload)
        self.world.after(self.world.random.uniform(0.5, 2.0) / self.setting.speed, successor.begin)

    def probe_one(self) -> None:
        """An exec probe runs somewhere; nothing changes."""
        life = self.pick()
        if life is not None:
            life.probe(self.world.random.choice(life.running))

    def new_sandbox_one(self) -> None:
        """A sandbox dies and the kubelet makes another attempt of it."""
        life = self.pick()
        if life is None:
            self.run_job()
            return
        life.replace_sandbox()

    def run_job(self, workload: Workload | None = None, keep_s: float = _KEEP_JOBS_S) -> PodLife:
        """A job's pod comes, does its work, stays a while and is cleaned up."""
        rng = self.world.random
        self._jobs += 1
        chosen = workload or rng.choice(JOBS)
        life = PodLife(self.setting, chosen, revision=str(self._jobs), restart=False)
        life.begin()
        longest = max(s.seconds[1] for s in chosen.containers)
        self.world.after(longest + (2.0 + keep_s) / self.setting.speed, life.delete)
        return life

    def roll_out(self, workload: Workload, done: Callable[[], None]) -> None:
        """A new revision of a Deployment: one pod more, then one pod less, until all are new."""
        key = f"{workload.namespace}/{workload.name}"
        self.revisions[key] = word(self.world.random, 9)
        old = [s for s in self.services if s.workload is workload]

        def one() -> None:
            if not old:
                done()
                return
            fresh = self._make(workload)
            fresh.on_ready = ready
            fresh.begin()

        def ready(life: PodLife) -> None:
            life.on_ready = None
            leaving = old.pop()
            self.services.remove(leaving)
            leaving.delete()
            self.world.after(self.world.random.uniform(0.2, 0.8) / self.setting.speed, one)

        one()


def _steady(node: Node) -> None:
    node.populate()

    def change() -> None:
        rng = node.world.random
        # Each of these changes something at once, so that a second never passes without.
        action = rng.choices(
            (node.restart_one, node.replace_one, node.run_job, node.oom_one, node.new_sandbox_one),
            (35, 25, 30, 6, 4),
        )[0]
        action()
        if rng.random() < 0.3:
            node.probe_one()

    node.every(0.3, 0.85, change)


def _rollout(node: Node) -> None:
    node.populate()
    if not node.churn:
        return

    def next_one() -> None:
        kinds = {s.workload.name: s.workload for s in node.services}
        choice = [w for w in kinds.values() if w.kind is Kind.DEPLOYMENT]
        if choice:
            node.roll_out(
                node.world.random.choice(choice),
                lambda: node.world.after(0.5 / node.churn, next_one),
            )

    node.world.after(0.3, next_one)
    node.every(0.3, 0.85, node.restart_one)


def _crashloop(node: Node) -> None:
    node.populate(CRASHERS)
    node.every(0.4, 0.9, node.run_job)
    node.every(1.0, 3.0, node.probe_one)


def _oom(node: Node) -> None:
    node.populate(LEAKERS)
    node.every(0.4, 0.9, node.oom_one)


def _eviction(node: Node) -> None:
    node.populate()
    node.every(2.0, 5.0, node.evict_one)
    node.every(0.4, 0.9, node.run_job)


def _jobs(node: Node) -> None:
    node.populate()
    node.every(0.2, 0.6, node.run_job)
    node.every(1.0, 3.0, node.probe_one)


def _storm(node: Node) -> None:
    node.populate()
    # A burst pod is 13 steps or so: 30 of them a second are some 400 changes a second.
    node.every(0.02, 0.045, lambda: node.run_job(BURST, keep_s=2.0))
    node.every(0.1, 0.3, node.replace_one)
    node.every(0.05, 0.2, node.probe_one)


class Scenario(Struct, frozen=True):
    """A story, told by setting a node up."""

    name: str
    about: str
    begin: Callable[[Node], None]


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("steady", "services that restart and move now and then, a job or two", _steady),
        Scenario("rollout", "one Deployment after the other gets a new revision", _rollout),
        Scenario("crashloop", "containers that crash at start, again and again", _crashloop),
        Scenario("oom", "containers that outgrow their memory limit", _oom),
        Scenario(
            "eviction",
            "the kubelet evicts pods; the CRI tells only that they were killed",
            _eviction,
        ),
        Scenario("jobs", "short-lived pods, many of them shorter than a second", _jobs),
        Scenario("storm", "hundreds of changes a second", _storm),
    )
}


def build(
    world: World, scenario: str, *, pods: int, churn: float, speed: float, log_root: str
) -> Node:
    """A node on which that scenario is about to happen."""
    node = Node(world, pods, churn, speed, log_root)
    SCENARIOS[scenario].begin(node)
    return node
