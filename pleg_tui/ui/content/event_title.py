"""The title of the pane of events: how many, which of them are shown, how fast and how late."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from pleg_tui.ui.content.bars import title_item
from pleg_tui.ui.content.event_view import EventView
from pleg_tui.ui.content.events import event_layout
from pleg_tui.ui.content.filters import NO_FILTER, Filter
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line
from pleg_tui.ui.content.pulse import Pulse
from pleg_tui.ui.content.spark import spark
from pleg_tui.ui.content.text import count, cut_middle, milliseconds, short, tidy

LONG = 150
"""From here on the sparklines have a cell for every step; below, one for two."""
PULSE_FROM = 100


class PaneFacts(Struct, frozen=True):
    """Everything that the title shows."""

    total: int
    """Lifecycle events that came in all."""
    shown: int
    """Entries that the list has."""
    skipped: int = 0
    """Events that came while it was held still, more than are kept."""
    unseen: int = 0
    """Those below what is shown."""
    focused: bool = False
    following: bool = True
    view: EventView = EventView()
    listed: Filter = NO_FILTER
    """The filter of the list of pods."""
    pulse: Pulse | None = None
    modelled: bool = False
    """A narrow list has what a relist would have seen in the place of the lag."""
    scroll_bar: int = 1
    """Cells beside the list's columns."""


@lru_cache(maxsize=4)
def events_title(facts: PaneFacts, width: int, glyphs: Glyphs) -> Line:
    """The title, the headings of the list's last columns at its end."""
    view = facts.view
    left = [
        title_item("Events", facts.focused, glyphs),
        Item((Part(f"{facts.total:,}", "strong"),)),
    ]
    if facts.skipped:
        left.append(Item((Part(f"{short(facts.skipped)} not kept", "warn"),), 1))
    if view.hides(facts.listed):
        left.append(Item((Part(f"{facts.shown:,} shown", "dim"),), 3))
    if facts.pulse is not None and width >= PULSE_FROM:
        pulse = facts.pulse if width >= LONG else facts.pulse.coarser()
        left.append(_rate(pulse, glyphs))
        left.append(_lag(pulse, glyphs))
    right = _scope(facts, width, glyphs)
    if not facts.following:
        if facts.unseen:
            right.append(Item((Part(f" {facts.unseen:,} new {glyphs.down} ", "badge"),)))
        right.append(Item((Part("scrolled back, G follows", "dim"),), 4))
    headings = event_layout(width - facts.scroll_bar, facts.modelled).headings
    right.append(Item((Part(headings + " " * facts.scroll_bar, "heading"),), 2))
    return bar_line(left, right, width)


def _scope(facts: PaneFacts, width: int, glyphs: Glyphs) -> list[Item]:
    """Which events are shown, where it is not simply those of the list."""
    view = facts.view
    room = max(width // 3, 12)
    items: list[Item] = []
    if view.only is not None:
        name = cut_middle(tidy(view.only.title), room, glyphs.cut)
        items.append(Item((Part("of ", "dim"), Part(name, "accent"))))
    if not view.follows:
        if view.own:
            text = cut_middle(tidy(view.own.text), room, glyphs.cut)
            items.append(Item((Part("own /", "dim"), Part(text, "accent")), 1))
        elif facts.listed:
            items.append(Item((Part("whatever the list shows", "accent"),), 1))
    elif facts.listed:
        text = cut_middle(tidy(facts.listed.text), room, glyphs.cut)
        items.append(Item((Part("/", "dim"), Part(text, "accent")), 1))
    return items


def _rate(pulse: Pulse, glyphs: Glyphs) -> Item:
    top = pulse.top_rate
    told = f"{top:.1f}" if top < 10 and top % 1 else short(round(top))
    return Item(
        (Part("rate ", "dim"), Part(spark(pulse.rates, glyphs), "accent"),
         Part(f" max {told}/s", "dim")),
        5,
    )  # fmt: skip


def _lag(pulse: Pulse, glyphs: Glyphs) -> Item:
    top = pulse.top_lag
    told = "unknown" if top is None else f"max {milliseconds(top)}"
    cells = Part(spark(pulse.lags, glyphs), "accent")
    return Item((Part("lag ", "dim"), cells, Part(f" {told}", "dim")), 6)


def held_note(dropped: int) -> str:
    """What to say when more came while the screen was held still than the list keeps."""
    return f"{count(dropped, 'event')} came while paused and were not kept" if dropped else ""
