"""A kubelet's command line, taken apart as the kubelet does.

Source: spf13/pflag (`--name=value`, `--name value`, `-v4`), the kubelet's word separators (`_` for
`-`), and cliflag's MapStringBool for `--feature-gates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

CONCERNED = (
    "config",
    "config-dir",
    "container-runtime-endpoint",
    "feature-gates",
    "healthz-bind-address",
    "healthz-port",
    "hostname-override",
    "kubeconfig",
    "port",
    "provider-id",
    "read-only-port",
    "address",
    "root-dir",
    "tls-cert-file",
    "v",
)
"""The flags that are kept; others may hold secrets and do not concern us."""

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
"""As Go's strconv.ParseBool."""


class Flags(Struct, frozen=True):
    """What a command line says."""

    values: Mapping[str, str] = field(default_factory=dict)
    """The concerned flags, last one wins; "" for one that was given without a value."""
    gates: Mapping[str, bool] = field(default_factory=dict)
    """--feature-gates, all of them together."""
    problem: str = ""
    """What in --feature-gates cannot be understood; empty: all was."""


def parse_flags(arguments: Sequence[str]) -> Flags:
    """The kubelet flags in its arguments (without the program's name); pure, never raises."""
    values: dict[str, str] = {}
    gates: dict[str, bool] = {}
    problem = ""
    for name, value in _pairs(arguments):
        if name not in CONCERNED:
            continue
        if name == "feature-gates":
            more, wrong = parse_gates(value)
            gates |= more
            problem = problem or wrong
            before = values.get(name)
            values[name] = f"{before},{value}" if before else value
        else:
            values[name] = value
    return Flags(values, gates, problem)


def parse_gates(text: str) -> tuple[dict[str, bool], str]:
    """The gates in a text such as "A=true,B=false", and what of it is wrong (empty: nothing)."""
    gates: dict[str, bool] = {}
    wrong = ""
    for piece in text.split(","):
        if not piece.strip():
            continue
        name, equals, value = (part.strip() for part in piece.partition("="))
        if equals and value in _TRUE:
            gates[name] = True
        elif equals and value in _FALSE:
            gates[name] = False
        else:
            wrong = (
                wrong or f"--feature-gates has {piece.strip()!r}, which is no NAME=true or =false"
            )
    return gates, wrong


def embedded_arguments(arguments: Sequence[str]) -> list[str]:
    """The kubelet's arguments in the command line of a program that has a kubelet inside (k3s).

    `--kubelet-arg=feature-gates=A=true` stands for `--feature-gates=A=true`.
    """
    return [as_flag(value) for name, value in _pairs(arguments) if name == "kubelet-arg" and value]


def as_flag(text: str) -> str:
    """A `name=value` of a kubelet-arg as the kubelet gets it."""
    return "--" + text.lstrip("-")


def _pairs(arguments: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Each flag with its value; a flag takes the next word unless that is a flag too.

    A kubelet takes no positional arguments, so a word that is no flag is always a value.
    """
    position = 0
    while position < len(arguments):
        word = arguments[position]
        position += 1
        if word == "--":
            return
        if not word.startswith("-"):
            continue
        body = word.lstrip("-")
        if word.startswith("-v") and body[1:].isdigit():
            yield "v", body[1:]
            continue
        name, equals, value = body.partition("=")
        if not equals and position < len(arguments) and not arguments[position].startswith("-"):
            value = arguments[position]
            position += 1
        yield name.replace("_", "-"), value
