"""The dashboard with a trigger for tests: SIGUSR1 puts its screen into an endless loop."""

import signal
import sys
from types import FrameType

from pleg_tui.cli.main import console


def stick(number: int, frame: FrameType | None) -> None:
    """Never give the event loop back."""
    while True:
        pass


signal.signal(signal.SIGUSR1, stick)
sys.exit(console())
