"""What Compare itself costs the node while it measures, as its own output names it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from tests.bench.harness import Report, Setting, entry
from tests.bench.screen import environment


def measure(setting: Setting) -> Report:
    """One experiment on a simulated runtime."""
    seconds = 36 if setting.quick else 45
    command = [
        sys.executable, "-P", "-m", "pleg_tui", "compare", "--demo", "--pods", "100",
        "--duration", str(seconds), "--block", "3", "-o", "json",
    ]  # fmt: skip
    report = Report("experiment", "The experiment's own overhead", "a simulated runtime, 100 pods")
    done = subprocess.run(
        command, capture_output=True, env=environment(), timeout=seconds + 90, check=False
    )
    if not done.stdout:
        report.skipped.append(f"all of it: {done.stderr.decode(errors='replace').strip()[-200:]}")
        return report
    told = json.loads(done.stdout)
    says = str(told.get("overhead", ""))
    found = re.search(r"([\d.]+) ms", says)
    report.add(
        "as `compare` says of itself", "ms/s", [float(found[1])] if found else [],
        reach="named in its output", reached=bool(found), note=f"“{says.rstrip('.')}”",
    )  # fmt: skip
    for name, lane in told.get("lanes", {}).items():
        if lane and lane.get("client_cpu_ms_per_s") is not None:
            report.add(f"beside it, the client of {name} while it is on", "ms/s",
                       [lane["client_cpu_ms_per_s"]])  # fmt: skip
    return report


if __name__ == "__main__":
    entry(measure)
