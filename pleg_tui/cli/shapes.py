"""The JSON that scripts get: keys are only ever added, never renamed; unknown is null."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pleg_tui.cli.times import rfc3339
from pleg_tui.feed.types import Notice
from pleg_tui.model import Container, LifecycleEvent, Pod, RuntimeInfo
from pleg_tui.pleg.relist_model import Verdict

PODS_SCHEMA = "pleg-tui/pods/v1"
EVENT_SCHEMA = "pleg-tui/event/v1"


def dumps(value: dict[str, Any], *, indent: int | None = None) -> str:
    """As text, ASCII only, so that no locale can spoil it."""
    return json.dumps(value, indent=indent, separators=None if indent else (",", ":"))


def pods(runtime: RuntimeInfo, listed: Iterable[Pod]) -> dict[str, Any]:
    """What `pods` answers."""
    return {
        "schema": PODS_SCHEMA,
        "simulated": runtime.simulated,
        "runtime": {
            "name": runtime.name or None,
            "version": runtime.version or None,
            "endpoint": runtime.endpoint,
        },
        "pods": [_pod(pod) for pod in listed],
    }


def event(told: LifecycleEvent, *, simulated: bool) -> dict[str, Any]:
    """A line of `events`."""
    return {
        "schema": EVENT_SCHEMA,
        "simulated": simulated,
        "seq": told.seq,
        "type": told.type.value,
        "source": told.source.value,
        "created_at": rfc3339(told.created_at),
        "received_at": rfc3339(told.received_at),
        "lag_ms": _ms(told.lag_ns),
        "replayed": told.replayed,
        "namespace": told.namespace or None,
        "pod": told.pod or None,
        "pod_uid": told.pod_uid or None,
        "container": told.container or None,
        "container_id": told.container_id,
        "exit_code": told.exit_code,
        "reason": told.reason or None,
    }


def stream(notice: Notice) -> dict[str, Any]:
    """A control line of `events`: the stream itself changed."""
    return {
        "type": "stream",
        "state": notice.state,
        "source": notice.source.value if notice.source else None,
        "lost": notice.lost,
        "missed": notice.missed,
        "error": notice.error or None,
    }


def relist(verdict: Verdict) -> dict[str, Any]:
    """A control line of `events --relist-model`."""
    return {
        "type": "relist",
        "seqs": list(verdict.seqs),
        "seen": verdict.seen,
        "after_ms": _ms(verdict.after_ns),
    }


def _pod(pod: Pod) -> dict[str, Any]:
    sandbox = pod.sandbox
    return {
        "uid": pod.uid,
        "namespace": pod.namespace or None,
        "name": pod.name or None,
        "sandbox_id": sandbox.id if sandbox else None,
        "attempt": sandbox.attempt if sandbox else None,
        "state": sandbox.state.name.lower() if sandbox else None,
        "ready": pod.ready,
        "restarts": pod.restarts,
        "created_at": rfc3339(pod.created_at),
        "ips": list(sandbox.ips) if sandbox else [],
        "labels": dict(sandbox.labels) if sandbox else {},
        "containers": [_container(container) for container in pod.containers],
    }


def _container(container: Container) -> dict[str, Any]:
    return {
        "id": container.id,
        "name": container.name or None,
        "image": container.image or container.image_ref or None,
        "state": container.state.name.lower(),
        "attempt": container.attempt,
        "restarts": container.restarts,
        "created_at": rfc3339(container.created_at),
        "started_at": rfc3339(container.started_at),
        "finished_at": rfc3339(container.finished_at),
        "exit_code": container.exit_code,
        "reason": container.reason or None,
        "log_path": container.log_path or None,
    }


def _ms(ns: int | None) -> float | None:
    return None if ns is None else round(ns / 1e6, 6)
