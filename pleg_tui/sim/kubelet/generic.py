"""The generic PLEG: lists everything, finds what changed, inspects that, call for call.

Source: pkg/kubelet/pleg/generic.go and kuberuntime_manager.go's GetPodStatus. What a kubelet does
about a change (pod workers) is not simulated: the simulated pods live by themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct, field

from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.kubelet.klog import Klog
from pleg_tui.sim.kubelet.metrics import Metrics
from pleg_tui.sim.kubelet.traits import Traits
from pleg_tui.sim.kubelet.wire import CallError, RuntimeClient

UID = "io.kubernetes.pod.uid"
_NAMESPACE = "io.kubernetes.pod.namespace"
_NAME = "io.kubernetes.pod.name"

_STATES = {cri.CONTAINER_RUNNING: "running", cri.CONTAINER_EXITED: "exited"}
"""As the PLEG sees them: what is created only is unknown to it."""
_METRIC_STATES = {
    cri.CONTAINER_CREATED: "created",
    cri.CONTAINER_RUNNING: "running",
    cri.CONTAINER_EXITED: "exited",
}
_GONE = "non-existent"


class _Pod(Struct):
    """What one listing says of a pod: states by id."""

    name: str = ""
    """namespace/name."""
    sandboxes: dict[str, str] = field(default_factory=dict)
    containers: dict[str, str] = field(default_factory=dict)

    @property
    def states(self) -> dict[str, str]:
        """Of both."""
        return {**self.containers, **self.sandboxes}


class GenericPleg:
    """Relists at a period; `told` hears of each lifecycle event."""

    def __init__(
        self,
        client: RuntimeClient,
        metrics: Metrics,
        log: Klog,
        traits: Traits,
        told: Callable[[str, str, str], None],
        *,
        gate: bool,
    ) -> None:
        """Told gets (pod UID, type, container id); gate is EventedPLEG's."""
        self._client = client
        self._metrics = metrics
        self._log = log
        self._traits = traits
        self._told = told
        self._stamps_count = gate and not traits.hint_only
        self._pods: dict[str, _Pod] = {}
        self._again: set[str] = set()
        """Pods whose inspection failed: they are tried at the next relist."""
        self._began: float | None = None
        self._lock = asyncio.Lock()

    @property
    def last_relist(self) -> float | None:
        """Monotonic time at which the last one began that succeeded."""
        return self._began

    def name(self, uid: str) -> str:
        """namespace/name of a pod that was listed; empty for others."""
        return self._pods[uid].name if uid in self._pods else ""

    async def run(self, period_s: float) -> None:
        """Relist now and for ever; the period begins when a relist has ended (wait.Until)."""
        while True:
            await self.relist()
            await asyncio.sleep(period_s)

    async def relist(self) -> None:
        """One global relist."""
        async with self._lock:
            self._log.info(5, "generic.go:232", "GenericPLEG: Relisting")
            begun = time.monotonic()
            if self._began is not None:
                self._metrics.relist_interval.observe(begun - self._began)
            try:
                pods = await self._list({})
                self._began = begun
                self._count_pods(pods)
                before, self._pods = self._pods, pods
                await self._compare(before, pods)
            except CallError as error:
                self._log.error("generic.go:240", "GenericPLEG: Unable to retrieve pods", error)
            finally:
                self._metrics.relist_duration.observe(time.monotonic() - begun)

    async def relist_pod(self, uid: str) -> None:
        """One pod's relist on demand (1.36 and later)."""
        async with self._lock:
            begun = time.monotonic()
            try:
                pods = await self._list({UID: uid})
            except CallError as error:
                self._log.error("generic.go:306", "GenericPLEG: Unable to retrieve pods", error)
                return
            before = {uid: self._pods[uid]} if uid in self._pods else {}
            if uid in pods:
                self._pods[uid] = pods[uid]
            else:
                self._pods.pop(uid, None)
            await self._compare(before, pods)
            self._metrics.pod_relist_duration.observe(time.monotonic() - begun)

    async def _list(self, label: dict[str, str]) -> dict[str, _Pod]:
        """Both listings, of everything or of one label.

        Raises:
            CallError: one of them failed.
        """
        # 1.36 sends an empty filter, those before none at all.
        filter_ = cri.PodSandboxFilter(label_selector=label)
        request = cri.ListPodSandboxRequest(
            filter=filter_ if label or self._traits.minor >= 36 else None
        )
        sandboxes = await self._client.call(
            methods.LIST_POD_SANDBOX, request, cri.ListPodSandboxResponse
        )
        containers = await self._client.call(
            methods.LIST_CONTAINERS,
            cri.ListContainersRequest(filter=cri.ContainerFilter(label_selector=label)),
            cri.ListContainersResponse,
        )
        pods: dict[str, _Pod] = {}
        for sandbox in sandboxes.items:
            told = sandbox.metadata
            pod = pods.setdefault(told.uid, _Pod(f"{told.namespace}/{told.name}"))
            ready = sandbox.state == cri.SANDBOX_READY
            pod.sandboxes[sandbox.id] = "running" if ready else "exited"
        if not label:
            self._count_containers(containers)
        for container in containers.containers:
            labels = container.labels
            name = f"{labels.get(_NAMESPACE, '')}/{labels.get(_NAME, '')}"
            pod = pods.setdefault(labels.get(UID, ""), _Pod(name))
            pod.containers[container.id] = _STATES.get(container.state, "unknown")
        return pods

    async def _compare(self, before: dict[str, _Pod], now: dict[str, _Pod]) -> None:
        """Tell of every difference, and inspect each pod that has one, one after the other."""
        for uid in dict.fromkeys((*before, *now)):
            old, new = before.get(uid, _Pod()), now.get(uid, _Pod())
            events = list(self._differences(uid, old.states, new.states))
            if not events and uid not in self._again:
                continue
            self._again.discard(uid)
            try:
                await self._inspect(uid, new)
            except CallError as error:
                self._log.error(
                    "generic.go:289", "PLEG: Ignoring events for pod", error, pod=new.name
                )
                self._again.add(uid)
                continue
            for kind, object_id in events:
                self._told(uid, kind, object_id)

    def _differences(
        self, uid: str, old: dict[str, str], new: dict[str, str]
    ) -> Iterator[tuple[str, str]]:
        """(type, id) of each lifecycle event, generic.go's generateEvents."""
        for object_id in dict.fromkeys((*old, *new)):
            was, is_ = old.get(object_id, _GONE), new.get(object_id, _GONE)
            if was == is_:
                continue
            self._log.info(
                4,
                "generic.go:257",
                "GenericPLEG",
                podUID=uid,
                containerID=object_id,
                oldState=was,
                newState=is_,
            )
            for kind in _events(was, is_):
                yield kind, object_id

    async def _inspect(self, uid: str, pod: _Pod) -> None:
        """What GetPodStatus asks; nothing for a pod that is gone.

        Raises:
            CallError: a call failed for another reason than that the object is gone.
        """
        if not pod.sandboxes and not pod.containers:
            self._log.info(4, "generic.go:523", "PLEG: Delete status for pod", podUID=uid)
            return
        label = {UID: uid}
        sandboxes, containers = list(pod.sandboxes), list(pod.containers)
        if self._traits.lists_pod_again:
            filter_ = cri.PodSandboxFilter(label_selector=label)
            listed = await self._client.call(
                methods.LIST_POD_SANDBOX,
                cri.ListPodSandboxRequest(filter=filter_),
                cri.ListPodSandboxResponse,
            )
            sandboxes = [item.id for item in listed.items]
        stamped = False
        for sandbox in sandboxes:
            status = await self._sandbox_status(sandbox)
            stamped = stamped or bool(status is not None and status.timestamp)
        if self._stamps_count and stamped:
            return  # the statuses of the containers came with it
        if self._stamps_count:
            self._log.info(
                4,
                "kuberuntime_manager.go:1660",
                "Runtime does not set pod status timestamp",
                pod=pod.name,
            )
        if self._traits.lists_pod_again:
            again = await self._client.call(
                methods.LIST_CONTAINERS,
                cri.ListContainersRequest(filter=cri.ContainerFilter(label_selector=label)),
                cri.ListContainersResponse,
            )
            containers = [container.id for container in again.containers]
        for container in containers:
            await self._container_status(container)
        self._log.info(4, "generic.go:543", "PLEG: Write status", pod=pod.name)

    async def _sandbox_status(self, sandbox: str) -> cri.PodSandboxStatusResponse | None:
        try:
            return await self._client.call(
                methods.POD_SANDBOX_STATUS,
                cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox),
                cri.PodSandboxStatusResponse,
            )
        except CallError as error:
            if error.code != "NotFound":
                raise
            return None

    async def _container_status(self, container: str) -> None:
        try:
            await self._client.call(
                methods.CONTAINER_STATUS,
                cri.ContainerStatusRequest(container_id=container),
                cri.ContainerStatusResponse,
            )
        except CallError as error:
            if error.code != "NotFound":
                raise

    def _count_pods(self, pods: dict[str, _Pod]) -> None:
        running = sum("running" in pod.sandboxes.values() for pod in pods.values())
        self._metrics.running_pods = running

    def _count_containers(self, listed: cri.ListContainersResponse) -> None:
        states = Counter(_METRIC_STATES.get(c.state, "unknown") for c in listed.containers)
        self._metrics.running_containers = {
            f'container_state="{state}"': count for state, count in states.items()
        }


def _events(was: str, is_: str) -> tuple[str, ...]:
    if is_ == "running":
        return ("ContainerStarted",)
    if is_ == "exited":
        return ("ContainerDied",)
    if is_ == _GONE:
        return ("ContainerRemoved",) if was == "exited" else ("ContainerDied", "ContainerRemoved")
    return ()  # ContainerChanged, which is not passed on
