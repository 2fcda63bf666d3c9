"""Searching finds what is there, goes on where it stopped, and no pattern can hold it up."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.log_search import (
    Found,
    PatternError,
    RegexMatcher,
    Span,
    TextMatcher,
    search,
)
from pleg_tui.node.logs import ContainerLog

STAMP = "2024-06-15T12:34:56Z"
EVIL = r"(a+)+$"


def line(text: str) -> str:
    return f"{STAMP} stdout F {text}\n"


def found_in(found: Found) -> list[str]:
    return [match.line.plain for match in found.matches]


@pytest.fixture
def log(tmp_path: Path) -> ContainerLog:
    path = tmp_path / "0.log"
    path.write_text("".join(line(f"Line {n} \x1b[31mred\x1b[0m end") for n in range(2000)))
    return ContainerLog(str(path))


@pytest.fixture
def regex() -> Iterator[type[RegexMatcher]]:
    made: list[RegexMatcher] = []

    class Closed(RegexMatcher):
        def __init__(self, pattern: str, ignore_case: bool | None = None) -> None:
            super().__init__(pattern, ignore_case)
            made.append(self)

    yield Closed
    for matcher in made:
        matcher.close()


def test_newest_first_with_the_places_of_the_matches(log: ContainerLog) -> None:
    found = search(log, TextMatcher("line 199"), budget_s=30)
    assert found_in(found) == [
        *(f"Line {n} red end" for n in range(1999, 1989, -1)),
        "Line 199 red end",
    ]
    assert found.matches[0].spans == ((0, 8),)
    assert found.older is None
    assert found.lines == 2000


def test_what_is_seen_is_searched_and_not_what_is_in_the_file(log: ContainerLog) -> None:
    assert len(search(log, TextMatcher("7 red e"), at_most=5, budget_s=30).matches) == 5
    assert search(log, TextMatcher("[31m"), budget_s=30).matches == ()


def test_a_capital_letter_means_it() -> None:
    texts = ["Error", "error"]
    assert TextMatcher("error").find(texts, 1) == [[(0, 5)], [(0, 5)]]
    assert TextMatcher("Error").find(texts, 1) == [[(0, 5)], []]
    assert TextMatcher("error", ignore_case=False).find(texts, 1) == [[], [(0, 5)]]


def test_a_text_is_no_expression() -> None:
    assert TextMatcher("a.*b(").find(["xa.*b(", "aab"], 1) == [[(1, 6)], []]


def test_it_goes_on_where_it_stopped(log: ContainerLog) -> None:
    matcher = TextMatcher("9 red")
    whole = found_in(search(log, matcher, at_most=10_000, budget_s=30))
    assert len(whole) == 200
    found = search(log, matcher, at_most=7, budget_s=30)
    seen = found_in(found)
    assert len(seen) == 7
    while found.older is not None:
        found = search(log, matcher, found.older, at_most=7, budget_s=30)
        seen += found_in(found)
    assert seen == whole


def test_it_stops_when_the_time_is_up_and_goes_on_there(log: ContainerLog) -> None:
    found = search(log, TextMatcher("line"), at_most=10_000, budget_s=0)
    assert 0 < found.lines < 2000
    seen = found.lines
    while found.older is not None:
        found = search(log, TextMatcher("line"), found.older, at_most=10_000, budget_s=0)
        seen += found.lines
    assert seen == 2000


class Slow:
    """A matcher that has time for three lines each time."""

    def find(self, texts: Sequence[str], budget_s: float) -> list[list[Span]]:
        return [[(0, 1)] for _ in texts[:3]]

    def close(self) -> None:
        pass


def test_lines_that_there_was_no_time_for_are_searched_next(log: ContainerLog) -> None:
    found = search(log, Slow(), budget_s=30)
    assert found_in(found) == [f"Line {n} red end" for n in (1999, 1998, 1997)]
    following = search(log, Slow(), found.older, budget_s=30)
    assert found_in(following)[0] == "Line 1996 red end"


def test_rotated_files_are_searched_too(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_text(line("needle 3"))
    (tmp_path / "0.log.20240615-120000").write_text(line("needle 2"))
    (tmp_path / "0.log.20240614-120000.gz").write_bytes(gzip.compress(line("needle 1").encode()))
    found = search(ContainerLog(str(path)), TextMatcher("needle"), budget_s=30)
    assert found_in(found) == ["needle 3", "needle 2", "needle 1"]


def test_the_lines_around_a_match_can_be_read(log: ContainerLog) -> None:
    (match,) = search(log, TextMatcher("line 77 "), budget_s=30).matches
    before = log.older(match.placed.position, 2)
    after = log.newer(match.placed.position, 2)
    around = [p.line.plain.split()[1] for p in (*before.lines, *after.lines)]
    assert around == ["75", "76", "77", "78"]


def test_a_log_that_is_not_there_says_so(tmp_path: Path) -> None:
    found = search(ContainerLog(str(tmp_path / "0.log")), TextMatcher("x"))
    assert "no log file" in found.why


@pytest.mark.parametrize("bad", ["", "x" * 1001])
def test_patterns_that_are_not_searched_for(bad: str) -> None:
    with pytest.raises(PatternError):
        TextMatcher(bad)
    with pytest.raises(PatternError):
        RegexMatcher(bad)


def test_expressions(log: ContainerLog, regex: type[RegexMatcher]) -> None:
    matcher = regex(r"^line (1|7)5\b")
    found = search(log, matcher, budget_s=30)
    assert found_in(found) == ["Line 75 red end", "Line 15 red end"]
    assert found.matches[0].spans == ((0, 7),)
    assert matcher.find(["", "日本 line 15"], 5) == [[], []]
    assert regex("x*").find(["axxb"], 5) == [[(1, 3)]]
    assert regex("本").find(["日本"], 5) == [[(1, 2)]]


@pytest.mark.parametrize("bad", ["(", "[", "*", "a{3,2}", "(?P<x", "\\"])
def test_a_broken_expression_is_said_in_a_sentence(bad: str) -> None:
    with pytest.raises(PatternError, match="not a regular expression: "):
        RegexMatcher(bad)


def test_an_expression_that_takes_for_ever_is_given_up(regex: type[RegexMatcher]) -> None:
    matcher = regex(EVIL)
    with pytest.raises(PatternError, match="too long"):
        matcher.find(["a" * 40 + "!"], 0.1)
    assert matcher.find(["baa"], 10) == [[(1, 3)]]  # and is of use again


def test_its_process_ends_with_it_and_never_outlives_its_time() -> None:
    matcher = RegexMatcher(EVIL)
    process = matcher._process
    assert process is not None
    matcher.close()
    matcher.close()
    assert process.returncode is not None
    left = RegexMatcher(EVIL)
    process = left._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.write(
        b'{"pattern":"(a+)+$","ignore_case":false,"texts":["' + b"a" * 60 + b'!"],"seconds":0.1}\n'
    )
    process.stdin.flush()
    end = time.monotonic() + 20
    while process.poll() is None:  # by the kernel's timer: nobody here ends it
        assert time.monotonic() < end
        time.sleep(0.05)
    left.close()


@given(st.text(min_size=1, max_size=5), st.lists(st.text(max_size=20), max_size=5))
def test_a_text_is_found_where_it_is(text: str, texts: list[str]) -> None:
    answers = TextMatcher(text, ignore_case=False).find(texts, 10)
    for where, spans in zip(texts, answers, strict=True):
        assert bool(spans) == (text in where)
        assert all(where[first:last] == text for first, last in spans)
