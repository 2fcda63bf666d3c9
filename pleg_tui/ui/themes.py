"""Where the styles are, and the themes that are kept with them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from msgspec.json import decode
from textual.theme import BUILTIN_THEMES, Theme

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def styles_dir() -> Path:
    """The folder of styles: inside the installed package, or beside it in a checkout.

    Raises:
        FileNotFoundError: the installation is not whole.
    """
    for folder in (_PACKAGE / "styles", _PACKAGE.parent / "styles"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("the styles folder is missing: install pleg-tui again")


def style_files() -> list[Path]:
    """The style sheets of the Live screen, in the order in which they are read."""
    return [styles_dir() / name for name in ("base.tcss", "layout.tcss")]


def screens_file() -> Path:
    """The style sheet of all other screens."""
    return styles_dir() / "screens.tcss"


@cache
def load_theme(name: str) -> Theme:
    """One of this program's themes; those of sixteen colours build on Textual's own."""
    data = decode((styles_dir() / "themes" / f"{name}.json").read_bytes())
    del data["about"]
    variables = data.pop("variables")
    if data.pop("ansi", False):
        theme = BUILTIN_THEMES[name]
        return replace(theme, variables={**theme.variables, **variables})
    return Theme(name=name, variables=variables, **data)
