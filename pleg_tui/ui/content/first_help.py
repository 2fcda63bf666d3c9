"""What a first-time user is told: a hint for the first runs, and the first part of the help."""

from __future__ import annotations

from collections.abc import Callable

from pleg_tui.ui.content.lines import Item, Line, Part, bar_line

KeyName = Callable[[str, str], str]
"""What the key of a binding is called, by its id, or else as it is usually."""

_WIDTH = 18
_HINTS = (
    ("app.help", "?", "every key and figure"),
    ("view.filter", "/", "filter: state:oom"),
    ("look.details", "enter", "why and when"),
    ("look.logs", "l", "its log"),
)


def hint_line(width: int, key: KeyName) -> Line:
    """The keys to begin with, as many as there is room for."""
    items = [Item((Part("New here?", "strong"),))]
    items += [
        Item((Part(key(name, usual), "key"), Part(f" {says}")), rank)
        for rank, (name, usual, says) in enumerate(_HINTS)
    ]
    return bar_line(items, [Item((Part("any key closes this", "dim"),), len(_HINTS))], width)


def what_died(key: KeyName) -> list[Line]:
    """How to find what died, why, when, and what it said last."""
    told = [
        (f"{key('view.filter', '/')} state:oom",
         "Only what was killed for memory; or error, crashloop, exited, evicted"),
        (key("view.unhealthy", "!"), "Only what is unhealthy or restarted within 10 minutes"),
        (key("look.details", "enter"), "Why it ended and when: reason, exit code, signal, times"),
        (key("look.logs", "l"), "Its last lines of log;  p  those of the instance before"),
    ]  # fmt: skip
    return _section("What died, why, when, and its last words", told)


def filter_lines() -> list[Line]:
    """The language of the filter line."""
    return _section(
        "The filter line: words that must all hold",
        [
            ("web", "Anywhere in namespace/pod, container, image; an id from 4 characters on"),
            ('"two words"', "With spaces, or with signs that mean nothing"),
            ("~^web-[0-9]", "A regular expression, also /…/; a capital letter minds the case"),
            ("!web", "Leaves out what matches; goes before any of these"),
            ("ns:kube-system", "The namespace alone; tab completes it, and states"),
            ("state:oom,error", "One of: running exited created completed error oom crashloop"),
            ("", "evicted stopped unknown unhealthy restarted; of pods: ready"),
            ("", "notready starting stopping removed. Of events: what each led to"),
            ("-l app=web", "A label; also app!=web, app, and several with commas"),
        ],
    )


def health_lines() -> list[Line]:
    """What the figures of the status line are."""
    return _section(
        "The status line",
        [
            ("lost", "Messages this program dropped because its screen was too slow"),
            ("missed", "Changes that no event announced: a listing found them"),
            ("unreadable", "Messages of the runtime that could not be understood"),
            ("cpu, mem", "What this program itself costs: of one core; resident memory"),
        ],
    )


def _section(title: str, told: list[tuple[str, str]]) -> list[Line]:
    lines: list[Line] = [(), (Part(f" {title}", "section"),)]
    for name, says in told:
        lines.append((Part(f"   {name:<{_WIDTH}}", "key"), Part(says)))
    return lines
