"""CPU and memory of containers and pods, from a sampler that reads what each test says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from pleg_tui.model import ContainerState
from pleg_tui.node.figures import Usage
from pleg_tui.ui.content.columns import layout, usual
from pleg_tui.ui.content.glyphs import ASCII, UNICODE
from pleg_tui.ui.content.order import SortBy
from pleg_tui.ui.content.spark import spark
from pleg_tui.ui.content.usage import Sample, bytes_text, cores_text, memory_cell, trend_cell
from tests.ui.conftest import Opener, Stage
from tests.ui.fakes import LIVE, RUNTIME, FakeFeed, FakeSampler, container, exited, pod

MIB = 1 << 20


def used(cores: float, memory: int = 64 * MIB, limit: int = 0, **more: Any) -> dict[str, Any]:
    """What a sampler reads of something."""
    plain = {"cores": cores, "cpu_ns": 1, "working_set": memory, "memory_limit": limit,
             "interval_ns": 2_000_000_000}  # fmt: skip
    return {**plain, **more}


def two_pods() -> tuple[Any, ...]:
    return (
        pod("api", container("api", id="a" * 64), exited("job", 0, id="e" * 64)),
        pod("web", container("web", id="b" * 64)),
    )


def names(stage: Stage) -> list[str]:
    """The pods in the list, in order."""
    return [line.split()[1].split("/")[1] for line in stage.grid() if line.startswith(" ▾")]


@given(st.floats(0, 10_000))
def test_cores_are_short(cores: float) -> None:
    assert len(cores_text(cores)) <= 5


@given(st.floats(0, 2.0**60))
def test_bytes_are_short(number: float) -> None:
    assert len(bytes_text(number)) <= 4


@given(
    st.one_of(st.none(), st.integers(0, 1 << 50)),
    st.one_of(st.none(), st.integers(0, 1 << 50)),
    st.sampled_from([5, 10]),
)
def test_memory_takes_the_room_it_has(used: int | None, limit: int | None, width: int) -> None:
    sample = Sample(Usage("x", 0, working_set=used, memory_limit=limit))
    assert sum(cell_len(text) for text, _ in memory_cell(sample, width)) <= width


@given(st.lists(st.one_of(st.just(math.nan), st.floats(0, 1e6)), max_size=20))
def test_a_sparkline_has_a_cell_for_each_value(values: list[float]) -> None:
    text = spark(values, UNICODE)
    assert len(text) == len(values)
    for cell, value in zip(text, values, strict=True):
        assert (cell == " ") is math.isnan(value)
        assert (cell == UNICODE.levels[0]) is (value == 0)
    assert spark(values, ASCII).isascii()


def test_trends_are_on_one_scale() -> None:
    steady = Sample(Usage("x", 0), cores=(0.02, 0.02, math.nan, 0.0))
    busy = Sample(Usage("y", 0), cores=(2.0, 0.02))
    assert trend_cell(steady, 4, UNICODE)[0].text == "▃▃ ▁"
    assert trend_cell(busy, 4, UNICODE)[0].text == "  ▇▃"


def test_usage_has_columns_where_it_can_be_read() -> None:
    assert "cpu" not in usual(300)
    assert {"cpu", "memory"} <= set(usual(119, measured=True))
    assert "cpu" not in usual(79, measured=True)
    assert "cpu" in usual(79, measured=True, sort=SortBy.CPU)
    for width in range(59, 260):
        for sort in (SortBy.NAME, SortBy.CPU):
            columns = layout(width, None, True, sort).columns
            assert sum(c.gap + c.width for c in columns) == width


async def test_cpu_and_memory_of_containers_and_pods(opened: Opener) -> None:
    sampler = FakeSampler({
        "a" * 64: used(0.25, 60 * MIB, 64 * MIB), "api": used(0.31, 70 * MIB), "b" * 64: used(1.5),
    })  # fmt: skip
    async with opened(*two_pods(), sampler=sampler) as stage:
        await stage.wait(2)
        assert "CPU  MEM   LIM%" in stage.text()
        assert "0.25   60M  94%!" in stage.line("├ api")
        assert "0.31   70M" in stage.line("default/api")
        assert "%" not in stage.line("default/api")
        assert " 1.50   64M" in stage.line("└ web")
        assert stage.line("default/web").split().count("-") == 2
        assert " - " not in stage.line("└ job")


async def test_reading_happens_beside_the_loop_and_only_what_is_due(opened: Opener) -> None:
    pods = [pod(f"p{n:02}", container("c", id=f"{n:064x}")) for n in range(60)]
    sampler = FakeSampler({f"p{n:02}": used(0.1) for n in range(60)})
    async with opened(*pods, sampler=sampler, size=(120, 40)) as stage:
        await stage.wait(1)
        assert sampler.rounds[0][1] == {f"p{n:02}" for n in range(60)}
        for _ in range(4):
            await stage.wait(1)
        assert len(sampler.rounds) == 3
        seen = stage.app.live.pods.seen
        assert sampler.rounds[1][1] == sampler.rounds[0][1], "a rate needs two readings"
        assert sampler.rounds[2][1] == seen
        assert 5 < len(seen) < 30
        for _ in range(20):
            await stage.wait(1)
        assert {uid for _, uids in sampler.rounds[3:] for uid in uids} == seen
        for _ in range(50):
            await stage.wait(1)
        assert {uid for _, uids in sampler.rounds[3:] for uid in uids} > seen
        assert all(sampler.brief)
        assert all("sandbox" not in i for ids, _ in sampler.rounds for i in ids), "no line shows it"
        assert not any("MainThread" in name for name in sampler.threads)


async def test_an_order_by_usage_has_the_others_read_more_often(opened: Opener) -> None:
    pods = [pod(f"p{n:02}", container("c", id=f"{n:064x}")) for n in range(60)]
    sampler = FakeSampler({f"p{n:02}": used(0.1) for n in range(60)})
    async with opened(*pods, sampler=sampler, size=(120, 40)) as stage:
        for _ in range(5):
            await stage.wait(1)
        await stage.press("P")
        rounds = len(sampler.rounds)
        for _ in range(20):
            await stage.wait(1)
        assert len({uid for _, uids in sampler.rounds[rounds:] for uid in uids}) == 60


async def test_a_pod_without_figures_of_its_own_is_summed_with_its_sandbox(opened: Opener) -> None:
    sampler = FakeSampler({"a" * 64: used(0.1)})
    async with opened(*two_pods(), sampler=sampler) as stage:
        await stage.wait(1)
        assert "sandbox-of-api" in sampler.rounds[0][0]


async def test_nothing_is_read_while_nobody_looks(opened: Opener) -> None:
    sampler = FakeSampler({"api": used(0.1)})
    async with opened(*two_pods(), sampler=sampler) as stage:
        await stage.wait(3)
        await stage.press("space")
        rounds = len(sampler.rounds)
        for _ in range(8):
            await stage.wait(1)
        assert len(sampler.rounds) == rounds
        await stage.press("space", "question_mark")
        for _ in range(8):
            await stage.wait(1)
        assert len(sampler.rounds) == rounds
        await stage.press("escape")
        for _ in range(3):
            await stage.wait(1)
        assert len(sampler.rounds) > rounds


async def test_what_is_gone_is_forgotten(opened: Opener) -> None:
    sampler = FakeSampler({"api": used(0.1), "a" * 64: used(0.1)})
    async with opened(*two_pods(), sampler=sampler) as stage:
        await stage.wait(3)
        stage.feed.drop("api")
        await stage.settle()
        for _ in range(12):
            await stage.wait(1)
        assert {"api", "a" * 64} <= sampler.forgotten
        assert "api" not in stage.app.usages.samples


async def test_sorting_by_cpu_and_memory(opened: Opener) -> None:
    sampler = FakeSampler({"web": used(0.5, MIB), "api": used(0.1, 2 * MIB)})
    async with opened(*two_pods(), pod("idle", container("idle")), sampler=sampler) as stage:
        await stage.wait(3)
        await stage.press("P")
        assert names(stage) == ["web", "api", "idle"]
        assert "CPU▲" in stage.text()
        await stage.press("M")
        assert names(stage) == ["api", "web", "idle"]
        await stage.press("P", "j")
        sampler.figures["api"]["cores"] = 0.9
        cursor = stage.cursor_line()
        for _ in range(3):
            await stage.wait(1)
        assert names(stage) == ["api", "web", "idle"]
        assert stage.cursor_line() == cursor
        await stage.press("P")
        assert names(stage)[-1] == "api"


async def test_a_narrow_list_shows_what_it_is_sorted_by(opened: Opener) -> None:
    sampler = FakeSampler({"api": used(0.1), "web": used(0.5, 63 * MIB, 64 * MIB)})
    async with opened(*two_pods(), sampler=sampler, size=(80, 24)) as stage:
        await stage.wait(3)
        assert "CPU" not in stage.text()
        rounds = len(sampler.rounds)
        for _ in range(4):
            await stage.wait(1)
        assert len(sampler.rounds) == rounds, "what nobody sees is not read"
        assert [uids for _, uids in sampler.rounds] == [{"api"}]
        await stage.press("P")
        await stage.wait(1)
        assert "0.50" in stage.line("default/web")
        await stage.press("M")
        assert " 63M!" in stage.line("default/web")
        assert "0.50" not in stage.line("default/web")


async def test_where_nothing_can_be_read_the_columns_are_not_shown(opened: Opener) -> None:
    async with opened(*two_pods()) as stage:
        for _ in range(4):
            await stage.wait(1)
        assert "CPU" not in stage.grid()[2]
        await stage.press("P")
        assert "unknown here: no control groups are mounted" in stage.grid()[0]
        await stage.press("question_mark", "G")
        assert "CPU and MEM are not shown: no control groups are mounted" in stage.text()
        await stage.press("escape", "j", "enter")
        assert "unknown: no control groups are mounted" in stage.text()


async def test_a_simulated_runtime_uses_nothing_that_is_shown(opened: Opener) -> None:
    sampler = FakeSampler({"api": used(0.1)})
    feed = FakeFeed(health=replace(LIVE, runtime=replace(RUNTIME, simulated=True)))
    async with opened(*two_pods(), feed=feed, sampler=sampler) as stage:
        for _ in range(4):
            await stage.wait(1)
        assert not sampler.rounds
        assert "CPU" not in stage.grid()[2]
        await stage.press("enter")
        assert "the runtime is simulated" in stage.text()


async def test_the_details_say_all_that_was_read(opened: Opener) -> None:
    figures = used(0.5, 62 * MIB, 64 * MIB, periods=200, throttled_periods=20, throttled_share=0.1,
                   throttled_ns=3_000_000_000, oom_kills=2, pids=7)  # fmt: skip
    sampler = FakeSampler({"a" * 64: figures})
    async with opened(*two_pods(), sampler=sampler, size=(120, 50)) as stage:
        await stage.wait(3)
        await stage.press("j", "enter")
        assert "0.500 cores (1 is the whole of one), over the last 2.0 s" in stage.text()
        assert "62M working set of the limit of 64M, 97%" in stage.text()
        assert "10% of the periods since the last reading; in 20 of 200 periods" in stage.text()
        assert "2 processes" in stage.line("oom kills")
        assert "7 processes and threads" in stage.text()
        rounds = len(sampler.rounds)
        sampler.figures["a" * 64] = {**figures, "cores": 0.75}
        for _ in range(5):
            await stage.wait(1)
        assert "0.750 cores" in stage.text()
        assert "█" in stage.line("cpu lately")
        assert "max 0.75 cores" in stage.line("cpu lately")
        assert all(uids == {"api"} for _, uids in sampler.rounds[rounds:])
        assert not any(sampler.brief[rounds:])
        assert "unknown: no control groups" in stage.line("anonymous")


async def test_what_does_not_run_has_no_usage(opened: Opener) -> None:
    sampler = FakeSampler({"api": used(0.5)})
    created = container("new", state=ContainerState.CREATED, id="d" * 64)
    async with opened(*two_pods(), pod("zzz", created), sampler=sampler) as stage:
        await stage.wait(3)
        await stage.press("j", "j", "enter")
        assert "Container  default/api/job" in stage.text()
        assert "Usage" not in stage.text()


async def test_a_very_wide_list_has_a_trend(opened: Opener) -> None:
    sampler = FakeSampler({"api": used(0.5)})
    async with opened(*two_pods(), sampler=sampler, size=(200, 50)) as stage:
        for _ in range(5):
            await stage.wait(1)
        assert "CPU TREND" in stage.grid()[2]
        assert "▆▆" in stage.line("default/api ")


@pytest.mark.parametrize("broken", [OSError("gone"), ValueError("odd [/]")])
async def test_a_reader_that_fails_takes_nothing_else_with_it(
    opened: Opener, broken: Exception
) -> None:
    sampler = FakeSampler()

    def fail(*_: Any) -> Any:
        raise broken

    sampler.sample = fail  # type: ignore[assignment]
    async with opened(*two_pods(), sampler=sampler) as stage:
        for _ in range(4):
            await stage.wait(1)
        assert "default/web" in stage.text()
        await stage.press("P")
        assert "reading it failed" in stage.grid()[0]
