"""The collector as a child process: started, watched, and killed before it can do harm.

The child has a process session of its own, so a Ctrl-Z at the terminal does not stop it. A thread
watches its heartbeat, on a pipe of its own, because a busy or blocked event loop here must not keep
us from noticing that the child has stopped reading an event stream.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time

from msgspec.structs import replace

from pleg_tui.collector.options import Options
from pleg_tui.collector.orders import Orders
from pleg_tui.feed.types import Settings

SILENCE_S = 2.0
"""A collector silent for this long is killed, so that nothing waits for us much longer."""
START_S = 30.0
"""How long a collector may take until its first beat."""
_POLL_MS = 500
_SLEPT_S = 1.5
"""When one poll took longer than this, we were the one who slept: the child is given new time."""
_LATELY_S = 10.0
"""A collector that is stuck so long after a sleep is not stuck because of it."""
_PIPE_SIZE = 1 << 20


class CollectorProcess:
    """One run of the collector. Make it in the main thread: the child dies with that thread.

    Raises:
        OSError: no process could be started.
    """

    def __init__(self, options: Orders, module: str = "pleg_tui.collector") -> None:
        """Start it.

        Args:
            options: its orders; the heartbeat's pipe and our own pid are added here.
            module: what the process runs; `pleg_tui.collector.lane` is guarded just the same.
        """
        self.killed = False
        """True once the watch had to kill it."""
        self.slept_at = -math.inf
        """When we ourselves had last been stopped for a while, time.monotonic()."""
        request_read, self.requests_fd = os.pipe()
        self.frames_fd, frame_write = os.pipe()
        self._heartbeat_fd, beat_write = os.pipe()
        with contextlib.suppress(OSError):  # a smaller pipe is only slower
            fcntl.fcntl(self.frames_fd, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        orders = replace(options, heartbeat_fd=beat_write, parent_pid=os.getpid())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, orders.dumps()],
                stdin=request_read,
                stdout=frame_write,
                stderr=subprocess.DEVNULL,
                pass_fds=(beat_write,),
                start_new_session=True,
                env=_environment(),
            )
        except OSError:
            for fd in (self.requests_fd, self.frames_fd, self._heartbeat_fd):
                os.close(fd)
            raise
        finally:
            for fd in (request_read, frame_write, beat_write):
                os.close(fd)
        os.set_blocking(self.frames_fd, False)
        os.set_blocking(self.requests_fd, False)
        self._watch = threading.Thread(target=self._guard, name="collector-watch", daemon=True)
        self._watch.start()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def slept(self) -> bool:
        """We were stopped a short time ago, and it with us, maybe."""
        return time.monotonic() - self.slept_at < _LATELY_S

    def request(self, frame: bytes) -> bool:
        """Send one request frame; False when the child is gone or does not read."""
        try:
            return os.write(self.requests_fd, frame) == len(frame)
        except OSError:
            return False

    def close(self, wait_s: float = 2.0) -> int:
        """End the child, kindly at first; returns its exit code."""
        for fd in (self.requests_fd, self.frames_fd):
            with contextlib.suppress(OSError):
                os.close(fd)
        try:
            code = self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(1.0)
            return -signal.SIGKILL
        self._watch.join(1.0)
        return code

    def _guard(self) -> None:
        poll = select.poll()
        poll.register(self._heartbeat_fd, select.POLLIN)
        # Nothing can be subscribed before the first beat; starting may take long on a busy node.
        heard, silence_s = time.monotonic(), START_S
        try:
            while True:
                asleep = time.monotonic()
                ready = poll.poll(_POLL_MS)
                now = time.monotonic()
                if now - asleep > _SLEPT_S:
                    self.slept_at = now
                    heard = now
                if ready:
                    if not os.read(self._heartbeat_fd, 4096):
                        return  # the child has ended
                    heard, silence_s = now, SILENCE_S
                elif now - heard > silence_s:
                    self.killed = True
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self._process.pid, signal.SIGKILL)
                    return
        finally:
            os.close(self._heartbeat_fd)


def start_collector(settings: Settings, *, allow_cri: bool = True) -> CollectorProcess:
    """The collector of a feed; needs no loop, and next to nothing has to be imported for it.

    Args:
        settings: the feed's.
        allow_cri: it may open an event stream of the CRI where the others allow it, too.

    Raises:
        OSError: no process could be started.
    """
    return CollectorProcess(
        Options(
            endpoint=settings.endpoint,
            source=settings.source.value,
            resync_s=settings.resync_s,
            relist_s=settings.relist_s,
            root=settings.root,
            allow_cri_events=allow_cri,
            debug=settings.debug,
        )
    )


def _environment() -> dict[str, str]:
    """The child's environment: ours, and the package found where ours was found."""
    environment = dict(os.environ)
    package_parent = os.path.dirname(  # noqa: PTH120
        os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    )
    paths = [package_parent, *environment.get("PYTHONPATH", "").split(os.pathsep)]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment
