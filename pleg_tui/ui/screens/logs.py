"""A container's log: followed, searched, saved; this instance's or the one's before."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pleg_tui.feed.types import AskError
from pleg_tui.model import Container, ContainerState, Pod
from pleg_tui.node.logs import NO_PATH
from pleg_tui.ui.content.details import log_directory
from pleg_tui.ui.content.lines import Item, Line, Part
from pleg_tui.ui.content.log_buffer import Entry, text_of
from pleg_tui.ui.content.logs import stamp_text
from pleg_tui.ui.content.status import why
from pleg_tui.ui.content.text import clock, count, short, tidy
from pleg_tui.ui.log_reading import CHOICES, LogReading, News, Since
from pleg_tui.ui.off_loop import off_loop
from pleg_tui.ui.saving import SaveError, save_text
from pleg_tui.ui.screens.looking import Target
from pleg_tui.ui.screens.page import SearchPage, found_item
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.log_pane import LogPane

_PAUSE_S = 0.02
"""The shortest pause between two looks."""


class LogScreen(SearchPage):
    """The log of one container, or of the instance before it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,left", "back", "back", id="page.back", tooltip="End the search; go back"),
        Binding("f", "follow", "follow", id="log.follow",
                tooltip="Follow the newest line, or stay where it is"),
        Binding("p", "previous", "previous", id="log.previous",
                tooltip="The log of the instance before; again: back to this one's"),
        Binding("t", "stamps", "times", id="log.times",
                tooltip="Show or hide when each was written"),
        Binding("w", "wrap", "wrap", id="log.wrap", tooltip="Wrap long lines, or cut them"),
        Binding("s", "save", "save", id="log.save",
                tooltip="Save the lines that are held to a file"),
        Binding("c", "copy", "copy", id="log.copy",
                tooltip="Copy the lines on the screen through the terminal"),
        *(
            Binding(str(number), f"since({number})", f"since {since.label}", show=False,
                    id=f"log.since-{number}",
                    tooltip={0: "The last lines", 1: "From its beginning"}.get(
                        number, f"The last {since.label}"))
            for number, since in enumerate(CHOICES)
        ),
    ]  # fmt: skip
    FOOTER: ClassVar[tuple[str, ...]] = (
        "page.back", "find.open", "log.follow", "log.previous", "log.times", "log.wrap",
        "log.save", "app.help", "log.copy",
    )  # fmt: skip

    def __init__(self, pod: Pod, container: Container, *, previous: bool = False) -> None:
        super().__init__(f"{pod.namespace}/{pod.name}/{container.name}", "Log")
        self._pod = pod
        self._container = container
        self._previous = previous
        self._since = Since.TAIL
        self._path = ""
        self._reading: LogReading | None = None
        self._why = ""
        self._told = ""
        self._waiting = True
        self._loading = False

    def body(self) -> ComposeResult:
        """What may be chosen, and the log."""
        yield Bar(self._options_line, id="log-options")
        self.pane = LogPane(self.tui.glyphs, id="text")
        yield self.pane

    def target(self) -> Target:
        """What this page is about."""
        return self._pod, self._container

    def on_mount(self) -> None:
        """Read it."""
        self._restart()

    def on_unmount(self) -> None:
        """Let go of the files."""
        if self._reading is not None:
            self._reading.close_soon()

    # -- the bars

    def facts(self) -> list[Item]:
        """What was found, what has come meanwhile, how much is held."""
        pane = self.pane
        buffer = pane.buffer
        items: list[Item] = []
        if self._previous:
            items.append(Item((Part(" previous ", "badge-warn"),)))
        elif ended := self._ended():
            items.append(Item((ended,), 1))
        if not pane.following and pane.unseen:
            new = f" {short(pane.unseen)} new {self.tui.glyphs.down} "
            items.append(Item((Part(new, "badge"),)))
        if buffer.sought:
            items.append(found_item(buffer.matches, pane.here, buffer.sought))
        if buffer.dropped:
            items.append(Item((Part(f"{short(buffer.dropped)} older dropped", "warn"),)))
        items.append(Item((Part(count(len(buffer), "line"), "dim"),)))
        return items

    def _ended(self) -> Part | None:
        """How this instance ended, or if it runs, how the one before it did."""
        feed, own = self.tui.feed, self._container
        now = feed.container(own.id) or own
        if now.state >= ContainerState.EXITED:
            at = f" at {clock(now.finished_at)}" if now.finished_at else ""
            return Part(f"{tidy(why(now))}{at}", "bad" if now.exit_code else "dim")
        pod = feed.pods.get(self._pod.uid, self._pod)
        same = [c for c in pod.containers if c.name == own.name]
        place = next((i for i, c in enumerate(same) if c.id == own.id), len(same))
        if place + 1 >= len(same) or not same[place + 1].exit_code:
            return None
        key = self.tui.key_name("log.previous", "p")
        return Part(f"before: {tidy(why(same[place + 1]))}, {key} shows it", "warn")

    def _options_line(self, width: int) -> Line:
        pane = self.pane
        parts = [Part(" ")]
        for number, since in enumerate(CHOICES):
            chosen = since is self._since
            parts.append(Part(f"{number}", "key"))
            parts.append(Part(f" {since.label}", "strong" if chosen else "dim"))
            parts.append(Part("* " if chosen else "  ", "strong" if chosen else ""))
        states = (
            ("follow", pane.following),
            ("times", pane.stamps),
            ("wrap", pane.wraps),
        )
        shown = [Part(" ")]
        for name, active in states:
            shown.append(Part(f" {name} ", "dim"))
            shown.append(Part("on" if active else "off", "accent" if active else "dim"))
        used = sum(len(part.text) for part in (*parts, *shown))
        return (*parts, Part(" " * max(width - used - 1, 0)), *shown, Part(" "))

    # -- reading

    def _restart(self) -> None:
        """Read anew: another instance, or another part of it."""
        if self._reading is not None:
            self._reading.close_soon()
            self._reading = None
        self._why = self._told = ""
        self._waiting = True
        self.pane.clear(following=self._since is not Since.HEAD)
        self._show_note()
        self.check_bars()
        self.run_worker(self._read(), group="log", exclusive=True, exit_on_error=True)

    async def _read(self) -> None:
        path = await self._find_path()
        self._path = path
        self._waiting = False
        if not path:
            self._why = self._why or NO_PATH
            self._show_note()
            self.check_bars()
            return
        reading = LogReading(path, self.tui.options.root, self._since, self.tui.now)
        self._reading = reading
        self._take(await off_loop(reading.begin))
        if self._since is Since.HEAD:
            return
        period = max(1 / self.tui.options.fps, _PAUSE_S)
        while True:
            await asyncio.sleep(period)
            self._take(await off_loop(reading.look))

    def _take(self, news: News) -> None:
        if news.entries or news.pending or self.pane.buffer.pending:
            self.pane.add(news.entries, news.pending)
        if news.why != self._why:
            self._why = news.why
            if news.why and len(self.pane.buffer) and news.why != self._told:
                self._told = news.why
                self.pane.add([news.why], ())
        self._show_note()
        self.check_bars()

    async def _find_path(self) -> str:
        """Where the log is; empty, and `_why` says why, where that cannot be said."""
        container = self._container
        if not self._previous:
            return await self._path_of(container)
        same = [c for c in self._pod.containers if c.name == container.name]
        place = next((i for i, c in enumerate(same) if c.id == container.id), len(same))
        for older in same[place + 1 :]:
            if path := await self._path_of(older):
                return path
        path = await self._path_of(container)
        if path:
            reading = LogReading(path, self.tui.options.root, Since.TAIL, self.tui.now)
            before = await off_loop(reading.previous_path)
            if before:
                return before
            self._why = (
                f"there is no log of an instance before this one: neither the runtime knows one, "
                f"nor is there a file beside {path}"
            )
        return ""

    async def _path_of(self, container: Container) -> str:
        path = container.log_path
        if not path:
            try:
                answer = await self.tui.feed.ask("container", container.id)
            except AskError as error:
                self._why = f"where its log is cannot be found out: {error}"
                return ""
            status = answer.get("status")
            told = status.get("log_path") if isinstance(status, dict) else None
            path = told if isinstance(told, str) else ""
        if not path:
            self._why = (
                f"{NO_PATH}: it may log to journald (journalctl CONTAINER_ID={container.id[:12]})"
            )
            return ""
        return path if path.startswith("/") else await self._absolute(path)

    async def _absolute(self, path: str) -> str:
        """A path that is relative to the pod's log folder, as the kubelet gives it."""
        sandbox = self._pod.sandbox
        try:
            if sandbox is None:
                raise AskError("the pod's sandbox is not known")
            folder = log_directory(await self.tui.feed.ask("sandbox", sandbox.id, verbose=True))
        except AskError as error:
            self._why = f"its log is {path}, but in which folder cannot be found out: {error}"
            return ""
        if not folder:
            # kuberuntime_sandbox.go, buildPodLogsDirectory
            pod = self._pod
            folder = f"/var/log/pods/{pod.namespace}_{pod.name}_{pod.uid}"
        return f"{folder.rstrip('/')}/{path}"

    def _show_note(self) -> None:
        if len(self.pane.buffer):
            return
        lines: list[Line] = []
        if self._waiting:
            lines = [(Part(" Reading …", "dim"),)]
        elif self._why:
            text = f"{self._why[:1].upper()}{self._why[1:]}."
            lines = [(Part(" "), Part(tidy(text), "warn"))]
        elif self._since in (Since.TAIL, Since.HEAD):
            lines = [(Part(" Nothing was logged yet.", "dim"),)]
        else:
            lines = [(Part(f" Nothing was logged in the last {self._since.label}.", "dim"),)]
        if self._path and not self._waiting and self._path not in self._why:
            lines.append((Part(" "), Part(tidy(self._path), "dim")))
        self.pane.note(lines)

    @on(LogPane.AtTop)
    def _older(self) -> None:
        reading = self._reading
        if reading is not None and reading.has_older and not self._loading:
            self._loading = True
            self.run_worker(self._load_older(reading), group="older", exit_on_error=True)

    async def _load_older(self, reading: LogReading) -> None:
        try:
            page = await off_loop(reading.older)
        finally:
            self._loading = False
        if reading is not self._reading:
            return
        taken = self.pane.add_before([placed.line for placed in page.lines])
        if taken < len(page.lines):
            self.say("that is all that is held at once; 1 shows its beginning", "warn")
        elif page.why:
            self.say(page.why, "warn")
        self.check_bars()

    @on(LogPane.AtEnd)
    def _on(self) -> None:
        reading = self._reading
        if reading is not None and self._since is Since.HEAD and not self._loading:
            self._loading = True
            self.run_worker(self._load_on(reading), group="older", exit_on_error=True)

    async def _load_on(self, reading: LogReading) -> None:
        try:
            news = await off_loop(reading.on)
        finally:
            self._loading = False
        if reading is self._reading and (news.entries or news.pending):
            self._take(news)

    @on(LogPane.Changed)
    def _changed(self) -> None:
        self.check_bars()

    # -- finding

    @property
    def sought(self) -> str:
        """What is searched for now."""
        return self.pane.buffer.sought

    def seek(self, text: str, *, typing: bool) -> None:
        """Search the lines."""
        self.pane.seek(text, go=not typing and bool(text))

    def step(self, step: int) -> None:
        """Go to another match."""
        self.pane.step(step)

    # -- what the keys do

    def action_follow(self) -> None:
        """Follow, or stay."""
        if self._since is Since.HEAD:
            self.action_since(0)
            return
        self.pane.follow(not self.pane.following)
        self.check_bars()

    def action_previous(self) -> None:
        """The instance before, or this one again."""
        self._previous = not self._previous
        self._restart()

    def action_stamps(self) -> None:
        """Show or hide the times."""
        self.pane.stamps = not self.pane.stamps
        self.pane.relayout()
        self.check_bars()

    def action_wrap(self) -> None:
        """Wrap or cut long lines."""
        self.pane.wraps = not self.pane.wraps
        self.pane.relayout()
        self.check_bars()

    def action_since(self, number: int) -> None:
        """Show another part of it."""
        self._since = CHOICES[number]
        self._restart()

    def action_copy(self) -> None:
        """Copy what is on the screen."""
        text = self.pane.seen_text()
        if text:
            self.tui.copy(text, count(text.count("\n") + 1, "line"))

    def action_save(self) -> None:
        """Save what is held."""
        entries = self.pane.buffer.entries()
        if not entries:
            self.say("there is nothing to save", "warn")
            return
        self.run_worker(self._save(entries), group="save", exit_on_error=True)

    async def _save(self, entries: list[Entry]) -> None:
        pod, container = self._pod, self._container
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.tui.now() // 1_000_000_000))
        which = "-previous" if self._previous else ""
        name = f"{pod.name}_{container.name}{which}-{moment}.log"

        def lines() -> list[str]:
            told = []
            for entry in entries:
                if isinstance(entry, str):
                    told.append(f"- - {entry}")
                else:
                    at, stream = stamp_text(entry.at_ns), entry.stream or "-"
                    told.append(f"{at} {stream} {text_of(entry)}")
            return told

        try:
            path = await off_loop(lambda: save_text(name, lines()))
        except SaveError as error:
            self.say(str(error), "warn")
        else:
            self.say(f"{count(len(entries), 'line')} in {from_home(path)}")


def from_home(path: Path) -> str:
    """The path with ~ for the home folder."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path's own raises where there is none
    text = str(path)
    return f"~{text.removeprefix(home)}" if home != "/" and text.startswith(f"{home}/") else text
