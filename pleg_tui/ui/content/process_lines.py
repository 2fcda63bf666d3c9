"""A container's processes as lines: a tree with what each uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pleg_tui.node.processes import Process
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.text import cut, fit, fit_right, tidy

USER = 10
STATE = 10
_ALARMING = {"disk sleep": "warn", "zombie": "bad", "stopped": "warn", "dead": "off"}


def heading(width: int) -> Line:
    """The columns' names."""
    text = (
        f" {'PID':>8} {'USER':<{USER}} {'STATE':<{STATE}} {'CPU%':>6} {'RSS':>8} {'THR':>4} COMMAND"
    )
    return (Part(fit(text, width), "heading"),)


def process_line(
    process: Process, share: float | None, branch: str, width: int, glyphs: Glyphs
) -> Line:
    """One process.

    Args:
        process: as it was read.
        share: processor time since the reading before, of one core, in percent; None at first.
        branch: what stands before its command, as branches() makes it.
        width: cells.
        glyphs: the signs to use.
    """
    state = process.state_name
    cpu = "?" if share is None else f"{share:.1f}"
    before = [
        Part(f" {process.pid:>8} ", "strong"),
        Part(f"{fit(tidy(process.user) or '?', USER, glyphs.cut)} "),
        Part(
            f"{fit(state, STATE)} ", _ALARMING.get(state, "dim" if state != "running" else "good")
        ),
        Part(f"{fit_right(cpu, 6)} ", "" if share else "dim"),
        Part(f"{fit_right(size(process.rss), 8)} "),
        Part(f"{process.threads:>4} ", "dim"),
        Part(branch, "rule"),
    ]
    taken = sum(len(part.text) for part in before)
    return (*before, Part(cut(tidy(process.command), max(width - taken, 8), glyphs.cut)))


def branches(processes: Sequence[Process], glyphs: Glyphs) -> list[str]:
    """What is drawn before each command so that the tree is seen."""
    drawn: list[str] = []
    for place, process in enumerate(processes):
        if not process.depth:
            drawn.append("")
            continue
        later = next((p.depth for p in processes[place + 1 :] if p.depth <= process.depth), 0)
        last = later < process.depth
        sign = glyphs.last_branch if last else glyphs.branch
        drawn.append("  " * min(process.depth - 1, 12) + sign + " ")
    return drawn


def shares(
    now: Sequence[Process], before: Mapping[int, int], seconds: float
) -> dict[int, float | None]:
    """Percent of one core by pid since the reading before.

    Args:
        now: the processes as they are.
        before: processor time in ns by pid, at the reading before.
        seconds: between the two.
    """
    found: dict[int, float | None] = {}
    for process in now:
        spent = process.cpu_ns - before.get(process.pid, process.cpu_ns)
        known = process.pid in before and seconds > 0 and spent >= 0
        found[process.pid] = spent / seconds / 1e7 if known else None
    return found


def size(number: int) -> str:
    """Bytes in at most eight characters: "812 KiB", "12.3 MiB"."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1000 or unit == "GiB":
            return f"{value:.1f} {unit}" if value < 100 and unit != "B" else f"{value:.0f} {unit}"
        value /= 1024
    raise AssertionError
