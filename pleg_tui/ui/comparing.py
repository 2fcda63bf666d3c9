"""The experiment as the dashboard runs it: looked for, started, stopped, and its report kept."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from pleg_tui.compare.types import Experiment, NotMeasurable, Plan, Progress, Report
from pleg_tui.model import LifecycleEvent

Prepare = Callable[[Plan], Awaitable[Experiment]]
"""From a plan to an experiment that can run here; raises NotMeasurable."""
REPORT_EVERY_S = 1.0
"""While it runs, a report is made no more often."""
_END_S = 2.0
"""So long the lanes may take to end in order; what is left then dies with this process."""

log = logging.getLogger("pleg_tui.ui")


class Comparing:
    """One experiment after the other, in the app's loop."""

    def __init__(self, prepare: Prepare, changed: Callable[[], None]) -> None:
        self._prepare = prepare
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._experiment: Experiment | None = None
        self._report: Report | None = None
        self._made_at = 0.0
        self._preparing = False
        self.error = ""
        """Why the last start came to nothing, with the remedy."""
        self.stopping = False
        self.began = False
        """The one that was started last could be made."""
        self.drop = False
        """What is not saved when the program ends may be lost: the admin said so."""
        self._kept: Report | None = None
        """The report that was saved last, or that is not to be kept."""

    @property
    def running(self) -> bool:
        """One is on its way."""
        return self._task is not None and not self._task.done()

    @property
    def progress(self) -> Progress | None:
        """Of the one that runs, or ran last."""
        return self._experiment.progress if self._experiment is not None else None

    async def look(self, plan: Plan) -> tuple[Report | None, str]:
        """What could be measured here: (an empty report with its lanes, or None; why not)."""
        try:
            experiment = await self._prepare(plan)
            return experiment.report(), ""
        except NotMeasurable as error:
            return None, str(error)
        except Exception as error:
            log.exception("the experiment could not be prepared")
            return None, f"a fault of this program, sorry ({type(error).__name__}: {error})"

    def report(self) -> Report | None:
        """What can be said so far; the last one while a new one would come too soon."""
        experiment = self._experiment
        if experiment is None:
            return None
        now = asyncio.get_running_loop().time()
        if self._report is None or (self.running and now - self._made_at >= REPORT_EVERY_S):
            self._report = experiment.report()
            self._made_at = now
        return self._report

    @property
    def unsaved(self) -> Report | None:
        """What was measured and is saved nowhere yet; a report of no block is nothing."""
        report = self.report()
        if report is None or report is self._kept or not report.measured:
            return None
        return report

    def kept(self, report: Report | None) -> None:
        """This report was saved, or is not to be."""
        self._kept = report

    def start(self, plan: Plan) -> None:
        """Begin; what was before is forgotten once this one can run."""
        if not self.running:
            self.error = ""
            self.stopping = False
            self._task = asyncio.get_running_loop().create_task(self._run(plan))

    def hear(self, events: Sequence[LifecycleEvent]) -> None:
        """What the live view saw happen: the lanes' own sightings are held against it."""
        observe = getattr(self._experiment, "observe", None)
        if events and self.running and observe is not None:
            observe(events)

    def stop(self) -> None:
        """Let it end now; what there is stays."""
        task = self._task
        if task is None or task.done():
            return
        self.stopping = True
        if self._preparing or self._experiment is None:
            task.cancel()
        else:
            self._experiment.stop()
        self._changed()

    async def close(self) -> None:
        """End it and see that its processes are gone; for the end of the program."""
        task = self._task
        if task is None or task.done():
            return
        self._changed = _nothing
        self.stop()
        done, _ = await asyncio.wait({task}, timeout=_END_S)
        if not done:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(task, _END_S / 4)

    async def _run(self, plan: Plan) -> None:
        self._preparing = True
        self.began = False
        try:
            experiment = await self._prepare(plan)
            self._preparing = False
            self.began = True
            self._experiment, self._report = experiment, None
            experiment.on_change = self._tell
            if observe := getattr(experiment, "observe", None):
                observe(())  # from the first block on, or changes would not count alike in all
            self._tell()
            self._report = await experiment.run()
        except NotMeasurable as error:
            self.error = str(error)
        except asyncio.CancelledError:  # only ever by stop() and close()
            self.error = "stopped before it had begun" if self._preparing else "ended"
        except Exception as error:
            log.exception("the experiment failed")
            self.error = f"the experiment failed, sorry ({type(error).__name__}: {error})"
        finally:
            if self._experiment is not None:
                self._experiment.on_change = None
            if self.error and self.began:
                self._report = None  # the last one was made before what came last
            self.stopping = self._preparing = False
            self._task = None
            self._changed()

    def _tell(self) -> None:
        self._changed()


def _nothing() -> None:
    """There is nobody to be told any more."""
