"""A simulated node as child processes; imports no grpc, so that a screen may start one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pleg_tui.sim.child import SimulatorProcessError, end, last_line, python_path, ready
from pleg_tui.sim.node_options import Fault, Layout, NodeOptions

_SOCKETS = {
    Layout.KUBEADM: "/run/containerd/containerd.sock",
    Layout.EKS: "/run/containerd/containerd.sock",
    Layout.K3S: "/run/k3s/containerd/containerd.sock",
    Layout.CRIO: "/run/crio/crio.sock",
}
"""Of the runtime, links followed; as node_layouts has them."""


class SimulatedNode:
    """A folder for `--root` with a simulated runtime, kubelet and systemctl that really restart.

    The processes end with this one, however it ends, and the folder goes with `stop`. `start`, and
    `with`, return when the kubelet runs and serves (a kubelet that refuses to start: when it has).
    """

    def __init__(self, options: NodeOptions | None = None) -> None:
        self.options = options or NodeOptions()
        self.root = ""
        """The node's file system: give it as --root. Its marker file says that it is simulated."""
        self.info: dict[str, Any] = {}
        """The node's ready line: everything below, for scripts."""
        self._child: subprocess.Popen[bytes] | None = None
        self._waiting = threading.Lock()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()

    # ---- what is where ----

    @property
    def endpoint(self) -> str:
        """The runtime's, as seen from here: `unix://<root>/run/…`; known as soon as launched."""
        return f"unix://{os.path.realpath(self.root)}{_SOCKETS[self.options.layout]}"

    @property
    def kubelet_url(self) -> str:
        """Of its authenticated port: https, with a certificate that it signed itself."""
        return str(self.info["kubelet_url"])

    @property
    def read_only_url(self) -> str:
        """Of its port without authentication; empty unless that was asked for."""
        return str(self.info["read_only_url"])

    @property
    def healthz_url(self) -> str:
        """Of its own health, plain."""
        return str(self.info["healthz_url"])

    @property
    def token_file(self) -> str:
        """A file with a bearer token that may read everything of the kubelet."""
        return str(self.info["token_file"])

    @property
    def ca_file(self) -> str:
        """The kubelet's own certificate, which is its authority too."""
        return str(self.info["ca_file"])

    @property
    def log_file(self) -> str:
        """The kubelet's log, as seen from here."""
        return str(self.info["log_file"])

    @property
    def bin(self) -> str:
        """A folder for PATH: a systemctl and a journalctl that know this node only."""
        return str(self.info["bin"])

    @property
    def unit(self) -> str:
        """The systemd unit that runs the kubelet: kubelet, or k3s."""
        return str(self.info["unit"])

    @property
    def runtime_unit(self) -> str:
        """The systemd unit that runs the runtime: containerd, crio, or k3s."""
        return str(self.info["runtime_unit"])

    @property
    def kubelet_pid(self) -> int | None:
        """Of the kubelet as it runs now; None when it does not."""
        text = self.systemctl("show", "-p", "MainPID", "--value", self.unit).stdout
        pid = int(text) if text.strip().isdigit() else 0
        return pid or None

    # ---- what can be done to it ----

    def restart(self, unit: str) -> None:
        """As `systemctl restart unit`.

        Raises:
            SimulatorProcessError: it failed; the text is what systemctl said.
        """
        done = self.systemctl("restart", unit)
        if done.returncode:
            raise SimulatorProcessError(done.stderr.strip() or f"cannot restart {unit}")

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The stand-in, run as a child."""
        return subprocess.run(
            [f"{self.bin}/systemctl", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def fault(self, fault: Fault, on: bool = True) -> None:
        """Make something go wrong from now on, or right again.

        Raises:
            SimulatorProcessError: the node does not answer.
        """
        done = self.systemctl("simulate-fault", fault.value, "on" if on else "off")
        if done.returncode:
            raise SimulatorProcessError(done.stderr.strip() or "the simulated node does not answer")

    # ---- its life ----

    @property
    def running(self) -> bool:
        """It was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self, timeout_s: float = 30.0) -> Self:
        """Make the folder, start runtime and kubelet, and wait until they serve.

        Raises:
            SimulatorProcessError: it could not be had; everything is cleaned up then.
        """
        return self.launch().wait_ready(timeout_s)

    def launch(self) -> Self:
        """Make the folder and start everything, and do not wait for it.

        Raises:
            SimulatorProcessError: no process can be started; everything is cleaned up then.
        """
        self.root = tempfile.mkdtemp(prefix="pleg-tui-node-", dir=short_folder())
        wanted = json.dumps(to_json(self.options, self.root, os.getpid()))
        command = [sys.executable, "-P", "-m", "pleg_tui.sim.node_main", wanted]
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, "PYTHONPATH": python_path()},
                start_new_session=True,
            )
        except OSError as error:
            self.stop()
            raise SimulatorProcessError(f"cannot start the simulated node: {error}") from None
        return self

    def wait_ready(self, timeout_s: float = 30.0) -> Self:
        """Until runtime and kubelet serve; from any thread.

        Raises:
            SimulatorProcessError: they ended, or did not in time; everything is cleaned up then.
        """
        with self._waiting:
            if not self.info:
                if self._child is None:
                    raise SimulatorProcessError("the simulated node does not run")
                try:
                    self.info = ready(self._child, timeout_s, "the simulated node")
                except SimulatorProcessError as error:
                    self._fail(str(error))
        return self

    def wait_runtime(self, timeout_s: float = 15.0) -> Self:
        """Until there is the runtime's socket; the kubelet comes a little later.

        Raises:
            SimulatorProcessError: as wait_ready().
        """
        path = self.endpoint.removeprefix("unix://")
        deadline = time.monotonic() + timeout_s
        while not os.path.exists(path):  # noqa: PTH110 - many times
            if not self.running:
                self._fail("the simulated node ended before it served")
            if time.monotonic() >= deadline:
                self._fail(f"the simulated node did not serve within {timeout_s:g} s")
            time.sleep(0.01)
        return self

    def stop(self, timeout_s: float = 5.0) -> None:
        """End its processes and remove its folder; harmless when it has ended."""
        child, self._child = self._child, None
        if child is not None:
            end(child, timeout_s)
        self._errors.close()
        if self.root:
            shutil.rmtree(self.root, ignore_errors=True)

    def _fail(self, what: str) -> None:
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


def to_json(options: NodeOptions, root: str, parent_pid: int) -> dict[str, Any]:
    """What the child is told."""
    from msgspec import to_builtins

    return {
        **to_builtins(options),
        "faults": sorted(options.faults),
        "root": root,
        "parent_pid": parent_pid,
    }


def short_folder() -> str | None:
    """Where the folder may be made so that its sockets' paths are not too long; None: anywhere."""
    usual = tempfile.gettempdir()
    return "/tmp" if len(usual) > 40 and Path("/tmp").is_dir() else None  # noqa: S108
