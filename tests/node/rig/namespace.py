"""The outside end of `init.py`: namespaces with one daemon in them, opened and closed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ORDER_TIMEOUT_S = 30.0


class RigError(Exception):
    """The rig did not do what it was asked for; its text says what and why."""


class Namespace:
    """Private mount and process namespaces; closing kills every process in them.

    Args:
        chroot: the root that programs see.
        instance: a folder of this instance's own, seen under the same path inside.
        state: a folder that becomes /var/lib/containerd inside.
    """

    def __init__(self, chroot: Path, instance: Path, state: Path) -> None:
        init = Path(__file__).with_name("init.py")
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"]
        argv += ["--propagation", "private", sys.executable, "-I", "-S", str(init)]
        self._process = subprocess.Popen(
            [*argv, str(chroot), str(instance), str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C at the terminal is not for it
            env={k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"},
        )
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._exited = threading.Event()
        self.exit_code: int | None = None
        """How the daemon last ended; negative for a signal."""
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._answer(ORDER_TIMEOUT_S)
        except RigError:
            self.close()
            raise

    def run(self, *argv: str, timeout: float = ORDER_TIMEOUT_S) -> str:
        """Run a program of the chroot to its end and return what it wrote to standard output.

        Raises:
            RigError: it failed, or did not end in time (s).
        """
        done = self._order({"op": "run", "argv": argv, "timeout": timeout}, timeout + 5)
        if done["code"]:
            raise RigError(f"{' '.join(argv)}: {done['err'].strip() or done['code']}")
        return str(done["out"])

    def start(self, *argv: str) -> None:
        """Start the daemon.

        Raises:
            RigError: it cannot be started.
        """
        self._exited.clear()
        self.exit_code = None
        self._order({"op": "start", "argv": argv})

    def signal(self, number: int, wait_s: float = 10.0) -> bool:
        """Send the daemon a signal and wait for its end; True when it has ended."""
        self._order({"op": "signal", "signal": number})
        return self._exited.wait(wait_s)

    @property
    def exited(self) -> bool:
        """The daemon was started and has ended."""
        return self._exited.is_set()

    def close(self) -> None:
        """End everything in the namespaces; safe to call twice."""
        if self._process.stdin and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()  # --kill-child takes the namespace with it
            self._process.wait(10)
        self._reader.join(5)
        if self._process.stdout:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "exited" in message:
                self.exit_code = message["exited"]
                self._exited.set()
            else:
                self._answers.put(message.get("answer", message))
        self._answers.put({"error": "the namespace's first process has ended"})
        self._exited.set()

    def _order(self, order: dict[str, Any], timeout: float = ORDER_TIMEOUT_S) -> dict[str, Any]:
        with self._lock:
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps(order).encode() + b"\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                raise RigError("the namespace's first process has ended") from None
            return self._answer(timeout)

    def _answer(self, timeout: float) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            raise RigError(f"the namespace gave no answer within {timeout:g} s") from None
        if "error" in answer:
            raise RigError(answer["error"])
        return answer


def wait_until(what: str, ready: Callable[[], bool], timeout: float, every: float = 0.01) -> None:
    """Call `ready` until it is true.

    Raises:
        RigError: it was not within `timeout` seconds.
    """
    end = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > end:
            raise RigError(f"{what} did not happen within {timeout:g} s")
        time.sleep(every)
