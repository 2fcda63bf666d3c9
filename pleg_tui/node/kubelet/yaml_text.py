"""YAML and JSON of the node as plain data, with what is wrong with it in a few words.

Never a traceback, never more than a bounded amount of data: a few lines of aliases may stand for
gigabytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pleg_tui.cri.clean import clean

if TYPE_CHECKING:
    from ruamel.yaml import YAML

_MAX_VALUES = 50_000
_MAX_DEPTH = 100
_MAX_TEXT = 128 << 10
"""The parser takes a second for some 30 kB."""


class NotData(Exception):
    """It is not YAML or JSON that a kubelet would take; its text says why."""


class Duplicate(Struct, frozen=True):
    """A key that a mapping has twice."""

    path: tuple[str, ...]
    line: int


class Document(Struct, frozen=True):
    """What a text says."""

    value: object
    """Dicts with text keys, lists, texts, numbers, truth values and None."""
    duplicates: tuple[Duplicate, ...] = ()
    """Of each the kubelet takes the last one, with a warning; `value` has the first."""


def parse_document(text: str) -> Document:
    """The one document in a text of YAML or JSON.

    Raises:
        NotData: it is none, has several documents, or is out of all proportion.
    """
    from ruamel.yaml.error import YAMLError

    if len(text) > _MAX_TEXT:
        raise NotData(f"is larger than {_MAX_TEXT >> 10} KiB, which no such file is")
    if _brackets(text) > _MAX_DEPTH:
        # The parser's time grows with the square of the depth.
        raise NotData("is nested too deep")
    try:
        nodes = list(_parser().compose_all(io.StringIO(text)))
        if len(nodes) > 1:
            raise NotData("has several YAML documents")
        duplicates = tuple(_duplicates(nodes[0])) if nodes and nodes[0] is not None else ()
        value = _plain(_parser().load(io.StringIO(text)), [_MAX_VALUES], 0)
    except YAMLError as error:
        raise NotData(f"is not YAML{_where(error)}") from None
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError, IndexError):
        raise NotData("has a value that cannot be read") from None
    except RecursionError:
        raise NotData("is nested too deep") from None
    return Document(value, duplicates)


def parse_json(text: str) -> object:
    """What a text of JSON says.

    Raises:
        NotData: it is not JSON.
    """
    try:
        return _plain(json.loads(text), [_MAX_VALUES], 0)
    except (ValueError, RecursionError):
        raise NotData("is not JSON") from None


def merge_patch(target: object, patch: object) -> object:
    """RFC 7386, as the kubelet lays a drop-in over its configuration; pure.

    A null takes a key away, mappings are merged key by key, and all else is replaced.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def _brackets(text: str) -> int:
    """How deep brackets are nested at the most, were none of them in quotes."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _parser() -> YAML:
    from ruamel.yaml import YAML

    parser = YAML(typ="safe", pure=True)
    parser.version = (1, 1)  # as the kubelet's library, to which "yes" and "on" are true
    parser.allow_duplicate_keys = True
    return parser


def _duplicates(top: Any) -> Iterator[Duplicate]:
    """Keys that occur twice in one mapping; aliases are followed once."""
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    seen: set[int] = set()
    stack: list[tuple[Any, tuple[str, ...]]] = [(top, ())]
    while stack:
        node, path = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            stack += [(item, path) for item in node.value]
        elif isinstance(node, MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                name = clean(key.value, 100) if isinstance(key, ScalarNode) else "?"
                if name in names and name != "<<":
                    yield Duplicate((*path, name), key.start_mark.line + 1)
                names.add(name)
                stack.append((value, (*path, name)))


def _plain(value: object, left: list[int], depth: int) -> object:
    left[0] -= 1
    if left[0] < 0 or depth > _MAX_DEPTH:
        raise NotData("holds more than any such file does")
    if isinstance(value, dict):
        return {str(key): _plain(item, left, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item, left, depth + 1) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = getattr(mark, "line", None)
    problem = clean(str(getattr(error, "problem", "") or ""), 120)
    text = "" if line is None else f" at line {line + 1}"
    return f"{text}: {problem}" if problem else text
