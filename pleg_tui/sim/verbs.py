"""The calls that change something: they make, start, stop and remove, as a kubelet has it done.

They are coroutines, because a runtime may make their caller wait for its readers of events.
"""

from __future__ import annotations

from collections.abc import Callable

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.calls import Answer, CallError, Methods, T, find_container, find_sandbox, one
from pleg_tui.sim.objects import MountPoint, State
from pleg_tui.sim.runtime import Runtime
from pleg_tui.sim.world import ConflictError


class Verbs:
    """The part of RuntimeService that changes one simulated runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.world = runtime.world

    def methods(self) -> Methods:
        """Short name of every call in here."""
        return {
            "RunPodSandbox": (cri.RunPodSandboxRequest, self.run_pod_sandbox),
            "StopPodSandbox": (cri.StopPodSandboxRequest, self.stop_pod_sandbox),
            "RemovePodSandbox": (cri.RemovePodSandboxRequest, self.remove_pod_sandbox),
            "CreateContainer": (cri.CreateContainerRequest, self.create_container),
            "StartContainer": (cri.StartContainerRequest, self.start_container),
            "StopContainer": (cri.StopContainerRequest, self.stop_container),
            "RemoveContainer": (cri.RemoveContainerRequest, self.remove_container),
            "ReopenContainerLog": (cri.ReopenContainerLogRequest, self.reopen_container_log),
            "ExecSync": (cri.ExecSyncRequest, self.exec_sync),
        }

    async def run_pod_sandbox(self, request: cri.RunPodSandboxRequest) -> Answer:
        """RunPodSandbox."""
        config = request.config
        if not config.HasField("metadata"):
            raise CallError("INVALID_ARGUMENT", "sandbox config must include metadata")
        network = config.linux.security_context.namespace_options.network
        sandbox = self._do(
            lambda: self.world.run_sandbox(
                name=config.metadata.name,
                namespace=config.metadata.namespace,
                uid=config.metadata.uid,
                attempt=config.metadata.attempt,
                labels=dict(config.labels),
                annotations=dict(config.annotations),
                host_network=network == cri.NODE,
                handler=request.runtime_handler,
                log_directory=config.log_directory,
            )
        )
        await self._settle()
        return cri.RunPodSandboxResponse(pod_sandbox_id=sandbox.id)

    async def create_container(self, request: cri.CreateContainerRequest) -> Answer:
        """CreateContainer; any image will do, nothing runs."""
        config, sandbox = request.config, find_sandbox(self.runtime, request.pod_sandbox_id)
        if not config.HasField("metadata"):
            raise CallError("INVALID_ARGUMENT", "container config must include metadata")
        folder = sandbox.log_directory
        limits = config.linux.resources
        name = config.image.user_specified_image or config.image.image
        container = self._do(
            lambda: self.world.create_container(
                sandbox,
                name=config.metadata.name,
                attempt=config.metadata.attempt,
                image_id=config.image.image,
                image_name=name,
                labels=dict(config.labels),
                annotations=dict(config.annotations),
                log_path=f"{folder}/{config.log_path}" if folder and config.log_path else "",
                memory_limit=limits.memory_limit_in_bytes,
                cpu_millis=limits.cpu_quota * 1000 // (limits.cpu_period or 100_000),
                mounts=tuple(
                    MountPoint(m.container_path, m.host_path, m.readonly) for m in config.mounts
                ),
            )
        )
        await self._settle()
        return cri.CreateContainerResponse(container_id=container.id)

    async def start_container(self, request: cri.StartContainerRequest) -> Answer:
        """StartContainer."""
        container = find_container(self.runtime, request.container_id)
        self._do(lambda: self.world.start_container(container))
        await self._settle()
        return cri.StartContainerResponse()

    async def stop_container(self, request: cri.StopContainerRequest) -> Answer:
        """StopContainer: SIGTERM is obeyed at once, without a timeout it is SIGKILL."""
        container = find_container(self.runtime, request.container_id)
        self.world.exit_container(container, 143 if request.timeout > 0 else 137)
        await self._settle()
        return cri.StopContainerResponse()

    async def remove_container(self, request: cri.RemoveContainerRequest) -> Answer:
        """RemoveContainer; one that is not there is no error."""
        for container in one(self.world.find_container, request.container_id):
            self.world.remove_container(container)
        await self._settle()
        return cri.RemoveContainerResponse()

    async def stop_pod_sandbox(self, request: cri.StopPodSandboxRequest) -> Answer:
        """StopPodSandbox; one that is not there is no error."""
        for sandbox in one(self.world.find_sandbox, request.pod_sandbox_id):
            self.world.stop_sandbox(sandbox)
        await self._settle()
        return cri.StopPodSandboxResponse()

    async def remove_pod_sandbox(self, request: cri.RemovePodSandboxRequest) -> Answer:
        """RemovePodSandbox; one that is not there is no error."""
        for sandbox in one(self.world.find_sandbox, request.pod_sandbox_id):
            self.world.remove_sandbox(sandbox)
        await self._settle()
        return cri.RemovePodSandboxResponse()

    def reopen_container_log(self, request: cri.ReopenContainerLogRequest) -> Answer:
        """ReopenContainerLog: every line is appended by path, so there is nothing to reopen."""
        if find_container(self.runtime, request.container_id).state is not State.RUNNING:
            raise CallError("UNKNOWN", "container is not running")
        return cri.ReopenContainerLogResponse()

    async def exec_sync(self, request: cri.ExecSyncRequest) -> Answer:
        """ExecSync: nothing is run, and it says so."""
        container = find_container(self.runtime, request.container_id)
        self._do(lambda: self.world.exec(container))
        await self._settle()
        return cri.ExecSyncResponse(stdout=b"simulated: no command was run\n")

    def _do(self, verb: Callable[[], T]) -> T:
        try:
            return verb()
        except ConflictError as error:
            raise CallError("UNKNOWN", str(error)) from None

    async def _settle(self) -> None:
        waiting = self.runtime.flush()
        if waiting is not None:
            await waiting
