"""The app as the terminal sees it: what it is sent, its size, its end, and left as it was found."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from rich.control import Control
from textual import events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.app import App
from textual.geometry import Offset, Size
from textual.screen import Screen
from textual.timer import Timer

from pleg_tui.ui import signals
from pleg_tui.ui.options import UiOptions
from pleg_tui.ui.pen import erases, feeds
from pleg_tui.ui.thin import Front

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.driver import Driver
    from textual.filter import LineFilter

_AT_REST_S = 0.3
"""A terminal whose size has not changed for so long has come to rest."""
_IN_ONE_PIECE = 256
"""So little comes in one piece, and need not be called an update for nobody to see half of it."""
_HOME = Offset(0, 0)

log = logging.getLogger("pleg_tui.ui")


class OnTerminal(App[None], inherit_bindings=False):
    """A Textual app that sends its terminal little, and never leaves it changed."""

    def __init__(self, options: UiOptions, css_path: list[str]) -> None:
        super().__init__(css_path=list(css_path))
        self.options = options
        self.failure: BaseException | None = None
        """What ended the program although nobody asked for it."""
        self.lent = False
        """Another program has the terminal for a while."""
        self._front = Front(erases(os.environ), feeds(os.environ))
        self._resized: Timer | None = None

    def get_driver_class(self) -> type[Driver]:
        """Textual's driver for this system; on Linux one that does not wake up for nothing."""
        found = super().get_driver_class()
        if found.__name__ != "LinuxDriver":
            return found
        from pleg_tui.ui.quiet_input import QuietDriver

        return QuietDriver

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's filters; no colour where none is wanted, only ASCII where no more works."""
        filters = list(super().get_line_filters())
        if self.no_color:
            from textual.filter import NoColor

            # Textual would leave greys, because its own choice falls before our theme is known.
            filters = [NoColor()]
        if self.options.ascii:
            from pleg_tui.ui.ascii import ASCII_ONLY

            filters.append(ASCII_ONLY)
        return filters

    def _own_the_terminal(self) -> None:
        """Follow what stops and continues the program; in a real terminal only."""
        driver = self._driver
        if driver is None or not driver.can_suspend or driver.is_headless:
            return
        loop = asyncio.get_running_loop()
        signals.guard_continue(
            lambda: bool(getattr(driver, "_must_signal_resume", True)), self._restart_terminal, loop
        )
        self.app_resume_signal.subscribe(self, lambda _: self._redraw())

    def _restart_terminal(self) -> None:
        """Stopped from outside and continued: the shell has had the terminal meanwhile."""
        if self.lent:
            return
        if self._driver is not None and self._running and not self._exit:
            self._driver.suspend_application_mode()
            self._driver.resume_application_mode()
            self.call_later(self._redraw)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Send the terminal only what it does not show yet."""
        thin: Any = self._front.thin(renderable, self.size)
        driver = self._driver
        if thin is None or driver is None or driver.is_headless or driver.is_inline:
            super()._display(screen, thin or renderable)
            return
        if self._running and not self._closed and not self._batch_count:
            try:
                sent = thin.render_segments(self.console)
            except Exception as error:
                self._handle_exception(error)
            else:
                self._send(sent, driver)
        self.post_display_hook()

    def _send(self, sent: str, driver: Driver) -> None:
        """Textual sends the cursor home, and begins and ends an update, even for nothing at all."""
        if not sent:
            return
        if self.cursor_position != _HOME:  # an input method's window opens where it is
            sent += Control.move_to(
                *self.screen.outer_size.clamp_offset(self.cursor_position)
            ).segment.text
        if len(sent) > _IN_ONE_PIECE and self._sync_available:
            sent = f"{SYNC_START}{sent}{SYNC_END}"
        driver.write(sent)
        driver.flush()

    def on_resize(self) -> None:
        """The terminal may have moved about what it showed.

        What was on its way for the old size may still come to stand on the new one, so once the
        size has come to rest everything is drawn again.
        """
        self._front.clear()
        if self._resized is not None:
            self._resized.stop()
        self._resized = self.set_timer(_AT_REST_S, self._at_rest)

    def _at_rest(self) -> None:
        if self._running and not self._exit:
            self._redraw()

    def _see_the_terminal(self) -> None:
        """A change of the terminal's size, or its end, that went unnoticed is noticed here."""
        driver = self._driver
        if driver is None or driver.is_headless or not driver.can_suspend:
            return
        if signals.hung_up():
            os.kill(os.getpid(), signal.SIGHUP)
            return
        try:
            size = Size(*os.get_terminal_size(sys.__stderr__.fileno() if sys.__stderr__ else 2))
        except (OSError, ValueError):
            return
        if size.area and size != self.screen.size:
            self.post_message(events.Resize(size, size))

    def action_redraw(self) -> None:
        """Draw everything again: something else has written on the terminal."""
        self._redraw()

    def _redraw(self) -> None:
        """Draw everything again, whatever is on the terminal now."""
        self._front.clear()
        self.refresh(layout=True)
        self.screen.refresh(layout=True)

    def _fatal_error(self) -> None:
        """Close without a traceback on the terminal; the log has it."""
        self.fail(sys.exception())

    def panic(self, *renderables: RenderableType) -> None:  # noqa: ARG002 - they go to no terminal
        """As _fatal_error()."""
        self.fail(sys.exception())

    def fail(self, error: BaseException | None) -> None:
        """End the program because of an error of its own."""
        if self.failure is None:
            self.failure = error or RuntimeError("the interface failed")
            log.critical("the interface failed", exc_info=self.failure)
        self._return_code = 1
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()
