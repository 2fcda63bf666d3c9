"""The answer in one sentence, and what a reader must know beside it.

The sentence is about the runtime's daemon, since that is where the node's own cost is; the clients
are this program's and are named as such. A difference is claimed only where its 95 % interval
excludes zero. Whatever would turn the answer around (the client of events spends more, the
kubelet polls in any case) is in the sentence itself and not in a footnote.
"""

from __future__ import annotations

import re

from pleg_tui.compare.types import Interval, Lane, LaneReport, Report
from pleg_tui.compare.words import LANE, between, ms, of_a_core, span

HINTS_ONLY = (1, 37)
"""From this kubelet on events only hurry terminations, and it polls in any case (KEP-3386)."""
_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,3})")
_MORE = 1.1
"""A client that spends less than this many times the other's CPU spends about the same."""
_MORE_MS = 0.2
"""Nor is a smaller difference than this, in ms/s, worth a word."""
_FEW_BLOCKS = 20


def verdict(report: Report) -> str:
    """One sentence that a manager understands and an engineer cannot fault."""
    said = _of_lanes(report)
    if report.simulated:
        said = f"Simulated, no real node: {said}"
    return said[0].upper() + said[1:] + "."


def polls_anyway(report: Report) -> bool:
    """The kubelet polls whatever its gate says: this node's, or the one asked for, is 1.37+."""
    return bool(_who_polls(report))


def _who_polls(report: Report) -> str:
    """The kubelet that polls in any case, as the subject of a sentence; empty: none does."""
    asked, kubelet = report.plan.kubelet_version, report.kubelet
    if _hints_only(asked):
        return f"a kubelet {asked}"
    if kubelet.mode == "hint-only" or _hints_only(kubelet.version):
        return f"this node's kubelet {kubelet.version}".rstrip()
    return ""


def _hints_only(version: str) -> bool:
    found = _VERSION.match(version)
    return found is not None and (int(found[1]), int(found[2])) >= HINTS_ONLY


def _events(report: Report) -> str:
    """What the evented lane lives on; containerd's own events are not what a kubelet reads."""
    found = report.lanes.get(Lane.EVENTED)
    own = found is not None and found.source.startswith("containerd events")
    return "containerd's own events" if own else "events"


def caveats(report: Report) -> tuple[str, ...]:
    """What a reader must know beside the verdict, a sentence each."""
    said: list[str] = []
    kubelet = report.kubelet
    if report.simulated:
        said.append(
            "All of this was measured on the simulated runtime, whose costs are not a real one's."
        )
    if report.plan.same is not None:
        said.append(
            f"An A/A run: both lanes did what {LANE[report.plan.same]} does, to test the method."
        )
    if who := _who_polls(report):
        said.append(
            f"{who[0].upper()}{who[1:]} polls once a second with or without its EventedPLEG gate; "
            "from 1.37 on, events only hurry the end of a pod."
        )
    elif kubelet.mode == "evented":
        said.append(
            "This node's kubelet already lives on events: what polling costs here is what it saves."
        )
    elif kubelet.mode == "fallen-back":
        said.append(
            "This node's kubelet has its gate on but fell back to polling after five stream "
            "errors, and will poll until it is restarted."
        )
    if not polls_anyway(report) and report.plan.same is None:
        said.append(
            "With events on, a kubelet still relists every 300 s and lists what runs every 2 s for "
            "its housekeeping: events take the 1 s relist away, and nothing else."
        )
    if _events(report) != "events":
        said.append(
            "The evented lane read containerd's own events and looked each changed id up, since "
            "CRI events are not to be had safely here: what a kubelet's CRI events cost is another."
        )
    if any(lane is not None for lane in report.lanes.values()):
        said.append(
            "The clients are this program's, in Python; a kubelet's own cost of either is another."
        )
    if _dearer_client(report) is Lane.EVENTED:
        said.append(
            "An event carries the status of its whole pod, so with much change the client of "
            "events spends more than one that polls."
        )
    if 0 < report.blocks < _FEW_BLOCKS and _intervals(report):
        said.append(
            f"Only {report.blocks} blocks: a longer run (--duration) makes the intervals narrower."
        )
    if report.lanes and not any(lane and lane.detection.n for lane in report.lanes.values()):
        said.append(
            "Nothing changed that could be timed, so there is no detection delay: run it while "
            "pods come and go."
        )
    return tuple(said)


def _intervals(report: Report) -> list[Interval]:
    return [
        lane.runtime_cpu_ms_per_s
        for lane in report.lanes.values()
        if lane is not None and lane.runtime_cpu_ms_per_s is not None
    ]


def _of_lanes(report: Report) -> str:
    polling, evented = report.lanes.get(Lane.POLLING), report.lanes.get(Lane.EVENTED)
    if report.plan.same is not None:
        return _same(report)
    if not _intervals(report):
        return _too_few(report)
    if polling is None or evented is None:
        return _alone(report)
    said = _both(report, polling, evented)
    unseen = [
        f"{name} never saw {found.transitions_missed} of "
        f"{found.transitions_seen + found.transitions_missed} changes"
        for name, found in (("polling", polling), (_events(report), evented))
        if found.transitions_missed
    ]
    said += "".join(f", and {text}" for text in unseen)
    dearer = _dearer_client(report)
    # Where the kubelet polls in any case that turns the answer around already.
    if dearer is not None and not polls_anyway(report):
        spent = {
            lane: found.client_cpu_ms_per_s or 0.0
            for lane, found in ((Lane.POLLING, polling), (Lane.EVENTED, evented))
        }
        other = Lane.POLLING if dearer is Lane.EVENTED else Lane.EVENTED
        said += (
            f"; this program's client spent more on {LANE[dearer]} "
            f"({ms(spent[dearer])} against {ms(spent[other])} ms/s)"
        )
    return said + _kubelet(report)


def _both(report: Report, polling: LaneReport, evented: LaneReport) -> str:
    every, events = f"polling every {span(report.plan.period_s)}", _events(report)
    runtime = report.runtime or "the runtime"
    difference = report.difference_ms_per_s
    costs = (polling.runtime_cpu_ms_per_s, evented.runtime_cpu_ms_per_s)
    if difference is not None and difference.significant:
        more, less = (every, events) if difference.estimate > 0 else (events, every)
        size = abs(difference.estimate)
        low, high = sorted((abs(difference.low), abs(difference.high)))
        return (
            f"{more} {'cost' if more == events else 'costs'} {runtime} {ms(size)} ms/s of CPU more "
            f"than {less} (95 %: {ms(low)} to {ms(high)}), {of_a_core(size)} of one core"
        )
    if all(cost is not None and not cost.significant for cost in costs):
        return f"neither {every} nor {events} cost {runtime} anything measurable{_at_most(*costs)}"
    doubt = "" if difference is None else f" ({between(difference)})"
    return (
        f"{every} takes {_cost(costs[0])} of CPU in {runtime} and {events} take "
        f"{_cost(costs[1])}, with no measurable difference between them{doubt}"
    )


def _cost(cost: Interval | None) -> str:
    if cost is None:
        return "an unknown amount"
    if not cost.significant:
        return "nothing measurable"
    if cost.estimate < 0:  # by chance, or something else changed with the blocks
        return f"less than nothing ({between(cost)} ms/s)"
    return f"{ms(cost.estimate)} ms/s ({between(cost)})"


def _at_most(*costs: Interval | None) -> str:
    known = [cost.high for cost in costs if cost is not None]
    return f" (less than {ms(max(*known, 0.0))} ms/s of CPU)" if known else ""


def _alone(report: Report) -> str:
    lane = Lane.POLLING if report.lanes.get(Lane.POLLING) is not None else Lane.EVENTED
    found = report.lanes[lane]
    cost = found.runtime_cpu_ms_per_s if found is not None else None
    polled = f"polling every {span(report.plan.period_s)}"
    subject = polled if lane is Lane.POLLING else _events(report)
    runtime = report.runtime or "the runtime"
    plural = lane is Lane.EVENTED
    if cost is None or not cost.significant:
        said = f"{subject} {'cost' if plural else 'costs'} {runtime} nothing measurable"
        said += _at_most(cost)
    elif cost.estimate < 0:
        said = (
            f"{runtime} spent {ms(abs(cost.estimate))} ms/s of CPU less with {subject}, which "
            "no cost explains: something else changed with the blocks"
        )
    else:
        said = (
            f"{subject} {'cost' if plural else 'costs'} {runtime} {ms(cost.estimate)} ms/s of CPU "
            f"(95 %: {between(cost)}), {of_a_core(cost.estimate)} of one core"
        )
    if found is not None and found.transitions_missed:
        whole = found.transitions_seen + found.transitions_missed
        said += f", and {LANE[lane]} never saw {found.transitions_missed} of {whole} changes"
    other = Lane.EVENTED if lane is Lane.POLLING else Lane.POLLING
    # The reason is a text of its own (Report.reason), which is shown beside this one.
    said += f"; what {LANE[other]} would cost instead cannot be measured here"
    return said + _kubelet(report)


def _same(report: Report) -> str:
    difference = report.difference_ms_per_s
    if difference is None:
        return _too_few(report)
    lane = LANE[report.plan.same] if report.plan.same is not None else ""
    if difference.significant:
        return (
            f"both lanes did the same ({lane}), and yet a difference of "
            f"{ms(difference.estimate)} ms/s was found ({between(difference)}), as happens by "
            "chance in one run of twenty: if it happens again, do not trust this node's figures"
        )
    return (
        f"both lanes did the same ({lane}), and no difference was found "
        f"({between(difference)} ms of CPU per second), as it should be"
    )


def _too_few(report: Report) -> str:
    counted = [block for block in report.measured if not block.spoiled]
    if counted and all(block.runtime_cpu_ns is None for block in counted):
        return (
            "the runtime's CPU could not be read, so what either lane costs it is unknown; run it "
            "as root, on the node itself or with --root"
        )
    read = sum(block.runtime_cpu_ns is not None for block in counted)
    if 0 < read < len(counted):
        return (
            f"too few blocks to tell anything: of {report.blocks} that counted, the runtime's CPU "
            f"could be read in {read}, and three replicates of four are the least"
        )
    return (
        f"too few blocks to tell anything: {report.blocks} counted, and three replicates of four "
        "are the least"
    )


def _dearer_client(report: Report) -> Lane | None:
    """The lane whose client spent clearly more; None: neither, or unknown."""
    spent: list[tuple[float, Lane]] = []
    for lane, found in report.lanes.items():
        if found is None or found.client_cpu_ms_per_s is None:
            return None
        spent.append((found.client_cpu_ms_per_s, lane))
    if len(spent) < 2 or report.plan.same is not None:
        return None
    (less, _), (more, lane) = sorted(spent)
    return lane if more > _MORE * less and more - less > _MORE_MS else None


def _kubelet(report: Report) -> str:
    if who := _who_polls(report):
        return f"; but {who} polls in any case, so a switch saves none of it"
    if report.kubelet.mode == "evented":
        return "; this node's kubelet already lives on events"
    return ""
