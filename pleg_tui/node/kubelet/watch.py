"""The cheap, repeated look at a kubelet: has it restarted, fallen back, thrown events away?

Only reads. Blocking, and bounded in time: call it from a thread.
"""

from __future__ import annotations

import time

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.node.kubelet import mode as modes
from pleg_tui.node.kubelet.log_lines import RETRIES, LogFacts
from pleg_tui.node.kubelet.log_tail import LogTail
from pleg_tui.node.kubelet.metrics import Sample, figures_of, judge_metrics, same_process
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.process import (
    KubeletProcess,
    cpu_seconds,
    find_kubelet,
    read_kubelet_process,
    start_ticks,
)
from pleg_tui.node.kubelet.server import KubeletServer
from pleg_tui.node.kubelet.types import (
    Change,
    ChangeKind,
    Evidence,
    Fact,
    Figure,
    KubeletFacts,
    Look,
    Mode,
    PlegFigures,
    Weight,
)

SPAN_S = 20.0
"""Metrics are compared with the reading this long ago: a relist may take seconds."""
_TRY_AGAIN_S = 20.0
_EPISODE_S = 60.0
"""Skipped pods are told once, until so long none was skipped: the log has a line each second."""
_WITHOUT_METRICS_S = 300.0
"""Where no metrics can be read, its rhythm is to be watched anew so often."""

_RESTART = "restart the kubelet to put it back on events"
_RESTARTED = "nothing to do: a kubelet that starts tries events anew"
_WATCH_IT = f"after {RETRIES} it goes back to polling until it is restarted: look at the runtime"
_LOAD = "more changes at once than it can take: see what makes them"


class _Seen(Struct):
    """What was counted up to the last look; None: not known."""

    errors: float | None = None
    discards: float | None = None


class KubeletWatch:
    """Remembers what it saw and tells what has changed since.

    The full look goes first (read_kubelet); this one only follows: the process, its counters
    where its metrics can be read, and the new lines of its log. Where a look says that a full one
    is due, renew() takes its facts.
    """

    def __init__(
        self, root: str, options: KubeletOptions | None = None, facts: KubeletFacts | None = None
    ) -> None:
        """Follow the kubelet under this root, beginning from the facts of a full look."""
        self._root = root
        self._options = options or KubeletOptions()
        self._facts = facts
        self._process: KubeletProcess | None = None
        self._ticks: int | None = None
        self._server: KubeletServer | None = None
        self._tail: LogTail | None = None
        self._samples: list[Sample] = []
        self._seen = _Seen()
        self._mode = Mode.UNKNOWN
        self._why = "no full look has been taken yet"
        self._log_errors = 0
        self._given_up = ""
        self._next_try = 0.0
        self._full_at = time.monotonic()
        self._due = facts is None
        self._cpu: tuple[float, float] | None = None
        self._pending: tuple[Mode, str] | None = None
        self._stale = False
        """The facts are those of an earlier process."""
        self._unhealthy_at = -_EPISODE_S
        self._adopt(facts)

    def renew(self, facts: KubeletFacts) -> None:
        """Take what a full look has found; a mode that differs is told at the next look."""
        told = self._mode
        self._adopt(facts)
        self._due = False
        self._full_at = time.monotonic()
        self._mode, self._pending = told, (facts.mode, facts.mode_why)

    def look(self) -> Look:
        """Look once; call it every few seconds, from one thread at a time.

        Reads two files of /proc, the log's new lines and at most one page of metrics.
        """
        at = time.time()
        changes = self._look_at_process(at)
        if self._process is None:
            return Look(at, None, self._mode, self._why, PlegFigures(), changes, self._due)
        if self._pending is not None:
            mode, why = self._pending
            self._pending = None
            changes += self._to_mode(mode, why, at, "a full look")
        sample = self._read_metrics()
        changes += self._look_at_log(at, counted=sample is not None)
        figures = self._unknown_figures()
        if sample is not None:
            changes += self._look_at_counters(sample, at)
            changes += self._look_at_rate(sample, at)
            figures = self._figures(sample)
        elif time.monotonic() - self._full_at > _WITHOUT_METRICS_S and self._mode in (
            Mode.EVENTED,
            Mode.UNKNOWN,
        ):
            self._due = True
        return Look(at, self._process.pid, self._mode, self._why, figures, changes, self._due)

    def close(self) -> None:
        """Let go of what is held."""
        self._samples.clear()
        self._tail = None
        self._server = None

    def _adopt(self, facts: KubeletFacts | None) -> None:
        self._facts = facts
        self._stale = False
        if facts is None or facts.pid is None:
            self._process = None
            if facts is not None:
                self._why = facts.why
            return
        process = read_kubelet_process(self._root, facts.pid)
        if process is None or not _same_start(process.started_at, facts.started_at):
            self._process = None
            return
        known = self._ticks is not None and self._ticks == start_ticks(self._root, facts.pid)
        self._process = process
        self._ticks = start_ticks(self._root, facts.pid)
        self._mode, self._why = facts.mode, facts.mode_why
        self._server = KubeletServer(facts.root, self._options, facts.config, facts.flags)
        if not known or self._tail is None:
            self._samples.clear()
            self._seen = _Seen(facts.figures.stream_errors.value, facts.figures.discards.value)
            self._log_errors = int(facts.figures.stream_errors.value or 0)
            self._given_up = ""
            self._tail = LogTail(
                self._root, process, self._options.log_file, facts.log_source, facts.log_read
            )

    def _look_at_process(self, at: float) -> tuple[Change, ...]:
        """Whether it is the same process as before."""
        before = self._process
        if (
            before is not None
            and self._ticks is not None
            and self._ticks == start_ticks(self._root, before.pid)
        ):
            return ()
        search = find_kubelet(self._root, None if before else self._options.pid)
        now = search.chosen
        if now is None:
            if before is None:
                self._why = search.why
                return ()
            self._forget(Mode.UNKNOWN, search.why)
            says = f"the kubelet (process {before.pid}) has gone"
            return (Change(ChangeKind.GONE, at, says, "start it again", "/proc"),)
        first = before is None and self._facts is None
        gone = before is None and not first
        self._forget(Mode.UNKNOWN, "it has just been restarted: a full look is due")
        self._process, self._ticks = now, start_ticks(self._root, now.pid)
        self._due = self._stale = True
        facts = self._facts
        if facts is not None:
            self._server = KubeletServer(now.root, self._options, facts.config, facts.flags)
            self._tail = LogTail(
                self._root, now, self._options.log_file, facts.log_source, (time.time(), 0)
            )
        since = now.started_at if now.started_at is not None else at
        if first:
            return ()
        if gone:
            says = f"a kubelet has appeared (process {now.pid})"
            return (Change(ChangeKind.APPEARED, since, says, "", "/proc"),)
        old = f", before: {before.pid}" if before else ""
        says = f"the kubelet has been restarted (process {now.pid}{old})"
        return (Change(ChangeKind.RESTARTED, since, says, _RESTARTED, "/proc"),)

    def _forget(self, mode: Mode, why: str) -> None:
        self._process, self._ticks, self._tail, self._server = None, None, None, None
        self._samples.clear()
        self._seen = _Seen(0.0, 0.0)
        self._log_errors, self._given_up = 0, ""
        self._mode, self._why, self._pending = mode, why, None
        self._cpu = None
        self._next_try = 0.0

    def _read_metrics(self) -> Sample | None:
        if self._server is None or self._process is None:
            return None
        now = time.monotonic()
        if not self._server.door.url and now < self._next_try:
            return None
        sample = self._server.sample()
        if sample is None or not same_process([sample], self._process.started_at):
            self._next_try = now + _TRY_AGAIN_S
            return None
        self._samples.append(sample)
        # One reading that is old enough to compare with is kept, and all that are younger.
        while len(self._samples) > 2 and sample.mono - self._samples[1].mono >= SPAN_S:
            del self._samples[0]
        return sample

    def _look_at_log(self, at: float, *, counted: bool) -> tuple[Change, ...]:
        """What its new lines tell, but for what its metrics have counted already."""
        log = self._tail.new(self._options.timeout_s) if self._tail else LogFacts()
        changes: list[Change] = []
        if log.stream_errors and not counted:
            says = f"{log.stream_errors} errors of its event stream in its log"
            changes.append(Change(ChangeKind.STREAM_ERRORS, at, says, _WATCH_IT, "log"))
        if log.discards and not counted:
            says = f"it threw away {log.discards} pod events, by its log"
            changes.append(Change(ChangeKind.DISCARDS, at, says, _LOAD, "log"))
        told, now = self._unhealthy_at, time.monotonic()
        if log.unhealthy:
            self._unhealthy_at = now
        if log.unhealthy and now - told >= _EPISODE_S:
            says = f"it skipped pods: {log.unhealthy_says}"
            remedy = "the runtime answers too slowly, or not at all"
            changes.append(Change(ChangeKind.UNHEALTHY, at, says, remedy, "log"))
        self._log_errors += log.stream_errors
        hint_only = self._hint_only()
        if log.fell_back:
            self._given_up = "it has logged its fall-back to Generic PLEG relisting"
        elif log.fast_path_off:
            self._given_up = "it has logged that it disables the fast path for terminations"
        elif self._log_errors >= RETRIES and hint_only is False:
            self._given_up = f"its log has {self._log_errors} errors of its event stream"
        undecided = self._mode in (Mode.EVENTED, Mode.HINT_ONLY, Mode.UNKNOWN)
        if self._given_up and undecided and self._gate() is not False:
            changes += self._to_mode(Mode.FALLEN_BACK, self._given_up, at, "log")
        return tuple(changes)

    def _look_at_counters(self, sample: Sample, at: float) -> tuple[Change, ...]:
        changes: list[Change] = []
        new = _risen(self._seen.errors, sample.errors)
        if new:
            says = f"its event stream has ended {new:g} times, {sample.errors:g} since its start"
            changes.append(Change(ChangeKind.STREAM_ERRORS, at, says, _WATCH_IT, "metrics"))
        new = _risen(self._seen.discards, sample.discards)
        if new:
            says = f"it threw away {new:g} pod events, {sample.discards:g} since its start"
            changes.append(Change(ChangeKind.DISCARDS, at, says, _LOAD, "metrics"))
        self._seen = _Seen(
            sample.errors if sample.errors is not None else self._seen.errors,
            sample.discards if sample.discards is not None else self._seen.discards,
        )
        return tuple(changes)

    def _look_at_rate(self, sample: Sample, at: float) -> tuple[Change, ...]:
        """The mode by the relists of the last seconds, where two readings tell."""
        first = self._samples[0]
        if self._facts is None or first is sample:
            return ()
        version, gate = self._facts.version, self._facts.evented_gate
        if self._stale and (sample.version is None or sample.gate is None):
            return ()  # the new process may be of another version, with another gate
        if sample.version is not None:
            version = Fact(sample.version, "its metrics")
        hint_only = modes.is_hint_only(version.value)
        evidence = judge_metrics(first, sample, hint_only=hint_only is True)
        if self._given_up and hint_only:
            evidence.append(
                Evidence("log", self._given_up, Weight.STRONG, Mode.FALLEN_BACK, polls=True)
            )
        if sample.gate is not None:
            gate = replace(gate, on=sample.gate)
        found = modes.judge(version, gate, evidence)
        if found.mode is Mode.UNKNOWN:
            # Errors that have just begun, and relists that have not yet: the next look knows more.
            return ()
        return self._to_mode(found.mode, found.why, at, "metrics")

    def _to_mode(self, mode: Mode, why: str, at: float, source: str) -> tuple[Change, ...]:
        before, self._mode, self._why = self._mode, mode, why
        if before is mode:
            return ()
        if mode is Mode.FALLEN_BACK:
            says = f"the kubelet has fallen back to polling: {why}"
            return (Change(ChangeKind.FELL_BACK, at, says, _RESTART, source),)
        if before is Mode.UNKNOWN or mode is Mode.UNKNOWN:
            return ()
        says = f"the kubelet is {mode.value} now, before: {before.value}; {why}"
        return (Change(ChangeKind.MODE, at, says, "", source),)

    def _hint_only(self) -> bool | None:
        if self._facts is None or self._stale:
            return None
        return modes.is_hint_only(self._facts.version.value)

    def _gate(self) -> bool | None:
        return self._facts.evented_gate.on if self._facts and not self._stale else None

    def _figures(self, sample: Sample) -> PlegFigures:
        url = self._server.door.url if self._server else ""
        first = self._samples[0]
        return figures_of(first, None if first is sample else sample, f"{url}/metrics")

    def _unknown_figures(self) -> PlegFigures:
        """Without metrics: the processor time from /proc, and what the log has counted."""
        why = self._server.door.why if self._server else "no full look has been taken yet"
        unknown = Figure(None, why)
        cpu = unknown
        used = cpu_seconds(self._root, self._process.pid) if self._process else None
        now = time.monotonic()
        if used is not None:
            if self._cpu is not None and now - self._cpu[0] >= 0.5:
                seconds = now - self._cpu[0]
                cpu = Figure((used - self._cpu[1]) / seconds * 1000, f"/proc, over {seconds:.0f} s")
            self._cpu = (now, used)
        known = self._facts.figures if self._facts else PlegFigures()
        return PlegFigures(
            at=time.time(),
            relists=unknown,
            relists_per_s=unknown,
            interval_s=unknown,
            relist_p99_s=unknown,
            events=unknown,
            discards=known.discards,
            stream_errors=replace(known.stream_errors, value=float(self._log_errors))
            if known.stream_errors.value is not None
            else known.stream_errors,
            cpu_ms_per_s=cpu,
        )


def _risen(before: float | None, now: float | None) -> float:
    """By how much a counter has risen; 0 where that is not known."""
    return max(0.0, now - before) if before is not None and now is not None else 0.0


def _same_start(one: float | None, other: float | None) -> bool:
    return one is None or other is None or abs(one - other) < 1.5
