"""Feature gates, resolved as the kubelet resolves them.

Sources: the gate's stages per release (k/k#111384, #115967, #122697 with its cherry-picks #122718
to #122720, and the 1.37 redesign k/k#139262); component-base's featuregate.setFromMap (a gate that
is named wins over AllAlpha and AllBeta); the kubelet's kubeletConfigFlagPrecedence (flags win over
files gate by gate).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from pleg_tui.node.kubelet.types import Gate

NAME = "EventedPLEG"
NEWEST_KNOWN = (1, 37)
"""The newest release whose default is known here."""

Stage = Literal["absent", "alpha", "beta", "unknown"]
Release = tuple[int, int, int]


class Setting(Struct, frozen=True):
    """A gate that is set, and where."""

    on: bool
    source: str


class Settings(Struct, frozen=True):
    """The gates that a number of places set, the last one winning."""

    gates: Mapping[str, Setting] = field(default_factory=dict)
    doubt: str = ""
    """Why a gate that is not among them may be set all the same; empty: it is not."""

    def over(self, source: str, gates: Mapping[str, bool]) -> Settings:
        """With these laid over them, gate by gate."""
        return replace(
            self, gates={**self.gates, **{name: Setting(on, source) for name, on in gates.items()}}
        )

    def doubted(self, reason: str) -> Settings:
        """With something laid over them that cannot be known: only what comes later is sure."""
        return Settings(doubt=reason)


def parse_release(text: str | None) -> Release | None:
    """A version such as "v1.36.2+k3s1" as (1, 36, 2); None when it is not a version."""
    if not text:
        return None
    numbers = text.removeprefix("v").split("-")[0].split("+")[0].split(".")
    if len(numbers) < 2 or not all(part.isascii() and part.isdigit() for part in numbers[:3]):
        return None
    if any(len(part) > 6 for part in numbers[:3]):
        return None
    major, minor, patch = (*(int(part) for part in numbers[:3]), 0)[:3]
    return major, minor, patch


def stage(release: Release | None) -> Stage:
    """The gate's stage in a release; its default is off in each that is known.

    1.27.9 is told by its enhancement proposal to be the first reverted patch, but the cherry-pick
    came later: unknown.
    """
    if release is None or release[:2] > NEWEST_KNOWN:
        return "unknown"
    if release < (1, 26, 0):
        return "absent"
    minor, patch = release[1], release[2]
    if minor == 27 and patch == 9:
        return "unknown"
    reverted = {27: 10, 28: 6, 29: 1}.get(minor)
    return "beta" if reverted is not None and patch < reverted else "alpha"


def resolve(settings: Settings, release: Release | None) -> Gate:
    """The effective EventedPLEG: named, by AllAlpha or AllBeta, or by default; pure."""
    named = settings.gates.get(NAME)
    if named is not None:
        return Gate(named.on, named.source)
    if settings.doubt:
        return Gate(None, settings.doubt)
    known = stage(release)
    version = "an unknown version" if release is None else ".".join(map(str, release))
    if known == "absent":
        return Gate(False, f"kubelet {version} is older than the gate, which came with 1.26")
    if known == "unknown":
        groups = [settings.gates.get(name) for name in ("AllAlpha", "AllBeta")]
        if any(group is not None and group.on for group in groups):
            return Gate(
                None, f"AllAlpha or AllBeta is on; the gate's stage in {version} is unknown"
            )
        if release is None:
            return Gate(
                None, "not set anywhere; the kubelet's version, and so its default, is unknown"
            )
        if release[:2] > NEWEST_KNOWN:
            return Gate(None, f"not set anywhere; {version} is newer than the defaults known here")
    else:
        name = "AllAlpha" if known == "alpha" else "AllBeta"
        group = settings.gates.get(name)
        if group is not None:
            return Gate(group.on, f"{name}={str(group.on).lower()} in {group.source}")
    return Gate(False, f"not set anywhere: off, the default of {version}")
