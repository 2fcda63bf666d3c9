"""What the terminal shows is what was drawn, although only differences are sent."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, Literal, cast

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.driver import Driver
from textual.geometry import Offset, Region
from textual.strip import Strip

from pleg_tui.ui.pen import erases, feeds
from pleg_tui.ui.thin import Front
from tests.ui.conftest import Opener
from tests.ui.fakes import pod

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


class Terminal(pyte.Screen):
    """pyte's screen, which knows no dim text: that is kept as blinking, of which there is none."""

    def select_graphic_rendition(self, *codes: int, **kwargs: Any) -> None:
        told: list[int] = []
        colour = 0
        for code in codes:
            if not colour and code in (2, 22):
                told += (5,) if code == 2 else (22, 25)
                continue
            if not colour and code in (38, 48):
                colour = 5
            colour = max(colour - 1, 0)
            if colour == 3 and code == 5:  # of 256: one number follows
                colour = 1
            told.append(code)
        super().select_graphic_rendition(*told, **kwargs)


def look(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    rows: list[list[tuple[object, ...]]] = []
    for y in range(screen.lines):
        row: list[tuple[object, ...]] = []
        for x in range(screen.columns):
            c = screen.buffer[y][x]
            if c.data == " " and not c.underscore and not c.strikethrough:
                # Of a space no more is seen than its ground.
                row.append((" ", c.reverse, c.fg if c.reverse else c.bg))
            else:
                row.append(tuple(c))
        rows.append(row)
    return rows


def terminal(width: int = WIDTH, height: int = HEIGHT) -> tuple[pyte.Screen, pyte.Stream]:
    screen = Terminal(width, height)
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


WIDE, HIGH = 48, 10
GROUNDS = ("on blue", "on #102030", "", "reverse", "reverse on blue", "underline on blue")
COLOURS = ("red", "bold #a0b0c0", "#a0b0c0", "dim", "bold dim #708090", "italic", "strike", "")
LOOKS = st.sampled_from(
    [Style.parse(f"{colour} {ground}") for colour in COLOURS for ground in GROUNDS]
)
WORDS = st.sampled_from(["", "a", "pod", "ContainerStarted", "日本", "é"])
LINES = st.lists(st.tuples(WORDS, st.integers(0, 30), LOOKS), min_size=1, max_size=3)


@st.composite
def scenes(draw: st.DrawFn) -> list[list[Strip]]:
    """Frames of rows that have wide blanks, come in, move on and change on the way."""
    made = [
        Strip([Segment(word + " " * blanks, look) for word, blanks, look in line]
              + [Segment(" ", line[-1][2])]).adjust_cell_length(WIDE, line[-1][2])
        for line in draw(st.lists(LINES, min_size=HIGH, max_size=2 * HIGH))
    ]  # fmt: skip
    rows = list(range(len(made)))
    frames = []
    for _ in range(draw(st.integers(1, 3))):
        frames.append([made[row] for row in rows[:HIGH]])
        turn = draw(st.integers(0, len(rows)))
        rows = rows[turn:] + rows[:turn]
        for _ in range(draw(st.integers(0, 3))):
            rows[draw(st.integers(0, len(rows) - 1))] = draw(st.integers(0, len(made) - 1))
    return frames


def sent_whole(frame: list[Strip]) -> list[list[tuple[object, ...]]]:
    screen, stream = terminal(WIDE, HIGH)
    for y, strip in enumerate(frame):
        stream.feed(f"\x1b[{y + 1};1H{strip.render(CONSOLE)}")
    return look(screen)


def whole(frame: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[strip] for strip in frame], Region(0, 0, WIDE, HIGH))


@settings(max_examples=150, deadline=None)
@given(scenes(), st.booleans(), st.booleans())
def test_every_frame_is_shown_as_it_would_be_if_it_were_sent_whole(
    frames: list[list[Strip]], keeps_ground: bool, leads_down: bool
) -> None:
    front = Front(keeps_ground, leads_down)
    screen, stream = terminal(WIDE, HIGH)
    for frame in frames:
        update = front.thin(whole(frame), (WIDE, HIGH))
        assert update is not None
        stream.feed(update.render_segments(CONSOLE))
        assert look(screen) == sent_whole(frame)


@pytest.mark.parametrize("seed", range(12))
def test_a_long_life_of_small_changes_is_shown_as_it_would_be_if_it_were_sent_whole(
    seed: int,
) -> None:
    """Words come and go in all looks, rows move, and now and then all is to be drawn again."""
    chance = random.Random(seed)
    colours, grounds = ["", *chance.sample(COLOURS, 3)], chance.sample(GROUNDS, 2)
    few = [Style.parse(f"{colour} {ground}") for colour in colours for ground in grounds]
    front = Front(erases=bool(seed % 2), feeds=bool(seed % 4 < 2))
    screen, stream = terminal(WIDE, HIGH)
    cells = [[(" ", few[0])] * WIDE for _ in range(HIGH)]
    for _ in range(30):
        for _ in range(chance.randrange(6)):
            y, x = chance.randrange(HIGH), chance.choice([0, 1, 2, 3, 5, 8, 9, 20, 40, 46])
            word = chance.choice(["pod-7", "running", "1", "    ", "━━━", "e" * 20, " a b", "é日"])
            style = chance.choice(few)
            if word == "é日":  # a wide sign: only where nothing stands behind it
                cells[y] = [*cells[y][: WIDE - 4], *((one, style) for one in ("é", "日", "")),
                            (" ", style)]  # fmt: skip
                continue
            if cells[y][WIDE - 2][0] == "":
                continue
            new = [(one, style) for one in word][: WIDE - x]
            cells[y] = [*cells[y][:x], *new, *cells[y][x + len(new) :]]
        if chance.random() < 0.4:
            top, end = sorted(chance.sample(range(HIGH + 1), 2))
            cells[top:end] = [*cells[top + 1 : end], cells[top]]
        if chance.random() < 0.1:
            front.clear()
            stream.feed("\x1b[0;1;31m")  # another's pen
        frame = [Strip([Segment(*cell) for cell in row], WIDE) for row in cells]
        update = front.thin(whole(frame), (WIDE, HIGH))
        assert update is not None
        stream.feed(update.render_segments(CONSOLE))
        assert look(screen) == sent_whole(frame)


def test_blanks_are_erased_only_where_the_terminal_keeps_their_ground() -> None:
    frame = [
        Strip([Segment("pod", Style.parse("on blue")), Segment(" " * 45, Style.parse("on blue"))])
    ]
    sent = {}
    for keeps in (True, False):
        update = Front(keeps).thin(LayoutUpdate([frame], Region(0, 0, WIDE, 1)), (WIDE, 1))
        assert update is not None
        sent[keeps] = update.render_segments(CONSOLE)
    assert "\x1b[K" in sent[True]
    assert " " * 45 in sent[False]
    assert "\x1b[K" not in sent[False]


@pytest.mark.parametrize(
    ("environment", "keeps"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "xterm-256color", "STY": "1.pts-0.node"}, False),
        ({"TERM": "vt220"}, False),
        ({}, False),
    ],
)
def test_the_terminals_that_keep_the_ground(environment: dict[str, str], keeps: bool) -> None:
    assert erases(environment) is keeps


@pytest.mark.parametrize(
    ("environment", "leads_down"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "screen-256color"}, True),
        ({"TERM": "eterm-color"}, False),
        ({}, False),
    ],
)
def test_the_terminals_in_which_a_vertical_tab_leads_down(
    environment: dict[str, str], leads_down: bool
) -> None:
    assert feeds(environment) is leads_down


def test_the_pen_is_kept_from_one_picture_to_the_next() -> None:
    front = Front()
    look = Style.parse("#a0b0c0 on #102030")
    sent = []
    for word in ("one", "two"):
        update = front.thin(plain_layout_of([[Segment(word, look)]]), (WIDE, 1))
        assert update is not None
        sent.append(update.render_segments(CONSOLE))
    assert "38;2;160;176;192" in sent[0]
    assert sent[1] == "\x1b[1Htwo"
    front.clear()
    update = front.thin(plain_layout_of([[Segment("two", look)]]), (WIDE, 1))
    assert update is not None
    assert update.render_segments(CONSOLE).startswith("\x1b[1H\x1b[0;38;2;160;176;192;48;2;")


def test_an_attribute_is_taken_back_alone() -> None:
    front = Front()
    colour = "#a0b0c0 on #102030"
    sent = ""
    for word in ("pods", "cars"):
        row = [Segment("3", Style.parse(f"bold {colour}")), Segment(word, Style.parse(colour))]
        update = front.thin(plain_layout_of([row]), (WIDE, 1))
        assert update is not None
        sent = update.render_segments(CONSOLE)
    assert sent == "\x1b[1;2H\x1b[22mcar"


def test_what_is_sent_again_on_the_way_to_a_blank_keeps_its_colour() -> None:
    front = Front()
    screen, stream = terminal(WIDE, 1)
    red, plain = Style.parse("red on blue"), Style.parse("on blue")
    for first, last in (("1", "."), ("2", " ")):
        row = [Segment(first, red), Segment("ab", plain), Segment(last, red), Segment(" ", plain)]
        update = front.thin(plain_layout_of([row]), (WIDE, 1))
        assert update is not None
        stream.feed(update.render_segments(CONSOLE))
    cells = [screen.buffer[0][x] for x in range(3)]
    assert [(cell.data, cell.fg) for cell in cells] == [
        ("2", "red"), ("a", "default"), ("b", "default")
    ]  # fmt: skip


def test_the_cursor_goes_to_the_row_below_by_single_steps() -> None:
    rows = [[Segment(" "), Segment("12:00:01"), Segment(" ", None), Segment("name")]] * 3
    sent = {}
    for leads_down in (True, False):
        front = Front(feeds=leads_down)
        blank = [[Segment(" " * WIDE)]] * 3
        for frame in (blank, rows):
            update = front.thin(plain_layout_of(frame), (WIDE, 3))
            assert update is not None
            sent[leads_down] = update.render_segments(CONSOLE)
    assert sent[True] == "\x1b[1;2H12:00:01 name\v\r 12:00:01 name\v\r 12:00:01 name"
    assert sent[False] == sent[True].replace("\v", "\x1b[B")


@pytest.mark.parametrize(("system", "code"), [("truecolor", "38;2;"), ("256", "38;5;")])
def test_a_row_of_many_colours_is_sent_colour_by_colour(
    system: Literal["truecolor", "256"], code: str
) -> None:
    front = Front(erases=True)
    colours = [Style.parse(f"#{colour} on #000000") for colour in ("ff0000", "00ff00", "0000ff")]
    rows = [[Segment("name ", colours[n % 3]) for n in range(9)] for _ in range(HIGH)]
    update = front.thin(plain_layout_of(rows), (WIDE, HIGH))
    assert update is not None
    sent = update.render_segments(Console(color_system=system, force_terminal=True))
    assert sent.count(code) <= 2 * len(colours)


def plain_layout_of(rows: list[list[Segment]]) -> LayoutUpdate:
    strips: list[Iterable[Strip]] = [
        [Strip(row).adjust_cell_length(WIDE, row[-1].style)] for row in rows
    ]
    return LayoutUpdate(strips, Region(0, 0, WIDE, len(rows)))


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


def test_a_row_that_changes_on_its_way_moves_with_the_others() -> None:
    width, height = 60, 12
    front = Front()
    lines = [f"event {n} of pod {n * 7919}, not seen by a relist yet" for n in range(20)]
    update = front.thin(plain_layout(lines[:height], width), (width, height))
    assert update is not None
    update.render_segments(CONSOLE)
    lines[3] = lines[3].replace("yet   ", "")[:-3] + "yet!"
    lines[2] = lines[2].replace("not seen by", "now seen by")
    update = front.thin(plain_layout(lines[2 : 2 + height], width), (width, height))
    assert update is not None
    assert len(update.render_segments(CONSOLE)) < 2 * 60 + 80


class Line:
    """A driver that keeps what is written."""

    is_headless = is_inline = False

    def __init__(self) -> None:
        self.sent = ""

    def write(self, text: str) -> None:
        self.sent += text

    def flush(self) -> None:
        pass


async def test_a_picture_is_sent_with_nothing_around_it_that_it_does_not_need(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(pod("web")) as stage:
        app, line = stage.app, Line()
        monkeypatch.setattr(app, "_sync_available", True)

        def sent(*rows: str) -> str:
            strips: list[Iterable[Strip]] = [[Strip([Segment(row)])] for row in rows]
            line.sent = ""
            app._driver, driver = cast("Driver", line), app._driver
            app._display(app.screen, LayoutUpdate(strips, Region(0, 0, 20, len(rows))))
            app._driver = driver
            return line.sent

        whole = sent(*("x" * 60 for _ in range(10)))
        assert whole.startswith("\x1b[?2026h")
        assert whole.endswith("x\x1b[?2026l")
        rows = ["y", *("x" * 60 for _ in range(9))]
        assert sent(*rows) == "\x1b[1Hy"
        assert not sent(*rows), "nothing is new"
        app.cursor_position = Offset(3, 1)
        assert sent("z", *rows[1:]) == "\x1b[1Hz\x1b[2;4H"
        app.cursor_position = Offset(0, 0)
