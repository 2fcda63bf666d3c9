"""How hard the tests try: short by default, everything with PLEG_TUI_NODE_FULL=1."""

from __future__ import annotations

import os

FULL = os.environ.get("PLEG_TUI_NODE_FULL") == "1"
"""`make test-node-full`: each trouble alone, its figures beside a control of its own."""
LIVES = 100 if FULL else 60
"""Containers that live and die beside a trouble; each makes four CRI events."""
KILLS = int(os.environ.get("PLEG_TUI_NODE_KILLS") or (100 if FULL else 6))
"""How often the tool is started and killed."""
FROZEN_S = 30.0 if FULL else 10.0
"""How long a runtime is stopped."""
MANY = 100 if FULL else 40
"""Containers in the pod that has many."""
GROWN = 250 if FULL else 200
"""Containers created in one pod whose events grow; a stalled reader hangs it at some 145."""
