"""How pods live: what a kubelet has the runtime do, step by step, with its delays and back-off.

Delays are those of a real node divided by `speed`. One `PodLife` is one pod; it lives on the
world's queue of due actions and holds no clock and no task.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from pleg_tui.sim import objects as o
from pleg_tui.sim.workloads import Behaviour, Kind, Spec, Workload, image, pod_name, word
from pleg_tui.sim.world import SECOND, ConflictError, World

BACKOFF_S = 10.0
"""The kubelet's first back-off; it doubles with each crash."""
BACKOFF_MAX_S = 300.0
_CRASHES = (
    (1, "panic: dial tcp 10.96.0.10:5432: connect: connection refused"),
    (2, "error: unknown flag: --enable-fast-path"),
    (1, ""),
    (139, ""),
)


class Setting(Struct):
    """What every pod of one node shares."""

    world: World
    speed: float
    log_root: str
    """Where the kubelet's pod log folders are."""
    lively: bool = True
    """False: containers that are there from the start never end by themselves."""


class PodLife:
    """One pod, from its sandbox to its removal."""

    __slots__ = (
        "_attempts",
        "_backoff",
        "_setting",
        "_waiting",
        "deleting",
        "labels",
        "name",
        "on_gone",
        "on_ready",
        "restart",
        "sandbox",
        "uid",
        "workload",
    )

    def __init__(
        self,
        setting: Setting,
        workload: Workload,
        *,
        revision: str = "",
        ordinal: int = 0,
        restart: bool = True,
    ) -> None:
        """restart: the pod's restartPolicy is Always, else Never."""
        rng = setting.world.random
        self._setting = setting
        self.workload = workload
        self.name = pod_name(workload, rng, revision or word(rng, 9), ordinal)
        self.uid = setting.world.new_uid()
        self.restart = restart
        self.deleting = False
        self.sandbox: o.Sandbox | None = None
        self.on_ready: Callable[[PodLife], None] | None = None
        """Told once, when every container runs."""
        self.on_gone: Callable[[PodLife], None] | None = None
        self._attempts: dict[str, int] = {}
        """The next attempt of each name; a new sandbox goes on counting, as the kubelet does."""
        self._waiting: set[str] = set()
        """Names of containers whose restart is planned."""
        self._backoff: dict[str, float] = {}
        self.labels = {
            "app.kubernetes.io/name": workload.name,
            **workload.labels,
        }
        if workload.kind is Kind.DEPLOYMENT and revision:
            self.labels["pod-template-hash"] = revision

    # ---- beginnings ----

    def begin(self) -> None:
        """The kubelet starts the pod now: its sandbox, then one container after another."""
        self._run_sandbox(0)
        self._later(0.15, 0.4, lambda: self._start(0))

    def populate(self, age_s: float) -> None:
        """The pod has been running for that long: all at once, without steps between."""
        world = self._setting.world
        born = world.base_ns - int(age_s * SECOND)
        sandbox = self._run_sandbox(0, at=born)
        at = born
        for spec in self.workload.containers:
            at += world.random.randrange(200, 900) * 1_000_000
            container = self._create(spec, sandbox, at=at)
            world.start_container(container, at=at + 40_000_000)
            if spec.init:
                at += int(world.random.uniform(*spec.seconds) * SECOND)
                world.exit_container(container, 0, at=at)
            elif self._setting.lively:
                self._live(spec, container)

    # ---- what may happen to it ----

    @property
    def running(self) -> list[o.Container]:
        """Its containers that run now."""
        if self.sandbox is None:
            return []
        return [c for c in self.sandbox.containers.values() if c.state is o.State.RUNNING]

    def crash(self, container: o.Container, code: int, message: str = "") -> None:
        """A container ends now; the kubelet will restart it."""
        self._exited(self._spec(container.name), container, code, message=message)

    def oom(self, container: o.Container) -> None:
        """The kernel kills a container now."""
        self._exited(self._spec(container.name), container, 137, oom=True)

    def probe(self, container: o.Container) -> None:
        """An exec probe runs in a container."""
        if container.state is o.State.RUNNING:
            self._setting.world.exec(container)

    def replace_sandbox(self) -> None:
        """The sandbox died: the kubelet makes another attempt with everything in it anew."""
        old, world = self.sandbox, self._setting.world
        if old is None or self.deleting or not old.ready:
            return
        world.stop_sandbox(old)

        def again() -> None:
            if self.deleting:
                return
            self._run_sandbox(old.attempt + 1)
            world.remove_sandbox(old)
            self._later(0.15, 0.4, lambda: self._start(0))

        self._later(0.3, 1.0, again)

    def delete(self) -> None:
        """The pod is deleted: containers end now, everything goes in the kubelet's order."""
        if self.deleting:
            return
        self.deleting = True
        world = self._setting.world
        # SIGTERM: some end well, some by the signal, some only when they are killed.
        code = world.random.choices((0, 143, 137), (6, 3, 1))[0]
        for container in self.running:
            world.exit_container(container, code)
        self._later(0.1, 0.4, self._delete_sandbox)

    def evict(self, keep_s: float) -> None:
        """The kubelet evicts the pod: it is killed without grace, and stays a while as it ended.

        As the runtime tells it: exit 137 for the reason "Error" and a sandbox that is stopped. The
        word "Evicted" goes to the API server alone (pkg/kubelet/eviction), so it is not here.
        """
        if self.deleting:
            return
        self.deleting = True
        for container in self.running:
            self._setting.world.exit_container(container, 137)
        self._later(0.1, 0.3, self._stop_evicted)
        self._later(keep_s, keep_s * 1.2, self._clean_up)

    def _stop_evicted(self) -> None:
        if self.sandbox is not None:
            self._setting.world.stop_sandbox(self.sandbox)

    # ---- the kubelet's steps ----

    def _delete_sandbox(self) -> None:
        if self.sandbox is not None:
            # A container may have been started between.
            self._setting.world.stop_sandbox(self.sandbox)
        self._later(0.2, 1.0, self._clean_up)

    def _clean_up(self) -> None:
        world, sandbox = self._setting.world, self.sandbox
        if sandbox is not None:
            for container in list(sandbox.containers.values()):
                world.remove_container(container)
            world.remove_sandbox(sandbox)
        self.sandbox = None
        if self.on_gone is not None:
            self.on_gone(self)

    def _run_sandbox(self, attempt: int, at: int = 0) -> o.Sandbox:
        labels = {
            **self.labels,
            o.POD_NAME: self.name,
            o.POD_NAMESPACE: self.workload.namespace,
            o.POD_UID: self.uid,
        }
        folder = f"{self.workload.namespace}_{self.name}_{self.uid}"
        self.sandbox = self._setting.world.run_sandbox(
            name=self.name,
            namespace=self.workload.namespace,
            uid=self.uid,
            attempt=attempt,
            labels=labels,
            annotations={"kubernetes.io/config.source": "api"},
            host_network=self.workload.host_network,
            log_directory=f"{self._setting.log_root}/{folder}",
            at=at,
        )
        return self.sandbox

    def _start(self, index: int) -> None:
        """Create and start the container at that place of the spec, then go on to the next."""
        sandbox, specs = self.sandbox, self.workload.containers
        if self.deleting or sandbox is None or not sandbox.ready:
            return
        if index == len(specs):
            if self.on_ready is not None:
                self.on_ready(self)
            return
        spec = specs[index]
        container = self._create(spec, sandbox)

        def started() -> None:
            if not self._run(spec, container):
                return
            if not spec.init:
                self._later(0.05, 0.2, lambda: self._start(index + 1))
                return

            def done() -> None:
                self._setting.world.exit_container(container, 0)
                self._later(0.05, 0.3, lambda: self._start(index + 1))

            self._later(*spec.seconds, done)

        self._later(0.03, 0.1, started)

    def _create(self, spec: Spec, sandbox: o.Sandbox, at: int = 0) -> o.Container:
        attempt = self._attempts.get(spec.name, 0)
        self._attempts[spec.name] = attempt + 1
        own = image(spec.image)
        pod_dir = f"/var/lib/kubelet/pods/{self.uid}"
        return self._setting.world.create_container(
            sandbox,
            name=spec.name,
            attempt=attempt,
            image_id=own.id,
            image_name=own.tag,
            image_ref=own.repo_digest,
            labels={
                o.CONTAINER_NAME: spec.name,
                o.POD_NAME: self.name,
                o.POD_NAMESPACE: self.workload.namespace,
                o.POD_UID: self.uid,
            },
            annotations={
                o.CONTAINER_HASH: own.digest[:8],
                o.RESTART_COUNT: str(attempt),
                o.TERMINATION_PATH: "/dev/termination-log",
                o.TERMINATION_POLICY: "File",
                o.GRACE_PERIOD: "30",
            },
            log_path=f"{sandbox.log_directory}/{spec.name}/{attempt}.log",
            memory_limit=spec.memory,
            cpu_millis=spec.cpu,
            mounts=(
                o.MountPoint("/etc/hosts", f"{pod_dir}/etc-hosts"),
                o.MountPoint(
                    "/dev/termination-log", f"{pod_dir}/containers/{spec.name}/{own.digest[:8]}"
                ),
                o.MountPoint(
                    "/var/run/secrets/kubernetes.io/serviceaccount",
                    f"{pod_dir}/volumes/kubernetes.io~projected/kube-api-access-{self.uid[:5]}",
                    True,
                ),
            ),
            at=at,
        )

    def _run(self, spec: Spec, container: o.Container) -> bool:
        world = self._setting.world
        if self.deleting or container.id not in world.containers:
            return False
        try:
            world.start_container(container)
        except ConflictError:
            return False
        if not spec.init:
            self._live(spec, container)
        return True

    def _live(self, spec: Spec, container: o.Container) -> None:
        """Plan how it ends, if it ends by itself."""
        rng = self._setting.world.random
        if spec.behaviour is Behaviour.FINISH:
            code = 0 if rng.random() < 0.9 else 1
            # What a job computes takes as long as it takes: not the kubelet's wait.
            self._setting.world.after(
                rng.uniform(*spec.seconds), lambda: self._exited(spec, container, code)
            )
        elif spec.behaviour is Behaviour.CRASH:
            code, message = rng.choice(_CRASHES)
            self._later(*spec.seconds, lambda: self._exited(spec, container, code, message=message))
        elif spec.behaviour is Behaviour.LEAK:
            self._later(*spec.seconds, lambda: self._exited(spec, container, 137, oom=True))

    def _exited(
        self,
        spec: Spec,
        container: o.Container,
        code: int,
        *,
        oom: bool = False,
        message: str = "",
    ) -> None:
        world = self._setting.world
        if container.state is not o.State.RUNNING or container.id not in world.containers:
            return
        world.exit_container(container, code, oom=oom, message=message)
        if self.deleting:
            return
        if self.restart:
            self._plan_restart(spec, container)
        elif not any(c.state is not o.State.EXITED for c in container.sandbox.containers.values()):
            # A finished job: its sandbox goes soon, its containers stay until it is cleaned up.
            self._later(0.2, 0.6, lambda: world.stop_sandbox(container.sandbox))

    def _plan_restart(self, spec: Spec, old: o.Container) -> None:
        if spec.name in self._waiting:
            return
        self._waiting.add(spec.name)
        lived_s = (old.finished_at - old.started_at) / SECOND * self._setting.speed
        wait = self._backoff.get(spec.name, 0.0)
        if lived_s > 2 * BACKOFF_MAX_S:
            wait = 0.0  # the kubelet forgets after twice the longest back-off
        self._backoff[spec.name] = min(BACKOFF_MAX_S, wait * 2 if wait else BACKOFF_S)
        self._later(wait + 0.2, wait + 0.8, lambda: self._restart(spec, old))

    def _restart(self, spec: Spec, old: o.Container) -> None:
        self._waiting.discard(spec.name)
        sandbox, world = old.sandbox, self._setting.world
        if self.deleting or sandbox is not self.sandbox or not sandbox.ready:
            return
        # The kubelet keeps one dead container of each name.
        for dead in [c for c in sandbox.containers.values() if c.name == spec.name]:
            if dead.state is o.State.EXITED and dead is not old:
                world.remove_container(dead)
        container = self._create(spec, sandbox)
        self._later(0.03, 0.1, lambda: self._run(spec, container))

    def _spec(self, name: str) -> Spec:
        return next(s for s in self.workload.containers if s.name == name)

    def _later(self, low: float, high: float, action: Callable[[], object]) -> None:
        world = self._setting.world
        world.after(world.random.uniform(low, high) / self._setting.speed, action)
