"""The timeline's words: its title, the lines of its tracks, and what a change was to the letter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from pleg_tui.model import ContainerState
from pleg_tui.pleg.history import Gap, Span, Track
from pleg_tui.ui.content.bars import title_item
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line
from pleg_tui.ui.content.pods import pod_name
from pleg_tui.ui.content.status import signal_name
from pleg_tui.ui.content.strip import Window, legend, looks, strip_line
from pleg_tui.ui.content.text import SECOND, age, clock, cut, cut_middle, fit, span, tidy, width_of

LENGTHS = tuple(
    seconds * SECOND for seconds in (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600)
)
"""How much time the pane can show, ns."""
USUAL = LENGTHS.index(300 * SECOND)
SANDBOX = "(sandbox)"
_EXITED = ContainerState.EXITED


class Change(NamedTuple):
    """A moment at which a track became another."""

    at: int
    """Wall time, ns."""
    place: int
    """Of the span that begins, or that ends by being removed."""
    removed: bool


class TimelineFacts(Struct, frozen=True):
    """Everything the title says."""

    namespace: str
    pod: str
    """The pod's name; empty where there is none."""
    length: int
    """The time shown, ns."""
    end: int | None
    """Wall time, ns, of the newest edge; None while that is now."""
    hidden: int = 0
    """Tracks for which there is no room."""


def changes(track: Track) -> list[Change]:
    """All that can be pointed at in a track, in order."""
    found: list[Change] = []
    for index, one in enumerate(track.spans):
        found.append(Change(one.start_ns, index, False))
        if one.removed and one.end_ns is not None:
            found.append(Change(one.end_ns, index, True))
    return found


@lru_cache(maxsize=4)
def timeline_title(facts: TimelineFacts, *, focused: bool, width: int, glyphs: Glyphs) -> Line:
    """The title of the pane: whose time, how much of it, and what the signs mean."""
    left = [title_item("Timeline", focused, glyphs)]
    if facts.pod:
        space, name = pod_name(facts.namespace, facts.pod, max(width // 3, 20), glyphs)
        left.append(Item((Part(space, "dim"), Part(name, "strong")), 1))
    left.append(Item((Part(span(facts.length / SECOND), "dim"),)))
    if facts.end is not None:
        left.append(Item((Part(f" until {clock(facts.end)}, 0 for now ", "badge"),)))
    if facts.hidden:
        left.append(Item((Part(f"{facts.hidden} more {glyphs.down}", "dim"),), 2))
    signs = [Item(parts, 3 + rank) for rank, parts in enumerate(legend(glyphs))]
    return bar_line(left, signs, width)


def label_width(width: int) -> int:
    """Cells for a track's name in a pane of this width."""
    return max(min(width // 5, 28), 8)


def track_line(
    track: Track,
    gaps: Sequence[Gap],
    frame: Window,
    width: int,
    glyphs: Glyphs,
    *,
    chosen: bool = False,
    cursor: int = -1,
    mark: str = "",
) -> Line:
    """A track's name and its strip.

    Args:
        track: what to draw.
        gaps: when nobody watched.
        frame: the time to draw.
        width: cells for the name.
        glyphs: the signs to use.
        chosen: the cursor is on this track.
        cursor: the cell under the cursor of time; -1 for none.
        mark: what the style of that cell ends with.
    """
    room = width - 3
    name = SANDBOX if track.is_sandbox else tidy(track.name)
    text = cut_middle(name, room, glyphs.cut)
    style = "strong" if chosen else "dim" if track.is_sandbox else "container"
    sign = glyphs.folded if chosen else " "
    return (
        Part(f" {sign}", "accent"),
        Part(text, style),
        Part(" " * (room - width_of(text) + 1)),
        *strip_line(looks(track, gaps, frame), glyphs, cursor, mark),
    )


def change_line(
    track: Track, change: Change | None, gaps: Sequence[Gap], now: int, width: int, glyphs: Glyphs
) -> Line:
    """What a change was, in words and to the millisecond."""
    name = "sandbox" if track.is_sandbox else tidy(track.name)
    if change is None:
        return (Part(fit(f"  nothing is known of {name}", width, glyphs.cut), "dim"),)
    text, style = change_text(track, change, now)
    unwatched = any(g.start_ns <= change.at < (g.end_ns or now) for g in gaps)
    if unwatched:
        text += "; nobody watched then"
    name = cut_middle(name, max(width // 3, 8), glyphs.cut)
    rest = cut(text, max(width - 3 - width_of(name), 0), glyphs.cut)
    return (Part("  "), Part(name, "strong"), Part(" "), Part(rest, style))


def change_text(track: Track, change: Change, now: int) -> tuple[str, str]:
    """(what it was, its style)."""
    spans = track.spans
    one = spans[change.place]
    after = spans[change.place + 1] if change.place + 1 < len(spans) else None
    following = after if after is not None and after.container_id == one.container_id else None
    if change.removed:
        return f"removed {when(change.at, one.known_end, now)}", "dim"
    if not one.container_id:
        until = "now" if one.end_ns is None else moment(one.end_ns, now)
        return f"not known from {moment(one.start_ns, now)} to {until}: before we watched", "dim"
    at = when(one.start_ns, one.known_start, now)
    number = f" (attempt {one.attempt})" if one.attempt else ""
    if one.state is ContainerState.CREATED:
        return f"created{number} {at}, {_then(one, following)}", ""
    if one.state is ContainerState.RUNNING:
        verb = "ready" if track.is_sandbox else "started"
        return f"{verb}{number} {at}, {_run(one, following, now)}", _style(following)
    if one.state is _EXITED:
        before = spans[change.place - 1] if change.place else one
        ran = ""
        if before.state is ContainerState.RUNNING and before.container_id == one.container_id:
            ran = f" after {lasted(one.start_ns - before.start_ns)}"
        if track.is_sandbox:
            return f"stopped{number} {at}{ran}", "dim"
        return f"ended{number} {at}{ran}, {ending(one)}", _style(one)
    until = "now" if following is None else moment(following.start_ns, now)
    return f"there{number} {at}, its state is not known until {until}", "dim"


def _then(one: Span, following: Span | None) -> str:
    """What became of one that was created."""
    if following is None:
        return "removed before it started" if one.removed else "not started yet"
    waited = lasted(following.start_ns - one.start_ns)
    if following.state is _EXITED:
        return f"never seen running, {ending(following)} {waited} later"
    return f"started {waited} later"


def _run(one: Span, following: Span | None, now: int) -> str:
    """How long one ran and how that ended."""
    end = one.end_ns
    if end is None:
        return f"for {age(now - one.start_ns)} now"
    ran = f"ran {lasted(end - one.start_ns)}"
    if following is None:
        return f"{ran}, removed" if one.removed else ran
    if following.state is _EXITED:
        return f"{ran}, {ending(following)}"
    return ran


def _style(ended: Span | None) -> str:
    if ended is None or ended.state is not _EXITED or ended.exit_code == 0:
        return ""
    return "warn" if ended.exit_code is None else "bad"


def ending(ended: Span) -> str:
    """How a span of EXITED came about: "exit 137 OOMKilled", "exit 143 SIGTERM"."""
    code = ended.exit_code
    oom = ended.reason == "OOMKilled"
    if code is None:
        return "OOMKilled, exit code unknown" if oom else "exit code unknown"
    extra = signal_name(code)
    if oom or ended.reason not in ("", "Error", "Completed"):
        extra = tidy(ended.reason)
    return f"exit {code} {extra}" if extra else f"exit {code}"


def when(at: int, known: bool, now: int) -> str:
    """A wall time; "by" it where it is only when somebody noticed."""
    return moment(at, now) if known else f"by {moment(at, now)}"


def moment(at: int, now: int) -> str:
    """A wall time to the millisecond, with its date where that is not today's."""
    text = clock(at, milliseconds=True)
    if not at:
        return text
    day, today = (datetime.fromtimestamp(t // SECOND).date() for t in (at, now))
    return text if day == today else f"{day:%Y-%m-%d} {text}"


def lasted(nanoseconds: int) -> str:
    """A span of time, finer the shorter it is: "78 ms", "4.2 s", "3m05s", "2h03m"."""
    if nanoseconds < SECOND:
        return f"{max(nanoseconds, 0) // 1_000_000} ms"
    if nanoseconds < 60 * SECOND:
        return f"{nanoseconds / SECOND:.1f} s"
    minutes, seconds = divmod(nanoseconds // SECOND, 60)
    return f"{minutes}m{seconds:02}s" if minutes < 60 else age(nanoseconds)
