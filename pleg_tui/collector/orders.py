"""What a child process is started with travels as one JSON argument."""

from __future__ import annotations

from typing import Self

from msgspec import Struct, convert, to_builtins
from msgspec.json import decode, encode


class Orders(Struct, frozen=True, kw_only=True):
    """Orders to a child: a Struct that fits into an argument."""

    heartbeat_fd: int = -1
    """A pipe that gets a byte every BEAT_S seconds; -1 for none."""
    parent_pid: int = 0
    """The child ends when this is no longer its parent; 0 to live on."""

    def dumps(self) -> str:
        """As the one argument."""
        try:
            return encode(self).decode()
        except UnicodeEncodeError:  # a path that is no UTF-8
            import json

            return json.dumps(to_builtins(self), separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Self:
        """From the one argument.

        Raises:
            ValueError: it is not what dumps() made.
        """
        try:
            return decode(text, type=cls)
        except ValueError:
            import json

            return convert(json.loads(text), cls)
