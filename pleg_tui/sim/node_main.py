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
import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pleg_tui.sim.kubelet.certificate import CERTIFICATE, KEY, self_signed
from pleg_tui.sim.node_config import ConfigError
from pleg_tui.sim.node_control import Control, write_scripts
from pleg_tui.sim.node_layouts import Home, Ports, write, write_node
from pleg_tui.sim.node_options import Fault, Layout, NodeOptions
from pleg_tui.sim.node_proc import Proc
from pleg_tui.sim.node_units import KubeletUnit, RuntimeUnit, UnitError, Units
from pleg_tui.sim.options import Options


class Node:
    """The processes and files of one simulated node, in a root that is empty before."""

    def __init__(self, options: NodeOptions, root: str) -> None:
        self.options = options
        self.root = root
        self._stopping: list[Callable[[], Any]] = []

    async def start(self) -> dict[str, Any]:
        """Make the files, start runtime and kubelet; what the ready line says.

        Raises:
            UnitError: the runtime does not start.
            OSError: something cannot be had.
        """
        options, root = self.options, self.root
        ports = Ports(*_free_ports(3 if options.read_only_port else 2))
        home, runtime_options = self._prepare(ports)
        own = f"{root}/.simulated"
        proc = Proc(root)
        proc.begin(os.getpid())
        kubelet = KubeletUnit(root, home, options, proc)
        runtime = RuntimeUnit(root, home, runtime_options, proc)
        units = Units(root, home, kubelet, runtime)
        units.set_faults(options.faults)
        control = Control(units)
        await control.open(f"{own}/control.sock")
        self._stopping.append(control.close)
        self._stopping.append(runtime.stop)
        said = json.loads(await runtime.start())
        self._stopping.append(kubelet.stop)
        with contextlib.suppress(UnitError):  # one that does not start is shown, too
            await kubelet.start()
        return {
            **said,
            "socket": runtime_options.socket,
            "endpoint": f"unix://{runtime_options.socket}",
            "scenario": runtime_options.scenario,
            "seed": runtime_options.seed,
            "log_dir": runtime_options.log_dir,
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
            "restart_command": f"{own}/bin/systemctl restart {{unit}}",
        }

    def _prepare(self, ports: Ports) -> tuple[Home, Options]:
        """Every file, and what the runtime is told."""
        options, root = self.options, self.root
        own = f"{root}/.simulated"
        home = write_node(root, options, ports)
        certificate, key = self_signed("simulated-node")
        write(root, CERTIFICATE, certificate)
        write(root, KEY, key, 0o600)
        write(root, "/.simulated/token", secrets.token_urlsafe(32) + "\n", 0o600)
        write_scripts(f"{own}/bin", f"{own}/control.sock")
        return home, replace(
            options.runtime,
            socket=os.path.realpath(f"{root}{home.socket}"),
            log_dir=options.runtime.log_dir or f"{root}/var/log",
            began_ns=time.time_ns(),
            parent_pid=os.getpid(),
        )

    async def stop(self) -> None:
        """End everything that start began."""
        for stop in reversed(self._stopping):
            done = stop()
            if done is not None:
                await done
        self._stopping.clear()


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
        UnitError: the runtime does not start.
        OSError: something cannot be had.
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
    except (UnitError, ConfigError, OSError) as error:
        sys.stderr.write(f"pleg-tui: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run(*from_json(sys.argv[1])))
