"""What containers and pods use, as cells of the list and as a section of the details.

The figures are read from control groups (node.usage); the runtime is not asked. CPU is processor
time per time, in cores; memory is the working set as the kubelet counts it. What is not known is
shown as "-", and with its reason in the details.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from pleg_tui.model import Container, ContainerState, Pod, SandboxState
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.spark import spark
from pleg_tui.ui.content.text import count, fit_right, span

if TYPE_CHECKING:
    from pleg_tui.node.figures import Usage

NEAR_LIMIT = 0.9
"""From this share of its limit on, memory is marked."""
_STEPS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Cores at which the trend's blocks end: one scale for all rows and all times, so that they may be
compared, and about three times as much from block to block, as most containers use little."""
_UNITS = "MGTPE"
_LONGEST = 40
"""Readings that a sparkline of the details shows."""
SIMULATED = "the runtime is simulated: its containers have no control groups"
NOT_YET = "it was not read yet"

Value = tuple[str, str]
Pair = tuple[str, Value]


class Sample(Struct, frozen=True):
    """The last reading of one container or pod, and those before it, oldest first."""

    usage: Usage
    at_s: tuple[float, ...] = ()
    """CLOCK_MONOTONIC, seconds; readings are not evenly spaced."""
    cores: tuple[float, ...] = ()
    """NaN where it was unknown."""
    memory: tuple[float, ...] = ()
    """Working sets, bytes; NaN where it was unknown."""


NO_SAMPLES: Mapping[str, Sample] = {}


def members(pod: Pod) -> tuple[str, ...]:
    """The ids of what uses something: containers that run, and the sandbox itself."""
    running = [c.id for c in pod.containers if c.state is ContainerState.RUNNING]
    sandbox = pod.sandbox
    if sandbox is not None and sandbox.state is SandboxState.READY:
        running.append(sandbox.id)
    return tuple(running)


def uses(pod: Pod, container: Container | None) -> bool:
    """It runs, so that it uses something."""
    if container is not None:
        return container.state is ContainerState.RUNNING
    return bool(members(pod))


def memory_share(usage: Usage) -> float | None:
    """The working set's share of the limit; None where it is unknown or there is no limit."""
    if usage.working_set is None or not usage.memory_limit:
        return None
    return usage.working_set / usage.memory_limit


def cores_text(cores: float) -> str:
    """Cores in at most five characters."""
    return f"{cores:.2f}" if cores < 9.995 else f"{cores:.1f}" if cores < 99.95 else f"{cores:.0f}"


def bytes_text(number: float) -> str:
    """Bytes in at most four characters: "0", "96K", "0.8M", "9.8M", "512M", "1.2G".

    No finer than that: memory that grows by a page is not drawn again.
    """
    if number < 1:
        return "0"
    number /= 1024
    if number < 99.5:
        return f"{max(number, 1):.0f}K"
    for unit in _UNITS:
        number /= 1024
        if number < 9.95:
            return f"{number:.1f}{unit}"
        if number < 999.5:
            return f"{number:.0f}{unit}"
    return "lots"


def cpu_cell(sample: Sample | None) -> Line:
    """The CPU column."""
    cores = sample.usage.cores if sample is not None else None
    if cores is None:
        return (Part("-", "dim"),)
    return (Part(cores_text(cores), "dim" if cores < 0.005 else ""),)


def memory_cell(sample: Sample | None, width: int) -> Line:
    """The MEM column: the working set, and its share of the limit where there is room and one."""
    used = sample.usage.working_set if sample is not None else None
    if sample is None or used is None:
        return (Part("-" + " " * (width - 4 if width > 5 else 1), "dim"),)
    share = memory_share(sample.usage)
    near = share is not None and share >= NEAR_LIMIT
    mark = "!" if near else " "
    style = "bad-bold" if near else ""
    text = fit_right(bytes_text(used), 4)
    if width < 10:
        return (Part(text + mark, style),)
    told = "" if share is None else f"{min(share, 9.99):.0%}"
    return (Part(f"{text} {fit_right(told, 4)}{mark}", style),)


def trend_cell(sample: Sample | None, width: int, glyphs: Glyphs) -> Line:
    """The trend of CPU: the last readings, on a scale that is the same for all."""
    cores = sample.cores[-width:] if sample is not None else ()
    return (Part(fit_right("".join(_step(value, glyphs) for value in cores), width), "accent"),)


def _step(cores: float, glyphs: Glyphs) -> str:
    if math.isnan(cores):
        return " "
    place = next((i for i, most in enumerate(_STEPS) if cores <= most), len(_STEPS) - 1)
    return glyphs.levels[place if cores >= 0.0005 else 0]


def usage_pairs(sample: Sample | None, why: str, glyphs: Glyphs) -> list[Pair]:
    """The section "Usage" of the details.

    Args:
        sample: the last reading; None where there was none.
        why: why there was none, in a sentence.
        glyphs: the signs to use.
    """
    if sample is None:
        return [("cpu and memory", (f"unknown: {why}", "dim"))]
    usage = sample.usage
    told = ("cores", "throttled_periods", "working_set", "anon", "oom_kills", "pids")
    if all(getattr(usage, name) is None for name in told):
        reasons = {usage.why(name) for name in told}
        if len(reasons) == 1:
            return [("cpu and memory", (f"unknown: {reasons.pop()}", "dim"))]
    pairs = [("cpu", _cpu(usage))]
    pairs += _lately(sample.cores, sample.at_s, "cpu lately", _cores, glyphs)
    pairs.append(("cpu throttled", _throttled(usage)))
    pairs.append(("memory", _memory(usage)))
    pairs += _lately(sample.memory, sample.at_s, "memory lately", bytes_text, glyphs)
    pairs.append(("anonymous", _known(usage, "anon", bytes_text)))
    killed = _known(usage, "oom_kills", lambda n: count(n, "process", "processes") if n else "none")
    pairs.append(("oom kills", (killed[0], "bad") if usage.oom_kills else killed))
    pairs.append(("processes", _known(usage, "pids", lambda n: f"{n:,} processes and threads")))
    sources = dict.fromkeys(usage.source(name) for name in ("cpu_ns", "working_set"))
    pairs.append(("read from", ("; ".join(filter(None, sources)), "dim")))
    return pairs


def _cores(cores: float) -> str:
    return f"{cores_text(cores)} cores"


def _cpu(usage: Usage) -> Value:
    if usage.cores is None:
        return f"unknown: {usage.why('cores')}", "dim"
    seconds = usage.interval_ns / 1e9
    return f"{usage.cores:.3f} cores (1 is the whole of one), over the last {seconds:.1f} s", ""


def _memory(usage: Usage) -> Value:
    if usage.working_set is None:
        return f"unknown: {usage.why('working_set')}", "dim"
    text = f"{bytes_text(usage.working_set)} working set"
    share = memory_share(usage)
    if share is not None and usage.memory_limit:
        text = f"{text} of the limit of {bytes_text(usage.memory_limit)}, {share:.0%}"
        near = share >= NEAR_LIMIT
        return (f"{text}: the kernel kills at the limit", "bad-bold") if near else (text, "")
    limit = "no limit" if usage.memory_limit == 0 else (
        f"limit unknown: {usage.why('memory_limit')}")  # fmt: skip
    return f"{text}, {limit}", ""


def _throttled(usage: Usage) -> Value:
    if usage.throttled_periods is None or usage.periods is None:
        return f"unknown: {usage.why('throttled_periods') or usage.why('periods')}", "dim"
    if not usage.periods:
        return "never: it has no CPU limit", ""
    if not usage.throttled_periods:
        return f"never, in {usage.periods:,} periods", ""
    text = f"in {usage.throttled_periods:,} of {usage.periods:,} periods"
    if usage.throttled_ns is not None:
        text += f", {usage.throttled_ns / 1e9:,.1f} s in all"
    share = usage.throttled_share
    if share is None:
        return text, ""
    return f"{share:.0%} of the periods since the last reading; {text}", "warn" if share else ""


def _known(usage: Usage, figure: str, tell: Callable[[int], str]) -> Value:
    number = getattr(usage, figure)
    if number is None:
        return f"unknown: {usage.why(figure)}", "dim"
    return tell(number), ""


def _lately(
    values: Sequence[float],
    at_s: Sequence[float],
    label: str,
    tell: Callable[[float], str],
    glyphs: Glyphs,
) -> list[Pair]:
    """A sparkline of the last readings, with what its highest block stands for."""
    values = values[-_LONGEST:]
    known = [value for value in values if not math.isnan(value)]
    if len(known) < 2:
        return []
    over = span(at_s[-1] - at_s[-len(values)])
    top = tell(max(known))
    text = f"{spark(values, glyphs)}  max {top}, {len(values)} readings over {over}"
    return [(label, (text, "accent"))]


def help_lines(readable: bool, why: str) -> list[Line]:
    """What the figures are, for the page of keys."""
    lines: list[Line] = [(), (Part(" The figures", "section"),)]
    told = [
        ("CPU", "Processor time in cores: 1.00 is the whole of one core"),
        ("MEM", "Working set as the kubelet counts it, and its share of the limit; ! from 90 %"),
        ("CPU TREND", "The last readings; a block is about three times the one below it"),
        ("-", "Unknown; the details say why. Read every 2 s on screen, every 15 to 60 s elsewhere"),
        ("lag", "From an event's happening to its being received"),
        ("relist 1s", "Modelled: how long after the event a relist every second would have seen "
                      "it, or never"),
    ]  # fmt: skip
    lines += [(Part(f"   {name:<18}", "key"), Part(text)) for name, text in told]
    if not readable:
        lines.append((Part(f"   CPU and MEM are not shown: {why or NOT_YET}", "warn"),))
    return lines
