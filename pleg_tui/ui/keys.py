"""Which keys there are to choose, what each does, and whether a choice of others makes sense."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain

from msgspec import Struct
from textual.app import App
from textual.binding import Binding
from textual.keys import (
    KEY_TO_UNICODE_NAME,
    REPLACED_KEYS,
    Keys,
    _character_to_key,
    format_key,
)
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

import pleg_tui.ui

_MODIFIERS = ("alt", "ctrl", "shift")
"""In the order in which Textual puts them."""
_OTHER_NAMES = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
    "del": "delete",
    "ins": "insert",
    "ctrl+i": "tab",
    "ctrl+m": "enter",
}
"""What people write, and what Textual calls the key. A terminal sends the last two as these."""


class Action(Struct, frozen=True):
    """Something that has a key."""

    id: str
    keys: tuple[str, ...]
    """As they are unless others were chosen; Textual's names."""
    says: str
    priority: bool = False
    """Its keys are taken even from a line that is being typed."""


class KeyChoiceError(ValueError):
    """Its text is one clear sentence.

    Attributes:
        id: the binding's id, as it was written.
        wrong: the word that there is not.
        near: what there is instead: the nearest of these may have been meant.
    """

    def __init__(self, text: str, id_: str, wrong: str = "", near: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.id = id_
        self.wrong = wrong
        self.near = near


@cache
def actions() -> Mapping[str, Action]:
    """Everything that has a key, by its binding's id, made from the bindings themselves."""
    found: dict[str, Action] = {}
    every = chain.from_iterable(map(_bindings, _classes()))
    for binding in sorted(every, key=lambda binding: (binding.id or "").partition(".")[0]):
        name = binding.id or ""
        before = found.get(name)
        keys = before.keys if before is not None else ()
        says = before.says if before is not None else binding.tooltip or binding.description
        said = tuple(dict.fromkeys((*keys, *binding.key.split(","))))
        found[name] = Action(name, said, says[:1].upper() + says[1:], binding.priority)
    return found


def shown(key: str) -> str:
    """The key as it may be written in the settings file: a character where it is one."""
    sign = format_key(key)
    return sign if len(sign) == 1 and sign.isascii() and sign != "," else key


def keymap(chosen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The keymap of Textual's that makes a choice of keys come true.

    A key that was chosen for one thing is taken from another that had it and has more.

    Args:
        chosen: the keys wanted, by the binding's id; one that has a key loses those it had.

    Raises:
        KeyChoiceError: there is no such id or key, or a key would do two things.
    """
    known = actions()
    wanted: dict[str, tuple[str, ...]] = {}
    for name, keys in chosen.items():
        if name not in known:
            raise KeyChoiceError(f"nothing has the id {name!r}", name, name, tuple(known))
        wanted[name] = tuple(dict.fromkeys(_key(name, key) for key in keys))
        if not wanted[name]:
            raise KeyChoiceError(f"{name} needs a key", name)
        for key in wanted[name]:
            if known[name].priority and not _beyond_text(key):
                raise KeyChoiceError(
                    f"{name} is in force even where text is typed: {key} will not do, "
                    "a key with ctrl or alt will, or a function key",
                    name,
                )
    result = dict(wanted)
    for name, keys in wanted.items():
        for other in known.values():
            if other.id != name and _meet(known[name], other):
                left = _left(name, keys, other, wanted.get(other.id), result.get(other.id))
                if left is not None:
                    result[other.id] = left
    return {name: ",".join(keys) for name, keys in result.items()}


def _left(
    name: str,
    keys: tuple[str, ...],
    other: Action,
    wanted: tuple[str, ...] | None,
    now: tuple[str, ...] | None,
) -> tuple[str, ...] | None:
    """The keys that another action keeps; None when it has all that it had."""
    theirs = wanted or now or other.keys
    ours = actions()[name].keys
    taken = {key for key in keys if not (key in ours and key in other.keys)}
    shared = next((key for key in theirs if key in taken), None)
    if shared is None:
        return None
    if wanted is not None:
        raise KeyChoiceError(f"{shared} is bound twice: to {name} and to {other.id}", name)
    left = tuple(key for key in theirs if key not in taken)
    if not left:
        raise KeyChoiceError(
            f"{shared} is the only key of {other.id} ({other.says}): give that another one, too",
            name,
        )
    return left


def _meet(one: Action, other: Action) -> bool:
    """Keys of both may be in force at the same time."""
    if one.priority or other.priority:
        return True
    return any(one.id in together and other.id in together for together in _contexts())


def _key(name: str, text: str) -> str:
    """The key as Textual names it.

    Raises:
        KeyChoiceError: there is none of this name, or no terminal sends it.
    """
    text = text if len(text) == 1 else text.strip()
    *modifiers, key = text.split("+") if len(text) > 1 else [text]
    modifiers = [modifier.strip().lower() for modifier in modifiers]
    key = key.strip() or key
    key = key.lower() if len(key) > 1 or "ctrl" in modifiers else key
    key = _OTHER_NAMES.get(key, key)
    if "shift" in modifiers and len(key) == 1 and key.isalpha():
        if modifiers == ["shift"]:
            raise KeyChoiceError(
                f"{text} is the letter {key.upper()} to a terminal: write that", name
            )
        raise KeyChoiceError(f"terminals do not tell {text} from the same without shift", name)
    names = _key_names()
    if key not in names and not (len(key) == 1 and key.isprintable()):
        raise KeyChoiceError(f"no key has the name {text!r}", name, key, sorted(names))
    if unknown := [modifier for modifier in modifiers if modifier not in _MODIFIERS]:
        raise KeyChoiceError(f"no key has the name {text!r}", name, unknown[0], _MODIFIERS)
    if len(key) == 1:
        key = _character_to_key(key)
    whole = "+".join([m for m in _MODIFIERS if m in modifiers] + [key])
    return _OTHER_NAMES.get(whole, whole)


def _beyond_text(key: str) -> bool:
    """No line that is being typed wants this key for a character of it."""
    modifiers, _, last = key.rpartition("+")
    function = last.startswith("f") and last[1:].isdecimal()
    return function or "ctrl" in modifiers or "alt" in modifiers


@cache
def _key_names() -> frozenset[str]:
    """Names of keys without modifiers."""
    plain = {key.value for key in Keys if "+" not in key.value}
    plain -= {"ignore", "<scroll-up>", "<scroll-down>", "<sigint>", "<any>", "return"}
    plain = {key for key in plain if key.isascii() and key.replace("_", "").isalnum()}
    signs = (name for name in (*KEY_TO_UNICODE_NAME, *REPLACED_KEYS) if name)
    return frozenset((*plain, *signs, "comma", "colon", "semicolon", "space", "asterisk",
                      "ampersand", "apostrophe", "tilde"))  # fmt: skip


@cache
def _classes() -> tuple[type, ...]:
    """Every class of this room."""
    found: dict[type, None] = {}
    for module in pkgutil.walk_packages(pleg_tui.ui.__path__, "pleg_tui.ui."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and value.__module__.startswith("pleg_tui.ui."):
                found[value] = None
    return tuple(found)


def _bindings(kind: type) -> Iterator[Binding]:
    """What a class binds itself and has an id."""
    for binding in Binding.make_bindings(vars(kind).get("BINDINGS", ())):
        if binding.id:
            yield binding


@cache
def _contexts() -> frozenset[frozenset[str]]:
    """Ids of what is bound at the same time: by a widget with the focus, its screen and the app.

    A widget is on the screens whose modules know it by name. One that a screen gets only when it
    is asked for, such as a line to type in, has the keys that it binds to itself.
    """
    found: set[frozenset[str]] = set()
    app = _ids(*(kind for kind in _classes() if issubclass(kind, App)))
    for screen in _classes():
        if not issubclass(screen, Screen):
            continue
        own = _ids(screen) | (frozenset() if issubclass(screen, ModalScreen) else app)
        modules = {kind.__module__ for kind in screen.__mro__ if kind in _classes()}
        known = (vars(sys.modules[name]).values() for name in modules)
        widgets = {
            value
            for value in chain.from_iterable(known)
            if isinstance(value, type) and issubclass(value, Widget) and value in _classes()
        }
        found |= {own | _ids(widget) for widget in widgets if not issubclass(widget, Screen)}
        found.add(own)
    return frozenset(found)


def _ids(*kinds: type) -> frozenset[str]:
    every = chain.from_iterable(kind.__mro__ for kind in kinds)
    return frozenset(binding.id or "" for kind in every for binding in _bindings(kind))
