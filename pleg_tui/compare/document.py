"""The report as the JSON object that scripts get, and back."""

from __future__ import annotations

from typing import Any

from pleg_tui.compare.types import Report

SCHEMA = "pleg-tui/compare/v1"


class NotOurs(ValueError):
    """This is no report of ours, or one of a later version; its text is one clear sentence."""


def to_json(report: Report) -> dict[str, Any]:
    """What `compare -o json` and `--save` write: plain dicts, lists, numbers and strings."""
    raise NotImplementedError


def from_json(document: object) -> Report:
    """The report that a parsed document holds.

    Raises:
        NotOurs: it holds none.
    """
    raise NotImplementedError
