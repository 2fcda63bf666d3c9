"""Bytes of a log file in, lines out: the CRI's format, and Docker's json-file where it is met.

The CRI's: `RFC3339Nano stdout|stderr TAGS text`, where the first tag P says that the line goes on
in the next of its stream, and F that it ends (kubelet, kuberuntime/logs: parseCRILog). What is
neither format is a line as it stands: nothing is left out.
"""

from __future__ import annotations

import json
import re
from datetime import date
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct, field
from msgspec.structs import replace

from pleg_tui.node.log_text import Run, runs_of

MAX_RAW = 1 << 18
"""Bytes kept of one line of the file; a runtime ends its lines after 16 KiB, Docker's with quotes
and escapes after some 100."""
MAX_TEXT = 1 << 16
"""Bytes kept of one line that was put together from parts."""
FINAL = 1 << 61
"""Behind every byte of a file: where the lines are whose ends never came."""

_RFC3339 = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)"
_TIME = re.compile(_RFC3339)
_CRI = re.compile(_RFC3339 + rb" (stdout|stderr) ([^ ]*)(?: (.*))?", re.DOTALL)


class Stream(StrEnum):
    """Which of its outputs a program wrote to."""

    STDOUT = "stdout"
    STDERR = "stderr"
    UNKNOWN = ""
    """The line is in neither format."""


_STREAMS = {b"stdout": Stream.STDOUT, b"stderr": Stream.STDERR}


class LogLine(Struct, frozen=True):
    """One line as it can be shown."""

    at_ns: int | None
    """When its first part was written, ns since the epoch; None when the file does not say."""
    stream: Stream
    runs: tuple[Run, ...]
    """Printable text only."""
    partial: bool = False
    """Its end has not been written (yet)."""
    cut: int = 0
    """Bytes of it that were left out because it is too long."""

    @property
    def plain(self) -> str:
        """Its text without styles."""
        return self.runs[0].text if len(self.runs) == 1 else "".join(r.text for r in self.runs)


class Record(Struct, frozen=True):
    """One line as it is in the file, its parts put together."""

    offset: int
    """Where the line of the file begins that completed it."""
    at_ns: int | None
    stream: Stream
    text: bytes
    partial: bool = False
    cut: int = 0
    whole: bool = True
    """Nothing of it can have been in front of where reading began."""

    def line(self) -> LogLine:
        """As it can be shown."""
        text = self.text.removesuffix(b"\r").decode("utf-8", "replace")
        return LogLine(self.at_ns, self.stream, runs_of(text), self.partial, self.cut)


class Piece(Struct, frozen=True):
    """What one line of the file says."""

    at_ns: int | None
    stream: Stream
    text: bytes
    partial: bool = False


def parse_piece(raw: bytes) -> Piece:
    """One line of a file, without its newline; whatever it is, nothing is raised."""
    found = _CRI.fullmatch(raw)
    if found is not None:
        at = _nanoseconds(found[1], found[2], found[3])
        if at is not None:
            partial = found[5].partition(b":")[0] == b"P"
            return Piece(at, _STREAMS[found[4]], found[6] or b"", partial)
    elif raw.startswith(b"{") and b'"log"' in raw:
        piece = _docker(raw)
        if piece is not None:
            return piece
    return Piece(None, Stream.UNKNOWN, raw)


def parse_time(text: bytes) -> int | None:
    """An RFC 3339 time in ns since the epoch; None when it is none."""
    found = _TIME.fullmatch(text)
    return None if found is None else _nanoseconds(found[1], found[2], found[3])


def _docker(raw: bytes) -> Piece | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    text = value.get("log") if isinstance(value, dict) else None
    if not isinstance(text, str):
        return None
    stream = _STREAMS.get(str(value.get("stream")).encode("utf-8", "replace"), Stream.UNKNOWN)
    at = parse_time(str(value.get("time")).encode("utf-8", "replace"))
    body = text.removesuffix("\n").encode("utf-8", "replace")
    return Piece(at, stream, body, not text.endswith("\n"))


def _nanoseconds(stamp: bytes, fraction: bytes | None, zone: bytes) -> int | None:
    seconds = _seconds(stamp, zone)
    if seconds is None:
        return None
    return seconds * 1_000_000_000 + int((fraction or b"")[:9].ljust(9, b"0"))


@lru_cache(maxsize=64)
def _seconds(stamp: bytes, zone: bytes) -> int | None:
    """Lines of one second follow each other, so the few last answers serve for most."""
    ahead = 0
    if zone != b"Z":
        ahead = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        ahead = -ahead if zone.startswith(b"-") else ahead
    try:
        day = date(int(stamp[:4]), int(stamp[5:7]), int(stamp[8:10])).toordinal() - _EPOCH
    except ValueError:
        return None
    hours, minutes, seconds = int(stamp[11:13]), int(stamp[14:16]), int(stamp[17:19])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return day * 86400 + hours * 3600 + minutes * 60 + seconds - ahead


_EPOCH = date(1970, 1, 1).toordinal()


class _Open(Struct):
    """A line whose end has not come."""

    at_ns: int | None
    offset: int
    whole: bool
    text: bytearray = field(default_factory=bytearray)
    cut: int = 0

    def add(self, text: bytes, cut: int) -> None:
        room = MAX_TEXT - len(self.text)
        self.text += text[:room]
        self.cut += cut + max(0, len(text) - room)


class LineReader:
    """Takes a file's bytes in whatever portions they come, and gives its lines.

    Args:
        offset: where in the file the first byte is.
        at_start: nothing that belongs to a line can be in front of it.
    """

    def __init__(self, offset: int = 0, at_start: bool = True) -> None:
        self.offset = offset
        """Where the next byte is expected."""
        self._raw = bytearray()
        self._raw_offset = offset
        self._raw_cut = 0
        self._open: dict[Stream, _Open] = {}
        self._known = set(Stream) if at_start else {Stream.UNKNOWN}
        """Streams of which the end of a line was seen, so that the next begins a line."""

    @property
    def line_offset(self) -> int:
        """Where the line of the file begins whose end has not come."""
        return self._raw_offset

    def feed(self, data: bytes) -> list[Record]:
        """The lines that these bytes complete."""
        records: list[Record] = []
        *ends, rest = data.split(b"\n")
        for part in ends:
            if self._raw or self._raw_cut:
                self._keep(part)
                raw = bytes(self._raw)
            else:
                raw = part[:MAX_RAW]
                self._raw_cut = len(part) - len(raw)
            record = self._add(parse_piece(raw), self._raw_offset, self._raw_cut)
            if record is not None:
                records.append(record)
            self.offset += len(part) + 1
            self._begin_raw()
        self._keep(rest)
        self.offset += len(rest)
        return records

    def pending(self) -> list[Record]:
        """The lines whose ends have not come, as far as they are known; nothing is consumed."""
        opened = {stream: replace(o, text=bytearray(o.text)) for stream, o in self._open.items()}
        if self._raw:
            piece = parse_piece(bytes(self._raw))
            begun = opened.setdefault(piece.stream, _Open(piece.at_ns, self._raw_offset, True))
            begun.add(piece.text, self._raw_cut)
        return [
            Record(self._raw_offset, o.at_ns, stream, bytes(o.text), partial=True, cut=o.cut)
            for stream, o in opened.items()
        ]

    def flush(self) -> list[Record]:
        """What was fed ends here, so that its last line needs no newline."""
        record = None
        if self._raw:
            record = self._add(parse_piece(bytes(self._raw)), self._raw_offset, self._raw_cut)
        self._begin_raw()
        return [] if record is None else [record]

    def next_file(self) -> list[Record]:
        """The file ended, and another goes on where it ended: offsets begin at 0 again."""
        records = self.flush()
        self.offset = self._raw_offset = 0
        return records

    def finish(self) -> list[Record]:
        """The file ended, and nothing goes on: lines whose ends never came are lines, too."""
        records = self.flush()
        for place, (stream, o) in enumerate(self._open.items(), FINAL):
            records.append(Record(place, o.at_ns, stream, bytes(o.text), True, o.cut, o.whole))
        self._open.clear()
        return records

    def _begin_raw(self) -> None:
        self._raw.clear()
        self._raw_cut = 0
        self._raw_offset = self.offset

    def _keep(self, part: bytes) -> None:
        room = MAX_RAW - len(self._raw)
        self._raw += part[:room]
        self._raw_cut += max(0, len(part) - room)

    def _add(self, piece: Piece, offset: int, cut: int) -> Record | None:
        stream = piece.stream
        opened = self._open.get(stream)
        if not piece.partial and opened is None:
            whole = stream in self._known
            self._known.add(stream)
            text = piece.text[:MAX_TEXT]
            cut += len(piece.text) - len(text)
            return Record(offset, piece.at_ns, stream, text, cut=cut, whole=whole)
        if opened is None:
            opened = self._open[stream] = _Open(piece.at_ns, offset, stream in self._known)
        opened.add(piece.text, cut)
        if piece.partial:
            return None
        del self._open[stream]
        self._known.add(stream)
        text = bytes(opened.text)
        return Record(offset, opened.at_ns, stream, text, cut=opened.cut, whole=opened.whole)
