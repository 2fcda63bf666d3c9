"""What the terminal shows is what was drawn, although only differences are sent."""

from __future__ import annotations

from collections.abc import Iterable

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from pleg_tui.ui.thin import Front

WIDTH, HEIGHT = 16, 2
CONSOLE = Console(color_system="truecolor", force_terminal=True)
TEXT = st.text(st.sampled_from("aab   ●日é…x"), max_size=WIDTH)
STYLES = st.sampled_from(
    [Style.parse(text) for text in ("red", "on blue", "bold red on blue", "reverse", "")] + [None]
)


@st.composite
def strips(draw: st.DrawFn, width: int = WIDTH) -> Strip:
    segments = draw(st.lists(st.builds(Segment, TEXT, STYLES, st.none()), max_size=4))
    return Strip(segments).adjust_cell_length(width)


FRAMES = st.lists(st.lists(strips(), min_size=HEIGHT, max_size=HEIGHT), min_size=1, max_size=4)


def look(screen: pyte.Screen) -> list[list[tuple[str, str, str, bool, bool]]]:
    rows = []
    for y in range(HEIGHT):
        cells = [screen.buffer[y][x] for x in range(WIDTH)]
        rows.append([
            # Of a space no more is seen than its ground.
            (c.data, "", c.bg, False, False) if c.data == " " and not c.reverse
            else (c.data, c.fg, c.bg, c.bold, c.reverse)
            for c in cells
        ])  # fmt: skip
    return rows


def terminal() -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    screen.reset_mode(pyte.modes.DECAWM)
    return screen, pyte.Stream(screen)


def layout_of(frame: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[strip] for strip in frame], Region(0, 0, WIDTH, HEIGHT))


@settings(max_examples=30, deadline=None)
@given(FRAMES)
def test_the_last_frame_is_what_is_shown(frames: list[list[Strip]]) -> None:
    front = Front()
    screen, stream = terminal()
    for frame in frames:
        update = front.thin(layout_of(frame), (WIDTH, HEIGHT))
        assert update is not None
        stream.feed(update.render_segments(CONSOLE))
    plain, plain_stream = terminal()
    for y, strip in enumerate(frames[-1]):
        plain_stream.feed(f"\x1b[{y + 1};1H{strip.render(CONSOLE)}")
    assert look(screen) == look(plain)


@settings(max_examples=30, deadline=None)
@given(FRAMES, st.integers(0, WIDTH - 2), st.integers(1, WIDTH), st.integers(0, HEIGHT - 1))
def test_a_part_that_is_drawn_again_changes_that_part_only(
    frames: list[list[Strip]], x1: int, x2: int, y: int
) -> None:
    x1, x2 = min(x1, x2), max(x1, x2)
    if x1 == x2:
        return
    before = [Strip([Segment("." * WIDTH)])] * HEIGHT
    after = frames[0][y]
    front = Front()
    screen, stream = terminal()
    for update in (
        layout_of(before),
        ChopsUpdate([{0: after}] * HEIGHT, [(y, x1, x2)], [[WIDTH]] * HEIGHT),
    ):
        thin = front.thin(update, (WIDTH, HEIGHT))
        assert thin is not None
        stream.feed(thin.render_segments(CONSOLE))
    plain, plain_stream = terminal()
    plain_stream.feed(f"\x1b[{y + 1};1H{'.' * WIDTH}")
    plain_stream.feed(f"\x1b[{y + 1};{x1 + 1}H{after.crop(x1, x2).render(CONSOLE)}")
    assert look(screen)[y] == look(plain)[y]
    assert all(
        cell[0] == "." for row, cells in enumerate(look(screen)) if row != y for cell in cells
    )


def test_what_is_shown_already_is_not_sent_again() -> None:
    front = Front()
    frame = [Strip([Segment("the text before.", Style.parse("red"))])] * HEIGHT
    sent = []
    for _ in range(2):
        update = front.thin(layout_of(frame), (WIDTH, HEIGHT))
        assert update is not None
        sent.append(update.render_segments(CONSOLE))
    assert sent[0]
    assert sent[1] == ""
    other = [Strip([Segment("the text becore.", Style.parse("red"))]), *frame[1:]]
    update = front.thin(layout_of(other), (WIDTH, HEIGHT))
    assert update is not None
    assert len(update.render_segments(CONSOLE)) < 25
    front.clear()
    update = front.thin(layout_of(other), (WIDTH, HEIGHT))
    assert update is not None
    assert len(update.render_segments(CONSOLE)) > 40


def plain_layout(lines: list[str], width: int) -> LayoutUpdate:
    strips: list[Iterable[Strip]] = [
        [Strip([Segment(line)]).adjust_cell_length(width)] for line in lines
    ]
    return LayoutUpdate(strips, Region(0, 0, width, len(lines)))


def shown(screen: pyte.Screen) -> list[str]:
    return [line.rstrip() for line in screen.display]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=12, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(31, 60)), max_size=4),
    st.lists(st.integers(0, 11), max_size=4),
)
def test_rows_that_come_and_go_move_the_others(
    rows: list[int], coming: list[tuple[int, int]], going: list[int]
) -> None:
    width, height = 20, 12
    screen = pyte.Screen(width, height)
    stream = pyte.Stream(screen)
    front = Front()
    after = [row for index, row in enumerate(rows) if index not in going]
    for place, row in coming:
        after.insert(place, row)
    for frame in (rows, after, rows):
        lines = [f"row {row} at {row * 7919 % 1000}" for row in frame][:height]
        lines += [""] * (height - len(lines))
        update = front.thin(plain_layout(lines, width), (width, height))
        assert update is not None
        stream.feed(update.render_segments(CONSOLE))
        assert shown(screen) == lines


def test_a_row_that_comes_in_at_the_top_costs_little_more_than_itself() -> None:
    width, height = 60, 30
    front = Front()
    lines = [f"a pod with the number {n} and {n * 7919} besides" for n in range(40)]
    sent = []
    for first in (10, 9, 11):
        update = front.thin(plain_layout(lines[first : first + height], width), (width, height))
        assert update is not None
        sent.append(len(update.render_segments(CONSOLE)))
    assert sent[0] > 1000
    assert sent[1] < 150
    assert sent[2] < 220


def test_two_panes_that_move_at_once_are_moved_one_by_one() -> None:
    width, height = 40, 20
    screen = pyte.Screen(width, height)
    stream = pyte.Stream(screen)
    front = Front()
    names = [f"pod {n} is {n * 7919} old" for n in range(30)]
    sent = []
    for pods, events in ((5, 20), (4, 22)):
        lines = [
            *names[pods : pods + 10],
            "events",
            *(f"event {n}" for n in range(events, events + 9)),
        ]
        update = front.thin(plain_layout(lines, width), (width, height))
        assert update is not None
        sent.append(update.render_segments(CONSOLE))
        stream.feed(sent[-1])
        assert shown(screen) == lines
    assert len(sent[1]) < 200
