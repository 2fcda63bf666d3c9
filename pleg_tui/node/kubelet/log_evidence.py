"""What a kubelet's log proves about its mode; pure."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from pleg_tui.node.kubelet.log_lines import RETRIES, LogFacts
from pleg_tui.node.kubelet.types import Evidence, Mode, Weight

_RECENT = 10
_RARE_S = 30.0


def judge_log(log: LogFacts, *, hint_only: bool = False) -> list[Evidence]:
    """What the lines since the kubelet's start say.

    Args:
        log: what was read.
        hint_only: 1.37 or later, which polls in any case.
    """
    if not log.source:
        return [Evidence("log", log.why or "no log was read", Weight.NOTHING)]
    found = []
    if log.fast_path_off:
        says = "it has logged that it disables the fast path for terminations"
        found.append(Evidence("log", says, Weight.STRONG, Mode.FALLEN_BACK, polls=True))
    if log.fell_back:
        says = "it has logged its fall-back to Generic PLEG relisting"
        found.append(Evidence("log", says, Weight.STRONG, polls=True))
    if log.stream_errors:
        found.append(_errors(log, hint_only))
    rhythm = _rhythm(log)
    if rhythm is not None:
        found.append(rhythm)
    if log.events and not found:
        says = f"{log.events} lines about container events received"
        found.append(Evidence("log", says, Weight.WEAK))
    if not found:
        silence = f"none of the {log.lines} lines in {log.source} tells how it learns of changes"
        if log.verbosity is None or log.verbosity < 4:
            silence += " (a fall-back is logged from -v=4 on only)"
        found.append(Evidence("log", silence, Weight.NOTHING))
    if log.why:
        found.append(Evidence("log", log.why, Weight.NOTHING))
    return found


def _errors(log: LogFacts, hint_only: bool) -> Evidence:
    says = f"{log.stream_errors} errors of its event stream"
    if log.burst:
        says += f", {RETRIES} of them within ten seconds"
    if log.stream_errors >= RETRIES and not hint_only:
        says += f": after {RETRIES} it goes back to polling"
        return Evidence("log", says, Weight.STRONG, polls=True)
    return Evidence("log", f"{says} (it allows {RETRIES})", Weight.WEAK)


def _rhythm(log: LogFacts) -> Evidence | None:
    """What the relists say, which are logged from -v=5 on."""
    times = log.relists[-_RECENT:]
    if not times:
        return None
    if len(times) >= 4:
        every = median(later - before for before, later in pairwise(times))
        says = f"the last {len(times)} relists came every {every:.1f} s"
        if 0 < every <= 5:
            return Evidence("log", says, Weight.STRONG, polls=True)
        if every >= _RARE_S:
            return Evidence("log", says, Weight.STRONG, polls=False)
        return Evidence("log", says, Weight.NOTHING)
    quiet = 0.0 if log.last_at is None else log.last_at - times[-1]
    says = f"{len(log.relists)} relists logged, the last {quiet:.0f} s before the log's end"
    if quiet >= _RARE_S:
        return Evidence("log", says, Weight.STRONG, polls=False)
    return Evidence("log", says, Weight.NOTHING)
