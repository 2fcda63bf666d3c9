"""Columns stand under each other whatever the names are written in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pleg_tui.cli import cells, table
from pleg_tui.cri.clean import clean
from pleg_tui.model import EventType, LifecycleEvent, Source

NAMES = ("web", "ウェブ店", "네임스페이스", "café", "e\u0301", "ｗｉｄｅ", "📦box", "цена")


def test_rows_of_any_script_stand_in_columns() -> None:
    lines = table.align([("NAME", "STATE"), *((name, "Ready") for name in NAMES)])
    ends = {cells.width(line[: line.index("Ready")]) for line in lines[1:]}
    assert len(ends) == 1


def test_event_lines_of_any_script_stand_in_columns() -> None:
    shown = table.EventTable(full_ids=False)
    ends = set()
    for seq, name in enumerate(NAMES):
        event = LifecycleEvent(
            seq=seq, type=EventType.CONTAINER_DIED, source=Source.CRI, created_at=1,
            received_at=2, namespace=name, pod=name, container=name, container_id="ab12",
        )  # fmt: skip
        line = shown.line(event, 3)
        ends.add(cells.width(line[: line.index("ab12")]))
    assert len(ends) == 1


def test_a_cell_is_cut_by_what_it_takes() -> None:
    assert cells.cut("ウェブ店", 5) == "ウェ…"
    assert cells.cut("ウェブ店", 8) == "ウェブ店"
    assert cells.width(cells.cut("店" * 999, 253)) <= 253


@given(st.text(alphabet=st.characters(codec="utf-8", max_codepoint=0xFFFF), max_size=12))
def test_plain_text_takes_what_a_terminal_gives_it(text: str) -> None:
    """As Textual's own tables have it, but for characters newer than either table."""
    for character in clean(text):
        alone = abs(cells.width("x" + character) - cell_len("x" + character))
        assert alone <= 1
    assert cells.width(cells.pad(clean(text), 40)) == 40
