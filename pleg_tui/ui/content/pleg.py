"""The kubelet's PLEG mode in a few words, and what the drift watch tells, as lines."""

from __future__ import annotations

from msgspec import Struct

from pleg_tui.node.kubelet.types import ChangeKind, Mode
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.text import SECOND, clock, cut, tidy, width_of

RUNTIME_RESTARTED = "runtime-restarted"
HALF_DONE = "half-done"
"""A switch was interrupted, or another process carries one out."""
MODES = {
    Mode.GENERIC: ("polling", ""),
    Mode.EVENTED: ("events", "good"),
    Mode.FALLEN_BACK: ("fallen back!", "bad-bold"),
    Mode.HINT_ONLY: ("hints only", ""),
    Mode.UNKNOWN: ("?", "dim"),
}
"""Word and style."""
SAYS = {
    Mode.GENERIC: "It polls: it lists all containers every second.",
    Mode.EVENTED: "It lives on the runtime's events, and lists all containers every 300 s.",
    Mode.FALLEN_BACK: "Its gate is on, but it has fallen back to polling until it is restarted.",
    Mode.HINT_ONLY: "It polls every second, and events make it notice ended containers sooner.",
    Mode.UNKNOWN: "Not known.",
}
_RAISED = {
    HALF_DONE: 3,
    ChangeKind.FELL_BACK.value: 3,
    ChangeKind.GONE.value: 2,
    ChangeKind.UNHEALTHY.value: 2,
    ChangeKind.STREAM_ERRORS.value: 1,
    ChangeKind.DISCARDS.value: 1,
    RUNTIME_RESTARTED: 1,
    ChangeKind.RESTARTED.value: 0,
}
"""What is raised as a banner, and how urgent it is; the others are only kept."""
_WORDS = {
    ChangeKind.APPEARED.value: "kubelet there",
    ChangeKind.GONE.value: "kubelet gone",
    ChangeKind.RESTARTED.value: "kubelet restarted",
    ChangeKind.FELL_BACK.value: "fallen back",
    ChangeKind.STREAM_ERRORS.value: "stream errors",
    ChangeKind.DISCARDS.value: "events discarded",
    ChangeKind.UNHEALTHY.value: "PLEG unhealthy",
    ChangeKind.MODE.value: "another mode",
    RUNTIME_RESTARTED: "runtime restarted",
    HALF_DONE: "switch half done",
}


class Told(Struct, frozen=True):
    """One thing that has changed; its texts are cleaned where they are drawn."""

    at: float
    """Seconds since the epoch."""
    kind: str
    """A ChangeKind's value, or RUNTIME_RESTARTED."""
    says: str
    remedy: str
    source: str


def banner_worthy(told: Told, before: Told | None) -> bool:
    """Whether it is raised, and not hidden behind something more urgent."""
    rank = _RAISED.get(told.kind)
    return rank is not None and (before is None or rank >= _RAISED.get(before.kind, 0))


def mode_part(mode: Mode) -> Part:
    """For the status line: "PLEG polling"."""
    word, style = MODES[mode]
    return Part(f"PLEG {word}", style)


def kind_word(told: Told) -> str:
    """What kind of thing it is, in two words."""
    return _WORDS.get(told.kind, told.kind)


def drift_line(told: Told, width: int, glyphs: Glyphs, key: str) -> Line:
    """The banner: what happened, what to do, how to put it away; the remedy is never cut off."""
    urgent = _RAISED.get(told.kind, 0) >= 2
    style = "error" if urgent else "warning"
    sign = glyphs.lost if urgent else glyphs.warning
    at = clock(int(told.at * SECOND))
    away = f"  {key} puts this away"
    remedy = f" {glyphs.folded} {tidy(told.remedy)}" if told.remedy else ""
    head = f" {sign} {at}  "
    room = width - width_of(head) - width_of(remedy) - width_of(away) - 1
    if room < 20:
        away = f"  {key}"
        room = width - width_of(head) - width_of(remedy) - width_of(away) - 1
    says = tidy(told.says)
    if room < 14:
        remedy = cut(remedy, max(width - width_of(head) - width_of(away) - 16, 8), glyphs.cut)
        room = max(width - width_of(head) - width_of(remedy) - width_of(away) - 1, 0)
        says = kind_word(told)
    return (
        Part(head, style),
        Part(cut(says, max(room, 0), glyphs.cut), style),
        Part(remedy, "strong"),
        Part(away, "dim"),
    )
