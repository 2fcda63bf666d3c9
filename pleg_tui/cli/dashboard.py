"""The dashboard, and `demo`, the dashboard of a simulated runtime."""

from __future__ import annotations

import contextlib
import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from pleg_tui.cli import connect
from pleg_tui.cli.errors import UsageError
from pleg_tui.cli.settings import Resolved
from pleg_tui.feed.types import Settings, SourceChoice
from pleg_tui.ui.options import UiOptions, prepare_environment

if TYPE_CHECKING:
    from pleg_tui.sim.node import SimulatedNode
    from pleg_tui.ui.site import Site


def run(options: Namespace, resolved: Resolved) -> int:
    """Show it until it is left; returns the exit code.

    Args:
        options: the command line, with what the settings add to it.
        resolved: the settings.

    Raises:
        CliError: there is no terminal, or nothing to show.
    """
    if hasattr(options, "output"):
        raise UsageError("the dashboard prints nothing: use `pleg-tui pods` or `pleg-tui events`")
    need_terminal()
    demo = getattr(options, "command", None) == "demo" or hasattr(options, "demo")
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(_demo_node(options)) if demo else None
        found = _target(stack, options, node, demo=demo)
        feed = connect.make_feed(found.settings, ahead=True)
        try:
            look = ui_options(
                options, demo=demo, endpoint=found.settings.endpoint, root=found.settings.root
            )
            look = replace(look, site=_site(options, node, demo=demo))
            prepare_environment(look)
            # What the collector does not need is loaded while that starts.
            from pleg_tui.cli import looks

            look = replace(look, **looks.look(resolved, os.environ))
            from pleg_tui.ui.run import run as show

            if found.simulator is not None:
                found.simulator.wait_ready()
            if node is not None:
                node.wait_runtime()
        except BaseException:
            import asyncio

            asyncio.run(feed.stop())
            raise
        return show(feed, look) or 0


def _demo_node(options: Namespace) -> contextlib.AbstractContextManager[SimulatedNode | None]:
    from pleg_tui.cli import demo_node

    return demo_node.demo_node(options)


def _target(
    stack: contextlib.ExitStack, options: Namespace, node: SimulatedNode | None, *, demo: bool
) -> connect.Target:
    """What the live view is of."""
    if node is None:
        return stack.enter_context(connect.target(options, demo=demo, waits=True))
    source = SourceChoice(getattr(options, "source", "auto"))
    timeout_s = getattr(options, "timeout", 0.0) or connect.TIMEOUT_S
    settings = Settings(node.endpoint, source, debug=getattr(options, "debug", ""))
    return connect.Target(settings, timeout_s, None)


def _site(options: Namespace, node: SimulatedNode | None, *, demo: bool) -> Site:
    """The node besides its runtime."""
    from pleg_tui.cli.node_access import kubelet_options, marked
    from pleg_tui.ui.site import Site

    if demo:
        from pleg_tui.cli import demo_node

        return demo_node.site(node)
    root = getattr(options, "root", "/")
    command = getattr(options, "restart_command", "")
    if hasattr(options, "restart_command") and not command.strip():
        raise UsageError("--restart-command is empty: give the command, {unit} stands for the unit")
    return Site(root, kubelet_options(options), command, marked(root))


def ui_options(options: Namespace, *, demo: bool, endpoint: str, root: str = "/") -> UiOptions:
    """How the dashboard is to look; what the command line leaves open follows the terminal."""
    given: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("fps", "theme", "ascii", "mouse")
        if hasattr(options, name)
    }
    return UiOptions(
        **given,
        demo=demo,
        endpoint=endpoint,
        root=root,
        debug=hasattr(options, "debug"),
    )


def need_terminal() -> None:
    """See that there is a terminal to draw on.

    Raises:
        UsageError: there is none.
    """
    streams = (sys.stdin, sys.stdout)
    if all(stream is not None and stream.isatty() for stream in streams):
        if os.environ.get("TERM") != "dumb":
            return
        why = "TERM is dumb, which cannot be drawn on"
    else:
        why = "standard input or output is none"
    raise UsageError(
        f"the dashboard needs a terminal ({why}): use `ssh -t`, or `pleg-tui pods` or "
        "`pleg-tui events`, which print"
    )
