"""What is said in passing, a toast, the window's title: hostile text is text there, too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets._toast import Toast

from tests.hostile import EVIL, LONG, ORDERS, HostileNode, assert_inert, shown
from tests.terminal import Terminal
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import container, pod

REPOSITORY = Path(__file__).resolve().parents[2]
OPENS = {
    "live": (),
    "details": ("enter",),
    "raw": ("y",),
    "log": ("l",),
    "help": ("question_mark",),
    "sort menu": ("s",),
    "compare": ("2",),
    "node": ("4",),
}
"""Each kind of page that can be open when something is said, with the keys that open it."""


def say(stage: Stage, text: str) -> None:
    stage.app.say(text, "warn")


def notify(stage: Stage, text: str) -> None:
    stage.app.notify(text, title=text, severity="error")


async def to_be_seen(stage: Stage, text: str, what: str) -> None:
    await stage.settle()
    screen = stage.text()
    assert_inert(screen, what)
    assert not any(order in screen for order in ORDERS)
    assert not stage.app.screen.query(Toast), "a toast obeys markup"
    assert stage.app.is_running
    assert stage.app.return_code in (None, 0)


@pytest.mark.parametrize("tell", [say, notify])
@pytest.mark.parametrize("page", OPENS)
async def test_what_is_said_is_said_as_it_is_written(
    opened: Opener, page: str, tell: Callable[[Stage, str], None]
) -> None:
    """As it comes, cleaned by nobody before: an error of a library has passed no boundary."""
    async with opened(pod("web", container("app")), size=(160, 40)) as stage:
        await stage.press(*OPENS[page])
        for evil in (*EVIL, LONG):
            tell(stage, evil)
            await to_be_seen(stage, evil, f"{page}: {evil[:40]!r}")
        for markup in ("[red]x[/]", "x[/]y", "[@click=app.quit]q[/]"):
            tell(stage, markup)
            await stage.settle()
            if page != "sort menu":  # it lies over what is said
                assert markup in stage.text()


async def test_a_link_in_a_message_is_no_link(opened: Opener) -> None:
    async with opened(pod("web", container("app")), size=(160, 40)) as stage:
        stage.app.say("[@click=app.quit]here[/]")
        await stage.settle()
        place = stage.grid()[0].index("here")
        await stage.pilot.click(offset=(place + 1, 0))
        await stage.settle()
        assert stage.app.is_running
        assert stage.app.return_code is None


def test_the_window_keeps_its_title_and_no_toast_is_left_of_a_hostile_node(tmp_path: Path) -> None:
    """In a real terminal, whose title an OSC 0, 1 or 2 in a name would change."""
    (tmp_path / "home").mkdir()
    environment = {"PYTHONPATH": str(REPOSITORY), "TMUX": "", "HOME": f"{tmp_path}/home"}
    with HostileNode(tmp_path) as node, Terminal(160, 45, environment) as terminal:
        terminal.press(f"{sys.executable} -m pleg_tui -r {node.endpoint}\n")
        terminal.wait_for("p000-")
        titled = next(f"p0{n:02}-{e}" for n, e in enumerate(EVIL) if "]0;owned" in e)
        terminal.press("/")
        terminal.press("owned\r")
        terminal.wait_for(shown(titled))
        terminal.press("c")
        terminal.wait_for("copied")
        node.fail("ContainerStatus", "PodSandboxStatus", "ListContainers")
        terminal.press("d")
        terminal.wait_for("INTERNAL")
        assert terminal.title == ("", "")
        terminal.press("\x1b\x03")
        terminal.wait_for_shell()
        assert terminal.title == ("", "")
