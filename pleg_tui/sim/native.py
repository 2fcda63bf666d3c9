"""containerd's own events: what each step says there, and the filters of a subscription.

Sandboxes appear as ordinary containers and tasks under the sandbox's id: the CRI plugin calls its
sandbox controllers in the process, and only their gRPC service publishes /sandboxes/ topics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.sim.encode import part, varint
from pleg_tui.sim.objects import PAUSE_IMAGE, Happening, Step

NAMESPACE = "k8s.io"
_SECOND = 1_000_000_000
_RUNTIME = "io.containerd.runc.v2"


class NativeEvent(NamedTuple):
    """An event as filters see it, and as it travels (a serialized Envelope)."""

    topic: str
    data: bytes
    namespace: str = NAMESPACE


class FilterError(ValueError):
    """A filter that cannot be parsed; its text says why."""


Predicate = Callable[[NativeEvent], bool]


def envelopes(happening: Happening) -> list[NativeEvent]:
    """What containerd publishes for one step, in order."""
    return [_envelope(*event, happening.at) for event in _messages(happening)]


def _messages(happening: Happening) -> list[tuple[str, str, bytes]]:
    """Topic, message name and serialized message of each event."""
    step, at, sandbox, container, exec_id, _ = happening
    thing = happening.id
    pid = container.pid if container is not None else sandbox.pid
    if step in (Step.SANDBOX_CREATED, Step.CONTAINER_CREATED):
        image = container.image_name if container is not None else PAUSE_IMAGE
        runtime = ctd.ContainerCreate.Runtime(name=_RUNTIME)
        created = ctd.ContainerCreate(id=thing, image=image, runtime=runtime)
        return [_event("/containers/create", created)]
    if step in (Step.SANDBOX_STARTED, Step.CONTAINER_STARTED):
        bundle = f"/run/containerd/io.containerd.runtime.v2.task/{NAMESPACE}/{thing}"
        return [
            _event("/tasks/create", ctd.TaskCreate(container_id=thing, bundle=bundle, pid=pid)),
            _event("/tasks/start", ctd.TaskStart(container_id=thing, pid=pid)),
        ]
    if step in (Step.SANDBOX_STOPPED, Step.CONTAINER_EXITED):
        code = container.exit_code if container is not None else 137
        # The shim leaves TaskDelete's id out when the process was the container's own.
        return _ended(thing, thing, "", pid, code, at)
    if step in (Step.SANDBOX_REMOVED, Step.CONTAINER_REMOVED):
        return [_event("/containers/delete", ctd.ContainerDelete(id=thing))]
    if step is Step.CONTAINER_OOM:
        return [_event("/tasks/oom", ctd.TaskOOM(container_id=thing))]
    # TaskExecAdded and TaskExecStarted: container_id=1, exec_id=2, pid=3.
    added = part(1, thing.encode()) + part(2, exec_id.encode())
    started = added + b"\x18" + varint(pid + 1)
    return [
        ("/tasks/exec-added", "containerd.events.TaskExecAdded", added),
        ("/tasks/exec-started", "containerd.events.TaskExecStarted", started),
        *_ended(thing, exec_id, exec_id, pid + 1, 0, at),
    ]


def _event(topic: str, message: Message) -> tuple[str, str, bytes]:
    return topic, message.DESCRIPTOR.full_name, message.SerializeToString()


def _ended(
    thing: str, process: str, deleted: str, pid: int, code: int, at: int
) -> list[tuple[str, str, bytes]]:
    when = _timestamp(at)
    return [
        _event(
            "/tasks/exit",
            ctd.TaskExit(container_id=thing, id=process, pid=pid, exit_status=code, exited_at=when),
        ),
        _event(
            "/tasks/delete",
            ctd.TaskDelete(
                container_id=thing, id=deleted, pid=pid, exit_status=code, exited_at=when
            ),
        ),
    ]


def _timestamp(at: int) -> Timestamp:
    return Timestamp(seconds=at // _SECOND, nanos=at % _SECOND)


def _envelope(topic: str, name: str, message: bytes, at: int) -> NativeEvent:
    # The bare name, without "type.googleapis.com/": so containerd's typeurl writes it.
    envelope = ctd.Envelope(
        timestamp=_timestamp(at),
        namespace=NAMESPACE,
        topic=topic,
        event=Any(type_url=name, value=message),
    )
    return NativeEvent(topic, envelope.SerializeToString())


_SELECTOR = re.compile(
    r"""\s*(?P<field>[\w-]+(?:\.(?:[\w-]+|"[^"]*"))*)\s*
        (?:(?P<op>[=!~]+)(?![=!~])\s*
           (?P<value>"(?:[^"\\]|\\.)*"|/(?:[^/\\]|\\.)*/|\|(?:[^|\\]|\\.)*\||[^\s,"/|][^\s,]*)
        )?\s*(?P<end>,|$)""",
    re.VERBOSE | re.ASCII,
)
"""A selector of containerd's filters: a value that begins with ", / or | is quoted by it."""


def parse_filters(filters: Sequence[str]) -> Predicate:
    """One test of an event for a subscription's filters: "," is AND, several are OR.

    Known fields are `namespace` and `topic`; any other is never there.

    Raises:
        FilterError: one of them is not a filter.
    """
    alternatives = [_parse_filter(text) for text in filters]
    if not alternatives:
        return lambda _event: True
    return lambda event: any(all(test(event) for test in tests) for tests in alternatives)


def _parse_filter(text: str) -> list[Predicate]:
    tests: list[Predicate] = []
    place, more = 0, bool(text)
    while more:
        match = _SELECTOR.match(text, place)
        if match is None or match["op"] not in (None, "==", "!=", "~="):
            raise FilterError(f"filters: parse error: [{text[:place]} >|{text[place:]}|< ]")
        tests.append(_test(match["field"], match["op"], match["value"]))
        place, more = match.end(), match["end"] == ","
    return tests


def _test(field: str, operator: str | None, value: str | None) -> Predicate:
    wanted = value or ""
    if wanted[:1] in ('"', "/", "|"):
        wanted = re.sub(r"\\(.)", r"\1", wanted[1:-1]) if wanted[0] == '"' else wanted[1:-1]

    def read(event: NativeEvent) -> str:
        return {"topic": event.topic, "namespace": event.namespace}.get(field, "")

    if operator is None:
        return lambda event: bool(read(event))
    if operator == "==":
        return lambda event: bool(read(event)) and read(event) == wanted
    if operator == "!=":
        return lambda event: read(event) != wanted
    try:
        pattern = re.compile(wanted)
    except re.error:
        return lambda _event: False  # containerd logs it and matches nothing
    return lambda event: pattern.search(read(event)) is not None
