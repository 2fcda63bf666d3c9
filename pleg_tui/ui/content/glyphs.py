"""The signs on the screen, and what stands for them where only ASCII can be shown."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from pleg_tui.ui.content.status import Mark

_MARKS = {
    Mark.RUNNING: "●",
    Mark.BUSY: "◐",
    Mark.FAILED: "✖",
    Mark.LOOP: "↻",
    Mark.DONE: "○",
    Mark.UNKNOWN: "?",
    Mark.GONE: "·",
}
_ASCII_MARKS = {
    Mark.RUNNING: "*",
    Mark.BUSY: "~",
    Mark.FAILED: "x",
    Mark.LOOP: "@",
    Mark.DONE: "o",
    Mark.UNKNOWN: "?",
    Mark.GONE: "-",
}


class Glyphs(Struct, frozen=True, eq=False):
    """One cell each. There are two sets, told apart by which one it is."""

    marks: Mapping[Mark, str] = field(default_factory=lambda: _MARKS)
    live: str = "●"
    waiting: str = "◌"
    lost: str = "✖"
    warning: str = "▲"
    unfolded: str = "▾"
    folded: str = "▸"
    branch: str = "├"
    last_branch: str = "└"
    ascending: str = "▲"
    descending: str = "▼"
    cut: str = "…"
    dot: str = "·"
    rule: str = "─"
    down: str = "↓"
    replayed: str = "↺"
    hatch: str = "╱"
    edge: str = "▎"
    levels: str = "▁▂▃▄▅▆▇█"
    """From nothing to most, for sparklines."""
    created: str = "·"
    running: str = "━"
    ended: str = "╌"
    died: str = "✖"
    oom: str = "Ø"
    again: str = "↻"
    unknown: str = "?"
    tick: str = "╵"


UNICODE = Glyphs()
ASCII = Glyphs(
    marks=_ASCII_MARKS,
    live="*",
    waiting="~",
    lost="x",
    warning="!",
    unfolded="-",
    folded="+",
    branch="|",
    last_branch="`",
    ascending="^",
    descending="v",
    cut="~",
    dot="-",
    rule="-",
    down="v",
    replayed="R",
    hatch="/",
    edge="|",
    levels="_.:-=+*#",
    created=".",
    running="=",
    ended="-",
    died="x",
    oom="O",
    again="@",
    unknown="?",
    tick="'",
)
