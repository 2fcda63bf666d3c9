"""What each lane costs a daemon that is not its own, with a 95 % interval.

The runtime's CPU in a block is taken as the sum of: what its replicate spends anyway (one unknown
for each replicate of four blocks, so a drift from replicate to replicate does not matter), a
straight drift through the whole run, the effect of polling, the effect of events, and what the two
do to each other. The effect of a lane is its main effect: what it adds, on average over the other
lane being off and on. The interval is the estimate ± Student's t, with as many degrees of freedom
as there are blocks beyond unknowns, less those that were given less weight; that it is right rests
on the order of the arms having been drawn (`pleg_tui.compare.schedule`), not on the noise being of
any one shape.

Bursts (a pulled image, garbage collection, somebody's crictl) make least squares useless: with 40
ms/s more in every tenth block of 28 its interval is ± 8 ms/s, that of paired t tests ± 9, that of
Wilcoxon's signed ranks ± 7. So a block far from the others is given less weight, by Huber's
M-estimator with his variance and correction for few observations (Huber 1981, 7.6): ± 0.7 ms/s,
with the same coverage, and ± 0.5 as before where there are no bursts. A block that lost more than
half of its weight is named in `Effects.weak`; none is dropped.

Under churn most of what differs between blocks is how much happened in them. Where the changes were
counted the same way in every arm, they may explain their part of the cost (`adjust`): with 100 ± 12
changes in each block the interval shrinks from ± 10.2 to ± 1.7 ms/s, the coverage stays. Where only
the lanes count, it must not be done: an arm that sees less would seem to have had less.

Where CPU can only be read in ticks (10 ms, /proc/PID/stat), many blocks read the same, and a spread
of nothing would be claimed. The coarseness shows in the readings themselves, as their greatest
common divisor, and no block counts as better known than that allows.

A run that was stopped early, or has spoiled blocks, needs nothing special: a replicate with blocks
missing still tells of the differences between those that it has.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from operator import mul

from msgspec import Struct

from pleg_tui.compare import schedule
from pleg_tui.compare.student import quantile
from pleg_tui.compare.types import Arm, Block, Interval, Lane

Cost = Callable[[Block], int | None]
"""Nanoseconds of CPU in a block; None: they could not be read."""
Column = list[float]

FEWEST_DEGREES = 4
"""Of freedom: with three replicates one block may be lost."""
WEAK = 0.5
"""A block with less weight than this is named."""
_BEND = 1.5
"""Residuals beyond so many standard deviations count less (Huber's k; 1.345 to 2 is usual)."""
_TO_SIGMA = 1.25
"""From the median of the residuals that are free to differ, to a standard deviation."""
_TICK_NS = 10_000_000
"""The coarsest clock there is: USER_HZ of 100. Equal readings are no sign of a coarser one."""
_ROUNDS = 40
_ALIKE = 1e-9
"""A column with less than this part of its square left is a sum of the others."""


def runtime(block: Block) -> int | None:
    """The runtime's daemon."""
    return block.runtime_cpu_ns


def shims(block: Block) -> int | None:
    """Its shims or conmons."""
    return block.shims_cpu_ns


def kubelet(block: Block) -> int | None:
    """The node's real kubelet."""
    return block.kubelet_cpu_ns


class Effects(Struct, frozen=True):
    """Of the lanes on one daemon, ms of CPU per second."""

    lanes: Mapping[Lane, Interval | None]
    """None: not to be told with these blocks."""
    difference: Interval | None
    """Polling minus evented."""
    baseline: float | None
    """The median of the blocks with no lane on."""
    adjusted: bool = False
    """Changes per second were taken into account."""
    weak: tuple[tuple[int, float], ...] = ()
    """Outliers: the index of the block and the weight, below WEAK, that it was left with."""
    degrees: int = 0
    """Of freedom of the intervals; 0: there are none."""


def effects(blocks: Sequence[Block], cost: Cost, *, adjust: bool = False) -> Effects:
    """Estimate what each lane costs.

    Args:
        blocks: as measured, by the index that they have in the schedule; those that are spoiled
            or could not be read are left alone.
        cost: of what.
        adjust: let Block.transitions explain part of the cost; only where they were counted in
            the same way in every arm.
    """
    usable = [(b, ns / 1e6 / b.seconds) for b in blocks if (ns := _read(b, cost)) is not None]
    spent = [ms for _, ms in usable]
    coarse = _coarseness([block for block, _ in usable], cost)
    off = [ms for block, ms in usable if block.arm is Arm.OFF]
    baseline = statistics.median(off) if off else None
    nothing = Effects(dict.fromkeys(Lane), None, baseline)
    groups = [block.index // schedule.REPLICATE for block, _ in usable]
    arms: dict[int, set[Arm]] = {}
    for (block, _), group in zip(usable, groups, strict=True):
        arms.setdefault(group, set()).add(block.arm)
    if sum(len(found) > 1 for found in arms.values()) < schedule.FEWEST_REPLICATES:
        return nothing
    polling = [0.5 if Lane.POLLING in block.arm.lanes else -0.5 for block, _ in usable]
    evented = [0.5 if Lane.EVENTED in block.arm.lanes else -0.5 for block, _ in usable]
    other = [[float(block.index) for block, _ in usable]]
    if {block.arm for block, _ in usable} >= set(Arm):
        other.append([p * e for p, e in zip(polling, evented, strict=True)])
    if adjust:
        other.append([block.transitions / block.seconds for block, _ in usable])
    fit = _fit([polling, evented, *other], spent, groups, coarse)
    if fit is None:
        return nothing
    half_sum = [(p + e) / 2 for p, e in zip(polling, evented, strict=True)]
    half_difference = [(p - e) / 2 for p, e in zip(polling, evented, strict=True)]
    return Effects(
        {
            Lane.POLLING: fit.coefficient(polling, [evented, *other]),
            Lane.EVENTED: fit.coefficient(evented, [polling, *other]),
        },
        fit.coefficient(half_difference, [half_sum, *other]),
        baseline,
        adjust and len(set(other[-1])) > 1,
        tuple(
            (block.index, weight)
            for (block, _), weight in zip(usable, fit.weights, strict=True)
            if weight < WEAK
        ),
        fit.degrees,
    )


def _read(block: Block, cost: Cost) -> int | None:
    return None if block.spoiled or block.seconds <= 0 else cost(block)


def _coarseness(blocks: Sequence[Block], cost: Cost) -> float:
    """Standard deviation, ms/s, that reading two times with so coarse a clock leaves in a block."""
    if not blocks:
        return 0.0
    step = min(math.gcd(*(cost(block) or 0 for block in blocks)), _TICK_NS)
    return max(step, 1) / math.sqrt(6) / 1e6 / min(block.seconds for block in blocks)


class _Fit(Struct, frozen=True):
    """Weights that fit the blocks, and how far the blocks are from the fit."""

    spent: Column
    groups: list[int]
    weights: Column
    degrees: int
    variance: float
    """Of a block, as Huber corrects it."""

    def coefficient(self, target: Column, others: list[Column]) -> Interval | None:
        """What the target adds, the others held; None where it is a sum of them."""
        ones = [1.0] * len(target)
        plain = _left(target, others, self.groups, ones)
        weighted = plain
        if self.weights != ones:
            weighted = _left(target, others, self.groups, self.weights)
        if plain is None or weighted is None:
            return None
        spent = _centred(self.spent, self.groups, self.weights)
        estimate = _dot(weighted, spent) / _dot(weighted, weighted)
        half = quantile(self.degrees) * math.sqrt(self.variance / _dot(plain, plain))
        return Interval(estimate, estimate - half, estimate + half)


def _fit(columns: list[Column], spent: Column, groups: list[int], coarse: float) -> _Fit | None:
    """Huber's M-estimate by weights that are drawn up again and again, until they stand still."""
    count = len(spent)
    weights = [1.0] * count
    unknowns = len(set(groups)) + len(_basis([_centred(c, groups, weights) for c in columns]))
    degrees = count - unknowns
    if degrees < FEWEST_DEGREES:
        return None
    residuals: Column = []
    bend = 0.0
    for _ in range(_ROUNDS):
        basis = _basis([_centred(column, groups, weights) for column in columns])
        scaled = _without(_centred(spent, groups, weights), basis)
        residuals = [r / math.sqrt(w) for r, w in zip(scaled, weights, strict=True)]
        # As many residuals as there are unknowns may be next to nothing: they say nothing of noise.
        free = sorted(map(abs, residuals))[unknowns:]
        bend = _BEND * max(_TO_SIGMA * statistics.median(free), coarse)
        fresh = [1.0 if abs(r) <= bend else bend / abs(r) for r in residuals]
        moved = max(abs(a - b) for a, b in zip(fresh, weights, strict=True))
        weights = [max(w, _ALIKE) for w in fresh]
        if moved < 1e-3:
            break
    inside = sum(abs(r) <= bend for r in residuals) / count
    correction = 1 + unknowns / count * (1 - inside) / inside if inside else 1.0
    squares = sum(min(abs(r), bend) ** 2 for r in residuals) / degrees
    variance = (correction / inside) ** 2 * squares if inside else math.inf
    # A block that was given less weight says less of the noise: it is no degree of freedom.
    bent = sum(abs(r) > bend for r in residuals)
    sure = max(degrees - bent, FEWEST_DEGREES - 1)
    return _Fit(spent, groups, weights, sure, max(variance, coarse**2))


def _dot(a: Column, b: Column) -> float:
    return float(sum(map(mul, a, b)))


def _centred(column: Column, groups: list[int], weights: Column) -> Column:
    """Without the mean of each group, and scaled for weighted least squares."""
    sums = dict.fromkeys(groups, 0.0)
    totals = dict.fromkeys(groups, 0.0)
    for value, group, weight in zip(column, groups, weights, strict=True):
        sums[group] += value * weight
        totals[group] += weight
    means = {group: sums[group] / totals[group] for group in sums}
    return [
        (value - means[group]) * weight**0.5
        for value, group, weight in zip(column, groups, weights, strict=True)
    ]


def _without(column: Column, basis: list[Column]) -> Column:
    """What is left of a column beside the basis (modified Gram-Schmidt)."""
    for unit in basis:
        share = _dot(unit, column)
        if share:
            column = [c - share * u for c, u in zip(column, unit, strict=True)]
    return column


def _basis(columns: list[Column]) -> list[Column]:
    """An orthonormal basis of what the columns span; those that add nothing are left out."""
    basis: list[Column] = []
    for column in columns:
        before = _dot(column, column)
        rest = _without(column, basis)
        after = _dot(rest, rest)
        if after > _ALIKE * before and after > _ALIKE * _ALIKE:
            size = math.sqrt(after)
            basis.append([r / size for r in rest])
    return basis


def _left(
    target: Column, others: list[Column], groups: list[int], weights: Column
) -> Column | None:
    """The part of the target that only it explains; None where there is none."""
    centred = _centred(target, groups, weights)
    basis = _basis([_centred(other, groups, weights) for other in others])
    rest = _without(centred, basis)
    return rest if _dot(rest, rest) > _ALIKE * max(_dot(target, target), _ALIKE) else None
