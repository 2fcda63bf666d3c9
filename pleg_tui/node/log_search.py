"""Searching a container's log, newest first, for a while at a time.

A plain text is searched for here. A regular expression is applied by a process of its own (see
log_matcher), since nothing else could keep to a time.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from pleg_tui.cri.clean import clean
from pleg_tui.node.log_format import LogLine
from pleg_tui.node.logs import ContainerLog, Placed, Position

MAX_PATTERN = 1000
_PAGE = 500
_START_S = 5.0
"""How long the process may take to start on a busy machine."""
_PROGRAM = Path(__file__).with_name("log_matcher.py")

Span = tuple[int, int]
"""First character of a match and the one behind it, in LogLine.plain."""


class PatternError(ValueError):
    """A pattern that cannot be used; its text is one clear sentence."""


class Matcher(Protocol):
    """Finds a pattern in lines."""

    def find(self, texts: Sequence[str], budget_s: float) -> list[list[Span]]:
        """Where it is in each text, in order; fewer answers than texts when the time is up.

        Raises:
            PatternError: it takes too long even on one of them.
        """
        ...

    def close(self) -> None:
        """Be done with it."""
        ...


def ignores_case(pattern: str) -> bool:
    """Without a capital letter, both cases are meant, as in less and vim."""
    return pattern == pattern.lower()


class TextMatcher:
    """Finds a text as it stands.

    Args:
        text: what to find.
        ignore_case: None for: when it has no capital letter.

    Raises:
        PatternError: it is empty or too long.
    """

    def __init__(self, text: str, ignore_case: bool | None = None) -> None:
        _check(text)
        ignore = ignores_case(text) if ignore_case is None else ignore_case
        self._pattern = re.compile(re.escape(text), re.IGNORECASE if ignore else re.NOFLAG)

    def find(self, texts: Sequence[str], budget_s: float) -> list[list[Span]]:
        """Where it is in each text."""
        end = time.monotonic() + budget_s
        answers: list[list[Span]] = []
        for text in texts:
            answers.append([match.span() for match in self._pattern.finditer(text)])
            if time.monotonic() >= end:
                break
        return answers

    def close(self) -> None:
        """Nothing is held."""


class RegexMatcher:
    """Finds a regular expression of Python's; empty matches do not count.

    Args:
        pattern: the expression.
        ignore_case: None for: when it has no capital letter.

    Raises:
        PatternError: it is no valid expression, empty, or too long.
    """

    def __init__(self, pattern: str, ignore_case: bool | None = None) -> None:
        _check(pattern)
        self._pattern = pattern
        self._ignore = ignores_case(pattern) if ignore_case is None else ignore_case
        self._process: subprocess.Popen[bytes] | None = None
        self.find([], _START_S)

    def find(self, texts: Sequence[str], budget_s: float) -> list[list[Span]]:
        """Where it is in each text, in order; fewer answers than texts when the time is up.

        Raises:
            PatternError: it takes too long even on one of them, or is not valid.
        """
        fresh = self._process is None
        request = {
            "pattern": self._pattern,
            "ignore_case": self._ignore,
            "texts": list(texts),
            "seconds": budget_s,
        }
        try:
            told = self._ask(request, budget_s + (_START_S if fresh else 0.3))
            answer = json.loads(told)
        except (OSError, ValueError):
            self.close()
            raise PatternError(
                "this expression takes too long on a line of this log: make it simpler"
            ) from None
        if "error" in answer:
            self.close()
            raise PatternError(f"not a regular expression: {clean(answer['error'], 200)}")
        return [[(first, last) for first, last in spans] for spans in answer["spans"]]

    def close(self) -> None:
        """End its process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # closes its pipes and waits for it
                pass

    def _ask(self, request: object, seconds: float) -> bytes:
        """The line that answers.

        Raises:
            OSError: there was none in time, or the process ended.
        """
        process = self._process
        if process is None:
            process = self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-W", "ignore", str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C at the terminal is not for it
            )
        pipe_in, pipe_out = process.stdin, process.stdout
        if pipe_in is None or pipe_out is None:
            raise OSError("no pipes")
        end = time.monotonic() + seconds
        pipe_in.write(json.dumps(request).encode() + b"\n")
        pipe_in.flush()
        waiting = select.poll()
        waiting.register(pipe_out, select.POLLIN)
        answer = bytearray()
        while not answer.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not waiting.poll(left * 1000):
                raise TimeoutError
            data = os.read(pipe_out.fileno(), 1 << 16)
            if not data:
                raise ConnectionResetError("it ended")
            answer += data
        return bytes(answer)


class Match(Struct, frozen=True):
    """A line in which the pattern is."""

    placed: Placed
    spans: tuple[Span, ...]

    @property
    def line(self) -> LogLine:
        """The line."""
        return self.placed.line


class Found(Struct, frozen=True):
    """What a search came to."""

    matches: tuple[Match, ...] = ()
    """Newest first."""
    older: Position | None = None
    """Where to go on; None when the whole log was searched."""
    lines: int = 0
    """How many were searched."""
    why: str = ""
    """Why the search ended early, in one sentence."""


def search(
    log: ContainerLog,
    matcher: Matcher,
    position: Position | None = None,
    at_most: int = 100,
    budget_s: float = 0.25,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Search backwards until so many matches are found, the time is up, or the log is.

    Blocks for the budget and a little more: call it from a thread that may wait.

    Args:
        log: where to search.
        matcher: what for.
        position: what is before this place is searched; None for the end of the log.
        at_most: matches.
        budget_s: seconds.
        clock: time.monotonic.

    Raises:
        PatternError: the expression takes too long.
    """
    end = clock() + budget_s
    matches: list[Match] = []
    lines = 0
    while True:
        page = log.tail(_PAGE) if position is None else log.older(position, _PAGE)
        newest_first = page.lines[::-1]
        answers = matcher.find([p.line.plain for p in newest_first], max(0.05, end - clock()))
        for placed, spans in zip(newest_first, answers, strict=False):
            lines += 1
            if spans:
                matches.append(Match(placed, tuple(spans)))
                if len(matches) >= at_most:
                    return Found(tuple(matches), placed.position, lines)
        if len(answers) < len(newest_first):
            going_on = newest_first[len(answers) - 1].position if answers else position
            return Found(tuple(matches), going_on, lines)
        position = page.older
        if position is None or page.why or clock() >= end:
            return Found(tuple(matches), position, lines, page.why)


def _check(pattern: str) -> None:
    if not pattern:
        raise PatternError("nothing to search for")
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"a pattern of more than {MAX_PATTERN} characters is not searched for")
