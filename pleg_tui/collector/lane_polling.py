"""The polling lane: the kubelet's generic relist, call for call (pkg/kubelet/pleg/generic.go).

ListPodSandbox and ListContainers, all states; then, for each pod in which something changed and one
after the other, the status of every sandbox and container. Kubelets until 1.35 list each such pod
once more by its UID first; 1.36 no longer does (kubernetes#137471).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from pleg_tui.collector.lane_calls import EMPTY_SANDBOXES, LIST_ALL, NIL_SANDBOXES, TIMEOUT_S
from pleg_tui.collector.lane_record import (
    CREATED,
    EXITED,
    REMOVED,
    RUNNING,
    Record,
    container_name,
    sandbox_name,
)
from pleg_tui.collector.lookups import container_request, sandbox_request
from pleg_tui.collector.runtime import CallFailed, Runtime
from pleg_tui.cri import decode, methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.wire import WireError
from pleg_tui.model import Container, Sandbox
from pleg_tui.pleg.relist import PlegState, PodRecords, pod_records, relist

_WORDS = {
    PlegState.UNKNOWN: CREATED,
    PlegState.RUNNING: RUNNING,
    PlegState.EXITED: EXITED,
    PlegState.NON_EXISTENT: REMOVED,
}

Statuses = tuple[list[Sandbox], list[Container]]


class Polling:
    """The relist and what it remembers: the kubelet's records and its cache of statuses."""

    def __init__(self, record: Record, *, period_s: float, second_listing: bool) -> None:
        self.record = record
        self.pods = 0
        self.containers = 0
        self.phase = 0.0
        """The part of a period that passes between a block's first relist and its second."""
        self._period_s = period_s
        self._second_listing = second_listing
        # ListPodSandbox carries no filter until 1.35 and an empty one from 1.36 on.
        self._list_sandboxes = NIL_SANDBOXES if second_listing else EMPTY_SANDBOXES
        self._records: PodRecords = {}
        self._cache: dict[str, Statuses] = {}
        self._names: dict[str, str] = {}

    async def prime(self, runtime: Runtime) -> None:
        """Know what is there, as a kubelet does that has run for a while.

        Raises:
            CallFailed: it cannot be listed.
        """
        sandboxes, containers = await self._list(runtime)
        self._records = pod_records(sandboxes, containers)
        self._names = {c.id: container_name(c) for c in containers}
        self._names |= {s.id: sandbox_name(s) for s in sandboxes}

    async def run(
        self,
        runtime: Runtime,
        ready: Callable[[], None],
        deadline_s: float,  # noqa: ARG002 - as the evented clients are called
    ) -> None:
        """Relist, rest for the period, and again (wait.Until), until cancelled.

        Where in its period the measured part of a block begins is left to chance, by the phase: a
        first relist at its very start would put as many into every block as the period allows, or
        as few, and the mean of the blocks would be too high or too low.

        Args:
            runtime: a connection.
            ready: called once the first relist is done.
            deadline_s: for streams; polling has none.

        Raises:
            CallFailed: one of the two listings.
        """
        await self.relist(runtime, baseline=True)
        ready()
        if self.phase:
            await asyncio.sleep(self.phase * self._period_s)
            await self.relist(runtime)
            self.record.steady = time.time_ns()
        while True:
            await asyncio.sleep(self._period_s)
            await self.relist(runtime)

    async def relist(self, runtime: Runtime, *, baseline: bool = False) -> None:
        """One relist.

        Args:
            runtime: a connection.
            baseline: the first after a pause: of what happened meanwhile only that is noted which
                the runtime itself has stamped.

        Raises:
            CallFailed: one of the two listings.
        """
        sandboxes, containers = await self._list(runtime)
        current = pod_records(sandboxes, containers)
        before = self._records
        done = relist(before, current)
        failed: set[str] = set()
        by_pod = _by_pod(sandboxes, containers) if done.inspect else {}
        for uid in done.inspect:
            listed = by_pod.get(uid, ([], []))
            try:
                # Of a pod that is gone the kubelet only forgets what it knew.
                gone = uid not in by_pod
                statuses = ([], []) if gone else await self._inspect(runtime, uid, listed)
            except (CallFailed, WireError):
                failed.add(uid)
                continue
            if gone:
                self._cache.pop(uid, None)
            else:
                self._cache[uid] = statuses
            self._note(before.get(uid, {}), current.get(uid, {}), statuses, listed, baseline)
        if failed:
            done = relist(before, current, failed=failed)
        self._records = done.records
        if done.events:
            self.record.did(events=len(done.events))

    async def _list(self, runtime: Runtime) -> Statuses:
        first = await runtime.call(methods.LIST_POD_SANDBOX, self._list_sandboxes, TIMEOUT_S)
        second = await runtime.call(methods.LIST_CONTAINERS, LIST_ALL, TIMEOUT_S)
        sandboxes, containers = decode.listing(first, second)
        self.pods, self.containers = len(sandboxes), len(containers)
        return sandboxes, containers

    async def _inspect(self, runtime: Runtime, uid: str, listed: Statuses) -> Statuses:
        """The status of one pod (kubelet: updateCache, GetPodStatus)."""
        sandboxes: Iterable[Sandbox] = listed[0]
        containers: Iterable[Container] = listed[1]
        if self._second_listing:
            request = cri.ListPodSandboxRequest(
                filter=cri.PodSandboxFilter(label_selector={decode.POD_UID: uid})
            )
            first = await runtime.call(
                methods.LIST_POD_SANDBOX, request.SerializeToString(), TIMEOUT_S
            )
            sandboxes, _ = decode.listing(first, b"")
        told = [s for item in sandboxes if (s := await self._sandbox(runtime, item.id)) is not None]
        if self._second_listing:
            wanted = cri.ListContainersRequest(
                filter=cri.ContainerFilter(label_selector={decode.POD_UID: uid})
            )
            second = await runtime.call(
                methods.LIST_CONTAINERS, wanted.SerializeToString(), TIMEOUT_S
            )
            _, containers = decode.listing(b"", second)
        return told, [
            c for item in containers if (c := await self._container(runtime, item.id)) is not None
        ]

    async def _sandbox(self, runtime: Runtime, object_id: str) -> Sandbox | None:
        try:
            answer = await runtime.call(*sandbox_request(object_id), timeout_s=TIMEOUT_S)
        except CallFailed as error:
            if error.code == "NOT_FOUND":  # it went since it was listed; the kubelet goes on, too
                return None
            raise
        return decode.sandbox_status(answer)

    async def _container(self, runtime: Runtime, object_id: str) -> Container | None:
        try:
            answer = await runtime.call(*container_request(object_id), timeout_s=TIMEOUT_S)
        except CallFailed as error:
            if error.code == "NOT_FOUND":
                return None
            raise
        return decode.container_status(answer)

    def _note(
        self,
        before: Mapping[str, PlegState],
        now: Mapping[str, PlegState],
        statuses: Statuses,
        listed: Statuses,
        baseline: bool,
    ) -> None:
        """Note what of one pod has changed, as of now."""
        seen_at = time.time_ns()
        for container in listed[1]:
            self._names[container.id] = container_name(container)
        for sandbox in listed[0]:
            self._names[sandbox.id] = sandbox_name(sandbox)
        # A status that could not be had any more leaves what the listing said.
        told = {c.id: c for c in (*listed[1], *statuses[1])}
        for object_id in before.keys() | now.keys():
            state = now.get(object_id, PlegState.NON_EXISTENT)
            if state is before.get(object_id, PlegState.NON_EXISTENT):
                continue
            name = self._names.get(object_id, "")
            if state is PlegState.NON_EXISTENT:
                self._names.pop(object_id, None)
                if not baseline:
                    self.record.saw(object_id, REMOVED, None, seen_at, name)
            elif object_id in told:
                # What the listing showed is what a relist tells of; the status has its time.
                at = _time_of(told[object_id], state)
                self.record.saw(object_id, _WORDS[state], at, seen_at, name)
            elif not baseline and state is not PlegState.UNKNOWN:
                # The CRI does not stamp when a sandbox became ready or ceased to be.
                self.record.saw(object_id, _WORDS[state], None, seen_at, name)


def _time_of(container: Container, state: PlegState) -> int:
    """When a container came to be in this state, ns; 0 where its status does not say."""
    match state:
        case PlegState.RUNNING:
            return container.started_at
        case PlegState.EXITED:
            return container.finished_at
        case _:
            return container.created_at


def _by_pod(sandboxes: Iterable[Sandbox], containers: Iterable[Container]) -> dict[str, Statuses]:
    pods: dict[str, Statuses] = {}
    for sandbox in sandboxes:
        pods.setdefault(sandbox.uid, ([], []))[0].append(sandbox)
    for container in containers:
        pods.setdefault(container.pod_uid, ([], []))[1].append(container)
    return pods
