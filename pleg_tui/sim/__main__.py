"""`python -m pleg_tui.sim`: a simulated runtime in the foreground.

Prints one JSON line when it serves, ends on SIGTERM, SIGINT, or when its parent is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from contextlib import suppress

from pleg_tui.sim.options import Options, add_arguments, from_namespace


def ready_line(fields: dict[str, object]) -> str:
    """The line that says that it serves."""
    return json.dumps({"ready": True, "simulated": True, **fields}, separators=(",", ":"))


async def serve(options: Options) -> int:
    """Serve until a signal or the parent's end.

    Returns:
        The exit code: 130 after Ctrl-C.

    Raises:
        SimulatorError: the socket cannot be had.
    """
    from pleg_tui.sim.server import Simulator

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
    async with Simulator(options) as simulator:
        watch = asyncio.create_task(_watch_parent(options.parent_pid, ended))
        runtime = simulator.runtime
        line = ready_line(
            {
                "socket": simulator.socket,
                "endpoint": simulator.endpoint,
                "flavour": options.flavour,
                "scenario": options.scenario,
                "runtime_name": runtime.flavour.runtime_name,
                "runtime_version": runtime.version,
                "pods": len(simulator.world.sandboxes),
                "containers": len(simulator.world.containers),
                "seed": options.seed,
                "log_dir": simulator.log_dir,
                "pid": os.getpid(),
            }
        )
        with suppress(OSError), os.fdopen(os.dup(sys.stdout.fileno()), "w") as said:
            # Through a file of its own: nothing is left to flush when nobody reads any more.
            said.write(line + "\n")
        await ended.wait()
        watch.cancel()
    return code


async def _watch_parent(pid: int, ended: asyncio.Event) -> None:
    """Set ended when that process is gone.

    A process descriptor tells of the process; the parent-death signal would tell of the thread
    that started us, which may end long before.
    """
    if not pid:
        return
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        ended.set()
        return
    except (OSError, AttributeError):
        while os.getppid() == pid:  # noqa: ASYNC110 - no event tells of it here
            await asyncio.sleep(1)
        ended.set()
        return
    loop.add_reader(descriptor, ended.set)


def run(options: Options) -> int:
    """Serve in the foreground; the exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from pleg_tui.sim.sockets import SimulatorError

    try:
        return asyncio.run(serve(options))
    except SimulatorError as error:
        sys.stderr.write(f"pleg-tui: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pleg_tui.sim", description="A simulated container runtime."
    )
    add_arguments(parser)
    try:
        options = from_namespace(parser.parse_args())
    except ValueError as error:
        parser.error(str(error))
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
