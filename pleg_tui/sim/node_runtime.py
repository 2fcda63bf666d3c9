"""`python -m pleg_tui.sim.node_runtime '{…}'`: a simulated node's runtime, one process a start."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


async def _serve(told: dict[str, object]) -> None:
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from pleg_tui.sim.options import Options
    from pleg_tui.sim.server import Simulator

    fields = told["options"]
    assert isinstance(fields, dict)  # noqa: S101 - written by the node
    ready_fd = int(str(told["ready_fd"]))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    if os.getppid() != fields["parent_pid"]:
        return
    async with Simulator(Options(**fields)) as simulator:
        fact = {
            "flavour": simulator.options.flavour,
            "runtime_name": simulator.runtime.flavour.runtime_name,
            "runtime_version": simulator.runtime.version,
            "pods": len(simulator.world.sandboxes),
            "containers": len(simulator.world.containers),
        }
        with contextlib.suppress(OSError):
            os.write(ready_fd, json.dumps(fact).encode())
            os.close(ready_fd)
        await ended.wait()


def main() -> int:
    """Serve until a signal, or until the node is gone; the exit code."""
    from pleg_tui.sim.sockets import SimulatorError

    told = json.loads(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    # As with the kubelet: only the node's own /proc calls it containerd or crio.
    libc.prctl(_PR_SET_NAME, b"sim-runtime", 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    try:
        asyncio.run(_serve(told))
    except SimulatorError as error:
        sys.stderr.write(f"pleg-tui: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
