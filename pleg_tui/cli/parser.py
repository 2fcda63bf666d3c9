"""The command line's grammar: which words there are and what they mean."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NoReturn

from pleg_tui.cli import groups
from pleg_tui.cli.errors import UsageError
from pleg_tui.cli.groups import count, span
from pleg_tui.version import __version__

_EXIT_CODES = """\
exit codes: 0 good; 1 the answer is no, or a fault; 2 wrong usage, or the dashboard without a
terminal; 3 no runtime: none found, not a CRI, no permission; 130 Ctrl-C
"""
_ROOT_EPILOG = f"""\
Options of the runtime may stand before or after the command. Without a command: the dashboard.

examples:
  pleg-tui demo                              no node needed
  sudo -E pleg-tui                           the dashboard of this node
  pleg-tui pods -a                           its pods with every container, once
  pleg-tui events -o json --duration 1m      what happens, a line each
  sudo -E pleg-tui compare                   what polling costs here, and what events cost

{_EXIT_CODES}"""
_PODS_TEXT = """\
Lists the node's pods once and never subscribes to anything. A pod is a line; with -a its containers
stand below it, ended attempts too. READY counts the containers that run, of those that should; the
runtime knows no probes. JSON always has every container.
"""
_EVENTS_TEXT = """\
Prints what happens to pods and containers, a line each, as the runtime reports it. LAG is the time
from happening to being received here; a time with ~ is when it was received, where the runtime did
not say when it happened. Lines that begin with -- tell of the stream itself.
"""
_COMPARE_TEXT = """\
Measures what a client that polls costs this node's runtime, and what one that follows its events
costs: both are switched on and off in blocks of a random order, and the runtime's CPU is read for
each. Every effect comes with its 95 % interval; one that includes zero is no measurable cost.
Ctrl-C ends it early with what there is. Nothing on the node is changed.

  pleg-tui compare --duration 10m --save before.json
  pleg-tui compare --diff before.json after.json
"""
_CHECK_TEXT = """\
Tells what this node's kubelet really does and whether it could live on the runtime's events: a
line for each thing to know, with what was seen, what to do, and where the rule comes from. Only
reads, and subscribes to nothing; takes up to half a minute where it has to watch the kubelet's
rhythm. Answers ready, in-use (exit code 0), not-ready, degraded or unknown (1); 3: no runtime.
"""
_SWITCH_TEXT = """\
Prints what bringing this node's kubelet to events (evented) or back to polling (generic) takes:
each file with its diff, each restart in its order, the risks of these very versions. With --apply
it asks, keeps the old files, writes, restarts, waits until all is well, and looks whether the
kubelet really does it; any failure puts every file back to the byte. `pleg-tui rollback` does so
later.
"""
_ROLLBACK_TEXT = """\
Puts every file back to the byte, with its mode, owner and attributes, as it was before the newest
switch that stands, and restarts what that had restarted; a switch that was interrupted is undone.
"""
_CONFIG_TEXT = """\
path: where the settings file is, or would be. show: every setting in force and where it was said: a
flag is above the environment, that above the file. keys: the ids by which keys are set, the keys,
and what they do.

[dashboard]
theme = "pleg-light"                  # $PLEG_TUI_THEME, --theme
fps = 2                               # $PLEG_TUI_FPS, --fps
mouse = false                         # $PLEG_TUI_MOUSE, --no-mouse
ascii = true                          # $PLEG_TUI_ASCII, --ascii
hint = false                          # $PLEG_TUI_HINT; a line of help in the first runs
columns = ["state", "age", "image"]   # in this order, after the name
sort = "restarts"

[runtime]
source = "relist"                     # $PLEG_TUI_SOURCE, --source
timeout = "10s"                       # --timeout
metrics = "http://127.0.0.1:1338/v1/metrics"   # --runtime-metrics

[kubelet]                             # as --kubelet-url and so on
url = "https://127.0.0.1:10250"
cert = "/etc/kubernetes/pki/reader.crt"
key = "/etc/kubernetes/pki/reader.key"

[keys]
"view.filter" = "ctrl+f"
"""
_SIMULATE_TEXT = """\
Serves a simulated runtime on a socket. With --kubelet (or --layout, --evented, --fault …) a whole
node: a folder for --root with the kubelet's and the runtime's files, a kubelet that polls or
listens as that version does, with its log, metrics and configz, and a systemctl that really
restarts both. Prints one JSON line when it serves: where everything is.

  pleg-tui simulate --kubelet 1.36.2 --layout crio --fault unhealthy
"""


@cache
def _columns() -> int:
    """The terminal's width, as shutil.get_terminal_size() has it."""
    try:
        said = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        said = 0
    if said > 0:
        return said
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


class _Help(argparse.RawDescriptionHelpFormatter):
    """Argparse's, which asks for the width, by way of a module to load, at every option put in."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing, and takes no abbreviations."""

    def __init__(self, *, fill: Callable[[Parser], None] | None = None, **settings: Any) -> None:
        settings.setdefault("formatter_class", _Help)
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)
        self._fill = fill
        """Puts its options in; None once they are."""

    def parse_known_args(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse, with its options put in before."""
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Wrong usage.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def build(*, commands: bool = True) -> Parser:
    """The grammar. Every option is absent from the result unless it was given.

    A command's own options are put in once they are asked for: a start needs those of one.

    Args:
        commands: the whole of it; else what the dashboard's own command line needs.
    """
    root = Parser(
        prog="pleg-tui",
        argument_default=argparse.SUPPRESS,
        description="Live pods and containers of one Kubernetes node, from the runtime's events.",
        epilog=_ROOT_EPILOG,
    )
    root.add_argument("--version", action="version", version=f"pleg-tui {__version__}")
    groups.node(root)
    groups.restarting(root)
    groups.screen(root)
    root.add_argument("-o", "--output", choices=("table", "json"), help=argparse.SUPPRESS)
    groups.demo(root, shown=False)
    if not commands:
        return root
    choices = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, (help_, text, fill) in _COMMANDS.items():
        choices.add_parser(
            name,
            help=help_,
            description=text or f"{help_[0].upper()}{help_[1:]}.",
            epilog=_EXIT_CODES,
            argument_default=argparse.SUPPRESS,
            fill=fill,
        )
    return root


def _fill_demo(demo: Parser) -> None:
    groups.runtime(demo, endpoint=False)
    groups.screen(demo)
    groups.simulator(demo)


def _fill_pods(pods: Parser) -> None:
    from pleg_tui.cli.filters import POD_STATES

    groups.printed(pods)
    pods.add_argument("-a", "--all", action="store_true", help="every container, ended ones too")
    groups.which_ones(pods, "a pod's name", POD_STATES)
    pods.add_argument("-n", "--last", type=count, metavar="N", help="only the N newest")
    pods.add_argument("-l", "--latest", action="store_true", help="only the newest")
    groups.runtime(pods)
    groups.demo(pods)


def _fill_events(events: Parser) -> None:
    from pleg_tui.cli.filters import EVENT_STATES

    groups.printed(events)
    events.add_argument(
        "-a", "--all", action="store_true", help="also what the runtime replays from before"
    )
    groups.which_ones(events, "a pod's or container's name", EVENT_STATES)
    events.add_argument("-n", "--count", type=count, metavar="N", help="end after N events")
    events.add_argument("--duration", type=span, metavar="S", help="end after 30s, 5m or 1h30m")
    events.add_argument("--wait", action="store_true", help="wait for a runtime that is not there")
    events.add_argument(
        "--relist-model",
        action="store_true",
        help="also what a relist once a second would have seen of it (modelled)",
    )
    groups.runtime(events)
    groups.demo(events)


def _fill_compare(compare: Parser) -> None:
    groups.experiment(compare)
    groups.runtime(compare)
    groups.demo(compare, seed=False)


def _fill_check(check: Parser) -> None:
    check.add_argument("-o", "--output", choices=("table", "json"), help="table if not given")
    check.add_argument("--watch", action="store_true", help="then a line for each change")
    check.add_argument("--duration", type=span, metavar="S", help="end --watch after 30s or 5m")
    groups.node(check)
    groups.demo(check)


def _fill_switch(switch: Parser) -> None:
    switch.add_argument("target", choices=("evented", "generic"))
    either = switch.add_mutually_exclusive_group()
    either.add_argument("--dry-run", action="store_true", help="only the plan; so if not given")
    either.add_argument("--apply", action="store_true", help="carry it out, after asking")
    switch.add_argument(
        "--measure",
        type=span,
        metavar="S",
        help="CPU of kubelet and runtime before and after, so long each; 0: not [2m]",
    )
    switch.add_argument(
        "--accept-risks", action="store_true", help="go to events although static pods run here"
    )
    groups.switching(switch)
    groups.node(switch)
    groups.demo(switch)


def _fill_rollback(rollback: Parser) -> None:
    groups.switching(rollback)
    groups.node(rollback)


def _fill_config(config: Parser) -> None:
    config.add_argument("what", choices=("path", "show", "keys"))
    config.add_argument("-o", "--output", choices=("table", "json"), help="table if not given")
    groups.settings_file(config)
    groups.debug(config)


def _fill_simulate(simulate: Parser) -> None:
    from pleg_tui.sim import node_options
    from pleg_tui.sim.options import add_arguments

    add_arguments(simulate)
    node_options.add_arguments(simulate)
    groups.debug(simulate)


_COMMANDS: dict[str, tuple[str, str, Callable[[Parser], None]]] = {
    "demo": ("the dashboard against a simulated runtime", "", _fill_demo),
    "pods": ("the node's pods, once", _PODS_TEXT, _fill_pods),
    "events": ("what happens, a line each", _EVENTS_TEXT, _fill_events),
    "compare": (
        "what polling costs this node, and what events cost", _COMPARE_TEXT, _fill_compare,
    ),
    "check": (
        "is this node on events, could it be, what is in the way", _CHECK_TEXT, _fill_check,
    ),
    "switch": ("to events or back: the plan; --apply does it", _SWITCH_TEXT, _fill_switch),
    "rollback": ("put back what the newest switch changed", _ROLLBACK_TEXT, _fill_rollback),
    "config": ("the settings: their file, what is in force, the keys", _CONFIG_TEXT, _fill_config),
    "simulate": (
        "a simulated runtime alone, or a whole node, in the foreground", _SIMULATE_TEXT,
        _fill_simulate,
    ),
}  # fmt: skip
"""By its name: what it does, the text of its help ("": the same), what puts its options in."""


def _is_plain(words: Sequence[str]) -> bool:
    """The dashboard is asked for, as far as can be told: no command is named, and no help."""
    return not any(
        word in _COMMANDS or (word.startswith("-") and "h" in word.partition("=")[0])
        for word in words
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What a command line asks for; those of this process when None.

    Raises:
        UsageError: it makes no sense.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if _is_plain(words):
        with contextlib.suppress(UsageError):  # which the whole grammar says better
            options, unknown = build(commands=False).parse_known_args(words)
            if not unknown:
                return options
    options, unknown = build().parse_known_args(words)
    if unknown:
        command = getattr(options, "command", None)
        prog = f"pleg-tui {command}" if command else "pleg-tui"
        raise UsageError(f"unrecognized: {' '.join(unknown)} (see `{prog} --help`)")
    return options
