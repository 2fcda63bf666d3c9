"""Results as Markdown tables: `python -m tests.node.rig.table FILE…` (of PLEG_TUI_RESULTS)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HARM = (
    "| trouble | containerd | source | events lost | delay ms: p50, p99, max (without us) "
    "| slowest call ms (without us) | failed calls |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)
FAULTS = (
    "| fault | containerd | source | events told | lost | missed | collector restarts "
    "| collector MiB, before and after |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)
GROWING = (
    "| trouble | containerd | source | calls | failed | slowest call ms |",
    "| --- | --- | --- | --- | --- | --- |",
)
_NOTES = ("kills", "with_collector", "collector_first", "orphans", "limit_mib", "oom_kills")


def tables(lines: Iterable[dict[str, Any]]) -> str:
    """One table for each kind of test that is there."""
    rows: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        if "control" in line:
            rows.setdefault(HARM, []).append(_harm(line))
        elif "collector_mib" in line:
            rows.setdefault(FAULTS, []).append(_fault(line))
        elif "slowest_ms" in line:
            rows.setdefault(GROWING, []).append(_growing(line))
    return "\n\n".join("\n".join([*head, *rows[head]]) for head in rows)


def _harm(line: dict[str, Any]) -> str:
    control = line["control"]
    notes = ", ".join(f"{key.replace('_', ' ')} {line[key]}" for key in _NOTES if key in line)
    return _row(
        line["test"] + (f" ({notes})" if notes else ""),
        _version(line),
        line["source"],
        f"{line['lost']} of {line['events']}",
        f"{_delays(line)} ({_delays(control)})",
        f"{line['slowest_ms']:.0f} ({control['slowest_ms']:.0f})",
        line["failed_calls"],
    )


def _fault(line: dict[str, Any]) -> str:
    before, after = line["collector_mib"]
    return _row(
        line["test"],
        _version(line),
        line["source"],
        line["events"],
        line["lost"],
        line["missed"],
        line["restarts"],
        f"{before}, {after}",
    )


def _growing(line: dict[str, Any]) -> str:
    return _row(
        line["test"],
        _version(line),
        line.get("source", "cri"),
        line["calls"],
        line["failed_calls"],
        f"{line['slowest_ms']:.0f}",
    )


def _delays(figures: dict[str, Any]) -> str:
    return ", ".join(f"{figures[f'delay_{part}_ms']:.1f}" for part in ("p50", "p99", "max"))


def _version(line: dict[str, Any]) -> str:
    found = re.match(r"[\d.]+", line["containerd"])
    return found[0] if found else "?"


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


if __name__ == "__main__":
    told = [
        json.loads(line) for name in sys.argv[1:] for line in Path(name).read_text().splitlines()
    ]
    sys.stdout.write(tables(told) + "\n")
