"""The collector's life: connect, stay connected, answer requests, go with the parent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import stat
import sys
import time
from pathlib import Path
from typing import IO, Any

from msgspec.structs import replace

from pleg_tui import frames, heap
from pleg_tui.collector import guard
from pleg_tui.collector.listing import FASTEST_S, listing
from pleg_tui.collector.log_file import log_file
from pleg_tui.collector.lookups import TIMEOUT_S, container_request, sandbox_request, send
from pleg_tui.collector.options import Options
from pleg_tui.collector.outbox import Outbox
from pleg_tui.collector.runtime import CallFailed
from pleg_tui.collector.session import Broken, Session, TooSlow
from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.clean import clean
from pleg_tui.frames import Flag, Frame, FrameError, Kind

FAULT = 70
"""Exit code of a fault."""
RETRY_MOST_S = 60.0
RELIST_AGAIN_S = 5.0
USAGE_S = 10.0
STEADY_S = 10.0
"""A connection that held for so long was a good one."""
ASKED_AT_ONCE = 4
"""Requests that are under way together, of each kind: the runtime has the kubelet to serve."""

log = logging.getLogger(__name__)


class Collector:
    """Reads requests from one pipe and sends frames up the other."""

    def __init__(self, options: Options, requests_fd: int, frames_fd: int) -> None:
        self.options = options
        self.outbox = Outbox(frames_fd, limit=options.buffer_bytes)
        self.session: Session | None = None
        self._ended = asyncio.Event()
        self._requests_fd = requests_fd
        self._reader = frames.Reader()
        self._answering: set[asyncio.Task[None]] = set()
        self._slots = {False: asyncio.Semaphore(ASKED_AT_ONCE), True: asyncio.Semaphore(4)}
        self._relisting = False
        self.outbox.on_recovered = self._relist_after_loss
        self.outbox.on_closed = self._ended.set

    async def run(self, guard_log: IO[str]) -> None:
        """Until the parent is gone or the requests' pipe is closed."""
        os.set_blocking(self._requests_fd, False)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._requests_fd, self._read_requests)
        self._json(
            Kind.HELLO,
            {
                "version": frames.VERSION,
                "pid": os.getpid(),
                "endpoint": self.options.endpoint,
            },
        )
        tasks = [
            asyncio.create_task(guard.beat(self.options.heartbeat_fd, guard_log)),
            asyncio.create_task(self._stay_connected()),
            asyncio.create_task(self._usage()),
            asyncio.create_task(self._wait_for_end()),
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _wait_for_end(self) -> None:
        await self._ended.wait()

    async def _stay_connected(self) -> None:
        failures = 0
        reconnected = False
        while True:
            self._json(Kind.STREAM, {"state": "connecting"})
            session = self.session = Session(self.options, self.outbox, reconnected)
            try:
                await session.run()
                error = "the connection ended"
            except TooSlow as slow:
                error = str(slow)
                self.options = replace(
                    self.options, allow_cri_events=False, why_no_cri_events=error
                )
            except Broken as broken:
                error = str(broken)
            except Exception as fault:
                log.exception("session")
                error = clean(f"the collector has a fault ({type(fault).__name__}: {fault})", 300)
            finally:
                self.session = None
            was_connected = session.connected
            reconnected = reconnected or was_connected
            # At once, then 1, 2, 4 … 60 s; a connection that held for a while starts this anew.
            failures = 0 if session.lived_s >= STEADY_S else failures
            wait_s = min(2.0 ** (failures - 1), RETRY_MOST_S) if failures else 0.0
            failures = min(failures + 1, 10)
            log.info("connection: %s; next try in %.0f s", error, wait_s)
            state = "lost" if was_connected else "connecting"
            self._json(Kind.STREAM, {"state": state, "error": error, "retry_s": wait_s})
            await self._wait_for_socket(wait_s)

    async def _wait_for_socket(self, wait_s: float) -> None:
        """Wait, but no longer than until the socket is another one: the runtime is back."""
        path = self.options.endpoint.removeprefix("unix://")
        before = _socket_identity(path)
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.25))
            now = _socket_identity(path)
            if now is not None and now != before:
                return
            before = now

    def _relist_after_loss(self) -> None:
        if not self._relisting:
            self._relisting = True
            self._start(self._relist())

    async def _relist(self) -> None:
        """List until it has worked, no faster than a relist; a new connection lists by itself."""
        session = self.session
        try:
            while session is not None and session is self.session and session.connected:
                with contextlib.suppress(CallFailed):
                    await listing(session.runtime, int(Flag.RESYNC | Flag.RECONNECT))
                    return
                await asyncio.sleep(RELIST_AGAIN_S)
        finally:
            await asyncio.sleep(FASTEST_S)
            self._relisting = False

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def _read_requests(self) -> None:
        try:
            data = os.read(self._requests_fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._requests_fd)
            self._ended.set()
            return
        try:
            for frame in self._reader.feed(data):
                self._start(self._answer(frame))
        except FrameError as error:
            log.error("requests: %s", error)
            self._ended.set()

    async def _answer(self, frame: Frame) -> None:
        try:
            request = frame.json()
        except FrameError as error:
            log.error("request: %s", error)
            return
        op, object_id = request.get("op"), str(request.get("id", ""))
        verbose = bool(request.get("verbose"))
        session = self.session
        if session is None or not session.connected:
            self._error(frame.ref, object_id, "UNAVAILABLE", "nothing is connected")
            return
        if op == "listing":
            with contextlib.suppress(CallFailed):  # the next resync is never far
                await listing(session.runtime, int(Flag.RESYNC))
            return
        if op == "container":
            kind, call = Kind.CONTAINER_STATUS, container_request(object_id, verbose)
        elif op == "sandbox":
            kind, call = Kind.SANDBOX_STATUS, sandbox_request(object_id, verbose)
        elif op == "runtime":
            message = cri.StatusRequest(verbose=verbose).SerializeToString()
            kind, call = Kind.RUNTIME_STATUS, (methods.STATUS, message)
        else:
            self._error(frame.ref, object_id, "INVALID_ARGUMENT", f"no such request: {op}")
            return
        try:
            async with self._slots[frame.ref == 0]:
                answer = await session.runtime.call(*call, timeout_s=TIMEOUT_S)
        except CallFailed as error:
            if error.code == "NOT_FOUND":
                send(self.outbox, Kind.GONE, object_id.encode(), frame.ref)
            else:
                self._error(frame.ref, object_id, error.code, error.message)
            return
        send(self.outbox, kind, answer, frame.ref)

    def _error(self, ref: int, object_id: str, code: str, message: str) -> None:
        value = {"id": object_id, "code": code, "message": clean(message, 500)}
        self.outbox.put(
            frames.encode_json(Kind.ERROR, value, time.monotonic_ns(), time.time_ns(), ref)
        )

    async def _usage(self) -> None:
        while True:
            await asyncio.sleep(USAGE_S)
            self._json(
                Kind.USAGE,
                {
                    "cpu_ns": time.process_time_ns(),
                    "rss": _rss_bytes(),
                    "frames": self.outbox.frames,
                    "bytes": self.outbox.bytes,
                    "buffered": self.outbox.buffered,
                    "lost": self.outbox.lost,
                },
            )

    def _json(self, kind: Kind, value: dict[str, Any]) -> None:
        self.outbox.put(frames.encode_json(kind, value, time.monotonic_ns(), time.time_ns()))


def _socket_identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - the hot loop of a wait
    except OSError:
        return None
    return (status.st_ino, status.st_ctime_ns) if stat.S_ISSOCK(status.st_mode) else None


def _rss_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def main(argument: str) -> int:
    """Run a collector on standard input and output; returns its exit code."""
    options = Options.loads(argument)
    if options.parent_pid and not guard.die_with(options.parent_pid):
        return 0
    heap.give_back()
    with log_file(options.debug, logging.DEBUG) as guard_log:
        requests_fd, frames_fd = os.dup(0), os.dup(1)
        # Whatever a library prints must not get between the frames.
        os.dup2(guard_log.fileno(), 1)
        try:
            asyncio.run(_run(options, requests_fd, frames_fd, guard_log))
        except Exception:
            log.exception("collector")
            print("the collector failed; --debug FILE tells why", file=sys.stderr)  # noqa: T201
            return FAULT
    return 0


async def _run(options: Options, requests_fd: int, frames_fd: int, guard_log: IO[str]) -> None:
    await Collector(options, requests_fd, frames_fd).run(guard_log)
