"""How long a key takes to be answered on the terminal, by the number of containers on the node.

A real dashboard in a pseudo-terminal on a simulated node that stands still. A key's time is from
writing it to the last byte of the answer; the terminal is read as fast as it comes. Prints a table.
Run: `make bench`, or `python tests/bench/bench_keys.py [--pods 60,600,5000]`.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess

QUIET_S = 0.08
"""An answer is over when nothing has come for so long; it is not part of the time."""
ROUNDS = 40
KEYS = {
    "cursor down": ["j"],
    "page down": ["\x04"],
    "end, home": ["G", "g"],
    "reverse the order": ["r"],
    "filter, a letter": ["/", "a", "\x7f", "\x1b"],
}


class Line:
    """A dashboard on a pseudo-terminal, and the bytes that come from it."""

    def __init__(self, endpoint: str, columns: int, lines: int) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
            program = [sys.executable, "-m", "pleg_tui", "-r", endpoint]
            os.execvpe(program[0], program, environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def answer(self, quiet_s: float = QUIET_S, most_s: float = 2.0) -> tuple[float, int]:
        """(time of the last byte, bytes) of what comes until it is quiet, or for most_s."""
        last, size = time.perf_counter(), 0
        end = last + most_s
        while last < end and select.select([self.fd], [], [], quiet_s)[0]:
            size += len(os.read(self.fd, 1 << 16))
            last = time.perf_counter()
        return last, size

    def press(self, key: str) -> tuple[float, int]:
        """(seconds to the last byte of the answer, bytes)."""
        begun = time.perf_counter()
        os.write(self.fd, key.encode())
        last, size = self.answer()
        return last - begun, size

    def close(self) -> None:
        """End the dashboard."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(OSError):
            self.answer(0.3)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def measure(pods: int, columns: int, lines: int) -> None:
    """One table row a key, for a node of that many pods."""
    with SimulatorProcess(Options(pods=pods, churn=0)) as simulator:
        line = Line(simulator.endpoint, columns, lines)
        try:
            line.answer(3.0, 3.0 + pods / 100)  # until the whole node is there, details too
            containers = simulator.info["containers"]
            for name, keys in KEYS.items():
                times: list[float] = []
                sizes: list[int] = []
                for _ in range(ROUNDS):
                    for key in keys:
                        seconds, size = line.press(key)
                        if size:
                            times.append(seconds * 1e3)
                            sizes.append(size)
                times.sort()
                p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
                print(
                    f"| {containers} | {name} | {statistics.median(times):.1f} | {p99:.1f} "
                    f"| {statistics.median(sizes):.0f} | {len(times)} |",
                    flush=True,
                )
        finally:
            line.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", default="60,600,5000", help="numbers of pods, comma-separated")
    parser.add_argument("--size", default="120x40")
    options = parser.parse_args()
    columns, lines = map(int, options.size.split("x"))
    print(f"Keys to the last byte on a terminal of {options.size}, simulated node, milliseconds\n")
    print("| containers | key | median | p99 | bytes | n |\n| --- | --- | --- | --- | --- | --- |")
    for pods in map(int, options.pods.split(",")):
        measure(pods, columns, lines)


if __name__ == "__main__":
    main()
