"""Merging what is known of one sandbox or container with one more message about it.

The state climbs and never falls (`pleg_tui.model`). Fields go by arrival: what a later message
knows replaces or fills, what it does not know wipes nothing. A message that is behind (its state is
of a lower rank) may only fill what is still unknown. How a container ended counts only from a
message that says it has ended.
"""

from __future__ import annotations

from pleg_tui.model import Container, ContainerState, Sandbox, SandboxState

_GENERIC = frozenset({"", "Completed", "Error"})
"""Reasons that containerd and CRI-O make up from the exit code alone."""


def _reason(old: str, new: str) -> str:
    """The later reason, unless it says less: runtimes learn "OOMKilled" after the exit."""
    return old if not new or (new in _GENERIC and old not in _GENERIC) else new


def sandbox(old: Sandbox, new: Sandbox, *, fill: bool = False) -> Sandbox:
    """What is known after a status or a line of a listing.

    Args:
        old: what was known; returned itself when nothing changes.
        new: the message.
        fill: the message may only fill what is unknown, as if it were behind.
    """
    one, two = (old, new) if fill or new.state < old.state else (new, old)
    merged = Sandbox(
        old.id,
        one.uid or two.uid,
        one.namespace or two.namespace,
        one.name or two.name,
        one.attempt or two.attempt,
        max(old.state, new.state),
        one.created_at or two.created_at,
        one.ips or two.ips,
        one.labels or two.labels,
        one.annotations or two.annotations,
        one.runtime_handler or two.runtime_handler,
    )
    return old if merged == old else new if merged == new else merged


def container(old: Container, new: Container, *, fill: bool = False) -> Container:
    """What is known after a status or a line of a listing; arguments as for sandbox()."""
    one, two = (old, new) if fill or new.state < old.state else (new, old)
    exit_code, finished_at = old.exit_code, old.finished_at
    reason, message = old.reason, old.message
    if new.state >= ContainerState.EXITED:
        if new.exit_code is not None and (exit_code is None or not fill):
            exit_code = new.exit_code
        finished_at = one.finished_at or two.finished_at
        reason = _reason(reason, new.reason)
        message = one.message or two.message
    merged = Container(
        old.id,
        one.sandbox_id or two.sandbox_id,
        one.name or two.name,
        one.attempt or two.attempt,
        max(old.state, new.state),
        one.image or two.image,
        one.image_ref or two.image_ref,
        one.created_at or two.created_at,
        one.started_at or two.started_at,
        finished_at,
        exit_code,
        reason,
        message,
        one.restarts or two.restarts,
        one.pod_uid or two.pod_uid,
        one.pod_name or two.pod_name,
        one.pod_namespace or two.pod_namespace,
        one.labels or two.labels,
        one.annotations or two.annotations,
        one.log_path or two.log_path,
        one.memory_limit or two.memory_limit,
    )
    return old if merged == old else new if merged == new else merged


def sandbox_event(old: Sandbox, state: SandboxState, at: int) -> Sandbox:
    """What is known after a bare statement that the sandbox reached a state at a time (ns)."""
    created_at = old.created_at or (at if state is SandboxState.READY else 0)
    if state <= old.state and created_at == old.created_at:
        return old
    return Sandbox(
        old.id,
        old.uid,
        old.namespace,
        old.name,
        old.attempt,
        max(old.state, state),
        created_at,
        old.ips,
        old.labels,
        old.annotations,
        old.runtime_handler,
    )


def container_event(
    old: Container,
    state: ContainerState,
    at: int,
    exit_code: int | None = None,
    reason: str = "",
    sandbox_id: str = "",
) -> Container:
    """What is known after a bare statement that the container reached a state at a time (ns).

    The time stands in for created_at, started_at or finished_at until a status says it exactly.
    """
    now = max(old.state, state)
    ended = now >= ContainerState.EXITED
    if old.exit_code is not None or state < ContainerState.EXITED:
        exit_code = old.exit_code
    merged = Container(
        old.id,
        old.sandbox_id or sandbox_id,
        old.name,
        old.attempt,
        now,
        old.image,
        old.image_ref,
        old.created_at or (at if state is ContainerState.CREATED else 0),
        old.started_at or (at if state is ContainerState.RUNNING else 0),
        old.finished_at or (at if state is ContainerState.EXITED else 0),
        exit_code,
        _reason(old.reason, reason) if ended else old.reason,
        old.message,
        old.restarts,
        old.pod_uid,
        old.pod_name,
        old.pod_namespace,
        old.labels,
        old.annotations,
        old.log_path,
        old.memory_limit,
    )
    return old if merged == old else merged
