"""Settings: a small TOML file, the environment above it, the command line above both.

What is in the file is judged whole: a key that does not exist, a value of a wrong type and a word
that means nothing are each one sentence with the place and the nearest right name. The names of
columns, orders and keys are the screens' own and are looked at only by what shows them (looks.py).
"""

from __future__ import annotations

import os
import stat
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from pleg_tui.cli.errors import UsageError
from pleg_tui.cli.times import seconds
from pleg_tui.cri.clean import clean
from pleg_tui.feed.types import SourceChoice
from pleg_tui.ui.options import THEMES

FILE_VARIABLE = "PLEG_TUI_CONFIG"
SOURCES = tuple(choice.value for choice in SourceChoice if choice is not SourceChoice.NONE)
FPS_LEAST, FPS_MOST = 0.2, 60.0
KEYS = "keys"
_MOST_BYTES = 1 << 20
_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


class Rule(Struct, frozen=True):
    """One setting: what may stand there, and what it is called elsewhere."""

    read: Callable[[Any], Any]
    """Takes what the file has; raises ValueError: what is wanted."""
    variable: str = ""
    """Of the environment."""
    option: str = ""
    """The attribute that the command line's flag has in the parsed options."""
    from_text: Callable[[str], Any] = str
    """The environment's text as the file would have it; what makes no sense stays a text."""


class Effective(Struct, frozen=True):
    """A setting as it is in force."""

    value: Any
    origin: str
    """default, file, environment or flag."""
    place: str = ""
    """Where it was said: file and line, or the variable."""


class File(Struct, frozen=True):
    """What a settings file says. An empty path: there is none."""

    path: str = ""
    exists: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)
    """By their full name, as dashboard.theme; checked."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys chosen, by the binding's id; their names are not yet checked."""
    text: str = ""

    def place(self, *names: str) -> str:
        """The file and, where it is found, the line in which something is set."""
        line = line_of(self.text, names)
        return f"{clean(self.path)}:{line}" if line else clean(self.path)


class Resolved(Struct, frozen=True):
    """Every setting in force, by its full name; those that nobody set are not among them."""

    file: File
    set: Mapping[str, Effective]

    def value(self, name: str) -> Any:
        """What somebody set; None where nobody did."""
        found = self.set.get(name)
        return None if found is None else found.value


def nearest(wrong: str, names: tuple[str, ...] | list[str]) -> str:
    """The end of a sentence about a wrong name: ": did you mean x?", or all names if few."""
    from difflib import get_close_matches

    found = get_close_matches(wrong, names, 1, 0.6)
    if found:
        return f": did you mean {found[0]}?"
    return f": there are {', '.join(names)}" if 0 < len(names) <= 12 else ""


# -- what may stand there


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def _flag_of(text: str) -> bool | str:
    word = text.lower()
    return word in _YES if word in (*_YES, *_NO) else text


def _fps(value: Any) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not FPS_LEAST <= value <= FPS_MOST:
        raise ValueError(f"a number from {FPS_LEAST:g} to {FPS_MOST:g}")
    return float(value)


def _number_of(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _span(value: Any) -> float:
    number = -1.0
    if isinstance(value, str):
        try:
            number = seconds(value)
        except ValueError:
            number = -1.0
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e9 else -1.0
    if not 0 < number < 1e9:
        raise ValueError('a span of time above 0: seconds as a number, or "10s", "1m30s"')
    return number


def _one_of(names: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if isinstance(value, str) and value in names:
            return value
        near = nearest(value, names) if isinstance(value, str) else nearest("", names)
        raise ValueError(f"one of its names{near}")

    return read


def _word(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError("a word in quotes")


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(word, str) and word for word in value):
        return tuple(value)
    raise ValueError('a list of words, such as ["restarts", "age"]')


def _keys(value: Any) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
        found: list[str] = []
        for word in words:
            found += [word] if word in (",", " ") else [part.strip() for part in word.split(",")]
        if all(found):
            return tuple(found)
    raise ValueError('a key, such as "ctrl+f", or a list of keys')


RULES: dict[str, Rule] = {
    "dashboard.theme": Rule(_one_of(THEMES), "PLEG_TUI_THEME", "theme"),
    "dashboard.fps": Rule(_fps, "PLEG_TUI_FPS", "fps", _number_of),
    "dashboard.mouse": Rule(_flag, "PLEG_TUI_MOUSE", "mouse", _flag_of),
    "dashboard.ascii": Rule(_flag, "PLEG_TUI_ASCII", "ascii", _flag_of),
    "dashboard.hint": Rule(_flag, "PLEG_TUI_HINT", "", _flag_of),
    "dashboard.columns": Rule(_words),
    "dashboard.sort": Rule(_word),
    "runtime.source": Rule(_one_of(SOURCES), "PLEG_TUI_SOURCE", "source"),
    "runtime.timeout": Rule(_span, "", "timeout"),
    "runtime.metrics": Rule(_word, "", "runtime_metrics"),
    "kubelet.url": Rule(_word, "", "kubelet_url"),
    "kubelet.cert": Rule(_word, "", "kubelet_cert"),
    "kubelet.key": Rule(_word, "", "kubelet_key"),
    "kubelet.token-file": Rule(_word, "", "kubelet_token_file"),
    "kubelet.ca": Rule(_word, "", "kubelet_ca"),
    "kubelet.insecure": Rule(_flag, "", "kubelet_insecure"),
    "kubelet.log": Rule(_word, "", "kubelet_log"),
    "kubelet.kubeconfig": Rule(_word, "", "kubeconfig"),
}
SECTIONS = ("dashboard", KEYS, "kubelet", "runtime")


# -- the file


def path_of(options: Namespace, environ: Mapping[str, str]) -> tuple[str, bool]:
    """Which file it is, and whether it was named and so must exist; "" where there is no home."""
    named = getattr(options, "settings", "") or environ.get(FILE_VARIABLE, "")
    if named:
        return os.path.expanduser(named), True  # noqa: PTH111 - "~nobody" may be no home
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # noqa: PTH117 - the specification ignores what is not
        home = os.path.expanduser("~")  # noqa: PTH111
        base = os.path.join(home, ".config") if os.path.isabs(home) else ""  # noqa: PTH117, PTH118
    return (os.path.join(base, "pleg-tui", "config.toml") if base else ""), False  # noqa: PTH118


def load(options: Namespace, environ: Mapping[str, str]) -> File:
    """Read the settings file; a usual one that is not there is an empty one.

    Raises:
        UsageError: it cannot be read, or says what makes no sense.
    """
    path, named = path_of(options, environ)
    if not path:
        return File()
    shown = clean(path)
    try:
        text = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        if named:
            said = "--settings" if getattr(options, "settings", "") else FILE_VARIABLE
            raise UsageError(f"the settings file {shown} that {said} names is missing") from None
        return File(path)
    except UnicodeDecodeError:
        raise UsageError(f"{shown} is not a text in UTF-8") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"the settings file {shown} cannot be read: {why}") from None
    return parse(text, path)


def parse(text: str, path: str) -> File:
    """What the text of a settings file says.

    Raises:
        UsageError: it makes no sense.
    """
    import tomllib

    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise UsageError(f"{clean(path)} is nested too deeply for a settings file") from None
    except ValueError as error:
        raise UsageError(f"{clean(path)} is not TOML: {clean(str(error), 200)}") from None
    values: dict[str, Any] = {}
    keys: dict[str, tuple[str, ...]] = {}
    file = File(path, True, values, keys, text)
    for section, content in data.items():
        if section not in SECTIONS:
            _unknown_section(file, section, isinstance(content, dict))
        if not isinstance(content, dict):
            raise UsageError(f"{file.place(section)}: {section} is a section: write [{section}]")
        if section == KEYS:
            for name, value in _flat(content):
                said = (f"{KEYS}.{name}", (KEYS, *name.split(".")), value)
                keys[name] = _checked(file, _keys, *said)
            continue
        for name, value in content.items():
            full = f"{section}.{name}"
            if full not in RULES:
                _unknown_key(file, section, name)
            values[full] = _checked(file, RULES[full].read, full, (section, name), value)
    return file


def _read(path: str) -> str:
    # Not blocking, so that opening a pipe without a writer does not hang.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("it is a folder" if stat.S_ISDIR(mode) else "it is no regular file")
        data = os.read(descriptor, _MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MOST_BYTES:
        raise ValueError("it is too long for a settings file")
    return data.decode("utf-8-sig")


def _flat(content: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Ids without quotes are tables within tables to TOML: as they were meant."""
    found: list[tuple[str, Any]] = []
    for name, value in content.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{name}.")
        else:
            found.append((before + name, value))
    return found


def _checked(
    file: File, read: Callable[[Any], Any], name: str, path: tuple[str, ...], value: Any
) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise UsageError(f"{file.place(*path)}: {_wants(name, value, error)}") from None


def _wants(name: str, value: Any, error: ValueError) -> str:
    shown = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
    said = shown or repr(value)
    return clean(f"{name} is {said[:60]}, but must be {error}", 300)


def _unknown_section(file: File, name: str, table: bool) -> None:
    place = file.place(name)
    shown = clean(name, 60)
    if not table and (home := next((full for full in RULES if full.endswith(f".{name}")), "")):
        section = home.partition(".")[0]
        raise UsageError(f"{place}: {shown} belongs into the section [{section}]")
    what = f"there is no section [{shown}]" if table else f"there is no setting {shown}"
    names = SECTIONS if table else tuple(full.partition(".")[2] for full in RULES)
    raise UsageError(f"{place}: {what}{nearest(name, names)}")


def _unknown_key(file: File, section: str, name: str) -> None:
    place = file.place(section, name)
    names = tuple(full.partition(".")[2] for full in RULES if full.startswith(f"{section}."))
    elsewhere = next((full for full in RULES if full.endswith(f".{name}")), "")
    if elsewhere:
        home = elsewhere.partition(".")[0]
        raise UsageError(f"{place}: {clean(name, 60)} belongs into the section [{home}]")
    raise UsageError(f"{place}: [{section}] has no {clean(name, 60)}{nearest(name, names)}")


def line_of(text: str, names: tuple[str, ...]) -> int:
    """The number of the line in which a name is set, or its section begins; 0: not found."""
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("["):
            section = _dotted(line.strip("[").partition("]")[0])
            here = section
        elif "=" in line and not line.startswith("#"):
            here = (*section, *_dotted(line))
        else:
            continue
        if here[: len(names)] == names:
            return number
    return 0


def _dotted(text: str) -> tuple[str, ...]:
    """The parts of a TOML key, up to its equals sign; an id in quotes is several parts."""
    parts: list[str] = []
    word = quote = ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
            word += "" if not quote else character
        elif character in "\"'":
            quote = character
        elif character == "=":
            break
        else:
            word += character
    parts = [part.strip() for part in word.split(".")]
    return tuple(parts)


# -- all together


def resolve(options: Namespace, environ: Mapping[str, str]) -> Resolved:
    """Every setting that somebody set: a flag is above the environment, that above the file.

    Raises:
        UsageError: the file or the environment says what makes no sense.
    """
    file = load(options, environ)
    found: dict[str, Effective] = {}
    for name, rule in RULES.items():
        text = environ.get(rule.variable, "") if rule.variable else ""
        said: Any = None
        if text:
            try:
                said = rule.read(rule.from_text(text))
            except ValueError as error:
                raise UsageError(_wants(f"${rule.variable}", text, error)) from None
        if rule.option and hasattr(options, rule.option):
            flag = f"--{rule.option.replace('_', '-')}"
            found[name] = Effective(getattr(options, rule.option), "flag", flag)
        elif text:
            found[name] = Effective(said, "environment", f"${rule.variable}")
        elif name in file.values:
            place = file.place(*name.split("."))
            found[name] = Effective(file.values[name], "file", place)
    return Resolved(file, found)


def apply(options: Namespace, resolved: Resolved) -> None:
    """Give the parsed options what they leave open."""
    simulated = hasattr(options, "demo") or getattr(options, "command", None) == "demo"
    for name, effective in resolved.set.items():
        option = RULES[name].option
        if simulated and (name.startswith("kubelet.") or name == "runtime.metrics"):
            continue  # of a real node, which is not looked at
        if option and not hasattr(options, option):
            setattr(options, option, effective.value)
