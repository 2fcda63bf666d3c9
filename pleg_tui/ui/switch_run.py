"""A switch that is being carried out by a child process, as the dashboard follows it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from pleg_tui.migrate.worker import Job

log = logging.getLogger("pleg_tui.ui")


class Run(Struct):
    """What is known of it."""

    title: str
    kind: str
    """apply, finish or rollback."""
    steps: tuple[str, ...]
    """Every step that is to come, in the worker's own words, as far as it is known before."""
    began_at: float
    told: list[tuple[float, str]] = field(default_factory=list)
    """(when, seconds since the epoch; the step that began)."""
    left_s: float | None = None
    """Of a measurement that is on its way."""
    before: tuple[Mapping[str, Any], ...] = ()
    """Processor time, as migrate.measure.Usage."""
    after: tuple[Mapping[str, Any], ...] = ()
    verdict: Mapping[str, Any] | None = None
    """ok, mode, says."""
    result: str = ""
    """applied, failed (and put back), undone, refused or broken; empty while it goes on."""
    why: str = ""
    ended_at: float | None = None

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take one line of the worker's."""
        at = float(said.get("at", 0.0))
        match said.get("kind"):
            case "step":
                self.told.append((at, str(said.get("text", ""))))
                self.left_s = None
            case "left":
                self.left_s = float(said.get("seconds", 0.0))
            case "usage":
                parts = tuple(said.get("parts", ()))
                if said.get("when") == "before":
                    self.before = parts
                else:
                    self.after = parts
                self.left_s = None
            case "applied":
                self.verdict = said.get("verdict")
            case "end":
                self.result = str(said.get("result", "broken"))
                self.why = str(said.get("why", ""))
                self.verdict = said.get("verdict") or self.verdict
                self.ended_at = at


class Worker:
    """The child; in a session of its own, so that it outlives us and our terminal."""

    def __init__(self, job: Job, hear: Callable[[Mapping[str, Any]], None]) -> None:
        """Start it; `hear` is called in a thread, and in the end with kind "gone"."""
        self._job = job
        self._hear = hear
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="switch", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Of the child; None before it runs and after its end."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def end(self, wait_s: float) -> None:
        """Ask it to end: what it began it puts back; then, for a simulated node, make it end."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        with contextlib.suppress(OSError):
            child.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(wait_s)
            return
        child.kill()

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:
            log.exception("the switch's process cannot be followed")
            self._hear({"kind": "gone", "why": str(error)})

    def _follow(self) -> None:
        from pleg_tui.migrate.worker import pack

        own = str(Path(__file__).resolve().parents[2])
        before = os.environ.get("PYTHONPATH", "")
        child = self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "pleg_tui.migrate.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{own}{os.pathsep}{before}" if before else own},
            start_new_session=True,
        )
        assert child.stdin is not None and child.stdout is not None  # noqa: S101, PT018 - asked for
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(pack(self._job))
            child.stdin.close()
        for line in child.stdout:
            with contextlib.suppress(ValueError):
                self._hear(json.loads(line))
        code = child.wait()
        self._hear({"kind": "gone", "why": f"its process ended with {code}"})
