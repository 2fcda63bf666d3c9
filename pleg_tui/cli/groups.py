"""The options that several commands have, group by group."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from pleg_tui.cli.times import seconds
from pleg_tui.feed.types import SourceChoice
from pleg_tui.ui.options import THEMES

_T = TypeVar("_T")

SOURCES = tuple(choice.value for choice in SourceChoice if choice is not SourceChoice.NONE)


def printed(parser: argparse.ArgumentParser) -> None:
    """How a list is printed."""
    parser.add_argument("-o", "--output", choices=("table", "json"), help="table if not given")
    parser.add_argument("-q", "--quiet", action="store_true", help="only ids")
    parser.add_argument("--no-trunc", action="store_true", help="ids in full")


def experiment(parser: argparse.ArgumentParser) -> None:
    """What `compare` measures, how long, and in which order."""
    parser.add_argument("-o", "--output", choices=("table", "json"), help="table if not given")
    parser.add_argument(
        "--diff", nargs=2, metavar=("A", "B"), help="measure nothing: hold two saved reports "
        "against each other, before and after a switch or an upgrade",
    )  # fmt: skip
    parser.add_argument("--save", metavar="FILE", help="write the report there as JSON, too")
    group = parser.add_argument_group("experiment")
    group.add_argument("--duration", type=span, metavar="S", help="how long: 90, 90s or 5m [5m]")
    group.add_argument("--block", type=span, metavar="S", help="length of a block [10s]")
    group.add_argument(
        "--period", type=span, metavar="S", help="of the polling; a kubelet's is 1s [1s]"
    )
    group.add_argument(
        "--seed", dest="order_seed", type=int, metavar="N",
        help="another seed, another order of the blocks; with --demo another story, too [1]",
    )  # fmt: skip
    group.add_argument(
        "--kubelet-version", metavar="V", help="whose relist the polling does [this node's]"
    )
    group.add_argument("--same", choices=("polling", "evented"), help=argparse.SUPPRESS)


def which_ones(parser: argparse.ArgumentParser, name: str, states: tuple[str, ...]) -> None:
    """The choices of `crictl pods` and `ps`; `name` is whose name --name matches."""
    from pleg_tui.cli import filters

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


def runtime(parser: argparse.ArgumentParser, *, endpoint: bool = True) -> None:
    """Where the runtime is, and how it is listened to."""
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
        "-t", "--timeout", type=span, metavar="S", help="how long it may take to answer [5s]"
    )
    group.add_argument("--source", choices=SOURCES, help="where events come from [auto]")
    settings_file(group)
    debug(group)


def switching(parser: argparse.ArgumentParser) -> None:
    """How a change of the node is made."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    restarting(parser)


def restarting(parser: argparse.ArgumentParser) -> None:
    """How services are restarted."""
    parser.add_argument(
        "--restart-command",
        metavar="COMMAND",
        help="instead of `systemctl restart {unit}`; {unit} stands for the service",
    )


def node(parser: argparse.ArgumentParser) -> None:
    """What concerns a look at the whole node."""
    runtime(parser)
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
    group.add_argument("--kubelet-pid", type=count, metavar="PID", help="which, of several")
    group.add_argument(
        "--kubelet-insecure", action="store_true", help="do not verify its certificate"
    )
    group.add_argument("--kubeconfig", metavar="FILE", help="to ask the cluster about this node")
    group.add_argument("--runtime-metrics", metavar="URL", help="the runtime's own metrics page")


def settings_file(parser: argparse._ActionsContainer) -> None:
    """Which settings file."""
    parser.add_argument(
        "--settings", metavar="FILE", help="the settings file [$PLEG_TUI_CONFIG, `config path`]"
    )


def debug(parser: argparse._ActionsContainer) -> None:
    """Where the log goes."""
    parser.add_argument("--debug", metavar="FILE", help="write a log there")


def screen(parser: argparse.ArgumentParser) -> None:
    """How the dashboard looks."""
    group = parser.add_argument_group("dashboard")
    group.add_argument("--fps", type=_fps, metavar="N", help="repaints a second [4, over SSH 2]")
    either = argparse.BooleanOptionalAction
    group.add_argument("--mouse", action=either, help="take the mouse, or leave it to the terminal")
    group.add_argument("--ascii", action=either, help="no characters beyond ASCII")
    group.add_argument(
        "--theme", choices=THEMES, help="one of " + ", ".join(THEMES), metavar="NAME"
    )


def demo(parser: argparse.ArgumentParser, *, shown: bool = True, seed: bool = True) -> None:
    """A simulated runtime instead of a real one."""
    parser.add_argument(
        "--demo",
        action="store_true",
        help="of a simulated runtime instead" if shown else argparse.SUPPRESS,
    )
    simulator(parser, shown=shown, seed=seed)


def simulator(parser: argparse.ArgumentParser, *, shown: bool = True, seed: bool = True) -> None:
    """What the simulated runtime is like."""
    from pleg_tui.sim.flavours import FLAVOURS
    from pleg_tui.sim.options import SCENARIOS
    from pleg_tui.sim.options import Options as SimulatorOptions

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


count = _checked(_number)
span = _checked(seconds)
_fps = _checked(_rate)
