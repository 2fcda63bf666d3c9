"""Which lanes run in which block: balanced, randomised, and the same again for the same seed.

The blocks come in replicates: each holds every arm once. The orders of four replicates in a row are
the rows of a Williams square (Williams 1949): every arm stands in every place of a replicate once,
so a linear drift does not favour one, and follows every other arm once, so what an arm leaves
behind does not either. Which arm is which letter of the square, and the order of its rows, are
drawn anew for every square.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection

from pleg_tui.compare.types import Arm, Lane, NotMeasurable, Plan

FEWEST_REPLICATES = 3
"""Below that no interval is worth its name."""
ALL_ARMS = (Arm.OFF, Arm.POLLING, Arm.EVENTED, Arm.BOTH)


def arms_of(available: Collection[Lane]) -> tuple[Arm, ...]:
    """The arms of one replicate: all four, or off and the one lane that there is."""
    return tuple(arm for arm in ALL_ARMS if arm.lanes <= frozenset(available))


def schedule(plan: Plan, available: Collection[Lane]) -> tuple[Arm, ...]:
    """The arm of every block; as many whole replicates as the duration holds.

    Args:
        plan: its duration, block length, warm-up, period and seed.
        available: the lanes that can run here.

    Raises:
        NotMeasurable: no lane is available, or the time is too short; the text says what to ask
            for instead.
    """
    arms = arms_of(available)
    if len(arms) < 2:
        raise NotMeasurable(
            "neither polling nor events can be measured here: no source of either is available"
        )
    check(plan)
    rounds = int((plan.duration_s + 1e-9) // (plan.block_s * len(arms)))
    if rounds < FEWEST_REPLICATES:
        need = FEWEST_REPLICATES * len(arms)
        raise NotMeasurable(
            f"{plan.duration_s:g} s hold only {int(plan.duration_s // plan.block_s)} blocks of "
            f"{plan.block_s:g} s, and {need} are needed: ask for "
            f"--duration {math.ceil(need * plan.block_s)}s or longer, or for shorter blocks"
        )
    draw = random.Random(plan.seed)  # noqa: S311 - a schedule is no secret, and must repeat
    blocks: list[Arm] = []
    while len(blocks) < rounds * len(arms):
        for row in _square(arms, draw):
            blocks += row
    return tuple(blocks[: rounds * len(arms)])


def check(plan: Plan) -> None:
    """That a block of this plan can measure anything at all.

    Raises:
        NotMeasurable: with the remedy.
    """
    if not all(math.isfinite(x) for x in (plan.duration_s, plan.block_s, plan.warmup_s)):
        raise NotMeasurable("the duration, the blocks and the warm-up must be plain times")
    if not (math.isfinite(plan.period_s) and plan.period_s > 0):
        raise NotMeasurable("the period of polling must be more than nothing: try --period 1s")
    least = plan.warmup_s + 2 * plan.period_s
    if plan.block_s < least or plan.block_s <= 0 or plan.warmup_s < 0:
        raise NotMeasurable(
            f"a block of {plan.block_s:g} s holds less than two relists after its warm-up of "
            f"{plan.warmup_s:g} s: ask for --block {math.ceil(least)}s or longer"
        )


def _square(arms: tuple[Arm, ...], draw: random.Random) -> list[list[Arm]]:
    """The rows of one Williams square of an even number of arms, its letters and rows drawn."""
    letters = list(arms)
    draw.shuffle(letters)
    size = len(letters)
    # 0, 1, n-1, 2, n-2, ...: all steps between neighbours differ, so the cyclic rows are balanced.
    first = [0, *((i + 1) // 2 if i % 2 else size - i // 2 for i in range(1, size))]
    rows = [[letters[(step + shift) % size] for step in first] for shift in range(size)]
    draw.shuffle(rows)
    return rows
