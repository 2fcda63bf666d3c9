"""Applies one regular expression to lines of text, in a process of its own; run as a script.

A pattern can take years on a line that is made for it, and nothing inside Python can stop it then.
A process can be ended. Requests are JSON lines on standard input, answers on standard output; it
imports nothing of the project, and ends with its input, or by itself when a line takes too long.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from typing import Any

MAX_SPANS = 100
"""Matches that are told of one line."""
GRACE_S = 0.5
"""How much longer than asked a request may take before the process is ended by the kernel."""


def find(pattern: re.Pattern[str], texts: list[str], seconds: float) -> list[list[list[int]]]:
    """Where the pattern is in each text; fewer answers than texts when the time is up."""
    end = time.monotonic() + seconds
    answers: list[list[list[int]]] = []
    for text in texts:
        spans: list[list[int]] = []
        for match in pattern.finditer(text):
            if match.end() > match.start():
                spans.append(list(match.span()))
            if len(spans) >= MAX_SPANS:
                break
        answers.append(spans)
        if time.monotonic() >= end:
            break
    return answers


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    try:
        flags = re.IGNORECASE if request["ignore_case"] else re.NOFLAG
        pattern = re.compile(request["pattern"], flags)
    except (re.error, RecursionError, OverflowError) as error:
        return {"error": str(error)}
    seconds = float(request["seconds"])
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_S)
    try:
        return {"spans": find(pattern, request["texts"], seconds)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
