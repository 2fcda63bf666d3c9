"""`events`: what happens on the node, a line each, as it happens."""

from __future__ import annotations

import asyncio
import signal
import time
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from pleg_tui.cli import connect, shapes, table
from pleg_tui.cli.errors import GOOD, say
from pleg_tui.cli.filters import Filter, labels_of
from pleg_tui.cli.output import Lines
from pleg_tui.cli.watch import Watch
from pleg_tui.feed.types import Delta, Feed, Health, Notice, Phase
from pleg_tui.model import EventType, LifecycleEvent, Source
from pleg_tui.pleg.relist_model import GRACE_NS, PERIOD_NS, RelistModel, Verdict

_MODEL_STEP_S = 0.25
_MODEL_REST_S = (PERIOD_NS + GRACE_NS) / 1e9 + _MODEL_STEP_S
"""After the last event, how long its verdict may take."""
_PODS_REMEMBERED = 20_000


def run(options: Namespace) -> int:
    """Print them until told to stop; returns the exit code.

    Raises:
        CliError: there is no runtime, or the options make no sense.
    """
    waits = hasattr(options, "wait")
    demo = hasattr(options, "demo")
    if waits and not demo:
        connect.wait_for_socket(options)
    with connect.target(options, demo=demo, waits=waits) as found:
        if found.simulator is not None:
            found.simulator.wait_ready()
        return asyncio.run(_follow(found, options, waits))


async def _follow(found: connect.Target, options: Namespace, waits: bool) -> int:
    feed = connect.make_feed(found.settings)
    with Lines() as lines:
        ending = _Ending(lines)
        try:
            await feed.start()
            printer = Printer(feed, options)
            following = asyncio.create_task(
                printer.follow(lines, None if waits else found.timeout_s)
            )
            return await ending.first(following)
        finally:
            await feed.stop()


class Printer:
    """Takes what a feed tells and prints what was asked for."""

    def __init__(self, feed: Feed, options: Namespace) -> None:
        self._feed = feed
        self._watch = Watch(feed)
        self._json = getattr(options, "output", "table") == "json"
        self._quiet = hasattr(options, "quiet")
        self._replayed = hasattr(options, "all")
        self._left: int = getattr(options, "count", 0)
        self._counts = bool(self._left)
        self._duration_s: float | None = getattr(options, "duration", None)
        self._filter = Filter(
            name=getattr(options, "name", None),
            namespace=getattr(options, "namespace", None),
            labels=tuple(getattr(options, "label", ())),
            state=getattr(options, "state", ""),
            pod=getattr(options, "pod", ""),
        )
        self._memory = _Memory()
        self._table = table.EventTable(full_ids=hasattr(options, "no_trunc"))
        self._model = RelistModel(time.time_ns()) if hasattr(options, "relist_model") else None
        self._judged: set[int] = set()
        """Events that were printed and have no verdict yet."""
        self._warned = ""
        self._waiting = ""
        self._simulated = False

    async def follow(self, lines: Lines, timeout_s: float | None) -> int:
        """Print until what was asked for is reached.

        Args:
            lines: where to.
            timeout_s: how long the runtime may take to answer at first; None: for ever.

        Raises:
            NoRuntimeError: it did not.
        """
        if timeout_s is not None:
            await self._watch.first_listing(timeout_s)
        loop = asyncio.get_running_loop()
        end = float("inf")
        begun = False
        while True:
            if not begun and self._feed.health.runtime is not None:
                begun = True
                await self._begin(lines)
                if self._duration_s is not None:
                    end = loop.time() + self._duration_s
            wait_s = end - loop.time()
            if wait_s <= 0:
                return GOOD
            if self._judged:
                wait_s = min(wait_s, _MODEL_STEP_S)
            delta = await self._watch.next(None if wait_s == float("inf") else wait_s)
            if delta is not None:
                await self._tell(lines, delta)
            await self._judge(lines)
            if self._enough:
                if not self._judged:
                    return GOOD
                end = min(end, loop.time() + _MODEL_REST_S)

    @property
    def _enough(self) -> bool:
        """As many were printed as were asked for; the model may still have verdicts to give."""
        return self._counts and self._left <= 0

    async def _begin(self, lines: Lines) -> None:
        runtime = self._feed.health.runtime
        assert runtime is not None  # noqa: S101 - the caller looked
        if self._model and self._feed.health.source is Source.RELIST:
            say("--relist-model says nothing here: this source is itself a relist, not events")
        if not self._json and not self._quiet:
            await lines.write(f"-- {table.title(runtime)} at {runtime.endpoint}")
            await lines.write(self._table.heading())

    async def _tell(self, lines: Lines, delta: Delta) -> None:
        if delta.health:
            self._health(self._feed.health)
        self._memory.learn(self._feed, delta)
        for told in in_order(delta):
            if isinstance(told, Notice):
                if not self._enough:
                    await self._notice(lines, told)
            else:
                await self._event(lines, told)

    def _health(self, health: Health) -> None:
        if health.runtime is not None:
            self._simulated = health.runtime.simulated
        if health.warning and health.warning != self._warned:
            self._warned = health.warning
            say(f"warning: {health.warning}")
        if health.phase is Phase.CONNECTING and health.error and health.error != self._waiting:
            self._waiting = health.error
            say(f"waiting: {health.error}")

    async def _notice(self, lines: Lines, notice: Notice) -> None:
        if self._json:
            await lines.write(shapes.dumps(shapes.stream(notice)))
        elif self._quiet:
            say(table.notice(notice).removeprefix("-- "))
        else:
            await lines.write(table.notice(notice))

    async def _event(self, lines: Lines, event: LifecycleEvent) -> None:
        modelled = self._model is not None and self._model.add(event)
        if self._enough or (event.replayed and not self._replayed):
            return
        labels, sandbox = self._memory.of(event)
        if not self._filter.takes_event(event, labels, sandbox):
            return
        self._left -= 1
        if self._quiet:
            line = event.container_id
        elif self._json:
            line = shapes.dumps(shapes.event(event, simulated=self._simulated))
        else:
            line = self._table.line(event, time.time_ns())
        await lines.write(line)
        if modelled:
            self._judged.add(event.seq)

    async def _judge(self, lines: Lines) -> None:
        if self._model is None:
            return
        asked: list[Verdict] = []
        for verdict in self._model.advance(time.time_ns()):
            if seqs := tuple(seq for seq in verdict.seqs if seq in self._judged):
                self._judged.difference_update(seqs)
                asked.append(Verdict(seqs, verdict.seen, verdict.after_ns))
        if self._json:
            for verdict in asked:
                await lines.write(shapes.dumps(shapes.relist(verdict)))
        elif asked and not self._quiet:
            await lines.write(table.relist(asked))


def in_order(delta: Delta) -> Iterator[LifecycleEvent | Notice]:
    """Events in their own order, and between them what happened to the stream, by time."""
    notices = list(delta.notices)
    for event in delta.events:
        while notices and notices[0].at <= event.received_at:
            yield notices.pop(0)
        yield event
    yield from notices


class _Known(Struct):
    labels: Mapping[str, str] = field(default_factory=dict)
    sandbox: str = ""


class _Memory:
    """Labels and sandbox of pods, kept a while after they are gone, for the filters."""

    def __init__(self) -> None:
        self._pods: OrderedDict[str, _Known] = OrderedDict()

    def learn(self, feed: Feed, delta: Delta) -> None:
        """Take in what the feed knows of the pods that changed."""
        for key in delta.changed:
            pod = feed.pods.get(key)
            if pod is not None and pod.sandbox is not None:
                self._pods[key] = _Known(labels_of(pod), pod.sandbox.id)
                self._pods.move_to_end(key)
        while len(self._pods) > _PODS_REMEMBERED:
            self._pods.popitem(last=False)

    def of(self, event: LifecycleEvent) -> tuple[Mapping[str, str], str]:
        """(labels, sandbox's id) of an event's pod, as far as they are known."""
        known = self._pods.get(event.pod_uid) or _Known()
        sandbox = event.container_id if event.type is EventType.SANDBOX_CREATED else known.sandbox
        return known.labels, sandbox


class _Ending:
    """What may end the command from outside: signals, and the reader's leaving."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._loop = asyncio.get_running_loop()
        self._signalled = asyncio.Event()
        self._signal = 0
        for number in self._SIGNALS:
            self._loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        self._signal = number
        self._signalled.set()

    async def first(self, work: asyncio.Task[int]) -> int:
        """The exit code of whatever ends first; the others are ended."""
        others = [asyncio.ensure_future(e.wait()) for e in (self._lines.gone, self._signalled)]
        await asyncio.wait([work, *others], return_when=asyncio.FIRST_COMPLETED)
        for other in others:
            other.cancel()
        if work.done():
            return work.result()
        work.cancel()
        await asyncio.wait({work})
        return 128 + self._signal if self._signal else GOOD
