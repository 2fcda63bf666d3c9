"""What the list says while it has nothing to list."""

from __future__ import annotations

from collections.abc import Callable

from pleg_tui.feed.types import Health, Phase
from pleg_tui.ui.content.bars import retry_text
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.model import Totals
from pleg_tui.ui.content.order import View
from pleg_tui.ui.content.text import clock, count, cut, span, tidy, width_of


def empty_lines(
    health: Health,
    totals: Totals,
    view: View,
    *,
    endpoint: str,
    since: int,
    now: int,
    monotonic: float,
    glyphs: Glyphs,
    key: Callable[[str, str], str] = lambda _id, usual: usual,
) -> list[Line]:
    """A few lines, to be set in the middle of the list.

    Args:
        health: how the stream stands.
        totals: what there is.
        view: how it is looked at.
        endpoint: what it is connected to, or waits for.
        since: wall time, ns, at which this program started to wait.
        now: wall time, ns.
        monotonic: time.monotonic(), for the next attempt.
        glyphs: the signs to use.
        key: what the key of a binding is called, by its id, or else as it is usually.
    """
    if health.phase is Phase.STARTING:
        return [(Part("Starting", "strong"),), (), (Part(tidy(endpoint), "dim"),)]
    if health.phase is not Phase.LIVE and not totals.pods:
        waited = span(max(now - since, 0) / 1e9)
        lines: list[Line] = [
            (Part("Waiting for the container runtime", "strong"),),
            (),
            (Part(tidy(endpoint), "accent"),),
            (Part(f"since {clock(since)}, for {waited}.{retry_text(health, monotonic)}", "dim"),),
        ]
        if health.error:
            lines += [(), (Part(tidy(health.error), "warn"),)]
        return lines
    if not totals.pods:
        return [
            (Part("No pods on this node", "strong"),),
            (),
            (Part("The runtime answers and holds no pod sandbox.", "dim"),),
            (Part("A new one appears here at once.", "dim"),),
        ]
    if totals.shown:
        return []
    hidden = f"{count(totals.pods, 'pod')} hidden."
    if view.filter:
        text = cut(tidy(view.filter.text), 40, glyphs.cut)
        return [
            (Part("Nothing matches  ", "strong"), Part(f"/{text}", "accent")),
            (),
            (Part(f"{hidden} {key('app.back', 'esc')} clears the filter.", "dim"),),
        ]
    if view.unhealthy_only and not totals.unhealthy and not totals.restarted:
        return [
            (Part("Nothing is unhealthy", "good"),),
            (),
            (Part("Nothing was restarted in the last 10 minutes.", "dim"),),
            (Part(f"{hidden} {key('view.unhealthy', '!')} shows them.", "dim"),),
        ]
    return [
        (Part("Nothing runs", "strong"),),
        (),
        (Part(f"{hidden} {key('view.running', 'a')} shows all.", "dim"),),
    ]


def centred(lines: list[Line], y: int, width: int, height: int) -> Line:
    """Row y of a window in whose middle the lines stand."""
    index = y - max((height - len(lines)) // 2, 0)
    if not 0 <= index < len(lines):
        return ()
    line = lines[index]
    used = sum(width_of(text) for text, _ in line)
    if used > width - 2 and line:
        *head, (text, style) = line
        line = (*head, Part(cut(text, max(width - 2 - used + width_of(text), 1)), style))
        used = sum(width_of(text) for text, _ in line)
    return (Part(" " * max((width - used) // 2, 0)), *line)
