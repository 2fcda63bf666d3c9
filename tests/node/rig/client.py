"""A small CRI client that makes pods and containers as a kubelet does, and times every call."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import grpc
from msgspec import Struct, field

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.cri.methods import RUNTIME_SERVICE
from tests.node.rig.image import BUSYBOX

TIMEOUT_S = 30.0
FOREVER = ("/bin/sleep", "infinity")


class _Message(Protocol):
    def SerializeToString(self) -> bytes: ...  # noqa: N802


R = TypeVar("R")


class CallError(Exception):
    """A call that failed; `code` is gRPC's name for how."""

    def __init__(self, method: str, code: str, message: str) -> None:
        super().__init__(f"{method}: {code}: {message}")
        self.method = method
        self.code = code
        self.message = message


class Call(Struct, frozen=True):
    """One call that was made."""

    method: str
    started: int
    """CLOCK_MONOTONIC, ns."""
    seconds: float
    code: str
    """gRPC's name: OK, NOT_FOUND, …"""


class Spec(Struct, frozen=True):
    """A container that is to be made."""

    name: str = "main"
    command: Sequence[str] = FOREVER
    attempt: int = 0
    memory_limit: int = 0
    """Bytes; 0 for none."""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    image: str = BUSYBOX


class Pod(Struct, frozen=True):
    """A sandbox that was made; `containers` are ids by name, of those made along with it."""

    id: str
    uid: str
    namespace: str
    name: str
    config: cri.PodSandboxConfig
    containers: dict[str, str]


class CriClient:
    """Synchronous, one channel; use it from any thread.

    Args:
        endpoint: `unix:///…`.
        log_root: where pods' log folders are made (the kubelet's /var/log/pods).
        cgroup_parent: parent of the pods' cgroups.
    """

    def __init__(self, endpoint: str, log_root: Path, cgroup_parent: str) -> None:
        # Its own connection, as another process would have; and quick to come back: a runtime that
        # a test restarts is waited for.
        self._channel = grpc.insecure_channel(
            endpoint,
            options=[
                ("grpc.max_receive_message_length", 64 << 20),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.min_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 200),
            ],
        )
        self._log_root = log_root
        self._cgroup_parent = cgroup_parent
        self.calls: list[Call] = []
        """Every call made, in the order of their ends."""

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def call(
        self, method: str, request: _Message, answer: type[R], timeout: float = TIMEOUT_S
    ) -> R:
        """One call, timed, failed or not.

        Raises:
            CallError: it failed, or took longer than `timeout` seconds.
        """
        stub = self._channel.unary_unary(
            f"/{RUNTIME_SERVICE}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,  # type: ignore[attr-defined]
        )
        started = time.monotonic_ns()
        code = "OK"
        try:
            result: R = stub(request, timeout=timeout)
        except grpc.RpcError as error:
            code = error.code().name
            raise CallError(method, code, error.details() or "") from None
        else:
            return result
        finally:
            seconds = (time.monotonic_ns() - started) / 1e9
            self.calls.append(Call(method, started, seconds, code))

    # ---- what there is ----

    def version(self) -> cri.VersionResponse:
        """Version."""
        return self.call("Version", cri.VersionRequest(), cri.VersionResponse)

    def runtime_ready(self) -> bool:
        """The runtime's own condition; the network's does not matter for pods on the node's."""
        status = self.call("Status", cri.StatusRequest(), cri.StatusResponse, 5).status
        return any(c.type == "RuntimeReady" and c.status for c in status.conditions)

    def pods(self, timeout: float = TIMEOUT_S) -> list[cri.PodSandbox]:
        """Every sandbox."""
        request = cri.ListPodSandboxRequest()
        answer = self.call("ListPodSandbox", request, cri.ListPodSandboxResponse, timeout)
        return list(answer.items)

    def containers(self) -> list[cri.Container]:
        """Every container."""
        request = cri.ListContainersRequest()
        return list(self.call("ListContainers", request, cri.ListContainersResponse).containers)

    def pod_status(self, pod_id: str, verbose: bool = False) -> cri.PodSandboxStatusResponse:
        """PodSandboxStatus."""
        request = cri.PodSandboxStatusRequest(pod_sandbox_id=pod_id, verbose=verbose)
        return self.call("PodSandboxStatus", request, cri.PodSandboxStatusResponse)

    def container_status(
        self, container_id: str, verbose: bool = False
    ) -> cri.ContainerStatusResponse:
        """ContainerStatus."""
        request = cri.ContainerStatusRequest(container_id=container_id, verbose=verbose)
        return self.call("ContainerStatus", request, cri.ContainerStatusResponse)

    # ---- pods ----

    def run_pod(
        self,
        name: str,
        *containers: Spec,
        namespace: str = "default",
        uid: str = "",
        attempt: int = 0,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        timeout: float = TIMEOUT_S,
    ) -> Pod:
        """RunPodSandbox on the node's network, then create and start each container."""
        uid = uid or str(uuid.uuid4())
        config = cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(
                name=name, uid=uid, namespace=namespace, attempt=attempt
            ),
            log_directory=str(self._log_root / f"{namespace}_{name}_{uid}"),
            labels={**pod_labels(name, namespace, uid), **(labels or {})},
            annotations={
                "kubernetes.io/config.source": "api",
                "kubernetes.io/config.seen": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                **(annotations or {}),
            },
            linux=cri.LinuxPodSandboxConfig(
                cgroup_parent=f"{self._cgroup_parent}/pod{uid}",
                security_context=cri.LinuxSandboxSecurityContext(
                    namespace_options=cri.NamespaceOption(network=cri.NODE)
                ),
            ),
        )
        request = cri.RunPodSandboxRequest(config=config)
        answer = self.call("RunPodSandbox", request, cri.RunPodSandboxResponse, timeout)
        pod = Pod(answer.pod_sandbox_id, uid, namespace, name, config, {})
        for spec in containers:
            pod.containers[spec.name] = self.run(pod, spec)
        return pod

    def stop_pod(self, pod_id: str, timeout: float = TIMEOUT_S) -> None:
        """StopPodSandbox: kills its containers first."""
        request = cri.StopPodSandboxRequest(pod_sandbox_id=pod_id)
        self.call("StopPodSandbox", request, cri.StopPodSandboxResponse, timeout)

    def remove_pod(self, pod_id: str, timeout: float = TIMEOUT_S) -> None:
        """RemovePodSandbox: removes its containers first."""
        request = cri.RemovePodSandboxRequest(pod_sandbox_id=pod_id)
        self.call("RemovePodSandbox", request, cri.RemovePodSandboxResponse, timeout)

    def remove_everything(self, within_s: float = 60.0) -> None:
        """Stop and remove every pod of the runtime, a few at a time.

        A pod that resists is tried again, as the kubelet does: a shim that ends just while it is
        asked to kill answers "ttrpc: closed".

        Raises:
            CallError: the first of the failures once time is up; every pod was tried.
        """
        end = time.monotonic() + within_s

        def remove(pod_id: str) -> CallError | None:
            while True:
                try:
                    self.stop_pod(pod_id, max(0.1, end - time.monotonic()))
                    self.remove_pod(pod_id, max(0.1, end - time.monotonic()))
                except CallError as error:
                    if time.monotonic() > end - 0.5:
                        return error
                    time.sleep(0.5)
                else:
                    return None

        pods = [pod.id for pod in self.pods(within_s)]
        with ThreadPoolExecutor(4) as pool:
            failures = [e for e in pool.map(remove, pods) if e]
        if failures:
            raise failures[0]

    # ---- containers ----

    def create(self, pod: Pod, spec: Spec, timeout: float = TIMEOUT_S) -> str:
        """CreateContainer; returns its id."""
        folder = Path(pod.config.log_directory) / spec.name
        folder.mkdir(parents=True, exist_ok=True)
        config = cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name=spec.name, attempt=spec.attempt),
            image=cri.ImageSpec(image=spec.image, user_specified_image=spec.image),
            command=spec.command,
            labels={
                **pod_labels(pod.name, pod.namespace, pod.uid),
                "io.kubernetes.container.name": spec.name,
                **spec.labels,
            },
            annotations={
                "io.kubernetes.container.hash": "0",
                "io.kubernetes.container.restartCount": str(spec.attempt),
                "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
                "io.kubernetes.container.terminationMessagePolicy": "File",
                "io.kubernetes.pod.terminationGracePeriod": "30",
                **spec.annotations,
            },
            log_path=f"{spec.name}/{spec.attempt}.log",
            linux=cri.LinuxContainerConfig(
                resources=cri.LinuxContainerResources(
                    memory_limit_in_bytes=spec.memory_limit,
                    memory_swap_limit_in_bytes=spec.memory_limit,
                ),
                security_context=cri.LinuxContainerSecurityContext(
                    namespace_options=cri.NamespaceOption(network=cri.NODE, pid=cri.CONTAINER)
                ),
            ),
        )
        request = cri.CreateContainerRequest(
            pod_sandbox_id=pod.id, config=config, sandbox_config=pod.config
        )
        answer = self.call("CreateContainer", request, cri.CreateContainerResponse, timeout)
        return answer.container_id

    def start(self, container_id: str, timeout: float = TIMEOUT_S) -> None:
        """StartContainer."""
        request = cri.StartContainerRequest(container_id=container_id)
        self.call("StartContainer", request, cri.StartContainerResponse, timeout)

    def run(self, pod: Pod, spec: Spec) -> str:
        """Create and start; returns its id."""
        container_id = self.create(pod, spec)
        self.start(container_id)
        return container_id

    def stop(self, container_id: str, grace_s: int = 0, timeout: float = TIMEOUT_S) -> None:
        """StopContainer; killed after the grace."""
        request = cri.StopContainerRequest(container_id=container_id, timeout=grace_s)
        self.call("StopContainer", request, cri.StopContainerResponse, timeout + grace_s)

    def remove(self, container_id: str, timeout: float = TIMEOUT_S) -> None:
        """RemoveContainer; a running one is killed first."""
        request = cri.RemoveContainerRequest(container_id=container_id)
        self.call("RemoveContainer", request, cri.RemoveContainerResponse, timeout)

    def exec(self, container_id: str, *command: str) -> cri.ExecSyncResponse:
        """ExecSync, as a probe does."""
        request = cri.ExecSyncRequest(container_id=container_id, cmd=command, timeout=10)
        return self.call("ExecSync", request, cri.ExecSyncResponse)


def pod_labels(name: str, namespace: str, uid: str) -> dict[str, str]:
    """The labels by which the kubelet finds what is whose."""
    return {
        "io.kubernetes.pod.name": name,
        "io.kubernetes.pod.namespace": namespace,
        "io.kubernetes.pod.uid": uid,
    }
