"""A long run at a steady rate of change, checked against an independent record: `make soak`.

The simulator does so many things a second; a feed follows it as the dashboard's does. At the end
every step that was done must have been told, once and in order, the state must be that of a fresh
listing, and memory and lag of the last minutes must be those of the first.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import time

import psutil
from msgspec import Struct, field

from pleg_tui.feed.types import Phase, Settings
from pleg_tui.sim.objects import Happening, Step
from pleg_tui.sim.options import Options
from pleg_tui.sim.server import Simulator
from tests.following import comes_right, following, until

TOLD = {
    Step.SANDBOX_CREATED: "SandboxCreated",
    Step.SANDBOX_STARTED: "SandboxStarted",
    Step.SANDBOX_STOPPED: "SandboxStopped",
    Step.SANDBOX_REMOVED: "SandboxRemoved",
    Step.CONTAINER_CREATED: "ContainerCreated",
    Step.CONTAINER_STARTED: "ContainerStarted",
    Step.CONTAINER_OOM: "ContainerOOM",
    Step.CONTAINER_EXITED: "ContainerDied",
    Step.CONTAINER_REMOVED: "ContainerRemoved",
}
BEAT_S = 0.1
TOMBS_S = 600
"""So long the state knows that an id is dead (pleg.live), so it grows for that long."""


class Outcome(Struct):
    """What a run gave."""

    seconds: float
    done: int
    """Steps that were done."""
    told: int
    wrong: list[str] = field(default_factory=list)
    """Lives that were not told as they were lived, at most ten."""
    missed: int = 0
    lost: int = 0
    restarts: int = 0
    collector_mib: list[float] = field(default_factory=list)
    """Memory every ten seconds."""
    feed_mib: list[float] = field(default_factory=list)
    """Of this process: feed, simulator and record together."""
    kept: list[float] = field(default_factory=list)
    """What the live state keeps, dead ids included, every ten seconds."""
    lag_ms: list[float] = field(default_factory=list)

    def problems(self) -> list[str]:
        """What was not as promised, in sentences."""
        problems = list(self.wrong)
        if self.missed or self.lost or self.restarts:
            problems.append(f"missed {self.missed}, lost {self.lost}, restarts {self.restarts}")
        growth = _growth(self.collector_mib)
        if growth > 5:
            problems.append(f"the collector grew by {growth:.1f} MiB")
        if self.seconds > 2 * TOMBS_S and _growth(self.kept) > 0.2 * max(self.kept):
            problems.append(f"the state keeps ever more: {self.kept[-1]:.0f} ids")
        return problems


def _growth(series: list[float]) -> float:
    """Last fifth against the second fifth: the first is warming up."""
    fifth = len(series) // 5
    if fifth == 0:
        return 0.0
    return statistics.median(series[-fifth:]) - statistics.median(series[fifth : 2 * fifth])


async def run(seconds: float, rate: float, pods: int, seed: int) -> Outcome:
    """One run on the simulator of containerd 2."""
    done: dict[str, list[str]] = {}
    told: dict[str, list[str]] = {}
    outcome = Outcome(seconds, 0, 0)

    def hear(happening: Happening) -> None:
        name = TOLD.get(happening.step)
        if name:
            outcome.done += 1
            done.setdefault(happening.id, []).append(name)

    def take() -> None:
        for event in feed.take().events:
            outcome.told += 1
            told.setdefault(event.container_id, []).append(event.type.value)
            if event.lag_ns is not None and not event.replayed:
                outcome.lag_ms.append(event.lag_ns / 1e6)

    options = Options(pods=pods, churn=4, manual=True, seed=seed)
    async with Simulator(options) as simulator, following(Settings(simulator.endpoint)) as feed:
        await until(lambda: feed.health.phase is Phase.LIVE and bool(feed.pods))
        await asyncio.sleep(3)
        feed.take()
        simulator.world.listeners.append(hear)
        here = psutil.Process()
        end = time.monotonic() + seconds
        weigh_at = time.monotonic()
        beat = time.monotonic()
        owed = 0.0
        while time.monotonic() < end:
            owed += rate * BEAT_S
            owed -= await simulator.step(int(owed)) if owed >= 1 else 0
            take()
            if time.monotonic() >= weigh_at:
                weigh_at += 10
                pid = feed.health.collector_pid
                if pid is not None:
                    outcome.collector_mib.append(psutil.Process(pid).memory_info().rss / 2**20)
                state = feed._story.state
                outcome.kept.append(len(state._alive) + len(state._tombs))
                outcome.feed_mib.append(here.memory_info().rss / 2**20)
            beat += BEAT_S
            await asyncio.sleep(max(0.0, beat - time.monotonic()))

        def all_told() -> bool:
            take()
            return outcome.told >= outcome.done

        with contextlib.suppress(AssertionError):  # the comparison below says what is missing
            await until(all_told, 30)
        await comes_right(feed, simulator.endpoint)
        health = feed.health
        outcome.missed, outcome.lost, outcome.restarts = (
            health.missed,
            health.lost,
            health.restarts,
        )
    for identity in done.keys() | told.keys():
        if done.get(identity) != told.get(identity) and len(outcome.wrong) < 10:
            outcome.wrong.append(
                f"{identity[:12]}: done {done.get(identity)}, told {told.get(identity)}"
            )
    return outcome


def main() -> int:
    """Run, and print what it gave; 1 when something was not as promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--rate", type=float, default=50, help="changes a second")
    parser.add_argument("--pods", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    outcome = asyncio.run(run(args.seconds, args.rate, args.pods, args.seed))
    lag = sorted(outcome.lag_ms) or [float("nan")]
    print(f"seconds            {outcome.seconds:.0f}")  # noqa: T201
    print(f"steps done / told  {outcome.done} / {outcome.told}")  # noqa: T201
    print(f"missed, lost       {outcome.missed}, {outcome.lost}")  # noqa: T201
    print(f"collector restarts {outcome.restarts}")  # noqa: T201
    for name, series in (("collector", outcome.collector_mib), ("this process", outcome.feed_mib)):
        print(f"{name:18} {series[0]:.1f} MiB first, {series[-1]:.1f} last, {max(series):.1f} most")  # noqa: T201
    print(f"ids in the state   {max(outcome.kept):.0f} most, {outcome.kept[-1]:.0f} last")  # noqa: T201
    print(  # noqa: T201
        f"lag ms             p50 {lag[len(lag) // 2]:.1f}, p99 {lag[int(len(lag) * 0.99)]:.1f}, "
        f"most {lag[-1]:.1f}"
    )
    for problem in outcome.problems():
        print(f"NOT AS PROMISED    {problem}")  # noqa: T201
    return 1 if outcome.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
