"""`simulate`: the simulated runtime alone, in the foreground, one JSON line when it serves."""

from __future__ import annotations

from argparse import Namespace

from pleg_tui.cli.errors import UsageError


def run(options: Namespace) -> int:
    """Serve until a signal; returns the exit code.

    Raises:
        UsageError: the options make no sense.
    """
    from pleg_tui.sim.__main__ import run as serve
    from pleg_tui.sim.options import from_namespace

    try:
        wanted = from_namespace(options)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return serve(wanted)
