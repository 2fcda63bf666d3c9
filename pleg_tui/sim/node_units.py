"""The units of a simulated node: what its systemd would do with the kubelet and the runtime."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from pleg_tui.sim.node_config import ConfigError, crio_pod_events
from pleg_tui.sim.node_layouts import Home
from pleg_tui.sim.node_options import Fault, NodeOptions
from pleg_tui.sim.node_proc import Proc
from pleg_tui.sim.process import python_path
from pleg_tui.sim.server import Simulator
from pleg_tui.sim.sockets import SimulatorError

_DOWN_S = 0.4
"""How long a runtime is away when it restarts (measured on a real containerd: 0.401 s)."""
_STOP_S = 5.0
_RESTART_S = 10.0
"""RestartSec of kubeadm's unit; the runtime's speed shortens it."""


class UnitError(Exception):
    """A unit could not be started; the text is systemctl's."""


@dataclass(slots=True)
class State:
    """What systemctl tells of a unit."""

    active: str = "inactive"
    sub: str = "dead"
    pid: int = 0
    since: float = 0.0
    restarts: int = 0
    exit_code: int = 0
    stopped: bool = field(default=False)
    """By somebody's wish: it is not started again by itself."""


class KubeletUnit:
    """The kubelet's process: started, watched, and started again when it ends."""

    def __init__(self, root: str, home: Home, options: NodeOptions, proc: Proc) -> None:
        self.state = State()
        self._root = root
        self._home = home
        self._options = options
        self._proc = proc
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard.set_result(None)
        self.log_file = f"{root}/var/log/{home.unit}.log"

    async def start(self, *, wait: bool = True) -> None:
        """Start it; `wait`: until it serves or has ended, as `state` then says."""
        self.state.stopped = False
        await self._launch()
        if wait:
            await self._heard

    async def stop(self) -> None:
        """End it for good."""
        self.state.stopped = True
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        await self._end()
        self.state.active, self.state.sub = "inactive", "dead"

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            try:
                async with asyncio.timeout(_STOP_S):
                    await child.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        self._gone(child)

    async def _launch(self) -> None:
        options, home = self._options, self._home
        minor, patch = options.minor_patch
        try:
            arguments = home.arguments(self._root, minor)
        except ConfigError as error:
            self._say(str(error))
            self._failed(1)
            return
        reading, writing = os.pipe()
        told = {
            "root": self._root,
            "minor": minor,
            "patch": patch,
            "git_version": options.git_version,
            "faults_file": f"{self._root}/.simulated/faults.json",
            "token_file": f"{self._root}/.simulated/token",
            "parent_pid": os.getpid(),
            "embedded": home.embedded,
            "log_file": self.log_file,
            "ready_fd": writing,
        }
        environment = {**os.environ, "PYTHONPATH": python_path()}
        if minor in (28, 29):
            environment["KUBELET_CONFIG_DROPIN_DIR_ALPHA"] = "on"
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "pleg_tui.sim.kubelet",
                json.dumps(told),
                "--",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env=environment,
                pass_fds=(writing,),
            )
        finally:
            os.close(writing)
        self._child = child
        self._proc.add(child.pid, home.comm, home.command(arguments), home.unit)
        state = self.state
        state.active, state.sub = "active", "running"
        state.pid, state.since = child.pid, time.time()
        self._heard = asyncio.ensure_future(_until_said(reading))
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        """Restart=always."""
        while True:
            child = self._child
            if child is not None:
                code = await child.wait()
                self._gone(child)
                self._child = None
                self._failed(code)
            await asyncio.sleep(_RESTART_S / max(1.0, self._options.runtime.speed))
            self.state.restarts += 1
            await self._launch()

    def _gone(self, child: asyncio.subprocess.Process) -> None:
        self._proc.remove(child.pid)
        self.state.pid = 0

    def _failed(self, code: int) -> None:
        state = self.state
        state.active, state.sub, state.exit_code = "activating", "auto-restart", code
        if self._watch is None and not state.stopped:
            self._watch = asyncio.create_task(self._keep())

    def _say(self, line: str) -> None:
        with open(self.log_file, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(line + "\n")

    def signal(self, number: int) -> None:
        """Send it a signal (`systemctl kill`)."""
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(number)


class RuntimeUnit:
    """The simulated runtime, which lives in this very process: its pods outlive its restarts."""

    def __init__(self, root: str, home: Home, simulator: Simulator, log_file: str) -> None:
        self.state = State(pid=os.getpid())
        self._root = root
        self._home = home
        self._simulator = simulator
        self._serving = False
        self.log_file = log_file

    def flavour(self) -> str:
        """What its configuration makes of it; empty: as it was.

        Raises:
            ConfigError: it does not start with that.
        """
        if self._home.runtime_comm != "crio":
            return ""
        return "crio" if crio_pod_events(self._root) else "crio-events-off"

    def begun(self) -> None:
        """It serves."""
        self._serving = True
        self.state.active, self.state.sub = "active", "running"
        self.state.pid, self.state.since = os.getpid(), time.time()

    async def stop(self) -> None:
        """Calls and streams break; pods live on."""
        if self._serving:
            await self._simulator.down()
        self._serving = False
        self.state.active, self.state.sub, self.state.pid = "inactive", "dead", 0

    async def start(self) -> None:
        """Serve with what its configuration says now.

        Raises:
            UnitError: it does not start.
        """
        if self._serving:
            return
        try:
            flavour = self.flavour()
            await self._simulator.up(flavour)
        except (ConfigError, SimulatorError) as error:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
            with open(self.log_file, "a", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123
                file.write(f'time="{stamp}Z" level=fatal msg="{error}"\n')
            self.state.active, self.state.sub, self.state.exit_code = "failed", "failed", 1
            unit = self._home.runtime_unit
            raise UnitError(
                f"Job for {unit}.service failed because the control process exited with error "
                f'code.\nSee "systemctl status {unit}.service" and "journalctl -xeu '
                f'{unit}.service" for details.'
            ) from None
        self.begun()

    async def restart(self) -> None:
        """Away for as long as a real one is.

        Raises:
            UnitError: it does not come back.
        """
        await self.stop()
        await asyncio.sleep(_DOWN_S)
        await self.start()


class Units:
    """All of them, by name, and the faults of this node."""

    def __init__(self, root: str, home: Home, kubelet: KubeletUnit, runtime: RuntimeUnit) -> None:
        self.home = home
        self.kubelet = kubelet
        self.runtime = runtime
        self._faults_file = Path(root, ".simulated/faults.json")
        self._lock = asyncio.Lock()

    def named(self, unit: str) -> list[KubeletUnit | RuntimeUnit]:
        """What belongs to a unit, in the order in which it starts; empty: there is none such."""
        parts: list[KubeletUnit | RuntimeUnit] = []
        if unit == self.home.runtime_unit:
            parts.append(self.runtime)
        if unit == self.home.unit:
            parts.append(self.kubelet)
        return parts

    def faults(self) -> frozenset[Fault]:
        """Those that are on."""
        with contextlib.suppress(OSError, ValueError):
            return frozenset(Fault(name) for name in json.loads(self._faults_file.read_text()))
        return frozenset()

    def set_faults(self, faults: frozenset[Fault]) -> None:
        """From now on."""
        new = self._faults_file.with_suffix(".new")
        new.write_text(json.dumps(sorted(faults)))
        new.replace(self._faults_file)

    async def restart(self, unit: str) -> None:
        """As systemd restarts it.

        Raises:
            UnitError: it fails; the text is systemctl's.
        """
        if Fault.RESTART_REFUSED in self.faults():
            raise UnitError(f"Failed to restart {unit}.service: simulated: made to fail")
        async with self._lock:
            parts = self.named(unit)
            if self.kubelet in parts:
                await self.kubelet.stop()
            if self.runtime in parts:
                await self.runtime.restart()
            if self.kubelet in parts:
                # kubelet.service is Type=simple: it counts as started once there is a process.
                await self.kubelet.start(wait=bool(self.home.embedded))

    async def start(self, unit: str) -> None:
        """Start what does not run.

        Raises:
            UnitError: it fails.
        """
        async with self._lock:
            for part in self.named(unit):
                if part.state.active != "active":
                    await part.start()

    async def stop(self, unit: str) -> None:
        """Stop it until somebody starts it."""
        async with self._lock:
            for part in reversed(self.named(unit)):
                await part.stop()

    def kill(self, unit: str, number: int = signal.SIGTERM) -> None:
        """A signal to the unit's main process; the runtime's is this very process, and spared."""
        if self.kubelet in self.named(unit):
            self.kubelet.signal(number)


async def _until_said(fd: int) -> None:
    """Until the other end of a pipe has said something, or is gone."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[None] = loop.create_future()

    def hear() -> None:
        if not heard.done():
            heard.set_result(None)

    loop.add_reader(fd, hear)
    try:
        await heard
    finally:
        loop.remove_reader(fd)
        os.close(fd)
