"""Parsing of messages, tolerant where runtimes are: text that is not UTF-8 does not lose a pod.

Go runtimes may send any bytes in a string field, which proto3 parsers refuse. The message is then
parsed once more by a twin of its type whose strings are bytes, mended, and parsed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError, Message

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

M = TypeVar("M", bound=Message)

_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}
"""Bytes of a value by its wire type, where that says it."""
_ITEM = 1 << 3 | _BYTES
"""The tag of field 1 where that is a message."""


class WireError(ValueError):
    """Bytes that are not the message they were said to be."""


def parse(kind: type[M], data: bytes) -> M:
    """The message in data.

    Raises:
        WireError: data is not such a message.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        pass
    try:
        return kind.FromString(_mended(kind, data))
    except DecodeError as error:
        raise WireError(f"not a {kind.DESCRIPTOR.name}: {error}") from None


def repeated(kind: type[M], data: bytes) -> Iterator[M]:
    """The messages of a response that is nothing but a list of them (its field 1), one at a time.

    Fields that are unknown here are left out, as a parser of the whole would do.

    Raises:
        WireError: data is not such a response; only where it is damaged does that show.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag < _ITEM & ~7:
            raise WireError("not a list: there is no field 0")
        size, at = _after(data, at, tag & 7)
        end = at + size
        if end > len(data):
            raise WireError(f"not a list of {kind.DESCRIPTOR.name}: it is cut off")
        if tag == _ITEM:
            yield parse(kind, data[at:end])
        at = end


def _after(data: bytes, at: int, wire_type: int) -> tuple[int, int]:
    """(size of a field's value, where that begins)."""
    if wire_type == _BYTES:
        return _varint(data, at)
    if wire_type == _VARINT:
        return 0, _varint(data, at)[1]
    if wire_type in _FIXED:
        return _FIXED[wire_type], at
    raise WireError(f"not a list: a field of wire type {wire_type}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(a number, where the next thing begins)."""
    value = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise WireError("not a message: a number has no end")


def _mended(kind: type[Message], data: bytes) -> bytes:
    twin = _twin(kind.DESCRIPTOR.full_name, kind.DESCRIPTOR.file).FromString(data)
    _mend(twin)
    return bytes(twin.SerializeToString())


def _mend(message: Any) -> None:
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else (value,):
                _mend(part)
        elif field.type == field.TYPE_BYTES:
            if field.is_repeated:
                value[:] = [_utf8(item) for item in value]
            else:
                setattr(message, field.name, _utf8(value))


def _utf8(data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode()


@cache
def _twin(full_name: str, file: FileDescriptor) -> type[Message]:
    """The same message type with bytes in place of strings, and maps as plain pairs."""
    pool = descriptor_pool.DescriptorPool()
    for dependency in file.dependencies:
        pool.Add(_descriptor(dependency))
    definition = _descriptor(file)
    for message in definition.message_type:
        _loosen(message)
    pool.Add(definition)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(full_name))


def _descriptor(file: FileDescriptor) -> FileDescriptorProto:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto  # seldom needed

    definition = FileDescriptorProto()
    file.CopyToProto(definition)
    return definition


def _loosen(message: DescriptorProto) -> None:
    message.options.ClearField("map_entry")
    for field in message.field:
        if field.type == field.TYPE_STRING:
            field.type = field.TYPE_BYTES
    for nested in message.nested_type:
        _loosen(nested)
