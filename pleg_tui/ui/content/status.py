"""A container's and a pod's state in one word, how bad that is, and what last happened to it.

The CRI knows no "CrashLoopBackOff" and no "Terminating": those are the kubelet's. What is said here
follows from exit codes, restart counts and times alone, and each rule says so.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from enum import IntEnum, StrEnum

from msgspec import Struct
from msgspec.structs import replace

from pleg_tui.model import Container, ContainerState, Pod, SandboxState
from pleg_tui.ui.content.text import SECOND

CRASH_WINDOW = 600 * SECOND
"""The kubelet forgets its back-off once a container has run this long (twice the longest back-off,
flowcontrol.Backoff as used by kuberuntime's doBackOff)."""
START_GRACE = 30 * SECOND
"""How long a pod or container may be on its way up before that counts as unhealthy."""
_KILLED = 128 + signal.SIGKILL
_STOP_SIGNALS = frozenset({128 + signal.SIGTERM, _KILLED})


class Tone(StrEnum):
    """How a state is to be felt; a theme gives each its colour."""

    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    OFF = "off"


class Mark(StrEnum):
    """Which glyph stands before the word."""

    RUNNING = "running"
    BUSY = "busy"
    FAILED = "failed"
    LOOP = "loop"
    DONE = "done"
    UNKNOWN = "unknown"
    GONE = "gone"


class Severity(IntEnum):
    """The order of the sort by state: worst first."""

    BAD = 0
    WARN = 1
    BUSY = 2
    RESTARTED = 3
    GOOD = 4
    OFF = 5


class Status(Struct, frozen=True, gc=False):
    """A state as it is shown."""

    mark: Mark
    word: str
    tone: Tone
    unhealthy: bool = False
    restarted: bool = False
    """It seems well, but was restarted a short time ago."""
    until: int = 0
    """Wall time, ns, at which this stops being true although nothing happens; 0 for never."""

    @property
    def severity(self) -> Severity:
        """Its place in the sort by state."""
        return Severity.RESTARTED if self.restarted else Severity[self.tone.name]

    @property
    def of_interest(self) -> bool:
        """It is unhealthy, or may have been a short time ago."""
        return self.unhealthy or self.restarted


class Change(Struct, frozen=True, gc=False):
    """What last happened: when (wall time, ns, 0 where unknown), and why in a few words."""

    at: int
    text: str
    tone: Tone = Tone.OFF


RUNNING = Status(Mark.RUNNING, "running", Tone.GOOD)
GONE = Status(Mark.GONE, "gone", Tone.OFF)
COMPLETED = Status(Mark.DONE, "completed", Tone.OFF)
STOPPED = Status(Mark.DONE, "stopped", Tone.OFF)
STOPPING = Status(Mark.BUSY, "stopping", Tone.BUSY)
ERROR = Status(Mark.FAILED, "error", Tone.BAD, unhealthy=True)
OOM_KILLED = Status(Mark.FAILED, "OOMKilled", Tone.BAD, unhealthy=True)
EVICTED = Status(Mark.FAILED, "Evicted", Tone.BAD, unhealthy=True)
CRASH_LOOP = Status(Mark.LOOP, "CrashLoop", Tone.BAD, unhealthy=True)
UNKNOWN = Status(Mark.UNKNOWN, "unknown", Tone.WARN, unhealthy=True)
EXITED = Status(Mark.UNKNOWN, "exited", Tone.WARN, unhealthy=True)


def is_oom(container: Container) -> bool:
    """The runtime says that the kernel killed it for memory."""
    return container.reason == "OOMKilled"


def is_evicted(container: Container) -> bool:
    """The runtime's status says that the kubelet evicted the pod.

    An eviction is the kubelet's own word: it writes "Evicted" and "The node was low on resource: …"
    into the pod's status at the API server (pkg/kubelet/eviction/helpers.go: Reason,
    nodeLowMessageFmt) and has the runtime stop the pod like any other. containerd's and CRI-O's
    ContainerStatus.reason know "Completed", "Error", "OOMKilled" and failures to start, so on a
    node an evicted container is exit 137 or 143 in a sandbox that is no longer ready, just as a
    deleted one. From that alone nothing is concluded here: only a status whose reason or message
    begins with the kubelet's own words counts, as a runtime or shim that passes them on would say.
    """
    return container.reason.casefold() == "evicted" or container.message.startswith(
        ("Evicted", "The node was low on resource: ")
    )


def signal_name(exit_code: int) -> str:
    """The signal that an exit code above 128 stands for, or an empty string."""
    try:
        return signal.Signals(exit_code - 128).name if exit_code > 128 else ""
    except ValueError:
        return ""


def why(container: Container, *, brief: bool = False) -> str:
    """Why an exited container ended: "completed", "exit 143 SIGTERM", "OOMKilled (exit 137)".

    Args:
        container: the container.
        brief: an exit code that follows from the rest is left out: the kernel kills with 137.
    """
    code = container.exit_code
    if brief and is_oom(container) and code == _KILLED:
        return "OOMKilled"
    if is_oom(container):
        return "OOMKilled" if code is None else f"OOMKilled (exit {code})"
    if is_evicted(container):
        return "Evicted" if code is None else f"Evicted (exit {code})"
    if code is None:
        return f"exited: {container.reason}" if container.reason else "exited, code unknown"
    extra = signal_name(code)
    if container.reason not in ("", "Error", "Completed"):
        extra = container.reason
    if code == 0:
        return "completed"
    return f"exit {code} {extra}" if extra else f"exit {code}"


def _ran_for(container: Container) -> int | None:
    """How long an exited container ran, ns; None where a time is missing."""
    if container.started_at and container.finished_at >= container.started_at:
        return container.finished_at - container.started_at
    return None


def _crashed(container: Container) -> bool:
    """It ended by itself, badly, before the kubelet would have forgotten about it."""
    if container.state is not ContainerState.EXITED or not container.exit_code:
        return False
    ran = _ran_for(container)
    return ran is None or ran < CRASH_WINDOW


def container_status(
    container: Container, now: int, *, previous: Container | None = None, stopping: bool = False
) -> Status:
    """The state of one container.

    Args:
        container: the container.
        now: wall time, ns.
        previous: the attempt before it, where that still exists.
        stopping: its sandbox is no longer ready, so ending by SIGTERM or SIGKILL is no fault.
    """
    state = container.state
    if state is ContainerState.REMOVED:
        return GONE
    if state is ContainerState.RUNNING:
        return _running_status(container, now, previous)
    if state is ContainerState.CREATED:
        status = _on_its_way("created", container.created_at, now)
        again = container.restarts > 0 and not status.unhealthy
        return replace(status, tone=Tone.WARN, restarted=True) if again else status
    if state is ContainerState.UNKNOWN:
        return UNKNOWN
    if is_evicted(container):
        return EVICTED
    if container.exit_code == 0:
        return COMPLETED
    if is_oom(container):
        return OOM_KILLED
    if container.exit_code is None:
        return STOPPED if stopping else EXITED
    if stopping and container.exit_code in _STOP_SIGNALS:
        return STOPPED
    return CRASH_LOOP if container.restarts >= 1 and _crashed(container) else ERROR


def status_in(pod: Pod, container: Container, now: int) -> Status:
    """The state of a container as its pod's other attempts at it and its sandbox have it."""
    same = [c for c in pod.containers if c.name == container.name]
    older = next((i + 1 for i, c in enumerate(same) if c.id == container.id), len(same))
    previous = same[older] if older < len(same) else None
    return container_status(container, now, previous=previous, stopping=is_stopping(pod))


def _running_status(container: Container, now: int, previous: Container | None) -> Status:
    """It runs; that it was restarted, or is between two crashes, is said until it has run on.

    Whoever looks for what has just gone wrong mostly comes when it is up again, so that counts for
    as long as the kubelet remembers it, however it ended: a container whose probe failed gets a
    SIGTERM, and may well exit with 0.
    """
    if not container.restarts or not container.started_at:
        return RUNNING
    calm_at = container.started_at + CRASH_WINDOW
    if now >= calm_at:
        return RUNNING
    if container.restarts > 1 and previous is not None and _crashed(previous):
        return Status(Mark.LOOP, "CrashLoop", Tone.WARN, unhealthy=True, until=calm_at)
    return Status(Mark.LOOP, "running", Tone.WARN, restarted=True, until=calm_at)


def _on_its_way(word: str, began_at: int, now: int) -> Status:
    due = began_at + START_GRACE
    if not began_at or now < due:
        return Status(Mark.BUSY, word, Tone.BUSY, until=due if began_at else 0)
    return Status(Mark.BUSY, word, Tone.WARN, unhealthy=True)


def is_stopping(pod: Pod) -> bool:
    """The pod's sandbox is known and no longer ready."""
    return pod.sandbox is not None and pod.sandbox.state >= SandboxState.NOTREADY


def pod_status(pod: Pod, statuses: Iterable[tuple[Container, Status]], now: int) -> Status:
    """The state of a pod, from its sandbox and its newest containers with their states."""
    pairs = tuple(statuses)
    states = (status for _, status in pairs)
    worst = min(states, key=lambda s: (s.severity, s.mark is not Mark.BUSY), default=None)
    running = any(c.state is ContainerState.RUNNING for c, _ in pairs)
    if is_stopping(pod):
        if running:
            return STOPPING
        if worst is not None and worst.severity is Severity.BAD:
            return worst
        done = all(c.exit_code == 0 for c, _ in pairs) and bool(pairs)
        return COMPLETED if done else STOPPED
    if worst is None:
        return _on_its_way("starting", pod.created_at, now)
    if worst.mark is Mark.BUSY:
        return replace(worst, word="starting")
    if worst.severity <= Severity.WARN:
        return worst
    if pod.ready:
        return worst if worst.restarted else RUNNING
    if running:
        return Status(Mark.BUSY, "not ready", Tone.WARN, unhealthy=True)
    return COMPLETED if pod.sandbox is not None else UNKNOWN


def container_change(
    container: Container, previous: Container | None = None, *, brief: bool = False
) -> Change:
    """What last happened to one container; `brief` as why() has it."""
    if container.state is ContainerState.RUNNING:
        if previous is not None and previous.state is ContainerState.EXITED:
            tone = Tone.BAD if is_oom(previous) else Tone.WARN if previous.exit_code else Tone.OFF
            return Change(
                container.started_at, f"was {why(previous, brief=brief)}, restarted", tone
            )
        return Change(container.started_at, "restarted" if container.restarts else "started")
    if container.state is ContainerState.CREATED:
        return Change(container.created_at, "created")
    if container.state is ContainerState.EXITED:
        bad = is_oom(container) or is_evicted(container) or bool(container.exit_code)
        tone = Tone.BAD if bad else Tone.OFF
        return Change(container.finished_at, why(container, brief=brief), tone)
    if container.state is ContainerState.REMOVED:
        return Change(0, "removed")
    return Change(0, "state unknown", Tone.WARN)


def pod_change(pod: Pod, changes: Iterable[tuple[Container, Change]]) -> Change:
    """What last happened in a pod: the newest of its containers' changes and its sandbox's."""
    sandbox = pod.sandbox
    newest = Change(0, "")
    if sandbox is not None:
        newest = Change(sandbox.created_at, "sandbox created")
    told = tuple(changes)
    for container, change in told:
        if change.at >= newest.at and change.text:
            # Where there is but one container, the room is for what happened to it.
            text = f"{container.name} {change.text}" if len(told) > 1 else change.text
            newest = Change(change.at, text, change.tone)
    ended = any(c.state is ContainerState.EXITED for c in pod.current)
    if is_stopping(pod) and not ended:
        return Change(max(pod.changed_at, newest.at), "sandbox stopped")
    return newest
