"""A container's log, from any of its files, in pages that fit together."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node import log_files, log_reading
from pleg_tui.node.log_files import Identity, parts_of
from pleg_tui.node.log_format import LineReader, Record
from pleg_tui.node.log_reading import END, read_after, read_before
from pleg_tui.node.logs import ContainerLog, Page, Position

STAMP = "2024-06-15T12:34:{:02d}Z"
AT = 1_718_454_840_000_000_000
S = 1_000_000_000


def lines(*texts: str, second: int = 0, stream: str = "stdout") -> str:
    return "".join(f"{STAMP.format(second)} {stream} F {text}\n" for text in texts)


def texts(page: Page) -> list[str]:
    return [placed.line.plain for placed in page.lines]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "var/log/pods/default_web_1234/main"
    made.mkdir(parents=True)
    return made


def test_the_last_lines_and_the_ones_before(folder: Path) -> None:
    path = folder / "0.log"
    path.write_text(lines(*(str(n) for n in range(5000))))
    log = ContainerLog(str(path))
    page = log.tail(100)
    assert texts(page) == [str(n) for n in range(4900, 5000)]
    seen = texts(page)
    while page.older is not None:
        page = log.older(page.older, 700)
        seen = texts(page) + seen
    assert seen == [str(n) for n in range(5000)]
    assert page.why == ""


def test_only_the_end_of_a_large_file_is_read(folder: Path) -> None:
    path = folder / "0.log"
    with path.open("wb") as file:
        file.truncate(10 << 30)  # ten gigabytes that take no disk
        file.seek(0, os.SEEK_END)
        file.write(("\n" + lines("a", "b", "c")).encode())
    assert texts(ContainerLog(str(path)).tail(3)) == ["a", "b", "c"]


def test_a_line_longer_than_what_is_read_at_once_is_passed(folder: Path) -> None:
    path = folder / "0.log"
    path.write_text(lines("first") + "x" * (9 << 20) + "\n" + lines("last"))
    log = ContainerLog(str(path))
    page = log.tail(3)
    seen = [placed.line for placed in page.lines]
    for _ in range(10):
        if page.older is None:
            break
        page = log.older(page.older, 3)
        seen = [placed.line for placed in page.lines] + seen
    assert page.older is None
    assert (seen[0].plain, seen[-1].plain) == ("first", "last")
    middle = seen[1:-1]
    assert middle
    assert all(line.cut > 0 and set(line.plain) <= set("x…") for line in middle)


def test_forwards_from_any_line(folder: Path) -> None:
    path = folder / "0.log"
    path.write_text(lines(*(str(n) for n in range(300))))
    log = ContainerLog(str(path))
    page = log.tail(200)
    there = page.lines[50]
    assert there.line.plain == "150"
    after = log.newer(there.position, 30)
    assert texts(after) == [str(n) for n in range(150, 180)]
    assert after.newer is not None
    assert after.older is not None
    assert texts(log.newer(after.newer, 1000)) == [str(n) for n in range(180, 300)]
    assert texts(log.older(after.older, 2)) == ["148", "149"]


def test_rotated_files_are_read_on_newest_first(folder: Path) -> None:
    (folder / "0.log").write_text(lines("6", "7"))
    (folder / "0.log.20240615-120000").write_text(lines("4", "5"))
    (folder / "0.log.20240614-120000.gz").write_bytes(gzip.compress(lines("2", "3").encode()))
    (folder / "0.log.20240613-120000.gz").write_bytes(gzip.compress(lines("0", "1").encode()))
    (folder / "0.log.20240613-120000.gz.tmp").write_bytes(b"half")
    (folder / "0.logistics").write_text(lines("other"))
    (folder / "1.log").write_text(lines("other"))
    log = ContainerLog(str(folder / "0.log"))
    page = log.tail(10)
    assert texts(page) == ["4", "5", "6", "7"]
    assert page.older is not None
    page = log.older(page.older, 10)
    assert texts(page) == ["2", "3"]
    assert page.older is not None
    assert texts(log.older(page.older, 10)) == ["0", "1"]
    assert texts(log.tail(3)) == ["5", "6", "7"]
    oldest = log.older(page.older, 10).lines[0].position
    forwards: list[str] = []
    place: Position | None = oldest
    while place is not None:
        following = log.newer(place, 1)
        forwards += texts(following)
        place = following.newer
    assert forwards == [str(n) for n in range(8)]
    log.close()


def test_dockers_rotated_files_have_numbers(tmp_path: Path, folder: Path) -> None:
    docker = tmp_path / "var/lib/docker/containers/abc"
    docker.mkdir(parents=True)

    def line(text: str) -> str:
        return f'{{"log":"{text}\\n","stream":"stdout","time":"{STAMP.format(1)}"}}\n'

    (docker / "abc-json.log").write_text(line("new"))
    (docker / "abc-json.log.1").write_text(line("middle"))
    (docker / "abc-json.log.2.gz").write_bytes(gzip.compress(line("old").encode()))
    (docker / "abc-json.log.10").write_text(line("oldest"))
    (folder / "0.log").symlink_to(docker / "abc-json.log")
    names = [Path(part.path).name for part in parts_of(str(folder / "0.log"))]
    assert [name.removeprefix("abc-json.log") for name in names] == [".10", ".2.gz", ".1", ""]
    assert texts(ContainerLog(str(folder / "0.log")).tail(5)) == ["middle", "new"]


def test_a_file_that_is_just_being_compressed_is_read_once(folder: Path) -> None:
    (folder / "0.log").write_text(lines("b"))
    (folder / "0.log.20240615-120000").write_text(lines("a"))
    (folder / "0.log.20240615-120000.gz").write_bytes(gzip.compress(lines("a").encode()))
    assert texts(ContainerLog(str(folder / "0.log")).tail(5)) == ["a", "b"]


def test_between_the_rename_and_the_new_file_the_old_one_is_read(folder: Path) -> None:
    (folder / "0.log.20240615-120000").write_text(lines("a"))
    page = ContainerLog(str(folder / "0.log")).tail(5)
    assert (texts(page), page.why) == (["a"], "")


def test_a_place_that_was_rotated_away_says_so(folder: Path) -> None:
    path = folder / "0.log"
    path.write_text(lines("a", "b"))
    log = ContainerLog(str(path))
    place = log.tail(1).older
    assert place is not None
    path.rename(folder / "0.log.20240615-120000")
    path.write_text(lines("c"))
    assert texts(log.older(place, 5)) == ["a"]
    (folder / "0.log.20240615-120000").unlink()
    assert "rotated away" in log.older(place, 5).why
    assert "rotated away" in log.newer(place, 5).why


def test_since_a_time(folder: Path) -> None:
    path = folder / "0.log"
    path.write_text(
        lines("a", second=1) + lines("b", second=2) + "of b\n" + lines("c", "d", second=3)
    )
    log = ContainerLog(str(path))
    page = log.tail(100, AT + 2 * S)
    assert (texts(page), page.older) == (["b", "of b", "c", "d"], None)
    assert texts(log.tail(100, AT + 3 * S)) == ["c", "d"]
    assert texts(log.tail(100, AT + 4 * S)) == []
    assert texts(log.tail(2, AT)) == ["c", "d"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "no log file"),
        (lambda path: path.mkdir(), "not a file"),
        (lambda path: os.mkfifo(path), "not a file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
    ids=["missing", "folder", "pipe", "device", "loop"],
)
def test_what_is_no_log_is_said_at_once(folder: Path, make: object, why: str) -> None:
    assert callable(make)
    make(folder / "0.log")
    log = ContainerLog(str(folder / "0.log"))
    page = log.tail(5)
    assert why in page.why
    assert page.lines == ()
    page, follower = log.follow(5)
    assert why in page.why
    assert why in follower.poll().why


def test_without_permission_it_is_said(folder: Path) -> None:
    (folder / "0.log").write_text(lines("secret"))
    with patch("os.open", side_effect=PermissionError(13, "Permission denied")):
        page = ContainerLog(str(folder / "0.log")).tail(5)
    assert "run as root" in page.why


def test_without_a_path_it_is_said() -> None:
    log = ContainerLog("")
    assert "keeps no log file" in log.tail(5).why
    assert "keeps no log file" in log.follow(5)[0].why
    assert log.instances() == []


def test_a_broken_compressed_file_gives_what_it_has(folder: Path) -> None:
    (folder / "0.log").write_text(lines("new"))
    packed = gzip.compress(os.urandom(100_000).hex().encode() + b"\n" + lines("x" * 50).encode())
    (folder / "0.log.20240615-120000.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "0.log.20240614-120000.gz").write_bytes(b"no gzip at all")
    log = ContainerLog(str(folder / "0.log"))
    page = log.tail(5)
    assert texts(page) == ["new"]
    assert page.older is not None
    page = log.older(page.older, 1)
    assert len(page.lines) == 1
    assert page.older is not None
    page = log.older(page.older, 5)
    assert "not compressed as it says" in page.why


def test_a_bomb_is_not_unpacked(folder: Path) -> None:
    (folder / "0.log").write_text(lines("new"))
    (folder / "0.log.20240615-120000.gz").write_bytes(
        gzip.compress(b"another line of it\n" * (1 << 17), 1)
    )
    log = ContainerLog(str(folder / "0.log"))
    page = log.tail(1)
    assert page.older is not None
    with (
        patch.object(log_files, "MAX_UNPACKED", 1 << 18),
        patch.object(log_files, "_UNPACK_AT_MOST", 1 << 20),
    ):
        assert "not unpacked" in log.older(page.older, 5).why
    with patch.object(log_files, "MAX_UNPACKED", 1 << 18):
        assert texts(log.older(page.older, 5)) == ["another line of it"] * 5


def test_the_logs_of_other_attempts(tmp_path: Path, folder: Path) -> None:
    for attempt in (0, 2, 10):
        (folder / f"{attempt}.log").write_text(lines(f"attempt {attempt}"))
    (folder / "2.log.20240615-120000").write_text(lines("before"))
    (folder / "notes.txt").write_text("")
    log_path = "/var/log/pods/default_web_1234/main/10.log"
    log = ContainerLog(log_path, str(tmp_path))
    found = log.instances()
    assert [(i.attempt, i.files) for i in found] == [(10, 1), (2, 2), (0, 1)]
    assert texts(ContainerLog(found[1].log_path, str(tmp_path)).tail(5)) == ["before", "attempt 2"]


def test_links_are_followed_inside_the_root(tmp_path: Path, folder: Path) -> None:
    real = tmp_path / "data/logs"
    real.mkdir(parents=True)
    (real / "real.log").write_text(lines("inside"))
    (folder / "0.log").symlink_to("/data/logs/real.log")
    log = ContainerLog("/var/log/pods/default_web_1234/main/0.log", str(tmp_path))
    assert texts(log.tail(5)) == ["inside"]
    assert [i.attempt for i in log.instances()] == [0]


class Held:
    """A file's bytes, as a source."""

    first = 0
    identity: Identity = (0, 0)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, end: int) -> bytes:
        return self.data[start:end]

    def close(self) -> None:
        pass


FILES = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["stdout F", "stdout P", "stderr F", "stderr P"]),
            st.text(st.sampled_from("ab \t日"), max_size=30),
        ).map(lambda pair: f"{STAMP.format(0)} {pair[0]} {pair[1]}\n"),
        st.just("garbage\n"),
        st.just("\n"),
    ),
    max_size=25,
).map(lambda parts: "".join(parts).encode())


def as_whole(data: bytes) -> list[tuple[str, bytes, bool]]:
    reader = LineReader()
    return shown([*reader.feed(data), *reader.finish()])


def shown(records: list[Record] | tuple[Record, ...]) -> list[tuple[str, bytes, bool]]:
    return [(r.stream.value, r.text, r.partial) for r in records]


@given(FILES, st.integers(1, 9), st.booleans(), st.integers(1, 60))
def test_pages_backwards_are_the_whole(data: bytes, count: int, ended: bool, block: int) -> None:
    if not ended:
        data = data[:-1]
    with patch.object(log_reading, "BLOCK", block):
        source = Held(data)
        chunk = read_before(source, END, max(count, 2))
        found = shown(chunk.records)
        while chunk.start > 0:
            chunk = read_before(source, chunk.start, count)
            assert len(chunk.records) <= count
            found = shown(chunk.records) + found
    assert found == as_whole(data)


@given(FILES, st.integers(2, 9), st.booleans())
def test_pages_forwards_are_the_whole(data: bytes, count: int, ended: bool) -> None:
    if not ended:
        data = data[:-1]
    source = Held(data)
    found: list[tuple[str, bytes, bool]] = []
    place = 0
    for _ in range(40):
        chunk = read_after(source, place, count)
        found += shown(chunk.records)
        place = chunk.end
        if chunk.last:
            break
    assert found == as_whole(data)


@given(FILES, st.integers(1, 20))
def test_the_last_lines_of_a_growing_file_are_the_whole(data: bytes, count: int) -> None:
    reader = LineReader()
    records = reader.feed(data)
    chunk = read_before(Held(data), END, count, finished=False)
    assert shown(chunk.records) == shown(records[-count:])
    assert shown(chunk.pending) == shown(reader.pending())
