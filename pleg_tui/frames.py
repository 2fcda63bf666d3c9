"""The frame codec: what the collector sends up its pipe, and what a recording is made of.

A frame is a fixed header and a payload. The first frame of every stream is a HELLO whose payload
names the version of this format, so that a file of frames can be read later. Nothing here knows
protobuf: payloads that came from a runtime are its own serialized messages, untouched.

Layout, little-endian: size of the payload (u32), kind (u16), flags (u16), ref (u32), monotonic time
(i64, ns), wall time (i64, ns), payload.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any

from msgspec import Struct
from msgspec.json import decode

VERSION = 1
MAX_PAYLOAD = 64 << 20
"""Larger than any message that the collector accepts; a size beyond it means a broken pipe."""

_HEADER = struct.Struct("<IHHIqq")
_LISTING = struct.Struct("<qII")
HEADER_SIZE = _HEADER.size


class Kind(IntEnum):
    """What a frame's payload is."""

    HELLO = 1
    """JSON: {"version": frame format, "pid": collector, "endpoint"}."""
    RUNTIME = 2
    """JSON: {"name", "version", "api_version", "endpoint", "simulated", "source", "why",
    "warning"}: sent once connected."""
    LISTING = 3
    """When asked (i64, monotonic ns), then a ListPodSandboxResponse and a ListContainersResponse,
    each preceded by its size."""
    EVENT_CRI = 4
    """A serialized runtime.v1.ContainerEventResponse."""
    EVENT_CONTAINERD = 5
    """A serialized containerd Envelope."""
    CONTAINER_STATUS = 6
    """A serialized ContainerStatusResponse; ref is the request, 0 for the collector's own."""
    SANDBOX_STATUS = 7
    """A serialized PodSandboxStatusResponse; ref as above."""
    RUNTIME_STATUS = 8
    """A serialized StatusResponse; ref is the request."""
    GONE = 9
    """UTF-8: an id that a look-up did not find; ref as above."""
    CALL = 10
    """JSON: {"method", "ms", "bytes", "code"}: one unary call that was made."""
    LOST = 11
    """JSON: {"frames": n}: frames dropped because the reader was slow; a LISTING follows."""
    STREAM = 12
    """JSON: {"state": "connecting|connected|lost|ended", "source", "error", "retry_s"}."""
    ERROR = 13
    """JSON: {"method", "code", "message", "id"}: a call that failed; ref is the request."""
    USAGE = 14
    """JSON: {"cpu_ns", "rss", "frames", "bytes", "buffered", "lost"}: the collector's own."""
    REQUEST = 15
    """JSON, downwards: {"op": "container|sandbox|runtime|listing", "id", "verbose"}."""


class Flag(IntEnum):
    """Bits of a frame's flags."""

    RESYNC = 1
    """On a LISTING: not the first of its connection."""
    CONFIRM = 2
    """On a LISTING: the quick second look after a connection, which counts nothing as missed."""
    RECONNECT = 4
    """On a LISTING: the first after a lost connection or lost frames."""


class FrameError(ValueError):
    """The bytes are not a frame stream of this version."""


class Frame(Struct, frozen=True):
    """One frame. Times are nanoseconds; mono is CLOCK_MONOTONIC, wall is since the epoch."""

    kind: int
    payload: bytes
    mono: int = 0
    wall: int = 0
    ref: int = 0
    flags: int = 0

    def json(self) -> dict[str, Any]:
        """The payload of a JSON frame.

        Raises:
            FrameError: it is not a JSON object.
        """
        try:
            value = decode(self.payload)
        except ValueError:
            value = self._tolerant_json()
        if not isinstance(value, dict):
            raise FrameError(f"frame of kind {self.kind} is not a JSON object")
        return value

    def _tolerant_json(self) -> Any:
        import json  # takes halves of characters, too

        try:
            return json.loads(self.payload)
        except ValueError as error:
            raise FrameError(f"frame of kind {self.kind} is not JSON: {error}") from None


def encode(
    kind: int, payload: bytes, mono: int = 0, wall: int = 0, ref: int = 0, flags: int = 0
) -> bytes:
    """One frame as bytes."""
    return _HEADER.pack(len(payload), kind, flags, ref, mono, wall) + payload


def encode_json(
    kind: int, value: dict[str, Any], mono: int = 0, wall: int = 0, ref: int = 0, flags: int = 0
) -> bytes:
    """One frame with a JSON payload.

    It is ASCII: a text that was a file's name may hold halves of characters, which are no UTF-8.
    """
    import json

    return encode(kind, json.dumps(value, separators=(",", ":")).encode(), mono, wall, ref, flags)


def pack_listing(asked_mono: int, sandboxes: bytes, containers: bytes) -> bytes:
    """The payload of a LISTING frame; asked_mono is when the first of its calls was made."""
    return _LISTING.pack(asked_mono, len(sandboxes), len(containers)) + sandboxes + containers


def unpack_listing(payload: bytes) -> tuple[int, bytes, bytes]:
    """(when asked, ListPodSandboxResponse, ListContainersResponse) of a LISTING's payload.

    Raises:
        FrameError: the payload is too short for what it announces.
    """
    if len(payload) < _LISTING.size:
        raise FrameError("listing frame is too short")
    asked, first, second = _LISTING.unpack_from(payload)
    start = _LISTING.size
    if len(payload) != start + first + second:
        raise FrameError("listing frame has the wrong size")
    return asked, payload[start : start + first], payload[start + first :]


class Reader:
    """Cuts a byte stream into frames; feed() what was read, in any pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now.

        Raises:
            FrameError: a size beyond MAX_PAYLOAD: the stream cannot be followed any further.
        """
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        start = 0
        end = len(buffer)
        while end - start >= HEADER_SIZE:
            size, kind, flags, ref, mono, wall = _HEADER.unpack_from(buffer, start)
            if size > MAX_PAYLOAD:
                raise FrameError(f"frame of {size} bytes")
            stop = start + HEADER_SIZE + size
            if stop > end:
                break
            payload = bytes(buffer[start + HEADER_SIZE : stop])
            frames.append(Frame(kind, payload, mono, wall, ref, flags))
            start = stop
        if start:
            del buffer[:start]
        return frames
