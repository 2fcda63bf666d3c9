"""`python -m pleg_tui.sim.node_main '{…}'`: a whole simulated node in the foreground.

Prints one JSON line when runtime and kubelet serve, ends on SIGTERM, SIGINT, or with its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from pleg_tui.sim.kubelet.certificate import self_signed
from pleg_tui.sim.kubelet.main import CERTIFICATE, KEY
from pleg_tui.sim.node_control import Control, write_scripts
from pleg_tui.sim.node_layouts import Home, Ports, write, write_node
from pleg_tui.sim.node_options import Fault, Layout, NodeOptions
from pleg_tui.sim.node_proc import Proc
from pleg_tui.sim.node_units import KubeletUnit, RuntimeUnit, Units
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator
from pleg_tui.sim.sockets import SimulatorError


class Node:
    """The processes and files of one simulated node, in a root that is empty before."""

    def __init__(self, options: NodeOptions, root: str) -> None:
        self.options = options
        self.root = root
        self._stopping: list[Callable[[], Any]] = []

    async def start(self) -> dict[str, Any]:
        """Make the files, start runtime and kubelet; what the ready line says.

        Raises:
            SimulatorError: something cannot be had.
        """
        options, root = self.options, self.root
        own = f"{root}/.simulated"
        ports = Ports(*_free_ports(3 if options.read_only_port else 2))
        home = write_node(root, options, ports)
        certificate, key = self_signed("simulated-node")
        write(root, CERTIFICATE, certificate)
        write(root, KEY, key, 0o600)
        write(root, "/.simulated/token", secrets.token_urlsafe(32) + "\n", 0o600)
        write_scripts(f"{own}/bin", f"{own}/control.sock")

        simulator = Simulator(replace(options.runtime, **self._runtime_options(home)))
        proc = Proc(root)
        proc.begin(os.getpid())
        kubelet = KubeletUnit(root, home, options, proc)
        runtime = RuntimeUnit(root, home, simulator, f"{root}/var/log/{home.runtime_comm}.log")
        units = Units(root, home, kubelet, runtime)
        units.set_faults(options.faults)
        simulator_options = simulator.options
        await simulator.start()
        self._stopping.append(simulator.stop)
        runtime.begun()
        proc.add(os.getpid(), home.runtime_comm, home.runtime_command, home.runtime_unit)
        control = Control(units)
        await control.open(f"{own}/control.sock")
        self._stopping.append(control.close)
        self._stopping.append(kubelet.stop)
        await kubelet.start()
        return {
            "socket": simulator.socket,
            "endpoint": simulator.endpoint,
            "flavour": simulator_options.flavour,
            "scenario": simulator_options.scenario,
            "runtime_name": simulator.runtime.flavour.runtime_name,
            "runtime_version": simulator.runtime.version,
            "pods": len(simulator.world.sandboxes),
            "containers": len(simulator.world.containers),
            "seed": simulator_options.seed,
            "log_dir": simulator.log_dir,
            "pid": os.getpid(),
            "root": root,
            "layout": options.layout.value,
            "unit": home.unit,
            "runtime_unit": home.runtime_unit,
            "kubelet_version": options.git_version,
            "kubelet_pid": kubelet.state.pid,
            "kubelet_url": f"https://127.0.0.1:{ports.main}",
            "read_only_url": f"http://127.0.0.1:{ports.read_only}" if ports.read_only else "",
            "healthz_url": f"http://127.0.0.1:{ports.healthz}/healthz",
            "token_file": f"{own}/token",
            "ca_file": f"{root}{CERTIFICATE}",
            "log_file": kubelet.log_file,
            "bin": f"{own}/bin",
        }

    async def stop(self) -> None:
        """End everything that start began."""
        for stop in reversed(self._stopping):
            done = stop()
            if done is not None:
                await done
        self._stopping.clear()

    def _runtime_options(self, home: Home) -> dict[str, Any]:
        flavour = self.options.runtime.flavour
        if self.options.layout is Layout.CRIO:
            flavour = "crio" if self.options.pod_events else "crio-events-off"
        return {
            "socket": os.path.realpath(f"{self.root}{home.socket}"),
            "flavour": flavour,
        }


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has now, and zeros to make three."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets] + [0] * (3 - count)
    finally:
        for one in sockets:
            one.close()


async def serve(options: NodeOptions, root: str, parent_pid: int) -> int:
    """Be the node until a signal, or until the parent is gone; the exit code.

    Raises:
        SimulatorError: something cannot be had.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    code = 0

    def interrupted() -> None:
        nonlocal code
        code = 130
        ended.set()

    loop.add_signal_handler(signal.SIGINT, interrupted)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    if parent_pid:
        try:
            loop.add_reader(os.pidfd_open(parent_pid), ended.set)
        except OSError:
            return 1  # it is gone already
    node = Node(options, root)
    try:
        fields = await node.start()
        line = json.dumps({"ready": True, "simulated": True, **fields}, separators=(",", ":"))
        with contextlib.suppress(OSError), os.fdopen(os.dup(1), "w") as said:
            said.write(line + "\n")
        await ended.wait()
    finally:
        await node.stop()
        if parent_pid:
            # The parent, which made the folder, may be gone.
            shutil.rmtree(root, ignore_errors=True)
    return code


def from_json(text: str) -> tuple[NodeOptions, str, int]:
    """The options, the root and the parent's pid."""
    told = json.loads(text)
    root, parent = told.pop("root"), told.pop("parent_pid")
    told["layout"] = Layout(told["layout"])
    told["faults"] = frozenset(Fault(name) for name in told["faults"])
    told["runtime"] = Options(**told["runtime"])
    return NodeOptions(**told), root, parent


def run(options: NodeOptions, root: str, parent_pid: int = 0) -> int:
    """Be the node in the foreground; the exit code."""
    try:
        return asyncio.run(serve(options, root, parent_pid))
    except (SimulatorError, OSError) as error:
        sys.stderr.write(f"pleg-tui: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run(*from_json(sys.argv[1])))
