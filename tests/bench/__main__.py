"""Every benchmark after the other, and one table of them: what `make bench` runs.

    python -m tests.bench [--quick] [--only idle,ssh] [--out FOLDER] [--write-docs]

Writes bench.json and bench.md into --out (docs/bench/ with --write-docs, which puts the table into
docs/performance.md and draws its pictures as well; with --only, what is there of the others stays,
and each section that is not of the whole run says when it was taken). bench_compare.py is a study
of its own, of half an hour, and is run by itself.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

from msgspec import convert, to_builtins

from tests.bench import plot
from tests.bench.harness import ROOT, Report, Setting, load, run
from tests.bench.table import markdown

NAMES = (
    "start", "idle", "events", "storm", "ssh", "rate", "terminal", "size", "scale", "experiment",
)  # fmt: skip
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(prog="make bench ARGS='…'", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter: less sure figures")
    parser.add_argument("--only", default=",".join(NAMES), help="some of " + ", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--write-docs", action="store_true", help="put it into docs/")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    before, begun, started = load(), time.perf_counter(), time.strftime("%Y-%m-%d %H:%M")
    setting = Setting(options.quick)
    reports: list[Report] = []
    try:
        for name in names:
            print(f"== {name}", file=sys.stderr, flush=True)
            module = importlib.import_module(f"tests.bench.bench_{name}")
            report = run(name, module.measure, setting)
            reports.append(report)
            print(markdown([report]), flush=True)
            if name == "events" or (name == "idle" and "events" not in names):
                setting.close()  # its shims would be in everybody's way
    finally:
        setting.close()
    taken = (
        f"Taken {started} on {platform.python_implementation()} {platform.python_version()}, Linux "
        f"{platform.release().partition('-')[0]}; {'quick' if options.quick else 'full'} run of "
        f"{(time.perf_counter() - begun) / 60:.0f} min; load average {before} before it, {load()} "
        "after it."
    )
    text = f"{taken}\n\n{markdown(reports)}"
    out = ROOT / "docs" / "bench" if options.write_docs else options.out
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "schema": "pleg-tui/bench/v1", "taken": taken, "quick": options.quick,
        "load_before": before, "reports": [to_builtins(report) for report in reports],
    }  # fmt: skip
    if options.write_docs and set(names) != set(NAMES) and (out / "bench.json").exists():
        document = merged(json.loads((out / "bench.json").read_bytes()), reports, taken)
        text = f"{document['taken']}\n\n{markdown(convert(document['reports'], list[Report]))}"
    (out / "bench.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    (out / "bench.md").write_text(text)
    print(f"written: {out}/bench.json, {out}/bench.md", file=sys.stderr)
    if options.write_docs:
        write_page(text)
        plot.write(document, out)


def merged(document: dict[str, Any], reports: list[Report], taken: str) -> dict[str, Any]:
    """A run's document with some of its reports taken anew, each of which says so."""
    anew = {report.name: report for report in reports}
    for report in anew.values():
        report.on = f"{report.on}. {taken}".removesuffix(".")
    kept = [to_builtins(anew.get(one["name"], one)) for one in document["reports"]]
    return document | {"reports": kept}


def write_page(text: str) -> None:
    """Put the table between its marks in the page."""
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{text}{END}{tail}")


if __name__ == "__main__":
    main()
