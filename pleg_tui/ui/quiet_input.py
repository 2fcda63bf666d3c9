"""Reads the keys without waking up ten times a second, as Textual's own driver does.

Those wake-ups tell an escape key alone from the beginning of a sequence, when nothing follows it,
and let the thread notice its end. Here the thread sleeps until there is a key, or until it is woken
to end, and looks at the clock only while an escape is undecided. Measured: docs/performance.md.
"""

from __future__ import annotations

import contextlib
import os
import select
from codecs import getincrementaldecoder
from typing import Any

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

_LOOK_MS = 50
"""While the parser waits for the rest of a sequence, or the terminal has hung up."""
_LAST_MS = 100
"""At the end, for what the terminal has still to say: the shell is not to be told."""
_AT_ONCE = 4096


class QuietDriver(LinuxDriver):
    """Textual's driver for Linux with another way of waiting for input."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wake_out, self._wake_in = os.pipe()
        for end in (self._wake_out, self._wake_in):
            os.set_blocking(end, False)

    def stop_application_mode(self) -> None:
        """Leave the terminal, whose pen is as the last picture needed it."""
        self.write("\x1b[m")
        super().stop_application_mode()

    def disable_input(self) -> None:
        """End the reading thread, which may sleep, and wait for it."""
        with contextlib.suppress(OSError):
            os.write(self._wake_in, b".")
        super().disable_input()
        with contextlib.suppress(OSError):
            os.read(self._wake_out, _AT_ONCE)

    def run_input_thread(self) -> None:
        """Until input is disabled."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        waiting = select.poll()
        for source in (self.fileno, self._wake_out):
            waiting.register(source, select.POLLIN)

        def take() -> bool:
            """Take what there is; False: the terminal has nothing to say any more."""
            data = os.read(self.fileno, _AT_ONCE)
            for message in parser.feed(decode(data)) if data else ():
                self.process_message(message)
            return bool(data)

        while not self.exit_event.is_set():
            # Without that attribute (another version of Textual) it looks as often as Textual.
            undecided = getattr(parser, "_timeout_time", 0.0) is not None
            ready = [source for source, _ in waiting.poll(_LOOK_MS if undecided else None)]
            if self.fileno in ready and not take():
                self.exit_event.wait(_LOOK_MS / 1000)
            for message in parser.tick():
                self.process_message(message)
        waiting.unregister(self._wake_out)
        if waiting.poll(_LAST_MS):
            take()
