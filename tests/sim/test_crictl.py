"""The real crictl, where one is named by the environment variable CRICTL."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess

CRICTL = os.environ.get("CRICTL", "")
pytestmark = pytest.mark.skipif(not CRICTL, reason="CRICTL= names no crictl to run")


@pytest.fixture(scope="module", params=["containerd-2", "crio"])
def simulator(request: pytest.FixtureRequest) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(Options(pods=13, flavour=request.param)) as process:
        yield process


def crictl(simulator: SimulatorProcess, *arguments: str) -> str:
    done = subprocess.run(
        [CRICTL, "-r", simulator.endpoint, "-i", simulator.endpoint, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(simulator: SimulatorProcess, *arguments: str) -> Any:
    command, *rest = arguments
    return json.loads(crictl(simulator, command, "-o", "json", *rest))


def test_version_and_info(simulator: SimulatorProcess) -> None:
    assert "+simulated" in crictl(simulator, "version")
    assert asked(simulator, "info")["simulated"] is True


def test_pods_and_containers(simulator: SimulatorProcess) -> None:
    pods = asked(simulator, "pods")["items"]
    assert len(pods) >= 13
    containers = asked(simulator, "ps", "-a")["containers"]
    assert len(containers) > 13
    assert asked(simulator, "inspectp", pods[0]["id"])["status"]["id"] == pods[0]["id"]
    running = asked(simulator, "ps")["containers"][0]["id"]
    assert asked(simulator, "inspect", running)["status"]["id"] == running
    assert "simulated" in crictl(simulator, "logs", running).splitlines()[0]


def test_stats_and_images(simulator: SimulatorProcess) -> None:
    assert asked(simulator, "stats")["stats"]
    assert asked(simulator, "statsp")["stats"]
    assert "CPU" in crictl(simulator, "stats")
    assert asked(simulator, "images")["images"]
    assert asked(simulator, "imagefsinfo")["status"]["imageFilesystems"]


def test_events(simulator: SimulatorProcess) -> None:
    with subprocess.Popen(
        [CRICTL, "-r", simulator.endpoint, "events"], stdout=subprocess.PIPE, text=True
    ) as child:
        time.sleep(3)
        child.terminate()
        said = child.communicate(timeout=10)[0]
    assert "containerEventType" in said
