"""The command line of the rig: one real containerd in the foreground, with pods that live."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tests.node.rig.chroot import UnavailableError, ensure
from tests.node.rig.client import CallError, CriClient, Pod, Spec
from tests.node.rig.containerd import RealContainerd
from tests.node.rig.namespace import RigError

CRASH_EVERY_S = 20.0
JOB_EVERY_S = 3.0
REBOOT_AFTER_S = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TALK = 'n=0; while :; do n=$((n+1)); echo "line $n"; sleep 2; done'


def main(argv: list[str] | None = None) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; ends the process with 0, or 1 with the reason."""
    args = parse(argv)
    for number in _SIGNALS:
        signal.signal(number, interrupt)
    try:
        say(f"making the Debian {args.suite} chroot ready (a minute, once)")
        chroot = ensure(args.suite)
        say(f"starting containerd {chroot.containerd} with runc {chroot.runc}")
        with RealContainerd(chroot) as runtime:
            live(runtime, args.pods, args.churn)
    except KeyboardInterrupt:
        say("cleaned up")
    except (UnavailableError, RigError, CallError) as error:
        sys.exit(f"make node: {error}")


def interrupt(number: int, frame: FrameType | None) -> None:
    """End what goes on; a second signal does not disturb the cleaning up."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(prog="make node ARGS='…'", description=__doc__)
    parser.add_argument(
        "--suite", choices=("sid", "trixie"), default="sid", help="sid: 2.x, trixie: 1.7"
    )
    parser.add_argument("--pods", type=number_of_pods, default=5, help="how many (default 5)")
    parser.add_argument("--churn", action="store_true", help="also a short job every few seconds")
    return parser.parse_args(argv)


def number_of_pods(text: str) -> int:
    """A count that a small machine can bear.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdigit() or not 0 <= int(text) <= 110:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 110")
    return int(text)


def live(runtime: RealContainerd, pods: int, churn: bool) -> None:
    """Make the pods, say how to look at them, and keep them going until interrupted."""
    client = runtime.client
    stop = threading.Event()
    workers: list[threading.Thread] = []
    try:
        for number in range(pods - 1):
            client.run_pod(f"web-{number}", *containers(number), namespace="shop")
        if pods:
            crash = Crasher(client, client.run_pod("unlucky", namespace="shop"))
            workers.append(every(CRASH_EVERY_S, crash.turn, stop))
        if churn:
            workers.append(every(JOB_EVERY_S, Jobs(client).turn, stop))
        tell(runtime, len(client.pods()))
        while True:
            time.sleep(0.5)
            if not runtime.running:
                say(f"containerd has ended; it is started again in {REBOOT_AFTER_S:g} s")
                time.sleep(REBOOT_AFTER_S)
                runtime.boot()
                say(f"containerd is process {runtime.pid} now")
    finally:
        stop.set()
        for worker in workers:
            worker.join(10)


def tell(runtime: RealContainerd, pods: int) -> None:
    """Say what is there, and how to look at it."""
    program = Path(sys.executable).with_name("pleg-tui")
    say(f"ready: {pods} pods; containerd is process {runtime.pid}, log {runtime.log}")
    say(f"endpoint: {runtime.endpoint}")
    say(f"try:      {program} -r {runtime.endpoint}")
    say("Ctrl-C ends it and removes everything")


def containers(number: int) -> list[Spec]:
    """What the pod of this number runs: all log, some also have an idle neighbour."""
    main_one = Spec("app", ("/bin/sh", "-c", _TALK))
    return [main_one, Spec("sidecar")] if number % 2 else [main_one]


class Crasher:
    """A container that fails after a moment and is made anew, as a kubelet would."""

    def __init__(self, client: CriClient, pod: Pod) -> None:
        self._client = client
        self._pod = pod
        self._attempt = 0
        self._last: list[str] = []

    def turn(self) -> None:
        """Remove the attempt before the last one, and start the next."""
        if len(self._last) > 1:
            self._client.remove(self._last.pop(0))
        spec = Spec(
            "crashes",
            ("/bin/sh", "-c", "echo starting; sleep 4; echo cannot go on; exit 1"),
            self._attempt,
        )
        self._attempt += 1
        self._last.append(self._client.run(self._pod, spec))


class Jobs:
    """Pods of one short-lived container each; a few of the ended ones are kept."""

    def __init__(self, client: CriClient) -> None:
        self._client = client
        self._number = 0
        self._ended: list[str] = []

    def turn(self) -> None:
        """Start the next job, and remove the oldest."""
        self._number += 1
        code = 1 if self._number % 5 == 0 else 0
        spec = Spec("job", ("/bin/sh", "-c", f"echo working; sleep 1; exit {code}"))
        pod = self._client.run_pod(f"job-{self._number}", spec, namespace="batch")
        self._ended.append(pod.id)
        if len(self._ended) > 3:
            oldest = self._ended.pop(0)
            self._client.stop_pod(oldest)
            self._client.remove_pod(oldest)


def every(seconds: float, turn: Callable[[], None], stop: threading.Event) -> threading.Thread:
    """Call `turn` again and again in a thread until told to stop; what fails is said."""

    def loop() -> None:
        while not stop.is_set():
            began = time.monotonic()
            try:
                turn()
            except CallError as error:
                say(str(error))
            stop.wait(max(0.0, seconds - (time.monotonic() - began)))

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    return thread


def say(text: str) -> None:
    """One line for the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
