"""What this node's real kubelet did meanwhile, as far as it can be read.

Read quickly, before and after: its version and mode, and how often it relisted in between. Its
processor time is read at the edges of the blocks (`pleg_tui.compare.meters`).
"""

from __future__ import annotations

import os
import posixpath
import time

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.compare.types import KubeletBeside
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.process import find_kubelet
from pleg_tui.node.kubelet.read import read_kubelet
from pleg_tui.node.kubelet.types import KubeletFacts

TIMEOUT_S = 2.0


class BesideLook(Struct, frozen=True):
    """One look at the kubelet."""

    pid: int | None
    """Whose processor time may be told as the kubelet's; None: nobody's."""
    beside: KubeletBeside
    at: float = 0.0
    relists: float | None = None
    """Since its start."""
    started_at: float | None = None


def look(
    root: str, endpoint: str, options: KubeletOptions | None, *, simulated: bool
) -> BesideLook:
    """Look once; blocking, a few seconds at the most. Never raises for what is on the node.

    Args:
        root: where the node's file system is seen from here.
        endpoint: the runtime that is measured.
        options: how the admin lets us look at the kubelet.
        simulated: the runtime is, so no kubelet works with it.
    """
    if simulated:
        why = "the runtime is simulated, and no kubelet works with it"
        return BesideLook(None, KubeletBeside(why=why))
    search = find_kubelet(root, options.pid if options else None)
    quick = replace(
        options or KubeletOptions(),
        samples_apart_s=0.0,
        rhythm_s=0.0,
        ask_node=False,
        timeout_s=TIMEOUT_S,
    )
    facts = read_kubelet(root, quick)
    version = facts.version.value or ""
    if facts.pid is None or search.chosen is None:
        return BesideLook(None, KubeletBeside(version=version, why=facts.why))
    source = f"process {facts.pid}"
    if other := _other_runtime(facts, root, endpoint):
        why = f"the kubelet here (process {facts.pid}) works with another runtime, {other}"
        return BesideLook(None, KubeletBeside(version=version, source=source, why=why))
    why = f"relists: {facts.figures.relists.source}"
    pid: int | None = facts.pid
    if search.chosen.embedded:
        pid = None
        why = (
            f"CPU: the kubelet is inside {search.chosen.embedded}, whose process does much else; "
            + why
        )
    known = facts.figures.relists.value is not None
    return BesideLook(
        pid,
        KubeletBeside(
            version=version,
            mode=facts.mode.value,
            source=source + (f", {facts.figures.relists.source}" if known else ""),
            why="" if known and pid else why,
        ),
        facts.figures.at or time.time(),
        facts.figures.relists.value,
        facts.started_at,
    )


def between(before: BesideLook, after: BesideLook) -> KubeletBeside:
    """What the kubelet did between two looks; pure."""
    seconds = after.at - before.at
    if after.pid != before.pid or after.started_at != before.started_at:
        if before.beside.source and after.beside.source != before.beside.source:
            return replace(before.beside, why="the kubelet was restarted meanwhile")
        return before.beside
    if before.relists is None or after.relists is None or seconds <= 0:
        return before.beside
    if after.relists < before.relists:
        return before.beside
    return replace(after.beside, relists_per_s=(after.relists - before.relists) / seconds)


def _other_runtime(facts: KubeletFacts, root: str, endpoint: str) -> str:
    """The runtime that this kubelet uses, when it is known to be another; else empty."""
    theirs = (facts.runtime_endpoint.value or "").removeprefix("unix://")
    if not posixpath.isabs(theirs):
        return ""
    ours = os.path.realpath(endpoint.removeprefix("unix://"))
    return "" if os.path.realpath(under(root, theirs)) == ours else theirs
