"""`simulate`: a simulated runtime, or a whole simulated node, in the foreground.

Prints one JSON line when it serves.
"""

from __future__ import annotations

import shutil
import tempfile
from argparse import Namespace

from pleg_tui.cli.errors import UsageError
from pleg_tui.sim import node_options


def run(options: Namespace) -> int:
    """Serve until a signal; returns the exit code.

    Raises:
        UsageError: the options make no sense.
    """
    from pleg_tui.sim.options import from_namespace

    try:
        node = node_options.from_namespace(options)
        wanted = from_namespace(options)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if node is not None:
        return _node(node)
    from pleg_tui.sim.__main__ import run as serve

    return serve(wanted)


def _node(options: node_options.NodeOptions) -> int:
    from pleg_tui.sim import node_main
    from pleg_tui.sim.node import short_folder

    root = tempfile.mkdtemp(prefix="pleg-tui-node-", dir=short_folder())
    try:
        return node_main.run(options, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
