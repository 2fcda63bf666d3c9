"""The kubelet's own account of its configuration: /configz, flags and files merged."""

from __future__ import annotations

from collections.abc import Mapping

from pleg_tui.cri.clean import clean
from pleg_tui.node.kubelet.yaml_text import NotData, parse_json

_SECRET = frozenset(("staticPodURLHeader",))


def parse_configz(text: str) -> tuple[Mapping[str, object], Mapping[str, bool]]:
    """The configuration and its feature gates, in which those of flags are included.

    Raises:
        NotData: it is not what /configz answers.
    """
    value = parse_json(text)
    config = value.get("kubeletconfig") if isinstance(value, dict) else None
    if not isinstance(config, dict):
        raise NotData("is not what /configz answers")
    gates = config.get("featureGates")
    found = (
        {clean(str(name), 100): on for name, on in gates.items() if isinstance(on, bool)}
        if isinstance(gates, dict)
        else {}
    )
    return {key: item for key, item in config.items() if key not in _SECRET}, found
