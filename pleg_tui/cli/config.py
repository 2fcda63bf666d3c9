"""`config path|show|keys`: where the settings are, what is in force and why, and the keys."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from pleg_tui.cli import looks, settings
from pleg_tui.cli.connect import TIMEOUT_S
from pleg_tui.cli.errors import GOOD, UsageError, say
from pleg_tui.cli.settings import KEYS, Effective, Resolved
from pleg_tui.cli.table import align
from pleg_tui.cri.clean import clean
from pleg_tui.ui.memory import MemoryFault
from pleg_tui.ui.options import default_fps, default_theme, needs_ascii

CONFIG_SCHEMA = "pleg-tui/config/v1"
KEYS_SCHEMA = "pleg-tui/keys/v1"


def run(options: Namespace) -> int:
    """Print what was asked for; returns the exit code.

    Raises:
        UsageError: the settings make no sense, or there is no place for them.
    """
    environ = os.environ
    code = GOOD
    as_json = getattr(options, "output", "table") == "json"
    if options.what == "path":
        path, _ = settings.path_of(options, environ)
        if not path:
            raise UsageError("there is no home folder to look for settings in: set HOME")
        lines = [clean(path)]
    elif options.what == "show":
        lines = _show(settings.resolve(options, environ), environ, as_json)
    else:
        others: dict[str, str] = {}
        try:
            others = looks.keymap(settings.load(options, environ))
        except UsageError as error:
            # Whoever mends the settings wants this list to do so: it has the usual keys then.
            say(str(error))
            code = error.code
        lines = _keys(others, as_json)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return code


def _show(resolved: Resolved, environ: Mapping[str, str], as_json: bool) -> list[str]:
    found = effective(resolved, environ)
    file = resolved.file
    if as_json:
        rows = [
            {"name": name, "value": one.value, "origin": one.origin, "place": one.place or None}
            for name, one in found.items()
        ]
        told = {"path": file.path or None, "exists": file.exists}
        return [_dumps({"schema": CONFIG_SCHEMA, "file": told, "settings": rows})]
    title = clean(file.path) if file.path else "none: there is no home folder"
    lines = [f"file: {title}{'' if file.exists or not file.path else ' (not there)'}", ""]
    table = [("SETTING", "VALUE", "FROM", "WHERE")]
    table += [(name, _text(one.value), one.origin, one.place) for name, one in found.items()]
    return lines + align(table)


def effective(resolved: Resolved, environ: Mapping[str, str]) -> dict[str, Effective]:
    """Every setting in force, those that nobody set too, by its full name.

    Raises:
        UsageError: a name means nothing.
    """
    looks.order(resolved)
    looks.keymap(resolved.file)
    usual: dict[str, Effective] = {
        "dashboard.theme": _default(default_theme(environ), "what suits the terminal"),
        "dashboard.fps": _default(default_fps(environ), "fewer over SSH"),
        "dashboard.mouse": _default(True),
        "dashboard.ascii": _default(needs_ascii(environ), "what suits the locale"),
        "dashboard.hint": _default(True, "in the first runs"),
        "dashboard.columns": _columns(environ),
        "dashboard.sort": _default("name"),
        "runtime.source": _default("auto"),
        "runtime.timeout": _default(TIMEOUT_S, "unless crictl's configuration names one"),
        "runtime.metrics": _default(None, "where its configuration says"),
        "kubelet.insecure": _default(False),
    }
    unset = _default(None, "found on the node, or done without")
    usual = dict.fromkeys(settings.RULES, unset) | usual
    found = {name: resolved.set.get(name, usual[name]) for name in settings.RULES}
    if (chosen := looks.columns(resolved)) is not None:
        said = found["dashboard.columns"]
        found["dashboard.columns"] = Effective(chosen, said.origin, said.place)
    for name, keys in resolved.file.keys.items():
        at = resolved.file.place(KEYS, *name.split("."))
        found[f"{KEYS}.{name}"] = Effective(keys, "file", at)
    return found


def _default(value: Any, why: str = "") -> Effective:
    return Effective(value, "default", why)


def _columns(environ: Mapping[str, str]) -> Effective:
    memory = looks.remembered(environ)
    try:
        chosen = memory.columns() if memory is not None else None
    except MemoryFault as fault:
        return _default(None, f"{memory.path if memory else ''}: {fault}")
    if chosen is None or memory is None:
        return _default(None, "those that suit the width")
    return Effective(chosen, "remembered", str(memory.path))


def _keys(others: Mapping[str, str], as_json: bool) -> list[str]:
    from pleg_tui.ui.keys import actions, shown

    rows = []
    for action in actions().values():
        usual = [shown(key) for key in action.keys]
        other = others.get(action.id)
        keys = usual if other is None else [shown(key) for key in other.split(",")]
        rows.append({"id": action.id, "keys": keys, "usual": usual, "says": action.says})
    if as_json:
        return [_dumps({"schema": KEYS_SCHEMA, "keys": rows})]
    table = [("ID", "KEYS", "WHAT IT DOES")]
    for row in rows:
        changed = "" if row["keys"] == row["usual"] else f" (usually {' '.join(row['usual'])})"
        table.append((str(row["id"]), " ".join(row["keys"]) + changed, str(row["says"])))
    return align(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return clean(" ".join(map(str, value))) or "none"
    return clean(f"{value:g}" if isinstance(value, float) else str(value))


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2)
