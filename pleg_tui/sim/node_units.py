"""The units of a simulated node: what its systemd would do with the kubelet and the runtime."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

from pleg_tui.sim.child import python_path
from pleg_tui.sim.node_config import ConfigError, crio_pod_events
from pleg_tui.sim.node_layouts import Home
from pleg_tui.sim.node_options import Fault, NodeOptions
from pleg_tui.sim.node_proc import Proc
from pleg_tui.sim.options import Options

_STOP_S = 5.0
_RESTART_S = 10.0
"""RestartSec of kubeadm's unit; the runtime's speed shortens it."""


class UnitError(Exception):
    """A unit could not be started; the text is systemctl's."""


class State(Struct):
    """What systemctl tells of a unit."""

    active: str = "inactive"
    sub: str = "dead"
    pid: int = 0
    since: float = 0.0
    restarts: int = 0
    exit_code: int = 0
    stopped: bool = field(default=False)
    """By somebody's wish: it is not started again by itself."""


class Command(Struct, frozen=True):
    """A process to start."""

    module: tuple[str, ...]
    """What Python runs, and its arguments."""
    comm: str
    """The name that the node's /proc shows, and the command line that it shows."""
    shown: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class ProcessUnit:
    """A service of one process: started, watched, and started again when it ends."""

    def __init__(self, name: str, log_file: str, restart_s: float, proc: Proc) -> None:
        self.name = name
        self.log_file = log_file
        self.state = State()
        self._restart_s = restart_s
        self._proc = proc
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._heard.set_result(b"")

    def command(self, ready_fd: int) -> Command:
        """What to start now.

        Raises:
            ConfigError: nothing can be started with this configuration.
        """
        raise NotImplementedError

    async def start(self, *, wait: bool = True) -> bytes:
        """Start it; `wait`: until it serves or has ended (Type=notify). What it says then.

        Raises:
            UnitError: it was waited for, and has ended.
        """
        self.state.stopped = False
        await self._launch()
        if not wait:
            return b""
        said = await self._heard
        if not said:
            raise UnitError(
                f"Job for {self.name}.service failed because the control process exited with "
                f'error code.\nSee "systemctl status {self.name}.service" and "journalctl -xeu '
                f'{self.name}.service" for details.'
            )
        return said

    async def stop(self) -> None:
        """End it until somebody starts it."""
        self.state.stopped = True
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        child, self._child = self._child, None
        if child is not None:
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
        self.state.active, self.state.sub = "inactive", "dead"

    def signal(self, number: int) -> None:
        """Send it a signal (`systemctl kill`)."""
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(number)

    async def _launch(self) -> None:
        reading, writing = os.pipe()
        try:
            command = self.command(writing)
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                *command.module,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": python_path(), **command.environment},
                pass_fds=(writing,),
            )
        except ConfigError as error:
            os.close(reading)
            with open(self.log_file, "a", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123
                file.write(f"{error}\n")
            self._heard = asyncio.get_running_loop().create_future()
            self._heard.set_result(b"")
            self._failed(1)
            return
        finally:
            os.close(writing)
        self._child = child
        self._proc.add(child.pid, command.comm, command.shown, self.name)
        state = self.state
        state.active, state.sub = "active", "running"
        state.pid, state.since = child.pid, time.time()
        self._heard = asyncio.ensure_future(_is_ready(reading))
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
            await asyncio.sleep(self._restart_s)
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


class KubeletUnit(ProcessUnit):
    """The kubelet, or k3s as far as it is one."""

    def __init__(self, root: str, home: Home, options: NodeOptions, proc: Proc) -> None:
        wait_s = _RESTART_S / max(1.0, options.runtime.speed)
        super().__init__(home.unit, f"{root}/var/log/{home.unit}.log", wait_s, proc)
        self._root = root
        self._home = home
        self._options = options

    def command(self, ready_fd: int) -> Command:
        """From the files that its unit reads."""
        options, home = self._options, self._home
        minor, patch = options.minor_patch
        arguments = home.arguments(self._root, minor)
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
            "ready_fd": ready_fd,
        }
        return Command(
            ("pleg_tui.sim.kubelet", json.dumps(told), "--", *arguments),
            home.comm,
            tuple(home.command(arguments)),
            {"KUBELET_CONFIG_DROPIN_DIR_ALPHA": "on"} if minor in (28, 29) else {},
        )


class RuntimeUnit(ProcessUnit):
    """The simulated runtime; its pods outlive its restarts."""

    def __init__(self, root: str, home: Home, options: Options, proc: Proc) -> None:
        wait_s = _RESTART_S / max(1.0, options.speed)
        super().__init__(home.runtime_unit, f"{root}/var/log/{home.runtime_comm}.log", wait_s, proc)
        self._root = root
        self._home = home
        self._options = options

    def command(self, ready_fd: int) -> Command:
        """With what CRI-O's files say now."""
        options = self._options
        if self._home.runtime_comm == "crio":
            flavour = "crio" if crio_pod_events(self._root) else "crio-events-off"
            options = replace(options, flavour=flavour)
        told = {"options": to_builtins(options), "ready_fd": ready_fd}
        return Command(
            ("pleg_tui.sim.node_runtime", json.dumps(told)),
            self._home.runtime_comm,
            self._home.runtime_command,
        )


class Units:
    """All of them, by name, and the faults of this node."""

    def __init__(self, root: str, home: Home, kubelet: KubeletUnit, runtime: RuntimeUnit) -> None:
        self.home = home
        self.kubelet = kubelet
        self.runtime = runtime
        self._faults_file = Path(root, ".simulated/faults.json")
        self._lock = asyncio.Lock()

    def named(self, unit: str) -> list[ProcessUnit]:
        """What belongs to a unit, in the order in which it starts; empty: there is none such."""
        parts: list[ProcessUnit] = []
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
                await self.runtime.stop()
                await self.runtime.start()
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
                    await part.stop()  # it may be about to be started again by itself
                    await part.start()

    async def stop(self, unit: str) -> None:
        """Stop it until somebody starts it."""
        async with self._lock:
            for part in reversed(self.named(unit)):
                await part.stop()

    def kill(self, unit: str, number: int = signal.SIGTERM) -> None:
        """A signal to the unit's processes."""
        for part in self.named(unit):
            part.signal(number)


async def _is_ready(fd: int) -> bytes:
    """What the other end of a pipe says once it serves; empty: it is gone."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[None] = loop.create_future()

    def hear() -> None:
        if not heard.done():
            heard.set_result(None)

    loop.add_reader(fd, hear)
    try:
        await heard
        return os.read(fd, 4096)
    finally:
        loop.remove_reader(fd)
        os.close(fd)
