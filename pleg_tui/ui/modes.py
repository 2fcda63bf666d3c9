"""The modes: one screen for each number key, each loaded when it is first looked at.

A screen becomes a mode by its entry in MODES; what is not there has no key and is named nowhere.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from msgspec import Struct

if TYPE_CHECKING:
    from pleg_tui.ui.screens.base import PlegScreen


class Mode(Struct, frozen=True):
    """One of them."""

    key: str
    name: str
    """As bindings and actions call it."""
    title: str
    """As people do."""
    says: str
    """What the help says of its key."""
    module: str
    screen: str
    """The screen's class in the module; it is made without arguments."""

    def load(self) -> PlegScreen:
        """Make the screen."""
        return cast("PlegScreen", getattr(importlib.import_module(self.module), self.screen)())


LIVE = Mode("1", "live", "Live", "Pods and containers, and what happens to them",
            "pleg_tui.ui.screens.live", "Live")  # fmt: skip
COMPARE = Mode("2", "compare", "Compare", "What polling costs this node, and what events cost",
               "pleg_tui.ui.screens.compare", "Compare")  # fmt: skip
MIGRATE = Mode("3", "migrate", "Migrate", "Take this node's kubelet to events, and back",
               "pleg_tui.ui.screens.migrate", "Migrate")  # fmt: skip
NODE = Mode("4", "node", "Node", "Kubelet, runtime and shims over the last 15 minutes",
            "pleg_tui.ui.screens.node", "Node")  # fmt: skip
MODES: tuple[Mode, ...] = (LIVE, COMPARE, MIGRATE, NODE)
"""In the order of their keys. The first is what the program begins with."""
