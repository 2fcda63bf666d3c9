"""`compare`: what polling costs this node against what events cost it, measured, and saved."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import stat
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from pleg_tui.cli import compare_text, connect, shapes
from pleg_tui.cli.errors import FAULT, GOOD, CliError, UsageError, say
from pleg_tui.cli.watch import Watch
from pleg_tui.compare.types import Experiment, Lane, NotMeasurable, Plan, Report
from pleg_tui.cri.clean import clean
from pleg_tui.feed.types import SourceChoice

_VERSION = re.compile(r"v?1\.\d{1,3}(\.\d{1,4})?([-+.][0-9A-Za-z.+-]{1,40})?", re.ASCII)
_MOST_BYTES = 64 << 20
"""Of a report that is read back."""
_TICK_S = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(options: Namespace) -> int:
    """Measure and print, or hold two saved reports against each other; returns the exit code.

    Raises:
        CliError: it cannot be measured here, or the options make no sense.
    """
    if hasattr(options, "diff"):
        return _diff(options)
    plan = plan_of(options)
    path = Path(options.save) if hasattr(options, "save") else None
    if path is not None:
        _see_place(path)
    demo = hasattr(options, "demo")
    if demo and hasattr(options, "order_seed"):
        options.seed = options.order_seed
    with connect.target(options, demo=demo, source=SourceChoice.NONE) as found:
        if found.simulator is not None:
            found.simulator.wait_ready()
        report, code = asyncio.run(_measure(found, plan))
    if report is None:
        return code
    text = json.dumps(_document(report), indent=2)
    failed = ""
    if path is not None:
        failed = _save(path, text)
        say(failed or f"saved {path}")
    if getattr(options, "output", "table") == "json":
        lines = [shapes.dumps(_document(report), indent=2)]
    else:
        lines = compare_text.report_lines(report, time.time_ns())
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    if not code and not _told(report):
        why = next((text for text in report.caveats if "unknown" in text), report.verdict)
        say(f"what the lanes cost the runtime could not be measured: {clean(why)}")
        code = FAULT
    return code or (FAULT if failed else GOOD)


def _told(report: Report) -> bool:
    """What at least one lane costs the runtime is known."""
    return any(lane and lane.runtime_cpu_ms_per_s for lane in report.lanes.values())


def plan_of(options: Namespace) -> Plan:
    """What the options ask for.

    Raises:
        UsageError: no node could be measured so.
    """
    from pleg_tui.compare.schedule import schedule

    given: dict[str, Any] = {}
    for name, field in (("duration", "duration_s"), ("block", "block_s"), ("period", "period_s"),
                        ("order_seed", "seed")):  # fmt: skip
        if hasattr(options, name):
            given[field] = getattr(options, name)
    if hasattr(options, "kubelet_version"):
        version = options.kubelet_version
        if not _VERSION.fullmatch(version):
            raise UsageError(f"--kubelet-version {version!r} is none: write 1.36 or 1.36.2")
        given["kubelet_version"] = version.removeprefix("v")
    if hasattr(options, "same"):
        given["same"] = Lane(options.same)
    if "block_s" in given:
        # A fifth of a block to warm up, as of the usual one, but no more than its two seconds.
        given["warmup_s"] = min(Plan().warmup_s, max(given["block_s"], 0.0) / 5)
    plan = Plan(**given)
    try:
        schedule(plan, {Lane.POLLING})  # of one lane alone: the least that a plan must hold
    except NotMeasurable as error:
        raise UsageError(str(error)) from None
    return plan


async def _measure(found: connect.Target, plan: Plan) -> tuple[Report | None, int]:
    """(the report, the exit code so far); a signal ends it early, and nothing is lost by it."""
    from pleg_tui.compare.prepare import prepare

    loop = asyncio.get_running_loop()
    caught: list[int] = []
    experiment: Experiment | None = None
    task = asyncio.current_task()

    def end(number: int) -> None:
        caught.append(number)
        if experiment is not None and len(caught) == 1:
            experiment.stop()
        elif task is not None:  # not begun yet, or asked twice: without a report
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end, number)
    line = ProgressLine()
    try:
        await _answers(found)
        experiment = await prepare(found.settings, plan)
        experiment.on_change = lambda: line.show(experiment)
        ticking = loop.create_task(_tick(experiment, line))
        try:
            report = await experiment.run()
        finally:
            ticking.cancel()
            experiment.on_change = None
            line.clear()
    except NotMeasurable as error:
        raise CliError(str(error)) from None
    except asyncio.CancelledError:
        if not caught:
            raise
        return None, 128 + caught[0]
    return report, 128 + caught[0] if caught else GOOD


async def _answers(found: connect.Target) -> None:
    """See that it is a CRI that answers at all.

    Raises:
        NoRuntimeError: it is none, or does not.
    """
    feed = connect.make_feed(found.settings)
    watch = Watch(feed)
    await feed.start()
    try:
        await watch.first_listing(found.timeout_s)
    finally:
        await feed.stop()


async def _tick(experiment: Experiment, line: ProgressLine) -> None:
    """The time that is left goes down although nothing else changes."""
    while True:
        line.show(experiment)
        await asyncio.sleep(_TICK_S)


class ProgressLine:
    """One line on standard error that is written over; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._on = False
        with contextlib.suppress(AttributeError, ValueError, OSError):
            self._on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._dim = "NO_COLOR" not in os.environ
        self._shown = ""

    def show(self, experiment: Experiment | None) -> None:
        """Write how far it is."""
        if not self._on or experiment is None:
            return
        width = shutil.get_terminal_size().columns - 1
        text = compare_text.progress_line(experiment.progress, width)
        if text != self._shown:
            self._shown = text
            self._write(f"\r\x1b[2m{text}\x1b[0m\x1b[K" if self._dim else f"\r{text}\x1b[K")

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = ""
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


# -- files


def _see_place(path: Path) -> None:
    """That a report could be saved there; better said before it is measured than after.

    Raises:
        UsageError: it could not.
    """
    if not path.parent.is_dir():
        raise UsageError(f"--save {path}: {path.parent} is no folder, so make it first")
    if os.path.lexists(path):
        raise UsageError(f"--save {path}: it is there already, so name another or move it away")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"--save {path}: {path.parent} cannot be written to, so name another")


def _save(path: Path, text: str) -> str:
    """Write it for its owner alone, never over something else; returns why it failed, or ""."""
    from pleg_tui import private

    try:
        descriptor = private.create(str(path))
    except FileExistsError:
        return f"not saved: {path} has appeared meanwhile and is left as it is"
    except OSError as error:
        return f"not saved in {path}: {error.strerror}"
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        return f"not saved in {path}: {error.strerror}"
    return ""


def _document(report: Report) -> dict[str, Any]:
    from pleg_tui.compare.report import to_json

    return to_json(report)


def _diff(options: Namespace) -> int:
    from pleg_tui.compare import diff as sides

    for name in ("save", "duration", "block", "period", "order_seed", "kubelet_version", "same",
                 "demo"):  # fmt: skip
        if hasattr(options, name):
            option = {"order_seed": "seed"}.get(name, name).replace("_", "-")
            raise UsageError(f"--diff measures nothing: leave --{option} out")
    before, after = (_read(Path(name)) for name in options.diff)
    told = sides.diff(before, after)
    if getattr(options, "output", "table") == "json":
        lines = [shapes.dumps(sides.to_json(told), indent=2)]
    else:
        lines = compare_text.diff_lines(told)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    return GOOD


def _read(path: Path) -> Report:
    """A saved report.

    Raises:
        UsageError: it holds none.
    """
    from pleg_tui.compare.report import NotOurs, from_json

    try:
        # Not blocking, so that opening a pipe without a writer does not hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{path} is no file: name one that `compare --save` wrote")
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} is too long for a report: name one that `compare --save` wrote")
    try:
        return from_json(json.loads(data))
    except NotOurs as error:
        raise UsageError(f"{path}: {error}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is not JSON: name a report that `compare --save` wrote") from None
