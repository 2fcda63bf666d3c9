"""The log of a container, as a user reads it; a terminal obeys nothing that is in it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.log_format import LogLine, Stream
from pleg_tui.node.log_text import runs_of
from pleg_tui.ui.content.finding import mark, next_of, pattern
from pleg_tui.ui.content.glyphs import UNICODE
from pleg_tui.ui.content.lines import Part
from pleg_tui.ui.content.log_buffer import LogBuffer, RowMap
from pleg_tui.ui.content.logs import log_rows, rows_of
from pleg_tui.ui.content.text import width_of
from pleg_tui.ui.screens.logs import LogScreen
from tests.ui.conftest import Opener, until
from tests.ui.fakes import FakeFeed, container, exited, pod

HOSTILE = (
    b"a [red]b[/] [@click=app.quit]c[/] \x1b]52;c;aGk=\x07 \x1b[2J\x1b[31mred\x1b[0m \x9b5n "
    + "\u202eevil\u202c \x85".encode()
    + b" \xff\xfe\x00 end"
)


def cri(text: bytes, second: int = 0, stream: str = "stdout", tag: str = "F") -> bytes:
    return f"2023-11-14T22:13:{second:02}.000000000Z {stream} {tag} ".encode() + text + b"\n"


def write(path: Path, *lines: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(b"".join(lines))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "var/log/pods/default_web_web/app/1.log"


def shown(path: Path | str, **more: object) -> list[object]:
    return [pod("web", container("app", log_path=str(path), attempt=1, **more))]


async def test_a_log_is_followed_until_it_is_scrolled_back(opened: Opener, log: Path) -> None:
    write(log, *(cri(b"line %d" % n) for n in range(100)))
    async with opened(*shown(log), size=(80, 24)) as stage:
        await stage.press("j", "l")
        await until(stage, "line 99")
        assert "100 lines" in stage.text()
        assert "follow on" in stage.text()
        write(log, cri(b"line 100"))
        await until(stage, "line 100")
        await stage.press("k", "k")
        assert "follow off" in stage.text()
        top = stage.grid()[2]
        write(log, cri(b"line 101"), cri(b"line 102"))
        await until(stage, "2 new ↓")
        assert stage.grid()[2] == top
        await stage.press("G")
        assert "line 102" in stage.text()
        assert "new ↓" not in stage.text()
        await stage.press("f")
        assert "follow off" in stage.text()
        await stage.press("escape")
        assert "▎Pods" in stage.text()


async def test_what_a_program_logs_is_shown_and_never_obeyed(opened: Opener, log: Path) -> None:
    write(log, cri(HOSTILE, stream="stderr"), cri(b"x" * 1_000_000), b"neither format \x1b[5n\n")
    async with opened(*shown(log)) as stage:
        await stage.press("j", "l")
        await until(stage, "neither format ^[[5n")
        line = stage.line("end")
        assert "a [red]b[/] [@click=app.quit]c[/] ^[]52;c;aGk=^G ^[[2Jred" in line
        assert "\ufffdevil\ufffd" in line
        assert all(c.isprintable() for row in stage.grid() for c in row)
        strips = stage.app.screen._compositor.render_strips()
        segment = next(s for strip in strips for s in strip if s.text == "red")
        assert segment.style is not None
        assert segment.style.color is not None
        await stage.press("w", "t", "g")
        await until(stage, "a [red]b[/]")
        assert all(c.isprintable() for row in stage.grid() for c in row)


async def test_finding_in_a_log(opened: Opener, log: Path) -> None:
    texts = [b"Error: one" if n % 30 == 7 else b"fine %d" % n for n in range(100)]
    write(log, *(cri(text) for text in texts))
    async with opened(*shown(log), size=(80, 24)) as stage:
        await stage.press("j", "l")
        await until(stage, "fine 99")
        await stage.press("slash")
        await stage.type("error")
        assert "4 matches" in stage.text()
        await stage.press("enter")
        assert "match 4 of 4" in stage.text()
        await stage.press("N")
        assert "match 3 of 4" in stage.text()
        assert "Error: one" in stage.text()
        assert "follow off" in stage.text()
        await stage.press("n", "n")
        assert "match 1 of 4" in stage.text()
        write(log, cri(b"another error"))
        await until(stage, "match 1 of 5")
        await stage.press("escape")
        assert "match" not in stage.text()
        await stage.press("slash")
        await stage.type("[/]")
        await stage.press("enter")
        assert "nothing found for [/]" in stage.text()
        await stage.press("escape", "escape")
        assert "▎Pods" in stage.text()


async def test_the_instance_before(opened: Opener, log: Path) -> None:
    write(log, cri(b"this one"))
    write(log.with_name("0.log"), cri(b"the one before"))
    async with opened(*shown(log)) as stage:
        await stage.press("j", "p")
        await until(stage, "the one before")
        assert " previous " in stage.grid()[0]
        await stage.press("p")
        await until(stage, "this one")
        assert "the one before" not in stage.text()


async def test_the_instance_before_that_the_runtime_still_knows(
    opened: Opener, log: Path, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere.log"
    write(other, cri(b"last words"))
    old = exited("app", 1, id="0" * 64, log_path=str(other))
    new = container("app", id="1" * 64, attempt=1, restarts=1, log_path=str(log))
    async with opened(pod("web", new, old)) as stage:
        await stage.press("j", "p")
        await until(stage, "last words")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "There is no log file at"),
        (lambda path: path.mkdir(parents=True), "is not a file"),
        (lambda path: write(path), "Nothing was logged yet"),
    ],
)
async def test_why_nothing_is_shown(opened: Opener, log: Path, make: object, says: str) -> None:
    make(log)  # type: ignore[operator]
    async with opened(*shown(log)) as stage:
        await stage.press("j", "l")
        await until(stage, says)
        assert "1.log" in stage.text().replace("\n", "").replace(" ", "")


async def test_a_missing_log_is_shown_once_it_is_there(opened: Opener, log: Path) -> None:
    async with opened(*shown(log)) as stage:
        await stage.press("j", "l")
        await until(stage, "There is no log file at")
        write(log, cri(b"here it is"))
        await until(stage, "here it is")
        log.rename(log.with_name("1.log.20240101-000000"))
        write(log, cri(b"in the new file"))
        await until(stage, "in the new file")
        assert "rotated: a new file begins" in stage.text()


async def test_the_runtime_is_asked_where_the_log_is(opened: Opener, log: Path) -> None:
    write(log, cri(b"found"))
    app = container("app", id="a" * 64)
    feed = FakeFeed(
        answers={
            app.id: {"status": {"log_path": "app/1.log"}},
            "sandbox-of-web": {"info": {"config": {"log_directory": str(log.parent.parent)}}},
        }
    )
    async with opened(pod("web", app), feed=feed) as stage:
        await stage.press("j", "l")
        await until(stage, "found")
        assert feed.asked == [("container", app.id, False), ("sandbox", "sandbox-of-web", True)]


async def test_no_log_file_at_all(opened: Opener) -> None:
    async with opened(*shown("")) as stage:
        await stage.press("j", "l")
        await until(stage, "The runtime keeps no log file for this container")
        assert "journalctl CONTAINER_ID=" in stage.text()


async def test_a_log_is_read_under_the_root(opened: Opener, log: Path, tmp_path: Path) -> None:
    write(log, cri(b"on the node"))
    inside = "/" + str(log.relative_to(tmp_path))
    async with opened(*shown(inside), root=str(tmp_path)) as stage:
        await stage.press("j", "l")
        await until(stage, "on the node")


async def test_which_part_is_shown(opened: Opener, log: Path) -> None:
    # The stage's clock says 22:13:20; the last line is of that minute.
    old = b"2023-11-14T20:00:00Z stdout F long ago\n"
    write(log, old, *(cri(b"line %d" % n) for n in range(2500)))
    async with opened(*shown(log), size=(80, 24)) as stage:
        await stage.press("j", "l")
        await until(stage, "line 2499")
        await stage.press("1")
        await until(stage, "long ago")
        assert "1 head*" in stage.text()
        await stage.press("G")
        await until(stage, "2,000 lines")
        await stage.press("G")
        await until(stage, "2,501 lines")
        await stage.press("3")
        await until(stage, "line 2499")
        assert "3 5m*" in stage.text()
        await stage.press("g")
        await until(stage, "2,000 lines")
        await stage.press("g", "k")
        await until(stage, "2,500 lines")
        await stage.press("g")
        assert "long ago" not in stage.text()


async def test_times_and_wrapping(opened: Opener, log: Path) -> None:
    write(log, cri(b"w" * 100, second=7), cri(b"P" * 5, tag="P"), cri(b"and on"))
    async with opened(*shown(log), size=(80, 24)) as stage:
        await stage.press("j", "l")
        await until(stage, "PPPPPand on")
        assert "…" in stage.line("wwww")
        await stage.press("w", "t")
        assert sum("wwww" in row for row in stage.grid()) == 2
        assert stage.grid()[2].startswith(" 22:13:07.000   www")
        await stage.press("w")
        assert sum("wwww" in row for row in stage.grid()) == 1


async def test_saving(
    opened: Opener, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    write(log, cri(b"\x1b[31mred\x1b[0m words", second=5), b"no format\n")
    async with opened(*shown(log)) as stage:
        await stage.press("j", "l")
        await until(stage, "no format")
        await stage.press("s")
        await until(stage, "2 lines in ")
        (saved,) = (tmp_path / "state/pleg-tui/logs").iterdir()
        assert saved.read_text() == (
            "2023-11-14T22:13:05.000000000Z stdout red words\n- - no format\n"
        )
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600
        saved.unlink()
        saved.parent.rmdir()
        saved.parent.symlink_to(tmp_path)
        await stage.press("s")
        await until(stage, "not saved in ")
        assert "symbolic link" in stage.text()


async def test_a_log_that_grows_without_end_holds_up_nothing(opened: Opener, log: Path) -> None:
    write(log, cri(b"first"))
    async with opened(*shown(log)) as stage:
        await stage.press("j", "l")
        await until(stage, "first")
        chunk = b"".join(cri(b"flood %d" % n) for n in range(20_000))
        for _ in range(6):
            write(log, chunk)
        await stage.press("question_mark")
        assert "Finding" in stage.text()
        await stage.press("escape")
        await until(stage, "flood 19999")
        screen = stage.app.screen
        assert isinstance(screen, LogScreen)
        assert len(screen.pane.buffer) < 2 * 20_000 + 4000


# -- the parts


def line(text: str) -> LogLine:
    return LogLine(None, Stream.STDOUT, runs_of(text))


def test_a_buffer_drops_the_oldest_and_keeps_numbers() -> None:
    buffer = LogBuffer(most=100)
    buffer.seek("7")
    for start in range(0, 500, 50):
        buffer.add([line(f"n{n}") for n in range(start, start + 50)], (), keep=False)
    assert len(buffer) <= 110
    assert buffer.dropped == 500 - len(buffer)
    assert buffer.end == 500
    assert all("7" in buffer[n].plain for n in buffer.matches)  # type: ignore[union-attr]
    assert buffer.matches[0] >= buffer.first
    first, held = buffer.first, len(buffer)
    assert buffer.add_before([line("old 7")] * 500) == 200 - held
    assert buffer.first == first - (200 - held)
    assert buffer.matches[0] == buffer.first


def test_a_line_that_is_not_complete_is_replaced() -> None:
    buffer = LogBuffer()
    buffer.seek("ab")
    buffer.add([], (line("a"),), keep=False)
    assert (len(buffer), buffer.matches) == (1, [])
    buffer.add([], (line("ab"),), keep=False)
    assert (len(buffer), buffer.matches) == (1, [0])
    buffer.add([line("abc")], (), keep=False)
    assert (len(buffer), buffer.matches) == (1, [0])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(0, 39))
def test_rows_and_lines_fit_each_other(heights: list[int], dropped: int) -> None:
    rows = RowMap(heights, 5)
    dropped = min(dropped, len(heights) - 1)
    assert rows.drop(dropped) == sum(heights[:dropped])
    rows.add([2])
    left = [*heights[dropped:], 2]
    assert rows.rows == sum(left)
    for index, height in enumerate(left):
        number = 5 + dropped + index
        assert rows.row_of(number) == sum(left[:index])
        for row in range(height):
            assert rows.line_of(sum(left[:index]) + row) == (number, row)


LINES = st.text(
    st.sampled_from("ab \t\x1b[31m日\u0301é\ufe0f\U0001f600\u200b"), max_size=60
) | st.text(max_size=60)


@given(LINES, st.integers(30, 60), st.booleans())
def test_wrapped_lines_hold_everything_and_fit(text: str, width: int, stamps: bool) -> None:
    one = line(text)
    rows = log_rows(one, width, UNICODE, stamps=stamps, wrap=True)
    assert len(rows) == rows_of(one, width, stamps=stamps)
    assert all(sum(width_of(t) for t, _ in row) <= width for row in rows)
    (cut,) = log_rows(one, width, UNICODE, stamps=stamps, wrap=False)
    assert sum(width_of(t) for t, _ in cut) <= width


@given(st.lists(st.text("abC", max_size=5), max_size=6), st.text("abC", min_size=1, max_size=3))
def test_marking_changes_no_letter(parts: list[str], sought: str) -> None:
    given_line = tuple(Part(text, str(n)) for n, text in enumerate(parts))
    marked = mark(given_line, pattern(sought), "x")
    assert "".join(t for t, _ in marked) == "".join(parts)
    whole = "".join(parts)
    found = whole if sought != sought.lower() else whole.lower()
    assert any(style == "x" for _, style in marked) == (sought in found)


def test_going_on_from_match_to_match() -> None:
    assert [next_of([3, 7], here, 1) for here in (0, 3, 7)] == [3, 7, 3]
    assert [next_of([3, 7], here, -1) for here in (9, 7, 3)] == [7, 3, 7]
    assert next_of([], 3, 1) is None
