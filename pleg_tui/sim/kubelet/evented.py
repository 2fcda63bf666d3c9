"""The evented PLEG: the stream of the runtime's events, five attempts, and the fall-back.

Sources: pkg/kubelet/pleg/evented.go of 1.26 to 1.36 (five attempts, no wait between them, a counter
that is never reset, then polling until the kubelet restarts), and its narrower design for 1.37 (a
termination asks for one pod's relist; after five attempts that ends).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.kubelet.klog import Klog
from pleg_tui.sim.kubelet.metrics import Metrics
from pleg_tui.sim.kubelet.traits import MAX_STREAM_RETRIES, Traits
from pleg_tui.sim.kubelet.wire import CallError, NoStreamError, RuntimeClient

_TYPES = {
    cri.CONTAINER_CREATED_EVENT: ("evented.go:288", "Created"),
    cri.CONTAINER_STARTED_EVENT: ("evented.go:291", "Started"),
    cri.CONTAINER_STOPPED_EVENT: ("evented.go:281", "Stopped"),
    cri.CONTAINER_DELETED_EVENT: ("evented.go:297", "Deleted"),
}


class EventedPleg:
    """Reads events until its attempts are used up."""

    def __init__(
        self,
        client: RuntimeClient,
        metrics: Metrics,
        log: Klog,
        traits: Traits,
        *,
        told: Callable[[str, str, str], None],
        relist: Callable[[], Awaitable[None]],
        request_relist: Callable[[str], None],
    ) -> None:
        """Told gets (pod UID, type, container id); the last two relist all, and one pod."""
        self._client = client
        self._metrics = metrics
        self._log = log
        self._traits = traits
        self._told = told
        self._relist = relist
        self._request_relist = request_relist

    async def run(self) -> None:
        """Until five attempts have ended, however long ago the first did."""
        for _ in range(MAX_STREAM_RETRIES):
            error = await self._attempt()
            self._metrics.stream_errors += 1
            if self._traits.hint_only:
                self._log.info(
                    4,
                    "evented.go:118",
                    "Evented PLEG: failed to get container events, retrying",
                    err=str(error),
                )
                continue
            await self._relist()
            self._log.info(
                4,
                "evented.go:156",
                "Evented PLEG: Failed to get container events, retrying: ",
                err=str(error),
            )
        if self._traits.hint_only:
            self._log.error(
                "evented.go:109",
                "Evented PLEG: disabling container-termination fast path after exhausting event "
                "stream retries",
                "<nil>",
                retries=MAX_STREAM_RETRIES,
            )
        else:
            self._log.info(
                4,
                "evented.go:141",
                "Fall back to Generic PLEG relisting since Evented PLEG is not working",
            )

    async def _attempt(self) -> CallError:
        """One stream, read to its end."""
        try:
            async for event in self._client.events():
                self._log.info(
                    4, "remote_runtime.go:1091", "container event received", resp=_text(event)
                )
                self._process(event)
        except NoStreamError as error:
            self._log.error(
                "remote_runtime.go:1067",
                "GetContainerEvents failed to get streaming client",
                error,
            )
            return error
        except CallError as error:
            if error.code == "EOF":
                self._log.error(
                    "remote_runtime.go:1079", "container events stream is closed", "EOF"
                )
            else:
                self._log.error(
                    "remote_runtime.go:1083", "failed to receive streaming container event", error
                )
            return error
        return CallError("EOF", "EOF")

    def _process(self, event: cri.ContainerEventResponse) -> None:
        seconds = max(0.0, (time.time_ns() - event.created_at) / 1e9)
        if self._traits.hint_only:
            self._hint(event)
            self._metrics.event_latency.observe(seconds)
            return
        told = event.pod_sandbox_status.metadata
        if not event.HasField("pod_sandbox_status") or not told.uid:
            self._log.error(
                "evented.go:210",
                "Evented PLEG: received ContainerEventResponse with nil PodSandboxStatus or "
                "PodSandboxStatus.Metadata",
                "<nil>",
                containerEventResponse=_text(event),
            )
            return
        where, word = _TYPES.get(event.container_event_type, ("evented.go:300", "Unknown"))
        sandbox_gone = (
            event.container_event_type == cri.CONTAINER_DELETED_EVENT
            and event.container_id == event.pod_sandbox_status.id
        )
        if not sandbox_gone:
            self._log.info(
                4,
                "evented.go:242",
                "Evented PLEG: Generated pod status from the received event",
                podUID=told.uid,
            )
        self._log.info(4, where, f"Received Container {word} Event", event=_text(event))
        kind = event.container_event_type
        if kind == cri.CONTAINER_STARTED_EVENT:
            self._told(told.uid, "ContainerStarted", event.container_id)
        elif kind != cri.CONTAINER_CREATED_EVENT:
            self._told(told.uid, "ContainerDied", event.container_id)
            if kind == cri.CONTAINER_DELETED_EVENT:
                self._told(told.uid, "ContainerRemoved", event.container_id)
        self._metrics.event_latency.observe(seconds)

    def _hint(self, event: cri.ContainerEventResponse) -> None:
        uid = event.pod_sandbox_status.metadata.uid
        if event.container_event_type != cri.CONTAINER_STOPPED_EVENT or not uid:
            return
        self._request_relist(uid)
        self._log.info(
            4,
            "evented.go:152",
            "Evented PLEG: requested pod relist after container termination",
            podUID=uid,
            containerID=event.container_id,
            eventType="CONTAINER_STOPPED_EVENT",
        )


def _text(event: cri.ContainerEventResponse) -> str:
    """The message's beginning as Go prints messages; its many labels and statuses are left out."""
    told = event.pod_sandbox_status.metadata
    kind = cri.ContainerEventType.Name(event.container_event_type)
    words = [f'container_id:"{event.container_id}"']
    if event.container_event_type:
        words.append(f"container_event_type:{kind}")
    words.append(f"created_at:{event.created_at}")
    if event.HasField("pod_sandbox_status"):
        uid = f'uid:"{told.uid}"  namespace:"{told.namespace}"'
        metadata = f'metadata:{{name:"{told.name}"  {uid}}}'
        words.append(f'pod_sandbox_status:{{id:"{event.pod_sandbox_status.id}"  {metadata}}}')
    return "  ".join(words)
