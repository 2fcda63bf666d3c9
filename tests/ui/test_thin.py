"""What the terminal shows is what was drawn, although only differences are sent."""

from __future__ import annotations

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
STYLES = st.sampled_from([Style.parse("red"), Style.parse("on blue"), Style(), None])


@st.composite
def strips(draw: st.DrawFn, width: int = WIDTH) -> Strip:
    segments = draw(st.lists(st.builds(Segment, TEXT, STYLES, st.none()), max_size=4))
    return Strip(segments).adjust_cell_length(width)


FRAMES = st.lists(st.lists(strips(), min_size=HEIGHT, max_size=HEIGHT), min_size=1, max_size=4)


def look(screen: pyte.Screen) -> list[list[tuple[str, str, str]]]:
    rows = []
    for y in range(HEIGHT):
        cells = [screen.buffer[y][x] for x in range(WIDTH)]
        rows.append([(c.data, c.fg, c.bg) for c in cells])
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
