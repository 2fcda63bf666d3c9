#!/usr/bin/env python3
"""Bring one real containerd up, with pods, and keep it until Ctrl-C: what `make node` runs."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.node.rig.up import main

    main()
