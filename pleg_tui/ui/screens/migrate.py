"""The Migrate screen: the checklist, the plan as a diff, a switch as it is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pleg_tui.feed.types import Phase
from pleg_tui.model import Pod, RuntimeInfo
from pleg_tui.ui.content.bars import Usage
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.text import tidy
from pleg_tui.ui.screens.mode import ModeScreen
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.check_list import CheckList
from pleg_tui.ui.widgets.prompt import Prompt
from pleg_tui.ui.widgets.sheet import SheetPane

if TYPE_CHECKING:
    from pleg_tui.migrate.plan import Target
    from pleg_tui.ui.content.migrate import Keys
    from pleg_tui.ui.migrating import Migrating

NAME = "migrate"
_CHECKS, _PLAN, _UNDO, _RUN = "checks", "plan", "undo", "run"
_PAGES = {_CHECKS: "is this node on events, could it be", _PLAN: "the plan", _UNDO: "the way back",
          _RUN: "carried out"}  # fmt: skip


class Migrate(ModeScreen):
    """Four pages in one: checklist, plan, way back, what is carried out."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,p", "plan", "plan", id="migrate.plan",
                tooltip="Show what it takes: every file as a diff, every restart, the risks"),
        Binding("a", "apply", "apply", id="migrate.apply",
                tooltip="Carry out what is shown, after asking for the node's name"),
        Binding("t", "other", "other way", id="migrate.other",
                tooltip="The plan to the other mode: events, or back to polling"),
        Binding("m", "measure", "measure", id="migrate.measure",
                tooltip="How long to measure CPU before and after: not, 30 s, 2 min"),
        Binding("exclamation_mark", "risks", "accept risk", show=False, id="migrate.risks",
                tooltip="Accept the risk of static pods, for the plan"),
        Binding("u", "undo", "roll back", id="migrate.undo",
                tooltip="Put back, to the byte, what the newest switch changed"),
        Binding("f", "finish", "finish", id="migrate.finish",
                tooltip="Finish a switch that was interrupted"),
        Binding("r", "again", "look again", id="migrate.look",
                tooltip="Look at the node again; at its rhythm, too, where nothing else tells"),
        Binding("v", "running", "progress", id="migrate.progress",
                tooltip="Show the switch that goes on, or the last one"),
    ]  # fmt: skip
    FOOTER = (
        "app.help", "migrate.plan", "migrate.apply", "migrate.finish", "migrate.undo",
        "migrate.look", "migrate.other", "migrate.measure", "migrate.progress", "mode.live",
        "app.quit", "app.palette",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.page = _CHECKS
        self._state: tuple[object, ...] = ()
        self._told = False
        self._asking = ""
        self._answer_height = 0
        self._opened = False

    @property
    def work(self) -> Migrating | None:
        """What is behind it; None where no node is looked at."""
        return self.tui.switching

    # -- what is on it

    def body(self) -> ComposeResult:
        """Build the screen: the checklist, or a page over it."""
        yield Bar(self._title, id="migrate-title", classes="page-title")
        yield SheetPane(self._answer, id="migrate-answer")
        yield CheckList(self._checks, id="checks")
        yield SheetPane(self._page_lines, id="migrate-page")
        yield Prompt(id="migrate-prompt")

    def on_mount(self) -> None:
        """Look at the node."""
        self.query_one("#migrate-answer", SheetPane).can_focus = False
        drift = self.tui.drift
        if drift is not None and self.tui.switching is None:
            from pleg_tui.ui.migrating import Migrating

            self.tui.switching = Migrating(drift, self._live, self._changed)
            self.tui.closers.insert(0, self.tui.switching.close)
        elif self.tui.switching is not None:
            self.tui.switching.listen(self._changed)
        self._open_worst()
        self._turn_to(_CHECKS)
        if self.work is not None and self.work.seen is None:
            self.run_worker(self.work.look(), exit_on_error=False)

    def _live(self) -> tuple[RuntimeInfo | None, Sequence[Pod] | None]:
        health = self.tui.health
        pods = tuple(self.tui.feed.pods.values()) if health.phase is Phase.LIVE else None
        return health.runtime, pods

    @property
    def simulated(self) -> bool:
        """The node is simulated."""
        runtime = self.tui.health.runtime
        site = self.work.site if self.work is not None else None
        return bool(site and site.simulated) or (runtime is not None and runtime.simulated)

    def _keys(self) -> Keys:
        from pleg_tui.ui.content.migrate import Keys

        name = self.tui.key_name
        return Keys(
            name("migrate.plan", "enter"), name("migrate.look", "r"), name("migrate.apply", "a"),
            name("migrate.other", "t"), name("migrate.measure", "m"), name("migrate.undo", "u"),
            name("migrate.finish", "f"), name("migrate.risks", "!"), name("app.back", "esc"),
        )  # fmt: skip

    def _title(self, width: int) -> Line:
        from pleg_tui.ui.content.migrate import title_line

        work = self.work
        page = _PAGES[self.page]
        if self.page == _RUN and work is not None and work.run is not None:
            page = work.run.title
        return title_line(
            width,
            self.tui.glyphs,
            page=page,
            simulated=self.simulated,
            looking=work is not None and work.looking,
            at=work.seen.at if work is not None and work.seen is not None else None,
        )

    def _answer(self, width: int, _height: int) -> list[Line]:
        from pleg_tui.ui.content.migrate import answer_lines

        work = self.work
        if work is None:
            return [(Part(" no kubelet is looked at here", "dim"),)]
        return answer_lines(work.seen, work.error, work.looking, width, self._keys())

    def _checks(self, width: int, chosen: int) -> tuple[Sequence[Line], Sequence[Sequence[Line]]]:
        from pleg_tui.ui.content.migrate import check_body, check_head

        seen = self.work.seen if self.work is not None else None
        if seen is None:
            return (), ()
        heads = [
            check_head(one, width, self.tui.glyphs, index == chosen)
            for index, one in enumerate(seen.checks)
        ]
        empty: Sequence[Line] = ()
        bodies = [
            check_body(one, width) if index == chosen else empty
            for index, one in enumerate(seen.checks)
        ]
        return heads, bodies

    def _page_lines(self, width: int, _height: int) -> list[Line]:
        from pleg_tui.ui.content.migrate import plan_lines, undo_lines
        from pleg_tui.ui.content.migrate_run import run_lines

        work = self.work
        if work is None:
            return []
        if self.page == _RUN and work.run is not None:
            key = self.tui.key_name("app.back", "esc")
            return run_lines(work.run, self.tui.now() / 1e9, width, self.tui.glyphs, key)
        seen = work.seen
        if seen is None:
            return []
        if self.page == _UNDO and seen.record is not None:
            return undo_lines(
                seen.record, width, self._keys(), work.why_not(bool(seen.record.begun))
            )
        if work.plan is not None:
            restarts = bool(getattr(work.plan, "restarts", ()))
            return plan_lines(
                work.plan, seen, width, self._keys(), target=work.target,
                measure_s=work.measure_s, why_not=work.why_not(restarts), risks=work.accept_risks,
            )  # fmt: skip
        return []

    # -- what changes

    def _turn_to(self, page: str) -> None:
        self.page = page
        self.set_class(page == _CHECKS, "-checks")
        self.set_class(page != _CHECKS, "-page")
        pane = self.query_one("#checks" if page == _CHECKS else "#migrate-page")
        if not self.query_one(Prompt).asking:
            pane.focus()
        if page != _CHECKS and isinstance(pane, SheetPane):
            pane.move_to(0)
        self.refresh_bindings()
        self._draw()

    def _changed(self) -> None:
        """Something is known or done; told through a message, once however often it says so."""
        self._tell_activity()
        if not self._told:
            self._told = True
            self.call_later(self._follow)

    def _open_worst(self) -> None:
        """Before the cursor was moved the first check that fails is the one to read."""
        seen = self.work.seen if self.work is not None else None
        if seen is not None and not self._opened:
            self._opened = True
            failed = (i for i, one in enumerate(seen.checks) if one.status.value == "fail")
            self.query_one("#checks", CheckList).chosen = next(failed, 0)

    def _follow(self) -> None:
        self._told = False
        work = self.work
        if work is None or not self.is_mounted:
            return
        self._open_worst()
        if self.page == _PLAN and work.plan is None:
            self._turn_to(_RUN if work.running else _CHECKS)
        state = (work.running, work.seen is not None and work.seen.record, work.looking, self.page)
        if state != self._state:
            was = bool(self._state) and bool(self._state[0])
            self._state = state
            self.refresh_bindings()
            if was and not work.running and not self.is_current:
                result = work.run.result if work.run is not None else ""
                good = result in ("applied", "undone")
                self.tui.say(f"the switch has ended: {result}", "good" if good else "warn")
        if self.is_current:
            self._draw()

    def _tell_activity(self) -> None:
        work = self.work
        running = work is not None and work.running and work.run is not None
        self.tui.activities[NAME] = work.run.title if running and work and work.run else ""

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        if self.page == _CHECKS:
            self._fit_answer()
            self.query_one("#migrate-answer", SheetPane).draw()
            self.query_one("#checks", CheckList).draw()
        else:
            self.query_one("#migrate-page", SheetPane).draw()
        self.check_bars()

    def _fit_answer(self) -> None:
        """As high as it has lines."""
        height = len(self._answer(self.size.width - 1, 0)) or 1
        if height != self._answer_height:
            self._answer_height = height
            self.query_one("#migrate-answer").styles.height = height

    def second(self, usage: Usage | None) -> None:
        """A second has passed."""
        super().second(usage)
        if self.work is not None and self.work.running and self.page == _RUN:
            self._draw()

    def on_resize(self) -> None:
        """Another size."""
        if self.is_mounted:
            self._draw()

    @on(events.ScreenResume)
    def _looked_at_again(self) -> None:
        self._draw()

    # -- what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what makes sense now has its key."""
        work = self.work
        if not self.is_mounted or action not in (
            "plan", "apply", "other", "measure", "risks", "undo", "finish", "again", "running",
        ):  # fmt: skip
            return True
        if work is None:
            return False
        seen, idle = work.seen, not work.running
        match action:
            case "plan":
                return self.page == _CHECKS and seen is not None and idle
            case "apply":
                return self.page in (_PLAN, _UNDO) and idle
            case "other" | "measure" | "risks":
                return self.page == _PLAN and idle
            case "undo":
                return self.page == _CHECKS and bool(seen and seen.record) and idle
            case "finish":
                return self.page == _CHECKS and bool(seen and seen.half_done) and idle
            case "again":
                return not work.looking and idle
        return work.run is not None and self.page != _RUN

    def action_plan(self) -> None:
        """Show the plan to where this node may go."""
        work = self.work
        if work is not None and work.seen is not None:
            if work.seen.half_done is not None:
                self.say("a switch was left half done: finish or undo it first", "warn")
                return
            self._plan(work.usual_target)

    def _plan(self, target: Target) -> None:
        work = self.work
        if work is not None:
            work.make_plan(target)
            self._turn_to(_PLAN)

    def action_other(self) -> None:
        """The plan to the other mode."""
        if self.work is not None:
            self._plan("generic" if self.work.target == "evented" else "evented")

    def action_measure(self) -> None:
        """Another length of the measurement."""
        if self.work is not None:
            self.work.turn_measure()

    def action_risks(self) -> None:
        """Accept the risk of static pods, or not."""
        work = self.work
        if work is not None:
            work.accept_risks = not work.accept_risks
            self._plan(work.target)

    def action_undo(self) -> None:
        """Show the way back."""
        self._turn_to(_UNDO)

    def action_finish(self) -> None:
        """Finish what was interrupted, after asking."""
        self._ask("finish")

    def action_apply(self) -> None:
        """Carry out what is shown, after asking."""
        work = self.work
        if work is None or work.seen is None:
            return
        if self.page == _PLAN and not work.has_work:
            self.say("there is nothing to carry out", "warn")
            return
        self._ask("apply" if self.page == _PLAN else "undo")

    def _ask(self, what: str) -> None:
        work = self.work
        if work is None or work.seen is None:
            return
        record = work.seen.record
        restarts = what == "apply" or bool(record and record.restarts)
        if why := work.why_not(restarts):
            self.say(tidy(why), "warn")
            return
        self._asking = what
        doing = {"apply": f"switch this node to {work.target}", "undo": "roll it back",
                 "finish": "finish that switch"}[what]  # fmt: skip
        self.query_one(Prompt).ask(f" To {doing}, type {work.word} and enter: ")

    @on(Prompt.Taken)
    def _taken(self, event: Prompt.Taken) -> None:
        work, what = self.work, self._asking
        self.action_leave_prompt()
        if work is None:
            return
        if event.text.strip() != work.word:
            self.say(f"not {work.word}: nothing was changed", "warn")
            return
        {"apply": work.apply, "undo": work.undo, "finish": work.finish}[what]()
        if work.running:
            self._turn_to(_RUN)

    def action_leave_prompt(self) -> None:
        """Ask no more."""
        self._asking = ""
        self.query_one(Prompt).close()
        self.query_one("#checks" if self.page == _CHECKS else "#migrate-page").focus()

    def action_again(self) -> None:
        """Look again."""
        if self.work is not None:
            self.run_worker(self.work.look(rhythm=True), exit_on_error=False)

    def action_running(self) -> None:
        """Show the switch that goes on, or the last one."""
        self._turn_to(_RUN)

    async def action_back(self) -> None:
        """Back to the checklist; from there to the pods."""
        work = self.work
        if self.page == _CHECKS:
            await super().action_back()
            return
        if work is not None and self.page == _PLAN:
            work.plan = None
        self._turn_to(_CHECKS)
