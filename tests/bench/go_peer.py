"""Peers in Go: built where Go and its gRPC library are, and run beside ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.harness import PEERS, Unavailable

GOPATH = Path("/usr/share/gocode")
"""Where Debian puts the sources of Go libraries."""
PACKAGES = "golang-go golang-google-grpc-dev"
MOST_S = 120.0
"""Its call's deadline: no subscription of it outlives that."""


def build(name: str, folder: Path) -> Path:
    """Build one of the peers, peers/NAME/main.go; returns the program.

    Raises:
        Unavailable: what it needs is not here.
    """
    go = shutil.which("go")
    if go is None or not (GOPATH / "src/google.golang.org/grpc").is_dir():
        raise Unavailable(f"to build it, `apt-get install {PACKAGES}`")
    program = folder / name
    sources = [
        shutil.copy(source, folder)  # Go wants those of one program in one folder
        for source in (PEERS / name / "main.go", PEERS / "go_shared" / "wire.go")
    ]
    made = subprocess.run(
        [go, "build", "-o", str(program), *sources],
        env=os.environ | {"GO111MODULE": "off", "GOPATH": str(GOPATH)},
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise Unavailable(f"it cannot be built: {made.stderr.strip().splitlines()[-1]}")
    return program


class GoReader:
    """A subscriber; its events are there once it is closed.

    Raises:
        Unavailable: what it needs is not here, or it cannot subscribe.
    """

    def __init__(self, endpoint: str) -> None:
        self.lags: dict[int, float] = {}
        """By created_at (ns): how long after that it was received, ms."""
        self._folder = tempfile.TemporaryDirectory(prefix="pleg-tui-go-")
        program = build("go_reader", Path(self._folder.name))
        self._process = subprocess.Popen(
            [str(program), endpoint.removeprefix("unix://"), f"{MOST_S:g}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        # What comes before is a replay of what happened earlier.
        if b"ready\n" not in iter(self._process.stdout.readline, b""):
            raise Unavailable("it could not subscribe")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            received, created = map(int, line.split())
            self.lags[created] = (received - created) / 1e6

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._thread.join(5)
        self._folder.cleanup()
