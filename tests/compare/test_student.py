"""Student's t against the printed tables."""

import math

import pytest

from pleg_tui.compare.student import quantile, within


@pytest.mark.parametrize(
    ("df", "t"),
    [
        (1, 12.7062),
        (2, 4.3027),
        (3, 3.1824),
        (4, 2.7764),
        (5, 2.5706),
        (6, 2.4469),
        (10, 2.2281),
        (17, 2.1098),
        (30, 2.0423),
        (120, 1.9799),
        (1000, 1.9623),
    ],
)
def test_it_agrees_with_the_table_at_95_percent(df: int, t: float) -> None:
    assert quantile(df) == pytest.approx(t, abs=5e-5)


@pytest.mark.parametrize(("df", "t"), [(1, 63.6567), (5, 4.0321), (20, 2.8453)])
def test_it_agrees_with_the_table_at_99_percent(df: int, t: float) -> None:
    assert quantile(df, 0.99) == pytest.approx(t, abs=5e-5)


@pytest.mark.parametrize("df", range(1, 60))
def test_the_two_ways_lead_back(df: int) -> None:
    assert within(quantile(df), df) == pytest.approx(0.95, abs=1e-10)
    assert within(0.0, df) == 0
    assert within(math.inf, df) == 1


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="degrees"):
        quantile(0)
    with pytest.raises(ValueError, match="level"):
        quantile(3, 1.0)
