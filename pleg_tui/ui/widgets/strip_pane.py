"""The strips of one pod: a line a container, the time under them, and the change at the cursor."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from pleg_tui.model import ContainerState, Pod
from pleg_tui.pleg.history import History, Track
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.pods import GLOW
from pleg_tui.ui.content.strip import Window, axis_line, window
from pleg_tui.ui.content.text import SECOND, fit_right, span, steady
from pleg_tui.ui.content.timeline import (
    LENGTHS,
    USUAL,
    Change,
    TimelineFacts,
    change_line,
    changes,
    label_width,
    track_line,
)
from pleg_tui.ui.widgets.line_styles import CURSOR
from pleg_tui.ui.widgets.own_lines import OwnLines
from pleg_tui.ui.widgets.painting import Painter

BELOW = 2
"""Lines under the strips: the time, and the change at the cursor."""

TrackKey = tuple[bool, str]
"""Whether it is the sandbox's, and the container's name."""


class Spot(NamedTuple):
    """A change, told so that it is found again when more has happened."""

    who: str
    """The id, or for attempts without one the time."""
    state: ContainerState
    removed: bool


class StripPane(Widget, can_focus=True):
    """Draws the tracks of the pod it is told to look at; paints only lines that changed.

    While its newest edge is now, it moves on a cell at once, so a pod in which nothing happens is
    painted no more than a pod that is not there.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "earlier", id="time.earlier",
                tooltip="Go to the change before"),
        Binding("right", "step(1)", "later", id="time.later", tooltip="Go to the next change"),
        Binding("up,k", "track(-1)", "Up", show=False, id="time.up",
                tooltip="Go to the container above"),
        Binding("down,j", "track(1)", "Down", show=False, id="time.down",
                tooltip="Go to the container below"),
        Binding("plus,equals_sign", "zoom(-1)", "zoom in", id="time.in",
                tooltip="Show less time, finer"),
        Binding("minus", "zoom(1)", "zoom out", id="time.out", tooltip="Show more time, coarser"),
        Binding("left_square_bracket,H", "pan(-1)", "back", id="time.back",
                tooltip="Look half a width back in time"),
        Binding("right_square_bracket,L", "pan(1)", "forth", id="time.forth",
                tooltip="Look half a width on"),
        Binding("0,home", "now", "now", id="time.now", tooltip="Back to now"),
    ]  # fmt: skip

    class Changed(Message):
        """What its title says has changed."""

    def __init__(
        self,
        history: History,
        glyphs: Glyphs,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self._styles_cache = OwnLines()
        self._history = history
        self._glyphs = glyphs
        self._painter = Painter(self)
        self._pod: Pod | None = None
        self._name = ""
        self._now = 0
        self._pinned: TrackKey | None = None
        self._spot: Spot | None = None
        self._zoom = USUAL
        self._end: int | None = None
        self._top = 0
        self._hidden = 0
        self._lines: list[tuple[Line, str]] = []
        self._drawn_for: object = None
        self._seen: object = None
        self._steady_until = 0
        """Until then no words change by themselves."""

    # -- what it shows

    def look(self, pod: Pod | None, container: str, now: int) -> None:
        """Show this pod at this wall time, ns; `container` is the name under the list's cursor."""
        before = self._pod.uid if self._pod is not None else ""
        if (pod.uid if pod is not None else "") != before:
            self._pinned = self._spot = None
            self._top = 0
        elif container != self._name:
            self._pinned = self._spot = None
        self._pod, self._name, self._now = pod, container, now
        version = self._history.version(pod.uid) if pod is not None else 0
        seen = (pod, container, version, self._history.gap_version, self._frame)
        if seen != self._seen or now >= self._steady_until:
            self._seen = seen
            self.check()

    @property
    def facts(self) -> TimelineFacts:
        """What its title says."""
        pod = self._pod
        space, name = (pod.namespace, pod.name) if pod is not None else ("", "")
        return TimelineFacts(space, name, LENGTHS[self._zoom], self._end, self._hidden)

    @property
    def container_id(self) -> str:
        """The id of the attempt that the cursor is at; empty for a sandbox and where unknown."""
        tracks = self._tracks
        if not tracks:
            return ""
        track = tracks[self._chosen(tracks)]
        change = self._change(track)
        return "" if track.is_sandbox or change is None else track.spans[change.place].container_id

    def check(self) -> None:
        """Have those lines painted again that look different now."""
        if not self._lines:
            return
        lines = self._look()
        width = self.size.width
        if len(lines) != len(self._lines):  # on its way to another size
            self._lines = lines
            self.refresh()
            return
        for y, (was, line) in enumerate(zip(self._lines, lines, strict=True)):
            if was != line:
                self._lines[y] = line
                self.refresh(Region(0, y, width, 1))

    @property
    def _tracks(self) -> tuple[Track, ...]:
        return self._history.spans(self._pod.uid) if self._pod is not None else ()

    @property
    def _frame(self) -> Window:
        room = self.size.width - label_width(self.size.width) - 1
        end = self._now if self._end is None else self._end
        return window(end, LENGTHS[self._zoom], room)

    def _look(self) -> list[tuple[Line, str]]:
        """Every line with its whole-line look; the strips are drawn anew only if they must be."""
        width, height = self.size
        tracks = self._tracks
        frame = self._frame
        history = self._history
        chosen = self._chosen(tracks) if tracks else 0
        change = self._change(tracks[chosen]) if tracks else None
        last: Line = ()
        if tracks:
            track = tracks[chosen]
            begun = change.at if change is not None else 0
            self._steady_until = self._now + steady(self._now - begun)
            last = change_line(track, change, history.gaps, self._now, width, self._glyphs)
        place = min(len(tracks), max(height - BELOW, 1)) + 1
        version = history.version(self._pod.uid) if self._pod is not None else 0
        drawn_for = (
            self._pod is not None and self._pod.uid, version, history.gap_version, frame,
            (width, height), chosen, self._spot, self._end, self.has_focus,
        )  # fmt: skip
        if drawn_for == self._drawn_for and len(self._lines) == height:
            lines = list(self._lines)
            if tracks and place < height:
                lines[place] = (last, "")
            return lines
        self._drawn_for = drawn_for
        lines = self._strips(tracks, frame, chosen, change)
        if tracks:
            lines.append((last, ""))
        lines += [((), "")] * height
        return lines[:height]

    def _strips(
        self, tracks: tuple[Track, ...], frame: Window, chosen: int, change: Change | None
    ) -> list[tuple[Line, str]]:
        width, height = self.size
        glyphs = self._glyphs
        room = max(height - BELOW, 1)
        self._top = max(min(self._top, chosen, len(tracks) - room), chosen - room + 1, 0)
        hidden = max(len(tracks) - room, 0)
        if hidden != self._hidden:
            self._hidden = hidden
            self.post_message(self.Changed())
        cursor = frame.index(change.at) if change is not None and self._spot is not None else -1
        label = label_width(width)
        lines: list[tuple[Line, str]] = []
        for index, track in enumerate(tracks[self._top : self._top + room], self._top):
            here = index == chosen
            line = track_line(
                track, self._history.gaps, frame, label, glyphs,
                chosen=here, cursor=cursor if here else -1, mark=GLOW,
            )  # fmt: skip
            lines.append((line, CURSOR if here and self.has_focus else ""))
        if tracks:
            length = fit_right(span(LENGTHS[self._zoom] / SECOND), label - 1, glyphs.cut)
            axis = axis_line(frame, glyphs, live=self._end is None, cursor=cursor)
            lines.append(((Part(f"{length} ", "dim"), *axis), ""))
        return lines

    def _chosen(self, tracks: tuple[Track, ...]) -> int:
        """The track that the cursor is on: what was pinned, else the list's, else the newest."""
        keys = [(track.is_sandbox, track.name) for track in tracks]
        for wanted in (self._pinned, (False, self._name) if self._name else None):
            if wanted in keys:
                return keys.index(wanted)
        newest = [
            (not track.is_sandbox, track.spans[-1].start_ns if track.spans else 0)
            for track in tracks
        ]
        return newest.index(max(newest))

    def _change(self, track: Track) -> Change | None:
        """The change at the cursor; without a cursor the newest one."""
        every = changes(track)
        if self._spot is not None:
            for change in every:
                if _spot(track, change) == self._spot:
                    return change
            self._spot = None
        return every[-1] if every else None

    # -- what the keys do

    def action_step(self, step: int) -> None:
        """Go from change to change; beyond the last one, back to following what is newest."""
        tracks = self._tracks
        if not tracks:
            return
        index = self._chosen(tracks)
        track = tracks[index]
        every = changes(track)
        here = self._change(track)
        at = every.index(here) if here is not None and self._spot is not None else len(every)
        at = max(at + step, 0)
        self._pinned = (track.is_sandbox, track.name)
        if at >= len(every):
            self._spot = None
        else:
            self._spot = _spot(track, every[at])
            self._show(every[at].at)
        self._moved()

    def action_track(self, step: int) -> None:
        """Go to another container."""
        tracks = self._tracks
        if tracks:
            track = tracks[max(0, min(self._chosen(tracks) + step, len(tracks) - 1))]
            self._pinned = (track.is_sandbox, track.name)
            self._spot = None
            self._moved()

    def action_zoom(self, step: int) -> None:
        """Show more or less time around the cursor, or up to now."""
        frame = self._frame
        self._zoom = max(0, min(self._zoom + step, len(LENGTHS) - 1))
        if self._end is not None:
            tracks = self._tracks
            change = self._change(tracks[self._chosen(tracks)]) if tracks else None
            middle = (frame.start + frame.end) // 2
            if change is not None and self._spot is not None:
                middle = change.at
            self._pan_to(middle + LENGTHS[self._zoom] // 2)
        self._moved()

    def action_pan(self, step: int) -> None:
        """Look half a width further back, or on."""
        frame = self._frame
        self._pan_to(frame.end + step * LENGTHS[self._zoom] // 2)
        self._moved()

    def action_now(self) -> None:
        """Back to now."""
        self._spot = self._end = None
        self._moved()

    def on_click(self, event: events.Click) -> None:
        """A click goes to the nearest change of that container."""
        tracks = self._tracks
        index = self._top + event.y
        room = max(self.size.height - BELOW, 1)
        if event.y >= room or index >= len(tracks):
            return
        track = tracks[index]
        frame = self._frame
        at = frame.start + (event.x - label_width(self.size.width)) * frame.cell
        self._pinned = (track.is_sandbox, track.name)
        nearest = min(changes(track), key=lambda change: abs(change.at - at), default=None)
        self._spot = None if nearest is None else _spot(track, nearest)
        self._moved()

    def _show(self, at: int) -> None:
        """Pan as little as is needed for this time to be seen."""
        frame = self._frame
        if not 0 <= frame.index(at) < frame.width:
            self._pan_to(at + LENGTHS[self._zoom] // 2)

    def _pan_to(self, end: int) -> None:
        """Let the newest edge be here; at now, it follows time again."""
        first = min((t.spans[0].start_ns for t in self._tracks if t.spans), default=self._now)
        end = max(end, first + self._frame.cell)
        self._end = None if end >= self._now else end

    def _moved(self) -> None:
        self.check()
        self.post_message(self.Changed())

    # -- drawing

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        if len(self._lines) != self.size.height:
            self._lines = self._look()
        line, mode = self._lines[y] if y < len(self._lines) else ((), "")
        return self._painter.strip(line, self.size.width, mode)

    def on_resize(self) -> None:
        """Another size: everything is drawn again, from the first strip on where there is room."""
        self._lines = []
        self._top = 0
        self.refresh()

    def on_focus(self) -> None:
        """The cursor is shown where the keys go."""
        self.check()

    def on_blur(self) -> None:
        """As on_focus."""
        self.check()

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._painter.clear()
        self.refresh()


def _spot(track: Track, change: Change) -> Spot:
    one = track.spans[change.place]
    return Spot(one.container_id or str(one.start_ns), one.state, change.removed)
