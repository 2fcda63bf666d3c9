"""One line of the event list: a lifecycle event, or a notice about the stream itself."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from pleg_tui.feed.types import Notice
from pleg_tui.model import EventType, LifecycleEvent
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
_QUIET = frozenset({EventType.SANDBOX_CREATED, EventType.CONTAINER_CREATED})
_ENDS = frozenset(
    {EventType.SANDBOX_STOPPED, EventType.SANDBOX_REMOVED, EventType.CONTAINER_REMOVED}
)


@dataclass(frozen=True, slots=True)
class EventLayout:
    """Cells for each column of the event list."""

    time: int
    path: int
    why: int


def event_layout(width: int) -> EventLayout:
    """The columns of an event list of this width."""
    time = 8 if width < 100 else 12
    gap = 1 if width < 100 else 2
    room = max(width - 2 - time - _TYPE_WIDTH - _LAG_WIDTH - 4 * gap, 20)
    why = min(room * 2 // 5, 40)
    return EventLayout(time, room - why, why)


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


def event_line(event: LifecycleEvent, width: int, glyphs: Glyphs) -> Line:
    """An event as a line of this width."""
    layout = event_layout(width)
    gap = " " if width < 100 else "  "
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
        Part(gap),
        Part(fit_right(_lag(event, glyphs), _LAG_WIDTH), "dim"),
        Part(" "),
    )


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
    gap = 1 if width < 100 else 2
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
