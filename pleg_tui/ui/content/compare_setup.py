"""The Compare screen before it starts: what will be measured, for how long, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.compare.schedule import schedule
from pleg_tui.compare.types import Arm, Lane, NotMeasurable, Plan, Report
from pleg_tui.ui.content.compare import span_text
from pleg_tui.ui.content.compare_table import LANES, heading, wrap_words
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.plots import Signs
from pleg_tui.ui.content.text import count, fit, tidy


class Choice(Struct, frozen=True):
    """One thing that may be chosen before the start."""

    name: str
    field: str
    """Of Plan."""
    values: tuple[float, ...]
    """Seconds."""
    says: str


CHOICES: tuple[Choice, ...] = (
    Choice("Duration", "duration_s", (60, 120, 180, 300, 600, 900, 1800, 3600),
           "longer finds smaller effects"),
    Choice("Block", "block_s", (5, 10, 15, 20, 30, 60),
           "so long one arm runs at a time"),
    Choice("Polling period", "period_s", (0.5, 1, 2, 5, 10),
           "a kubelet's is 1 s"),
)  # fmt: skip


def chosen(plan: Plan, choice: Choice) -> float:
    """What a plan has of it."""
    value: float = getattr(plan, choice.field)
    return value


def turned(plan: Plan, choice: Choice, step: int) -> Plan:
    """The plan with the next value (1) or the one before (-1); the ends are ends."""
    now = chosen(plan, choice)
    if step > 0:
        value = next((each for each in choice.values if each > now), now)
    else:
        value = next((each for each in reversed(choice.values) if each < now), now)
    changed: dict[str, Any] = {choice.field: value}
    return replace(plan, **changed)


def choice_line(plan: Plan, choice: Choice, signs: Signs, here: bool) -> Line:
    """One choice as it stands."""
    value = chosen(plan, choice)
    low, high = value > choice.values[0], value < choice.values[-1]
    text = f"{value:g} s" if value < 60 else span_text(value)
    before, after = ("<", ">") if signs.none == "-" else ("◂", "▸")
    return (
        Part(f" {choice.name:<16}", "strong" if here else ""),
        Part(f"{before if low else ' '} ", "key"),
        Part(fit(text, 8), "accent"),
        Part(f"{after if high else ' '}   ", "key"),
        Part(choice.says, "dim"),
    )


class Facts(Struct, frozen=True):
    """What is known of the node before the start."""

    report: Report | None = None
    """Of an experiment that was prepared and has not run; None while it is looked for."""
    error: str = ""
    """Why nothing can be measured here, with the remedy."""

    @property
    def available(self) -> frozenset[Lane]:
        """The lanes that there are."""
        if self.report is None:
            return frozenset()
        return frozenset(lane for lane, told in self.report.lanes.items() if told is not None)


def blocks_of(plan: Plan, facts: Facts) -> tuple[Sequence[Arm], str]:
    """(the arms of every block, why there are none)."""
    try:
        return schedule(plan, facts.available or frozenset(Lane)), ""
    except NotMeasurable as error:
        return (), str(error)


def setup_lines(plan: Plan, facts: Facts, width: int) -> list[Line]:
    """What will be measured, how long it takes, what it costs."""
    room = min(width - 2, 110)
    arms, why_not = blocks_of(plan, facts)
    tag = "simulated" if facts.report is not None and facts.report.simulated else ""
    lines: list[Line] = [heading("What will be measured", "", tag, room)]
    lines += _node(facts, room)
    lines += [(), heading("How long", "", "", room)]
    if why_not:
        lines += wrap_words(tidy(why_not), room, "warn")
    else:
        used = sorted({arm.value for arm in arms})
        text = (
            f"{span_text(len(arms) * plan.block_s)}: {count(len(arms), 'block')} of "
            f"{plan.block_s:g} s, the first {plan.warmup_s:g} s of each for nobody, in an order "
            f"drawn with seed {plan.seed}: {', '.join(used)}, each {len(arms) // len(used)} times."
        )
        lines += wrap_words(text, room)
    lines += [(), heading("What it costs", "", "", room)]
    lines += wrap_words(_costs(plan), room)
    return [(Part(" "), *line) if line else () for line in lines]


def _costs(plan: Plan) -> str:
    period = "second" if plan.period_s == 1 else f"{plan.period_s:g} s"
    return (
        f"One relist every {period} and one event stream, in processes of their own, off and on "
        "by turns: their cost is what is measured. The stream is guarded and bounded in time. "
        "Nothing on the node is changed; stopping or leaving ends both at once. This screen's own "
        "live view goes on in every block."
    )


def _node(facts: Facts, room: int) -> list[Line]:
    if facts.error:
        return wrap_words(tidy(facts.error), room, "warn", "! ")
    report = facts.report
    if report is None:
        return [(Part("asking the runtime", "dim"),)]
    lines = wrap_words(tidy(report.runtime), room, "strong", f"{'runtime':<10}")
    names: Mapping[Lane, str] = {
        lane: told.source for lane in LANES if (told := report.lanes.get(lane)) is not None
    }
    for lane in LANES:
        if lane in names:
            lines += wrap_words(names[lane] or "available", room, "", f"{lane.value:<10}")
        else:
            why = tidy(report.reason) or "no reason was given"
            lines += wrap_words(f"unavailable: {why}", room, "warn", f"{lane.value:<10}")
    kubelet = report.kubelet
    says = " ".join(filter(None, (tidy(kubelet.version), f"mode {kubelet.mode}")))
    if kubelet.why:
        says = f"{says}: {tidy(kubelet.why)}"
    lines += wrap_words(says, room, "dim", f"{'kubelet':<10}")
    return lines
