"""What the kubelet really does, followed in a thread while the dashboard runs.

The thread looks once (cheaply; the kubelet's rhythm only where nothing else tells, once for each
start of the kubelet and when asked), then follows. What it finds is handed to the app's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.types import Change, ChangeKind, KubeletFacts, Look, Mode
from pleg_tui.ui.content.pleg import HALF_DONE, RUNTIME_RESTARTED, Told, banner_worthy
from pleg_tui.ui.off_loop import off_loop
from pleg_tui.ui.site import Site

if TYPE_CHECKING:
    from pleg_tui.node.vitals import Vitals

FOLLOW_S = 10.0
"""Between two cheap looks at the kubelet: each may cost a page of its metrics."""
VITALS_S = 5.0
_SEARCH_S = 30.0
"""Where there is no kubelet: each look goes through all processes."""
_RHYTHM_S = 20.0
_MOST_TOLD = 100
_SWITCHES = "/var/lib/pleg-tui/switches"
"""As migrate.journal has it, which is loaded only where there is one."""
_END_S = 0.3

log = logging.getLogger("pleg_tui.ui")


class Watch(Protocol):
    """As node.kubelet.watch.KubeletWatch."""

    def renew(self, facts: KubeletFacts) -> None:
        """Take what a full look has found."""

    def look(self) -> Look:
        """Look once."""

    def close(self) -> None:
        """Let go."""


class Meter(Protocol):
    """As node.vitals.VitalsMeter."""

    def read(self, kubelet_pid: int | None, kubelet_why: str = "") -> Vitals:
        """One reading."""


class Eyes(Struct):
    """How the thread looks; tests put others here. Heavy imports wait until they are called."""

    read: Callable[[str, KubeletOptions, Callable[[], bool]], KubeletFacts]
    watch: Callable[[str, KubeletOptions, KubeletFacts], Watch]
    meter: Callable[[str, str, str], Meter]


def real_eyes() -> Eyes:
    """Those of the node room."""

    def read(root: str, options: KubeletOptions, stop: Callable[[], bool]) -> KubeletFacts:
        from pleg_tui.node.kubelet.read import read_kubelet

        return read_kubelet(root, options, stop=stop)

    def watch(root: str, options: KubeletOptions, facts: KubeletFacts) -> Watch:
        from pleg_tui.node.kubelet.watch import KubeletWatch

        return KubeletWatch(root, options, facts)

    def meter(root: str, endpoint: str, name: str) -> Meter:
        from pleg_tui.node.vitals import VitalsMeter

        return VitalsMeter(root, endpoint, name)

    return Eyes(read, watch, meter)


class Ask(Struct, frozen=True):
    """A full look that somebody asked for."""

    rhythm: bool
    """Watch its rhythm again, should nothing else tell."""
    node: bool
    """Ask the API server for the Node object."""
    answer: Callable[[KubeletFacts | None], None]


class Cost(Struct):
    """What this watch itself spends: processor time of its thread."""

    first_s: float = 0.0
    """Of the looks before it began to follow."""
    followed_s: float = 0.0
    followed_for_s: float = 0.0

    @property
    def ms_per_s(self) -> float | None:
        """While it follows; None before it has for some time."""
        return self.followed_s / self.followed_for_s * 1000 if self.followed_for_s > 1 else None


class Drift(Struct):
    """The state on the loop's side, and the thread."""

    site: Site
    endpoint: Callable[[], tuple[str, str]]
    """(the runtime's endpoint, its name) as known now."""
    changed: Callable[[], None]
    """Called on the loop when anything below is new."""
    eyes: Eyes = field(default_factory=real_eyes)
    now: Callable[[], float] = time.time
    facts: KubeletFacts | None = None
    """Of the last full look; None: none has ended."""
    look: Look | None = None
    """Of the last cheap look."""
    problem: str = ""
    """Why nothing can be looked at."""
    told: list[Told] = field(default_factory=list)
    """What has changed, newest last."""
    banner: Told | None = None
    """What is to be shown until it is dismissed or mended."""
    vitals: list[Vitals] = field(default_factory=list)
    """Of the last fifteen minutes, oldest first."""
    cost: Cost = field(default_factory=Cost)
    quiet: bool = False
    """A switch of our own restarts things: that is kept, and not raised."""
    watching: bool = False
    """A full look is on its way."""
    rhythm_at: float | None = None
    """When the rhythm was watched last, seconds since the epoch."""
    _asks: queue.SimpleQueue[Ask | None] = field(default_factory=queue.SimpleQueue)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None
    _ending: threading.Event = field(default_factory=threading.Event)

    # -- on the loop

    @property
    def mode(self) -> Mode:
        """What the kubelet does, as far as is known."""
        if self.look is not None:
            return self.look.mode
        return self.facts.mode if self.facts is not None else Mode.UNKNOWN

    @property
    def mode_why(self) -> str:
        """How that is known, or why it is not."""
        if self.problem or self.site.why_not:
            return self.problem or self.site.why_not
        if self.look is not None:
            return self.look.mode_why
        return self.facts.mode_why if self.facts is not None else "it was not looked at yet"

    @property
    def pid(self) -> int | None:
        """The kubelet's process."""
        if self.look is not None:
            return self.look.pid
        return self.facts.pid if self.facts is not None else None

    def start(self) -> None:
        """Begin; to be called once the first picture is drawn."""
        if self._thread is None and not self.site.why_not:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)
            self._thread.start()

    async def full_look(self, *, rhythm: bool = False, node: bool = True) -> KubeletFacts | None:
        """Look at everything once more; None: it could not be.

        Args:
            rhythm: watch the kubelet's rhythm again, should nothing else tell what it does.
            node: ask the API server about the node, too.
        """
        self.start()
        if self._thread is None or not self._thread.is_alive():
            return None
        loop = asyncio.get_running_loop()
        done: asyncio.Future[KubeletFacts | None] = loop.create_future()

        def answer(facts: KubeletFacts | None) -> None:
            if not done.done():
                done.set_result(facts)

        self._asks.put(Ask(rhythm, node, lambda facts: self._post(lambda: answer(facts))))
        return await done

    def dismiss(self) -> None:
        """The banner was read."""
        self.banner = None
        self.changed()

    async def close(self) -> None:
        """End the thread; what it waits for is not waited for."""
        self._ending.set()
        self._asks.put(None)
        thread = self._thread
        if thread is not None:
            await off_loop(lambda: thread.join(_END_S))

    def take_facts(self, facts: KubeletFacts) -> None:
        """A full look has ended."""
        self.facts = facts
        if self.look is not None:
            self.look = replace(self.look, pid=facts.pid, mode=facts.mode, mode_why=facts.mode_why)
        self._mended()
        self.changed()

    def take_look(self, look: Look) -> None:
        """A cheap look has ended."""
        for change in look.changes:
            self.tell(change)
        self.look = look
        self._mended()
        self.changed()

    def take_vitals(self, vitals: Vitals, span_s: float = 900.0) -> None:
        """CPU and memory were read."""
        kept = [one for one in self.vitals if vitals.at - one.at <= span_s]
        self.vitals = [*kept, vitals]
        if vitals.runtime_restarted:
            self._runtime_restarted(vitals)
        self.changed()

    def tell(self, change: Change) -> None:
        """Something has changed: keep it, and raise it where it is worth that."""
        self._keep(Told(change.at, change.kind.value, change.says, change.remedy, change.source))

    def _raise(self, told: Told) -> None:
        self._keep(told)
        self.changed()

    def _keep(self, told: Told) -> None:
        self.told = [*self.told[-_MOST_TOLD + 1 :], told]
        if not self.quiet and banner_worthy(told, self.banner):
            self.banner = told

    # -- inside, on the loop

    def _runtime_restarted(self, vitals: Vitals) -> None:
        remedy = ""
        if self.mode in (Mode.EVENTED, Mode.HINT_ONLY, Mode.FALLEN_BACK):
            remedy = "restart the kubelet, too: the loss of its stream puts it back to polling"
        says = f"the runtime has been restarted ({vitals.who[1]})"
        self._keep(Told(self.now(), RUNTIME_RESTARTED, says, remedy, "/proc"))

    def _mended(self) -> None:
        """What the banner tells of is over: the kubelet lives on events again, or was to poll."""
        banner = self.banner
        if banner is None or banner.kind != ChangeKind.FELL_BACK:
            return
        if self.mode in (Mode.EVENTED, Mode.GENERIC, Mode.HINT_ONLY):
            self.banner = None

    # -- in the thread

    def _post(self, call: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None and not self._ending.is_set():
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(call)

    def _run(self) -> None:
        try:
            if self.site.settle is not None:
                self.site.settle(self.site)
            if (told := half_done(self.site.root, self.now())) is not None:
                self._post(lambda: self._raise(told))
            _Follower(self).run()
        except Exception as error:
            log.exception("the kubelet cannot be watched")
            why = str(error) or type(error).__name__
            self._post(lambda: self._failed(why))
        with contextlib.suppress(queue.Empty):
            while True:
                ask = self._asks.get_nowait()
                if ask is not None:
                    ask.answer(None)

    def _failed(self, why: str) -> None:
        self.problem, self.watching = why, False
        self.changed()


def half_done(root: str, now: float) -> Told | None:
    """A switch that was left half done, or that another process carries out now."""
    if not os.path.isdir(under(root, _SWITCHES)):  # noqa: PTH112
        return None
    from pleg_tui.ui.migrating import read_journal

    record, busy, _ = read_journal(root)
    if record is None or record.finished:
        return None
    if busy:
        says = f"another process is switching this node: {clean(busy)}"
        return Told(now, HALF_DONE, says, "wait for its end, then look at Migrate", "the journal")
    says = f"a switch to {record.target} was left half done at: {clean(record.reached)}"
    return Told(now, HALF_DONE, says, "Migrate finishes or undoes it", "the journal")


class _Follower:
    """The thread's own work."""

    def __init__(self, drift: Drift) -> None:
        self._drift = drift
        self._root = drift.site.root
        self._options = drift.site.kubelet
        self._rhythm_of: tuple[int | None, float | None] | None = None
        self._known: KubeletFacts | None = None
        self._meter: Meter | None = None
        self._meter_for: tuple[str, str] = ("", "")

    def run(self) -> None:
        drift = self._drift
        began = time.thread_time()
        facts = self._full(node=False)
        watch = drift.eyes.watch(self._root, self._options, facts)
        drift.cost.first_s = time.thread_time() - began
        began, began_at = time.thread_time(), time.monotonic()
        next_look = next_vitals = time.monotonic()
        try:
            while not drift._ending.is_set():
                now = time.monotonic()
                if now >= next_vitals:
                    self._vitals()
                    next_vitals = now + VITALS_S
                if now >= next_look:
                    self._follow(watch)
                    found = self._known is not None and self._known.pid is not None
                    next_look = time.monotonic() + (FOLLOW_S if found else _SEARCH_S)
                drift.cost.followed_s = time.thread_time() - began
                drift.cost.followed_for_s = time.monotonic() - began_at
                wait = min(next_look, next_vitals) - time.monotonic()
                with contextlib.suppress(queue.Empty):
                    ask = drift._asks.get(timeout=max(wait, 0.01))
                    if ask is None:
                        break
                    self._answer(ask, watch)
                    next_look = time.monotonic()
        finally:
            watch.close()

    def _answer(self, ask: Ask, watch: Watch) -> None:
        facts: KubeletFacts | None = None
        try:
            facts = self._full(node=ask.node, again=ask.rhythm)
            watch.renew(facts)
        finally:
            ask.answer(facts)

    def _follow(self, watch: Watch) -> None:
        look = watch.look()
        if look.full_look_due:
            if look.changes:  # a new process: what it does is told before the full look has ended
                self._drift._post(lambda: self._drift.take_look(look))
            watch.renew(self._full(node=False))
            look = watch.look()
        self._drift._post(lambda: self._drift.take_look(look))

    def _full(self, *, node: bool, again: bool = False) -> KubeletFacts:
        """Everything that costs little; the rhythm only where that does not tell."""
        drift = self._drift
        drift.watching = True
        drift._post(drift.changed)
        quick = replace(self._options, rhythm_s=0.0, samples_apart_s=0.0, ask_node=node)
        stop = drift._ending.is_set
        facts = drift.eyes.read(self._root, quick, stop)
        start = facts.pid, facts.started_at
        if facts.mode is Mode.UNKNOWN and facts.pid is not None and not stop():
            known = self._known
            drift._post(lambda: drift.take_facts(facts))
            watch_it = again or self._rhythm_of != start
            counted = facts.figures.relists.value is not None
            if watch_it or counted:
                length = (self._options.rhythm_s or _RHYTHM_S) if watch_it else 0.0
                whole = replace(self._options, rhythm_s=length, ask_node=node)
                facts = drift.eyes.read(self._root, whole, stop)
                if any(
                    one.source == "rhythm" and not one.says.startswith("not watched")
                    for one in facts.evidence
                ):
                    self._rhythm_of = facts.pid, facts.started_at
                    drift.rhythm_at = drift.now()
            if (
                facts.mode is Mode.UNKNOWN
                and known is not None
                and (known.pid, known.started_at) == start
                and not again
            ):
                # What was seen of this very process still is the best that is known.
                facts = replace(
                    facts, mode=known.mode, mode_why=known.mode_why, evidence=known.evidence
                )
        self._known = facts
        drift.watching = False
        found = facts
        drift._post(lambda: drift.take_facts(found))
        return facts

    def _vitals(self) -> None:
        drift = self._drift
        endpoint, name = drift.endpoint()
        if not endpoint:
            return
        if self._meter is None or self._meter_for != (endpoint, name):
            self._meter = drift.eyes.meter(self._root, endpoint, name)
            self._meter_for = endpoint, name
        known = self._known
        look = drift.look
        pid = look.pid if look is not None else known.pid if known else None
        why = known.why if known is not None and pid is None else ""
        vitals = self._meter.read(pid, why)
        drift._post(lambda: drift.take_vitals(vitals))
