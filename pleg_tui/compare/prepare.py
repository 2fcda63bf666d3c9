"""From a runtime's endpoint to an experiment that can run there, or one sentence why it cannot."""

from __future__ import annotations

import asyncio
import re
from functools import partial

from pleg_tui.collector.lane_options import LaneOptions, Work
from pleg_tui.compare import schedule
from pleg_tui.compare.experiment import Setting, SideBySide
from pleg_tui.compare.kubelet_beside import look
from pleg_tui.compare.lane_process import LaneError, who
from pleg_tui.compare.meters import Meters
from pleg_tui.compare.types import Lane, NotMeasurable, Plan
from pleg_tui.cri.traits import NAMES, Traits, traits
from pleg_tui.feed.types import Settings
from pleg_tui.node.kubelet.options import KubeletOptions

LONGEST_BLOCK_S = 60.0
"""A CRI event stream of ours lives no longer: the server lets go of it after that."""
NEWEST = (1, 36)
"""The kubelet whose relist is done where none is known."""
_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,4})(?:[.+~-].*)?", re.DOTALL)


async def prepare(
    settings: Settings, plan: Plan, *, beside: str = "", kubelet: KubeletOptions | None = None
) -> SideBySide:
    """Ask the runtime who it is, decide what each lane does, and find the processes to measure.

    Call it in the main thread's loop: the lanes' processes die with that thread. Nothing of it is
    left running when it returns; the experiment starts its lanes in run(). Whether the runtime is
    simulated is told by its own version. Whoever also runs a live view may pass its events on to
    the experiment's observe().

    Args:
        settings: the endpoint, the node's root and the debug file; the rest concerns the live view.
        plan: what was asked for.
        beside: what of this program follows the same runtime all the while, such as "the
            dashboard's live view (containerd's own events)"; empty for nothing.
        kubelet: how the admin lets us look at this node's kubelet.

    Raises:
        NotMeasurable: it cannot be made here.
    """
    schedule.check(plan)
    if plan.block_s > LONGEST_BLOCK_S:
        raise NotMeasurable(
            f"a block may last {LONGEST_BLOCK_S:g} s at the most, so that no event stream stands "
            f"longer: ask for --block {LONGEST_BLOCK_S:g}s or less"
        )
    options = LaneOptions(
        settings.endpoint, Work.RELIST, period_s=plan.period_s, debug=settings.debug
    )
    try:
        name, version = await who(options)
    except LaneError as error:
        raise NotMeasurable(str(error)) from None
    known = traits(name, version)
    looking = partial(look, settings.root, settings.endpoint, kubelet, simulated=known.simulated)
    before = await asyncio.to_thread(looking)
    wanted = plan.kubelet_version or before.beside.version
    second_listing, told = relist_of(wanted, asked_for=bool(plan.kubelet_version))
    polling = LaneOptions(
        settings.endpoint,
        Work.RELIST,
        period_s=plan.period_s,
        second_listing=second_listing,
        debug=settings.debug,
    )
    lanes = {Lane.POLLING: polling}
    sources = {Lane.POLLING: f"generic relist of {told}, every {plan.period_s:g} s"}
    work, source, reason = events_of(known)
    if work is not None:
        lanes[Lane.EVENTED] = LaneOptions(settings.endpoint, work, debug=settings.debug)
        sources[Lane.EVENTED] = source
    if plan.same is not None:
        if plan.same not in lanes:
            raise NotMeasurable(f"both lanes cannot do the same as the evented one: {reason}")
        lanes = dict.fromkeys(Lane, lanes[plan.same])
        sources = dict.fromkeys(Lane, sources[plan.same] + " (both lanes do the same)")
        reason = ""
    schedule.schedule(plan, lanes)
    meters = await asyncio.to_thread(Meters, settings.endpoint, settings.root, name, before.pid)
    title = NAMES.get(known.name, name)
    notes: tuple[str, ...] = ()
    if meters.found.pids and "tick" in meters.how:
        notes = (f"the runtime's CPU can only be read from {meters.how} here",)
    setting = Setting(
        plan=plan,
        lanes=lanes,
        sources=sources,
        runtime=f"{title} {version}",
        who=(name, version),
        simulated=known.simulated,
        reason=reason,
        beside=beside,
        notes=notes,
        kubelet=before,
        look_again=looking,
    )
    return SideBySide(setting, meters)


def relist_of(version: str, *, asked_for: bool) -> tuple[bool, str]:
    """How this kubelet's generic relist goes: with a second listing or not, and whose it is.

    Args:
        version: as "1.36.2"; empty when it is not known.
        asked_for: it was named by the admin, and is not this node's own.

    Raises:
        NotMeasurable: it is no version.
    """
    if not version:
        newest = ".".join(map(str, NEWEST))
        return False, f"kubelet {newest} (this node's version is not known)"
    match = _VERSION.fullmatch(version.strip())
    if match is None:
        raise NotMeasurable(
            f"{version!r} is no version of a kubelet: name it as --kubelet-version 1.36.2"
        )
    whose = "as asked for" if asked_for else "this node's"
    minor = (int(match[1]), int(match[2]))
    return minor < NEWEST, f"kubelet {version.strip().removeprefix('v')} ({whose})"


def events_of(known: Traits) -> tuple[Work | None, str, str]:
    """What the evented lane does on this runtime, what that is called, or why it does nothing.

    CRI events where a second reader harms nobody; on any other containerd its own events, which
    are not what a kubelet would read and are labelled so.
    """
    if known.cri_events == "safe":
        return Work.CRI_EVENTS, "GetContainerEvents", ""
    if known.name == "containerd":
        why = known.cri_events_why
        return Work.CONTAINERD_EVENTS, f"containerd events, not CRI ({why})", ""
    remedy = {
        "cri-o": "CRI-O 1.33 or newer has events that may be read beside the kubelet",
        "docker": "containerd 2.1 or CRI-O 1.33 and newer have them",
    }.get(known.name, "containerd 2.1 or CRI-O 1.33 and newer are known to have safe ones")
    return None, "", f"{known.cri_events_why}: {remedy}"
