"""Reads what is used, beside the loop: what is on the screen often, the rest now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from pleg_tui.model import Pod
from pleg_tui.node.figures import Usage
from pleg_tui.node.usage import NEAR_NS, History, due
from pleg_tui.ui.content.usage import NOT_YET, Sample, members
from pleg_tui.ui.off_loop import off_loop

_AT_ONCE = 80
"""Pods read in one round: those on the screen, and so many others as there is room for."""
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
        self._make = make
        self._sampler: Sampler | None = None
        self._task: asyncio.Task[None] | None = None
        self._round_at: int | None = None

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
        if watched.others:
            wanted = {uid: ids for uid, pod in pods.items() if (ids := members(pod))}
            living = {i for uid, ids in wanted.items() for i in (uid, *ids)}
            gone = [identity for identity in self.samples if identity not in living]
        else:
            wanted = {uid: members(pods[uid]) for uid in watched.near if uid in pods}
            wanted = {uid: ids for uid, ids in wanted.items() if ids}
            gone = []
        if not wanted and not gone:
            return
        near = [uid for uid in watched.near if uid in wanted]
        read = partial(self._read, wanted, near, gone, now_ns, brief=watched.others)
        self._task = asyncio.get_running_loop().create_task(self._round(read, gone, then))

    async def _round(
        self, read: Callable[[], dict[str, Sample]], gone: list[str], then: Callable[[], None]
    ) -> None:
        try:
            found = await off_loop(read)
        except Exception as error:
            # One line on the details, the rest in the log: the list is worth more than this.
            log.exception("the usage could not be read")
            self.why = f"reading it failed ({type(error).__name__})"
            return
        finally:
            self._task = None
        for identity in gone:
            self.samples.pop(identity, None)
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

    def _read(
        self,
        wanted: dict[str, tuple[str, ...]],
        near: list[str],
        gone: list[str],
        now_ns: int,
        *,
        brief: bool,
    ) -> dict[str, Sample]:
        """One round, in the other thread."""
        if self._sampler is None:
            self._sampler = self._make()
        sampler = self._sampler
        sampler.forget(gone)
        # A rate needs two readings: the second follows the first one soon.
        near += [uid for uid in wanted if len(sampler.history(uid).at_s) == 1]
        uids = due(sampler.read_at, near, wanted, now_ns, _AT_ONCE)
        found = sampler.sample([i for uid in uids for i in wanted[uid]], now_ns, brief=brief)
        found |= sampler.sample_pods({uid: wanted[uid] for uid in uids}, now_ns, brief=brief)
        return {identity: _sample(usage, sampler) for identity, usage in found.items()}


def _sample(usage: Usage, sampler: Sampler) -> Sample:
    history = sampler.history(usage.id)
    return Sample(usage, tuple(history.at_s), tuple(history.cores), tuple(history.working_set))
