"""The one-line bars: the status line, the panes' titles, the banner, the keys.

All are looked at once a second and after every change, and most say what they said before, so the
last lines are kept by what they were made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.feed.types import Health, Phase
from pleg_tui.model import Source
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line
from pleg_tui.ui.content.model import Totals
from pleg_tui.ui.content.order import View
from pleg_tui.ui.content.text import count, cut_middle, milliseconds, short, tidy, width_of

SOURCES = {
    Source.CRI: "CRI events",
    Source.CONTAINERD: "containerd events",
    Source.RELIST: "relist",
}
_MEBIBYTE = 1 << 20


class Usage(Struct, frozen=True):
    """What this program costs the node."""

    cpu_percent: float | None = None
    """Of one core, interface and collector together, over the last reading's interval."""
    rss_bytes: int | None = None


class Message(Struct, frozen=True):
    """Something to be said in the status line for a while."""

    text: str
    style: str = "accent"

    @classmethod
    def of(cls, text: str, style: str = "accent") -> Message:
        """Made safe to show: errors of this program's own libraries have passed no boundary."""
        return cls(clean(tidy(text)), style)


class StatusFacts(Struct, frozen=True):
    """Everything the status line shows."""

    node: str
    health: Health
    usage: Usage = Usage()
    message: Message | None = None
    paused: int | None = None
    """Changes held back while paused; None when it is not paused."""
    resume_key: str = ""
    """The key that lets the screen go on."""
    modes: tuple[tuple[str, str, bool], ...] = ()
    """(key, title, it is looked at) of each mode."""
    activity: str = ""
    """What goes on in modes that are not looked at."""
    pleg: Part | None = None
    """The kubelet's mode; None where none is looked for."""


def phase_parts(health: Health, glyphs: Glyphs) -> Line:
    """The connection's state as glyph and word."""
    match health.phase:
        case Phase.LIVE:
            return (Part(f"{glyphs.live} live", "good-bold"),)
        case Phase.LOST:
            return (Part(f"{glyphs.lost} lost", "bad-bold"),)
        case Phase.STOPPED:
            return (Part(f"{glyphs.lost} stopped", "bad-bold"),)
        case Phase.CONNECTING:
            return (Part(f"{glyphs.waiting} connecting", "warn-bold"),)
    return (Part(f"{glyphs.waiting} starting", "busy-bold"),)


_GAP = 2
_KEPT_FREE = 32
"""Cells that the modes leave to the node's name, the runtime and this program's own figures."""


def modes_parts(modes: tuple[tuple[str, str, bool], ...], *, keys: bool = False) -> Line:
    """The modes with their keys; the one that is looked at stands out.

    Args:
        modes: (key, title, it is looked at) of each.
        keys: only the keys of the others.
    """
    parts: list[Part] = []
    for key, title, here in modes:
        parts.append(Part(" " if parts and not keys else ""))
        parts.append(Part(f" {key} {title} ", "mode-here") if here else Part(f" {key} ", "key"))
        if not here and not keys:
            parts.append(Part(f"{title} ", "dim"))
    return tuple(part for part in parts if part.text)


@lru_cache(maxsize=4)
def status_line(facts: StatusFacts, width: int, glyphs: Glyphs) -> Line:
    """The line at the top of the screen."""
    health = facts.health
    runtime = health.runtime
    phase = Item(phase_parts(health, glyphs))
    lasting: list[Item] = []
    if runtime is not None and runtime.simulated:
        lasting.append(Item((Part(" SIMULATED ", "badge"),)))
    if facts.pleg is not None:  # a kubelet that has fallen back is no detail
        lasting.append(Item((facts.pleg,), 0 if facts.pleg.style.startswith("bad") else 1))
    passing: list[Item] = []
    if facts.activity:
        passing.append(Item((Part(f"{glyphs.waiting} {facts.activity}", "busy-bold"),)))
    if facts.message is not None:
        passing.append(Item((Part(tidy(facts.message.text), facts.message.style),)))
    left = [*_phase_items(facts, phase), *lasting, *passing]
    left.append(Item((Part(cut_middle(tidy(facts.node), 24, glyphs.cut), "strong"),), 3))
    if runtime is not None:
        name = f"{tidy(runtime.name)} {tidy(runtime.version)}"
        left.append(Item((Part(cut_middle(name, 30, glyphs.cut)),), 2))
    if health.source is not None:
        left.append(Item((Part(SOURCES[health.source], "dim"),), 5))
    right = _figures(facts)
    if facts.modes:
        # Where titles would push out what runs here and what it costs, the keys alone say that
        # there are more modes. What comes and goes changes that only where it would be cut off.
        must = [item for item in (*left, *right) if not item.rank]
        room = min(width - _taken(phase, *lasting) - _KEPT_FREE, width - 2 - _taken(*must))
        modes = Item(modes_parts(facts.modes), 1)
        if _taken(modes) > room + _GAP:
            modes = Item(modes_parts(facts.modes, keys=True), 1)
        left.insert(0, modes)
    return bar_line(left, right, width, _GAP)


def _phase_items(facts: StatusFacts, phase: Item) -> list[Item]:
    """How the stream stands; while the screen is held, that in the place of "live"."""
    if facts.paused is None:
        return [phase]
    change = "change waits" if facts.paused == 1 else "changes wait"
    pause = Item((Part(f" PAUSED, {short(facts.paused)} {change} ", "badge-warn"),))
    how = Item((Part(facts.resume_key, "key"), Part(" goes on", "dim")), 2)
    return [pause, how] if facts.health.phase is Phase.LIVE else [phase, pause, how]


def _figures(facts: StatusFacts) -> list[Item]:
    """What the right end of the status line counts."""
    health = facts.health
    items: list[Item] = []
    if health.lag_ms is not None:
        items.append(_figure("lag", milliseconds(health.lag_ms), 4))
    items.append(_figure("events", short(health.events), 7))
    if health.lost:
        items.append(Item((Part(f"lost {short(health.lost)}", "bad-bold"),)))
    if health.missed:
        items.append(Item((Part(f"missed {short(health.missed)}", "warn-bold"),)))
    if health.unreadable:
        items.append(Item((Part(f"unreadable {short(health.unreadable)}", "warn-bold"),)))
    usage = facts.usage
    if usage.cpu_percent is not None:
        items.append(_figure("cpu", f"{usage.cpu_percent:.1f}%", 6))
    if usage.rss_bytes is not None:
        items.append(_figure("mem", f"{usage.rss_bytes / _MEBIBYTE:.0f}M", 8))
    return items


def _taken(*items: Item) -> int:
    """Cells that these take, with the gap behind each."""
    return sum(width_of(text) for item in items for text, _ in item.parts) + _GAP * len(items)


def _figure(label: str, value: str, rank: int) -> Item:
    return Item((Part(f"{label} ", "dim"), Part(value)), rank)


def banner_text(health: Health, now: float, glyphs: Glyphs) -> tuple[str, str]:
    """(text, style) of what is wrong and what to do about it; empty when nothing is.

    Args:
        health: how the stream stands.
        now: time.monotonic().
        glyphs: the signs to use.
    """
    if health.error and health.phase is not Phase.LIVE:
        return f"{glyphs.lost} {tidy(health.error)}{retry_text(health, now)}", "error"
    if health.phase is Phase.LOST:
        return (
            f"{glyphs.lost} The connection to the runtime is lost.{retry_text(health, now)}",
            "error",
        )
    if health.error or health.warning:
        return f"{glyphs.warning} {tidy(health.error or health.warning)}", "warning"
    return "", ""


def retry_text(health: Health, now: float) -> str:
    """When it will be tried again, as the end of a sentence."""
    if health.retry_at is None:
        return ""
    seconds = ceil(health.retry_at - now)
    return f"  Trying again in {seconds} s." if seconds > 0 else "  Trying again now."


@lru_cache(maxsize=4)
def pods_title(
    totals: Totals, view: View, *, focused: bool, width: int, glyphs: Glyphs, listed: int = 0
) -> Line:
    """The title of the pane of pods; `listed` is how many there are while not all are shown yet."""
    pods = f"{totals.pods:,}"
    if listed > totals.pods:
        pods = f"{pods} of {listed:,} listed{glyphs.cut}"
    left = [
        title_item("Pods", focused, glyphs),
        Item((Part(pods, "strong"),)),
        Item((Part(count(totals.containers, "container"), "dim"),), 4),
    ]
    if totals.unhealthy:
        left.append(Item((Part(f"{totals.unhealthy:,} unhealthy", "bad"),), 1))
    if totals.restarted:
        left.append(Item((Part(f"{totals.restarted:,} restarted", "warn"),), 2))
    right: list[Item] = []
    if view.filter:
        text = cut_middle(tidy(view.filter.text), max(width // 3, 12), glyphs.cut)
        right.append(Item((Part("/", "dim"), Part(text, "accent"))))
    if view.running_only:
        right.append(Item((Part("running only", "accent"),)))
    if view.unhealthy_only:
        right.append(Item((Part("unhealthy or restarted", "accent"),)))
    if view.filter or view.running_only or view.unhealthy_only:
        right.append(Item((Part(f"{totals.shown:,} of {totals.pods:,} shown", "dim"),), 2))
    arrow = glyphs.descending if view.reverse else glyphs.ascending
    right.append(Item((Part("by ", "dim"), Part(f"{view.sort.value} {arrow}", "dim")), 3))
    return bar_line(left, right, width)


def title_item(text: str, focused: bool, glyphs: Glyphs) -> Item:
    """The name of a pane, marked while the keys go there."""
    style = "title-focus" if focused else "title"
    return Item((Part(f"{glyphs.edge if focused else ' '}{text}", style),))


@lru_cache(maxsize=4)
def key_line(
    keys: tuple[tuple[str, str], ...], width: int
) -> tuple[Line, Sequence[tuple[int, int, int]]]:
    """As many keys with what they do as fit, in the order given.

    Returns:
        The line, and for each key that is on it (first cell, end cell, its place in `keys`).
    """
    parts: list[Part] = [Part(" ")]
    spots: list[tuple[int, int, int]] = []
    x = 1
    for index, (key, label) in enumerate(keys):
        needed = len(key) + 1 + len(label)
        if x + needed > width - 1:
            break
        parts += (Part(key, "key"), Part(f" {label}", "dim"), Part("  "))
        spots.append((x, x + needed, index))
        x += needed + 2
    return (*parts, Part(" " * max(width - x, 0))), spots
