"""The Compare screen: polling and events side by side, measured on this node."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from pleg_tui.compare.types import Experiment, Plan, Report
from pleg_tui.cri.clean import clean
from pleg_tui.ui.comparing import Comparing
from pleg_tui.ui.content.bars import Usage
from pleg_tui.ui.content.compare import progress_line, sheet
from pleg_tui.ui.content.compare_setup import (
    CHOICES,
    Facts,
    blocks_of,
    choice_line,
    setup_lines,
    turned,
)
from pleg_tui.ui.content.lines import Item, Line, Part, bar_line
from pleg_tui.ui.content.plots import signs_for
from pleg_tui.ui.content.text import tidy
from pleg_tui.ui.screens.mode import ModeScreen
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.choices import ChoiceList
from pleg_tui.ui.widgets.sheet import SheetPane

if TYPE_CHECKING:
    from pleg_tui.ui.app import PlegTui

NAME = "compare"
_SETTLED_S = 0.8
"""So long nothing is turned any more."""
_CLOSED_S = 1.5
"""So long the end of the lanes is waited for before the report is saved (signals.PATIENCE_S)."""
_SETUP, _RESULT = "-setup", "-result"


class Compare(ModeScreen):
    """Before the start a plan to choose; then what is known so far, until it is all known."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,s", "start", "start", id="compare.start",
                tooltip="Start the experiment; when one has ended, plan another"),
        Binding("x", "stop", "stop", id="compare.stop",
                tooltip="Stop early and keep what was measured"),
        Binding("w", "save", "save", id="compare.save",
                tooltip="Save the report as JSON, for `compare --diff` and for scripts"),
        Binding("tab", "section(1)", "section", id="compare.next",
                tooltip="Go to the next section"),
        Binding("shift+tab", "section(-1)", "section before", show=False, id="compare.before",
                tooltip="Go to the section before"),
    ]  # fmt: skip
    FOOTER = (
        "app.help", "compare.start", "compare.less", "compare.more", "compare.stop",
        "compare.save", "compare.next", "mode.live", "app.quit", "app.palette",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan()
        self.facts = Facts()
        self.comparing = Comparing(self._prepare, self._changed)
        self._setup = True
        self._sections: Sequence[int] = ()
        self._told = False
        self._was_running = False
        self._keys = (False, False)
        """What the keys that make sense depend on."""

    async def _prepare(self, plan: Plan) -> Experiment:
        """Have the app prepare an experiment."""
        return await self.tui.prepare(plan)

    # -- what is on it

    def body(self) -> ComposeResult:
        """Build the screen: one of its two faces is shown."""
        yield Bar(self._title, id="compare-title", classes="page-title")
        with Vertical(id="compare-setup"):
            yield Bar(self._choices_title)
            yield ChoiceList(self._choice, len(CHOICES), id="choices")
            yield SheetPane(self._setup_lines, id="plan")
        yield SheetPane(self._result_lines, id="result")

    def on_mount(self) -> None:
        """Ask the runtime what can be measured here."""
        self.tui.closers.append(partial(self._close, self.tui))
        self.tui.leaving.append(self._may_leave)
        self.tui.hearers.append(lambda delta: self.comparing.hear(delta.events))
        self._show(setup=True)
        self._ask()

    def _ask(self, after_s: float = 0.0) -> None:
        """Ask the runtime what can be measured here; a question before this one is dropped."""
        self.run_worker(self._look(after_s), exclusive=True, exit_on_error=True)

    async def _look(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        report, error = await self.comparing.look(self.plan)
        self.facts = Facts(report, clean(error))
        self._draw()

    def _show(self, *, setup: bool) -> None:
        """Show the plan, or what was measured."""
        self._setup = setup
        self.set_class(setup, _SETUP)
        self.set_class(not setup, _RESULT)
        self.query_one("#choices" if setup else "#result").focus()
        self.refresh_bindings()
        self._draw()

    @property
    def report(self) -> Report | None:
        """What is known so far; None before the first start."""
        return self.comparing.report()

    @property
    def simulated(self) -> bool:
        """The runtime is the simulator."""
        runtime = self.tui.health.runtime
        return runtime is not None and runtime.simulated

    def _title(self, width: int) -> Line:
        progress = None if self._setup else self.comparing.progress
        return progress_line(
            progress,
            width,
            self.tui.glyphs,
            simulated=self.simulated,
            stopping=self.comparing.stopping,
            ended="" if self.comparing.running else self.comparing.error,
        )

    def _choices_title(self, width: int) -> Line:
        arms, _ = blocks_of(self.plan, self.facts)
        start = self.tui.key_name("compare.start", "enter")
        text = f"{start} starts it" if arms and not self.facts.error else "cannot be started"
        style = "accent" if arms and not self.facts.error else "warn"
        return bar_line(
            [Item((Part("The plan", "section"),)), Item((Part(text, style),))], [], width
        )

    def _choice(self, index: int, here: bool) -> Line:
        return choice_line(self.plan, CHOICES[index], signs_for(self.tui.glyphs), here)

    def _setup_lines(self, width: int, _height: int) -> list[Line]:
        facts = self.facts
        if self.comparing.error:
            facts = Facts(facts.report, self.comparing.error)
        return setup_lines(self.plan, facts, width)

    def _result_lines(self, width: int, height: int) -> list[Line]:
        report = self.report
        if report is None:
            return [(Part(" starting", "dim"),)]
        progress = self.comparing.progress
        blocks = progress.blocks if progress is not None and self.comparing.running else 0
        made = sheet(report, width, height, self.tui.glyphs, blocks=blocks)
        self._sections = made.sections
        return made.lines

    # -- what changes

    def _changed(self) -> None:
        """The experiment went on; told through a message, and once however often it says so."""
        self._tell_activity()
        if not self._told:
            self._told = True
            self.call_later(self._follow)

    def _follow(self) -> None:
        self._told = False
        running = self.comparing.running
        if self._was_running and not running:
            if self.comparing.error:
                self._show(setup=not (self.comparing.began and self._has_blocks()))
                self.tui.say(clean(self.comparing.error), "warn")
            else:
                self.tui.say("the comparison is done", "good")
        self._tell_activity()
        self._was_running = running
        keys = running, self.comparing.progress is not None
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()
        if self.is_current:
            self._draw()

    def _has_blocks(self) -> bool:
        """Something was measured, so there is something to be read."""
        report = self.report
        return report is not None and bool(report.measured)

    def _tell_activity(self) -> None:
        progress = self.comparing.progress
        text = ""
        if self.comparing.running and progress is not None:
            whole = progress.elapsed_s + progress.left_s
            text = f"comparing {progress.elapsed_s / whole:.0%}" if whole > 0 else "comparing"
        self.tui.activities[NAME] = text

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        if self._setup:
            self.query_one("#choices", ChoiceList).repaint()
            self.query_one("#plan", SheetPane).draw()
        else:
            self.query_one("#result", SheetPane).draw()
        self.check_bars()

    def second(self, usage: Usage | None) -> None:
        """A second has passed."""
        super().second(usage)
        if self.comparing.running:
            self._draw()

    @on(events.ScreenResume)
    def _looked_at_again(self) -> None:
        if self.is_mounted and self._setup and self.facts.error:
            self._ask()
        self._draw()

    # -- what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what makes sense now has its key."""
        if not self.is_mounted:
            return True
        if action == "start":
            return not self.comparing.running
        if action == "stop":
            return self.comparing.running
        if action == "save":
            return self.comparing.progress is not None
        if action == "section":
            return not self._setup
        return True

    def action_start(self) -> None:
        """Start it; with a report on the screen, go back to the plan first."""
        if not self._setup:
            self._show(setup=True)
            return
        arms, why_not = blocks_of(self.plan, self.facts)
        if not arms:
            self.say(tidy(why_not), "warn")
            return
        if self.facts.error:
            self.say("asking the runtime again")
            self._ask()
            return
        self.comparing.start(self.plan)
        self._was_running = True
        self._show(setup=False)

    def action_stop(self) -> None:
        """Ask whether to stop."""
        from pleg_tui.ui.screens.menu import MenuScreen

        def answered(answer: str | None) -> None:
            if answer == "stop":
                self.comparing.stop()

        choices = [("go", "go on measuring"), ("stop", "stop, keep what there is")]
        self.app.push_screen(MenuScreen("Stop early?", choices, "go"), answered)

    async def action_save(self) -> None:
        """Save the report where only its owner may read it."""
        from pleg_tui.ui.off_loop import off_loop
        from pleg_tui.ui.saving import SaveError

        report = self.report
        if report is None:
            return
        try:
            path = await off_loop(partial(_write, report, self.tui.now()))
        except SaveError as error:
            self.say(str(error), "warn")
        else:
            self.comparing.kept(report)
            folder = str(path.parent)
            home = str(Path.home())
            if folder.startswith(home + "/"):
                folder = f"~{folder.removeprefix(home)}"
            self.say(clean(f"saved {path.name} in {folder}"), "good")

    # -- the end of the program

    def _may_leave(self, leave: Callable[[], None]) -> bool:
        """Whether the program may be left at once; if not, the admin is asked, once."""
        from pleg_tui.ui.screens.menu import MenuScreen

        if not self.comparing.running or self.comparing.unsaved is None:
            return True

        def answered(answer: str | None) -> None:
            if answer == "drop":
                self.comparing.drop = True
            if answer in ("keep", "drop"):
                leave()

        choices = [
            ("stay", "stay, go on measuring"),
            ("keep", "leave, save what there is"),
            ("drop", "leave, save nothing"),
        ]
        self.app.push_screen(MenuScreen("A comparison is running", choices, "stay"), answered)
        return False

    async def _close(self, tui: PlegTui) -> None:
        """End the lanes, and save what nobody has saved: it took the admin minutes.

        The app has ended by then, and must be named: a screen does not find it any more.
        """
        from pleg_tui.ui.saving import SaveError

        closing = asyncio.ensure_future(self.comparing.close())
        # After a signal there is little time: what is known then is saved, ended or not.
        await asyncio.wait({closing}, timeout=_CLOSED_S)
        report = None if self.comparing.drop else self.comparing.unsaved
        if report is not None:
            try:
                path = _write(report, tui.now())
            except SaveError as error:
                tui.parting.append(f"the comparison's report is {clean(str(error))}")
            else:
                self.comparing.kept(report)
                tui.parting.append(
                    f"the comparison's report ({len(report.measured)} blocks) is saved in "
                    f"{clean(str(path))}"
                )
        await closing

    def action_section(self, step: int) -> None:
        """Scroll to another section."""
        pane = self.query_one("#result", SheetPane)
        top = round(pane.scroll_y)
        if step > 0:
            found = next((line for line in self._sections if line > top), None)
        else:
            found = next((line for line in reversed(self._sections) if line < top), None)
        if found is None:
            found = 0 if step > 0 else max(self._sections, default=0)
        elif step > 0 and top >= pane.max_scroll_y:
            found = 0
        pane.move_to(found)

    @on(ChoiceList.Turned)
    def _turned(self, event: ChoiceList.Turned) -> None:
        choice = CHOICES[event.index]
        self.plan = turned(self.plan, choice, event.step)
        if choice.field == "period_s":  # what the polling lane does is told with it
            self._ask(_SETTLED_S)
        self._draw()


def _write(report: Report, now_ns: int) -> Path:
    """Save a report under the state folder; blocking.

    Raises:
        SaveError: it cannot be.
    """
    from pleg_tui.compare.report import to_json
    from pleg_tui.ui.saving import save_text

    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now_ns / 1e9))
    text = json.dumps(to_json(report), indent=2)
    return save_text(f"compare-{stamp}.json", text.splitlines(), folder="reports")
