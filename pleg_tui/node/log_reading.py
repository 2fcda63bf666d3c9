"""Lines from anywhere in one file, by reading no more of it than they need.

A line that was written in parts belongs to where its last part is. Reading backwards therefore
looks some way past the first line that is wanted, for where it begins.
"""

from __future__ import annotations

from msgspec import Struct

from pleg_tui.node.log_files import Source
from pleg_tui.node.log_format import FINAL, MAX_TEXT, LineReader, Record, Stream

BLOCK = 1 << 17
BUDGET = 1 << 22
"""Bytes that are read at once at most, however few lines they hold."""
LOOK_BACK = 1 << 17
"""Bytes looked through for the beginning of a line that was written in parts."""
END = 1 << 62
"""An offset behind every file's end."""


class Chunk(Struct, frozen=True):
    """Lines that follow each other in one file."""

    records: tuple[Record, ...]
    start: int
    """Where they begin: what was not read of the file is before it."""
    end: int
    """Where the next one begins."""
    last: bool = True
    """Nothing of the file is after them."""
    pending: tuple[Record, ...] = ()
    """At the file's end, what has no end yet."""


def read_before(source: Source, end: int, count: int, finished: bool = True) -> Chunk:
    """The last lines that end before an offset.

    Args:
        source: the file.
        end: the offset; END for the file's end.
        count: how many lines at most.
        finished: nothing is written to this file any more, so its last line needs no newline.

    Raises:
        LogError: the disk fails.
    """
    size = source.size()
    stop = min(end, size)
    count = max(1, count)
    span = BLOCK
    while True:
        start = max(source.first, stop - span)
        reader, records = _parse(source, start, stop)
        if finished and end > FINAL:
            records += (record for record in reader.finish() if record.offset < end)
        elif finished or stop < size:
            records += reader.flush()
        wanted = records[-count:]
        known = stop < size or span >= LOOK_BACK
        sure = all(record.whole or record.offset - start >= LOOK_BACK for record in wanted)
        if (len(records) >= count and sure and known) or start == source.first or span >= BUDGET:
            break
        span *= 2
    last = end >= size
    pending = () if finished or stop < size else tuple(reader.pending())
    if len(records) > count:
        return Chunk(tuple(wanted), wanted[0].offset, end, last, pending)
    begun = source.first if start == source.first else _line_start(source, start, stop)
    if begun >= stop and start > source.first:
        return Chunk((_portion(source, start, stop),), start, end, last, pending)
    return Chunk(tuple(wanted), begun, end, last, pending)


def read_after(source: Source, start: int, count: int, finished: bool = True) -> Chunk:
    """The first lines from an offset on; for the arguments see read_before().

    Raises:
        LogError: the disk fails.
    """
    size = source.size()
    begin = min(max(start, source.first), size)
    end = min(size, begin + BUDGET)
    reader, records = _parse(source, max(source.first, begin - LOOK_BACK), end)
    last = end == size
    stop = end if last else reader.line_offset
    if finished and last:
        records += reader.finish()
    records = [record for record in records if record.offset >= start]
    if len(records) > count:
        return Chunk(tuple(records[:count]), start, records[count].offset, False)
    if not last and stop <= begin:
        return Chunk((_portion(source, begin, end),), start, end, False)
    pending = () if finished or not last else tuple(reader.pending())
    return Chunk(tuple(records), start, stop, last, pending)


def reader_at_end(source: Source) -> LineReader:
    """A reader that has just read the file to its end, and goes on with what is written next.

    Raises:
        LogError: the disk fails.
    """
    size = source.size()
    return _parse(source, max(source.first, size - LOOK_BACK), size)[0]


def _parse(source: Source, start: int, end: int) -> tuple[LineReader, list[Record]]:
    begun = _line_start(source, start, end)
    reader = LineReader(begun, at_start=begun == 0)
    return reader, reader.feed(source.read(begun, end))


def _portion(source: Source, start: int, end: int) -> Record:
    """A piece of a line that is longer than what is read at once."""
    text = source.read(start, min(end, start + MAX_TEXT))
    cut = end - start - len(text)
    return Record(start, None, Stream.UNKNOWN, text, cut=cut, whole=False)


def _line_start(source: Source, start: int, end: int) -> int:
    """The first beginning of a line from an offset on; the end where there is none."""
    if start == 0:
        return 0
    before = start - 1 if start > source.first else start
    for block in range(before, end, BLOCK):
        found = source.read(block, min(end, block + BLOCK)).find(b"\n")
        if found >= 0:
            return block + found + 1
    return end
