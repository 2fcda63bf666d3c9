"""How long a key takes to be answered, and what an event costs, by the size of the node.

A real dashboard in a pseudo-terminal on a simulated node that stands still. A key's time is from
writing it to the last byte of the answer; the terminal is read as fast as it comes. Keys are
pressed between the paints that come once a second by themselves, which would count as part of an
answer. What an event costs is the CPU of UI and collector while some containers of the node change.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Iterator

from pleg_tui.node.process_cpu import clock_ns
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess
from tests.bench.churn import restart_containers
from tests.bench.harness import Report, Setting, entry, percentile
from tests.bench.screen import Answer, Screen, dashboard

KEYS = {
    "cursor down, up": ("j", "k"),
    "page down, page up": ("\x06", "\x02"),
    "end, home": ("G", "g"),
    "turn the order round": ("r",),
    "filter: a letter, and away": ("/", "a", "\x7f", "\x1b[27u"),
}
"""The last is how terminals of today send Escape: alone, it is waited whether more follows."""
REACH_MS = 33.0
SIZES = ((1_000, 603), (10_000, 6_030))
"""(containers, about; pods)."""
QUICK_SIZES = ((1_000, 603),)
RATE = 10
"""Changes a second."""


@contextlib.contextmanager
def still_node(pods: int) -> Iterator[SimulatorProcess]:
    """A simulated node on which nothing happens by itself."""
    with SimulatorProcess(Options(pods=pods, churn=0)) as simulator:
        yield simulator


def until_whole(screen: Screen, containers: int) -> None:
    """Until all is listed and looked up: both processes have come to rest."""
    end = time.perf_counter() + 30 + containers / 100
    time.sleep(4)
    calm = 0
    while calm < 3 and time.perf_counter() < end:
        before = sum(clock_ns(pid) or 0 for pid in screen.pids)
        time.sleep(0.5)
        spent = (sum(clock_ns(pid) or 0 for pid in screen.pids) - before) / 1e6
        calm = calm + 1 if spent < 25 else 0


def measure(setting: Setting) -> Report:
    """Every size, one after another."""
    report = Report(
        "scale", "Keys and events by the size of the node, 120×40", "a simulated runtime"
    )
    rounds = 10 if setting.quick else 30
    costs: list[list[float]] = []
    for containers, pods in QUICK_SIZES if setting.quick else SIZES:
        with still_node(pods) as simulator, dashboard(simulator.endpoint) as screen:
            until_whole(screen, containers)
            real = int(simulator.info["containers"])
            for name, keys in KEYS.items():
                answers = _answers(screen, keys, rounds)
                times = [one.ms for one in answers]
                p99 = percentile(times, 0.99)
                cpu = statistics.median(one.cpu_ms for one in answers)
                report.add(
                    f"{real:,} containers, {name}", "ms", times,
                    reach=f"p99 ≤ {REACH_MS:g} ms", reached=p99 <= REACH_MS,
                    note=f"p99 {p99:.1f} ms; CPU of the screen's process {cpu:.1f} ms (median), "
                    f"{percentile([one.cpu_ms for one in answers], 0.99):.1f} ms (p99)",
                )  # fmt: skip
                report.series.setdefault(name, []).append([real, cpu])
            cost = _event_cost(screen, simulator.endpoint, 20 if setting.quick else 100)
            costs.append([real, cost])
            report.add(f"{real:,} containers, CPU of UI and collector for a change", "ms", [cost])
    report.series["a change, UI and collector"] = costs
    if len(costs) > 1:
        last = report.figures[-1]
        last.ratio, last.against = costs[-1][1] / costs[0][1], f"{costs[0][0]:,.0f} containers"
        last.reach = "the same"
    return report


def _answers(screen: Screen, keys: tuple[str, ...], rounds: int) -> list[Answer]:
    second = _second(screen)
    found = []
    for _ in range(rounds):
        for key in keys:
            since = (time.perf_counter() - second) % 1
            if not 0.1 < since < 0.7:
                time.sleep((1.1 - since) % 1)
            found.append(screen.answer(key))
    return [one for one in found if one.bytes]


def _second(screen: Screen) -> float:
    """When the screen painted by itself, which it does at the same time of every second."""
    screen.wait_quiet(0.3)
    before, end = screen.bytes, time.perf_counter() + 5
    while screen.bytes == before and time.perf_counter() < end:
        time.sleep(0.002)
    return screen.last


def _event_cost(screen: Screen, endpoint: str, changes: int) -> float:
    """CPU milliseconds of UI and collector for each change, less what they cost at rest."""
    pids = screen.pids

    def spent() -> int:
        return sum(clock_ns(pid) or 0 for pid in pids)

    seconds = changes / RATE
    before = spent()
    time.sleep(seconds)
    rest = spent() - before
    before = spent()
    done = asyncio.run(restart_containers(endpoint, RATE, seconds))
    return (spent() - before - rest) / 1e6 / max(done, 1)


if __name__ == "__main__":
    entry(measure)
