"""A list that draws its own lines: only those that look different are painted again."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from pleg_tui.ui.content.lines import Line
from pleg_tui.ui.widgets.line_styles import CURSOR, CURSOR_BLURRED
from pleg_tui.ui.widgets.own_lines import OwnLines
from pleg_tui.ui.widgets.painting import Painter
from pleg_tui.ui.widgets.side_bar import SideBar

BLANK: Line = ()


class LineList(ScrollView, can_focus=True):
    """Lines under a cursor. Subclasses say how many there are and what each looks like."""

    ALLOW_SELECT = False
    ALLOW_MAXIMIZE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False, id="move.up"),
        Binding("down,j", "cursor(1)", "Down", show=False, id="move.down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="move.page-up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="move.page-down"),
        Binding("ctrl+u", "page(-0.5)", "Half a page up", show=False, id="move.half-up"),
        Binding("ctrl+d", "page(0.5)", "Half a page down", show=False, id="move.half-down"),
        Binding("g,home", "first", "First line", show=False, id="move.first"),
        Binding("G,end", "last", "Last line", show=False, id="move.last"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._styles_cache = OwnLines()
        self.cursor = 0
        self._count = 0
        self._painter = Painter(self)
        self._styles: tuple[object, ...] = ()
        self._drawn: dict[int, tuple[Line, str]] = {}
        self._measured = (Size(), Size())
        """Its outer size, and the window that this leaves: asked for with every line."""

    # -- what a subclass says

    def line(self, index: int) -> Line:
        """The line at this index, as it looks now."""
        raise NotImplementedError

    def mode(self, index: int) -> str:
        """The whole-line look of the line at this index."""
        if index != self.cursor:
            return ""
        return CURSOR if self.has_focus else CURSOR_BLURRED

    def filler(self, y: int) -> Line:  # noqa: ARG002 - for subclasses
        """What is drawn in row y of the window, below the last line."""
        return BLANK

    def moved(self) -> None:
        """The admin moved the cursor."""

    # -- lines

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self._count

    @count.setter
    def count(self, count: int) -> None:
        if count == self._count:
            return
        self._count = count
        # As virtual_size does when set, but for the layout of the whole screen that comes with it:
        # the scroll bar is always there, so nothing moves.
        self.set_reactive(LineList.virtual_size, Size(self.window.width, count))
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.follow(count, self.scroll_y)
        if self.scroll_y > self.max_scroll_y:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    @property
    def vertical_scrollbar(self) -> SideBar:
        """The scroll bar, made when it is first asked for."""
        bar = self._vertical_scrollbar
        if not isinstance(bar, SideBar):
            bar = self._vertical_scrollbar = SideBar()
            bar.display = False
            self.app._start_widget(self, bar)
        return bar

    @property
    def window(self) -> Size:
        """What lines are drawn in: the widget without its scroll bar, which is always there."""
        outer = self.outer_size
        if outer != self._measured[0]:
            self._measured = (outer, self.scrollable_content_region.size)
        return self._measured[1]

    def repaint(self) -> None:
        """Have those visible lines drawn again that look different now."""
        top = round(self.scroll_y)
        width, height = self.window
        drawn = self._drawn
        for y in range(height):
            was = drawn.get(y)
            if was is not None and self._look(top + y, y) != was:
                del drawn[y]
                self.refresh(Region(0, y, width, 1))

    def _look(self, index: int, y: int) -> tuple[Line, str]:
        if 0 <= index < self._count:
            return self.line(index), self.mode(index)
        return self.filler(y), ""

    def render_line(self, y: int) -> Strip:
        """Draw row y of the window."""
        look = self._drawn[y] = self._look(round(self.scroll_y) + y, y)
        line, mode = look
        return self._painter.strip(line, self.window.width, mode)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolled: what looks the same at its place is not drawn again."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.follow(self._count, new_value)
        if round(old_value) != round(new_value):
            self.repaint()

    def notify_style_update(self) -> None:
        """The theme changed, or the focus came or went, which on_focus sees to."""
        super().notify_style_update()
        styles = (self.app.theme, self.rich_style)
        if styles != self._styles:
            self._styles = styles
            self._painter.clear()
            self._drawn.clear()
            self.refresh()

    def on_resize(self) -> None:
        """Another size: it was drawn for that already, now the cursor is brought into sight."""
        self.set_reactive(LineList.virtual_size, Size(self.window.width, self._count))
        self.show_cursor()
        self.repaint()

    def on_focus(self, event: events.Focus) -> None:
        """The cursor looks different in the pane that has the focus."""
        self._focus_is(True, event, events.DescendantFocus(self))

    def on_blur(self, event: events.Blur) -> None:
        """As on_focus."""
        self._focus_is(False, event, events.DescendantBlur(self))

    def _focus_is(self, here: bool, event: events.Event, told: events.Event) -> None:
        """As Textual's widgets have it, which would have every line drawn again."""
        event.prevent_default()
        self.has_focus = here
        self.repaint()
        if self.parent is not None:
            self.parent.post_message(told)

    # -- moving

    def move_to(self, index: int) -> None:
        """Put the cursor on a line and scroll so that it is seen."""
        self.cursor = max(0, min(index, self._count - 1))
        self.show_cursor()
        self.repaint()

    def show_cursor(self) -> None:
        """Scroll as little as is needed for the cursor to be seen."""
        height = self.window.height
        top = round(self.scroll_y)
        if height <= 0:
            return
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)

    def action_cursor(self, step: int) -> None:
        """Move by lines."""
        self.move_to(self.cursor + step)
        self.moved()

    def action_page(self, pages: float) -> None:
        """Move by windows."""
        step = max(int(abs(pages) * (self.window.height - 1)), 1)
        self.action_cursor(step if pages > 0 else -step)

    def action_first(self) -> None:
        """Move to the first line."""
        self.move_to(0)
        self.moved()

    def action_last(self) -> None:
        """Move to the last line."""
        self.move_to(self._count - 1)
        self.moved()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there."""
        index = round(self.scroll_y) + event.y
        if 0 <= index < self._count:
            self.move_to(index)
            self.moved()
