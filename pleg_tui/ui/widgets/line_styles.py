"""How lines look: what each name that content gives to a part means in the theme's colours.

Not component classes of the style sheet: Textual works out every one of them, for every screen,
each time a style may have changed, five times until the first picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from rich.style import Style
from textual.app import App
from textual.color import Color


class Look(NamedTuple):
    """How a part is drawn; what is left empty stays as it is under it. `$` names the theme's."""

    color: str = ""
    ground: str = ""
    weight: str = ""


GLOWING = "glow"
_DIM = Look("$pleg-muted", weight="$pleg-muted-style")
_FAINT = Look("$pleg-faint", weight="$pleg-muted-style")

STYLES: Mapping[str, Look] = {
    "dim": _DIM,
    "off": _DIM,
    "strong": Look("$pleg-strong", weight="bold"),
    "name": Look("$pleg-strong"),
    "container": Look("$pleg-soft"),
    "heading": _DIM,
    "accent": Look("$pleg-accent"),
    "rule": _FAINT,
    "hatch": _FAINT,
    "key": Look("$pleg-accent", weight="bold"),
    "title": Look("$pleg-muted", weight="bold"),
    "title-focus": Look("$pleg-accent", weight="bold"),
    "badge": Look("$pleg-on-accent", "$pleg-accent", "bold"),
    "badge-warn": Look("$pleg-on-accent", "$pleg-warn", "bold"),
    "good": Look("$pleg-good"),
    "busy": Look("$pleg-busy"),
    "warn": Look("$pleg-warn"),
    "bad": Look("$pleg-bad"),
    "good-bold": Look("$pleg-good", weight="bold"),
    "busy-bold": Look("$pleg-busy", weight="bold"),
    "warn-bold": Look("$pleg-warn", weight="bold"),
    "bad-bold": Look("$pleg-bad", weight="bold"),
    "error": Look("$pleg-bad", weight="bold"),
    "warning": Look("$pleg-warn"),
    "section": Look("$pleg-accent", weight="bold"),
    "label": _DIM,
    "string": Look("$foreground"),
    "number": Look("$pleg-busy"),
    "match": Look("$pleg-strong", "$pleg-glow"),
    "match-here": Look("$pleg-on-accent", "$pleg-accent", "bold"),
    "mode-here": Look("$pleg-strong", "$pleg-cursor", "bold"),
    "polling": Look("$pleg-polling"),
    "evented": Look("$pleg-evented"),
    GLOWING: Look(ground="$pleg-glow", weight="$pleg-glow-style"),
}
"""Of parts; GLOWING is laid over that of a part that has just changed."""

CURSOR = "cursor"
CURSOR_BLURRED = "cursor-blurred"
STALE = "stale"

MODES: Mapping[str, Look] = {
    CURSOR: Look(ground="$pleg-cursor"),
    CURSOR_BLURRED: Look(ground="$pleg-cursor-blurred"),
    STALE: _DIM,
}
"""Of whole lines, laid over the styles of their parts."""

_ANSI: Mapping[str, Look] = {
    CURSOR: Look("$pleg-cursor-text", "$pleg-cursor"),
    CURSOR_BLURRED: Look(weight="underline"),
    "match": Look(weight="underline"),
    "match-here": Look(weight="reverse bold"),
    "mode-here": Look(ground="$background", weight="bold reverse"),
}
"""What is otherwise where the terminal's own sixteen colours are used."""

_NO_COLOR: Mapping[str, Look] = {
    CURSOR: Look(weight="reverse"),
    CURSOR_BLURRED: Look(weight="underline"),
    GLOWING: Look(weight="reverse"),
    "match": Look(weight="underline"),
    "match-here": Look(weight="reverse bold"),
    "mode-here": Look(weight="bold reverse"),
    "badge": Look(weight="bold reverse"),
    "badge-warn": Look(weight="bold reverse"),
}
"""And where there is to be no colour at all."""


def line_style(app: App[Any], name: str) -> Style:
    """What a name means now; another theme has other colours.

    Args:
        app: whose theme.
        name: one of STYLES or MODES.

    Raises:
        KeyError: there is no such style.
    """
    looks = [STYLES[name] if name in STYLES else MODES[name]]
    if app.native_ansi_color and name in _ANSI:
        looks.insert(0, _ANSI[name])
    if app.no_color and name in _NO_COLOR:
        looks.insert(0, _NO_COLOR[name])
    color, ground, weight = (
        _value(next(filter(None, said), ""), app.theme_variables)
        for said in zip(*looks, strict=True)
    )
    style = Style(
        color=Color.parse(color).rich_color if color else None,
        bgcolor=Color.parse(ground).rich_color if ground else None,
    )
    return style + Style.parse(weight)


def _value(said: str, theme: Mapping[str, str]) -> str:
    return theme[said[1:]] if said.startswith("$") else said
