"""The reports of the benchmarks as one Markdown table."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.harness import Figure, Report

_HEAD = (
    "| what | median | spread | n | ratio | to reach | |\n"
    "| --- | ---: | --- | ---: | --- | --- | --- |\n"
)


def markdown(reports: Sequence[Report]) -> str:
    """One table for each report, and below it what was left out."""
    return "\n".join(_section(report) for report in reports)


def _section(report: Report) -> str:
    lines = [f"### {report.title}\n", f"On {report.on}.\n"]
    if report.figures:
        lines.append(_HEAD + "\n".join(_row(one) for one in report.figures) + "\n")
    lines += [f"- {one.what}: {one.note}." for one in report.figures if one.note]
    lines += [f"- Left out: {why}." for why in report.skipped]
    return "\n".join(lines) + "\n"


def _row(one: Figure) -> str:
    ratio = "" if one.ratio is None else f"{_number(one.ratio)} × {one.against}"
    mark = {True: "yes", False: "**no**", None: ""}[one.reached]
    spread = "" if one.low is None or one.n < 2 else f"{_number(one.low)} to {_number(one.high)}"
    median = "unknown" if one.median is None else f"{_number(one.median)} {one.unit}"
    cells = (one.what, median, spread, str(one.n or ""), ratio, one.reach, mark)
    return "| " + " | ".join(cells) + " |"


def _number(value: float | None) -> str:
    """Three digits that say something."""
    if value is None:
        return "unknown"
    if value and abs(value) < 10:
        return f"{value:.2f}"
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"
