"""A shell in a container: which command is run, and that the terminal comes back whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pleg_tui.feed.types import Health, Phase
from pleg_tui.model import RuntimeInfo, Source
from pleg_tui.ui.content.exec_command import (
    CommandError,
    as_text,
    as_words,
    shell_command,
    without_root,
)
from tests.terminal import Terminal
from tests.ui.conftest import Opener
from tests.ui.fakes import ENDPOINT, FakeFeed, container, exited, pod

ID = "e" * 64
PLAY = f"{sys.executable} -m tests.ui.play"


def test_the_command_names_the_endpoint_and_the_container(tmp_path: Path) -> None:
    (tmp_path / "crictl").write_text("")
    (tmp_path / "crictl").chmod(0o755)
    words, found = shell_command(ID, ENDPOINT, path=str(tmp_path))
    assert found
    assert as_text(words) == f"crictl --runtime-endpoint {ENDPOINT} exec -it {ID} sh"
    words, found = shell_command(ID, ENDPOINT, path="/nowhere", exists=lambda _: False)
    assert not found
    assert words[0] == "crictl"
    words, found = shell_command(
        ID, ENDPOINT, path="/nowhere", exists=lambda p: p == "/opt/bin/crictl"
    )
    assert (words[0], found) == ("/opt/bin/crictl", True)


def test_under_a_root_the_nodes_own_crictl_is_run_in_it() -> None:
    words, found = shell_command(
        ID,
        "unix:///host/run/crio/crio.sock",
        "/host",
        path="/nowhere",
        exists=lambda p: p == "/host/usr/bin/crictl",
    )
    assert found
    assert words[:5] == [
        "chroot", "/host", "/usr/bin/crictl", "--runtime-endpoint", "unix:///run/crio/crio.sock",
    ]  # fmt: skip
    assert without_root("unix:///run/x", "/host") == "unix:///run/x"


def test_what_is_typed_is_words_and_no_shell_interprets_it() -> None:
    assert as_words("crictl exec 'a b' $(id)") == ["crictl", "exec", "a b", "$(id)"]
    for text in ("", "a 'b"):
        with pytest.raises(CommandError):
            as_words(text)


async def test_the_command_is_shown_and_may_be_left(opened: Opener) -> None:
    async with opened(pod("web", container("app", id=ID))) as stage:
        await stage.press("j", "e")
        assert "Shell in web/app" in stage.text()
        assert f"--runtime-endpoint {ENDPOINT} exec -it" in stage.text()
        assert "crictl is not installed" in stage.text() or "crictl runs it" in stage.text()
        await stage.press("ctrl+y")
        assert stage.app.clipboard.endswith(f"exec -it {ID} sh")
        await stage.press("escape")
        assert "Shell in" not in stage.text()
        await stage.press("e")
        stage.app.screen.query_one("#command-input").value = "a 'b"  # type: ignore[attr-defined]
        await stage.press("enter")
        assert "that is not a command" in stage.text()
        await stage.press("e", "enter")
        assert "this terminal cannot be handed over" in stage.text()


async def test_where_there_can_be_no_shell(opened: Opener) -> None:
    down = exited("down", 1)
    async with opened(pod("web", down)) as stage:
        await stage.press("j", "e")
        assert "no shell: down does not run (it is exited)" in stage.text()
    info = RuntimeInfo("containerd", "v2", ENDPOINT, "v1", simulated=True)
    feed = FakeFeed(health=Health(phase=Phase.LIVE, runtime=info, source=Source.CONTAINERD))
    async with opened(pod("web", container("app")), feed=feed) as stage:
        await stage.press("j", "e")
        assert "no shell: the runtime is simulated" in stage.text()


async def test_of_a_pod_the_container_is_picked(opened: Opener) -> None:
    web = pod("web", container("one"), container("two"), exited("three", 0))
    async with opened(web) as stage:
        await stage.press("e")
        assert "Shell in" in stage.text()
        assert "three  completed" not in stage.text()
        await stage.press("2")
        assert "Shell in web/two" in stage.text()
        await stage.press("escape", "l")
        assert "three  completed" in stage.text()


FAKES = {
    "good": 'echo "args: $*"; stty raw -echo; printf "\\033[?1049h\\033[?1000h\\033[31mIN"; '
    'stty sane; read -r line; echo "got $line"; stty raw -echo; exit 0',
    "bad": 'echo "no sh in there" >&2; stty raw -echo; exit 126',
    "stops": "echo about to stop; sleep 0.5; kill -STOP $$; echo never",
    "stays": 'echo here; trap "" HUP; sleep 60',
}


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    program = tmp_path / "crictl"
    program.write_text(f"#!/bin/sh\n{FAKES[request.param]}\n")
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    with Terminal(environment=environment) as it:
        yield it


MODE = "stty -a | tr ' ' '\\n' | grep -xE -- '-?(icanon|echo)'; echo st''ill $((6*7))\n"
"""Shows the terminal's mode; what it is waited for is not in what is typed."""


def open_shell(terminal: Terminal) -> None:
    terminal.press(f"{PLAY}\n")
    terminal.wait_for("pod-1")
    terminal.press("je")
    terminal.wait_for("crictl runs it")
    terminal.press("\r")


def leave(terminal: Terminal) -> None:
    terminal.press("q")
    terminal.wait_for("the feed was stopped")
    terminal.wait_for_shell()
    terminal.press(MODE)
    screen = terminal.wait_for("still 42")
    assert "-icanon" not in screen
    assert "-echo" not in screen


@pytest.mark.parametrize("terminal", ["good"], indirect=True)
def test_a_shell_has_the_terminal_and_gives_it_back(terminal: Terminal) -> None:
    open_shell(terminal)
    terminal.wait_for("IN")
    terminal.press("hello\n")
    terminal.wait_for("back from the shell")
    terminal.wait_for("Pods")
    leave(terminal)


@pytest.mark.parametrize("terminal", ["bad"], indirect=True)
def test_what_went_wrong_stays_to_be_read(terminal: Terminal) -> None:
    open_shell(terminal)
    screen = terminal.wait_for("Press enter to go back")
    assert "no sh in there" in screen
    assert "ended with exit code 126" in screen
    terminal.press("\r")
    terminal.wait_for("ended with exit code 126")
    terminal.wait_for("Pods")
    leave(terminal)


@pytest.mark.parametrize("terminal", ["stops"], indirect=True)
def test_a_program_that_is_stopped_does_not_keep_the_terminal(terminal: Terminal) -> None:
    open_shell(terminal)
    terminal.wait_for("was stopped, so it was ended")
    terminal.press("\r")
    terminal.wait_for("Pods")
    leave(terminal)


@pytest.mark.parametrize("terminal", ["stays"], indirect=True)
def test_being_ended_meanwhile_leaves_the_terminal_whole(terminal: Terminal) -> None:
    from tests.terminal import children_of, command_line

    open_shell(terminal)
    terminal.wait_for("here")
    (own,) = [p for p in children_of(terminal.pid) if "tests.ui.play" in command_line(p)][:1]
    os.kill(own, 15)
    terminal.wait_for("the feed was stopped")
    terminal.wait_for_shell()
    terminal.press(MODE)
    screen = terminal.wait_for("still 42")
    assert "-icanon" not in screen
