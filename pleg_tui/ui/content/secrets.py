"""Values of environment variables in a runtime's answer, which may be secrets, hidden until asked.

They stand in the OCI specification (`process.env`, a list of NAME=VALUE), in the kubelet's request
as containerd keeps it (`envs`, a list of key and value), in image configurations (`Env`), and, as
JSON in a string, in annotations: `kubectl apply` keeps the whole pod there, with its containers'
`env`.
"""

from __future__ import annotations

import json
from typing import Any

from pleg_tui.cri.clean import clean

HIDDEN = "(value not shown)"
HIDDEN_TEXT = "(not shown: it may hold values of environment variables)"
_NAMES = frozenset({"env", "envs", "environment"})
_MAX_DEPTH = 300
_MAX_TEXT = 65536


def masked(data: Any) -> Any:
    """The same data with HIDDEN for each value; what holds none comes back as it is."""
    return _masked(data, 0)


def masked_text(text: str) -> str:
    """A string that may hold such data as JSON; one that cannot be read is hidden whole."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    # JSON may spell any letter as \\u0065.
    if '"env' not in text.lower() and "\\u00" not in text:
        return text
    try:
        value = json.loads(text)
        hidden = masked(value)
    except (ValueError, RecursionError):  # cut short, or nested absurdly deep
        return HIDDEN_TEXT
    if hidden is value:
        return text
    # What was escaped in the text is not any more.
    return clean(json.dumps(hidden, ensure_ascii=False), _MAX_TEXT)


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return masked_text(value)
    if depth > _MAX_DEPTH:
        return HIDDEN_TEXT if isinstance(value, dict | list) and value else value
    if isinstance(value, dict):
        pairs = {
            key: _environment(item, depth)
            if isinstance(key, str) and key.lower() in _NAMES
            else _masked(item, depth + 1)
            for key, item in value.items()
        }
        return pairs if any(pairs[key] is not value[key] for key in pairs) else value
    if isinstance(value, list):
        items = [_masked(item, depth + 1) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value


def _environment(value: Any, depth: int) -> Any:
    """What stands under a name such as `env`, whatever its shape is."""
    if isinstance(value, list):
        return [_variable(item, depth) for item in value] if value else value
    if isinstance(value, dict):
        return dict.fromkeys(value, HIDDEN) if value else value
    if isinstance(value, str) and value:
        return _variable(value, depth)
    return value


def _variable(item: Any, depth: int) -> Any:
    if isinstance(item, str):
        name, equals, _ = item.partition("=")
        return f"{name}={HIDDEN}" if equals else item
    if isinstance(item, dict):
        return {
            key: HIDDEN
            if str(key).lower() == "value" and other not in ("", None)
            else _masked(other, depth + 1)
            for key, other in item.items()
        }
    return HIDDEN if isinstance(item, list) and item else item
