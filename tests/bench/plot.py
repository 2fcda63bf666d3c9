"""Costs that grow, drawn against N as small pictures: SVG by hand, no library.

python -m tests.bench.plot docs/bench/bench.json docs/bench
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 34, 42
_LINE = 14
COLOURS = ("#1f6feb", "#c2410c", "#15803d", "#7c3aed", "#b91c1c", "#0e7490")
_AXES = {
    "size": ("containers", "PSS, MiB"),
    "scale": ("containers", "CPU, ms"),
    "rate": ("changes a second", "CPU, ms/s"),
    "terminal": ("cells of the terminal", "CPU, ms/s"),
}


def write(document: dict[str, Any], folder: Path) -> None:
    """A picture of each report that has series with more than one point."""
    for report in document["reports"]:
        series = {n: p for n, p in report["series"].items() if len(p) > 1}
        if series:
            title = f"{report['title']} ({report['on']})"
            text = draw(title, *_AXES.get(report["name"], ("N", "")), series)
            (folder / f"{report['name']}.svg").write_text(text)


def draw(title: str, across: str, up: str, series: dict[str, list[list[float]]]) -> str:
    """Lines of points over a logarithmic N."""
    points = [point for line in series.values() for point in line]
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    most = _round_up(max(y for _, y in points))
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        share = math.log(x / low) / math.log(high / low) if high > low else 0.5
        return LEFT + share * wide, TOP + tall * (1 - y / most)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="18" font-size="13">{escape(title)}</text>',
        f'<text x="{LEFT + wide / 2}" y="{HEIGHT - 8}" text-anchor="middle">{across}</text>',
        f'<text x="14" y="{TOP + tall / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {TOP + tall / 2})">{escape(up)}</text>',
    ]
    for step in range(5):
        value = most * step / 4
        _, y = place(low, value)
        out.append(f'<path d="M{LEFT} {y:.1f}H{LEFT + wide}" stroke="#d4d4d8" fill="none"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for x in sorted({x for x, _ in points}):
        at, bottom = place(x, 0)
        out.append(f'<text x="{at:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{x:,.0f}</text>')
    ends = sorted((place(*line[-1])[1], name) for name, line in series.items())
    labels: dict[str, float] = {}
    lowest = 0.0
    for y, name in ends:
        lowest = labels[name] = max(y, lowest + _LINE)
    highest: float = TOP + tall + _LINE
    for _, name in reversed(ends):
        highest = labels[name] = min(labels[name], highest - _LINE)
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in line:
            x, y = place(*point)
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        at = LEFT + wide + 8
        out.append(
            f'<text x="{at}" y="{labels[name] + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    return "\n".join([*out, "</svg>\n"])


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten."""
    unit = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return float(next(unit * step for step in (1, 2, 4, 8, 10) if value <= unit * step))


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
