"""A switch in a process of its own: `python -m pleg_tui.migrate.worker`, its job on standard input.

The dashboard starts it in a session of its own, so neither a lost terminal nor the dashboard's end
stops a switch that has begun: it goes on to its end, or puts everything back, and the journal says
which. What happens is told as JSON lines on standard output, as long as somebody reads them.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import sys
import time
from typing import Any, Literal

from msgspec import Struct, field, to_builtins

from pleg_tui.migrate import apply as applying
from pleg_tui.migrate.files import NodeFiles
from pleg_tui.migrate.hands import SystemHands, Verdict
from pleg_tui.migrate.journal import Journal
from pleg_tui.migrate.measure import Usage, measure
from pleg_tui.migrate.plan import Plan
from pleg_tui.migrate.rollback import RollbackRefused, UndoFailed, rollback
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.process import find_kubelet
from pleg_tui.node.kubelet.types import KubeletFacts, Mode
from pleg_tui.node.runtime_config import find_runtime


class Job(Struct, frozen=True):
    """What is to be done."""

    kind: Literal["apply", "finish", "rollback"]
    facts: KubeletFacts
    """As the admin saw it; tells where the kubelet's healthz is."""
    root: str = "/"
    options: KubeletOptions = field(default_factory=KubeletOptions)
    restart_command: str = ""
    endpoint: str = ""
    """Of the runtime, as seen from here."""
    plan: Plan | None = None
    """For apply: the very plan that was confirmed."""
    expects: tuple[Mode, ...] = ()
    """For finish."""
    measure_s: float = 0.0
    """How long to measure the processor time before, and again after; 0: not at all."""


def pack(job: Job) -> bytes:
    """The job as the worker reads it; it goes from our process to our own child, nowhere else."""
    return pickle.dumps(job)


def run(job: Job) -> None:
    """Do it, and tell what happens; the last line tells how it ended."""
    try:
        _do(job)
    except (applying.ApplyError, RollbackRefused) as error:
        say("end", result="refused", why=str(error))
    except UndoFailed as error:
        say("end", result="broken", why=str(error))
    except KeyboardInterrupt:
        say("end", result="refused", why="it was interrupted before anything was changed")
    except Exception as error:
        say("end", result="broken", why=f"a fault of this program ({type(error).__name__}: {error})"
            ": `pleg-tui check` tells whether something was left half done")  # fmt: skip


def _do(job: Job) -> None:
    files, journal = NodeFiles(job.root), Journal.at(job.root)
    hands = SystemHands(
        job.facts,
        root=job.root,
        options=job.options,
        restart_command=job.restart_command,
        endpoint=job.endpoint,
        tell=tell,
    )
    if job.kind == "rollback":
        record = rollback(journal, files, hands, tell)
        say("end", result="undone", why=f"every file is as before the switch to {record.target}")
        return
    before = _measured(job, "before")
    if job.kind == "finish":
        outcome = applying.finish(job.expects, files, journal, hands, tell)
    else:
        assert job.plan is not None  # noqa: S101 - the dashboard's own job
        outcome = applying.apply(job.plan, files, journal, hands, tell)
    if not outcome.applied:
        say("end", result="failed", why=outcome.why, verdict=_verdict(outcome.verdict))
        return
    say("applied", verdict=_verdict(outcome.verdict))
    if before:
        _measured(job, "after")
    say("end", result="applied", why="", verdict=_verdict(outcome.verdict))


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {"ok": verdict.ok, "mode": verdict.mode.value, "says": verdict.says}


def _measured(job: Job, when: str) -> tuple[Usage, ...]:
    if job.measure_s <= 0:
        return ()
    tell(f"measuring the CPU {when}")
    kubelet = find_kubelet(job.root, job.options.pid if when == "before" else None).chosen
    runtime, _ = find_runtime(job.root, job.endpoint)
    pids = {
        "kubelet": kubelet.pid if kubelet else None,
        runtime.name if runtime else "runtime": runtime.pid if runtime else None,
    }
    found = measure(job.root, pids, job.measure_s, lambda left: say("left", seconds=left))
    say("usage", when=when, parts=[to_builtins(one) for one in found])
    return found


def tell(line: str) -> None:
    """A step begins."""
    say("step", text=line)


def say(kind: str, **more: Any) -> None:
    """One line; when nobody reads any more, the work goes on all the same."""
    line = json.dumps({"kind": kind, "at": time.time(), **more})
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def main() -> None:
    """Read the job, do it."""
    job = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
    run(job)
    # What could not be told because the reader is gone must not be tried again at the end.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
