"""Lines that are kept: the same as Textual's, and gone once nobody keeps them."""

from __future__ import annotations

import gc

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import Monochrome
from textual.strip import Strip

from pleg_tui.ui.widgets.own_strip import OwnStrip

SEGMENTS = [Segment("web-1 ", Style.parse("red")), Segment("running", Style.parse("bold"))]
WIDTH = 13
GROUND = Color.parse("black")


def test_a_line_is_gone_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        strip = OwnStrip(SEGMENTS, WIDTH)
        strip.divide([WIDTH])
        strip.divide([4, WIDTH])
        strip.crop(2, 5)
        strip.adjust_cell_length(WIDTH)
        strip.apply_filter(Monochrome(), GROUND).divide([WIDTH])
        del strip
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_it_is_cut_and_filtered_as_textuals_own() -> None:
    own, textuals = OwnStrip(SEGMENTS, WIDTH), Strip(SEGMENTS, WIDTH)
    assert own == textuals
    assert list(own.divide([4, 8, WIDTH])) == list(textuals.divide([4, 8, WIDTH]))
    assert own.crop(2, 9) == textuals.crop(2, 9)
    assert own.adjust_cell_length(20) == textuals.adjust_cell_length(20)
    assert own.apply_filter(Monochrome(), GROUND) == textuals.apply_filter(Monochrome(), GROUND)


def test_another_filter_or_ground_is_another_answer() -> None:
    strip, grey = OwnStrip(SEGMENTS, WIDTH), Monochrome()
    first = strip.apply_filter(grey, GROUND)
    assert strip.apply_filter(grey, GROUND) is first
    assert strip.apply_filter(grey, Color.parse("white")) is not first
    assert strip.apply_filter(Monochrome(), GROUND) is not first
