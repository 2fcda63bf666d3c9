"""The frame codec: what goes in comes out, in whatever pieces a pipe delivers it."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleg_tui import frames
from pleg_tui.frames import Frame, FrameError, Kind, Reader

i64 = st.integers(-(2**63), 2**63 - 1)
a_frame = st.builds(
    Frame,
    kind=st.integers(0, 65535),
    payload=st.binary(max_size=300),
    mono=i64,
    wall=i64,
    ref=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 65535),
)


def encoded(frame: Frame) -> bytes:
    return frames.encode(frame.kind, frame.payload, frame.mono, frame.wall, frame.ref, frame.flags)


@settings(max_examples=60, deadline=None)
@given(st.lists(a_frame, max_size=8), st.lists(st.integers(1, 97), min_size=1))
def test_frames_survive_any_cutting(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(map(encoded, sent))
    reader, got, start, turn = Reader(), [], 0, 0
    while start < len(stream):
        step = cuts[turn % len(cuts)]
        got += reader.feed(stream[start : start + step])
        start, turn = start + step, turn + 1
    assert got == sent


def test_a_size_that_cannot_be_is_refused() -> None:
    with pytest.raises(FrameError):
        Reader().feed(b"\xff" * frames.HEADER_SIZE)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_garbage_gives_frames_or_a_frame_error(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        Reader().feed(data)


@given(i64, st.binary(max_size=50), st.binary(max_size=50))
def test_a_listing_keeps_its_two_answers_apart(asked: int, first: bytes, second: bytes) -> None:
    payload = frames.pack_listing(asked, first, second)
    assert frames.unpack_listing(payload) == (asked, first, second)


@pytest.mark.parametrize("payload", [b"", b"\0" * 15, frames.pack_listing(1, b"ab", b"")[:-1]])
def test_a_listing_that_was_cut_is_refused(payload: bytes) -> None:
    with pytest.raises(FrameError):
        frames.unpack_listing(payload)


@pytest.mark.parametrize("payload", [b"", b"[1]", b"{", b"\xff"])
def test_json_that_is_not_an_object_is_refused(payload: bytes) -> None:
    with pytest.raises(FrameError):
        Frame(Kind.STREAM, payload).json()
