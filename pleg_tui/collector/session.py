"""One connection's life: ask who answers, open its event stream, list, follow, until it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from msgspec.structs import replace

from pleg_tui import frames, heap
from pleg_tui.collector.keeping_up import CHECK_S, KeepingUp
from pleg_tui.collector.listing import listing, relist
from pleg_tui.collector.lookups import Lookups
from pleg_tui.collector.options import Options
from pleg_tui.collector.outbox import Outbox
from pleg_tui.collector.runtime import CallFailed, Runtime
from pleg_tui.collector.streams import StreamEnded, StreamSpec, follow
from pleg_tui.cri import containerd_events_pb2 as ctd
from pleg_tui.cri import decode, methods, traits
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import NODE, Probe
from pleg_tui.cri.wire import WireError, parse
from pleg_tui.frames import Flag, Kind
from pleg_tui.model import ContainerState, Source

CONNECT_TIMEOUT_S = 3.0
CONFIRM_S = 2.0
"""After the first listing one more: no runtime confirms a subscription before an event, so what
happened between the first listing and the moment the stream really began is only found here."""
TRIM_S = 1.0
"""After a listing its memory is given back, once it has been handed on."""

RESYNC_ATTEMPTS = 3
RESYNC_AGAIN_S = 5.0
_GUARDED = "a CRI event stream had to be ended, so it is listed instead in this run"

_TOO_SLOW = (
    "this program got too little of the processor (a CPU limit?) to read CRI events in time, so "
    "their stream was closed before the runtime had to wait, and stays closed for this run"
)
_SUBSCRIBE = ctd.SubscribeRequest(
    filters=['namespace==k8s.io,topic~="^/(tasks/(start|exit|oom)|containers/(create|delete))$"']
).SerializeToString()
_REACHED = {
    "/containers/create": ContainerState.CREATED,
    "/tasks/start": ContainerState.RUNNING,
    "/tasks/exit": ContainerState.EXITED,
    "/tasks/oom": ContainerState.EXITED,
}


class Broken(Exception):
    """The connection is no good any more: one sentence why, for the admin."""


class TooSlow(Broken):
    """This process cannot read CRI events in time: it is to open no such stream any more."""


class NoEvents(Exception):
    """The runtime has no such stream, or has it switched off: relist instead."""

    def __init__(self, why: str, warning: str) -> None:
        super().__init__(why)
        self.why = why
        self.warning = warning


class Session:
    """One connection to the runtime, with the source that is right for it."""

    def __init__(self, options: Options, outbox: Outbox, reconnected: bool) -> None:
        self.options = options
        self.outbox = outbox
        self.runtime = Runtime(options.endpoint, outbox)
        self.connected = False
        self._connected_at = 0.0
        self._flags = int(Flag.RECONNECT) if reconnected else 0
        self._lookups = Lookups(self.runtime, outbox)
        self._keeping_up = KeepingUp()

    @property
    def lived_s(self) -> float:
        """Seconds since it was connected; 0 when it never was."""
        return time.monotonic() - self._connected_at if self.connected else 0.0

    async def run(self) -> None:
        """Until it breaks, or, for source "none", until one listing is told.

        Raises:
            Broken: why it ended.
        """
        try:
            version = await self._version()
            choice = self._choose(version)
            try:
                await self._live(version, choice.source, choice.why, choice.warning)
            except NoEvents as fallback:
                await self._live(version, Source.RELIST, fallback.why, fallback.warning)
        except CallFailed as error:
            raise Broken(_sentence(error, self.options.endpoint)) from None
        finally:
            self._lookups.close()
            with contextlib.suppress(Exception):
                await self.runtime.close()

    async def _version(self) -> cri.VersionResponse:
        request = cri.VersionRequest(version="v1").SerializeToString()
        answer = await self.runtime.call(methods.VERSION, request, CONNECT_TIMEOUT_S)
        try:
            return parse(cri.VersionResponse, answer)
        except WireError as error:
            raise Broken(f"what answers there is not a CRI v1 runtime ({error})") from None

    def _choose(self, version: cri.VersionResponse) -> traits.Choice:
        wanted = self.options.source
        try:
            choice = traits.choose(version.runtime_name, version.runtime_version, _auto(wanted))
        except traits.TraitsError as error:
            raise Broken(str(error)) from None
        if choice.source is Source.CRI and not self.options.allow_cri_events:
            guarded = traits.choose(version.runtime_name, version.runtime_version, "auto")
            warning = self.options.why_no_cri_events
            if guarded.source is not Source.CRI:
                return replace(guarded, warning=warning or guarded.warning)
            return replace(guarded, source=Source.RELIST, why=_GUARDED, warning=warning)
        return choice

    async def _live(
        self, version: cri.VersionResponse, source: Source, why: str, warning: str
    ) -> None:
        self._tell_runtime(version, source, why, warning)
        async with _together() as tasks:
            stream = None
            if self.options.source != "none" and source is not Source.RELIST:
                stream = asyncio.create_task(self._follow(source))
                tasks.append(stream)
                await asyncio.sleep(0)  # its request goes out first
            await listing(self.runtime, self._flags)
            self._tell_stream("connected", source)
            self.connected = True
            self._connected_at = time.monotonic()
            if self.options.source == "none":
                await asyncio.Event().wait()
            if stream is None:
                flags = int(Flag.RESYNC)
                tasks.append(
                    asyncio.create_task(
                        relist(self.runtime, self.options.relist_s, self.options.root, flags)
                    )
                )
            else:
                tasks.append(asyncio.create_task(self._resync()))
            if source is Source.CRI:
                tasks.append(asyncio.create_task(self._keep_up()))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _follow(self, source: Source) -> None:
        started = time.monotonic()
        if source is Source.CRI:
            spec = StreamSpec(methods.GET_CONTAINER_EVENTS, b"", self.options.cri_deadline_s)
            on_message = self._cri_event
        else:
            spec = StreamSpec(methods.SUBSCRIBE, _SUBSCRIBE, self.options.containerd_deadline_s)
            on_message = self._containerd_event
        try:
            await follow(self.runtime.channel, spec, on_message)
        except StreamEnded as ended:
            if ended.code == "UNIMPLEMENTED":
                raise NoEvents(
                    "this runtime does not implement that event stream, so it is listed instead",
                    "",
                ) from None
            at_once = not ended.events and time.monotonic() - started < 1.0
            if ended.code == "OK" and source is Source.CRI and at_once:
                raise NoEvents(
                    "the runtime ended the event stream at once, so it is listed instead",
                    traits.EVENTS_OFF,
                ) from None
            detail = f": {clean(ended.message, 300)}" if ended.message else ""
            raise Broken(f"the event stream ended ({ended.code}){detail}") from None

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            if self._keeping_up.too_slow():
                raise TooSlow(_TOO_SLOW)

    def _cri_event(self, message: bytes) -> None:
        self._keeping_up.read(message)
        self.outbox.put(frames.encode(Kind.EVENT_CRI, message, time.monotonic_ns(), time.time_ns()))

    def _containerd_event(self, message: bytes) -> None:
        self.outbox.put(
            frames.encode(Kind.EVENT_CONTAINERD, message, time.monotonic_ns(), time.time_ns())
        )
        try:
            event = decode.containerd_event(message)
        except WireError:
            return  # the reader says so
        if event is None:
            return
        if event.topic == "/containers/delete":
            self._lookups.removed(event.id)
        else:
            self._lookups.want(event.id, _REACHED[event.topic])

    async def _resync(self) -> None:
        await asyncio.sleep(CONFIRM_S)
        await self._list_patiently(int(Flag.RESYNC | Flag.CONFIRM))
        while True:
            await asyncio.sleep(TRIM_S)
            heap.trim()
            await asyncio.sleep(max(self.options.resync_s - TRIM_S, 0.0))
            await self._list_patiently(int(Flag.RESYNC))

    async def _list_patiently(self, flags: int) -> None:
        """A listing that fails is no reason to throw a good stream away; several are."""
        for left in reversed(range(RESYNC_ATTEMPTS)):
            try:
                await listing(self.runtime, flags)
            except CallFailed:
                if not left:
                    raise
                await asyncio.sleep(RESYNC_AGAIN_S)
            else:
                return

    def _tell_runtime(
        self, version: cri.VersionResponse, source: Source, why: str, warning: str
    ) -> None:
        known = traits.traits(version.runtime_name, version.runtime_version)
        self._json(
            Kind.RUNTIME,
            {
                "name": clean(version.runtime_name, 64),
                "version": clean(version.runtime_version, 64),
                "api_version": clean(version.runtime_api_version, 64),
                "endpoint": self.options.endpoint,
                "simulated": known.simulated,
                "source": source.value,
                "why": why,
                "warning": warning,
            },
        )

    def _tell_stream(self, state: str, source: Source) -> None:
        self._json(Kind.STREAM, {"state": state, "source": source.value})

    def _json(self, kind: Kind, value: dict[str, Any]) -> None:
        self.outbox.put(frames.encode_json(kind, value, time.monotonic_ns(), time.time_ns()))


def _auto(wanted: str) -> str:
    return "auto" if wanted == "none" else wanted


@contextlib.asynccontextmanager
async def _together() -> AsyncIterator[list[asyncio.Task[None]]]:
    """A list of tasks that end with this block."""
    tasks: list[asyncio.Task[None]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_UNREACHABLE = {
    Probe.ABSENT: "the socket {} is not there: the runtime is down, or listens elsewhere",
    Probe.REFUSED: "nobody listens on the socket {}: the runtime is down",
    Probe.DENIED: "no permission for the socket {}: run as root, `sudo -E` keeps the environment",
    Probe.NOT_A_SOCKET: "{} is not a socket",
}


def _sentence(error: CallFailed, endpoint: str) -> str:
    """Why a connection is no good, in the admin's words rather than in gRPC's."""
    if error.code == "UNAVAILABLE":
        path = endpoint.removeprefix("unix://")
        why = _UNREACHABLE.get(NODE.probe(path))
        if why is not None:
            return why.format(clean(path))
        return "the runtime cannot be reached: " + clean(error.message, 300)
    if error.code == "UNIMPLEMENTED":
        return f"what answers there is not a CRI v1 runtime ({error.method} is not implemented)"
    if error.code == "DEADLINE_EXCEEDED":
        return f"the runtime did not answer {error.method} in time"
    return f"{error.method} failed ({error.code}): {clean(error.message, 300)}"
