"""The experiment at several sizes on a real containerd, beside the measurement by hand.

    python -m tests.bench.bench_compare --pods 0,25,50,100 --duration 240

At each size first `compare_by_hand` measures, then the program, each for the duration; writes
compare.md and compare.json into --out. On a machine that does something else meanwhile the
intervals are wide and the figures worth little: the load before each run is written beside them.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from pleg_tui.compare.prepare import prepare
from pleg_tui.compare.report import to_json
from pleg_tui.compare.types import Interval, Lane, Plan, Report
from pleg_tui.feed.types import Settings
from tests.bench import compare_by_hand as by_hand

_HEAD = (
    "| pods (containers) | containerd, no lane | polling, by hand | polling | events | "
    "client: polling, by hand | client: polling | client: events | calls/s, polling | load |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


async def measure(endpoint: str, options: Any) -> Report:
    """One run of the program's own experiment."""
    plan = Plan(duration_s=options.duration, block_s=options.block, seed=options.seed)
    return await (await prepare(Settings(endpoint), plan)).run()


def interval(value: Interval | dict[str, float] | None) -> str:
    """Estimate and 95 % interval."""
    if value is None:
        return "unknown"
    if isinstance(value, Interval):
        value = {"estimate": value.estimate, "low": value.low, "high": value.high}
    return f"{value['estimate']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"


def number(value: float | None) -> str:
    """With one digit after the point."""
    return "unknown" if value is None else f"{value:.1f}"


def row(result: dict[str, Any], report: Report, load: float) -> str:
    """One line of the table; CPU in milliseconds per second."""
    polling, evented = report.lanes[Lane.POLLING], report.lanes[Lane.EVENTED]
    cells = [
        f"{result['pods']} ({result['containers']})",
        number(report.baseline_runtime_cpu_ms_per_s),
        interval(result["runtime_ms_per_s"]),
        interval(polling.runtime_cpu_ms_per_s if polling else None),
        interval(evented.runtime_cpu_ms_per_s if evented else None),
        number(result["client_ms_per_s"]),
        number(polling.client_cpu_ms_per_s if polling else None),
        number(evented.client_cpu_ms_per_s if evented else None),
        number(polling.calls_per_s if polling else None),
        f"{load:.1f}",
    ]
    return "| " + " | ".join(cells) + " |\n"


def main() -> None:
    """Measure and write."""
    options = by_hand.arguments(__doc__).parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    table, told = _HEAD, []
    with by_hand.a_containerd() as runtime:
        for pods in by_hand.sizes(options.pods):
            by_hand.grow(runtime, pods)
            load = os.getloadavg()[0]
            result = by_hand.measure(
                runtime.endpoint, runtime.pid, options.duration, options.block, options.seed
            )
            result = {"pods": pods, "containers": 2 * pods, **result}
            report = asyncio.run(measure(runtime.endpoint, options))
            line = row(result, report, load)
            table += line
            told.append({"by_hand": result, "load": load, "compare": to_json(report)})
            print(line, end="", flush=True)
            # Written after each size, so that nothing is lost of a run that is ended early.
            (options.out / "compare.md").write_text(
                f"containerd {runtime.version}, {os.cpu_count()} cores, CPU in ms/s with 95 % "
                f"intervals, {options.duration:g} s for each\n\n{table}"
            )
            (options.out / "compare.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
