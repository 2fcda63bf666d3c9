"""The answer in one sentence, and what a reader must know beside it."""

from __future__ import annotations

from pleg_tui.compare.types import Report


def verdict(report: Report) -> str:
    """One sentence that a manager understands and an engineer cannot fault."""
    raise NotImplementedError


def caveats(report: Report) -> tuple[str, ...]:
    """What a reader must know beside the verdict, a sentence each."""
    raise NotImplementedError
