"""Modules that are loaded when they are used: whoever imported them has the real ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(code: str, folder: Path) -> str:
    """What a Python of its own prints, with a folder of modules."""
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


PUT_OFF = "from pleg_tui.later import put_off\nput_off({'heavy', 'broken'})\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "heavy.py").write_text("print('loaded')\nVALUE = 1\ndef me(): return VALUE\n")
    (tmp_path / "broken.py").write_text("import missing_module\n")
    (tmp_path / "user.py").write_text("import heavy\ndef ask(): return heavy.me()\n")
    return tmp_path


def test_a_module_that_can_wait_is_loaded_once_and_when_it_is_used(folder: Path) -> None:
    code = "import heavy, user\nprint('imported')\nprint(user.ask(), heavy.me(), heavy.VALUE)"
    assert run(PUT_OFF + code, folder).split("\n")[:3] == ["imported", "loaded", "1 1 1"]


def test_what_is_set_in_it_is_set_for_all(folder: Path) -> None:
    code = "import heavy, user\nheavy.me()\nheavy.VALUE = 2\nprint(user.ask())"
    assert run(PUT_OFF + code, folder).split() == ["loaded", "2"]


def test_a_name_that_is_imported_from_it_loads_it(folder: Path) -> None:
    assert run(PUT_OFF + "from heavy import VALUE\nprint(VALUE)", folder).split() == ["loaded", "1"]


def test_a_name_that_it_does_not_have_is_missed_as_ever(folder: Path) -> None:
    code = "import heavy\nprint(hasattr(heavy, 'nothing'), getattr(heavy, 'nothing', 'none'))"
    assert run(PUT_OFF + code, folder).split() == ["loaded", "False", "none"]


def test_one_that_cannot_be_loaded_says_so_each_time_it_is_used(folder: Path) -> None:
    code = (
        "import broken\n"
        "for _ in range(2):\n"
        "    try: broken.x\n"
        "    except ModuleNotFoundError as error: print(error.name)\n"
    )
    assert run(PUT_OFF + code, folder).split() == ["missing_module"] * 2


def test_threads_that_use_it_at_once_all_find_it_whole(folder: Path) -> None:
    (folder / "heavy.py").write_text(
        "import time\nprint('loaded')\ntime.sleep(0.2)\ndef me(): return 'whole'\n"
    )
    code = (
        "import heavy, threading\n"
        "def use(): print(heavy.me() + '\\n', end='')\n"
        "threads = [threading.Thread(target=use) for _ in range(5)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
    )
    assert sorted(run(PUT_OFF + code, folder).split()) == ["loaded", *["whole"] * 5]
