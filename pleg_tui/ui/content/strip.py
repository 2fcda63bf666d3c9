"""Lifecycle strips: a container's time drawn into cells, one sign a cell, and the axis under them.

A cell stands for the time from its start to before its end. What changes in it more than once shows
the worst of it; a death after which it was started again within the cell has a sign of its own.
Each state has its own sign, so a strip can be read without colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from itertools import groupby
from signal import SIGTERM

from msgspec import Struct

from pleg_tui.model import ContainerState
from pleg_tui.pleg.history import Gap, Span, Track
from pleg_tui.ui.content.glyphs import Glyphs
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.text import SECOND, clock

_STEPS = tuple(
    seconds * SECOND
    for seconds in (
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400
    )
)  # fmt: skip
_TICK_ROOM = 12
"""Cells from one tick to the next, at least."""


class Look(IntEnum):
    """What a cell shows; of two the greater is the worse and wins."""

    BLANK = 0
    CREATED = 1
    RUNNING = 2
    ENDED = 3
    UNKNOWN = 4
    GAP = 5
    """Nobody watched."""
    AGAIN = 6
    """Ended well and started again."""
    STOPPED = 7
    """Ended by SIGTERM, which is how the kubelet asks for it, or nobody knows how."""
    DIED = 8
    DIED_AGAIN = 9
    """Died, and started again or died once more."""
    OOM = 10


_STATE_LOOKS = {
    ContainerState.UNKNOWN: Look.UNKNOWN,
    ContainerState.CREATED: Look.CREATED,
    ContainerState.RUNNING: Look.RUNNING,
    ContainerState.EXITED: Look.ENDED,
    ContainerState.REMOVED: Look.BLANK,
}
_STYLES = {
    Look.BLANK: "",
    Look.CREATED: "dim",
    Look.RUNNING: "good",
    Look.ENDED: "dim",
    Look.UNKNOWN: "dim",
    Look.GAP: "warn",
    Look.AGAIN: "busy",
    Look.STOPPED: "warn",
    Look.DIED: "bad",
    Look.DIED_AGAIN: "bad-bold",
    Look.OOM: "bad-bold",
}
_OVERLAID = (
    Look.BLANK,
    Look.ENDED,
    Look.CREATED,
    Look.RUNNING,
    Look.UNKNOWN,
    Look.GAP,
    Look.AGAIN,
    Look.STOPPED,
    Look.DIED,
    Look.DIED_AGAIN,
    Look.OOM,
)
"""For several containers in one strip: that one runs says more than that another is done."""
_OVERLAID_RANK = {look: rank for rank, look in enumerate(_OVERLAID)}


class Window(Struct, frozen=True):
    """The time that a strip shows: `width` cells of `cell` nanoseconds, ending before `end`."""

    end: int
    cell: int
    width: int

    @property
    def start(self) -> int:
        """Wall time, ns, at which the first cell begins."""
        return self.end - self.cell * self.width

    def index(self, at: int) -> int:
        """The cell that a time falls into; one outside the window has none of 0 to width - 1."""
        return (at - self.start) // self.cell


def window(end: int, length: int, width: int) -> Window:
    """The window of about this length, ns, whose last cell holds the moment just before `end`.

    Its cells begin at whole multiples of their length, so that they stay what they are while time
    goes by, and the strip moves on by a cell at once.
    """
    cell = max(length // max(width, 1), 1)
    return Window(-(-end // cell) * cell, cell, max(width, 0))


def death(span: Span, *, is_sandbox: bool = False) -> Look:
    """How the moment looks at which a span of EXITED begins."""
    if is_sandbox:
        return Look.ENDED
    if span.reason == "OOMKilled":
        return Look.OOM
    if span.exit_code == 0:
        return Look.ENDED
    if span.exit_code is None or span.exit_code == 128 + SIGTERM:
        return Look.STOPPED
    return Look.DIED


def looks(track: Track, gaps: Sequence[Gap], frame: Window) -> list[Look]:
    """What each cell of a track shows."""
    width, start, end = frame.width, frame.start, frame.end
    cells = [Look.BLANK] * width
    if not width or not track.spans:
        return cells
    ended_in = -1  # the cell in which a life ended last, and how
    how = Look.BLANK
    previous = ""
    for span in track.spans:
        until = end if span.end_ns is None else span.end_ns
        if span.start_ns >= end or until < start:
            previous = span.container_id
            continue
        first = frame.index(span.start_ns)
        _fill(cells, first, -(-(until - start) // frame.cell), _STATE_LOOKS[span.state])
        if 0 <= first < width:
            if span.state is ContainerState.EXITED:
                look = death(span, is_sandbox=track.is_sandbox)
                twice = first == ended_in and Look.DIED in (look, how)
                cells[first] = max(cells[first], Look.DIED_AGAIN if twice else look)
                ended_in, how = first, max(look, how) if first == ended_in else look
            elif first == ended_in and span.container_id not in ("", previous):
                again = Look.DIED_AGAIN if how is Look.DIED else Look.AGAIN
                cells[first] = max(cells[first], again)
        previous = span.container_id
    _hatch(cells, track, gaps, frame)
    return cells


def _fill(cells: list[Look], first: int, last: int, look: Look) -> None:
    """Cells first to before last show this, the first at least: only that one may show more."""
    last = min(max(last, first + 1), len(cells))
    if 0 <= first < len(cells):
        cells[first] = max(cells[first], look)
    inner = max(first + 1, 0)
    if inner < last:
        cells[inner:last] = [look] * (last - inner)


def _hatch(cells: list[Look], track: Track, gaps: Sequence[Gap], frame: Window) -> None:
    """Where nobody watched, only deaths that the runtime has dated are sure."""
    born, gone = track.spans[0].start_ns, track.spans[-1].end_ns
    for gap in gaps:
        begin = max(gap.start_ns, born, frame.start)
        stop = min(at for at in (gap.end_ns, gone, frame.end) if at is not None)
        if begin < stop:
            for index in range(frame.index(begin), -(-(stop - frame.start) // frame.cell)):
                cells[index] = max(cells[index], Look.GAP)


def overlay(tracks: Iterable[Track], gaps: Sequence[Gap], frame: Window) -> list[Look]:
    """A pod's containers in one strip: the worst of what they do; its sandbox where there are none.

    A sandbox without containers counts as created: nothing runs in it yet.
    """
    every = list(tracks)
    chosen = [track for track in every if not track.is_sandbox]
    rank = _OVERLAID_RANK
    cells = [Look.BLANK] * frame.width
    for track in chosen or every:
        for index, look in enumerate(looks(track, gaps, frame)):
            if track.is_sandbox and look is Look.RUNNING:
                look = Look.CREATED
            if rank[look] > rank[cells[index]]:
                cells[index] = look
    return cells


def strip_line(cells: Sequence[Look], glyphs: Glyphs, marked: int = -1, mark: str = "") -> Line:
    """Cells as parts; the style of the marked cell ends with `mark`."""
    signs = _signs(glyphs)
    parts: list[Part] = []
    index = 0
    for look, group in groupby(cells):
        count = len(list(group))
        style = _STYLES[look]
        sign = signs[look]
        inside = marked - index
        if 0 <= inside < count:
            parts += (
                Part(sign * inside, style),
                Part(sign, style + mark),
                Part(sign * (count - inside - 1), style),
            )
        else:
            parts.append(Part(sign * count, style))
        index += count
    return tuple(part for part in parts if part.text)


@lru_cache(maxsize=4)
def _signs(glyphs: Glyphs) -> dict[Look, str]:
    signs = (
        " ",
        glyphs.created,
        glyphs.running,
        glyphs.ended,
        glyphs.unknown,
        glyphs.hatch,
        glyphs.again,
        glyphs.died,
        glyphs.died,
        glyphs.again,
        glyphs.oom,
    )
    return dict(zip(Look, signs, strict=True))


def legend(glyphs: Glyphs) -> list[Line]:
    """What the signs mean, one by one, the most needed first."""
    signs = _signs(glyphs)
    return [
        (Part(signs[look], _STYLES[look]), Part(f" {word}", "dim"))
        for look, word in (
            (Look.RUNNING, "runs"),
            (Look.DIED, "died"),
            (Look.OOM, "OOM"),
            (Look.DIED_AGAIN, "restarted"),
            (Look.ENDED, "ended"),
            (Look.GAP, "unwatched"),
            (Look.UNKNOWN, "unknown"),
        )
    ]


def axis_line(frame: Window, glyphs: Glyphs, *, live: bool, cursor: int = -1) -> Line:
    """The time under strips: how long ago while the newest edge is now, else times of day.

    Args:
        frame: what the strips show.
        glyphs: the signs to use.
        live: the newest edge is now.
        cursor: the cell under the cursor of time; -1 for none.
    """
    width = frame.width
    text = [" "] * width
    step = next((s for s in _STEPS if s >= frame.cell * _TICK_ROOM), 0)
    free = 0
    room = width - 5 if live else width
    if step and width:
        for at in _ticks(frame, step, live=live):
            index = frame.index(at)
            label = glyphs.tick + (
                f"-{_ago(frame.end - at)}" if live else _time_of_day(at, step < 60 * SECOND)
            )
            if index < free or index + len(label) > room:
                continue
            if index <= cursor < index + len(label):
                label = glyphs.tick  # its time would be cut in two by the cursor's sign
            text[index : index + len(label)] = label
            free = index + len(label) + 1
    if live and width >= 3 and cursor < width - 3:
        text[-3:] = "now"
    if not 0 <= cursor < width:
        return (Part("".join(text), "dim"),) if width else ()
    line = (
        Part("".join(text[:cursor]), "dim"),
        Part(glyphs.ascending, "accent"),
        Part("".join(text[cursor + 1 :]), "dim"),
    )
    return tuple(part for part in line if part.text)


def _ticks(frame: Window, step: int, *, live: bool) -> list[int]:
    if live:
        most = frame.cell * frame.width // step
        return [frame.end - step * n for n in range(most, 0, -1)]
    # Round times of day are round in local time.
    shift = _utc_offset(frame.start)
    first = -(-(frame.start + shift) // step) * step - shift
    return list(range(first, frame.end, step))


def _utc_offset(at: int) -> int:
    """Nanoseconds by which local time is ahead."""
    offset = datetime.fromtimestamp(at // SECOND).astimezone().utcoffset()
    return 0 if offset is None else round(offset.total_seconds()) * SECOND


def _time_of_day(at: int, seconds: bool) -> str:
    text = clock(at)
    return text if seconds else text[:5]


def _ago(nanoseconds: int) -> str:
    """A span of time as "45s", "5m", "1m30s", "1h30m"."""
    seconds = nanoseconds // SECOND
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
