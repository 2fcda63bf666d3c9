"""One block as it ran: what was read at its edges, what its lanes told, and whether it counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct, field

from pleg_tui.compare.lane_process import Told
from pleg_tui.compare.meters import Reading
from pleg_tui.compare.types import Arm, Block, Lane, LaneUse, Watch

LATE_S = 1.0
"""A block that ends so much later than planned ran on a machine too busy to be measured on."""
SLEPT_NS = 50_000_000
CLOCK_SET_NS = 100_000_000


class BlockRun(Struct):
    """Everything about one block that has run to its end."""

    index: int
    arm: Arm
    begun: int
    """CLOCK_MONOTONIC, ns: its lanes were told to go on."""
    due: int
    """CLOCK_MONOTONIC, ns: when it was to end."""
    first: Reading
    last: Reading
    told: Mapping[Lane, Told] = field(default_factory=dict)
    runtime_lived: bool = True
    stopped_ourselves: bool = False
    ended: Collection[Lane] = ()
    """Lanes whose process ended during it."""
    killed: Collection[Lane] = ()
    """Of those, the ones that the guard had to kill."""
    pods: int = 0
    containers: int = 0
    spoiled: str = ""

    def judge(self) -> None:
        """Decide whether it counts; `spoiled` says why not."""
        self.spoiled = self._spoiled()

    def _spoiled(self) -> str:
        first, last = self.first, self.last
        if last.asleep_ns - first.asleep_ns > SLEPT_NS or self.stopped_ourselves:
            return "the machine or this program slept during it"
        step = (last.wall - first.wall) - (last.mono - first.mono)
        if abs(step) > CLOCK_SET_NS:
            return f"the clock was set by {step / 1e9:+.1f} s during it"
        if not self.runtime_lived:
            return "the runtime was restarted, or went, during it"
        for lane in sorted(self.killed):
            return f"the guard ended the {lane} lane, which had stopped reading"
        for lane in sorted(self.ended):
            return f"the process of the {lane} lane ended during it"
        for lane, told in sorted(self.told.items()):
            # A stream whose deadline, the block's length, came a moment before our own clock's
            # reading has done its duty.
            if told.why and told.failed_at < self.due:
                return f"the {lane} lane broke: {told.why}"
            if not told.since or told.since > first.wall:
                return f"the {lane} lane was not ready when its warm-up was over"
            if not told.until:
                return f"the {lane} lane did not tell in time what it had done"
            if told.lost:
                return f"the {lane} lane had more to tell than is kept ({told.lost} left out)"
        late_s = (last.mono - self.due) / 1e9
        if late_s > LATE_S:
            return f"it ended {late_s:.1f} s late: the machine was too busy"
        return ""

    @property
    def seconds(self) -> float:
        """Its measured part."""
        return (self.last.mono - self.first.mono) / 1e9

    def watches(self) -> list[Watch]:
        """When its lanes were on; none of a block whose clock or lanes cannot be relied on."""
        if self.spoiled:
            return []
        return [
            Watch(
                lane,
                max(told.since, told.steady),
                min(told.until, self._wall(told.failed_at or self.last.mono)),
            )
            for lane, told in self.told.items()
        ]

    def _wall(self, mono: int) -> int:
        return self.first.wall + (mono - self.first.mono)

    def lane_cpu_ns(self, lane: Lane) -> int | None:
        """What a lane's process spent, on or off; None: it was another process by the end."""
        before, after = self.first.lanes.get(lane), self.last.lanes.get(lane)
        if before is None or after is None or after.cpu_ns < before.cpu_ns:
            return None
        return after.cpu_ns - before.cpu_ns

    def block(self, idle_ns_per_s: Mapping[Lane, float], transitions: int) -> Block:
        """As the report wants it.

        Args:
            idle_ns_per_s: what each lane's process spends while it is off; it is left out.
            transitions: that happened during the measured part.
        """
        first, last = self.first, self.last
        return Block(
            index=self.index,
            arm=self.arm,
            seconds=self.seconds,
            started_at=first.wall,
            runtime_cpu_ns=_less(last.runtime_ns, first.runtime_ns) if self.runtime_lived else None,
            shims_cpu_ns=_less(last.shims_ns, first.shims_ns) if self.runtime_lived else None,
            kubelet_cpu_ns=_less(last.kubelet_ns, first.kubelet_ns),
            runtime_rss_bytes=last.runtime_rss,
            transitions=transitions,
            lanes={
                lane: use
                for lane, told in self.told.items()
                if (use := self._use(lane, told, idle_ns_per_s.get(lane, 0.0))) is not None
            },
            spoiled=self.spoiled,
            pods=self.pods,
            containers=self.containers,
        )

    def _use(self, lane: Lane, told: Told, idle: float) -> LaneUse | None:
        spent = self.lane_cpu_ns(lane)
        before, after = self.first.lanes.get(lane), self.last.lanes.get(lane)
        if spent is None or before is None or after is None:
            return None
        done = [work for work in told.work if self.first.mono <= work[0] < self.last.mono]
        return LaneUse(
            cpu_ns=max(0, spent - round(idle * self.seconds)),
            calls=sum(work[1] for work in done),
            bytes=sum(work[2] for work in done),
            context_switches=max(0, after.switches - before.switches),
            rss_bytes=after.rss,
            events=sum(work[3] for work in done),
        )


def _less(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None or after < before else after - before
