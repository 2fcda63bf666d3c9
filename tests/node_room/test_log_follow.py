"""Following tells each line once, whatever happens to the file meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleg_tui.node.log_follow import Follower, Update
from pleg_tui.node.log_format import LineReader
from pleg_tui.node.logs import ContainerLog

STAMP = "2024-06-15T12:34:56Z"


def line(text: str, *, stream: str = "stdout", tag: str = "F") -> str:
    return f"{STAMP} {stream} {tag} {text}\n"


def texts(update: Update) -> list[str]:
    return [one.plain for one in update.lines]


def drain(follower: Follower) -> list[str]:
    """What several looks bring, until nothing more comes."""
    found: list[str] = []
    for _ in range(8):
        update = follower.poll()
        found += texts(update)
    return found


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "0.log"


def test_new_lines_come_once_and_after_the_last_that_were_shown(path: Path) -> None:
    path.write_text(line("a") + line("b") + line("c"))
    page, follower = ContainerLog(str(path)).follow(2)
    assert [placed.line.plain for placed in page.lines] == ["b", "c"]
    assert follower.poll() == Update()
    append(path, line("d") + line("e"))
    assert texts(follower.poll()) == ["d", "e"]
    assert follower.poll() == Update()
    follower.close()


def test_a_line_that_is_being_written_is_pending_until_it_ends(path: Path) -> None:
    path.write_text(line("a") + line("Password", tag="P"))
    page, follower = ContainerLog(str(path)).follow(5)
    assert [one.plain for one in page.pending] == ["Password"]
    assert [one.partial for one in page.pending] == [True]
    append(path, line(": ", tag="P") + f"{STAMP} stdout F ok")
    update = follower.poll()
    assert update.lines == ()
    assert [one.plain for one in update.pending] == ["Password: ok"]
    append(path, "ay\n")
    update = follower.poll()
    assert texts(update) == ["Password: okay"]
    assert update.pending == ()


def test_a_file_that_comes_later_is_followed_from_its_beginning(path: Path) -> None:
    page, follower = ContainerLog(str(path)).follow(5)
    assert "no log file" in page.why
    assert "no log file" in follower.poll().why
    path.write_text(line("first"))
    update = follower.poll()
    assert (texts(update), update.why) == (["first"], "")


def test_rotation_as_the_kubelet_does_it(path: Path) -> None:
    path.write_text(line("a"))
    _, follower = ContainerLog(str(path)).follow(5)
    append(path, line("b"))
    old = path.with_name("0.log.20240615-123456")
    path.rename(old)
    assert texts(follower.poll()) == ["b"]
    append(old, line("still to the old file"))
    assert texts(follower.poll()) == ["still to the old file"]
    path.write_text(line("c"))
    append(old, line("the very last of it"))
    updates = [follower.poll() for _ in range(4)]
    assert [text for u in updates for text in texts(u)] == ["the very last of it", "c"]
    assert sum(u.rotated for u in updates) == 1
    assert not any(u.why for u in updates)


def test_several_rotations_between_two_looks_lose_nothing(path: Path) -> None:
    path.write_text(line("0"))
    _, follower = ContainerLog(str(path)).follow(5)
    for number in range(1, 4):
        append(path, line(f"end of {number - 1}"))
        path.rename(path.with_name(f"0.log.2024061{number}-000000"))
        path.write_text(line(str(number)))
    found = drain(follower)
    assert found == ["end of 0", "1", "end of 1", "2", "end of 2", "3"]


def test_a_line_in_parts_goes_on_in_the_next_file(path: Path) -> None:
    path.write_text(line("a", tag="P"))
    _, follower = ContainerLog(str(path)).follow(5)
    path.rename(path.with_name("0.log.20240615-123456"))
    path.write_text(line("b"))
    assert drain(follower) == ["ab"]


def test_an_old_file_that_is_gone_does_not_hold_up_the_new_one(path: Path) -> None:
    path.write_text(line("a"))
    _, follower = ContainerLog(str(path)).follow(5)
    append(path, line("b"))
    path.unlink()
    path.write_text(line("c"))
    assert drain(follower) == ["b", "c"]


def test_truncation_is_told_and_followed(path: Path) -> None:
    path.write_text(line("a") + line("b"))
    _, follower = ContainerLog(str(path)).follow(5)
    os.truncate(path, 0)
    assert follower.poll().truncated
    append(path, line("c"))
    assert texts(follower.poll()) == ["c"]


def test_truncation_is_told_even_when_the_file_has_grown_past_its_old_size(path: Path) -> None:
    path.write_text(line("a"))
    _, follower = ContainerLog(str(path)).follow(5)
    path.write_text("".join(line(f"new {n}") for n in range(50)))
    update = follower.poll()
    assert update.truncated
    assert texts(update) == [f"new {n}" for n in range(50)]


def test_a_removed_file_is_told_and_its_last_lines_too(path: Path) -> None:
    path.write_text(line("a"))
    _, follower = ContainerLog(str(path)).follow(5)
    append(path, line("last"))
    path.unlink()
    update = follower.poll()
    assert texts(update) == ["last"]
    assert "removed" in update.why


def test_much_at_once_comes_in_portions(path: Path) -> None:
    path.write_text("")
    _, follower = ContainerLog(str(path)).follow(5)
    path.write_text("".join(line(str(n)) for n in range(1000)))
    found: list[str] = []
    looks = 0
    more = True
    while more:
        update = follower.poll(max_bytes=5000)
        found += texts(update)
        more = update.more
        looks += 1
    assert found == [str(n) for n in range(1000)]
    assert looks > 5


def test_an_idle_look_reads_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(line("a"))
    _, follower = ContainerLog(str(path)).follow(5)
    follower.poll()

    def no(*_: Any) -> bytes:
        raise AssertionError("it was read")

    monkeypatch.setattr(os, "pread", no)
    monkeypatch.setattr(os, "scandir", no)
    assert follower.poll() == Update()


def test_a_follower_that_was_closed_begins_anew(path: Path) -> None:
    path.write_text(line("a"))
    _, follower = ContainerLog(str(path)).follow(5)
    follower.close()
    follower.close()


PARTS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["stdout F", "stdout P", "stderr F", "stderr P"]),
            st.text(st.sampled_from("ab\t日\x1b"), max_size=20),
        ).map(lambda pair: f"{STAMP} {pair[0]} {pair[1]}\n"),
        st.sampled_from(["garbage\n", "\n", "\r\n"]),
    ),
    max_size=15,
).map(lambda parts: "".join(parts).encode())


@settings(max_examples=60)
@given(PARTS, st.lists(st.tuples(st.integers(0, 600), st.sampled_from("wwwr")), max_size=6))
def test_following_any_writes_tells_what_reading_the_whole_tells(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[tuple[int, str]]
) -> None:
    """Writes end anywhere; rotations come between two lines, as a runtime makes them."""
    path = tmp_path_factory.mktemp("log") / "0.log"
    path.touch()
    _, follower = ContainerLog(str(path)).follow(1)
    found: list[str] = []
    written = 0
    rotations = 0
    for cut, what in [*sorted(cuts), (len(data), "w")]:
        end = max(written, min(cut, len(data)))
        if what == "r" and end:
            end = data.find(b"\n", end - 1) + 1
        with path.open("ab") as file:
            file.write(data[written:end])
        written = end
        if what == "r":
            rotations += 1
            path.rename(path.with_name(f"0.log.20240615-{rotations:06d}"))
            path.touch()
        found += texts(follower.poll())
    for _ in range(2 + 2 * rotations):
        found += texts(follower.poll())
    pending = [(one.stream, one.plain) for one in follower.poll().pending]
    follower.close()
    reader = LineReader()
    assert found == [record.line().plain for record in reader.feed(data)]
    assert pending == [(r.stream, r.line().plain) for r in reader.pending()]
