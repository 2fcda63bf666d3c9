"""Which of its modes a kubelet is in, weighed from what was seen; pure.

≤ 1.36: the gate on and no polling is evented; the gate on and polling is fallen back, for with the
gate on it polls for no other reason (evented.go). ≥ 1.37: it always polls, and events only hurry
terminations (k/k#139262). The gate off is polling in every version.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.node.kubelet.gates import parse_release
from pleg_tui.node.kubelet.types import Evidence, Fact, Gate, Mode, Weight

HINT_ONLY_SINCE = (1, 37)


class Judgement(Struct, frozen=True):
    """A mode and how it came about."""

    mode: Mode
    why: str
    """One sentence."""
    evidence: tuple[Evidence, ...]
    """As given, each with the mode that it speaks for now that gate and version are known."""


def is_hint_only(version: str | None) -> bool | None:
    """Whether a kubelet of this version can only be hinted by events; None: unknown."""
    release = parse_release(version)
    return None if release is None else release[:2] >= HINT_ONLY_SINCE


def judge(version: Fact, gate: Gate, evidence: Sequence[Evidence]) -> Judgement:
    """Weigh what was seen of a kubelet.

    Args:
        version: of the kubelet; unknown is fine.
        gate: EventedPLEG, effective for the running process.
        evidence: what was seen, in any order.
    """
    hint_only = is_hint_only(version.value)
    spoken = tuple(_spoken(item, gate.on, hint_only) for item in evidence)
    against = _contradiction(evidence)
    if against:
        return Judgement(Mode.UNKNOWN, against, spoken)
    polls, because = _polls(evidence)
    mode, why = _decide(version, gate, hint_only, polls, because, _has_given_up(evidence))
    return Judgement(mode, why, spoken)


def _decide(
    version: Fact,
    gate: Gate,
    hint_only: bool | None,
    polls: bool | None,
    because: str,
    given_up: str,
) -> tuple[Mode, str]:
    if gate.on is False:
        if polls is False:
            return Mode.UNKNOWN, (
                f"the gate is off ({gate.source}), which means polling, yet {because}"
            )
        seen = because or "a kubelet without the gate has no other way"
        return Mode.GENERIC, f"the gate is off ({gate.source}): it polls; {seen}"
    if gate.on is None:
        return _without_gate(gate, hint_only, polls, because)
    if hint_only is None:
        if polls is False:
            return Mode.EVENTED, f"the gate is on ({gate.source}) and it does not poll: {because}"
        unknown = f"its version is unknown ({version.source})"
        if polls:
            return Mode.UNKNOWN, (
                f"the gate is on ({gate.source}) and it polls ({because}): up to 1.36 that is "
                f"fallen back, from 1.37 on it is as designed, and {unknown}"
            )
        return Mode.UNKNOWN, f"the gate is on ({gate.source}), but {unknown}"
    if hint_only:
        if polls is False:
            return Mode.UNKNOWN, f"{version.value} always polls, yet {because}"
        if given_up:
            return Mode.FALLEN_BACK, (
                f"{version.value} polls and has given up on events until it restarts: {given_up}"
            )
        return Mode.HINT_ONLY, (
            f"the gate is on ({gate.source}); {version.value} polls all the same and uses events "
            "only to see terminations sooner"
        )
    if polls is False:
        return Mode.EVENTED, f"the gate is on ({gate.source}) and it does not poll: {because}"
    if polls:
        return Mode.FALLEN_BACK, (
            f"the gate is on ({gate.source}), yet it polls until it is restarted: {because}"
        )
    return Mode.UNKNOWN, (
        f"the gate is on ({gate.source}), but nothing shows whether it still lives on events: "
        "a single restart of the runtime puts it back to polling"
    )


def _without_gate(
    gate: Gate, hint_only: bool | None, polls: bool | None, because: str
) -> tuple[Mode, str]:
    unknown = f"whether the gate is on is unknown ({gate.source})"
    if polls is False:
        if hint_only:
            return Mode.UNKNOWN, f"from 1.37 on a kubelet always polls, yet {because}"
        return Mode.EVENTED, f"it does not poll, which only events allow: {because}; {unknown}"
    if polls:
        return Mode.UNKNOWN, (
            f"it polls ({because}), but {unknown}: off is generic, on is "
            f"{'hint-only' if hint_only else 'fallen back'}"
        )
    return Mode.UNKNOWN, f"{unknown}, and nothing shows whether it polls"


def _polls(evidence: Sequence[Evidence]) -> tuple[bool | None, str]:
    """Whether it polls by the heaviest evidence, and that; weak evidence decides nothing."""
    for weight in (Weight.PROOF, Weight.STRONG):
        for item in evidence:
            if item.weight is weight and item.polls is not None:
                return item.polls, f"{item.source}: {item.says}"
    return None, ""


def _contradiction(evidence: Sequence[Evidence]) -> str:
    """Two weighty pieces of evidence that cannot both be; empty: there are none."""
    weighty = [item for item in evidence if item.weight in (Weight.PROOF, Weight.STRONG)]
    yes = next((item for item in weighty if item.polls is True), None)
    no = next((item for item in weighty if item.polls is False), None)
    if yes is None or no is None:
        return ""
    return (
        f"what was seen contradicts itself: {yes.source} says it polls ({yes.says}), "
        f"{no.source} that it does not ({no.says})"
    )


def _has_given_up(evidence: Sequence[Evidence]) -> str:
    return next((e.says for e in evidence if e.mode is Mode.FALLEN_BACK), "")


def _spoken(item: Evidence, gate_on: bool | None, hint_only: bool | None) -> Evidence:
    """With the mode that it speaks for."""
    if item.mode is not None or item.polls is None or item.weight is Weight.NOTHING:
        return item
    if item.polls is False:
        return replace(item, mode=None if hint_only else Mode.EVENTED)
    if gate_on is False:
        return replace(item, mode=Mode.GENERIC)
    if gate_on and hint_only is not None:
        return replace(item, mode=Mode.HINT_ONLY if hint_only else Mode.FALLEN_BACK)
    return item
