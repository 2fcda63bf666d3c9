from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleg_tui.node.kubelet.rhythm import RATE_HZ, IoSample, judge, watch_rhythm
from pleg_tui.node.kubelet.types import Weight
from tests.node_room.kubelets import PID, Node


def reading(
    *,
    seed: int,
    seconds: float = 20,
    burst: int = 58_000,
    period: float = 1.003,
    polling: bool = True,
    noise: int = 300,
    jitter: float = 0.004,
) -> list[IoSample]:
    """A kubelet's counters: relists, housekeeping every 2 s, its 10 s work and noise."""
    chance = random.Random(seed)
    samples, rchar, syscr = [], 10_000, 100
    next_relist, next_house, next_big = chance.random(), chance.random(), chance.random() * 10
    for number in range(int(seconds * RATE_HZ) + 1):
        at = number / RATE_HZ + chance.random() * jitter
        rchar += int(chance.expovariate(1 / noise))
        syscr += chance.randrange(3)
        if polling and at >= next_relist:
            next_relist += period + chance.random() * 0.005
            rchar += int(burst * (0.95 + chance.random() / 10))
            syscr += 8 + burst // 16_384
        if at >= next_house:
            next_house += 2
            rchar += int(burst * 0.1)
            syscr += 4
        if at >= next_big:
            next_big += 10
            rchar += 600_000 + chance.randrange(200_000)
            syscr += 150
        samples.append(IoSample(at, rchar, syscr))
    return samples


@pytest.mark.parametrize("seed", range(8))
def test_polling_is_seen(seed: int) -> None:
    found = judge(reading(seed=seed), 50)
    assert (found.weight, found.polls) == (Weight.STRONG, True)
    assert "kB/s" in found.says


@pytest.mark.parametrize("seed", range(8))
def test_slow_relists_are_seen_too(seed: int) -> None:
    found = judge(reading(seed=seed, period=1.35), 50)
    assert found.polls is not False


@pytest.mark.parametrize("seed", range(8))
def test_no_rhythm_with_many_pods_is_events(seed: int) -> None:
    found = judge(reading(seed=seed, polling=False), 50)
    assert found.polls is not True
    assert found.weight in (Weight.STRONG, Weight.NOTHING)


def test_most_quiet_kubelets_are_recognised() -> None:
    found = [judge(reading(seed=seed, polling=False), 50).polls for seed in range(20)]
    assert found.count(False) >= 12


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("burst", [300, 1_500, 4_000, 11_000, 20_000])
def test_never_the_wrong_answer_with_few_pods(seed: int, burst: int) -> None:
    pods = max(2, burst // 1100)
    for seconds in (20, 60):
        polling = judge(reading(seed=seed, burst=burst, noise=800, seconds=seconds), pods)
        assert not (polling.polls is False and polling.weight is Weight.STRONG)
        events = judge(
            reading(seed=seed, burst=burst, noise=800, polling=False, seconds=seconds), pods
        )
        assert not (events.polls is True and events.weight is Weight.STRONG)


def test_without_pods_silence_says_nothing() -> None:
    for pods in (None, 0, 1):
        for seed in range(5):
            assert judge(reading(seed=seed, polling=False), pods).weight is Weight.NOTHING


def test_a_small_rhythm_of_something_else_is_no_proof() -> None:
    # A probe every second reads a kilobyte, a relist of 100 pods a hundred.
    found = judge(reading(seed=1, burst=1_000, noise=20), 100)
    assert found.weight is not Weight.STRONG or found.polls is not True


def test_what_cannot_be_judged_says_why() -> None:
    good = reading(seed=1)
    assert "too short" in judge(good[:100]).says
    assert "too short" in judge([]).says
    gaps = [s for n, s in enumerate(good) if n % 40 < 20]
    assert "too busy" in judge(gaps).says
    assert "went back" in judge([*good[:200], IoSample(good[200].at, 0, 0), *good[201:]]).says
    still = [IoSample(s.at, 5, 5) for s in good]
    assert "nothing at all" in judge(still).says
    for samples in (good[:100], gaps, still):
        assert judge(samples).weight is Weight.NOTHING


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 50)), min_size=301, max_size=420))
def test_noise_is_never_proof_of_polling(steps: list[tuple[int, int]]) -> None:
    samples, rchar, syscr = [], 0, 0
    for number, (more, calls) in enumerate(steps):
        rchar, syscr = rchar + more, syscr + calls
        samples.append(IoSample(number / RATE_HZ, rchar, syscr))
    found = judge(samples, 50)
    assert found.says
    assert found.weight is not Weight.PROOF


def test_a_process_that_cannot_be_watched_says_why(tmp_path: Path) -> None:
    node = Node(tmp_path)
    found = watch_rhythm(str(tmp_path), PID, 1)
    assert found.weight is Weight.NOTHING
    assert f"/proc/{PID}/io cannot be read" in found.says
    node.process()
    node.write(f"/proc/{PID}/io", "nonsense\n")
    assert "has gone" in watch_rhythm(str(tmp_path), PID, 1).says


def test_the_watch_ends_when_it_is_told_to(tmp_path: Path) -> None:
    Node(tmp_path).process()
    found = watch_rhythm(str(tmp_path), PID, 3600, stop=lambda: True)
    assert "too short" in found.says
