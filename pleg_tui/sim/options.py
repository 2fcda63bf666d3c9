"""What a simulator can be told, and its command line; imports no grpc.

The command line's `simulate` subcommand and `python -m pleg_tui.sim` share `add_arguments`.
"""

from __future__ import annotations

import argparse

from msgspec import Struct
from msgspec.structs import fields

from pleg_tui.sim.flavours import DEFAULT_FLAVOUR, FLAVOURS

SCENARIOS = ("steady", "rollout", "crashloop", "oom", "eviction", "jobs", "storm")
MAX_PODS = 20_000


class Options(Struct):
    """Everything that shapes one simulated runtime."""

    socket: str = ""
    """Path of the unix socket; empty: one in a temporary folder."""
    flavour: str = DEFAULT_FLAVOUR
    scenario: str = "steady"
    pods: int = 20
    """Pods that live from the start; a scenario keeps their number about the same."""
    churn: float = 1.0
    """How busy: 1 changes something at least once a second, 0 nothing by itself."""
    speed: float = 5.0
    """How much faster than in life the kubelet's waits pass (back-off 10, 20, 40 s and so on)."""
    seed: int = 1
    log_dir: str = ""
    """Where CRI log files grow; empty: a temporary folder that goes with the simulator."""
    version: str = ""
    """Another runtime version than the flavour's; "+simulated" is added to it."""
    manual: bool = False
    """No clock of its own: time passes only when `Simulator.step` or `run` says so (tests)."""
    began_ns: int = 0
    """Wall time, ns, at which its story began; 0: now. What has happened since an earlier time is
    caught up with quietly at the start: so pods outlive a restart of their runtime's process."""
    parent_pid: int = 0
    """End when this process is gone; 0: never for that reason."""
    temporary: str = ""
    """A folder made for this simulator, which it removes when it ends."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ValueError: in one clear sentence.
        """
        if self.flavour not in FLAVOURS:
            raise ValueError(f"unknown flavour {self.flavour!r}: one of {', '.join(FLAVOURS)}")
        if self.scenario not in SCENARIOS:
            raise ValueError(f"unknown scenario {self.scenario!r}: one of {', '.join(SCENARIOS)}")
        if not 0 <= self.pods <= MAX_PODS:
            raise ValueError(f"pods must be 0 to {MAX_PODS}, not {self.pods}")
        if not 0 <= self.churn <= 1000:
            raise ValueError(f"churn must be 0 to 1000, not {self.churn}")
        if not 0.01 <= self.speed <= 1000:
            raise ValueError(f"speed must be 0.01 to 1000, not {self.speed}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the simulator's arguments to a parser; read the result with `from_namespace`."""
    default = Options()
    parser.add_argument("--socket", metavar="PATH", default="", help="the unix socket to serve on")
    parser.add_argument("--flavour", choices=tuple(FLAVOURS), default=default.flavour)
    parser.add_argument("--scenario", choices=SCENARIOS, default=default.scenario)
    parser.add_argument("--pods", type=int, metavar="N", default=default.pods)
    parser.add_argument(
        "--churn", type=float, metavar="X", default=default.churn, help="0: still, 1: lively"
    )
    parser.add_argument(
        "--speed",
        type=float,
        metavar="X",
        default=default.speed,
        help="how much faster than in life the kubelet's waits pass",
    )
    parser.add_argument("--seed", type=int, metavar="N", default=default.seed)
    parser.add_argument("--log-dir", metavar="DIR", default="", help="where container logs grow")
    parser.add_argument(
        "--runtime-version",
        dest="version",
        metavar="V",
        default="",
        help='another version than the flavour\'s ("+simulated" is added)',
    )
    parser.add_argument("--temporary", metavar="DIR", default="", help=argparse.SUPPRESS)
    parser.add_argument("--parent-pid", type=int, metavar="PID", default=0, help=argparse.SUPPRESS)


def from_namespace(namespace: argparse.Namespace) -> Options:
    """The options that a parsed command line asks for.

    Raises:
        ValueError: a value makes no sense; the text is one clear sentence.
    """
    known = {field.name for field in fields(Options)}
    return Options(**{k: v for k, v in vars(namespace).items() if k in known})


def to_arguments(options: Options) -> list[str]:
    """The command line that asks for these options (without `manual`, which a child cannot be)."""
    pairs = {
        "--socket": options.socket,
        "--flavour": options.flavour,
        "--scenario": options.scenario,
        "--pods": options.pods,
        "--churn": options.churn,
        "--speed": options.speed,
        "--seed": options.seed,
        "--log-dir": options.log_dir,
        "--runtime-version": options.version,
        "--parent-pid": options.parent_pid,
        "--temporary": options.temporary,
    }
    return [f"{name}={value}" for name, value in pairs.items() if value != ""]
