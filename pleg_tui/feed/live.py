"""The live feed: a guarded collector, the state it reports, and what changed since last asked."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from pleg_tui import frames, heap
from pleg_tui.collector import guard
from pleg_tui.cri import decode
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.clean import clean
from pleg_tui.cri.wire import WireError
from pleg_tui.feed.look_ups import LINGER_S
from pleg_tui.feed.process import CollectorProcess, start_collector
from pleg_tui.feed.story import SETTLE_NS, Story
from pleg_tui.feed.types import AskError, Delta, Health, Notice, Phase, Settings
from pleg_tui.frames import Flag, Frame, FrameError, Kind
from pleg_tui.model import Container, Pod, RuntimeInfo, Sandbox, Source

ASK_TIMEOUT_S = 8.0
DETAILS_PER_BEAT = 5
DETAILS_BEAT_S = 0.025
"""Details are looked up at 200 a second at most: a busy runtime has the kubelet to serve."""
OUTSTANDING = 20
"""Look-ups on their way together; when the runtime is slow, there is no hurry."""
NOTICES = 1000
MOMENT_S = 0.02
BREATH_S = 0.005
"""Frames are taken in for so long, and then for so long others have their turn: keys, paints."""
TRIM_S = 2.0
"""Then what a listing took is given back."""
_READ = 1 << 16
_STEADY_S = 60.0
"""A collector that lived this long starts the count of restarts anew."""
_RESTART_MOST_S = 60.0
_GUARDED = (
    "the collector had stopped and was ended before it could hold the runtime up; "
    "CRI event streams stay closed for the rest of this run"
)
_OPS = {
    "container": (Kind.CONTAINER_STATUS, cri.ContainerStatusResponse),
    "sandbox": (Kind.SANDBOX_STATUS, cri.PodSandboxStatusResponse),
    "runtime": (Kind.RUNTIME_STATUS, cri.StatusResponse),
}


class LiveFeed:
    """A `types.Feed` on a real endpoint."""

    def __init__(self, settings: Settings, process: CollectorProcess | None = None) -> None:
        """Make it.

        Args:
            settings: what it is to do.
            process: its collector, where that was started ahead (`start_collector`).
        """
        self.on_dirty: Callable[[], None] | None = None
        self._settings = settings
        self._story = Story()
        self._health = Health()
        self._health_seen: Health | None = None
        self._notices: deque[Notice] = deque(maxlen=NOTICES)
        self._process = process
        self._reader = frames.Reader()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refs = 0
        self._asked: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._dirty = False
        self._working = False
        """A listing is taken in to a part."""
        self._resynced = False
        self._asked_listing = False
        self._lost = 0
        self._lost_told = 0
        self._allow_cri = True
        self._started_at = time.monotonic()
        self._quick_ends = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stopped = False

    # -- what a reader sees

    @property
    def health(self) -> Health:
        """How the stream stands now."""
        story = self._story
        lag = None if story.lag_ns is None else story.lag_ns / 1e6
        return replace(
            self._health,
            events=story.events,
            lost=self._lost + story.untaken,
            missed=story.missed,
            unreadable=story.unreadable,
            lag_ms=lag,
        )

    @property
    def pods(self) -> Mapping[str, Pod]:
        """Every pod by its key."""
        return self._story.pods

    def container(self, container_id: str) -> Container | None:
        """A container that still exists, by its full id."""
        return self._story.state.container(container_id)

    def sandbox(self, sandbox_id: str) -> Sandbox | None:
        """A sandbox that still exists, by its full id."""
        return self._story.state.sandbox(sandbox_id)

    def take(self) -> Delta:
        """What changed since the last call."""
        told = self._story.take()
        notices = tuple(self._notices)
        self._notices.clear()
        health = self._health is not self._health_seen
        self._health_seen = self._health
        self._dirty = False
        if self._story.news and self._loop is not None:
            self._loop.call_soon(self._tell)
        return Delta(
            changed=frozenset(told.changed),
            removed=frozenset(told.removed),
            events=tuple(told.events),
            transitions=tuple(told.transitions),
            notices=notices,
            health=health,
            more=self._story.news,
        )

    # -- life

    def _spawn(self) -> None:
        self._process = start_collector(self._settings, allow_cri=self._allow_cri)
        self._started_at = time.monotonic()
        self._reader = frames.Reader()

    async def start(self) -> None:
        """Attach to the running loop and begin; returns at once."""
        self._loop = asyncio.get_running_loop()
        if self._process is None:
            self._spawn()
        self._attach()

    async def stop(self) -> None:
        """End the collector and detach."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._fail_asked("the program is ending")
        process = self._detach()
        if process is not None:
            await asyncio.to_thread(process.close)
        self._set_health(phase=Phase.STOPPED, collector_pid=None)

    async def ask(self, op: str, object_id: str = "", *, verbose: bool = False) -> dict[str, Any]:
        """Look one thing up; see `types.Feed.ask`.

        Raises:
            AskError: it is gone, the call failed, or nothing is connected.
        """
        process = self._process
        if process is None or self._loop is None or self._health.phase is not Phase.LIVE:
            raise AskError("nothing is connected: it can be looked up once the runtime is back")
        self._refs += 1
        ref = self._refs
        future: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._asked[ref] = (op, future)
        request = {"op": op, "id": object_id, "verbose": verbose}
        if not process.request(frames.encode_json(Kind.REQUEST, request, ref=ref)):
            del self._asked[ref]
            raise AskError("the collector does not take requests just now")
        try:
            return await asyncio.wait_for(future, ASK_TIMEOUT_S)
        except TimeoutError:
            raise AskError(f"the runtime did not answer within {ASK_TIMEOUT_S:.0f} s") from None
        finally:
            self._asked.pop(ref, None)

    # -- the collector's frames

    def _attach(self) -> None:
        assert self._loop is not None  # noqa: S101 - start() sets it
        assert self._process is not None  # noqa: S101 - _spawn() sets it
        self._loop.add_reader(self._process.frames_fd, self._readable)
        self._set_health(collector_pid=self._process.pid)

    def _detach(self) -> CollectorProcess | None:
        process, self._process = self._process, None
        if process is not None and self._loop is not None:
            self._loop.remove_reader(process.frames_fd)
        return process

    def _readable(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            data = os.read(process.frames_fd, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._collector_ended()
            return
        try:
            read = self._reader.feed(data)
        except FrameError:
            self._collector_ended()
        else:
            self._work(process, (piece for frame in read for piece in self._take_in(frame)))

    def _work(self, process: CollectorProcess, work: Iterator[None]) -> None:
        """Take frames in for a moment, then let others have their turn; meanwhile none are read.

        What comes behind a long listing waits in the collector, which never waits for us.
        """
        if process is not self._process or self._loop is None:
            return
        until = time.monotonic() + MOMENT_S
        self._working = True
        try:
            for _ in work:
                if time.monotonic() >= until:
                    self._loop.remove_reader(process.frames_fd)
                    self._later("work", BREATH_S, partial(self._work, process, work))
                    return
        except FrameError:
            self._collector_ended()
            return
        finally:
            self._working = "work" in self._timers
        self._loop.add_reader(process.frames_fd, self._readable)
        self._story.collect()
        self._plan()
        self._tell()

    def _take_in(self, frame: Frame) -> Iterator[None]:
        kind = frame.kind
        if kind == Kind.HELLO and frame.json().get("version") != frames.VERSION:
            raise FrameError("the collector speaks another version of the frames")
        if kind == Kind.RUNTIME:
            self._runtime(frame)
        elif kind == Kind.STREAM:
            self._stream(frame)
        elif kind == Kind.LOST:
            self._lost += int(frame.json().get("frames", 0))
        elif kind == Kind.ERROR:
            self._answer_error(frame)
        elif frame.ref in self._asked:
            self._answer(frame)
        yield from self._story.take_in(frame)
        if kind == Kind.LISTING and frame.flags & (Flag.RESYNC | Flag.RECONNECT):
            self._settle_later(not frame.flags & Flag.CONFIRM)
            if self._health.source is not Source.RELIST:  # which lists all the time
                self._later("trim", TRIM_S, heap.trim)

    def _runtime(self, frame: Frame) -> None:
        told = frame.json()
        source = Source(told["source"])
        self._story.connected(source, str(told["name"]), frame.mono)
        warning = str(told["warning"])
        if not self._allow_cri:
            warning = f"{_GUARDED}. {warning}" if warning else _GUARDED
        self._set_health(
            runtime=RuntimeInfo(
                name=str(told["name"]),
                version=str(told["version"]),
                endpoint=str(told["endpoint"]),
                api_version=str(told["api_version"]),
                simulated=bool(told["simulated"]),
            ),
            source=source,
            why=str(told["why"]),
            warning=warning,
        )

    def _stream(self, frame: Frame) -> None:
        told = frame.json()
        state, error = str(told["state"]), str(told.get("error", ""))
        if state == "connected":
            self._set_health(phase=Phase.LIVE, error="", retry_at=None)
            self._notices.append(Notice("connected", frame.wall, self._health.source))
            return
        was_live = self._health.phase is Phase.LIVE
        phase = Phase.LOST if was_live or self._health.phase is Phase.LOST else Phase.CONNECTING
        if state == "connecting" and not error:
            self._set_health(phase=phase, retry_at=None)
            return
        retry_at = frame.mono / 1e9 + float(told.get("retry_s", 0))
        self._set_health(phase=phase, error=error, retry_at=retry_at)
        if was_live:
            self._fail_asked("the connection to the runtime was lost")
            self._notices.append(Notice("lost", frame.wall, self._health.source, error=error))

    def _collector_ended(self) -> None:
        process = self._detach()
        if process is None or self._loop is None:
            return
        lived = time.monotonic() - self._started_at
        code = process.close(wait_s=0.2)
        self._fail_asked("the collector was started anew")
        # Ended because it did not read, by the watch here or by its own watchdog; one that was
        # asleep together with us has proven nothing.
        guarded = process.killed or (code == guard.STUCK_CODE and not process.slept)
        why = _GUARDED if guarded else "the collector had ended and was started anew"
        if guarded:
            self._allow_cri = False
        self._quick_ends = 0 if lived > _STEADY_S else self._quick_ends + 1
        wait_s = 0.0
        if self._quick_ends > 1:
            wait_s = min(2.0 ** (self._quick_ends - 2), _RESTART_MOST_S)
        phase = Phase.CONNECTING if self._health.runtime is None else Phase.LOST
        if self._health.phase is Phase.LIVE:
            self._notices.append(Notice("lost", time.time_ns(), self._health.source, error=why))
        self._set_health(
            phase=phase,
            error=why,
            retry_at=time.monotonic() + wait_s,
            restarts=self._health.restarts + 1,
            collector_pid=None,
        )
        self._later("restart", wait_s, self._restart)
        self._tell()

    def _restart(self) -> None:
        if self._stopped:
            return
        try:
            self._spawn()
        except OSError as error:
            self._quick_ends += 1
            wait_s = min(2.0**self._quick_ends, _RESTART_MOST_S)
            self._set_health(
                error=f"no collector can be started: {error.strerror}",
                retry_at=time.monotonic() + wait_s,
            )
            self._later("restart", wait_s, self._restart)
            return
        self._attach()
        self._tell()

    # -- answers

    def _answer(self, frame: Frame) -> None:
        op, future = self._asked[frame.ref]
        if future.done():
            return
        if frame.kind == Kind.GONE:
            future.set_exception(AskError("it is gone: the runtime does not know it any more"))
            return
        kind, message = _OPS[op]
        if frame.kind != kind:
            return
        try:
            future.set_result(decode.as_json(message, frame.payload))
        except WireError as error:
            future.set_exception(AskError(f"the runtime's answer cannot be read: {error}"))

    def _answer_error(self, frame: Frame) -> None:
        told = frame.json()
        asked = self._asked.get(frame.ref)
        if asked is not None and not asked[1].done():
            asked[1].set_exception(AskError(_refusal(told)))

    def _fail_asked(self, why: str) -> None:
        for _, future in self._asked.values():
            if not future.done():
                future.set_exception(AskError(why))

    # -- what is done a little later

    def _later(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        if name in self._timers or self._loop is None or self._stopped:
            return

        def run() -> None:
            del self._timers[name]
            work()

        self._timers[name] = self._loop.call_later(seconds, run)

    def _plan(self) -> None:
        """See to it that what waits for something is looked at again."""
        story = self._story
        if story.holding:
            self._settle_later(False)
        if story.lingering and self._settings.details:
            self._later("lingering", LINGER_S, self._look_at_lingering)
        if story.details and self._settings.details:
            self._later("details", DETAILS_BEAT_S, self._ask_details)

    def _settle_later(self, resynced: bool) -> None:
        self._resynced = self._resynced or (resynced and self._health.source is not Source.RELIST)
        self._later("settle", SETTLE_NS / 1e9 + 0.1, self._settle)

    def _settle(self) -> None:
        if self._working:  # what waits for its names may find them in the listing
            self._later("settle", BREATH_S, self._settle)
            return
        missed = self._story.settle(time.monotonic_ns())
        if self._resynced:
            self._resynced = False
            lost, self._lost_told = self._lost - self._lost_told, self._lost
            now, source = time.time_ns(), self._health.source
            asked, self._asked_listing = self._asked_listing, False
            # One that was only to see what lingers is told where it found something.
            if lost or missed or not asked:
                self._notices.append(Notice("resynced", now, source, lost=lost, missed=missed))
        self._plan()
        self._tell()

    def _look_at_lingering(self) -> None:
        if self._story.look_at_lingering() and self._process is not None:
            self._asked_listing = True
            self._process.request(frames.encode_json(Kind.REQUEST, {"op": "listing"}))
        self._plan()

    def _ask_details(self) -> None:
        details, process = self._story.details, self._process
        if process is None or self._health.phase is not Phase.LIVE:
            self._story.postpone_details()  # the listing after the reconnect asks again
            return
        for _ in range(min(DETAILS_PER_BEAT, len(details))):
            op = "sandbox" if self._story.state.is_sandbox(details[0]) else "container"
            request = {"op": op, "id": details[0]}
            if self._story.outstanding >= OUTSTANDING:
                break
            if not process.request(frames.encode_json(Kind.REQUEST, request)):
                break
            details.popleft()
        self._plan()

    # -- telling

    def _set_health(self, **changes: Any) -> None:
        self._health = replace(self._health, **changes)
        if self._loop is not None:
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        if self._dirty or self._stopped:
            return
        if self._health is self._health_seen and not self._notices and not self._story.news:
            return
        self._dirty = True
        if self.on_dirty is not None:
            self.on_dirty()


def _refusal(told: dict[str, Any]) -> str:
    """What an ERROR frame says, as a sentence."""
    code = str(told.get("code"))
    if code == "DEADLINE_EXCEEDED":
        return "the runtime did not answer in time: it may be hung or very busy"
    if code == "UNAVAILABLE":
        return "nothing is connected: it can be looked up once the runtime is back"
    return f"the runtime said {code}: {clean(str(told.get('message', '')), 500)}"
