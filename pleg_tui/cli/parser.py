"""The command line's grammar: which words there are and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from pleg_tui.cli import filters
from pleg_tui.cli.errors import UsageError
from pleg_tui.cli.times import seconds
from pleg_tui.feed.types import SourceChoice
from pleg_tui.sim import node_options
from pleg_tui.sim.flavours import FLAVOURS
from pleg_tui.sim.options import SCENARIOS, add_arguments
from pleg_tui.sim.options import Options as SimulatorOptions
from pleg_tui.ui.options import THEMES
from pleg_tui.version import __version__

_T = TypeVar("_T")

SOURCES = tuple(choice.value for choice in SourceChoice if choice is not SourceChoice.NONE)

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


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing, and takes no abbreviations."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        """Wrong usage.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def build() -> Parser:
    """The whole grammar. Every option is absent from the result unless it was given."""
    root = Parser(
        prog="pleg-tui",
        argument_default=argparse.SUPPRESS,
        description="Live pods and containers of one Kubernetes node, from the runtime's events.",
        epilog=_ROOT_EPILOG,
    )
    root.add_argument("--version", action="version", version=f"pleg-tui {__version__}")
    _node(root)
    _restarting(root)
    _screen(root)
    root.add_argument("-o", "--output", choices=("table", "json"), help=argparse.SUPPRESS)
    _demo(root, shown=False)
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, help_: str, text: str = "") -> argparse.ArgumentParser:
        sentence = help_[0].upper() + help_[1:]
        return commands.add_parser(
            name,
            help=help_,
            description=text or f"{sentence}.",
            epilog=_EXIT_CODES,
            argument_default=argparse.SUPPRESS,
        )

    demo = command("demo", "the dashboard against a simulated runtime")
    _runtime(demo, endpoint=False)
    _screen(demo)
    _simulator(demo)

    pods = command("pods", "the node's pods, once", _PODS_TEXT)
    _printed(pods)
    pods.add_argument("-a", "--all", action="store_true", help="every container, ended ones too")
    _filters(pods, "a pod's name", filters.POD_STATES)
    pods.add_argument("-n", "--last", type=_count, metavar="N", help="only the N newest")
    pods.add_argument("-l", "--latest", action="store_true", help="only the newest")
    _runtime(pods)
    _demo(pods)

    events = command("events", "what happens, a line each", _EVENTS_TEXT)
    _printed(events)
    events.add_argument(
        "-a", "--all", action="store_true", help="also what the runtime replays from before"
    )
    _filters(events, "a pod's or container's name", filters.EVENT_STATES)
    events.add_argument("-n", "--count", type=_count, metavar="N", help="end after N events")
    events.add_argument("--duration", type=_span, metavar="S", help="end after 30s, 5m or 1h30m")
    events.add_argument("--wait", action="store_true", help="wait for a runtime that is not there")
    events.add_argument(
        "--relist-model",
        action="store_true",
        help="also what a relist once a second would have seen of it (modelled)",
    )
    _runtime(events)
    _demo(events)

    compare = command(
        "compare", "what polling costs this node, and what events cost", _COMPARE_TEXT
    )
    _compare(compare)
    _runtime(compare)
    _demo(compare, seed=False)

    check = command("check", "is this node on events, could it be, what is in the way", _CHECK_TEXT)
    check.add_argument("-o", "--output", choices=("table", "json"), help="table if not given")
    check.add_argument("--watch", action="store_true", help="then a line for each change")
    check.add_argument("--duration", type=_span, metavar="S", help="end --watch after 30s or 5m")
    _node(check)
    _demo(check)

    switch = command("switch", "to events or back: the plan; --apply does it", _SWITCH_TEXT)
    switch.add_argument("target", choices=("evented", "generic"))
    either = switch.add_mutually_exclusive_group()
    either.add_argument("--dry-run", action="store_true", help="only the plan; so if not given")
    either.add_argument("--apply", action="store_true", help="carry it out, after asking")
    switch.add_argument(
        "--measure",
        type=_span,
        metavar="S",
        help="CPU of kubelet and runtime before and after, so long each; 0: not [2m]",
    )
    switch.add_argument(
        "--accept-risks", action="store_true", help="go to events although static pods run here"
    )
    _switching(switch)
    _node(switch)
    _demo(switch)

    rollback = command("rollback", "put back what the newest switch changed", _ROLLBACK_TEXT)
    _switching(rollback)
    _node(rollback)

    config = command("config", "the settings: their file, what is in force, the keys", _CONFIG_TEXT)
    config.add_argument("what", choices=("path", "show", "keys"))
    config.add_argument("-o", "--output", choices=("table", "json"), help="table if not given")
    _settings(config)
    _debug(config)

    simulate = command(
        "simulate", "a simulated runtime alone, or a whole node, in the foreground", _SIMULATE_TEXT
    )
    add_arguments(simulate)
    node_options.add_arguments(simulate)
    _debug(simulate)
    return root


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What a command line asks for; those of this process when None.

    Raises:
        UsageError: it makes no sense.
    """
    options, unknown = build().parse_known_args(arguments)
    if unknown:
        command = getattr(options, "command", None)
        prog = f"pleg-tui {command}" if command else "pleg-tui"
        raise UsageError(f"unrecognized: {' '.join(unknown)} (see `{prog} --help`)")
    return options


def _printed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=("table", "json"), help="table if not given")
    parser.add_argument("-q", "--quiet", action="store_true", help="only ids")
    parser.add_argument("--no-trunc", action="store_true", help="ids in full")


def _compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=("table", "json"), help="table if not given")
    parser.add_argument(
        "--diff", nargs=2, metavar=("A", "B"), help="measure nothing: hold two saved reports "
        "against each other, before and after a switch or an upgrade",
    )  # fmt: skip
    parser.add_argument("--save", metavar="FILE", help="write the report there as JSON, too")
    group = parser.add_argument_group("experiment")
    group.add_argument("--duration", type=_span, metavar="S", help="how long: 90, 90s or 5m [5m]")
    group.add_argument("--block", type=_span, metavar="S", help="length of a block [10s]")
    group.add_argument(
        "--period", type=_span, metavar="S", help="of the polling; a kubelet's is 1s [1s]"
    )
    group.add_argument(
        "--seed", dest="order_seed", type=int, metavar="N",
        help="another seed, another order of the blocks; with --demo another story, too [1]",
    )  # fmt: skip
    group.add_argument(
        "--kubelet-version", metavar="V", help="whose relist the polling does [this node's]"
    )
    group.add_argument("--same", choices=("polling", "evented"), help=argparse.SUPPRESS)


def _filters(parser: argparse.ArgumentParser, name: str, states: tuple[str, ...]) -> None:
    group = parser.add_argument_group("which ones (everything that is given must hold)")
    pattern = _checked(filters.pattern)
    group.add_argument(
        "--name", type=pattern, metavar="RE", help=f"a regular expression for {name}"
    )
    group.add_argument("--namespace", type=pattern, metavar="RE", help="the same for its namespace")
    group.add_argument(
        "--label",
        type=_checked(filters.label),
        action="append",
        metavar="K=V",
        help="a label of the pod; may be repeated",
    )
    group.add_argument(
        "-s",
        "--state",
        type=str.lower,
        choices=states,
        help="one of " + ", ".join(states),
        metavar="STATE",
    )
    group.add_argument(
        "-p",
        "--pod",
        "--id",
        metavar="POD",
        help="the beginning of its sandbox's id or its UID, or its whole name",
    )


def _runtime(parser: argparse.ArgumentParser, *, endpoint: bool = True) -> None:
    group = parser.add_argument_group("runtime")
    if endpoint:
        group.add_argument(
            "-r",
            "--runtime-endpoint",
            metavar="ENDPOINT",
            help="its socket [$CONTAINER_RUNTIME_ENDPOINT, then the file, then the usual places]",
        )
        group.add_argument(
            "-c",
            "--config",
            metavar="FILE",
            help="crictl's configuration file [$CRI_CONFIG_FILE, /etc/crictl.yaml]",
        )
        group.add_argument(
            "--root",
            metavar="DIR",
            help="where the node's file system is seen, /host in a debug pod",
        )
    group.add_argument(
        "-t", "--timeout", type=_span, metavar="S", help="how long it may take to answer [5s]"
    )
    group.add_argument("--source", choices=SOURCES, help="where events come from [auto]")
    _settings(group)
    _debug(group)


def _switching(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    _restarting(parser)


def _restarting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--restart-command",
        metavar="COMMAND",
        help="instead of `systemctl restart {unit}`; {unit} stands for the service",
    )


def _node(parser: argparse.ArgumentParser) -> None:
    """What concerns a look at the whole node."""
    _runtime(parser)
    group = parser.add_argument_group("kubelet (it is found without these; they let it tell more)")
    for name, value, help_ in (
        ("url", "URL", "its server, such as https://127.0.0.1:10250; none: do not ask it"),
        ("cert", "FILE", "client certificate for it"),
        ("key", "FILE", "the certificate's key"),
        ("token-file", "FILE", "a bearer token for it"),
        ("ca", "FILE", "who signed its certificate"),
        ("log", "FILE", "its log, where that is not in the journal"),
    ):
        group.add_argument(f"--kubelet-{name}", metavar=value, help=help_)
    group.add_argument("--kubelet-pid", type=_count, metavar="PID", help="which, of several")
    group.add_argument(
        "--kubelet-insecure", action="store_true", help="do not verify its certificate"
    )
    group.add_argument("--kubeconfig", metavar="FILE", help="to ask the cluster about this node")
    group.add_argument("--runtime-metrics", metavar="URL", help="the runtime's own metrics page")


def _settings(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--settings", metavar="FILE", help="the settings file [$PLEG_TUI_CONFIG, `config path`]"
    )


def _debug(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--debug", metavar="FILE", help="write a log there")


def _screen(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("dashboard")
    group.add_argument("--fps", type=_fps, metavar="N", help="repaints a second [4, over SSH 2]")
    either = argparse.BooleanOptionalAction
    group.add_argument("--mouse", action=either, help="take the mouse, or leave it to the terminal")
    group.add_argument("--ascii", action=either, help="no characters beyond ASCII")
    group.add_argument(
        "--theme", choices=THEMES, help="one of " + ", ".join(THEMES), metavar="NAME"
    )


def _demo(parser: argparse.ArgumentParser, *, shown: bool = True, seed: bool = True) -> None:
    parser.add_argument(
        "--demo",
        action="store_true",
        help="of a simulated runtime instead" if shown else argparse.SUPPRESS,
    )
    _simulator(parser, shown=shown, seed=seed)


def _simulator(parser: argparse.ArgumentParser, *, shown: bool = True, seed: bool = True) -> None:
    group = parser.add_argument_group("simulated runtime") if shown else parser
    default = SimulatorOptions()

    def add(name: str, help_: str, **settings: Any) -> None:
        group.add_argument(name, help=help_ if shown else argparse.SUPPRESS, **settings)

    flavours = tuple(FLAVOURS)
    add(
        "--scenario",
        f"{', '.join(SCENARIOS)} [{default.scenario}]",
        choices=SCENARIOS,
        metavar="NAME",
    )
    add("--flavour", f"{', '.join(flavours)} [{default.flavour}]", choices=flavours, metavar="NAME")
    add("--pods", f"how many [{default.pods}]", type=int, metavar="N")
    add("--churn", f"how busy it is; 0: still [{default.churn:g}]", type=float, metavar="X")
    if seed:
        add("--seed", f"another seed, another story [{default.seed}]", type=int, metavar="N")


def _checked(read: Callable[[str], _T]) -> Callable[[str], _T]:
    """The reader with its ValueError as argparse wants it: in its own words."""

    def checked(text: str) -> _T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1:
        raise ValueError(f"{text!r} is not a number from 1 on")
    return number


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.2 <= rate <= 60:
        raise ValueError(f"{text!r} is not a number from 0.2 to 60")
    return rate


_count = _checked(_number)
_span = _checked(seconds)
_fps = _checked(_rate)
