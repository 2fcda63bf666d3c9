"""A simulator as a child process; imports no grpc, so that a screen may start one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from pleg_tui.sim.child import SimulatorProcessError, end, last_line, python_path, ready
from pleg_tui.sim.options import Options, to_arguments


class SimulatorProcess:
    """`python -m pleg_tui.sim` on a socket in a temporary folder, in a session of its own.

    The endpoint is known at once, so a client that retries may `launch` and go on; `start` (and
    `with`) waits until it serves. The child ends with this process, however this process ends.
    """

    def __init__(self, options: Options | None = None) -> None:
        """Options without a socket get one in a temporary folder, made here."""
        options = options or Options()
        self._folder = ""
        if not options.socket:
            self._folder = tempfile.mkdtemp(prefix="pleg-tui-sim-")
            options = replace(options, socket=f"{self._folder}/cri.sock", temporary=self._folder)
        self.options = replace(options, parent_pid=os.getpid())
        self.info: dict[str, Any] = {}
        """The child's ready line, once it has been read."""
        self._child: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()

    @property
    def socket(self) -> str:
        """Path of its unix socket."""
        return self.options.socket

    @property
    def endpoint(self) -> str:
        """As a client is told: `unix:///…`."""
        return f"unix://{self.options.socket}"

    @property
    def pid(self) -> int | None:
        """Of the child; None before it was launched."""
        return self._child.pid if self._child is not None else None

    @property
    def running(self) -> bool:
        """It was launched and has not ended."""
        return self._child is not None and self._child.poll() is None

    def launch(self) -> Self:
        """Start the child and do not wait for it.

        Raises:
            SimulatorProcessError: no process can be started.
        """
        command = [sys.executable, "-P", "-m", "pleg_tui.sim", *to_arguments(self.options)]
        environment = {**os.environ, "PYTHONPATH": python_path()}
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise SimulatorProcessError(f"cannot start the simulator: {error}") from None
        return self

    def wait_ready(self, timeout_s: float = 15.0) -> Self:
        """Until it serves.

        Raises:
            SimulatorProcessError: it ended, or did not serve in time; it is stopped then.
        """
        if self._child is None:
            raise SimulatorProcessError("the simulator was not launched")
        if self.info:
            return self
        try:
            self.info = ready(self._child, timeout_s, "the simulator")
        except SimulatorProcessError as error:
            self._fail(str(error))
        return self

    def start(self, timeout_s: float = 15.0) -> Self:
        """Launch it and wait until it serves.

        Raises:
            SimulatorProcessError: as `launch` and `wait_ready`.
        """
        return self.launch().wait_ready(timeout_s)

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the child and remove what it left; harmless when it has ended."""
        child, self._child = self._child, None
        if child is not None:
            end(child, timeout_s)
        self._errors.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _fail(self, what: str) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        last = last_line(self._errors)
        self.stop()
        raise SimulatorProcessError(f"{what}: {last}" if last else what)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
