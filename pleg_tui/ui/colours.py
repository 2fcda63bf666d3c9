"""The app in its colours: the themes, and what the style sheet's variables mean in them."""

from __future__ import annotations

from pleg_tui.ui.on_terminal import OnTerminal
from pleg_tui.ui.options import THEMES, UiOptions
from pleg_tui.ui.style_sheet import ReadOnce
from pleg_tui.ui.themes import load_theme


class InColours(OnTerminal, inherit_bindings=False):
    """A Textual app whose themes are this program's, each read when it is first used."""

    _has_theme = False
    _variables: tuple[str, dict[str, str]] = ("", {})
    """The theme that they are of, and what the style sheet's variables mean in it."""

    def __init__(self, options: UiOptions, css_path: list[str]) -> None:
        super().__init__(options, css_path)
        self.stylesheet = ReadOnce()

    def theme_wanted(self) -> str:
        """The theme that the options name, or what is nearest to it where there is no colour."""
        name = self.options.theme
        if self.no_color and not name.startswith("ansi"):
            return "ansi-light" if name.endswith("light") else "ansi-dark"
        return name

    def use_theme(self, name: str) -> None:
        """Draw in the colours of one of this program's themes, which are read when first used."""
        self.register_theme(load_theme(name))
        self._has_theme = True
        self.theme = name

    def get_css_variables(self) -> dict[str, str]:
        """As Textual's, worked out once; there are none before there is a theme of ours."""
        if not self._has_theme:
            return {}
        if self._variables[0] != self.theme:
            self._variables = self.theme, super().get_css_variables()
        return self._variables[1]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """This program's own colours, for Textual's themes, which do not have them."""
        return load_theme(THEMES[0]).variables
