"""What every child process of a simulation shares: the wait until it serves, and its end."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from pathlib import Path
from typing import IO, Any


class SimulatorProcessError(Exception):
    """The child could not be started; the text is one clear sentence."""


def ready(child: subprocess.Popen[bytes], timeout_s: float, who: str) -> dict[str, Any]:
    """What a child says in one line of JSON once it serves; `who` begins a fault's sentence.

    Raises:
        SimulatorProcessError: it ended, said something else, or said nothing in that many seconds.
    """
    assert child.stdout is not None  # noqa: S101 - every child is started with a pipe
    deadline = time.monotonic() + timeout_s
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while b"\n" not in data:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise SimulatorProcessError(f"{who} did not serve within {timeout_s:g} s")
            piece = os.read(child.stdout.fileno(), 4096)
            if not piece:
                raise SimulatorProcessError(f"{who} ended before it served")
            data += piece
    try:
        said: dict[str, Any] = json.loads(data.partition(b"\n")[0])
    except ValueError:
        raise SimulatorProcessError(f"{who} said something else than that it is ready") from None
    return said


def end(child: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Ask a child to end, make it after that long, and close what it said; harmless once ended."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdout is not None:
        child.stdout.close()


def last_line(errors: IO[bytes]) -> str:
    """The last that a child wrote into its file of errors; empty when it wrote nothing."""
    errors.seek(0)
    lines = errors.read(8192).decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def python_path() -> str:
    """So that the child finds this very package, wherever it was started from."""
    own = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH", "")
    return f"{own}{os.pathsep}{before}" if before else own
