"""What the settings say of columns, order and keys, judged by the names that the screens have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pleg_tui.cli.errors import UsageError
from pleg_tui.cli.settings import KEYS, File, Resolved, nearest
from pleg_tui.cri.clean import clean
from pleg_tui.ui.memory import MOST_HINTS, Memory, MemoryFault, place


def look(resolved: Resolved, environ: Mapping[str, str]) -> dict[str, Any]:
    """The fields of UiOptions that the settings and the memory fill.

    Raises:
        UsageError: a name means nothing, or a key would do two things.
    """
    given: dict[str, Any] = {"keymap": keymap(resolved.file)}
    if sort := order(resolved):
        given["sort"] = sort
    memory = remembered(environ)
    if memory is not None and resolved.value("dashboard.hint") is not False and _is_new(memory):
        given["hints"] = memory
    chosen = columns(resolved)
    if chosen is not None:
        return {**given, "columns": chosen}
    if memory is not None:
        given["memory"] = memory
        try:
            given["columns"] = memory.columns()
        except MemoryFault as fault:
            given["notice"] = clean(f"The columns of last time are unknown: {memory.path}: {fault}")
    return given


def remembered(environ: Mapping[str, str] = os.environ) -> Memory | None:
    """What the dashboard remembers; None where there is no home to keep it in."""
    found = place(environ)
    return None if found is None else Memory(*found)


def _is_new(memory: Memory) -> bool:
    """This is one of the first runs, as far as is known."""
    try:
        return memory.hints() < MOST_HINTS
    except MemoryFault:
        return False


def columns(resolved: Resolved) -> tuple[str, ...] | None:
    """The columns that the file names; None where it names none.

    Raises:
        UsageError: there is no such column.
    """
    found = resolved.set.get("dashboard.columns")
    if found is None:
        return None
    from pleg_tui.ui.content.columns import NAME, NAMES

    chosen = [name for name in found.value if name != NAME]  # which is always there
    for name in chosen:
        if name not in NAMES:
            near = nearest(name, NAMES)
            raise UsageError(f"{found.place}: there is no column {clean(name, 60)}{near}")
    return tuple(dict.fromkeys(chosen))


def order(resolved: Resolved) -> str:
    """What the file sorts by; "" where it does not say.

    Raises:
        UsageError: there is no such order.
    """
    found = resolved.set.get("dashboard.sort")
    if found is None:
        return ""
    from pleg_tui.ui.content.order import SortBy

    names = [sort.value for sort in SortBy]
    if found.value not in names:
        what = f"nothing is sorted by {clean(found.value, 60)}"
        raise UsageError(f"{found.place}: {what}{nearest(found.value, names)}")
    return str(found.value)


def keymap(file: File) -> dict[str, str]:
    """Other keys than usual, as Textual takes them. Loads Textual only where there are some.

    Raises:
        UsageError: there is no such id or key, or a key would do two things.
    """
    if not file.keys:
        return {}
    from pleg_tui.ui.keys import KeyChoiceError, keymap

    try:
        return keymap(file.keys)
    except KeyChoiceError as error:
        at = file.place(KEYS, *error.id.split("."))
        hint = nearest(error.wrong, list(error.near)) if error.wrong else ""
        if error.wrong and not hint:
            hint = ": `pleg-tui config keys` lists them"
        raise UsageError(clean(f"{at}: {error}{hint}", 400)) from None
