"""How fast a runtime answers while somebody watches it: many container lives, every call timed.

Safety tests run it beside a subscriber that misbehaves; the slowest call and the failed ones say
what that did to everybody else.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from tests.node.rig.client import Call, CallError, CriClient, Pod, Spec


class Pace(Struct, frozen=True):
    """What the calls took."""

    calls: tuple[Call, ...]
    lives: int
    """Containers that were asked for."""
    completed: int
    """Those that went through create, start, stop and remove."""

    @property
    def failures(self) -> tuple[Call, ...]:
        """Calls that failed, a missed deadline among them."""
        return tuple(call for call in self.calls if call.code != "OK")

    @property
    def slowest(self) -> Call:
        """The call that took longest."""
        return max(self.calls, key=lambda call: call.seconds)

    @property
    def median_ms(self) -> float:
        """Median over all calls."""
        return statistics.median(call.seconds for call in self.calls) * 1e3

    def __str__(self) -> str:
        slowest = self.slowest
        return (
            f"{len(self.calls)} calls, median {self.median_ms:.1f} ms, slowest {slowest.method} "
            f"{slowest.seconds * 1e3:.0f} ms, {len(self.failures)} failed, "
            f"{self.completed} of {self.lives} lives"
        )


def measure(
    client: CriClient,
    lives: int = 250,
    pods: int = 5,
    timeout_s: float = 30.0,
    give_up_after: int = 3,
) -> Pace:
    """Create, start, stop and remove containers, in a few pods at the same time.

    A life makes four CRI events (created, started, stopped, deleted), so 250 make 1,000.

    Args:
        client: of the runtime; it should have a channel of its own.
        lives: how many containers in all.
        pods: how many pods, which are also how many lives go on at once.
        timeout_s: a call that takes longer has failed.
        give_up_after: failed calls of a pod after which no more is tried in it.
    """
    first = len(client.calls)
    made: list[Pod] = []
    try:
        for number in range(pods):
            made.append(client.run_pod(f"pace-{number}", timeout=timeout_s))
    except CallError:
        return Pace(tuple(client.calls[first:]), lives, 0)

    def live(job: tuple[int, Pod]) -> int:
        number, pod = job
        completed = failed = 0
        for turn in range(number, lives, pods):
            try:
                container_id = client.create(pod, Spec(f"c{turn}"), timeout_s)
                client.start(container_id, timeout_s)
                client.stop(container_id, timeout=timeout_s)
                client.remove(container_id, timeout_s)
                completed += 1
            except CallError:
                failed += 1
                if failed >= give_up_after:
                    break
        return completed

    with ThreadPoolExecutor(pods) as pool:
        completed = sum(pool.map(live, enumerate(made)))
    for pod in made:
        try:
            client.stop_pod(pod.id, timeout_s)
            client.remove_pod(pod.id, timeout_s)
        except CallError:
            break  # it is among the calls
    return Pace(tuple(client.calls[first:]), lives, completed)


def measure_growing(client: CriClient, creations: int = 250, timeout_s: float = 30.0) -> Pace:
    """Create containers in one pod and keep them, until a call fails: events grow with each."""
    first = len(client.calls)
    completed = 0
    try:
        pod = client.run_pod("pace-growing", timeout=timeout_s)
        for number in range(creations):
            client.create(pod, Spec(f"c{number}"), timeout_s)
            completed += 1
    except CallError:
        pass  # it is among the calls, as the last of them
    return Pace(tuple(client.calls[first:]), creations, completed)
