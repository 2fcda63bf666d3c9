"""A switch that goes on, as lines: its steps, how it was proven, what it cost before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pleg_tui.cri.clean import clean
from pleg_tui.migrate.journal import Record
from pleg_tui.migrate.plan import Plan
from pleg_tui.ui.content.compare_table import heading, wrap_words
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.plots import figure
from pleg_tui.ui.content.text import fit, fit_right, span, tidy

if TYPE_CHECKING:
    from pleg_tui.ui.switch_run import Run

KEEP = "keeping the old files"
VERIFY = "looking at what the kubelet does now"
BEFORE, AFTER = "measuring the CPU before", "measuring the CPU after"
_RESULTS = {
    "applied": ("done", "good-bold"),
    "undone": ("rolled back", "good-bold"),
    "failed": ("failed, and everything was put back as it was", "warn-bold"),
    "refused": ("refused, and nothing was changed", "warn-bold"),
    "broken": ("not finished", "bad-bold"),
}


def planned(plan: Plan, *, measure: bool, keep: bool = True) -> tuple[str, ...]:
    """The steps that carry a plan out, in the words in which they will be told."""
    steps = [BEFORE] if measure else []
    steps += [KEEP] if keep else []
    steps += [f"writing {clean(change.path)}" for change in plan.changes]
    for restart in plan.restarts:
        steps += [f"restarting {restart.unit}", f"waiting until {restart.unit} is well"]
    if plan.restarts:
        steps.append(VERIFY)
    return (*steps, AFTER) if measure else tuple(steps)


def undo_steps(record: Record) -> tuple[str, ...]:
    """The steps that undo a switch."""
    steps = [f"putting back {clean(entry.path)}" for entry in reversed(record.entries)]
    for restart in record.restarts:
        if restart.unit in record.begun:
            steps += [f"restarting {restart.unit}", f"waiting until {restart.unit} is well"]
    return tuple(steps)


def run_lines(run: Run, now: float, width: int, glyphs: Glyphs, key: str = "esc") -> list[Line]:
    """Everything that is known of a switch.

    Args:
        run: the switch.
        now: seconds since the epoch.
        width: cells.
        glyphs: the signs to use.
        key: what goes back to the checklist.
    """
    room = min(width - 2, 110)
    lines: list[Line] = [heading("Steps", "", "", room)]
    lines += _steps(run, now, room, glyphs)
    if run.result:
        lines += [(), *_ending(run, room, glyphs)]
    if run.before:
        lines += [(), *_figures(run, room)]
    lines.append(())
    if run.result:
        text = f"{key} goes back to the checklist, which is looked at anew."
    else:
        text = (
            "This goes on in a process of its own: other screens, a lost terminal and the end of "
            "this program do not stop it. Any failure puts every file back by itself."
        )
    lines += wrap_words(text, room, "dim")
    return [(Part(" "), *line) if line else () for line in lines]


def _steps(run: Run, now: float, room: int, glyphs: Glyphs) -> list[Line]:
    told = [text for _, text in run.told]
    lines: list[Line] = []
    failed = run.result in ("refused", "broken")  # "failed" ends with what was put back
    pending = list(run.steps)
    for index, (at, text) in enumerate(run.told):
        if text in pending:
            del pending[: pending.index(text) + 1]
        last = index == len(told) - 1
        until = run.told[index + 1][0] if not last else run.ended_at or now
        wrong = text.startswith("failed: ")
        if wrong:
            pending = []
        if last and not run.result:
            sign, style = glyphs.waiting, "busy-bold"
        elif wrong or (last and failed):
            sign, style = glyphs.lost, "bad-bold"
        elif not last and told[index + 1].startswith("failed: "):
            sign, style = glyphs.lost, "bad"
        else:
            sign, style = glyphs.live, "good"
        took = "" if wrong else span(max(until - at, 0.0))
        if last and run.left_s is not None:
            took = f"{span(run.left_s)} left"
        lines += _step(sign, style, clean(text), took, room)
    if not run.result:
        lines += [line for text in pending for line in _step(" ", "dim", text, "", room)]
    return lines or [(Part("starting", "dim"),)]


def _step(sign: str, style: str, text: str, took: str, room: int) -> list[Line]:
    first, *rest = wrap_words(tidy(text), room - 14, "dim" if style == "dim" else "")
    head = (Part(f"{sign} ", style), *first, Part(f"  {took}", "dim"))
    return [head, *((Part("  "), *line) for line in rest)]


def _ending(run: Run, room: int, glyphs: Glyphs) -> list[Line]:
    word, style = _RESULTS.get(run.result, (run.result, "bad-bold"))
    verdict = run.verdict
    proven = verdict.get("ok") if verdict is not None else None
    if run.result == "applied" and verdict is not None and not proven:
        word, style = "done, but not proven", "warn-bold"
    sign = glyphs.live if style.startswith("good") else glyphs.warning
    lines: list[Line] = [heading("Result", "", "", room), (Part(f"{sign} {word}", style),)]
    if run.why:
        lines += wrap_words(tidy(clean(run.why)), room)
    if verdict is not None and run.result == "applied":
        says = clean(str(verdict.get("says", "")))
        mode = clean(str(verdict.get("mode", "")))
        if proven:
            lines += wrap_words(tidy(f"the kubelet is {mode}: {says}"), room, "", "verified  ")
            if mode == "evented":
                lines += wrap_words(
                    "after each restart of the runtime restart the kubelet too: it would fall "
                    "back to polling. This dashboard tells when it does.",
                    room, "", "from now  ",
                )  # fmt: skip
        else:
            lines += wrap_words(
                tidy(f"what the kubelet does now could not be told ({says}); look again, or roll "
                     "it back"), room, "warn",
            )  # fmt: skip
    return lines


def _figures(run: Run, room: int) -> list[Line]:
    lines: list[Line] = [heading("CPU before and after", "", "", room)]
    lines.append((Part(f"{'':<14}{'before':>12}{'after':>12}   ms per second", "heading"),))
    after = {one.get("name"): one for one in run.after}
    for one in run.before:
        name = clean(str(one.get("name", "")), 13)
        other = after.get(one.get("name"))
        lines.append(
            (
                Part(fit(name, 14)),
                Part(fit_right(_figure(one), 12)),
                Part(fit_right("" if other is None else _figure(other), 12)),
                Part(f"   over {one.get('seconds', 0):.0f} s", "dim"),
            )
        )
    for word, side in (("before", run.before), ("after", run.after)):
        lines += _unknown(word, side, room)
    if run.after:
        text = "two single measurements: what else ran meanwhile is in them"
        lines += wrap_words(text, room, "dim")
    return lines


def _unknown(word: str, side: Sequence[Mapping[str, Any]], room: int) -> list[Line]:
    return [
        line
        for one in side
        if one.get("cpu_ms_per_s") is None
        for line in wrap_words(f"{word}, {one.get('name')}: unknown, {one.get('why')}", room, "dim")
    ]


def _figure(usage: Mapping[str, Any]) -> str:
    value = usage.get("cpu_ms_per_s")
    return "unknown" if value is None else figure(float(value))
