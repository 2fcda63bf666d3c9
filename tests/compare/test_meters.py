"""Processor time is read to the nanosecond, of the right processes, and of those that ended too."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pleg_tui.node.process_cpu import CpuMeter, clock_ns
from pleg_tui.node.runtime_process import ShimMeter, find_runtime, same_namespace
from pleg_tui.sim.options import Options
from pleg_tui.sim.process import SimulatorProcess

_BURN = """
import sys, threading, time
def burn(s):
    end = time.thread_time() + s
    while time.thread_time() < end: pass
thread = threading.Thread(target=burn, args=(0.2,)); thread.start(); thread.join()
print("burnt", flush=True)
sys.stdin.read()
"""


@contextmanager
def burner(*command: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*(command or (sys.executable,)), "-c", _BURN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "burnt\n"
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def burn_here(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_the_clock_knows_threads_that_have_ended() -> None:
    with burner() as process:
        meter = CpuMeter(process.pid)
        assert "ns" in meter.how
        assert (meter.read() or 0) >= 200_000_000
        lived = meter.alive
    assert (lived, meter.alive) == (True, False)
    assert meter.read() is None


def test_every_way_of_reading_tells_about_the_same_of_our_own_process() -> None:
    fine, threads = CpuMeter(os.getpid()), CpuMeter(os.getpid(), same_namespace=False)
    assert "clock" in fine.how
    assert "schedstat" in threads.how
    before = (fine.read() or 0, threads.read() or 0)
    burn_here(0.2)
    after = (fine.read() or 0, threads.read() or 0)
    for first, last in zip(before, after, strict=True):
        assert 190_000_000 < last - first < 2_000_000_000


def test_a_thread_that_ends_between_two_readings_keeps_what_was_read_of_it() -> None:
    meter = CpuMeter(os.getpid(), same_namespace=False)
    begin, go = threading.Event(), threading.Event()

    def work() -> None:
        burn_here(0.1)
        begin.set()
        go.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    begin.wait(10)
    before = meter.read() or 0
    go.set()
    thread.join()
    assert (meter.read() or 0) >= before


def test_context_switches_and_memory_are_read() -> None:
    meter = CpuMeter(os.getpid())
    before = meter.switches() or 0
    for _ in range(5):
        time.sleep(0.01)
    assert (meter.switches() or 0) >= before + 5
    assert (meter.rss() or 0) > 1_000_000


@pytest.mark.parametrize("pid", [0, -1, 1 << 30, 1 << 70])
def test_no_process_has_no_clock(pid: int) -> None:
    assert clock_ns(pid) is None


def test_the_runtime_is_who_listens_on_the_socket() -> None:
    with SimulatorProcess(Options(pods=1, churn=0)) as simulator:
        found = find_runtime(simulator.endpoint, "/", "containerd")
        assert found.pids == (simulator.pid,)
        assert not found.why


def test_who_cannot_be_found_is_told_why(tmp_path: Path) -> None:
    found = find_runtime(f"unix://{tmp_path}/none", "/", "some-runtime-that-is-not-here")
    assert found.pids == ()
    assert "hostPID" in found.why


def test_a_root_without_proc_is_not_our_namespace(tmp_path: Path) -> None:
    assert same_namespace("/")
    assert not same_namespace(str(tmp_path))


def _shim(folder: Path, address: str) -> subprocess.Popen[str]:
    """A process that is named and called like a shim of the containerd on this socket."""
    program = folder / "containerd-shim-runc-v2"
    if not program.exists():
        program.symlink_to(sys.executable)
    process = subprocess.Popen(
        [program, "-c", _BURN, "-namespace", "k8s.io", "-address", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "burnt\n"
    return process


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


def test_shims_are_counted_those_that_came_and_those_that_went(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        path = str(tmp_path / "containerd.sock")
        server.bind(path)
        before = _shim(tmp_path, path)
        other = _shim(tmp_path, "/run/another/containerd.sock")
        meter = ShimMeter(f"unix://{path}", "/", os.getpid())
        try:
            assert meter.read() == 0, "what was spent before is not of our time"
            assert meter.count == 1, "another containerd's shims are not ours"
            fresh = _shim(tmp_path, path)
            with_fresh = meter.read() or 0
            assert meter.count == 2
            assert with_fresh >= 200_000_000, "a new shim counts from its beginning"
            _end(fresh)
            assert (meter.read() or 0) >= with_fresh, "what was read of one that ended still counts"
            assert meter.count == 1
        finally:
            _end(before)
            _end(other)
