"""A style sheet that reads what it is given once."""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class ReadOnce(Stylesheet):
    """Textual's style sheet; what was read with the same variables is not read again.

    Textual reads every source anew whenever a theme is set or a mode begins: three times until the
    first picture, a third of what the start costs.
    """

    def set_variables(self, variables: dict[str, str]) -> None:
        """As Textual's; the same ones change nothing."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Apply new variables to what there is.

        Raises:
            StylesheetParseError: a source makes no sense.
        """
        self.parse()
