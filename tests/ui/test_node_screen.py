"""The Node screen: what kubelet, runtime and shims use over time, the kubelet's own figures."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleg_tui.node.kubelet.types import Figure, Mode, PlegFigures
from pleg_tui.ui.content.glyphs import ASCII, UNICODE
from pleg_tui.ui.content.node import buckets, levels
from tests import migrate_scenes as scenes
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import a_node

SIZES = ((80, 24), (120, 40), (200, 50))


def full() -> scenes.StillDrift:
    drift = scenes.drift()
    drift.take_facts(scenes.kubelet(Mode.GENERIC))
    drift.take_look(scenes.look())
    for one in scenes.vitals():
        drift.take_vitals(one)
    drift.cost.first_s = 0.18
    return drift


def whole(stage: Stage) -> str:
    """Everything that can be scrolled to."""
    pane = stage.app.screen.query_one("#node-page")
    lines = getattr(pane, "_lines")  # noqa: B009
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_with_figures(
    opened: Opener, same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    async with opened(*a_node(), size=size, drift=full()) as stage:
        await stage.press("4")
        same_grid(stage, f"node-figures-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_without_figures_each_says_why(
    opened: Opener, same_grid: Callable[[Stage, str], None], size: tuple[int, int]
) -> None:
    drift = scenes.drift()
    why = "https://127.0.0.1:10250/metrics: 401, give a client certificate with --kubelet-cert"
    none = Figure(None, why)
    drift.take_facts(
        scenes.kubelet(
            Mode.UNKNOWN, mode_why="nothing tells", remedies=("grant nodes/metrics to …",)
        )
    )
    look = scenes.look(Mode.UNKNOWN, figures=PlegFigures(scenes.AT, *(8 * (none,))))
    drift.take_look(replace(look, mode_why="nothing tells"))
    async with opened(*a_node(), size=size, drift=drift) as stage:
        await stage.press("4")
        assert "nothing tells" in whole(stage)
        assert whole(stage).count("unknown") >= 9 + 7
        assert "401" in whole(stage)
        same_grid(stage, f"node-unknown-{size[0]}x{size[1]}")


async def test_every_figure_has_its_source(opened: Opener) -> None:
    async with opened(*a_node(), drift=full()) as stage:
        await stage.press("4")
        text = whole(stage)
        for figure in ("86,012", "0.98", "1.02 s", "25 ms"):
            line = next(line for line in text.splitlines() if figure in line)
            assert "https://127.0.0.1:10250/metrics" in line or "as above" in line
        assert "cpu 0.4 %, memory 0.0 %, io 1.2 %" in text
        assert "180 ms of processor time" in text


async def test_what_drifted_is_kept_newest_first(opened: Opener) -> None:
    drift = full()
    (one,) = scenes.vitals(0)
    drift.take_vitals(replace(one, runtime_restarted=True))
    async with opened(*a_node(), drift=drift) as stage:
        await stage.press("4")
        assert "runtime restarted: the runtime has been restarted" in whole(stage)


async def test_where_no_kubelet_is_found_the_rest_is_shown_all_the_same(opened: Opener) -> None:
    drift = scenes.drift()
    drift.take_facts(scenes.kubelet(Mode.UNKNOWN, pid=None, why="no process is named kubelet"))
    async with opened(*a_node(), drift=drift) as stage:
        await stage.press("4")
        assert "no process is named kubelet" in whole(stage)
        assert "containerd v2.1.9" in whole(stage)


def test_the_last_reading_stands_at_the_end_of_the_axis() -> None:
    values = buckets([(1000.0, 5.0), (101.0, 1.0)], 1000.0, 90)
    assert values[-1] == 5.0
    assert values[0] == 1.0
    assert math.isnan(values[45])


def test_a_cell_has_the_mean_of_its_readings_and_what_is_unknown_is_left_out() -> None:
    values = buckets([(995.0, 2.0), (998.0, 4.0), (999.0, None)], 1000.0, 10)
    assert values[-1] == 3.0


@given(
    st.lists(st.one_of(st.just(math.nan), st.floats(0, 1e9)), min_size=1, max_size=60),
    st.integers(1, 3),
    st.booleans(),
)
def test_a_chart_is_as_wide_as_its_values_and_empty_where_they_are_unknown(
    values: list[float], rows: int, plain: bool
) -> None:
    top = max((v for v in values if not math.isnan(v)), default=0.0)
    drawn = levels(values, top, rows, ASCII if plain else UNICODE)
    assert len(drawn) == rows
    assert all(len(row) == len(values) for row in drawn)
    for index, value in enumerate(values):
        assert (drawn[-1][index] == " ") is math.isnan(value)
