"""A report from the JSON that `--save` wrote, for `compare --diff`.

Keys that this version does not know are left alone, and those that were added later may be missing;
anything else that is not as it should be is refused in one sentence.
"""

from __future__ import annotations

import math
import re

from pleg_tui.compare.fields import MOST, NotOurs, Reader
from pleg_tui.compare.types import (
    Arm,
    Block,
    Detection,
    Interval,
    KubeletBeside,
    Lane,
    LaneReport,
    LaneUse,
    Missed,
    Plan,
    Projected,
    Projection,
    Report,
)

_SCHEMA = re.compile(r"pleg-tui/([\w-]{1,40})/v(\d{1,4})", re.ASCII)


def from_json(document: object) -> Report:
    """The report that a parsed document holds.

    Raises:
        NotOurs: it holds none.
    """
    top = Reader(document, "")
    _check_schema(top)
    runtime = top.part("runtime")
    return Report(
        simulated=top.flag("simulated"),
        runtime=" ".join(filter(None, (runtime.text("name"), runtime.text("version")))),
        kubelet=_read_kubelet(top.part("kubelet")),
        pods=top.whole("pods"),
        containers=top.whole("containers"),
        blocks=top.whole("blocks"),
        spoiled=top.texts("spoiled"),
        seconds=top.number("seconds"),
        seed=top.whole("seed", low=-MOST),
        baseline_runtime_cpu_ms_per_s=top.part("baseline").maybe("runtime_cpu_ms_per_s"),
        lanes={
            lane: None if (part := top.part("lanes").some(lane.value)) is None else _read_lane(part)
            for lane in Lane
        },
        reason=top.text("reason"),
        missed=tuple(_read_missed(one) for one in top.parts("missed")),
        projection=_read_projection(top.some("projection")),
        overhead=top.text("overhead"),
        verdict=top.text("verdict"),
        caveats=top.texts("caveats"),
        started_at=top.time("started_at"),
        measured=tuple(_read_block(one) for one in top.parts("measured")),
        plan=_read_plan(top.some("plan")),
        difference_ms_per_s=_read_interval(_within(top, "difference", "runtime_cpu_ms_per_s")),
    )


def _check_schema(top: Reader) -> None:
    said = top.values.get("schema")
    found = _SCHEMA.fullmatch(said) if isinstance(said, str) else None
    if found is None:
        raise NotOurs("it is no report of pleg-tui: compare --save FILE writes one")
    if found[1] != "compare":
        raise NotOurs(
            f"it is what pleg-tui {found[1]} wrote, not a report: compare --save FILE writes one"
        )
    if int(found[2]) != 1:
        raise NotOurs(
            f"it was written by a later pleg-tui (schema v{found[2]}), and this one reads v1: "
            "use that version for both"
        )


def _within(top: Reader, outer: str, inner: str) -> Reader | None:
    part = top.some(outer)
    return None if part is None else part.some(inner)


def _read_kubelet(part: Reader) -> KubeletBeside:
    return KubeletBeside(
        part.text("version"),
        part.text("mode") or "unknown",
        part.maybe("cpu_ms_per_s"),
        part.maybe("relists_per_s"),
        part.maybe("relist_ms"),
        part.text("source"),
        part.text("why"),
    )


def _read_interval(part: Reader | None) -> Interval | None:
    if part is None:
        return None
    found = Interval(part.number("estimate"), part.number("low"), part.number("high"))
    if not found.low <= found.estimate <= found.high:
        raise part.bad("estimate", "outside its own interval")
    return found


def _read_plan(part: Reader | None) -> Plan:
    if part is None:
        return Plan()
    return Plan(
        part.number("duration_s"),
        part.number("block_s"),
        part.number("warmup_s"),
        part.number("period_s"),
        part.whole("seed", low=-MOST),
        part.text("kubelet_version"),
        None if part.values.get("same") is None else part.one_of("same", Lane),
    )


def _read_lane(part: Reader) -> LaneReport:
    timed = part.part("detection_ms")
    return LaneReport(
        part.text("source"),
        part.maybe("client_cpu_ms_per_s"),
        _read_interval(part.some("runtime_cpu_ms_per_s")),
        _read_interval(part.some("shims_cpu_ms_per_s")),
        _read_interval(part.some("kubelet_cpu_ms_per_s")),
        part.maybe("calls_per_s"),
        part.maybe("bytes_per_s"),
        part.maybe("context_switches_per_s"),
        part.maybe_whole("rss_bytes"),
        part.maybe("events_per_s"),
        part.whole("transitions_seen"),
        part.whole("transitions_missed"),
        Detection(
            timed.maybe("p50"),
            timed.maybe("p90"),
            timed.maybe("p99"),
            timed.maybe("max"),
            timed.whole("n"),
            tuple(
                (math.inf if (edge := bar.maybe("le")) is None else edge, bar.whole("n"))
                for bar in timed.parts("histogram")
            ),
            timed.values.get("paired") is True,
        ),
    )


def _read_missed(part: Reader) -> Missed:
    return Missed(
        part.one_of("lane", Lane),
        part.text("name"),
        part.text("id"),
        part.text("state"),
        part.time("at"),
        part.maybe("lived_ms"),
    )


def _read_projection(part: Reader | None) -> Projection | None:
    if part is None:
        return None
    return Projection(
        tuple(
            Projected(
                row.whole("pods"),
                row.number("transitions_per_s"),
                row.number("polling_ms_per_s"),
                row.number("evented_ms_per_s"),
            )
            for row in part.parts("rows")
        ),
        {one.whole("pods"): one.maybe("transitions_per_s") for one in part.parts("crossings")},
        part.maybe("relist_ms"),
        part.maybe("event_ms"),
        part.texts("assumptions"),
    )


def _read_block(part: Reader) -> Block:
    lanes = part.part("lanes")
    return Block(
        part.whole("index"),
        part.one_of("arm", Arm),
        part.number("seconds"),
        part.time("started_at"),
        part.maybe_whole("runtime_cpu_ns"),
        part.maybe_whole("shims_cpu_ns"),
        part.maybe_whole("kubelet_cpu_ns"),
        part.maybe_whole("runtime_rss_bytes"),
        part.whole("transitions"),
        {
            lane: LaneUse(
                use.whole("cpu_ns"),
                use.whole("calls"),
                use.whole("bytes"),
                use.whole("context_switches"),
                use.whole("rss_bytes"),
                use.whole("events"),
            )
            for lane in Lane
            if (use := lanes.some(lane.value)) is not None
        },
        part.text("spoiled"),
        part.whole("pods"),
        part.whole("containers"),
    )
