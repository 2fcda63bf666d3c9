"""One line of the event list: a lifecycle event, or a notice about the stream itself."""

from __future__ import annotations

import signal
from functools import lru_cache

from msgspec import Struct

from pleg_tui.feed.types import Notice
from pleg_tui.model import EventType, LifecycleEvent
from pleg_tui.ui.content.event_log import Seen
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.pods import pod_name
from pleg_tui.ui.content.status import signal_name
from pleg_tui.ui.content.text import (
    clock,
    count,
    cut,
    cut_middle,
    fit,
    fit_right,
    milliseconds,
    tidy,
    width_of,
)

_TYPE_WIDTH = max(len(type_) for type_ in EventType)
_LAG_WIDTH = 8
WIDE = 99
"""From here on there is room for milliseconds and for what a relist would have seen: the width of
the list in a terminal of 100."""
_QUIET = frozenset({EventType.SANDBOX_CREATED, EventType.CONTAINER_CREATED})
_ENDS = frozenset(
    {EventType.SANDBOX_STOPPED, EventType.SANDBOX_REMOVED, EventType.CONTAINER_REMOVED}
)


class EventLayout(Struct, frozen=True):
    """Cells for each column of the event list."""

    time: int
    path: int
    why: int
    gap: int
    relist: bool
    """There is a column of what a relist would have seen."""
    lag: bool

    @property
    def headings(self) -> str:
        """What stands above the last columns, set to the right."""
        parts = [RELIST_HEADING] if self.relist else []
        if self.lag:
            parts.append(fit_right("lag", _LAG_WIDTH if parts else 3))
        return (" " * self.gap).join(parts)


RELIST_HEADING = "relist 1s (modelled)"


def event_layout(width: int, modelled: bool = False) -> EventLayout:
    """The columns of an event list of this width; a narrow one has lags, or what is modelled."""
    wide = width >= WIDE
    time, gap = (12, 2) if wide else (8, 1)
    last = 2 if wide else 1
    room = max(width - 2 - time - _TYPE_WIDTH - 3 * gap - last * (_LAG_WIDTH + gap), 20)
    why = min(room * 2 // 5, 40)
    return EventLayout(time, room - why, why, gap, wide or modelled, wide or not modelled)


def event_why(event: LifecycleEvent) -> tuple[str, str]:
    """(text, style) of how it ended: "exit 137 OOMKilled"; empty where it did not end."""
    if event.type is EventType.CONTAINER_OOM or event.reason == "OOMKilled":
        told = "" if event.exit_code is None else f" (exit {event.exit_code})"
        return f"OOMKilled{told}", "bad"
    if event.type is not EventType.CONTAINER_DIED:
        return (tidy(event.reason), "dim")
    code = event.exit_code
    if code is None:
        return (tidy(event.reason) or "exit code unknown", "warn")
    extra = signal_name(code)
    if event.reason not in ("", "Error", "Completed"):
        extra = tidy(event.reason)
    text = f"exit {code} {extra}" if extra else f"exit {code}"
    return text, _code_style(code)


def _type_style(event: LifecycleEvent) -> str:
    if event.replayed or event.type in _QUIET or event.type in _ENDS:
        return "dim"
    if event.type is EventType.CONTAINER_OOM:
        return "bad"
    if event.type is EventType.CONTAINER_DIED:
        return "warn" if event.exit_code is None else _code_style(event.exit_code)
    return "good"


def _code_style(code: int) -> str:
    """SIGTERM is how the kubelet asks a container to end, which is no fault by itself."""
    return "dim" if code == 0 else "warn" if code == 128 + signal.SIGTERM else "bad"


@lru_cache(maxsize=256)
def event_line(
    event: LifecycleEvent,
    width: int,
    glyphs: Glyphs,
    seen: Seen | None = None,
    *,
    modelled: bool = False,
) -> Line:
    """An event as a line of this width.

    Args:
        event: the event.
        width: cells.
        glyphs: the signs to use.
        seen: what the modelled relists made of it; None where that is not known.
        modelled: a narrow list has this in the place of the lag.
    """
    layout = event_layout(width, modelled)
    gap = " " * layout.gap
    at = event.created_at or event.received_at
    room = layout.path
    inside = tidy(event.container)
    tail = f"/{inside}" if inside else ""
    tail = cut_middle(tail, max(room // 2, room - width_of(event.namespace + event.pod) - 1))
    if event.pod:
        space, name = pod_name(event.namespace, event.pod, room - width_of(tail), glyphs)
    else:
        space, name = "", cut(event.container_id, room - width_of(tail), glyphs.cut)
    used = width_of(space) + width_of(name) + width_of(tail)
    why, why_style = event_why(event)
    return (
        Part(" "),
        Part(clock(at, milliseconds=layout.time > 8), "dim"),
        Part(gap),
        Part(fit(event.type.value, _TYPE_WIDTH), _type_style(event)),
        Part(gap),
        Part(space, "dim"),
        Part(name, "dim" if event.replayed else "container"),
        Part(tail, "dim" if event.replayed else "name"),
        Part(" " * (room - used) + gap),
        Part(fit(why, layout.why, glyphs.cut), why_style),
        *((Part(gap), _relist(event, seen, layout, glyphs)) if layout.relist else ()),
        *((Part(gap), Part(fit_right(_lag(event, glyphs), _LAG_WIDTH), "dim")) * layout.lag),
        Part(" "),
    )


def _relist(event: LifecycleEvent, seen: Seen | None, layout: EventLayout, glyphs: Glyphs) -> Part:
    if event.replayed and not layout.lag:
        return Part(fit_right(_lag(event, glyphs), _LAG_WIDTH), "dim")
    if seen is None:
        return Part(" " * _LAG_WIDTH)
    if seen.after_ms is None:
        return Part(fit_right("never", _LAG_WIDTH), "warn")
    return Part(fit_right(f"+{milliseconds(seen.after_ms)}", _LAG_WIDTH), "dim")


def _lag(event: LifecycleEvent, glyphs: Glyphs) -> str:
    if event.replayed:
        return f"{glyphs.replayed} before"
    lag = event.lag_ns
    return "?" if lag is None else milliseconds(lag / 1e6)


def notice_text(notice: Notice) -> tuple[str, str]:
    """(text, style) of a notice, in a sentence."""
    parts = []
    if notice.lost:
        parts.append(f"{count(notice.lost, 'message')} lost here")
    if notice.missed:
        parts.append(f"{count(notice.missed, 'event')} the runtime never sent")
    counts = ", ".join(parts)
    source = f" ({notice.source.value})" if notice.source else ""
    match notice.state:
        case "connected":
            return f"connected{source}", "good"
        case "resynced":
            return f"resynced: {counts or 'nothing was missed'}", "warn" if counts else "dim"
        case "lost":
            return f"lost{source}: {tidy(notice.error) or counts or 'reason unknown'}", "bad"
        case "ended":
            return f"ended{source}: {tidy(notice.error) or 'by the runtime'}", "warn"
    return tidy(f"{notice.state} {notice.error}"), "warn"


def notice_line(notice: Notice, width: int, glyphs: Glyphs) -> Line:
    """A notice as a line of this width, ruled so that it parts the events."""
    layout = event_layout(width)
    text, style = notice_text(notice)
    gap = layout.gap
    room = width - 2 - layout.time - gap
    text = cut(text, room - 4, glyphs.cut)
    rule = glyphs.rule * max(room - width_of(text) - 4, 0)
    return (
        Part(" "),
        Part(clock(notice.at, milliseconds=layout.time > 8), "dim"),
        Part(" " * gap),
        Part(glyphs.rule * 2 + " ", "rule"),
        Part(text, style),
        Part(" " + rule, "rule"),
        Part(" "),
    )
