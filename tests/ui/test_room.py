"""Where there is little room: what keeps its place, what is cut, and how often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleg_tui.ui.content.bars import Message, StatusFacts, Usage, status_line
from pleg_tui.ui.content.columns import layout
from pleg_tui.ui.content.glyphs import UNICODE
from pleg_tui.ui.content.lines import Part
from pleg_tui.ui.content.pods import pod_name
from pleg_tui.ui.content.text import width_of
from tests.ui.fakes import LIVE, RUNTIME

MODES = (
    ("1", "Live", True),
    ("2", "Compare", False),
    ("3", "Migrate", False),
    ("4", "Node", False),
)
NAME = st.text("abcdefghij-0123456789", min_size=1, max_size=40)


def modes_of(facts: StatusFacts, width: int) -> str:
    line = "".join(part.text for part in status_line(facts, width, UNICODE))
    return line[: line.index("4 Node") + 6 if "4 Node" in line else line.index(" 4 ") + 3]


def facts(simulated: bool, node: str = "node-1.example.org") -> StatusFacts:
    health = replace(LIVE, runtime=replace(RUNTIME, simulated=simulated))
    return StatusFacts(node, health, Usage(1.0, 80 << 20), modes=MODES, pleg=Part("PLEG polling"))


@pytest.mark.parametrize("simulated", [False, True])
@given(st.integers(79, 220), st.integers(0, 10**9))
def test_a_pause_does_not_move_the_modes(simulated: bool, width: int, waiting: int) -> None:
    live = facts(simulated)
    assert modes_of(replace(live, paused=waiting), width) == modes_of(live, width)


@given(st.integers(79, 220), st.text("ab ", max_size=80))
def test_a_message_is_not_cut_to_spare_the_titles_of_the_modes(width: int, text: str) -> None:
    told = replace(facts(simulated=False), message=Message(text))
    line = "".join(part.text for part in status_line(told, width, UNICODE))
    keys_alone = "  1 Live  2  3  4"
    if len(text) <= width - len(keys_alone) - len("  ● live    "):
        assert text in line
    whole = "  1 Live   2 Compare   3 Migrate   4 Node   ● live  PLEG polling    "
    if width >= 120 and len(text) <= width - len(whole):
        assert "4 Node" in line


@given(NAME, NAME, st.integers(1, 60))
def test_a_name_is_cut_once_at_most_and_its_end_is_kept(
    namespace: str, name: str, width: int
) -> None:
    space, shown = pod_name(namespace, name, width, UNICODE)
    assert width_of(space + shown) <= width
    assert (space + shown).count("…") <= 1
    if len(name) <= width:
        assert shown == name
    if len(namespace) + 1 + len(name) <= width:
        assert space == f"{namespace}/"
    if width >= 8:
        assert shown.endswith(name[-4:])


@pytest.mark.parametrize(("width", "measured"), [(119, False), (119, True), (199, True)])
def test_the_last_change_can_be_read_whole(width: int, measured: bool) -> None:
    """A terminal of 120 cells and one of 200, less the scroll bar."""
    change = next(c for c in layout(width, measured=measured).columns if c.name == "change")
    for text in ("worker was OOMKilled, restarted", "was exit 143 SIGTERM, restarted"):
        assert len(text) <= change.width
