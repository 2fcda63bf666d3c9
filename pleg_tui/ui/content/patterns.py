"""Regular expressions that a hand types into the filter line, kept from freezing the screen.

Python's engine backtracks: an expression such as `(a+)+$` may take ages on a short name. So every
search has a limit of processor time, kept by a timer of the operating system (the engine looks for
signals while it works), and so have all searches of one second together. What takes longer is
given up, and the expression finds nothing from then on and says why.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterable
from types import FrameType

MOST_PATTERN = 200
"""Characters of an expression."""
MOST_TEXT = 1024
"""Characters of a text that are searched; names are shorter, references of images may be longer."""
SEARCH_S = 0.02
"""Processor time for one text."""
SECOND_S = 0.5
"""Processor time for all texts within a second of it: an ordinary expression took 0.14 s for
30,000 names."""
_MOST_KNOWN = 20_000
_TOGETHER = 100
"""Texts that are searched with one timer, as that costs more than most searches."""

_ESCAPED = re.compile(r"\\.", re.DOTALL)


class PatternError(ValueError):
    """It is no expression; the text is one clear sentence."""


class _TooSlow(Exception):
    pass


class Expression:
    """A regular expression, with what it said of each text so far.

    Attributes:
        slow: why it finds nothing any more, in one sentence; empty while it works.
    """

    __slots__ = ("_known", "_pattern", "_second", "_spent", "slow", "text")

    def __init__(self, text: str) -> None:
        """Without a capital letter both cases are meant, as in less and vim.

        Raises:
            PatternError: it is no valid expression of Python's, or too long.
        """
        if len(text) > MOST_PATTERN:
            raise PatternError(f"an expression has at most {MOST_PATTERN} characters")
        both = text == text.lower() or _ESCAPED.sub("", text) == _ESCAPED.sub("", text).lower()
        try:
            self._pattern = re.compile(text, re.IGNORECASE if both else re.NOFLAG)
        except (re.error, OverflowError, RecursionError) as error:
            why = error.msg if isinstance(error, re.error) else "it is too much"
            raise PatternError(f"{text} is no regular expression: {why}") from None
        self.text = text
        self.slow = ""
        self._known: dict[str, bool] = {}
        self._second = 0.0
        self._spent = 0.0

    def found_in(self, text: str) -> bool:
        """It matches somewhere in the text; never once it was too slow."""
        known = self._known.get(text)
        if known is None:
            if self.slow:
                return False
            known = self._search(text[:MOST_TEXT])
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[text] = known
        return known

    def learn(self, texts: Iterable[str]) -> None:
        """Search many texts, with one timer for some of them together.

        Only of those that took too long together, each is then searched by itself.
        """
        new = [text for text in texts if text not in self._known]
        for at in range(0, len(new), _TOGETHER):
            if self.slow or len(self._known) + _TOGETHER > _MOST_KNOWN:
                return
            some = new[at : at + _TOGETHER]
            began = time.thread_time()
            try:
                found = _within(self._pattern, *(text[:MOST_TEXT] for text in some))
            except _TooSlow:
                for text in some:
                    self.found_in(text)
            else:
                self._known.update(zip(some, found, strict=True))
                self._spend(began)

    def _search(self, text: str) -> bool:
        began = time.thread_time()
        try:
            (found,) = _within(self._pattern, text)
        except _TooSlow:
            self._give_up()
            return False
        self._spend(began)
        return found

    def _spend(self, began: float) -> None:
        """What was spent since then counts."""
        if began - self._second > 1.0:
            self._second, self._spent = began, 0.0
        self._spent += time.thread_time() - began
        if self._spent > SECOND_S:
            self._give_up()

    def _give_up(self) -> None:
        self.slow = f"{self.text} takes too long: write it without repeats within repeats"


def _within(pattern: re.Pattern[str], *texts: str) -> list[bool]:
    """Search each of the texts, with a limit of time for all of them.

    The timer counts the processor time of this process, so a busy machine is no reason to give up.

    Raises:
        _TooSlow: the time is up.
    """
    search = pattern.search
    if not _armed():
        return [search(text) is not None for text in texts]
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SEARCH_S)
        return [search(text) is not None for text in texts]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _armed() -> bool:
    """The timer's signal comes to us; only the main thread, where the screens are, can have that.

    No other part of the program uses this signal, so its handler stays.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGVTALRM) is not _ring:
        signal.signal(signal.SIGVTALRM, _ring)
    return True


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise _TooSlow
