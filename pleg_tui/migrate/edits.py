"""Minimal edits of configuration: one key changed, every other byte as it was.

Pure. Every edit is read back and held against what was meant; what does not come out so is refused.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import re
from typing import Any

from pleg_tui.cri.clean import clean
from pleg_tui.migrate import flow

GATE = "EventedPLEG"
_FLAG = re.compile(rf"(?<![\w-])({GATE}[ \t]*=[ \t]*)(?:true|false|[01TF])\b", re.I)
_COMMENT = re.compile(r"[ \t]*[#;]")
_GATES = "featureGates"


class EditRefused(Exception):
    """This text is not understood well enough to be changed; one sentence says why."""


def gate_in(data: bytes) -> bool | None:
    """What a KubeletConfiguration, YAML or JSON, sets the gate to; None: it does not.

    Raises:
        EditRefused: it is no such configuration.
    """
    gates = _load(_text(data)).get(_GATES)
    if gates is None:
        return None
    if not isinstance(gates, dict):
        raise EditRefused(f"{_GATES} is not a mapping of names to true or false")
    value = gates.get(GATE)
    if value is not None and not isinstance(value, bool):
        raise EditRefused(f"{_GATES}.{GATE} is neither true nor false")
    return value


def takes_gates_away(data: bytes) -> bool:
    """Whether a drop-in has a null that takes away what the files before it set (RFC 7386).

    Raises:
        EditRefused: it is no configuration.
    """
    config = _load(_text(data))
    gates = config.get(_GATES, {})
    return gates is None or (isinstance(gates, dict) and gates.get(GATE, False) is None)


def set_gate(data: bytes, on: bool | None) -> bytes:
    """A KubeletConfiguration, YAML or JSON, with the gate set, or without it when None.

    Comments, order, quoting and indentation stay.

    Raises:
        EditRefused: it is not understood.
    """
    now = gate_in(data)
    if now is on:
        return data
    text = _text(data)
    wanted = _expected(_load(text), on)
    for edit in (_by_lines, _in_flow):
        with contextlib.suppress(EditRefused):
            edited = edit(text, on)
            if _load(edited) == wanted and _is_json(edited) == _is_json(text):
                return edited.encode()
    raise EditRefused(f"{_GATES} is written in a way that cannot be changed safely")


def gate_drop_in(on: bool, why: str) -> bytes:
    """A kubelet drop-in that sets the gate and nothing else."""
    return (
        f"# {why}\n"
        "apiVersion: kubelet.config.k8s.io/v1beta1\n"
        "kind: KubeletConfiguration\n"
        f"{_GATES}:\n"
        f"  {GATE}: {_word(on)}\n"
    ).encode()


def gate_flags(data: bytes) -> int:
    """How many times a file of flags sets the gate."""
    return sum(len(_FLAG.findall(line)) for line in _flag_lines(_text(data)))


def set_gate_flag(data: bytes, on: bool) -> bytes:
    """A file of flags, such as kubeadm-flags.env, with its one `EventedPLEG=…` changed.

    Raises:
        EditRefused: it does not set the gate exactly once.
    """
    text = _text(data)
    if gate_flags(data) != 1:
        raise EditRefused(f"it does not set {GATE} exactly once")
    lines = text.splitlines(keepends=True)
    return "".join(
        line if _COMMENT.match(line) else _FLAG.sub(rf"\g<1>{_word(on)}", line) for line in lines
    ).encode()


def _flag_lines(text: str) -> list[str]:
    """The lines that count: EnvironmentFile= leaves out those with # or ; in front."""
    return [line for line in text.splitlines(keepends=True) if not _COMMENT.match(line)]


def crio_events(data: bytes | None, why: str) -> bytes:
    """A drop-in of CRI-O's with `enable_pod_events = true`; None: one that does not exist yet.

    Raises:
        EditRefused: it is not TOML.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if data is None:
        return f"# {why}\n[crio.runtime]\nenable_pod_events = true\n".encode()
    try:
        document = tomlkit.parse(_text(data))
        crio = document.setdefault("crio", tomlkit.table(is_super_table=True))
        crio.setdefault("runtime", tomlkit.table())["enable_pod_events"] = True
        return tomlkit.dumps(document).encode()
    except (TOMLKitError, AttributeError, TypeError) as error:
        raise EditRefused(f"it is not TOML as CRI-O's: {clean(str(error), 120)}") from None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise EditRefused("it is not UTF-8 text") from None


def _load(text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(io.StringIO(text))
    except (YAMLError, ValueError, RecursionError, AttributeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise EditRefused(
            f"it is not YAML that can be read: {clean(problem, 120)}{where}"
        ) from None
    if not isinstance(data, dict):
        raise EditRefused("it is not a KubeletConfiguration")
    return data


def _expected(data: dict[str, Any], on: bool | None) -> dict[str, Any]:
    wanted = copy.deepcopy(data)
    gates = dict(wanted.get(_GATES) or {})
    if on is None:
        gates.pop(GATE, None)
    else:
        gates[GATE] = on
    if gates:
        wanted[_GATES] = gates
    else:
        wanted.pop(_GATES, None)
    return wanted


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _by_lines(text: str, on: bool | None) -> str:
    """Change, add or remove lines in block style; anything else is refused."""
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    top = [n for n, line in enumerate(lines) if re.match(rf"{_GATES}[ \t]*:", line)]
    if not top:
        if on is None:
            raise EditRefused("nothing to remove")
        if any(re.match(r"(---|\.\.\.|%)", line) for line in lines[1:]):
            raise EditRefused("it has several documents")
        if lines and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += end
        return "".join(lines) + f"{_GATES}:{end}  {GATE}: {_word(on)}{end}"
    if len(top) > 1:
        raise EditRefused(f"{_GATES} stands twice")
    start = top[0]
    rest = lines[start].partition(":")[2].strip()
    if rest and not rest.startswith("#"):
        raise EditRefused("flow style")
    stop = start + 1
    while stop < len(lines) and (
        lines[stop][:1] in " \t" or not lines[stop].strip() or lines[stop].startswith("#")
    ):
        stop += 1
    inner = [
        (n, match)
        for n in range(start + 1, stop)
        if (match := re.match(r"""([ ]+)(["']?)([\w.-]+)\2([ \t]*:[ \t]*)(\S*)""", lines[n]))
    ]
    if not inner and on is not None:
        if not lines[start].endswith(("\n", "\r")):
            lines[start] += end
        lines.insert(start + 1, f"  {GATE}: {_word(on)}{end}")
        return "".join(lines)
    mine = [(n, match) for n, match in inner if match[3] == GATE]
    if mine:
        n, match = mine[0]
        if on is not None:
            lines[n] = lines[n][: match.start(5)] + _word(on) + lines[n][match.end(5) :]
        elif len(inner) == 1:
            # A featureGates without gates would be null: it goes too, and only these two lines.
            del lines[n], lines[start]
        else:
            del lines[n]
    elif on is not None:
        last, match = inner[-1]
        if not lines[last].endswith(("\n", "\r")):
            lines[last] += end
        lines.insert(last + 1, f"{match[1]}{GATE}: {_word(on)}{end}")
    return "".join(lines)


def _in_flow(text: str, on: bool | None) -> str:
    try:
        return flow.edit(text, _GATES, GATE, None if on is None else _word(on))
    except flow.NotFlow:
        raise EditRefused("no flow style") from None


def _word(on: bool) -> str:
    return "true" if on else "false"
