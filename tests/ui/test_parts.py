"""The parts around the screen: when it is drawn, options, copying, its own cost, themes."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from base64 import b64decode

import pytest

from pleg_tui.ui import options
from pleg_tui.ui.ascii import ascii_text
from pleg_tui.ui.clipboard import TooLongError, copy_sequence
from pleg_tui.ui.options import THEMES, UiOptions, prepare_environment
from pleg_tui.ui.pump import AHEAD_S, Pump
from pleg_tui.ui.themes import load_theme, screens_file, style_files, styles_dir
from pleg_tui.ui.usage import UsageMeter, process_usage
from pleg_tui.ui.widgets.line_styles import MODES, STYLES


class FakeLoop:
    """A loop whose time is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, object]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, call: object) -> object:
        return self.call_later(0, call)

    def call_later(self, wait: float, call: object) -> object:
        self.calls.append((self.now + wait, call))
        return self

    def call_at(self, when: float, call: object) -> object:
        return self.call_later(when - self.now, call)

    def cancel(self) -> None:
        self.calls.clear()

    def run_to(self, now: float) -> None:
        while self.calls and self.calls[0][0] <= now:
            self.now, call = self.calls.pop(0)
            call()  # type: ignore[operator]
        self.now = now


def test_the_first_change_is_drawn_at_once_and_a_storm_only_so_often() -> None:
    loop = FakeLoop()
    drawn: list[float] = []
    pump = Pump(4, lambda: drawn.append(loop.now), loop)  # type: ignore[arg-type]
    pump.dirty()
    loop.run_to(100.0)
    assert drawn == [100.0]
    for step in range(1, 1001):
        loop.run_to(100 + step / 100)
        pump.dirty()
    assert len(drawn) == 41
    loop.run_to(111)
    assert len(drawn) == 42
    loop.run_to(120)
    pump.dirty()
    loop.run_to(120)
    assert drawn[-1] == 120.0
    assert len(drawn) == 43


@pytest.mark.parametrize("fps", [2, 4])
@pytest.mark.parametrize("apart", [0.01, 0.07, 0.1, 0.13, 0.24, 0.26, 0.6])
def test_a_change_is_drawn_within_a_tick_of_its_coming(fps: int, apart: float) -> None:
    loop = FakeLoop()
    waiting: list[float] = []
    waited: list[float] = []

    def draw() -> None:
        waited.extend(loop.now - at for at in waiting)
        waiting.clear()

    pump = Pump(fps, draw, loop)  # type: ignore[arg-type]
    for step in range(200):
        loop.run_to(100 + step * apart)
        waiting.append(loop.now)
        pump.dirty()
    loop.run_to(loop.now + 1)
    assert len(waited) == 200
    assert max(waited) <= 1 / fps + 1e-6
    if apart == 0.1:  # with time left to draw in
        assert max(waited) <= 1 / fps - AHEAD_S + 1e-6


@pytest.mark.parametrize("fps", [2, 4])
def test_ten_changes_a_second_leave_time_to_draw_in_however_they_come(fps: int) -> None:
    loop = FakeLoop()
    chance = random.Random(7)
    waiting: list[float] = []
    waited: list[float] = []
    drawn: list[float] = []

    def draw() -> None:
        drawn.append(loop.now)
        waited.extend(loop.now - at for at in waiting)
        waiting.clear()

    pump = Pump(fps, draw, loop)  # type: ignore[arg-type]
    now = 100.0
    for _ in range(500):
        now += chance.expovariate(10)
        loop.run_to(now)
        waiting.append(now)
        pump.dirty()
    assert max(waited) <= 1 / fps - AHEAD_S + 1e-6
    assert len(drawn) / (now - 100) <= fps


def test_a_listing_that_is_drawn_in_many_pieces_does_not_hold_up_what_follows() -> None:
    loop = FakeLoop()
    drawn: list[float] = []
    pump = Pump(4, lambda: drawn.append(loop.now), loop)  # type: ignore[arg-type]
    for step in range(50):
        pump.again()
        loop.run_to(100 + step / 100)
    pump.dirty()
    loop.run_to(102)
    assert drawn[-1] <= 100.49 + 0.25


@pytest.mark.parametrize(
    ("environ", "theme"),
    [
        ({"TERM": "xterm-256color"}, "pleg-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "pleg-light"),
        ({"TERM": "xterm-256color", "COLORFGBG": "15;default;0"}, "pleg-dark"),
        ({"TERM": "xterm-16color"}, "ansi-dark"),
        ({"TERM": "linux"}, "ansi-dark"),
        ({"TERM": "screen"}, "ansi-dark"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "pleg-dark"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "ansi-dark"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", "COLORFGBG": "0;15"}, "ansi-light"),
    ],
)
def test_the_theme_suits_the_terminal(environ: dict[str, str], theme: str) -> None:
    assert options.default_theme(environ) == theme


def test_fewer_repaints_over_ssh() -> None:
    assert options.default_fps({}) == 4
    assert options.default_fps({"SSH_CONNECTION": "1 2 3 4"}) == 2


def test_ascii_where_the_locale_has_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda _=True: "ANSI_X3.4-1968")
    assert options.needs_ascii({})
    monkeypatch.setattr("locale.getpreferredencoding", lambda _=True: "UTF-8")
    assert not options.needs_ascii({})
    assert options.needs_ascii({"TERM": "linux"}), "its console has too few signs"
    assert ascii_text("日本 é…─●") == "???? e~-?"


def test_what_the_admin_has_set_for_textual_stays() -> None:
    environ = {"TEXTUAL_FPS": "5"}
    prepare_environment(UiOptions(), environ)
    assert environ["TEXTUAL_FPS"] == "5"
    assert environ["TEXTUAL_ANIMATIONS"] == "none"


def test_neither_options_nor_content_load_textual_and_nothing_loads_grpc() -> None:
    code = (
        "import sys, pleg_tui.ui.options, pleg_tui.ui.content.model, pleg_tui.ui.content.pods, "
        "pleg_tui.ui.content.bars, pleg_tui.ui.content.events, pleg_tui.ui.content.details\n"
        "assert 'textual' not in sys.modules\n"
        "import pleg_tui.ui.app, pleg_tui.ui.screens.pages, pleg_tui.ui.screens.menu\n"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'grpc']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_copying_wraps_for_tmux_and_refuses_what_no_terminal_takes() -> None:
    plain = copy_sequence("pod é", {})
    assert b64decode(plain.removeprefix("\x1b]52;c;").removesuffix("\x07")).decode() == "pod é"
    assert copy_sequence("x", {"TMUX": "1"}).endswith("\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\")
    assert copy_sequence("x", {"TERM": "screen"}) == "\x1bP\x1b]52;c;eA==\x07\x1b\\"
    with pytest.raises(TooLongError):
        copy_sequence("x" * 100_000, {})


def test_its_own_cost_is_that_of_both_processes_since_the_last_reading() -> None:
    spent = {1: 10.0, 7: 3.0}

    def read(pid: int) -> tuple[float, int] | None:
        return (spent[7], 50) if pid == 7 else (spent[1], 100)

    meter = UsageMeter(read)
    assert meter.measure(7, 100.0).cpu_percent is None
    spent.update({1: 10.02, 7: 3.04})
    usage = meter.measure(7, 102.0)
    assert usage.cpu_percent == pytest.approx(3.0)
    assert usage.rss_bytes == 150
    spent[7] = 0.5
    assert meter.measure(7, 104.0).cpu_percent is not None
    assert meter.measure(None, 106.0).rss_bytes == 100
    assert process_usage(2**31 - 7) is None


def test_every_theme_has_every_colour_that_the_styles_use() -> None:
    used = {
        word.strip("$;,{}")
        for path in (*style_files(), screens_file())
        for word in path.read_text("utf-8").split()
        if word.startswith("$pleg-")
    }
    assert used
    looks = (*STYLES.values(), *MODES.values())
    used |= {said[1:] for look in looks for said in look if said.startswith("$pleg-")}
    for theme in map(load_theme, THEMES):
        assert used <= set(theme.variables), theme.name


def test_text_can_be_read_on_its_ground() -> None:
    """WCAG's contrast of at least 4.5 to 1 for text, in the themes that set a ground."""
    for name in THEMES[:2]:
        data = json.loads((styles_dir() / "themes" / f"{name}.json").read_bytes())
        variables = data["variables"]
        for ground in (data["background"], variables["pleg-bar"], variables["pleg-cursor"]):
            for tone in ("strong", "soft", "accent", "good", "busy", "warn", "bad"):
                assert contrast(variables[f"pleg-{tone}"], ground) >= 4.5, (name, tone, ground)
        assert contrast(variables["pleg-muted"], data["background"]) >= 4.5, name


def contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


async def test_the_pump_works_on_a_real_loop() -> None:
    drawn = asyncio.Event()
    pump = Pump(50, drawn.set, asyncio.get_running_loop())
    pump.dirty()
    await asyncio.wait_for(drawn.wait(), 5)
    pump.stop()
