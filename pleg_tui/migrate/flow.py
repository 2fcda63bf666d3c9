"""The gate in flow style, which JSON is too: `featureGates: {A: true}`; every other byte stays.

Pure. The parser says where each key and value stands, and only there the text is changed.
"""

from __future__ import annotations

import io
from typing import Any

Pair = tuple[Any, Any]


class NotFlow(Exception):
    """It is not written so, or not so that it can be changed in its place."""


def edit(text: str, gates: str, gate: str, word: str | None) -> str:
    """The text with the gate set to the word, or taken away when that is None.

    The caller reads the result back and holds it against what was meant.

    Args:
        text: YAML or JSON, one document, a mapping.
        gates: the key of the mapping that holds the gates.
        gate: its name.
        word: true or false.

    Raises:
        NotFlow: it cannot be done here.
    """
    top = _compose(text)
    pairs = _pairs(top)
    at = next((n for n, (key, _) in enumerate(pairs) if key.value == gates), None)
    if at is None:
        if word is None or not top.flow_style:
            raise NotFlow
        return _added(text, top, gates, lambda gap: _mapping(gap, gate, word))
    value = pairs[at][1]
    if value.id != "mapping" or not value.flow_style or value.anchor:
        raise NotFlow
    inner = _pairs(value)
    mine = next((n for n, (key, _) in enumerate(inner) if key.value == gate), None)
    if mine is None:
        if word is None:
            raise NotFlow
        return _added(text, value, gate, lambda _: word)
    if word is not None:
        old = inner[mine][1]
        return text[: old.start_mark.index] + word + text[old.end_mark.index :]
    if len(inner) > 1:
        return _without(text, inner, mine)
    if top.flow_style:
        return _without(text, pairs, at)
    return _without_lines(text, pairs[at])


def _compose(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        top = YAML(typ="safe", pure=True).compose(io.StringIO(text))
    except (YAMLError, ValueError, RecursionError, AttributeError):
        raise NotFlow from None
    if top is None or top.id != "mapping":
        raise NotFlow
    return top


def _pairs(node: Any) -> list[Pair]:
    found: list[Pair] = node.value
    if any(key.id != "scalar" for key, _ in found):
        raise NotFlow
    return found


def _added(text: str, node: Any, key: str, value: Any) -> str:
    """With one more pair at the end of a flow mapping, spaced as the pairs before it."""
    pairs = _pairs(node)
    start = node.start_mark.index + 1
    if not pairs:
        quote = '"' if text.lstrip("\ufeff \t\r\n").startswith("{") else ""
        return f"{text[:start]}{quote}{key}{quote}: {value('')}{text[start:]}"
    last_key, last = pairs[-1]
    begin, end = last_key.start_mark.index, last.end_mark.index
    before = text[start if len(pairs) == 1 else pairs[-2][1].end_mark.index : begin]
    gap = before.lstrip(",") if not before.strip(", \t\r\n") else " "
    gap = gap if "\n" in gap or len(pairs) > 1 else " "
    if "," not in before and len(pairs) > 1:
        raise NotFlow
    quote = text[begin] if text[begin] in "\"'" else ""
    colon = text[last_key.end_mark.index : last.start_mark.index]
    colon = colon if not colon.strip(": \t") else ": "
    return f"{text[:end]},{gap}{quote}{key}{quote}{colon}{value(gap)}{text[end:]}"


def _mapping(gap: str, gate: str, word: str) -> str:
    """A flow mapping of one gate; on lines of its own where the pairs around it are."""
    if "\n" not in gap:
        return f'{{"{gate}": {word}}}'
    indent = gap[gap.rindex("\n") + 1 :]
    return f'{{{gap}{indent}"{gate}": {word}{gap}}}'


def _without(text: str, pairs: list[Pair], at: int) -> str:
    if at > 0:
        start, stop = pairs[at - 1][1].end_mark.index, pairs[at][1].end_mark.index
    elif len(pairs) > 1:
        start, stop = pairs[0][0].start_mark.index, pairs[1][0].start_mark.index
    else:
        raise NotFlow
    return text[:start] + text[stop:]


def _without_lines(text: str, pair: Pair) -> str:
    """Without the lines of a pair that has them for itself."""
    start, stop = pair[0].start_mark.index, pair[1].end_mark.index
    end = text.find("\n", stop)
    rest = text[stop : end if end >= 0 else len(text)].strip()
    if (start and text[start - 1] != "\n") or (rest and not rest.startswith("#")):
        raise NotFlow
    return text[:start] + (text[end + 1 :] if end >= 0 else "")
