"""klog's text format, as the kubelet writes it to standard error."""

from __future__ import annotations

import json
import os
import time
from typing import TextIO


class Klog:
    """A log at one verbosity."""

    def __init__(self, file: TextIO, verbosity: int) -> None:
        self._file = file
        self.verbosity = verbosity

    def info(self, level: int, where: str, message: str, **values: object) -> None:
        """An InfoS line if the verbosity reaches the level; where is "evented.go:242"."""
        if level <= self.verbosity:
            self._write("I", where, _structured(message, values))

    def error(self, where: str, message: str, err: object, **values: object) -> None:
        """An ErrorS line, at every verbosity."""
        self._write("E", where, _structured(message, {"err": str(err), **values}))

    def plain(self, level: int, where: str, text: str) -> None:
        """An Infof line."""
        if level <= self.verbosity:
            self._write("I", where, text)

    def raw(self, line: str) -> None:
        """A line that is not the kubelet's own (k3s)."""
        self._put(line)

    def _write(self, letter: str, where: str, text: str) -> None:
        now = time.time()
        stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now))
        micros = int(now % 1 * 1e6)
        self._put(f"{letter}{stamp}.{micros:06d} {os.getpid():7d} {where}] {text}")

    def _put(self, line: str) -> None:
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError:
            return  # a full disk does not stop a kubelet


def _structured(message: str, values: dict[str, object]) -> str:
    return " ".join([_quote(message), *(f"{k}={_value(v)}" for k, v in values.items())])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return _quote(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _quote(text: str) -> str:
    """As Go's strconv.Quote for what stands in these lines."""
    return json.dumps(text, ensure_ascii=False)
