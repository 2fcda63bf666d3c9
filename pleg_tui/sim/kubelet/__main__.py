"""`python -m pleg_tui.sim.kubelet '{…}' -- --config=…`: started by the simulated node only."""

from __future__ import annotations

import ctypes
import json
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


def main() -> int:
    """The command line: a JSON object, "--", and the kubelet's own arguments."""
    from pleg_tui.sim.kubelet.main import Job, run
    from pleg_tui.sim.kubelet.traits import Traits

    if len(sys.argv) < 3 or sys.argv[2] != "--":
        sys.stderr.write("pleg-tui: the simulated kubelet is started with `pleg-tui simulate`\n")
        return 2
    told = json.loads(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    # Not "kubelet": who looks for one on this machine must not find this one. The simulated node's
    # own /proc gives it that name.
    libc.prctl(_PR_SET_NAME, b"sim-kubelet", 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    job = Job(
        root=told["root"],
        traits=Traits(told["minor"], told["patch"], told["git_version"]),
        arguments=tuple(sys.argv[3:]),
        faults_file=told["faults_file"],
        token_file=told["token_file"],
        parent_pid=told["parent_pid"],
        embedded=told["embedded"],
    )
    return run(job, told["log_file"], told["ready_fd"])


if __name__ == "__main__":
    sys.exit(main())
