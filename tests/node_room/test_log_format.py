"""Log files are read as the kubelet reads them, and nothing in one can break the reading."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.log_format import (
    MAX_RAW,
    MAX_TEXT,
    LineReader,
    Record,
    Stream,
    parse_piece,
    parse_time,
)

AT = 1_718_454_896_000_000_000  # 2024-06-15T12:34:56Z
STAMP = "2024-06-15T12:34:56"
OUT = f"{STAMP}.000000001Z stdout"
ERR = f"{STAMP}.000000002Z stderr"


def told(record: Record) -> tuple[str, str, bool]:
    line = record.line()
    return line.stream.value, line.plain, line.partial


def read(data: bytes | str) -> list[Record]:
    reader = LineReader()
    return reader.feed(data if isinstance(data, bytes) else data.encode()) + reader.finish()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (f"{STAMP}Z", AT),
        (f"{STAMP}.5Z", AT + 500_000_000),
        (f"{STAMP}.123456789Z", AT + 123_456_789),
        (f"{STAMP}.1234567891234Z", AT + 123_456_789),
        ("2024-06-15T14:34:56.000000001+02:00", AT + 1),
        ("2024-06-15T05:04:56-07:30", AT),
        ("1970-01-01T00:00:00Z", 0),
        ("2024-13-01T00:00:00Z", None),
        ("2023-02-29T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("2024-06-15T24:00:00Z", None),
        ("2024-06-15T23:60:00Z", None),
        ("2024-06-15 12:34:56Z", None),
        (f"{STAMP}", None),
        ("", None),
    ],
)
def test_times(text: str, at: int | None) -> None:
    assert parse_time(text.encode()) == at


@pytest.mark.parametrize(
    ("raw", "stream", "text", "partial"),
    [
        (f"{STAMP}Z stdout F hello world", Stream.STDOUT, "hello world", False),
        (f"{STAMP}Z stderr P half", Stream.STDERR, "half", True),
        (f"{STAMP}Z stdout F:a:b tagged", Stream.STDOUT, "tagged", False),
        (f"{STAMP}Z stdout P:a tagged", Stream.STDOUT, "tagged", True),
        (f"{STAMP}Z stdout F ", Stream.STDOUT, "", False),
        (f"{STAMP}Z stdout F", Stream.STDOUT, "", False),
        (f"{STAMP}Z stdout F   indented", Stream.STDOUT, "  indented", False),
        (f"{STAMP}Z stdlog F x", Stream.UNKNOWN, f"{STAMP}Z stdlog F x", False),
        ("no format at all", Stream.UNKNOWN, "no format at all", False),
        ("", Stream.UNKNOWN, "", False),
        ('{"log": 1}', Stream.UNKNOWN, '{"log": 1}', False),
        ('{"log', Stream.UNKNOWN, '{"log', False),
        ('{"log":' + "[" * 5000, Stream.UNKNOWN, '{"log":' + "[" * 5000, False),
    ],
)
def test_one_line_of_a_file(raw: str, stream: Stream, text: str, partial: bool) -> None:
    piece = parse_piece(raw.encode())
    assert (piece.stream, piece.text.decode(), piece.partial) == (stream, text, partial)
    assert piece.at_ns == (None if stream is Stream.UNKNOWN else AT)


def test_dockers_format() -> None:
    lines = [
        {"log": "one\n", "stream": "stdout", "time": f"{STAMP}.5Z"},
        {"log": "tw", "stream": "stderr", "time": f"{STAMP}Z"},
        {"log": "o \u001b[31mred\n", "stream": "stderr", "time": f"{STAMP}Z"},
        {"log": "\ud800\n", "stream": "what", "time": "when"},
    ]
    records = read("".join(json.dumps(line) + "\n" for line in lines))
    assert [told(r) for r in records] == [
        ("stdout", "one", False),
        ("stderr", "two red", False),
        ("", "?", False),
    ]
    assert [r.at_ns for r in records] == [AT + 500_000_000, AT, None]


def test_parts_are_joined_per_stream() -> None:
    records = read(f"{OUT} P a\n{ERR} P x\n{OUT} P b\n{ERR} F y\n{OUT} F c\n{OUT} P rest\n")
    assert [told(r) for r in records] == [
        ("stderr", "xy", False),
        ("stdout", "abc", False),
        ("stdout", "rest", True),
    ]
    assert [r.at_ns for r in records] == [AT + 2, AT + 1, AT + 1]


def test_a_line_that_is_not_ended_yet_is_pending() -> None:
    reader = LineReader()
    assert reader.feed(f"{OUT} P prompt\n{OUT} F > wha".encode()) == []
    assert [told(r) for r in reader.pending()] == [("stdout", "prompt> wha", True)]
    assert [told(r) for r in reader.feed(b"t\n")] == [("stdout", "prompt> what", False)]
    assert reader.pending() == []


def test_carriage_returns_of_a_terminal_are_not_shown_at_the_end() -> None:
    assert told(read(f"{OUT} F windows\r\n")[0]) == ("stdout", "windows", False)


def test_a_very_long_line_is_cut_and_says_by_how_much() -> None:
    (record,) = read(f"{OUT} F {'x' * (MAX_TEXT + 10)}\n")
    assert (len(record.text), record.cut) == (MAX_TEXT, 10)
    (joined,) = read(f"{OUT} P {'x' * 40000}\n" * 3 + f"{OUT} F end\n")
    assert (len(joined.text), joined.cut) == (MAX_TEXT, 120000 + 3 - MAX_TEXT)
    head = len(OUT) + 3
    first, second = read(f"{OUT} F {'x' * (3 * MAX_RAW)}\n{OUT} F next\n")
    assert (len(first.text), first.cut) == (MAX_TEXT, 3 * MAX_RAW - MAX_TEXT)
    assert told(second)[1] == "next"
    assert second.offset == 3 * MAX_RAW + head + 1


def test_an_endless_line_takes_no_endless_memory() -> None:
    reader = LineReader()
    for _ in range(20):
        reader.feed(b"x" * MAX_RAW)
    assert len(reader.pending()[0].text) == MAX_TEXT
    assert reader.pending()[0].cut == 20 * MAX_RAW - MAX_TEXT


STREAMS = st.sampled_from(["stdout", "stderr"])
TEXTS = st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=12)
PIECES = st.lists(st.tuples(STREAMS, st.booleans(), TEXTS), max_size=12)
JUNK = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from(
            [f"{OUT} F ".encode(), f"{ERR} P ".encode(), b"\n", b'{"log":"', b'"}', b"\x1b[31m"]
        ),
        max_size=15,
    ).map(b"".join),
)


def in_portions(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(edges)]


@given(PIECES)
def test_what_was_written_is_what_is_read(pieces: list[tuple[str, bool, str]]) -> None:
    data = "".join(
        f"{STAMP}Z {stream} {'P' if partial else 'F'} {text}\n" for stream, partial, text in pieces
    )
    expected: list[tuple[str, str]] = []
    begun: dict[str, str] = {}
    for stream, partial, text in pieces:
        begun[stream] = begun.get(stream, "") + text
        if not partial:
            expected.append((stream, begun.pop(stream)))
    records = read(data)
    whole = [(r.stream.value, r.text.decode()) for r in records if not r.partial]
    assert whole == expected
    assert {r.stream.value: r.text.decode() for r in records if r.partial} == begun


@given(JUNK)
def test_any_bytes_in_printable_lines_out(data: bytes) -> None:
    for record in read(data):
        line = record.line()
        assert line.plain.isprintable()
        assert line.at_ns is None or isinstance(line.at_ns, int)


@given(JUNK, st.lists(st.integers(0, 200), max_size=5))
def test_lines_do_not_depend_on_how_their_bytes_come(data: bytes, cuts: list[int]) -> None:
    reader = LineReader()
    records: list[Record] = []
    for portion in in_portions(data, cuts):
        records += reader.feed(portion)
        reader.pending()
    records += reader.finish()
    assert records == read(data)


@given(JUNK)
def test_no_byte_of_garbage_is_left_out(data: bytes) -> None:
    data = b"".join(b"?" + line + b"\n" for line in data.split(b"\n"))
    assert b"".join(r.text + b"\n" for r in read(data)) == data
