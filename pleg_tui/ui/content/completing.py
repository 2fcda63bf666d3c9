"""What may be meant by a filter line that is not finished."""

from __future__ import annotations

from collections.abc import Iterable

from pleg_tui.ui.content.states import STATES


def completed(line: str, namespaces: Iterable[str]) -> str | None:
    """The line with its last word completed: a namespace after ns:, a state after state:.

    Args:
        line: as far as it is typed.
        namespaces: those that there are, each as often as may be; asked only where one is meant.
    """
    word = line.rpartition(" ")[2].removeprefix("!").lower()
    names: Iterable[str] = ()
    begun = ""
    if word.startswith("state:"):
        names, begun = STATES, word.removeprefix("state:").rpartition(",")[2]
    elif word.startswith("ns:"):
        names, begun = sorted(set(namespaces)), word.removeprefix("ns:")
    elif len(word) > 1 and "state:".startswith(word):
        names, begun = ("state:",), word
    if not begun:
        return None
    found = next((name for name in names if name.startswith(begun)), "")
    return line + found[len(begun) :] if len(found) > len(begun) else None
