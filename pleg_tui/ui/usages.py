"""Reads what is used, beside the loop: what is on the screen often, the rest now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pleg_tui.model import Pod
from pleg_tui.node.usage_rounds import FAR_NS, NEAR_NS, ORDER_NS, due
from pleg_tui.ui.content.usage import NOT_YET, Sample, members
from pleg_tui.ui.off_loop import off_loop

if TYPE_CHECKING:
    from pleg_tui.node.figures import Usage
    from pleg_tui.node.usage import History

_AT_ONCE = 80
"""Pods read in one round: those on the screen, and so many others as there is room for."""
_OTHERS_EVERY = 5
"""Rounds from one that looks at all pods to the next, once all were read."""
_EARLY_NS = NEAR_NS // 10
"""The beat that starts a round is not exact."""

log = logging.getLogger("pleg_tui.ui")


class Sampler(Protocol):
    """What is needed of node.usage.UsageSampler."""

    @property
    def read_at(self) -> Mapping[str, int]:
        """When each id was last read, CLOCK_MONOTONIC ns."""
        ...

    def sample(
        self, ids: Collection[str], now_mono_ns: int, *, brief: bool = False
    ) -> dict[str, Usage]:
        """Read these containers."""
        ...

    def sample_pods(
        self, pods: Mapping[str, Sequence[str]], now_mono_ns: int, *, brief: bool = False
    ) -> dict[str, Usage]:
        """Read these pods, their containers' readings made."""
        ...

    def holds(self, uid: str, containers: Sequence[str]) -> bool:
        """Whether the pod's own reading counts these."""
        ...

    def history(self, identity: str) -> History:
        """The last readings of one id."""
        ...

    def forget(self, ids: Collection[str]) -> None:
        """Keep nothing of these."""
        ...


class Watched(NamedTuple):
    """Whose usage a screen shows."""

    near: frozenset[str]
    """Keys of the pods that can be seen now."""
    others: bool = False
    """It lists all the others as well, each with no more than a line."""
    ordered: bool = False
    """What the others use decides where they stand."""


class _Round(NamedTuple):
    """What is to be read."""

    now_ns: int
    wanted: dict[str, tuple[str, ...]]
    """The ids of what runs in a pod, by its key."""
    near: list[str]
    """Keys of the pods that can be seen."""
    gone: list[str]
    """Ids to be forgotten."""
    everyone: bool
    """All pods are in `wanted`."""
    brief: bool
    """Only what lists show."""
    unseen: set[str]
    """Ids that no line shows: they are read where the pod's figures are a sum."""
    far_ns: int


class Usages:
    """The last readings by id, kept up a round at a time; never more than one at once.

    Everything is called on the loop's thread; the sampler alone is in another, one at a time.

    Args:
        make: makes the sampler when it is first needed, beside the loop.
    """

    def __init__(self, make: Callable[[], Sampler]) -> None:
        self.samples: dict[str, Sample] = {}
        """By container id, sandbox id or pod key."""
        self.readable = False
        """At least one figure could be read on this machine."""
        self.why = NOT_YET
        """Why none could, in a sentence."""
        self.news = False
        """The last round has read what was unknown before it."""
        self._make = make
        self._sampler: Sampler | None = None
        self._task: asyncio.Task[None] | None = None
        self._round_at: int | None = None
        self._rounds = 0
        self._rates_wanted = True
        """Some of the others were not read twice yet, so that they have no rate."""

    def beat(
        self,
        pods: Mapping[str, Pod],
        watched: Watched | None,
        now_ns: int,
        then: Callable[[], None],
    ) -> None:
        """Start a round if it is time for one.

        Args:
            pods: every pod by its key.
            watched: whose usage is on the screen; None: nobody looks, so nothing is read.
            now_ns: CLOCK_MONOTONIC.
            then: is called when the round brought something.
        """
        if watched is None or self._task is not None:
            return
        if self._round_at is not None and 0 <= now_ns - self._round_at < NEAR_NS - _EARLY_NS:
            return
        self._round_at = now_ns
        self._rounds += 1
        everyone = watched.others and (
            watched.ordered or self._rates_wanted or self._rounds % _OTHERS_EVERY == 0
        )
        uids = pods if everyone else [uid for uid in watched.near if uid in pods]
        wanted = {uid: ids for uid in uids if (ids := members(pods[uid]))}
        gone: list[str] = []
        if everyone:
            living = {i for uid, ids in wanted.items() for i in (uid, *ids)}
            gone = [identity for identity in self.samples if identity not in living]
        if not wanted and not gone:
            return
        sandboxes = {one.id for uid in wanted if (one := pods[uid].sandbox) is not None}
        work = _Round(
            now_ns,
            wanted,
            [uid for uid in watched.near if uid in wanted],
            gone,
            everyone,
            watched.others,
            sandboxes if watched.others else set(),
            ORDER_NS if watched.ordered else FAR_NS,
        )
        self._task = asyncio.get_running_loop().create_task(self._round(work, then))

    async def _round(self, work: _Round, then: Callable[[], None]) -> None:
        try:
            found, rates_wanted = await off_loop(partial(self._read, work))
        except Exception as error:
            # One line on the details, the rest in the log: the list is worth more than this.
            log.exception("the usage could not be read")
            self.why = f"reading it failed ({type(error).__name__})"
            return
        finally:
            self._task = None
        if work.everyone:
            self._rates_wanted = rates_wanted
        for identity in work.gone:
            self.samples.pop(identity, None)
        known = self.samples.get
        self.news = any((was := known(i)) is None or was.usage.cores is None for i in found)
        self.samples |= found
        if not self.readable:
            self._learn(found)
        then()

    def _learn(self, found: dict[str, Sample]) -> None:
        for sample in found.values():
            usage = sample.usage
            if usage.cpu_ns is not None or usage.working_set is not None:
                self.readable = True
                return
            self.why = usage.why("working_set") or self.why

    def _read(self, work: _Round) -> tuple[dict[str, Sample], bool]:
        """One round, in the other thread; and whether some still have no rate."""
        if self._sampler is None:
            self._sampler = self._make()
        sampler = self._sampler
        sampler.forget(work.gone)
        # A rate needs two readings: the second follows the first one soon.
        near = work.near + [uid for uid in work.wanted if len(sampler.history(uid).at_s) == 1]
        uids = due(sampler.read_at, near, work.wanted, work.now_ns, _AT_ONCE, work.far_ns)
        pods = {uid: work.wanted[uid] for uid in uids}
        ids = [
            identity
            for uid, inside in pods.items()
            for identity in inside
            if identity not in work.unseen or not sampler.holds(uid, inside)
        ]
        found = sampler.sample(ids, work.now_ns, brief=work.brief)
        found |= sampler.sample_pods(pods, work.now_ns, brief=work.brief)
        wanting = any(len(sampler.history(uid).at_s) < 2 for uid in work.wanted)
        return {identity: _sample(usage, sampler) for identity, usage in found.items()}, wanting


def _sample(usage: Usage, sampler: Sampler) -> Sample:
    history = sampler.history(usage.id)
    return Sample(usage, tuple(history.at_s), tuple(history.cores), tuple(history.working_set))
