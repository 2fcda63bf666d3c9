"""What an event is about, from what is known of it: also when it is gone."""

from __future__ import annotations

from pleg_tui.model import Container, ContainerState, EventType, LifecycleEvent, Pod

_STATES = {
    EventType.CONTAINER_CREATED: ContainerState.CREATED,
    EventType.CONTAINER_STARTED: ContainerState.RUNNING,
    EventType.CONTAINER_DIED: ContainerState.EXITED,
    EventType.CONTAINER_REMOVED: ContainerState.REMOVED,
}


def subject(event: LifecycleEvent, pod: Pod | None) -> tuple[Pod, Container | None]:
    """The pod and the container of an event.

    Args:
        event: the event.
        pod: its pod as it is or was last known; made from the event alone where there is none.
    """
    if pod is None:
        pod = Pod(event.pod_uid, event.namespace, event.pod, None, (), (), 0, event.created_at)
    if not event.container:
        return pod, None
    container = next((c for c in pod.containers if c.id == event.container_id), None)
    if container is not None:
        return pod, container
    at = event.created_at
    return pod, Container(
        id=event.container_id,
        sandbox_id="",
        name=event.container,
        state=_STATES.get(event.type, ContainerState.UNKNOWN),
        created_at=at if event.type is EventType.CONTAINER_CREATED else 0,
        started_at=at if event.type is EventType.CONTAINER_STARTED else 0,
        finished_at=at if event.type is EventType.CONTAINER_DIED else 0,
        exit_code=event.exit_code,
        reason=event.reason,
        pod_uid=event.pod_uid,
        pod_name=event.pod,
        pod_namespace=event.namespace,
    )
