"""From blocks as they ran to blocks as they are reported: what counts, and what is owned up to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from pleg_tui.compare.block_run import BlockRun
from pleg_tui.compare.types import Block, KubeletBeside, Lane, Sighting

_COUNTED = frozenset({"running", "exited", "removed"})
"""What a PLEG tells the kubelet's sync loop of."""


def blocks(runs: Sequence[BlockRun], seen: Iterable[Sighting]) -> list[Block]:
    """Every block, with what happened in its measured part as far as anybody saw it.

    Args:
        runs: the blocks that have run to their end.
        seen: everybody's sightings; of one change the earliest time is taken.
    """
    idle = idle_ns_per_s(runs)
    happened: dict[tuple[str, str], int] = {}
    for sighting in seen:
        if sighting.state in _COUNTED:
            at = sighting.happened_at or sighting.seen_at
            key = (sighting.id, sighting.state)
            happened[key] = min(at, happened.get(key, at))
    times = sorted(happened.values())
    return [
        run.block(idle, bisect_left(times, run.last.wall) - bisect_left(times, run.first.wall))
        for run in runs
    ]


def idle_ns_per_s(runs: Iterable[BlockRun]) -> dict[Lane, float]:
    """What each lane's process spends while it is off: its guard's heartbeat, no client's work."""
    idle: dict[Lane, float] = {}
    for lane in Lane:
        off = [
            (spent, run.seconds)
            for run in runs
            if lane not in run.arm.lanes
            and not run.spoiled
            and (spent := run.lane_cpu_ns(lane)) is not None
        ]
        if off:
            idle[lane] = sum(spent for spent, _ in off) / sum(seconds for _, seconds in off)
    return idle


def kubelet(known: KubeletBeside, told: Iterable[Block]) -> KubeletBeside:
    """What is known of the kubelet, with the processor time that it spent in these blocks."""
    read = [(b.kubelet_cpu_ns, b.seconds) for b in told if b.kubelet_cpu_ns is not None]
    seconds = sum(s for _, s in read)
    if not seconds:
        return known
    spent = sum(ns for ns, _ in read if ns is not None)
    return replace(known, cpu_ms_per_s=spent / seconds / 1e6)


def overhead(runs: Sequence[BlockRun], beside: str) -> str:
    """What the experiment itself cost the node, and what ran beside it, in words with figures."""
    seconds = sum(run.seconds for run in runs)
    if not seconds:
        return ""
    own = sum(run.last.own_ns - run.first.own_ns for run in runs) / seconds / 1e6
    lanes = sum(run.lane_cpu_ns(lane) or 0 for run in runs for lane in Lane) / seconds / 1e6
    text = (
        f"While it measured, this program itself spent {own:.1f} ms/s of CPU and the processes of "
        f"its lanes together {lanes:.1f} ms/s on average over all blocks"
    )
    guards = _guards(idle_ns_per_s(runs))
    if guards:
        text += f"; of that, {guards} for the guard alone, which is not in the clients' figures"
    text += "."
    if beside:
        text += f" {beside[0].upper()}{beside[1:]} ran beside it in every block."
    return text


def _guards(idle: Mapping[Lane, float]) -> str:
    return " and ".join(f"{ns / 1e6:.1f} ms/s ({lane})" for lane, ns in sorted(idle.items()))
