"""What a container executes: its processes as a tree, read again every two seconds."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pleg_tui.model import Container, ContainerState, Pod
from pleg_tui.node.cgroups import CgroupIndex
from pleg_tui.node.processes import Process, Processes, read_processes
from pleg_tui.ui.content.lines import Item, Line, Part, note_row
from pleg_tui.ui.content.process_lines import branches, heading, process_line, shares
from pleg_tui.ui.content.text import count
from pleg_tui.ui.screens.looking import LookingScreen, Target
from pleg_tui.ui.screens.page import Page
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.line_list import LineList

PERIOD_S = 2.0
_STEPS = 20
"""Steps of looking for the control group at one reading; each takes some 25 ms at most."""


class ProcessList(LineList):
    """The processes under a cursor, which stays with its process."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.processes: tuple[Process, ...] = ()
        self._lines: list[Line] = []
        self._note: list[Line] = []

    @property
    def chosen(self) -> Process | None:
        """The process under the cursor."""
        return self.processes[self.cursor] if self.cursor < len(self.processes) else None

    def show(self, processes: tuple[Process, ...], lines: list[Line], note: list[Line]) -> None:
        """Show these."""
        chosen = self.chosen
        pids = [process.pid for process in processes]
        self.processes, self._lines, self._note = processes, lines, note
        self.count = len(lines)
        known = chosen is not None and chosen.pid in pids
        self.move_to(pids.index(chosen.pid) if known and chosen is not None else self.cursor)

    def line(self, index: int) -> Line:
        """One process."""
        return self._lines[index]

    def filler(self, y: int) -> Line:
        """Below them: why not all, or none, are shown."""
        return note_row(self._note, y - self.count, self.window.width)


class ProcessScreen(Page, LookingScreen):
    """The processes of one container."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,left", "back", "back", id="page.back", tooltip="Go back"),
        Binding("r,f5", "again", "read again", id="page.again", tooltip="Read them again now"),
        Binding("c", "copy('command')", "copy command", id="process.copy-command",
                tooltip="Copy the command under the cursor through the terminal"),
        Binding("C", "copy('pid')", "copy pid", id="process.copy-pid",
                tooltip="Copy the pid under the cursor through the terminal"),
        Binding("question_mark,f1", "help", "help", id="app.help", tooltip="All keys"),
    ]  # fmt: skip
    FOOTER: ClassVar[tuple[str, ...]] = (
        "page.back", "process.copy-pid", "process.copy-command", "look.logs", "look.shell",
        "page.again", "app.help",
    )  # fmt: skip

    def __init__(self, pod: Pod, container: Container) -> None:
        super().__init__(f"{pod.namespace}/{pod.name}/{container.name}", "Processes")
        self._pod = pod
        self._container = container
        self._index: CgroupIndex | None = None
        self._found = Processes()
        self._before: dict[int, int] = {}
        self._read_at = 0.0
        self._shares: dict[int, float | None] = {}
        self._asked = False

    def body(self) -> ComposeResult:
        """The columns' names and the list."""
        yield Bar(heading, id="process-heading")
        self._list = ProcessList(id="text")
        yield self._list

    def target(self) -> Target:
        """What this page is about."""
        return self._pod, self._container

    def facts(self) -> list[Item]:
        """How many there are."""
        if not self._found.total:
            return []
        return [Item((Part(count(self._found.total, "process", "processes"), "dim"),))]

    def on_mount(self) -> None:
        """Read them, and again and again."""
        self._draw()
        self.set_interval(PERIOD_S, self.action_again)
        self.action_again()

    def action_again(self) -> None:
        """Read them, unless that is being done."""
        if self.is_current and not self._asked and not self._simulated:
            self._asked = True
            self.run_worker(self._read(), exit_on_error=True)

    @property
    def _simulated(self) -> bool:
        runtime = self.tui.health.runtime
        return self.tui.options.demo or (runtime is not None and runtime.simulated)

    async def _read(self) -> None:
        try:
            found = await asyncio.to_thread(self._look)
        finally:
            self._asked = False
        now = time.monotonic()
        self._shares = shares(found.processes, self._before, now - self._read_at)
        self._before = {process.pid: process.cpu_ns for process in found.processes}
        self._read_at = now
        self._found = found
        self._draw()

    def _look(self) -> Processes:
        """In a thread: a disk, or a kernel short of memory, may be slow."""
        root = self.tui.options.root
        if self._index is None:
            self._index = CgroupIndex(root)
        index, identity = self._index, self._container.id
        for _ in range(_STEPS):
            index.locate([identity], time.monotonic_ns())
            if index.path(identity) is not None:
                break
        path = index.path(identity)
        if path is None:
            return Processes(why=index.why_unknown(identity))
        found = read_processes(root, index.hierarchy, path)
        if not found.processes and found.why:
            index.forget(identity)
        return found

    def _draw(self) -> None:
        pane = self._list
        width = max(pane.window.width, 40)
        glyphs = self.tui.glyphs
        drawn = branches(self._found.processes, glyphs)
        lines = [
            process_line(process, self._shares.get(process.pid), branch, width, glyphs)
            for process, branch in zip(self._found.processes, drawn, strict=True)
        ]
        why = self._why()
        note: list[Line] = [(), (Part(" "), Part(why, "warn"))] if why else []
        pane.show(self._found.processes, lines, note)
        self.check_bars()

    def _why(self) -> str:
        if self._simulated:
            return "The runtime is simulated: no program runs in its containers."
        if self._asked and not self._read_at:
            return ""
        why = self._found.why or ("" if self._found.processes else "it has no processes")
        if not why:
            return ""
        ended = self._container.state is ContainerState.EXITED and "it has ended" not in why
        return f"{why[:1].upper()}{why[1:]}.{' The container has ended.' if ended else ''}"

    def on_resize(self) -> None:
        """Another width."""
        if self.is_mounted:
            self._draw()

    def on_screen_resume(self) -> None:
        """Shown again: what is on it may be old."""
        if self._read_at:
            self.action_again()

    def action_processes(self) -> None:
        """The key that opened this page closes it."""
        self.action_back()

    def action_copy(self, what: str) -> None:
        """Copy the pid or the command under the cursor."""
        process = self._list.chosen
        if process is not None:
            self.tui.copy(str(process.pid) if what == "pid" else process.command)
