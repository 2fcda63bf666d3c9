"""Strips as text: what each cell says, and that nothing can be told that cannot be drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.model import ContainerState
from pleg_tui.pleg.history import Gap, Span, Track
from pleg_tui.ui.content.glyphs import ASCII, UNICODE, Glyphs
from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.content.strip import Window, axis_line, looks, overlay, strip_line, window
from pleg_tui.ui.content.text import width_of
from pleg_tui.ui.content.timeline import Change, change_line, changes, lasted, track_line
from tests.ui.fakes import T0, S

CREATED, RUNNING, EXITED = (ContainerState(n) for n in (1, 2, 3))
UNKNOWN = ContainerState.UNKNOWN
FRAME = Window(T0 + 20 * S, S, 20)


def text(line: Line) -> str:
    return "".join(part.text for part in line)


def at(second: float) -> int:
    return T0 + int(second * S)


def span(
    state: ContainerState, start: float, end: float | None, one: str = "c0", **more: Any
) -> Span:
    return Span(state, at(start), None if end is None else at(end), one, **more)


def draw(*spans: Span, gaps: tuple[Gap, ...] = (), glyphs: Glyphs = UNICODE, **more: object) -> str:
    track = Track("app", bool(more.get("sandbox")), spans)
    return text(strip_line(looks(track, gaps, FRAME), glyphs))


def test_each_state_has_its_sign_and_a_death_its_moment() -> None:
    life = (
        span(CREATED, 2, 4), span(RUNNING, 4, 10),
        span(EXITED, 10, 14, exit_code=1, removed=True),
    )  # fmt: skip
    assert draw(*life) == "  ··━━━━━━✖╌╌╌      "
    assert draw(*life, glyphs=ASCII) == "  ..======x---      "


@pytest.mark.parametrize(
    ("code", "reason", "sign"),
    [(0, "Completed", "╌"), (1, "Error", "✖"), (137, "OOMKilled", "Ø"), (None, "", "✖"),
     (143, "Error", "✖"), (None, "OOMKilled", "Ø")],
)  # fmt: skip
def test_how_an_end_looks(code: int | None, reason: str, sign: str) -> None:
    life = span(RUNNING, -9, 10), span(EXITED, 10, None, exit_code=code, reason=reason)
    assert draw(*life) == "━" * 10 + sign + "╌" * 9


def test_a_sandbox_that_stops_is_no_fault() -> None:
    assert draw(span(RUNNING, 0, 10), span(EXITED, 10, None), sandbox=True) == "━" * 10 + "╌" * 10


def test_a_restart_within_a_cell_has_a_sign_of_its_own() -> None:
    bad = span(RUNNING, 0, 5.1), span(EXITED, 5.1, 5.5, exit_code=1), span(RUNNING, 5.5, None, "c1")
    good = (
        span(RUNNING, 0, 5.1),
        span(EXITED, 5.1, 5.5, exit_code=0),
        span(RUNNING, 5.5, None, "c1"),
    )
    assert draw(*bad) == draw(*good) == "━━━━━↻━━━━━━━━━━━━━━"
    styles = [
        {p.text: p.style for p in strip_line(looks(Track("a", False, x), (), FRAME), UNICODE)}["↻"]
        for x in (bad, good)
    ]
    assert styles == ["bad-bold", "busy"]


def test_the_worst_of_a_cell_wins() -> None:
    life = (
        span(RUNNING, 0, 5.1), span(EXITED, 5.1, 5.2, exit_code=137, reason="OOMKilled"),
        span(RUNNING, 5.2, 5.3, "c1"), span(EXITED, 5.3, 5.4, "c1", exit_code=1),
        span(RUNNING, 5.4, None, "c2"),
    )  # fmt: skip
    assert draw(*life) == "━━━━━Ø━━━━━━━━━━━━━━"


def test_cells_are_half_open() -> None:
    assert draw(span(RUNNING, 3, 4)) == "   ━                "
    assert draw(span(RUNNING, 3.5, 4)) == "   ━                "
    assert draw(span(RUNNING, 3.5, 4.1)) == "   ━━               "
    assert draw(span(RUNNING, -5, 0)) == " " * 20
    assert draw(span(RUNNING, 20, None)) == " " * 20
    assert draw(span(EXITED, 3, 3, exit_code=1)) == "   ✖                "


def test_what_is_not_known_and_what_nobody_watched() -> None:
    gap = Gap(at(6), at(9))
    assert draw(span(UNKNOWN, 0, 3), span(RUNNING, 3, None), gaps=(gap,)) == (
        "???━━━╱╱╱━━━━━━━━━━━"
    )
    assert draw(span(RUNNING, 8, None), gaps=(gap,)) == "        ╱━━━━━━━━━━━"
    assert draw(span(RUNNING, 0, None), gaps=(Gap(at(15), None),)) == "━" * 15 + "╱" * 5
    died = span(RUNNING, 0, 7), span(EXITED, 7, None, exit_code=1)
    assert draw(*died, gaps=(gap,)) == "━━━━━━╱✖╱╌╌╌╌╌╌╌╌╌╌╌"


def test_a_pods_strip_says_that_it_runs_although_its_init_container_is_done() -> None:
    init = Track("init", False, (span(RUNNING, 1, 3), span(EXITED, 3, None, exit_code=0)))
    app = Track("app", False, (span(RUNNING, 4, 15, "c1"), span(EXITED, 15, None, exit_code=1)))
    box = Track("", True, (span(RUNNING, 0, None, "s0"),))
    assert text(strip_line(overlay((app, init, box), (), FRAME), UNICODE)) == (
        " ━━╌━━━━━━━━━━━✖╌╌╌╌"
    )
    assert text(strip_line(overlay((box,), (), FRAME), UNICODE)) == "·" * 20


def test_the_window_ends_with_now_and_its_cells_stay_where_they_are() -> None:
    for n in range(30):
        frame = window(T0 + n * S, 300 * S, 100)
        assert frame.end - 3 * S < T0 + n * S <= frame.end
        assert frame.end % frame.cell == 0
    assert {window(T0 + n, 300 * S, 100) for n in range(1, 1000)} == {
        window(T0 + 1000, 300 * S, 100)
    }


def test_the_axis_counts_back_from_now_and_names_the_time_when_panned() -> None:
    frame = window(T0, 300 * S, 60)
    assert text(axis_line(frame, UNICODE, live=True)) == (
        "╵-5m        ╵-4m        ╵-3m        ╵-2m        ╵-1m     now"
    )
    panned = text(axis_line(frame, UNICODE, live=False))
    assert panned == "        ╵22:09      ╵22:10      ╵22:11      ╵22:12          "
    assert text(axis_line(frame, ASCII, live=False, cursor=3))[3] == "^"
    fine = text(axis_line(window(T0, 30 * S, 60), UNICODE, live=False))
    assert fine.strip().startswith("╵22:12:50")


def test_a_change_is_told_to_the_millisecond() -> None:
    oom: dict[str, Any] = {"exit_code": 137, "reason": "OOMKilled"}
    track = Track(
        "app",
        False,
        (
            span(UNKNOWN, -99, 0, ""), span(CREATED, 0, 0.05, attempt=3),
            span(RUNNING, 0.05, 4.25, attempt=3), span(EXITED, 4.25, 9, attempt=3, **oom),
            span(CREATED, 9, 9.5, "c4", attempt=4),
            span(RUNNING, 9.5, None, "c4", known_start=False, attempt=4),
        ),
    )  # fmt: skip
    said = [text(change_line(track, c, (), at(15), 200, UNICODE)) for c in changes(track)]
    assert [line.strip() for line in said] == [
        "app not known from 22:11:41.000 to 22:13:20.000: before we watched",
        "app created (attempt 3) 22:13:20.000, started 50 ms later",
        "app started (attempt 3) 22:13:20.050, ran 4.2 s, exit 137 OOMKilled",
        "app ended (attempt 3) 22:13:24.250 after 4.2 s, exit 137 OOMKilled",
        "app created (attempt 4) 22:13:29.000, started 500 ms later",
        "app started (attempt 4) by 22:13:29.500, for 5s now",
    ]
    yesterday = text(change_line(track, Change(at(0.05), 2, False), (), at(90000), 200, UNICODE))
    assert "2023-11-14 22:13:20.050" in yesterday
    gap = Gap(at(3), at(5))
    assert text(
        change_line(track, Change(at(4.25), 3, False), (gap,), at(15), 200, UNICODE)
    ).endswith("; nobody watched then")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 ms"), (0.078, "78 ms"), (4.25, "4.2 s"), (185, "3m05s"), (7380, "2h03m")],
)
def test_how_long(seconds: float, said: str) -> None:
    assert lasted(int(seconds * S)) == said


MOMENTS = st.integers(-30, 50).map(lambda n: T0 + n * S // 2) | st.integers(-(2**62), 2**62)


@st.composite
def tracks(draw_: st.DrawFn) -> Track:
    """Spans as a history makes them: one after another."""
    times = sorted(draw_(st.lists(MOMENTS, min_size=2, max_size=14)))
    spans = []
    for start, end in pairwise(times):
        if draw_(st.booleans()):
            continue
        spans.append(
            Span(
                draw_(st.sampled_from(ContainerState)), start, end,
                draw_(st.sampled_from(["", "c0", "c1"])), draw_(st.sampled_from([None, 0, 1, 143])),
                draw_(st.sampled_from(["", "OOMKilled", "e[/]"])), draw_(st.booleans()),
                draw_(st.none() | st.integers(0, 3)), draw_(st.booleans()), draw_(st.booleans()),
            )
        )  # fmt: skip
    name = draw_(st.sampled_from(["app", "", "日本語の名前はとても長い[/]"]))
    return Track(name, draw_(st.booleans()), tuple(spans))


GAPS = st.lists(
    st.tuples(MOMENTS, MOMENTS, st.booleans()).map(
        lambda t: Gap(min(t[:2]), None if t[2] else max(t[:2]))
    ),
    max_size=3,
)
FRAMES = st.builds(
    window, MOMENTS, st.integers(0, 2**50) | st.sampled_from([30 * S, 600 * S]), st.integers(0, 90)
)


@given(tracks(), GAPS, FRAMES, st.sampled_from([UNICODE, ASCII]), st.integers(-5, 95))
def test_a_strip_is_as_wide_as_it_is_to_be_and_never_fails(
    track: Track, gaps: list[Gap], frame: Window, glyphs: Glyphs, cursor: int
) -> None:
    cells = looks(track, gaps, frame)
    assert width_of(text(strip_line(cells, glyphs, cursor, "+glow"))) == frame.width
    assert len(overlay((track, track), gaps, frame)) == frame.width
    for live in (True, False):
        axis = axis_line(frame, glyphs, live=live, cursor=cursor)
        assert width_of(text(axis)) == frame.width
    line = track_line(track, gaps, frame, 12, glyphs, chosen=True, cursor=cursor)
    assert width_of(text(line)) == 12 + frame.width
    if glyphs is ASCII:
        assert text(strip_line(cells, glyphs)).isascii()
    for change in (None, *changes(track)):
        told = change_line(track, change, gaps, frame.end, 60, glyphs)
        assert width_of(text(told)) <= 60


@given(tracks(), FRAMES)
def test_a_cell_shows_what_was_in_its_time(track: Track, frame: Window) -> None:
    """Held against the plain definition, cell by cell."""
    for index, look in enumerate(looks(track, (), frame)):
        begin = frame.start + index * frame.cell
        inside = [
            s for s in track.spans
            if s.state is not ContainerState.REMOVED and s.end_ns is not None
            and s.start_ns < begin + frame.cell
            and (s.end_ns > begin or s.start_ns == s.end_ns >= begin)
        ]  # fmt: skip
        assert bool(look) == bool(inside)
        if len(inside) == 1 and inside[0].start_ns < begin:
            states = {UNKNOWN: 4, CREATED: 1, RUNNING: 2, EXITED: 3}
            assert look == states[inside[0].state]
