"""The soak, short: `make soak` runs the same for half an hour."""

from __future__ import annotations

from tests.faults.soak import run


async def test_at_a_steady_rate_everything_is_told_once_and_in_order() -> None:
    outcome = await run(seconds=12, rate=50, pods=20, seed=3)
    assert outcome.done > 300
    assert outcome.problems() == []
