"""Settings: where they are, what is above what, and what is said of those that make no sense."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.cli import looks, settings
from pleg_tui.cli.errors import UsageError
from pleg_tui.ui.memory import MOST_HINTS, Memory
from tests.cli.conftest import Run
from tests.cli.fakes import FakeFeed


def write(home: Path, text: str) -> Path:
    path = home / ".config/pleg-tui/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def shown(run: Run, *arguments: str) -> dict[str, Any]:
    ended = run(*arguments, "config", "show", "-o", "json")
    assert ended.code == 0, ended.err
    answer = json.loads(ended.out)
    assert answer["schema"] == "pleg-tui/config/v1"
    return {one["name"]: (one["value"], one["origin"]) for one in answer["settings"]}


# -- where they are


def test_the_path_is_told_whether_or_not_it_exists(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / ".config/pleg-tui/config.toml"
    assert run("config", "path").lines == [str(path)]
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/xdg-of-mine")
    assert run("config", "path").lines == ["/etc/xdg-of-mine/pleg-tui/config.toml"]
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/is/ignored")
    assert run("config", "path").lines == [str(path)]
    monkeypatch.setenv("PLEG_TUI_CONFIG", "/elsewhere.toml")
    assert run("config", "path").lines == ["/elsewhere.toml"]
    assert run("config", "path", "--settings", "~/a.toml").lines == [str(home / "a.toml")]


def test_the_usual_file_may_be_missing_and_a_named_one_may_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("config", "show").code == 0
    ended = run("config", "show", "--settings", "/nowhere.toml")
    assert ended.code == 2
    assert (
        ended.err == "pleg-tui: the settings file /nowhere.toml that --settings names is missing\n"
    )
    monkeypatch.setenv("PLEG_TUI_CONFIG", "/nowhere.toml")
    assert "that PLEG_TUI_CONFIG names is missing" in run("pods").err


def test_what_is_no_readable_file_is_one_sentence(run: Run, home: Path) -> None:
    path = write(home, "")
    path.unlink()
    path.mkdir()
    assert "cannot be read: it is a folder" in run("config", "show").err
    path.rmdir()
    os.mkfifo(path)
    assert "cannot be read: it is no regular file" in run("config", "show").err
    path.unlink()
    path.write_bytes(b"\xff\xfe")
    assert "is not a text in UTF-8" in run("config", "show").err
    path.write_bytes(b"#" * (2 << 20))
    assert "too long" in run("config", "show").err
    if os.geteuid() != 0:
        path.chmod(0)
        assert "cannot be read: Permission denied" in run("config", "show").err


# -- what is above what


def test_a_flag_is_above_the_environment_and_that_above_the_file(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(run)["dashboard.theme"][1] == "default"
    write(home, '[dashboard]\ntheme = "pleg-light"\nmouse = false\nfps = 1\n')
    assert shown(run)["dashboard.theme"] == ("pleg-light", "file")
    assert shown(run)["dashboard.mouse"] == (False, "file")
    monkeypatch.setenv("PLEG_TUI_THEME", "ansi-dark")
    monkeypatch.setenv("PLEG_TUI_FPS", "2")
    monkeypatch.setenv("PLEG_TUI_MOUSE", "yes")
    monkeypatch.setenv("PLEG_TUI_ASCII", "")
    now = shown(run)
    assert now["dashboard.theme"] == ("ansi-dark", "environment")
    assert now["dashboard.fps"] == (2.0, "environment")
    assert now["dashboard.mouse"] == (True, "environment")
    assert now["dashboard.ascii"][1] == "default"
    now = shown(run, "--theme", "pleg-dark", "--no-mouse", "--no-ascii")
    assert now["dashboard.theme"] == ("pleg-dark", "flag")
    assert now["dashboard.mouse"] == (False, "flag")
    assert now["dashboard.ascii"] == (False, "flag")


def test_the_table_says_where_each_comes_from(run: Run, home: Path) -> None:
    path = write(home, '# mine\n\n[dashboard]\nsort = "age"\n[keys]\n"view.filter" = "F9"\n')
    lines = run("config", "show").lines
    assert lines[0] == f"file: {path}"
    assert any(line.split() == ["dashboard.sort", "age", "file", f"{path}:4"] for line in lines)
    assert any(line.split() == ["keys.view.filter", "F9", "file", f"{path}:6"] for line in lines)


def test_the_file_tells_commands_that_print_of_the_runtime(run: Run, home: Path) -> None:
    write(home, '[runtime]\nsource = "relist"\ntimeout = "3s"\n')
    feed = FakeFeed()
    run("events", "--duration", "10ms", feed=feed)
    assert feed.settings is not None
    assert feed.settings.source.value == "relist"
    run("events", "--duration", "10ms", "--source", "auto", feed=feed)
    assert feed.settings.source.value == "auto"


def test_columns_that_were_remembered_are_below_the_file(run: Run, home: Path) -> None:
    Memory(home, (".local", "state", "pleg-tui")).keep(("age",))
    assert shown(run)["dashboard.columns"] == (["age"], "remembered")
    write(home, '[dashboard]\ncolumns = ["image", "name", "state"]\n')
    assert shown(run)["dashboard.columns"] == (["image", "state"], "file")


def test_the_dashboard_is_told_of_columns_order_and_keys(home: Path) -> None:
    memory = Memory(home, (".local", "state", "pleg-tui"))
    memory.keep(("age",))
    resolved = settings.resolve(Namespace(), {})
    told = looks.look(resolved, {"HOME": str(home)})
    assert told["columns"] == ("age",)
    assert told["memory"].path == memory.path
    write(home, '[dashboard]\ncolumns=["image"]\nsort="last change"\n[keys]\n"view.sort"="F9"\n')
    told = looks.look(settings.resolve(Namespace(), {}), {})
    assert told.pop("hints").path == memory.path, "this is one of the first runs"
    assert told == {"columns": ("image",), "sort": "last change", "keymap": {"view.sort": "f9"}}


def test_a_hint_is_for_the_first_runs_unless_it_is_not_wanted(home: Path) -> None:
    def hinted(**environ: str) -> bool:
        return "hints" in looks.look(settings.resolve(Namespace(), environ), environ)

    assert hinted()
    assert not hinted(PLEG_TUI_HINT="no")
    memory = Memory(home, (".local", "state", "pleg-tui"))
    memory.keep_hints(1)
    memory.keep(("age",))
    assert memory.hints() == 1, "columns and hints do not forget each other"
    assert hinted()
    memory.keep_hints(MOST_HINTS)
    assert memory.columns() == ("age",)
    assert not hinted()
    write(home, "[dashboard]\nhint = false\n")
    memory.keep_hints(0)
    assert not hinted()


def test_a_damaged_memory_is_told_of_and_stops_nothing(run: Run, home: Path) -> None:
    memory = Memory(home, (".local", "state", "pleg-tui"))
    memory.keep(("age",))
    memory.path.write_text("{")
    told = looks.look(settings.resolve(Namespace(), {}), {})
    assert "columns of last time are unknown" in told["notice"]
    assert "columns" not in told
    assert shown(run)["dashboard.columns"] == (None, "default")


# -- what makes no sense

WRONG = [
    ("[dashbord]", 1, "there is no section [dashbord]: did you mean dashboard?"),
    ('theme = "pleg-dark"', 1, "theme belongs into the section [dashboard]"),
    ('[runtime]\ntheme = "pleg-dark"', 2, "theme belongs into the section [dashboard]"),
    ("thme = 1", 1, "there is no setting thme: did you mean theme?"),
    ("\n[dashboard]\n\nthme = 1", 4, "[dashboard] has no thme: did you mean theme?"),
    ("dashboard.thme = 1", 1, "[dashboard] has no thme: did you mean theme?"),
    ('[runtime]\nsauce = "x"', 2, "[runtime] has no sauce: did you mean source?"),
    ("[runtime]\nzzz = 1", 2, "[runtime] has no zzz: there are source, timeout"),
    ("dashboard = 1", 1, "dashboard is a section: write [dashboard]"),
    ('[dashboard]\ntheme = "dark"', 2, "one of its names: did you mean pleg-dark?"),
    ("[dashboard]\ntheme = 3", 2, "dashboard.theme is 3, but must be one of its names"),
    ('[dashboard]\nfps = "2"', 2, "dashboard.fps is '2', but must be a number from 0.2 to 60"),
    ("[dashboard]\nfps = nan", 2, "must be a number from 0.2 to 60"),
    ("[dashboard]\nfps = true", 2, "dashboard.fps is true, but must be a number"),
    ('[dashboard]\nmouse = "no"', 2, "must be true or false"),
    ("[dashboard]\ncolumns = [1]", 2, "must be a list of words"),
    ('[dashboard]\ncolumns = ["imag"]', 2, "there is no column imag: did you mean image?"),
    ('[dashboard]\nsort = "restart"', 2, "nothing is sorted by restart: did you mean restarts?"),
    ('[runtime]\nsource = "cry"', 2, "did you mean cri?"),
    ('[runtime]\ntimeout = "soon"', 2, "must be a span of time above 0"),
    ("[runtime]\ntimeout = 0", 2, "must be a span of time above 0"),
    ("[keys]\n'view.filtr' = 'x'", 2, "nothing has the id 'view.filtr': did you mean view.filter?"),
    ("[keys]\nview.filter = 'pagdown'", 2, "no key has the name 'pagdown': did you mean pagedown?"),
    ("[keys]\nview.filter = 's'", 2, "s is the only key of view.sort"),
    ("[keys]\nview.filter = 'f9'\nview.sort = 'F9'", 2, "f9 is bound twice: to view.filter and"),
    ("[keys]\n'view.filter' = 'shift+g'", 2, "shift+g is the letter G to a terminal: write that"),
    ("[keys]\n'app.quit-2' = 'x'", 2, "app.quit-2 is in force even where text is typed"),
    ("[keys]\n'view.filter' = []", 2, "must be a key"),
]


@pytest.mark.parametrize(("text", "line", "says"), WRONG)
def test_what_is_wrong_is_one_sentence_with_its_place(
    run: Run, home: Path, text: str, line: int, says: str
) -> None:
    path = write(home, text)
    ended = run("config", "show")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith(f"pleg-tui: {path}:{line}: ")
    assert says in ended.err
    assert ended.err.count("\n") == 1


def test_toml_that_is_none_is_told_with_its_line(run: Run, home: Path) -> None:
    path = write(home, "[dashboard]\ntheme = dark\n")
    ended = run("pods")
    assert ended.code == 2
    assert f"{path} is not TOML" in ended.err
    assert "line 2" in ended.err
    write(home, "a = " + "[" * 100_000)
    assert "nested too deeply" in run("pods").err


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PLEG_TUI_FPS", "fast", "$PLEG_TUI_FPS is 'fast', but must be a number from 0.2 to 60"),
        ("PLEG_TUI_ASCII", "maybe", "$PLEG_TUI_ASCII is 'maybe', but must be true or false"),
        ("PLEG_TUI_THEME", "dark", "did you mean pleg-dark?"),
        ("PLEG_TUI_SOURCE", "cry", "did you mean cri?"),
    ],
)
def test_so_is_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    ended = run("config", "show")
    assert ended.code == 2
    assert says in ended.err


def test_no_escape_sequence_of_the_file_reaches_the_terminal(run: Run, home: Path) -> None:
    write(home, '["\\u001b[31m"]\n')
    assert "\x1b" not in run("config", "show").err
    write(home, '[dashboard]\n"\\u001b[31m" = 1\n')
    assert "\x1b" not in run("config", "show").err


@given(st.text(max_size=200))
def test_no_text_makes_more_than_one_sentence(text: str) -> None:
    said = ""
    try:
        settings.parse(text, "/f.toml")
    except UsageError as error:
        said = str(error)
    assert "\n" not in said


# -- the keys


def test_ids_and_keys_are_listed_as_they_may_be_written(run: Run, home: Path) -> None:
    lines = run("config", "keys").lines
    assert any(line.split()[:2] == ["view.filter", "/"] for line in lines)
    assert any(line.split()[:3] == ["app.back", "escape", "Clear"] for line in lines)
    write(home, '[keys]\n"view.filter" = ["ctrl+f", "/"]\n')
    answer = json.loads(run("config", "keys", "-o", "json").out)
    rows = {row["id"]: row for row in answer["keys"]}
    assert rows["view.filter"]["keys"] == ["ctrl+f", "/"]
    assert rows["view.filter"]["usual"] == ["/"]
    assert rows["move.page-down"]["keys"] == ["pagedown"]


def test_they_are_listed_even_while_the_file_is_wrong(run: Run, home: Path) -> None:
    write(home, '[keys]\n"view.filtr" = "x"\n')
    ended = run("config", "keys")
    assert ended.code == 2
    assert "did you mean view.filter?" in ended.err
    assert any(line.startswith("view.filter ") for line in ended.lines)
