"""The dashboard from its first moment to its last: its loop, its signals, its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from pleg_tui import heap
from pleg_tui.cri.clean import clean
from pleg_tui.feed.types import Feed
from pleg_tui.private import redacted
from pleg_tui.ui import (
    lean,  # noqa: F401 - before Textual, which it imports
    signals,
)
from pleg_tui.ui.app import PlegTui, log
from pleg_tui.ui.garbage import SETTLED_S, settle
from pleg_tui.ui.options import UiOptions

_SWITCH_S = 0.0005
"""A thread that wants to run waits so long for the one that does, instead of Python's 5 ms: one
writes a picture to the terminal while the other goes on."""
_GIVE_BACK_S = 1.0
"""Once there is a picture, and before the second listing."""


def run(feed: Feed, options: UiOptions) -> int:
    """Show the dashboard until it is left; returns the exit code.

    Whatever happens, the terminal is restored and the feed stopped. An error of the program's own
    is one sentence on stderr; its traceback goes to the log alone.
    """
    sys.setswitchinterval(_SWITCH_S)
    app = PlegTui(feed, options)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: _loop_failed(app, context))
        signals.install(app, loop)
        loop.call_later(_GIVE_BACK_S, heap.give_back)
        loop.call_later(SETTLED_S, settle)
        try:
            await app.run_async(mouse=options.mouse)
        finally:
            await app.close_down()
            await feed.stop()

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        app.failure = app.failure or error
        log.critical("the dashboard failed", exc_info=error)
    for text in app.parting:
        with contextlib.suppress(OSError, ValueError):  # the terminal may have gone
            print(f"pleg-tui: {text}", file=sys.stderr)  # noqa: T201
    if app.switching is not None and (left := app.switching.left_behind):
        print(f"pleg-tui: {left}", file=sys.stderr)  # noqa: T201
    if app.failure is None:
        return app.return_code or 0
    where = (
        "the --debug log has the details" if options.debug else "run with --debug FILE for details"
    )
    reason = clean(redacted(str(app.failure)), 300) or "no reason given"
    kind = type(app.failure).__name__
    print(f"pleg-tui: internal error: {kind}: {reason} ({where})", file=sys.stderr)  # noqa: T201
    return 1


def _loop_failed(app: PlegTui, context: dict[str, Any]) -> None:
    """Something that no one awaited has failed, such as a callback of the feed's."""
    error = context.get("exception")
    if isinstance(error, Exception):
        app.fail(error)
    else:
        log.error("%s", context.get("message"))
