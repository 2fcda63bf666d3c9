"""Migrate as the dashboard runs it: the look, the plan, and a switch in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.migrate.checks import Answer, Check, answer, because, check
from pleg_tui.migrate.facts import Facts, PodsSeen, RuntimeSeen, pods_seen, runtime_seen
from pleg_tui.migrate.files import NodeFiles
from pleg_tui.migrate.journal import Busy, Journal, JournalError, Record, Stage, unfinished
from pleg_tui.migrate.machine import read_machine, with_writable
from pleg_tui.migrate.plan import Plan, Refused, Target, expected, plan
from pleg_tui.migrate.rollback import candidate
from pleg_tui.migrate.worker import Job
from pleg_tui.model import Pod, RuntimeInfo
from pleg_tui.node.kubelet.types import KubeletFacts
from pleg_tui.node.runtime_config import read_runtime_config
from pleg_tui.ui.content.migrate_run import planned, undo_steps
from pleg_tui.ui.content.pleg import HALF_DONE
from pleg_tui.ui.drift import Drift
from pleg_tui.ui.off_loop import off_loop
from pleg_tui.ui.switch_run import Run, Worker

MEASURES = (0.0, 30.0, 120.0)
"""Seconds that may be chosen for the figures before and after."""
_END_SIMULATED_S = 1.0

log = logging.getLogger("pleg_tui.ui")

Live = Callable[[], tuple[RuntimeInfo | None, Sequence[Pod] | None]]
"""The runtime, and its pods where they are known."""


class Seen(Struct, frozen=True):
    """One look at the node, judged."""

    facts: Facts
    checks: tuple[Check, ...]
    answer: Answer
    because: str
    at: float
    """Seconds since the epoch."""
    record: Record | None = None
    """The switch that a rollback would undo."""
    busy: str = ""
    """Another process carries out a switch: what its journal says."""
    journal_error: str = ""

    @property
    def half_done(self) -> Record | None:
        """A switch that was interrupted, and that nobody works on."""
        record = self.record
        return record if record is not None and not record.finished and not self.busy else None


def judged(facts: Facts, at: float, **more: Any) -> Seen:
    """The look with its answer."""
    checks = check(facts)
    return Seen(facts, checks, answer(facts, checks), because(facts, checks), at, **more)


class Migrating:
    """Everything behind the Migrate screen; goes on while other screens are looked at."""

    def __init__(
        self,
        drift: Drift,
        live: Live,
        changed: Callable[[], None],
        *,
        work: Callable[[Job, Callable[[Mapping[str, Any]], None]], Worker] = Worker,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.drift = drift
        self.site = drift.site
        self.seen: Seen | None = None
        self.looking = False
        self.error = ""
        """Why the last look came to nothing."""
        self.plan: Plan | Refused | None = None
        self.target: Target = "evented"
        self.accept_risks = False
        self.measure_s = MEASURES[1]
        self.run: Run | None = None
        """The switch that goes on, or the last one."""
        self.left_behind = ""
        """What to say when the program has ended and a switch has not."""
        self._live = live
        self._changed = changed
        self._work = work
        self._now = now
        self._worker: Worker | None = None

    @property
    def running(self) -> bool:
        """A switch of ours goes on."""
        return self.run is not None and not self.run.result

    @property
    def ends_with_us(self) -> bool:
        """The node is simulated: it ends with the program, and with it whatever changes it."""
        return self.site.simulated

    @property
    def word(self) -> str:
        """What is to be typed before anything is changed: the node's name, up to the first dot."""
        return (self.site.name or os.uname().nodename).partition(".")[0] or "yes"

    def listen(self, changed: Callable[[], None]) -> None:
        """Tell this one from now on."""
        self._changed = changed

    # -- looking

    async def look(self, *, rhythm: bool = False) -> None:
        """Look at the node; an earlier plan is made anew."""
        if self.looking:
            return
        self.looking, self.error = True, ""
        self._changed()
        try:
            kubelet = await self.drift.full_look(rhythm=rhythm)
            if kubelet is None:
                self.error = self.drift.problem or self.site.why_not or "the node cannot be read"
                return
            info, pods = self._live()
            self.seen = await off_loop(lambda: self._gather(kubelet, info, pods))
            banner = self.drift.banner
            if banner is not None and banner.kind == HALF_DONE and self.seen.half_done is None:
                self.drift.dismiss()
            if self.plan is not None and not self.running:
                self.make_plan(self.target)
        except Exception as error:
            log.exception("the node cannot be judged")
            self.error = f"a fault of this program, sorry ({type(error).__name__}: {error})"
        finally:
            self.looking = False
            self._changed()

    def _gather(
        self, kubelet: KubeletFacts, info: RuntimeInfo | None, pods: Sequence[Pod] | None
    ) -> Seen:
        """In a thread: what else there is to know, and the answer."""
        site = self.site
        runtime = runtime_seen(info)
        listed = PodsSeen() if pods is None else pods_seen(pods)
        theirs = _real(site.root, kubelet.runtime_endpoint.value or "")
        if info is not None and theirs and theirs != _real("/", info.endpoint):
            why = (
                f"this dashboard shows {info.endpoint}, and the kubelet uses "
                f"{kubelet.runtime_endpoint.value}: start it with -r unix://{theirs}"
            )
            runtime, listed = RuntimeSeen(why=why), PodsSeen(why=why)
        endpoint = kubelet.runtime_endpoint.value or (info.endpoint if info else "")
        record, busy, fault = read_journal(site.root)
        facts = Facts(
            kubelet,
            runtime,
            read_runtime_config(site.root, endpoint, runtime.name, runtime.endpoint),
            listed,
            read_machine(site.root, site.restart_command),
            unfinished(record if record is not None and not record.finished else None),
        )
        facts = with_writable(facts, NodeFiles(site.root))
        return judged(facts, self._now(), record=record, busy=busy, journal_error=fault)

    # -- planning

    def make_plan(self, target: Target) -> None:
        """What it takes; needs a look before."""
        if self.seen is None:
            return
        self.target = target
        files = NodeFiles(self.site.root)
        self.plan = plan(target, self.seen.facts, files, accept_risks=self.accept_risks)
        self._changed()

    def drop_plan(self) -> None:
        """There is no plan any more."""
        self.plan = None
        self._changed()

    @property
    def has_work(self) -> bool:
        """There is a plan, and it changes something."""
        return isinstance(self.plan, Plan) and not self.plan.nothing_to_do

    @property
    def usual_target(self) -> Target:
        """Where this node would be taken: to events, and back once it is there."""
        seen = self.seen
        return "generic" if seen is not None and seen.answer is Answer.IN_USE else "evented"

    def turn_measure(self) -> None:
        """Another length of the measurement before and after."""
        place = MEASURES.index(self.measure_s) if self.measure_s in MEASURES else 0
        self.measure_s = MEASURES[(place + 1) % len(MEASURES)]
        self._changed()

    def why_not(self, restarts: bool) -> str:
        """Why nothing can be changed from here; empty where it can."""
        if self.running:
            return "a switch is going on"
        seen = self.seen
        if seen is None:
            return "the node was not looked at yet"
        if seen.busy:
            return f"another process is switching this node: {seen.busy}"
        if os.geteuid() != 0 and not self.site.simulated:
            return "this needs root: leave, and start it as `sudo -E pleg-tui`"
        systemd = seen.facts.machine.systemd
        if restarts and systemd.on is not True:
            return (
                f"services cannot be restarted from here: {systemd.source}; start pleg-tui with "
                "--restart-command, or use `pleg-tui switch` with it"
            )
        return ""

    # -- doing

    def apply(self) -> None:
        """Carry the plan out that was confirmed."""
        made, seen = self.plan, self.seen
        if isinstance(made, Plan) and seen is not None and not self.running:
            steps = planned(made, measure=self.measure_s > 0)
            job = replace(self._job(seen, "apply"), plan=made, measure_s=self.measure_s)
            self._start(job, f"switching to {made.target}", steps)

    def finish(self) -> None:
        """Finish a switch that was interrupted."""
        seen = self.seen
        if seen is None or seen.half_done is None or self.running:
            return
        record = seen.half_done
        job = replace(self._job(seen, "finish"), expects=expected(record.target, seen.facts))
        done = Plan(record.target, (), record.restarts)
        writes = tuple(f"writing {entry.path}" for entry in record.entries)
        steps = (*writes, *planned(done, measure=False, keep=False))
        self._start(job, f"finishing the switch to {record.target}", steps)

    def undo(self) -> None:
        """Put everything back."""
        seen = self.seen
        if seen is None or seen.record is None or self.running:
            return
        record = seen.record
        job = self._job(seen, "rollback")
        self._start(job, f"rolling back the switch to {record.target}", undo_steps(record))

    async def close(self) -> None:
        """The program ends: a switch of a real node goes on, that of a simulated one ends."""
        worker = self._worker
        if worker is None or not self.running:
            return
        self._changed = _nothing
        if self.ends_with_us:
            await off_loop(lambda: worker.end(_END_SIMULATED_S))
        elif worker.pid is not None:
            self.left_behind = (
                f"the switch goes on in process {worker.pid}; `pleg-tui check` tells how it ended, "
                "`pleg-tui rollback` undoes it"
            )

    def _job(self, seen: Seen, kind: Any) -> Job:
        site = self.site
        return Job(
            kind,
            seen.facts.kubelet,
            site.root,
            site.kubelet,
            site.restart_command,
            seen.facts.runtime.endpoint,
        )

    def _start(self, job: Job, title: str, steps: tuple[str, ...]) -> None:
        loop = asyncio.get_running_loop()
        self.run = Run(title, job.kind, steps, self._now())
        self.plan = None
        self.drift.quiet = True

        def hear(said: Mapping[str, Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._heard, said)

        self._worker = self._work(job, hear)
        self._changed()

    def _heard(self, said: Mapping[str, Any]) -> None:
        run = self.run
        if run is None:
            return
        if said.get("kind") != "gone":
            run.hear(said)
            self._changed()
            return
        if not run.result:
            run.result = "broken"
            run.ended_at = self._now()
            run.why = (
                f"{said.get('why', 'its process is gone')} before it said how it ended: look "
                "again, and finish or undo it"
            )
        self._worker = None
        self.drift.quiet = False
        self._changed()
        self._again = asyncio.get_running_loop().create_task(self.look())

    _again: asyncio.Task[None] | None = None


def read_journal(root: str) -> tuple[Record | None, str, str]:
    """(the switch that a rollback would undo, who is at it now, why it cannot be read)."""
    journal = Journal.at(root)
    try:
        record = candidate(journal)
    except JournalError as error:
        return None, "", str(error)
    if record is None or record.finished:
        return record, "", ""
    try:
        with journal.locked():
            return record, "", ""
    except Busy:
        doing = "undoing" if record.stage is Stage.UNDOING else f"switching to {record.target}"
        return record, f"{doing}, {record.reached}", ""
    except JournalError as error:
        return record, "", str(error)


def _real(root: str, endpoint: str) -> str:
    from pleg_tui.cri.sockets import under

    path = endpoint.removeprefix("unix://")
    return os.path.realpath(under(root, path)) if path.startswith("/") else ""


def _nothing() -> None:
    """There is nobody to be told any more."""
