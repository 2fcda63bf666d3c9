"""The Textual app: takes what the feed has, has the screens draw it, leaves the terminal whole."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import ActiveBinding, Binding, BindingType
from textual.screen import Screen

from pleg_tui.cri.clean import clean
from pleg_tui.feed.types import Delta, Feed, Health, Phase, Settings
from pleg_tui.ui import lean
from pleg_tui.ui.colours import InColours
from pleg_tui.ui.content.bars import SOURCES, Usage
from pleg_tui.ui.content.glyphs import ASCII, UNICODE
from pleg_tui.ui.content.text import count, span
from pleg_tui.ui.content.usage import SIMULATED
from pleg_tui.ui.modes import LIVE, MODES
from pleg_tui.ui.options import THEMES, UiOptions
from pleg_tui.ui.pump import Pump
from pleg_tui.ui.screens.base import PlegScreen
from pleg_tui.ui.screens.live import Live
from pleg_tui.ui.themes import style_files
from pleg_tui.ui.type_ahead import TypeAhead, Typed
from pleg_tui.ui.usage import UsageMeter
from pleg_tui.ui.usages import Sampler, Usages

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

    from pleg_tui.compare.types import Experiment, Plan
    from pleg_tui.ui.comparing import Prepare
    from pleg_tui.ui.content.lines import Line, Part
    from pleg_tui.ui.drift import Drift
    from pleg_tui.ui.migrating import Migrating
    from pleg_tui.ui.site import Site

AWAY_S = 4.0
"""The screen stood still for so long that what was missed is worth a word."""
_KEY_NAMES = {
    "enter": "enter",
    "escape": "esc",
    "space": "space",
    "tab": "tab",
    "shift+tab": "shift+tab",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "up": "up",
    "down": "down",
    "left": "left",
    "right": "right",
}
_FIRST_FPS = 30.0
"""Until the runtime is there, what comes is drawn at once."""
_KUBELET_AFTER_S = 0.7
"""So long after the first picture the kubelet is looked at first."""
_USAGE_EVERY = 2
"""Seconds between two readings of what this program costs."""

log = logging.getLogger("pleg_tui.ui")
log.addHandler(logging.NullHandler())


class PlegTui(InColours, inherit_bindings=False):
    """The dashboard."""

    TITLE = "pleg-tui"
    ALLOW_SELECT = False
    ENABLE_COMMAND_PALETTE = True
    DEFAULT_MODE = LIVE.name
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual leaves it unannotated
        (0, "-narrow"),
        (100, "-wide"),
        (150, "-very-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - Textual leaves it unannotated
        (0, "-tiny"),
        (20, "-short"),
        (32, "-tall"),
        (46, "-very-tall"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("colon,ctrl+p", "command_palette", "palette", id="app.palette",
                tooltip="Find a command by its name"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, id="app.suspend",
                tooltip="Go back to the shell; `fg` comes back, nothing is lost meanwhile"),
        Binding("ctrl+l", "redraw", "Redraw", show=False, id="app.redraw",
                tooltip="Draw the screen again, should something else have written on it"),
        Binding("X", "dismiss", "Away", show=False, id="app.dismiss",
                tooltip="Put the banner about the kubelet away; Node keeps what it said"),
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True, id="app.interrupt",
                tooltip="End the program at once"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit-2",
                tooltip="End the program"),
        *(Binding(mode.key, f"mode('{mode.name}')", mode.title, show=False,
                  id=f"mode.{mode.name}", tooltip=mode.says)
          for mode in (MODES if len(MODES) > 1 else ())),
    ]  # fmt: skip

    def __init__(
        self,
        feed: Feed,
        options: UiOptions,
        *,
        now: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
        measure: Callable[[int | None, float], Usage] | None = None,
        sampler: Callable[[], Sampler] | None = None,
        prepare: Prepare | None = None,
        drift: Drift | None = None,
    ) -> None:
        super().__init__(options, [str(path) for path in style_files()])
        self.feed = feed
        self.now = now
        """Wall time, ns."""
        self.monotonic = monotonic
        """Seconds, as `Health.retry_at` counts them."""
        self.glyphs = ASCII if options.ascii else UNICODE
        self.health: Health = feed.health
        self.started_at = now()
        self.usages = Usages(sampler or partial(_sampler, options.root))
        """What pods and containers use."""
        self.live = Live()
        self.activities: dict[str, str] = {}
        """What goes on in modes that are not looked at, by the mode's name, in few words."""
        self.closers: list[Callable[[], Awaitable[None]]] = []
        """What is to be ended in order before the program ends."""
        self.leaving: list[Callable[[Callable[[], None]], bool]] = []
        """Who is asked whether the program may be left at once; who says no asks the admin, and
        calls what it was given when the answer is to leave."""
        self.parting: list[str] = []
        """What is to be read on stderr once the terminal is given back."""
        self.hearers: list[Callable[[Delta], None]] = []
        """Who is to be told of all that the feed says, whatever is looked at."""
        self.prepare = prepare or self._prepare
        """From a plan to an experiment that can run on this node."""
        self.drift = drift
        """What the kubelet does; None where none is looked at."""
        self.switching: Migrating | None = None
        """A switch as the Migrate screen has it, once that was opened."""
        self._measure = measure or UsageMeter().measure
        self._pump: Pump | None = None
        self.type_ahead = TypeAhead(self, self._typed)
        self._changes = 0
        self._seconds = 0
        self._second_due = False
        self._second_at: float | None = None
        self._changes_then = 0
        self._away: tuple[float, int] | None = None
        for mode in MODES[1:]:
            self.add_mode(mode.name, mode.load)
        self.use_theme(self.theme_wanted())
        self.set_keymap(dict(options.keymap))  # before there is a screen, which would keep the old

    def get_key_display(self, binding: Binding) -> str:
        """A key as help and footer name it: in words where Textual has a sign of its own."""
        return _KEY_NAMES.get(binding.key) or super().get_key_display(binding)

    def key_name(self, binding_id: str, usual: str) -> str:
        """What the key of a binding is called, where a text names it: the set one, or as usual."""
        keys = self.options.keymap.get(binding_id, "")
        return self.get_key_display(Binding(keys.partition(",")[0], "")) if keys else usual

    def get_default_screen(self) -> Screen[Any]:
        """The Live screen."""
        return self.live

    async def on_event(self, event: events.Event) -> None:
        """A key closes the hint first: one that is bound goes to nobody else."""
        if isinstance(event, events.Key):
            self.live.key_pressed()
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.type_ahead.take(event)
        else:
            await super().on_event(event)

    async def _typed(self, event: Typed) -> None:
        await super().on_event(event)

    # -- the feed

    async def on_load(self) -> None:
        """The feed begins before there is a screen: its listing comes while that is made."""
        await self.feed.start()

    def on_mount(self) -> None:
        """Begin."""
        # Not before: for the screen of a mode that it knows Textual waits, and until then it draws
        # nothing, so the first picture would be thrown away and drawn again.
        self.add_mode(LIVE.name, self.get_default_screen)
        self._own_the_terminal()
        self._second_at = self.monotonic()
        self.set_interval(1.0, self.beat)

    def ready(self) -> None:
        """The Live screen is there: what the feed has is drawn from now on."""
        loop = asyncio.get_running_loop()
        # Through a message, because only there does Textual know which app is meant.
        self._pump = Pump(_FIRST_FPS, partial(self.call_later, self._take), loop)
        self.feed.on_dirty = self._pump.dirty
        self._take()  # the first picture has what is there already
        self.call_after_refresh(self._look_at_the_kubelet)
        if self.options.notice:
            self.live.say(self.options.notice, "warn")

    def _take(self) -> None:
        delta = self.feed.take()
        self.health = self.feed.health
        if self._pump is not None and (self.health.phase is Phase.LIVE or self.health.error):
            self._pump.fps = self.options.fps
        self._changes += len(delta.transitions) or len(delta.events)
        if delta.more and self._pump is not None:
            self._pump.again()
        self.live.apply(delta)
        for hear in self.hearers:
            hear(delta)
        page = self.screen
        if page is not self.live and isinstance(page, PlegScreen):
            page.apply(delta)
        if self._second_due:
            self._second()

    def beat(self) -> None:
        """Once a second; with what waits to be drawn, as one picture is cheaper than two."""
        self._see_the_terminal()
        if self._pump is not None and self._pump.busy and not self._second_due:
            self._second_due = True
            self._pump.dirty()
        else:
            self._second()

    def _second(self) -> None:
        """Ages, the retry's countdown, this program's own cost."""
        self._second_due = False
        now = self.monotonic()
        if self._away is not None:
            seconds, before = self._away
            self._away = None
            missed = count(self._changes - before, "change")
            self.live.say(f"away {span(seconds)}, {missed}")
        if self._second_at is not None and now - self._second_at > AWAY_S:
            self._away = (now - self._second_at, self._changes_then)
        self._second_at = now
        self._changes_then = self._changes
        self.health = self.feed.health
        usage = None
        if self._seconds % _USAGE_EVERY == 0:
            usage = self._measure(self.health.collector_pid, now)
        self._seconds += 1
        page = self.screen
        if isinstance(page, PlegScreen):
            page.second(usage)
            self.read_usage(page)

    def read_usage(self, page: PlegScreen) -> None:
        """Have it read what is used, if it is time; simulated containers use nothing to read."""
        runtime = self.health.runtime
        if runtime is None:
            return
        if runtime.simulated:
            self.usages.why = SIMULATED
            return
        now_ns = int(self.monotonic() * 1e9)
        self.usages.beat(self.feed.pods, page.watched(), now_ns, self._usage_read)

    def _usage_read(self) -> None:
        self.live.usage_read()
        page = self.screen
        if page is not self.live and isinstance(page, PlegScreen):
            page.usage_read()

    # -- the kubelet

    def _look_at_the_kubelet(self) -> None:
        """Once the first picture is drawn; the thread and what it imports wait a little longer."""
        if self.drift is None and self.options.site is not None:
            self.drift = self._drift(self.options.site)
        if self.drift is not None:
            self.closers.append(self.drift.close)
            self.set_timer(_KUBELET_AFTER_S, self.drift.start)
            self._drift_changed()

    def _drift(self, site: Site) -> Drift:
        from pleg_tui.ui.drift import Drift

        def runtime() -> tuple[str, str]:
            now = self.health.runtime
            return (now.endpoint or self.options.endpoint, now.name) if now else ("", "")

        def changed() -> None:
            self.call_later(self._drift_changed)

        return Drift(site, runtime, changed)

    def _drift_changed(self) -> None:
        page = self.screen
        if isinstance(page, PlegScreen):
            self._show_drift(page)
            page.drift_changed()

    def _show_drift(self, page: PlegScreen) -> None:
        shown = self.drift_told
        for bar in page.query("#drift"):
            if bar.has_class("-shown") is not shown:
                bar.set_class(shown, "-shown")
                page.refresh_bindings()

    def pleg(self) -> Part | None:
        """The kubelet's mode for the status line; None where no kubelet is looked at."""
        if self.drift is None:
            return None
        from pleg_tui.ui.content.pleg import mode_part

        return mode_part(self.drift.mode)

    @property
    def drift_told(self) -> bool:
        """There is a banner about the kubelet."""
        return self.drift is not None and self.drift.banner is not None

    def drift_line(self, width: int) -> Line:
        """The banner about the kubelet; empty when there is nothing to tell."""
        if self.drift is None or self.drift.banner is None:
            return ()
        from pleg_tui.ui.content.pleg import drift_line

        key = self.key_name("app.dismiss", "X")
        return drift_line(self.drift.banner, width, self.glyphs, key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is a key for the banner while there is a banner."""
        if action == "dismiss":
            return self.drift_told
        return super().check_action(action, parameters)

    def action_dismiss(self) -> None:
        """Put the banner about the kubelet away."""
        if self.drift is not None:
            self.drift.dismiss()

    async def action_quit(self) -> None:
        """End the program; while a switch or a comparison is on its way, ask first."""
        switching = self.switching
        if switching is None or not switching.running:
            if all(may_leave(self.exit) for may_leave in self.leaving):
                self.exit()
            return
        from pleg_tui.ui.screens.menu import MenuScreen

        def answered(answer: str | None) -> None:
            if answer == "leave":
                self.exit()

        leave = "leave; it is ended" if switching.ends_with_us else "leave; it goes on by itself"
        choices = [("stay", "stay and see it through"), ("leave", leave)]
        self.push_screen(MenuScreen("A switch is going on", choices, "stay"), answered)

    # -- the modes

    async def _prepare(self, plan: Plan) -> Experiment:
        from pleg_tui.compare.prepare import prepare

        settings = Settings(self.options.endpoint, root=self.options.root)
        source = self.health.source
        beside = f"the dashboard's live view ({SOURCES[source]})" if source is not None else ""
        return await prepare(settings, plan, beside=beside)

    @property
    def mode(self) -> str:
        """The name of the mode that is looked at."""
        return self.current_mode

    def mode_bar(self) -> tuple[tuple[str, str, bool], ...]:
        """(key, title, it is looked at) of each mode; nothing where there is no choice."""
        if len(MODES) < 2:
            return ()
        return tuple(
            (self.key_name(f"mode.{mode.name}", mode.key), mode.title, mode.name == self.mode)
            for mode in MODES
        )

    def activity(self) -> str:
        """What goes on in the modes that are not looked at."""
        now = self.mode
        return "  ".join(text for name, text in self.activities.items() if text and name != now)

    async def action_mode(self, name: str) -> None:
        """Look at another mode; what was open in this one stays so."""
        if name != self.mode:
            await self.switch_mode(name)
            if isinstance(page := self.screen, PlegScreen):
                self._show_drift(page)

    async def close_down(self) -> None:
        """End what goes on in the modes."""
        for close in self.closers:
            try:
                await close()
            except Exception:
                log.exception("a mode could not be ended in order")

    # -- what the keys do

    def copy(self, text: str, name: str = "") -> None:
        """Ask the terminal to copy a text, and say so."""
        from pleg_tui.ui.clipboard import TooLongError, copy_sequence

        try:
            sequence = copy_sequence(text, os.environ)
        except TooLongError as error:
            self.say(f"not copied: {error}", "warn")
            return
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(sequence)
        self.say(f"copied {name or text}")

    def say(self, text: str, style: str = "accent") -> None:
        """Say something on the page that is open."""
        page = self.screen
        (page if isinstance(page, PlegScreen) else self.live).say(text, style)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """What Textual has to say goes where this program speaks: its toasts obey markup."""
        del timeout, markup
        text = f"{title}: {message}" if title else message
        self.say(text, "accent" if severity == "information" else "warn")

    def action_interrupt(self) -> None:
        """Ctrl-C."""
        self.exit(return_code=130)

    def action_command_palette(self) -> None:
        """Open the palette."""
        lean.load_palette()
        super().action_command_palette()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every action that has a key, and the themes."""
        found: dict[str, tuple[ActiveBinding, list[str]]] = {}
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.id and binding.tooltip and binding.id != "app.palette":
                keys = found.setdefault(binding.id, (active, []))[1]
                keys.append(self.get_key_display(binding))
        for active, keys in found.values():
            run = partial(self.run_action, active.binding.action, active.node)
            yield SystemCommand(active.binding.tooltip, "  ".join(keys), run)
        site = self.options.site
        for title, said, cause in site.trouble if site is not None else ():
            yield SystemCommand(title, "simulated", partial(self._cause, title, said, cause))
        for name in THEMES:
            yield SystemCommand(
                f"Use the colours of {name}", "theme", partial(self.use_theme, name)
            )

    def _cause(self, title: str, said: str, cause: Callable[[], None]) -> None:
        """Have something go wrong on the simulated node, in a thread."""

        async def work() -> None:
            from pleg_tui.ui.off_loop import off_loop

            self.say(f"{title} ...")
            try:
                await off_loop(cause)
            except Exception as error:
                self.say(clean(str(error)), "warn")
            else:
                self.say(said)

        self.run_worker(work(), exit_on_error=False)


def _sampler(root: str) -> Sampler:
    from pleg_tui.node.usage import UsageSampler

    return UsageSampler(root)
