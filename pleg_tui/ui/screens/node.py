"""The Node screen: kubelet, runtime and shims over time, the kubelet's figures, what drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pleg_tui.cri.clean import clean
from pleg_tui.node.kubelet.types import Mode
from pleg_tui.ui.content.bars import SOURCES
from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.content.node import NodeView, node_lines, title_line
from pleg_tui.ui.screens.mode import ModeScreen
from pleg_tui.ui.widgets.bar import Bar
from pleg_tui.ui.widgets.sheet import SheetPane

if TYPE_CHECKING:
    from pleg_tui.ui.drift import Drift


class Node(ModeScreen):
    """One sheet to scroll."""

    AUTO_FOCUS = "#node-page"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "look again", id="node.look",
                tooltip="Look at the kubelet again; at its rhythm, too, where nothing else tells"),
    ]  # fmt: skip
    FOOTER = ("app.help", "node.look", "app.dismiss", "mode.live", "app.quit", "app.palette")

    # -- what is on it

    def body(self) -> ComposeResult:
        """Build the screen."""
        yield Bar(self._title, id="node-title", classes="page-title")
        yield SheetPane(self._lines, id="node-page")

    @property
    def drift(self) -> Drift | None:
        """What is known of the kubelet."""
        return self.tui.drift

    def view(self) -> NodeView:
        """What there is to show."""
        drift, health = self.drift, self.tui.health
        runtime = health.runtime
        named = f"{clean(runtime.name)} {clean(runtime.version)}" if runtime is not None else ""
        source = SOURCES[health.source] if health.source is not None else ""
        simulated = runtime is not None and runtime.simulated
        if drift is None:
            why = "no kubelet is looked at here"
            return NodeView((), 0.0, Mode.UNKNOWN, why, None, None, named, source, (), why,
                            simulated=simulated)  # fmt: skip
        figures = drift.look.figures if drift.look is not None else None
        if figures is None and drift.facts is not None:
            figures = drift.facts.figures
        return NodeView(
            drift.vitals,
            self._mono(),
            drift.mode,
            drift.mode_why,
            drift.facts,
            figures,
            named,
            source,
            drift.told,
            drift.problem or drift.site.why_not,
            drift.watching,
            drift.cost.first_s * 1000,
            drift.cost.ms_per_s,
            drift.rhythm_at,
            simulated or drift.site.simulated,
        )

    def _mono(self) -> float:
        """Now, on the clock of the readings; at least the last of them."""
        drift = self.drift
        now = self.tui.monotonic()
        last = drift.vitals[-1].at if drift is not None and drift.vitals else now
        return max(now, last) if abs(now - last) < 3600 else last

    def _title(self, width: int) -> Line:
        return title_line(self.view(), width, self.tui.glyphs)

    def _lines(self, width: int, height: int) -> list[Line]:
        return node_lines(self.view(), width, height, self.tui.glyphs)

    # -- what changes

    def _draw(self) -> None:
        if self.is_mounted and self.is_current:
            self.query_one("#node-page", SheetPane).draw()
            self.check_bars()

    def drift_changed(self) -> None:
        """More is known."""
        self._draw()

    @on(events.ScreenResume)
    def _looked_at_again(self) -> None:
        self._draw()

    # -- what the keys do

    def action_again(self) -> None:
        """Look at the kubelet again."""
        drift = self.drift
        if drift is not None and not drift.watching:
            self.run_worker(drift.full_look(rhythm=True, node=False), exit_on_error=False)
