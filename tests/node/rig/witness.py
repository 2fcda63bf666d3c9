"""What a node feels: a load on its runtime, every call timed, and a kubelet's stand-in beside it.

The stand-in is a plain subscriber of CRI events in a process of its own. Every event that it must
have had is known from what was done; what each took from happening to being received is its delay.
"""

from __future__ import annotations

import threading
from collections import Counter

from msgspec import Struct

from tests.node.rig.churn import Truth, many_pods
from tests.node.rig.client import TIMEOUT_S, Call, CallError, CriClient
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.kubelet_like import KubeletLike

PODS = 4
LAST_EVENT_S = 15.0
"""How long the last events may be on their way."""
WHOLE = ("CREATED", "STARTED", "STOPPED", "DELETED")


class Figures(Struct, frozen=True):
    """What was felt during one load."""

    calls: tuple[Call, ...]
    delays_ms: tuple[float, ...]
    """Of each event that had to come and came, sorted."""
    expected: int
    """Events that the stand-in had to get, each an (id, type)."""
    lost: int
    doubled: int
    failures: tuple[CallError, ...]
    error: str
    """How the stand-in's stream ended, when it did."""

    @property
    def slowest(self) -> Call:
        """The call that took longest."""
        return max(self.calls, key=lambda call: call.seconds)

    def delay_ms(self, part: float) -> float:
        """A quantile of the delays; NaN when no event came."""
        return _quantile(self.delays_ms, part)

    def call_ms(self, part: float) -> float:
        """A quantile over all calls."""
        return _quantile(tuple(sorted(call.seconds * 1e3 for call in self.calls)), part)

    def figures(self) -> dict[str, float | int | str]:
        """As they are told to a machine."""
        return {
            "events": self.expected,
            "lost": self.lost,
            "doubled": self.doubled,
            "delay_p50_ms": round(self.delay_ms(0.5), 2),
            "delay_p99_ms": round(self.delay_ms(0.99), 2),
            "delay_max_ms": round(self.delay_ms(1), 2),
            "calls": len(self.calls),
            "failed_calls": len(self.failures),
            "call_p50_ms": round(self.call_ms(0.5), 1),
            "call_p99_ms": round(self.call_ms(0.99), 1),
            "slowest_ms": round(self.slowest.seconds * 1e3, 1),
            "slowest_method": self.slowest.method,
        }


def watch(
    runtime: RealContainerd,
    lives: int,
    enough: threading.Event | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Figures:
    """Put a load on a runtime with the kubelet's stand-in subscribed, and tell what was felt.

    Args:
        runtime: on which containers are created, started, stopped and removed.
        lives: how many containers at least, in a few pods at once.
        enough: the load goes on, in rounds of as many lives, until this is set.
        timeout_s: a call that takes longer has failed.
    """
    client = runtime.new_client()
    try:
        with KubeletLike(runtime.endpoint) as kubelet:
            # On 1.7 a reader that has left (the rig drains between tests) still takes one event.
            many_pods(client, 1, 1)
            first = len(client.calls)
            truths = [_round(client, lives, timeout_s)]
            while enough is not None and not enough.is_set():
                truths.append(_round(client, lives, timeout_s))
            calls = tuple(client.calls[first:])
            must = Counter(event for truth in truths for event in events_of(truth))
            kubelet.wait_until(lambda: not must - _had(kubelet), LAST_EVENT_S)
    finally:
        client.close()
    had = _had(kubelet)
    return Figures(
        calls,
        tuple(sorted(e.lag_ms for e in kubelet.events if (e.container_id, e.type) in must)),
        must.total(),
        (must - had).total(),
        sum(had[event] - 1 for event in must if had[event] > 1),
        tuple(failure for truth in truths for failure in truth.failures),
        kubelet.error,
    )


def events_of(truth: Truth) -> list[tuple[str, str]]:
    """The (id, type) of every event that what was done must have made."""
    events = []
    for life in truth.lives:
        steps = (life.created, life.started, life.stopped, life.removed)
        events += [(life.id, kind) for kind, at in zip(WHOLE, steps, strict=True) if at]
    if not truth.failures:  # then every pod was removed
        events += [(pod.id, kind) for pod in truth.pods for kind in WHOLE]
    return events


def _round(client: CriClient, lives: int, timeout_s: float) -> Truth:
    pods = min(PODS, lives)
    return many_pods(client, pods, lives // pods, pods, None, timeout_s)


def _had(kubelet: KubeletLike) -> Counter[tuple[str, str]]:
    return Counter((event.container_id, event.type) for event in list(kubelet.events))


def _quantile(ordered: tuple[float, ...], part: float) -> float:
    if not ordered:
        return float("nan")
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
