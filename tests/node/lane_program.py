"""A program with one evented lane of Compare that is on: `lane_program.py ENDPOINT DEADLINE_S`.

Prints the lane's process id once its stream stands, and then stays as it is.
"""

import asyncio
import sys

from pleg_tui.collector.lane_options import LaneOptions, Work
from pleg_tui.compare.lane_process import LaneProcess
from pleg_tui.compare.types import Lane


async def main(endpoint: str, deadline_s: float) -> None:
    process = LaneProcess(Lane.EVENTED, LaneOptions(endpoint, Work.CRI_EVENTS))
    await process.hello()
    process.on(0, deadline_s)
    told = await process.standing(0, 30)
    assert told.since, told.why
    print(process.pid, flush=True)  # noqa: T201
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
