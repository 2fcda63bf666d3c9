"""A lane's connection: as the collector's, but every call is noted instead of told."""

from __future__ import annotations

import json
from typing import cast

from pleg_tui import frames
from pleg_tui.collector.lane_record import Record
from pleg_tui.collector.outbox import Outbox
from pleg_tui.collector.runtime import CallFailed, Runtime
from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import NODE, Probe
from pleg_tui.frames import Frame, Kind

TIMEOUT_S = 10.0
NIL_SANDBOXES = cri.ListPodSandboxRequest().SerializeToString()
"""As kubelets until 1.35 ask: without a filter."""
EMPTY_SANDBOXES = cri.ListPodSandboxRequest(filter=cri.PodSandboxFilter()).SerializeToString()
"""As kubelets from 1.36 on ask: with an empty one."""
LIST_ALL = cri.ListContainersRequest(filter=cri.ContainerFilter()).SerializeToString()
CONNECT_TIMEOUT_S = 3.0


class Sink:
    """Takes the frames that a `Runtime` and its look-ups would send, and notes the calls."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._reader = frames.Reader()

    def put(self, data: bytes) -> None:
        """Take one encoded frame."""
        for frame in self._reader.feed(data):
            if frame.kind == Kind.CALL:
                self.record.did(calls=1, size=int(json.loads(frame.payload)["bytes"]))
            else:
                self.take(frame)

    def take(self, frame: Frame) -> None:
        """Whatever is no call: a look-up's answer."""


def connect(endpoint: str, sink: Sink) -> Runtime:
    """A channel of its own whose calls are noted."""
    return Runtime(endpoint, cast("Outbox", sink))


async def version(endpoint: str) -> cri.VersionResponse:
    """Who the runtime is.

    Raises:
        CallFailed: it does not say.
    """
    runtime = connect(endpoint, Sink(Record()))
    try:
        request = cri.VersionRequest(version="v1").SerializeToString()
        answer = await runtime.call(methods.VERSION, request, CONNECT_TIMEOUT_S)
    finally:
        await runtime.close()
    return cri.VersionResponse.FromString(answer)


_UNREACHABLE = {
    Probe.ABSENT: "the socket {} is not there: start the runtime, or name its socket with -r",
    Probe.REFUSED: "nobody listens on the socket {}: start the runtime",
    Probe.DENIED: "no permission for the socket {}: run as root",
    Probe.NOT_A_SOCKET: "{} is not a socket: name the runtime's with -r",
}


def sentence(error: CallFailed, endpoint: str) -> str:
    """Why a call failed, in an admin's words."""
    path = endpoint.removeprefix("unix://")
    if error.code == "UNAVAILABLE" and (why := _UNREACHABLE.get(NODE.probe(path))):
        return why.format(clean(path))
    if error.code == "UNIMPLEMENTED":
        return f"what answers there is not a CRI v1 runtime ({error.method} is not implemented)"
    if error.code == "DEADLINE_EXCEEDED":
        return f"the runtime did not answer {error.method} in time"
    return f"{error.method} failed ({error.code}): {clean(error.message, 300)}"
