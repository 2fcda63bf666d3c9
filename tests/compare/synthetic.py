"""Experiments that never happened: blocks with known effects and every kind of trouble."""

from __future__ import annotations

import random

from msgspec.structs import replace

from pleg_tui.compare.report import build
from pleg_tui.compare.schedule import schedule
from pleg_tui.compare.types import Arm, Block, Context, Lane, LaneUse, Plan, Report

BOTH = frozenset(Lane)
TROUBLES = ("none", "drift", "walk", "bursts", "one long burst", "waves", "churn")


def blocks(
    draw: random.Random,
    trouble: str = "none",
    *,
    replicates: int = 7,
    polling: float = 1.0,
    evented: float = 0.0,
    together: float = 0.0,
    noise: float = 0.6,
    baseline: float = 2.5,
    available: frozenset[Lane] = BOTH,
) -> list[Block]:
    """One experiment; all costs in ms/s. `together` is what both cost beyond their sum."""
    plan = Plan(duration_s=40.0 * replicates, seed=draw.randrange(10**9))
    arms = schedule(plan, available)
    struck = sorted(draw.sample(range(len(arms)), max(1, len(arms) // 10)))
    slope = draw.choice((-6.0, 6.0)) / len(arms)
    period, walk = draw.uniform(3, 9), 0.0
    made = []
    for index, arm in enumerate(arms):
        cost = baseline + draw.gauss(0, noise)
        cost += polling * (Lane.POLLING in arm.lanes) + evented * (Lane.EVENTED in arm.lanes)
        cost += together * (arm is Arm.BOTH)
        changes = 0
        if trouble == "drift":
            cost += slope * index
        elif trouble == "walk":
            walk += draw.gauss(0, 0.5)
            cost += walk
        elif trouble == "bursts" and index in struck:
            cost += draw.expovariate(1 / 40)
        elif trouble == "one long burst" and 0 <= index - struck[0] < 3:
            cost += 60
        elif trouble == "waves":
            cost += 1.0 if index % period < period / 2 else -1.0
        elif trouble == "churn":
            changes = max(round(draw.gauss(100, 12)), 0)
            cost += 1.04 * (changes - 100) + draw.gauss(0, 2)
        made.append(
            Block(
                index,
                arm,
                8.0,
                index * 10**10,
                round((cost + 20) * 8e6),  # so much more that no cost is below nothing
                None,
                transitions=changes,
            )
        )
    return made


def full(
    seed: int = 1,
    trouble: str = "none",
    *,
    churn: float = 100.0,
    relist_ms: float = 4.5,
    found_ms: float = 0.02,
    idle_ms: float = 0.8,
    event_ms: float = 0.7,
    pods: int = 50,
    available: frozenset[Lane] = BOTH,
    **kw: float,
) -> list[Block]:
    """Blocks with clients that spend what is said, in ms/s while idle and ms for each event."""
    draw = random.Random(seed)
    made = []
    for block in blocks(draw, trouble, available=available, **kw):  # type: ignore[arg-type]
        events = max(round(draw.gauss(churn, churn**0.5)), 0)
        use = {
            Lane.POLLING: LaneUse(
                round((relist_ms * 8 + found_ms * events) * 1e6 + draw.gauss(0, 1e5)),
                16,
                16 * 116_000,
                160,
                30 << 20,
                events // 2,
            ),
            Lane.EVENTED: LaneUse(
                round((idle_ms * 8 + event_ms * events) * 1e6 + draw.gauss(0, 1e5)),
                0,
                events * 800,
                300,
                31 << 20,
                events,
            ),
        }
        lanes = {lane: use[lane] for lane in Lane if lane in block.arm.lanes}
        made.append(
            replace(
                block,
                lanes=lanes,
                pods=pods,
                containers=2 * pods,
                shims_cpu_ns=draw.randrange(10**7),
                transitions=block.transitions or events,
            )
        )
    return made


REAL = Context(False, "containerd 2.1.9", counted_throughout=True)


def report(context: Context = REAL, plan: Plan | None = None, **kw: object) -> Report:
    """A whole report of synthetic blocks and no sightings."""
    kw.setdefault("available", context.available)
    return build(plan or Plan(), full(**kw), (), context)  # type: ignore[arg-type]
