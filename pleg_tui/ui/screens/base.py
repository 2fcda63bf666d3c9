"""What all screens are: they know the app by its own type, and are told what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, cast

from textual import events, on
from textual.geometry import Size
from textual.reactive import Reactive
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.widget import Widget

from pleg_tui.feed.types import Delta
from pleg_tui.ui.content.bars import Usage
from pleg_tui.ui.themes import screens_file
from pleg_tui.ui.usages import Watched
from pleg_tui.ui.widgets.bar import Bar

if TYPE_CHECKING:
    from pleg_tui.ui.app import PlegTui


class PlegScreen(Screen[None]):
    """A screen of this program's: the app tells it what changed, and when a second has passed."""

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """Who has the focus; those that gain and lose it paint themselves, not the whole screen."""

    _resumed = False

    @on(events.ScreenResume)
    def _shown(self, event: events.ScreenResume) -> None:
        """Shown for the first time: its parts got their styles a moment ago."""
        if not self._resumed:
            self._resumed = True
            event.refresh_styles = False

    def _screen_resized(self, size: Size) -> None:
        """A size that it was laid out for already is no news; Textual tells it thrice at first."""
        if size != self._size:
            super()._screen_resized(size)

    @property
    def tui(self) -> PlegTui:
        """The app, by its own type."""
        return cast("PlegTui", self.app)

    def drift_bar(self) -> Bar:
        """The banner about the kubelet, shown from the first picture on where there is one."""
        bar = Bar(self.tui.drift_line, id="drift")
        bar.set_class(self.tui.drift_told, "-shown")
        return bar

    def apply(self, delta: Delta) -> None:
        """The feed has changed."""

    def second(self, usage: Usage | None) -> None:
        """A second has passed; `usage` is a new reading of what this program costs."""

    def watched(self) -> Watched | None:
        """Whose CPU and memory are on this screen; None when nobody's are."""
        return None

    def drift_changed(self) -> None:
        """The kubelet does something else, or more is known of it."""

    def usage_read(self) -> None:
        """CPU and memory were read anew."""

    def say(self, text: str, style: str = "accent") -> None:
        """Say something for a while."""


class PlegModal(ModalScreen[ScreenResultType], Generic[ScreenResultType]):
    """A screen over another, which goes on being drawn."""

    CSS_PATH = screens_file()
