"""How the screen is painted, as text: the second twin of a grid, to be read in a diff.

A picture of a screen is 40 KB of SVG in which no reviewer sees that an error is no longer red. Here
it is one line a row: each run of text that is not painted plainly, with the name of its look. Names
are those of the style sheet, so another shade of red changes one line at the end and not each row.
"""

from __future__ import annotations

from pathlib import Path

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from pleg_tui.ui.widgets.line_styles import MODES, STYLES, line_style
from tests.ui.conftest import GRIDS, Stage

_WEIGHTS = ("bold", "dim", "italic", "underline", "reverse", "strike")
_AS_FOREGROUND = ("bad", "busy", "warn", "good", "accent", "name", "container", "dim", "rule")
"""Looked for first: others share their colours."""


def looks(stage: Stage) -> str:
    """Each row of the screen with the looks of its runs, and what the looks' colours are."""
    names = _Names(stage)
    rows = []
    for number, strip in enumerate(stage.app.screen._compositor.render_strips(), 1):
        told = [f"{names.of(style)}: {text}" for text, style in _runs(list(strip), names)]
        rows.append(f"{number:>2}  {'  |  '.join(told)}".rstrip())
    return "\n".join([*rows, "", *names.legend()]) + "\n"


def keep(stage: Stage, name: str, *, update: bool) -> None:
    """Compare the looks with those that are kept under a name.

    Args:
        stage: whose screen.
        name: of the file, without its ending.
        update: write it anew instead.
    """
    path = GRIDS / f"{name}.looks.txt"
    told = looks(stage)
    if update:
        _write(path, told)
    assert path.exists(), f"{path.name} is missing: run with --update-grids and look at it"
    assert told == path.read_text("utf-8"), f"the looks differ from {path.name}:\n{told}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")


def _runs(strip: list[Segment], names: _Names) -> list[tuple[str, Style]]:
    """Neighbours of one look joined; what is painted plainly is left out, as are mere spaces."""
    runs: list[tuple[str, Style]] = []
    for text, style, _ in strip:
        style = style or Style()
        if runs and names.of(runs[-1][1]) == names.of(style):
            runs[-1] = (runs[-1][0] + text, style)
        else:
            runs.append((text, style))
    seen = []
    for text, style in runs:
        if text.strip() and names.of(style) != "plain":
            seen.append((text.strip(), style))
    return seen


class _Names:
    """What the colours of the screen are called, and which were met."""

    def __init__(self, stage: Stage) -> None:
        screen = stage.app.screen
        self._plain = screen.rich_style
        self._front: dict[str, str] = {_code(self._plain.color): ""}
        self._back: dict[str, str] = {_code(self._plain.bgcolor): ""}
        for name in (*_AS_FOREGROUND, *STYLES):
            style = line_style(stage.app, name)
            if style.color is not None:
                self._front.setdefault(_code(style.color), name)
        for name in (*MODES, *STYLES):
            style = line_style(stage.app, name)
            if style.bgcolor is not None:
                self._back.setdefault(_code(style.bgcolor), name)
        for bar in screen.query("#status, .page-title, #keys"):
            self._back.setdefault(_code(bar.rich_style.bgcolor), "bar")
        self._met: dict[str, str] = {}

    def of(self, style: Style) -> str:
        """The look in words: "bad bold on cursor"; "plain" for most of the screen."""
        front, back = _code(style.color), _code(style.bgcolor)
        words = [self._front.get(front, front)]
        words += [weight for weight in _WEIGHTS if getattr(style, weight)]
        ground = self._back.get(back, back)
        if ground:
            words.append(f"on {ground}")
        for code, name in ((front, words[0]), (back, ground)):
            if name and name != code:
                self._met[name] = code
        return " ".join(filter(None, words)) or "plain"

    def legend(self) -> list[str]:
        """Which colour each name that was met stands for."""
        plain = f"plain = {_code(self._plain.color)} on {_code(self._plain.bgcolor)}"
        return [plain, *(f"{name} = {code}" for name, code in sorted(self._met.items()))]


def _code(color: Color | None) -> str:
    if color is None or color.is_default:
        return "default"
    return color.triplet.hex if color.triplet is not None else f"colour {color.number}"
