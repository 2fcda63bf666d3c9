"""What an attacker calls things is shown as text on every screen: no terminal obeys any of it."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest
from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len
from textual.widgets import Input

from pleg_tui import frames
from pleg_tui.cri import decode
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.feed.types import AskError, Notice, Phase
from pleg_tui.frames import Flag, Kind
from pleg_tui.model import Pod, Source
from pleg_tui.node.cgroups import CgroupIndex
from pleg_tui.node.processes import Processes, read_processes
from pleg_tui.sim import encode
from pleg_tui.sim.options import Options
from pleg_tui.ui.screens import processes as processes_screen
from tests.hostile import (
    EVIL,
    LONG,
    MARK,
    NO_UTF8,
    HostileNode,
    assert_harmless,
    assert_inert,
    populate,
    shown,
)
from tests.node_room.trees import Tree, process
from tests.scenes import SceneFeed
from tests.terminal import Terminal
from tests.ui.conftest import Opener, Stage, until
from tests.ui.fakes import LIVE, RUNTIME, T0, FakeFeed, event

ROOT = Path(__file__).parents[2]


class _Recorder:
    """Keeps what is written to a terminal on its way to the screen."""

    def __init__(self, stream: pyte.ByteStream) -> None:
        self._stream = stream
        self.sent = bytearray()

    def feed(self, data: bytes) -> None:
        self.sent += data
        self._stream.feed(data)


class Watched(Struct):
    """A terminal whose every byte is kept."""

    terminal: Terminal
    recorder: _Recorder

    def still(self, seconds: float = 0.6) -> str:
        """Wait until nothing has been written for a while; returns the screen."""
        end = time.monotonic() + 10
        before, since = -1, time.monotonic()
        while time.monotonic() < end:
            if len(self.recorder.sent) != before:
                before, since = len(self.recorder.sent), time.monotonic()
            elif time.monotonic() - since > seconds:
                break
            time.sleep(0.05)
        return self.terminal.text


@pytest.fixture
def watched() -> Iterator[Watched]:
    environment = {"PYTHONPATH": str(ROOT), "TMUX": "", "LANG": "C.UTF-8", "SSH_CONNECTION": ""}
    with Terminal(160, 45, environment) as terminal:
        recorder = _Recorder(terminal._stream)
        terminal._stream = recorder  # type: ignore[assignment]
        yield Watched(terminal, recorder)


def test_nothing_but_our_own_orders_reaches_the_terminal(watched: Watched, tmp_path: Path) -> None:
    """From the runtime's socket to the terminal's bytes, through every page."""
    terminal = watched.terminal
    (tmp_path / "home").mkdir()
    with HostileNode(tmp_path) as node:
        terminal.press(f"HOME={tmp_path}/home {sys.executable} -m pleg_tui -r {node.endpoint}\n")
        terminal.wait_for("p000-")
        node.happen()
        terminal.wait_for("ContainerDied")
        terminal.press("/")
        watched.still(0.3)
        terminal.press("2Je1\r")
        terminal.wait_for("^[[2Je1")
        terminal.press("\x1b")
        for keys in ("j", "y", "\x1b", "jd", "\x1b", "C", "c", "t", "t", "\t\tkkd", "\x1b", "\x1b",
                     "l", "w", "t", "/e\r", "s", "\x1b", "\x1b", "?", "\x1b", "p", "\x1b", "x",
                     "\x1b", "e", "\x1b", ":", "sort", "\x1b", "o", "\x1b", "z", "z"):  # fmt: skip
            terminal.press(keys)
            watched.still(0.15)
        for _ in range(len(EVIL) // 3):
            terminal.press("jjjjjjjjj")
            watched.still(0.1)
        node.fail("ContainerStatus", "PodSandboxStatus", "ListContainers")
        terminal.press("d")
        watched.still(0.3)
        terminal.press("\x03")
        terminal.wait_for_shell()
        sent = bytes(watched.recorder.sent)
    text = sent.decode("utf-8")
    for evil in ("[red]x[/]", "x[/]y", "[@click=app.quit]q[/]"):
        assert evil in text, "it was shown as it is"
    copied = assert_harmless(sent)
    assert copied
    assert "Traceback" not in text


# -- every page, looked at one by one

JOINED = "".join(EVIL)
"""All of it at once; a text that is cut is cut somewhere in it."""


class HostileScene(SceneFeed):
    """The same node without a socket, whose answers to look-ups are hostile all through."""

    def __init__(self, folder: Path, evil: str) -> None:
        super().__init__(Options(pods=0, churn=0), folder / "logs")
        self._folder = folder
        self._evil = evil
        self.fails = ""
        self.world.quiet = True
        populate(self.world, folder, 0, (evil,))
        self.world.quiet = False
        self.health = replace(
            LIVE, runtime=replace(RUNTIME, name=shown(evil)[:30]), warning=shown(evil)
        )

    async def start(self) -> None:
        """As the scene's, but for statuses that protobuf for Python would not take apart."""
        self._story.connected(Source.CRI, "containerd", self._mono())
        sandboxes = encode.listing(map(encode.sandbox_item, self.world.sandboxes.values()))
        containers = encode.listing(map(encode.container_item, self.world.containers.values()))
        payload = frames.pack_listing(self._mono(), sandboxes, containers)
        self._apply(Kind.LISTING, payload, int(Flag.CONFIRM))
        for container in self.world.containers.values():
            self._apply(Kind.CONTAINER_STATUS, encode.part(1, encode.container_status(container)))
        self._tell()

    def _apply(self, kind: Kind, payload: bytes, flags: int = 0) -> None:
        super()._apply(kind, payload.replace(MARK, NO_UTF8), flags)

    def put(self, *_: Pod) -> None:
        """The stage puts nothing here."""

    def happen(self) -> None:
        """Another pod of the kind comes and lives."""
        populate(self.world, self._folder, 1, (self._evil,))

    async def ask(self, op: str, object_id: str = "", *, verbose: bool = False) -> dict[str, Any]:
        if self.fails:
            raise AskError(self.fails)
        evil = self._evil
        spec = {"process": {"args": [evil, evil], "env": [f"{evil}={evil}"], "cwd": evil},
                "linux": {"cgroupsPath": evil}}  # fmt: skip
        info = {"info": json.dumps({"runtimeSpec": spec, evil: evil}), evil: evil}
        if op == "container":
            status = encode.container_status(self.world.containers[object_id])
            extra = cri.ContainerStatusResponse(info=info).SerializeToString()
            return decode.as_json(cri.ContainerStatusResponse, encode.part(1, status) + extra)
        status = encode.sandbox_status(self.world.sandboxes[object_id])
        extra = cri.PodSandboxStatusResponse(info=info).SerializeToString()
        return decode.as_json(cri.PodSandboxStatusResponse, encode.part(1, status) + extra)


def look(stage: Stage, what: str) -> str:
    """Everything on the screen is inert, and each row as wide as the screen; returns its text."""
    text = stage.text()
    assert_inert(text, what)
    for strip in stage.app.screen._compositor.render_strips():
        assert sum(cell_len(segment.text) for segment in strip) == stage.app.size.width, strip.text
    return text


@pytest.fixture(params=[JOINED, LONG], ids=["every order", "64 KiB"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> HostileScene:
    return HostileScene(tmp_path, request.param)


SIZES = [(120, 40)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_every_page_shows_it_inert(
    opened: Opener,
    scene: HostileScene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(processes_screen.ProcessScreen, "_look", lambda _: running(tmp_path))
    sent: list[str] = []
    async with opened(feed=scene, size=size, timeline=True) as stage:
        write = stage.app._driver.write  # type: ignore[union-attr]
        monkeypatch.setattr(stage.app._driver, "write", lambda s: [sent.append(s), write(s)])  # type: ignore[func-returns-value]
        scene.happen()
        await stage.settle()
        assert "p000-" in look(stage, "the list") or size[0] == 80
        for row in range(2):
            for keys in (["y", "z", "z", "G", "enter"], ["l"], ["x"], ["e"], ["c"], ["C"],
                         ["enter", "v", "G"], ["enter", "c"]):  # fmt: skip
                await stage.press(*keys)
                look(stage, f"row {row}, {keys}")
                for _ in range(3):
                    if stage.app.screen is not stage.app.live:
                        await stage.press("escape")
                assert stage.app.screen is stage.app.live
            await stage.press("j")
        await stage.press("tab", "tab", "k", "k")
        look(stage, "the events")
        await stage.press("enter")
        look(stage, "an event's details")
        await stage.press("escape", "escape", "g", "tab", "left", "left")
        look(stage, "the timeline")
        await stage.press("escape", "colon")
        await stage.pilot.pause(0.2)
        look(stage, "the palette")
        await stage.press("escape")
        scene.fails = shown(scene._evil)
        await stage.press("enter")
        look(stage, "an error's details")
        await stage.press("escape", "y")
        look(stage, "an error in the place of the answer")
        await stage.press("escape")
        scene.health = replace(scene.health, phase=Phase.LOST, error=shown(scene._evil))
        await stage.settle()
        look(stage, "the banner")
        assert stage.app.is_running
        assert stage.app.return_code in (None, 0)
    copies = [text for text in sent if "\x1b]52;" in text]
    assert copies
    assert all(assert_harmless(text.encode()) for text in copies)


def running(root: Path) -> Processes:
    """Processes whose names and arguments are hostile, read as they are read on a node."""
    if not (root / "proc").exists():
        Tree(root, "v2").group("kubepods/x", procs="10\n11\n12\n")
        everything = JOINED.encode("utf-8", "replace") + b"\xff\xfe"
        process(root, 10, name="plain", arguments=everything.replace(b"\0", b" "))
        process(root, 11, 10, name="a) b [red]x[/] \x1b[2J")
        process(root, 12, 10, name="z", arguments=b"x" * 70_000)
    return read_processes(str(root), CgroupIndex(str(root)).hierarchy, "kubepods/x")


async def test_a_log_is_shown_copied_and_saved_inert(
    opened: Opener, scene: HostileScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    async with opened(feed=scene, size=(120, 40)) as stage:
        await stage.press("j", "l")
        await until(stage, "lines")
        await until(stage, "0 lines", gone=True)
        look(stage, "the log")
        for keys in (["w"], ["t"], ["g"], ["w"], ["c"]):
            await stage.press(*keys)
            look(stage, f"the log, {keys}")
        assert_inert(stage.app.clipboard, "the clipboard")
        await stage.press("slash")
        stage.app.screen.query_one(Input).value = "e"
        await stage.press("enter", "n")
        look(stage, "the log, searched")
        await stage.press("escape", "s")
        for _ in range(300):
            if found := [path for path in state.rglob("*.log") if path.stat().st_size]:
                break
            await stage.pilot.pause(0.02)
        assert found, stage.text()
        (saved,) = found
        await stage.settle()
        look(stage, "where it was saved")
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", saved.name)
    assert_inert(saved.read_text("utf-8"), "the saved log")


async def test_each_text_is_seen_as_it_is_written(opened: Opener, tmp_path: Path) -> None:
    scene = HostileScene(tmp_path, "plain")
    populate(scene.world, tmp_path, 5, EVIL)
    async with opened(feed=scene, size=(250, 120)) as stage:
        await stage.settle()
        text = look(stage, "the list")
        for place, evil in enumerate(EVIL):
            for there in (f"p5{place:02}-{evil}", f"up{evil}", f"down{evil}", f"r{evil}"):
                assert shown(there) in text, there


async def test_what_the_program_itself_says_of_them_is_inert(opened: Opener) -> None:
    feed = FakeFeed()
    async with opened(feed=feed, size=(120, 40)) as stage:
        for place, evil in enumerate((*EVIL, LONG[:5000])):
            text = shown(evil)
            feed.happen(
                event(place, pod=text, container=text, reason=text, namespace=text, at=T0),
                Notice("lost", T0 + place, error=text),
            )
            stage.app.say(text, "warn")
            await stage.settle()
            look(stage, f"a message of {text[:40]}")
            stage.app.copy(text)
            await stage.settle()
            look(stage, f"a copy of {text[:40]}")
            await stage.press("slash")
            stage.app.screen.query_one(Input).value = text
            await stage.press("enter")
            look(stage, f"a filter of {text[:40]}")
            await stage.press("escape")
