"""The Node screen as lines: kubelet, runtime and shims over time, the kubelet's own figures.

Every figure stands with its source, or with the reason why it is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from pleg_tui.node.kubelet.types import Figure, KubeletFacts, Mode, PlegFigures
from pleg_tui.node.vitals import NAMES, SPAN_S, Machine, Reading, Vitals
from pleg_tui.ui.content.compare_table import heading, wrap_words
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line
from pleg_tui.ui.content.pleg import MODES, SAYS, Told, kind_word
from pleg_tui.ui.content.plots import figure, nice, tick
from pleg_tui.ui.content.text import SECOND, clock, cut, fit, fit_right, tidy

_WIDEST = 160
_NAME = 9
_NOW = 9
_MIB = 1 << 20
_MOST_TOLD = 12


class NodeView(Struct, frozen=True):
    """Everything that the screen shows."""

    vitals: Sequence[Vitals]
    """Oldest first."""
    mono: float
    """CLOCK_MONOTONIC now, seconds."""
    mode: Mode
    mode_why: str
    facts: KubeletFacts | None
    figures: PlegFigures | None
    runtime: str
    """Its name and version; empty: not known."""
    source: str
    """Where the live view's events come from."""
    told: Sequence[Told]
    problem: str = ""
    """Why no kubelet can be looked at."""
    watching: bool = False
    cost_first_ms: float = 0.0
    cost_ms_per_s: float | None = None
    rhythm_at: float | None = None
    simulated: bool = False


def title_line(view: NodeView, width: int, glyphs: Glyphs) -> Line:
    """The title of the screen."""
    left = [
        Item((Part("Node", "title-focus"),)),
        Item((Part("kubelet, runtime and shims, the last 15 minutes", "dim"),), 2),
    ]
    right = []
    if view.watching:
        right.append(Item((Part(f"{glyphs.waiting} looking at the kubelet", "busy-bold"),), 1))
    if view.simulated:
        right.append(Item((Part(" SIMULATED ", "badge"),)))
    return bar_line(left, right, width)


def node_lines(view: NodeView, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The whole screen.

    Args:
        view: what there is to show.
        width: cells.
        height: rows of the window; plots are higher where there is room.
        glyphs: the signs to use.
    """
    room = min(width - 2, _WIDEST)
    rows = 2 if height >= 30 else 1
    lines = _plots(view, room, rows, glyphs)
    lines += [(), *_kubelet(view, room)]
    lines += [(), *_figures(view, room)]
    lines += [(), *_told(view, room, glyphs)]
    lines += [(), *_runtime(view, room)]
    lines += [(), *_machine(view.vitals[-1].machine if view.vitals else Machine(), room)]
    lines += [(), *_own_cost(view, room)]
    return [(Part(" "), *line) if line else () for line in lines]


# -- over time


def buckets(readings: Sequence[tuple[float, float | None]], now: float, cells: int) -> list[float]:
    """The mean of a figure in each cell of the last fifteen minutes; NaN where it is unknown.

    Args:
        readings: (CLOCK_MONOTONIC in seconds, the figure).
        now: the end of the last cell.
        cells: how many.
    """
    sums = [0.0] * cells
    counts = [0] * cells
    for at, found in readings:
        place = math.floor((at - (now - SPAN_S)) / SPAN_S * cells)
        if found is None or not 0 <= place <= cells:
            continue
        place = min(place, cells - 1)
        sums[place] += found
        counts[place] += 1
    return [s / n if n else math.nan for s, n in zip(sums, counts, strict=True)]


def levels(values: Sequence[float], top: float, rows: int, glyphs: Glyphs) -> list[str]:
    """A filled chart of so many rows, the highest first; what is unknown is left empty."""
    steps = len(glyphs.levels)
    heights = [
        0 if math.isnan(value) else max(1, math.ceil(min(value / top, 1.0) * steps * rows))
        if top > 0 else 1
        for value in values
    ]  # fmt: skip
    drawn = []
    for row in reversed(range(rows)):
        cells = []
        for height in heights:
            rest = min(height - row * steps, steps)
            cells.append(glyphs.levels[rest - 1] if rest > 0 else " ")
        drawn.append("".join(cells))
    return drawn


def _plots(view: NodeView, room: int, rows: int, glyphs: Glyphs) -> list[Line]:
    cells = max(room - _NAME - _NOW - 7, 20)
    sections: tuple[tuple[str, str, Callable[[Reading], float | None]], ...] = (
        ("CPU", "ms per second; 1000 is one core", lambda one: one.cpu_ms_per_s),
        ("Memory", "resident, MiB", lambda one: None if one.rss is None else one.rss / _MIB),
        ("Threads", "", lambda one: None if one.threads is None else float(one.threads)),
    )
    lines: list[Line] = []
    for title, unit, pick in sections:
        series = [
            buckets([(one.at, pick(one.parts[index])) for one in view.vitals], view.mono, cells)
            for index in range(len(NAMES))
        ]
        known = [value for values in series for value in values if not math.isnan(value)]
        top = nice(max(known, default=0.0))
        scale = f"each from 0 to {tick(top)}" if known else ""
        lines.append(heading(title, ", ".join(filter(None, (unit, scale))), "", room))
        for index, (name, values) in enumerate(zip(NAMES, series, strict=True)):
            lines += _row(view, index, name, values, top, rows, glyphs, pick)
    lead = " " * (_NAME + _NOW + 1)
    left, right = "15 min ago", "now"
    gap = max(cells - len(left) - len(right), 1)
    lines.append((Part(f"{lead}{left}{' ' * gap}{right}", "dim"),))
    return lines


def _row(
    view: NodeView,
    index: int,
    name: str,
    values: Sequence[float],
    top: float,
    rows: int,
    glyphs: Glyphs,
    pick: Callable[[Reading], float | None],
) -> list[Line]:
    last = view.vitals[-1] if view.vitals else None
    now = pick(last.parts[index]) if last is not None else None
    why = last.why[index] if last is not None else view.problem or "it was not read yet"
    if all(math.isnan(value) for value in values):
        reason = why or "a first reading is needed"
        text = cut(tidy(reason), len(values), glyphs.cut)
        return [(Part(fit(name, _NAME)), Part(fit_right("unknown ", _NOW + 1), "warn"),
                 Part(text, "dim"))]  # fmt: skip
    shown = "unknown" if now is None else figure(now) if now % 1 else f"{now:,.0f}"
    style = "warn" if now is None else "strong"
    drawn = levels(values, top, rows, glyphs)
    lines: list[Line] = [(Part(" " * (_NAME + _NOW + 1)), Part(row, "accent")) for row in drawn]
    lines[-1] = (Part(fit(name, _NAME)), Part(f"{fit_right(shown, _NOW)} ", style),
                 Part(drawn[-1], "accent"))  # fmt: skip
    return lines


# -- the kubelet


def _kubelet(view: NodeView, room: int) -> list[Line]:
    lines: list[Line] = [heading("Kubelet", "", "simulated" if view.simulated else "", room)]
    facts = view.facts
    if facts is None:
        why = view.problem or "it was not looked at yet"
        return [*lines, *wrap_words(tidy(why), room, "warn" if view.problem else "dim")]
    if facts.pid is None:
        return [*lines, *wrap_words(tidy(facts.why), room, "warn", "unknown  ")]
    version = facts.version.value or f"version unknown: {facts.version.source}"
    started = f", started {clock(int(facts.started_at * SECOND))}" if facts.started_at else ""
    lines += wrap_words(tidy(f"{version}, process {facts.pid}{started}"), room, "", "version  ")
    word, style = MODES[view.mode]
    says = f"{word}. {SAYS[view.mode]}" if view.mode is not Mode.UNKNOWN else SAYS[view.mode]
    lines += wrap_words(says, room, style, "PLEG     ")
    lines += wrap_words(tidy(view.mode_why), room, "dim", "         ")
    gate = facts.evented_gate
    on = "unknown" if gate.on is None else "on" if gate.on else "off"
    lines += wrap_words(tidy(f"EventedPLEG {on}: {gate.source}"), room, "", "gate     ")
    where = facts.home.distribution or "not recognised"
    lines += wrap_words(tidy(f"{where}: {facts.home.source}"), room, "", "node     ")
    if view.mode is Mode.UNKNOWN:
        for remedy in facts.remedies:
            lines += wrap_words(tidy(" ".join(remedy.split())), room, "", "to know  ")
    return lines


def _figures(view: NodeView, room: int) -> list[Line]:
    lines: list[Line] = [heading("Its own PLEG figures", "", "", room)]
    figures = view.figures
    if figures is None:
        return [*lines, (Part("not read yet", "dim"),)]
    rows: tuple[tuple[str, Figure, Callable[[float], str]], ...] = (
        ("relists", figures.relists, lambda v: f"{v:,.0f}"),
        ("per second", figures.relists_per_s, figure),
        ("interval", figures.interval_s, lambda v: f"{figure(v)} s"),
        ("p99 of a relist", figures.relist_p99_s, lambda v: f"{v * 1000:,.0f} ms"),
        ("events taken", figures.events, lambda v: f"{v:,.0f}"),
        ("discards", figures.discards, lambda v: f"{v:,.0f}"),
        ("stream errors", figures.stream_errors, lambda v: f"{v:,.0f}"),
    )
    before = ""
    for name, one, show in rows:
        unknown = one.value is None or math.isnan(one.value)
        value = "unknown" if unknown or one.value is None else show(one.value)
        style = "warn" if unknown else "strong"
        if not unknown and one.value and name in ("discards", "stream errors"):
            style = "bad"
        source = tidy(one.source)
        told = "as above" if source == before and len(source) > 30 else source
        before = source
        head = f"{name:<17}{fit_right(value, 10)}  "
        body = wrap_words(told, room - len(head), "dim")
        lines.append((Part(f"{name:<17}"), Part(f"{fit_right(value, 10)}  ", style), *body[0]))
        lines += [(Part(" " * len(head)), *line) for line in body[1:]]
    return lines


# -- the rest


def _told(view: NodeView, room: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = [heading("What has changed", "newest first", "", room)]
    if not view.told:
        return [*lines, (Part("nothing since this program was started", "dim"),)]
    for told in reversed(view.told[-_MOST_TOLD:]):
        at = clock(int(told.at * SECOND))
        lines += wrap_words(tidy(f"{kind_word(told)}: {told.says}"), room, "", f"{at}  ")
        if told.remedy:
            lines += wrap_words(tidy(told.remedy), room, "strong", f"{' ' * 8}{glyphs.folded} ")
    return lines


def _runtime(view: NodeView, room: int) -> list[Line]:
    lines: list[Line] = [heading("Runtime", "", "simulated" if view.simulated else "", room)]
    last = view.vitals[-1] if view.vitals else None
    lines += wrap_words(tidy(view.runtime or "not known yet"), room, "", "version  ")
    if last is not None:
        lines += wrap_words(tidy(last.who[1] or last.why[1]), room, "", "daemon   ")
        lines += wrap_words(tidy(last.why[2] or last.who[2]), room, "", "shims    ")
    if view.facts is not None:
        endpoint = view.facts.runtime_endpoint
        told = f"uses {endpoint.value}" if endpoint.value else f"unknown: {endpoint.source}"
        lines += wrap_words(tidy(f"{told} ({endpoint.source})" if endpoint.value else told),
                            room, "", "kubelet  ")  # fmt: skip
    if view.source:
        lines += wrap_words(tidy(view.source), room, "", "events   ")
    return lines


def _machine(machine: Machine, room: int) -> list[Line]:
    lines: list[Line] = [heading("Machine", "", "", room)]
    cores = "unknown" if machine.cores is None else str(machine.cores)
    load = "unknown"
    if machine.load is not None:
        load = " ".join(f"{one:.2f}" for one in machine.load)
    lines.append((Part("cores    ", "dim"), Part(cores), Part("   load of 1, 5, 15 min ", "dim"),
                  Part(load)))  # fmt: skip
    if machine.memory_total is None or machine.memory_available is None:
        lines.append((Part("memory   ", "dim"), Part("unknown: /proc/meminfo cannot be read")))
    else:
        free, total = machine.memory_available / _MIB, machine.memory_total / _MIB
        lines.append((Part("memory   ", "dim"), Part(f"{free:,.0f} of {total:,.0f} MiB available")))
    if machine.pressure:
        told = ", ".join(f"{name} {value:.1f} %" for name, value in machine.pressure)
        text = f"something waited for it, of the last minute: {told}"
    else:
        text = "unknown: this kernel does not count it (/proc/pressure)"
    return [*lines, *wrap_words(text, room, "", "pressure ")]


def _own_cost(view: NodeView, room: int) -> list[Line]:
    lines: list[Line] = [heading("What this watch costs", "", "", room)]
    text = f"the first look {view.cost_first_ms:.0f} ms of processor time"
    if view.cost_ms_per_s is not None:
        text += f"; since then {view.cost_ms_per_s:.2f} ms per second"
    if view.rhythm_at is not None:
        ago = clock(int(view.rhythm_at * SECOND))
        text += f"; the kubelet's rhythm was watched last at {ago}, r watches it again"
    return [*lines, *wrap_words(text, room, "dim")]
