"""The report as the JSON object that scripts get; `pleg_tui.compare.reading` is the way back.

Keys are only added, never renamed; unknown is null; times are RFC 3339 with nanoseconds, or plain
numbers whose name ends in their unit.
"""

from __future__ import annotations

import math
import time
from typing import Any

from pleg_tui.compare.types import Block, Interval, Lane, LaneReport, Plan, Projection, Report

SCHEMA = "pleg-tui/compare/v1"
_SECOND_NS = 1_000_000_000


def to_json(report: Report) -> dict[str, Any]:
    """What `compare -o json` and `--save` write: plain dicts, lists, numbers and strings."""
    name, _, version = report.runtime.partition(" ")
    return {
        "schema": SCHEMA,
        "simulated": report.simulated,
        "started_at": time_text(report.started_at),
        "runtime": {"name": name or None, "version": version or None},
        "kubelet": {
            "version": report.kubelet.version or None,
            "mode": report.kubelet.mode,
            "cpu_ms_per_s": number(report.kubelet.cpu_ms_per_s),
            "relists_per_s": number(report.kubelet.relists_per_s),
            "relist_ms": number(report.kubelet.relist_ms),
            "source": report.kubelet.source or None,
            "why": report.kubelet.why or None,
        },
        "pods": report.pods,
        "containers": report.containers,
        "blocks": report.blocks,
        "spoiled": list(report.spoiled),
        "seconds": number(report.seconds),
        "seed": report.seed,
        "plan": _plan(report.plan),
        "baseline": {"runtime_cpu_ms_per_s": number(report.baseline_runtime_cpu_ms_per_s)},
        "lanes": {
            lane.value: None if (found := report.lanes.get(lane)) is None else _lane(found)
            for lane in Lane
        },
        "difference": {"runtime_cpu_ms_per_s": interval(report.difference_ms_per_s)},
        "reason": report.reason or None,
        "missed": [
            {
                "lane": one.lane.value,
                "name": one.name or None,
                "id": one.id,
                "state": one.state,
                "at": time_text(one.at),
                "lived_ms": number(one.lived_ms),
            }
            for one in report.missed
        ],
        "projection": _projection(report.projection),
        "overhead": report.overhead or None,
        "verdict": report.verdict,
        "caveats": list(report.caveats),
        "measured": [_block(block) for block in report.measured],
    }


def number(value: float | None) -> float | None:
    """Rounded to what means something; null for what no JSON number can be."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else round(value, 6) + 0.0  # no -0.0


def time_text(ns: int) -> str | None:
    """RFC 3339, UTC, all nine digits; null for what is not known."""
    if ns <= 0:
        return None
    seconds, rest = divmod(ns, _SECOND_NS)
    try:
        parts = time.gmtime(seconds)
    except (OverflowError, OSError, ValueError):
        return None
    if parts.tm_year > 9999:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%S", parts) + f".{rest:09d}Z"


def interval(found: Interval | None) -> dict[str, Any] | None:
    """An estimate as it stands in every object."""
    if found is None:
        return None
    return {
        "estimate": number(found.estimate),
        "low": number(found.low),
        "high": number(found.high),
        "significant": found.significant,
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "duration_s": number(plan.duration_s),
        "block_s": number(plan.block_s),
        "warmup_s": number(plan.warmup_s),
        "period_s": number(plan.period_s),
        "seed": plan.seed,
        "kubelet_version": plan.kubelet_version or None,
        "same": plan.same.value if plan.same else None,
    }


def _lane(lane: LaneReport) -> dict[str, Any]:
    timed = lane.detection
    return {
        "source": lane.source,
        "client_cpu_ms_per_s": number(lane.client_cpu_ms_per_s),
        "runtime_cpu_ms_per_s": interval(lane.runtime_cpu_ms_per_s),
        "shims_cpu_ms_per_s": interval(lane.shims_cpu_ms_per_s),
        "kubelet_cpu_ms_per_s": interval(lane.kubelet_cpu_ms_per_s),
        "calls_per_s": number(lane.calls_per_s),
        "bytes_per_s": number(lane.bytes_per_s),
        "context_switches_per_s": number(lane.context_switches_per_s),
        "rss_bytes": lane.rss_bytes,
        "events_per_s": number(lane.events_per_s),
        "transitions_seen": lane.transitions_seen,
        "transitions_missed": lane.transitions_missed,
        "detection_ms": {
            "p50": number(timed.p50),
            "p90": number(timed.p90),
            "p99": number(timed.p99),
            "max": number(timed.max),
            "n": timed.n,
            "paired": timed.paired,
            "histogram": [{"le": number(edge), "n": count} for edge, count in timed.histogram],
        },
    }


def _projection(projection: Projection | None) -> dict[str, Any] | None:
    if projection is None:
        return None
    return {
        "modelled": True,
        "relist_ms": number(projection.relist_ms),
        "event_ms": number(projection.event_ms),
        "assumptions": list(projection.assumptions),
        "rows": [
            {
                "pods": row.pods,
                "transitions_per_s": number(row.transitions_per_s),
                "polling_ms_per_s": number(row.polling_ms_per_s),
                "evented_ms_per_s": number(row.evented_ms_per_s),
            }
            for row in projection.rows
        ],
        "crossings": [
            {"pods": pods, "transitions_per_s": number(rate)}
            for pods, rate in projection.crossings.items()
        ],
    }


def _block(block: Block) -> dict[str, Any]:
    return {
        "index": block.index,
        "arm": block.arm.value,
        "seconds": number(block.seconds),
        "started_at": time_text(block.started_at),
        "runtime_cpu_ns": block.runtime_cpu_ns,
        "shims_cpu_ns": block.shims_cpu_ns,
        "kubelet_cpu_ns": block.kubelet_cpu_ns,
        "runtime_rss_bytes": block.runtime_rss_bytes,
        "transitions": block.transitions,
        "pods": block.pods,
        "containers": block.containers,
        "spoiled": block.spoiled or None,
        "lanes": {
            lane.value: {
                "cpu_ns": use.cpu_ns,
                "calls": use.calls,
                "bytes": use.bytes,
                "context_switches": use.context_switches,
                "rss_bytes": use.rss_bytes,
                "events": use.events,
            }
            for lane, use in block.lanes.items()
        },
    }
