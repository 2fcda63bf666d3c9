"""The Migrate screen as lines: the answer, the checklist, the plan as a diff, the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from pleg_tui.cri import traits
from pleg_tui.cri.clean import clean
from pleg_tui.migrate.changes import FileChange
from pleg_tui.migrate.checks import Answer, Check
from pleg_tui.migrate.journal import Record
from pleg_tui.migrate.ladder import Status
from pleg_tui.migrate.plan import Plan, Refused, Restart, diff
from pleg_tui.migrate.rollback import preview
from pleg_tui.node.kubelet.types import Mode
from pleg_tui.ui.content.compare_table import heading, wrap_words
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line, wrap
from pleg_tui.ui.content.pleg import MODES
from pleg_tui.ui.content.text import SECOND, clock, cut, fit, tidy

if TYPE_CHECKING:
    from pleg_tui.ui.migrating import Seen

_WIDEST = 110
_ANSWERS = {
    Answer.READY: ("READY", "good-bold"),
    Answer.NOT_READY: ("NOT READY", "bad-bold"),
    Answer.IN_USE: ("IN USE", "good-bold"),
    Answer.DEGRADED: ("DEGRADED", "bad-bold"),
    Answer.UNKNOWN: ("UNKNOWN", "warn-bold"),
}
_STATUSES = {
    Status.PASS: ("pass", "good"),
    Status.WARN: ("warn", "warn"),
    Status.FAIL: ("fail", "bad"),
    Status.UNKNOWN: ("unknown", "warn"),
}


class Keys(Struct, frozen=True):
    """What the keys are called that the texts name."""

    plan: str = "enter"
    look: str = "r"
    apply: str = "a"
    other: str = "t"
    measure: str = "m"
    undo: str = "u"
    finish: str = "f"
    risks: str = "!"
    back: str = "esc"


def title_line(
    width: int,
    glyphs: Glyphs,
    *,
    page: str,
    simulated: bool,
    looking: bool,
    at: float | None,
) -> Line:
    """The title of the screen: which of its pages, and how old what it shows is."""
    left = [Item((Part("Migrate", "title-focus"),)), Item((Part(page, "dim"),), 1)]
    right = []
    if looking:
        right.append(Item((Part(f"{glyphs.waiting} looking at the node", "busy-bold"),), 1))
    elif at is not None:
        right.append(Item((Part(f"looked at {clock(int(at * SECOND))}", "dim"),), 2))
    if simulated:
        right.append(Item((Part(" SIMULATED ", "badge"),)))
    return bar_line(left, right, width)


# -- the answer


def answer_lines(
    seen: Seen | None, error: str, looking: bool, width: int, keys: Keys
) -> list[Line]:
    """The answer in words that need no knowledge of the checklist; four lines at most."""
    room = min(width - 2, _WIDEST)
    if error:
        return _indented(wrap_words(tidy(clean(error)), room, "warn", "! "))[:4]
    if seen is None:
        text = "looking at the kubelet, its files, its log; half a minute where nothing else tells"
        return _indented([(Part(text if looking else "not looked at yet", "dim"),)])
    word, style = _ANSWERS[seen.answer]
    says = _says(seen, keys)
    head = f"{word}  "
    lines = wrap_words(tidy(says), room, "strong", head)
    lines[0] = (Part(head, style), *lines[0][1:])
    kubelet = seen.facts.kubelet
    mode = MODES[kubelet.mode][0] if kubelet.mode is not Mode.UNKNOWN else "unknown"
    now = f"kubelet {clean(kubelet.version.value or 'of unknown version')}, PLEG {mode}"
    known = traits.traits(seen.facts.runtime.name, seen.facts.runtime.version)
    runtime = known.title if seen.facts.runtime.name else "runtime unknown"
    where = clean(kubelet.home.distribution or "distribution unknown")
    lines = [*lines[:3], (Part(cut(tidy(f"{now}; {runtime}; {where}"), room), "dim"),)]
    return _indented(lines)


def _says(seen: Seen, keys: Keys) -> str:
    if seen.busy:
        return f"Another process is switching this node now: {clean(seen.busy)}."
    if (record := seen.half_done) is not None:
        if seen.facts.unfinished is not None and seen.facts.unfinished.undoing:
            return (
                f"A rollback was left half done at: {clean(record.reached)}. {keys.undo} finishes "
                "it."
            )
        return (
            f"A switch to {record.target} was left half done at: {clean(record.reached)}. "
            f"{keys.finish} finishes it, {keys.undo} undoes it."
        )
    mode = seen.facts.kubelet.mode
    match seen.answer:
        case Answer.READY:
            warned = sum(one.status is Status.WARN for one in seen.checks)
            which = "warning" if warned == 1 else f"{warned} warnings"
            risks = f" Read the {which} first." if warned else ""
            return (
                f"This node polls, and can be taken to events.{risks} {keys.plan} shows the plan; "
                "nothing is changed by that."
            )
        case Answer.NOT_READY:
            failed = [one.title for one in seen.checks if one.status is Status.FAIL]
            return (
                f"This node cannot be taken to events yet. In the way: {', '.join(failed)}. Below "
                "stands what to do about it."
            )
        case Answer.IN_USE:
            if mode is Mode.HINT_ONLY:
                return (
                    "This kubelet uses events, as far as its version does: it polls, and notices "
                    f"ended containers sooner. {keys.plan} shows the way back."
                )
            return (
                "This kubelet lives on the runtime's events; nothing needs doing. After each "
                f"restart of the runtime, restart the kubelet. {keys.plan} shows the way back."
            )
        case Answer.DEGRADED:
            if mode in (Mode.FALLEN_BACK, Mode.GENERIC):
                return (
                    "Events are turned on, but this kubelet polls all the same: it must be "
                    f"restarted. {keys.plan} shows the plan that does it."
                )
            return f"Events are in use, and something spoils them: {seen.because}."
    return f"It cannot be told from here. {_sentence(seen.because)} {keys.look} looks again."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


# -- the checklist


def check_head(check: Check, width: int, glyphs: Glyphs, here: bool) -> Line:
    """One check in one line: sign and word of its status, title, the beginning of its evidence."""
    word, style = _STATUSES[check.status]
    sign = {
        Status.PASS: glyphs.live,
        Status.WARN: glyphs.warning,
        Status.FAIL: glyphs.lost,
        Status.UNKNOWN: glyphs.unknown,
    }[check.status]
    titles = 34 if width >= 100 else 32
    room = max(width - 11 - titles - 1, 0)
    evidence = "" if here else cut(tidy(check.evidence), room, glyphs.cut)
    return (
        Part(f" {sign} {word:<7}", style),
        Part(" "),
        Part(fit(tidy(check.title), titles, glyphs.cut), "strong" if here else ""),
        Part(evidence, "dim"),
    )


def check_body(check: Check, width: int) -> list[Line]:
    """What is behind a check: what was seen, what to do, where the rule comes from."""
    room = min(width - 11, _WIDEST)
    lines = wrap_words(tidy(check.evidence), room)
    if check.remedy and check.status is not Status.PASS:
        lines += wrap_words(tidy(check.remedy), room, "strong", "do  ")
    if check.source:
        lines += wrap_words(tidy(check.source), room, "dim", "by  ")
    return [(Part(" " * 11), *line) for line in lines]


# -- the plan


def plan_lines(
    made: Plan | Refused,
    seen: Seen,
    width: int,
    keys: Keys,
    *,
    target: str,
    measure_s: float,
    why_not: str,
    risks: bool,
) -> list[Line]:
    """The whole plan, or why there is none.

    Args:
        made: the plan.
        seen: the look that it was made from.
        width: cells.
        keys: their names.
        target: evented or generic.
        measure_s: how long to measure before and after; 0: not at all.
        why_not: why it cannot be carried out from here.
        risks: the risk of static pods was accepted.
    """
    room = min(width - 2, _WIDEST)
    kubelet = seen.facts.kubelet
    known = traits.traits(seen.facts.runtime.name, seen.facts.runtime.version)
    lines: list[Line] = [heading(f"To {target}", "", "", room)]
    now = (
        f"kubelet {clean(kubelet.version.value or 'of unknown version')}, now {kubelet.mode.value};"
        f" {known.title}; {clean(kubelet.home.distribution or '')}"
    )
    lines += wrap_words(tidy(now), room, "dim")
    if isinstance(made, Refused):
        lines += [(), *wrap_words(tidy(clean(made.reason)), room, "warn", "refused  ")]
        if made.remedy:
            lines += wrap_words(tidy(clean(made.remedy)), room, "strong", "do       ")
        if "--accept-risks" in made.remedy:
            lines += wrap_words(f"{keys.risks} accepts that risk here", room, "", "         ")
        lines += [(), *_ways(made, keys, target, measure_s, why_not, room)]
        return _indented(lines)
    lines += [(), *_ways(made, keys, target, measure_s, why_not, room)]
    if made.nothing_to_do:
        lines += [(), (Part("Nothing to do: the node is already configured so.", "strong"),)]
    else:
        lines += [(), heading("What is done, in this order", "", "", room)]
        lines += step_lines(made.changes, made.restarts, room)
    if made.risks or made.notes or risks:
        lines += [(), heading("What to know", "", "", room)]
        if risks:
            lines += wrap_words("the risk of static pods was accepted", room, "warn", "accepted ")
        for rung in made.risks:
            lines += wrap_words(tidy(f"{rung.says} ({rung.source})"), room, "warn", "risk     ")
            lines += wrap_words(tidy(rung.remedy), room, "", "         ")
        for note in made.notes:
            lines += wrap_words(tidy(clean(note)), room, "", "note     ")
    return _indented(lines)


def _ways(
    made: Plan | Refused, keys: Keys, target: str, measure_s: float, why_not: str, room: int
) -> list[Line]:
    """What can be done with this plan."""
    lines: list[Line] = []
    doable = isinstance(made, Plan) and not made.nothing_to_do
    if doable and why_not:
        lines += wrap_words(tidy(clean(why_not)), room, "warn", "! ")
    elif doable:
        lines += wrap_words(
            f"{keys.apply} applies it, after asking; nothing was changed yet. Every file is kept, "
            "and any failure puts all of them back.", room, "strong",
        )  # fmt: skip
        measure = f"{measure_s:.0f} s before and after" if measure_s else "not measured"
        lines += wrap_words(f"CPU of kubelet and runtime: {measure} ({keys.measure})", room, "dim")
    other = "generic, back to polling" if target == "evented" else "evented"
    lines += wrap_words(f"{keys.other} shows the plan to {other}", room, "dim")
    return lines


def step_lines(changes: Iterable[FileChange], restarts: Iterable[Restart], room: int) -> list[Line]:
    """What is done, numbered: files with their diffs, then restarts."""
    lines: list[Line] = []
    number = 0
    for change in changes:
        number += 1
        verb = "make" if change.before is None else "change" if change.after else "remove"
        text = tidy(f"{verb} {clean(change.path)}: {change.why}")
        lines += wrap_words(text, room, "", f"{number:>2}. ")
        for line in diff(change):
            style = _diff_style(line)
            lines += wrap((Part("    "), Part(tidy(line), style)), room)
    for restart in restarts:
        number += 1
        text = tidy(clean(f"restart {restart.unit}: {restart.why}"))
        lines += wrap_words(text, room, "", f"{number:>2}. ")
    return lines


def _diff_style(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "dim"
    return "good" if line.startswith("+") else "bad" if line.startswith("-") else ""


# -- the way back


def undo_lines(record: Record, width: int, keys: Keys, why_not: str) -> list[Line]:
    """What a rollback of this switch would do."""
    room = min(width - 2, _WIDEST)
    changes, restarts = preview(record)
    day = record.id.partition("-")[0]
    lines: list[Line] = [heading("Roll back", "", "", room)]
    text = f"the switch to {record.target} of {day}"
    if not record.finished:
        text += f", which was interrupted at: {clean(record.reached)}"
    lines += wrap_words(tidy(text), room, "dim")
    lines.append(())
    if why_not:
        lines += wrap_words(tidy(clean(why_not)), room, "warn", "! ")
    else:
        text = f"{keys.apply} puts every file back to the byte, after asking."
        lines += wrap_words(text, room, "strong")
    lines += [(), heading("What is done, in this order", "", "", room)]
    lines += step_lines(changes, restarts, room)
    return _indented(lines)


def _indented(lines: Sequence[Line]) -> list[Line]:
    return [(Part(" "), *line) if line else () for line in lines]
