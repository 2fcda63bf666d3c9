"""The calls of the CRI that only tell, as a simulated runtime answers them; no gRPC in here.

Each method takes its request and returns the answer, serialized or not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim import encode, usage
from pleg_tui.sim.calls import Answer, CallError, Methods, find_container, find_sandbox, one
from pleg_tui.sim.objects import PAUSE_IMAGE, Container, Image, Sandbox, State
from pleg_tui.sim.runtime import Runtime
from pleg_tui.sim.workloads import images
from pleg_tui.sim.world import matches


class Service:
    """What RuntimeService and ImageService tell of one simulated runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.world = runtime.world
        self._calls = 0

    def methods(self) -> Methods:
        """Short name of every call of RuntimeService in here."""
        return {
            "Version": (cri.VersionRequest, self.version),
            "Status": (cri.StatusRequest, self.status),
            "RuntimeConfig": (cri.RuntimeConfigRequest, self.runtime_config),
            "UpdateRuntimeConfig": (cri.UpdateRuntimeConfigRequest, self.update_runtime_config),
            "ListPodSandbox": (cri.ListPodSandboxRequest, self.list_pod_sandbox),
            "PodSandboxStatus": (cri.PodSandboxStatusRequest, self.pod_sandbox_status),
            "ListContainers": (cri.ListContainersRequest, self.list_containers),
            "ContainerStatus": (cri.ContainerStatusRequest, self.container_status),
            "ContainerStats": (cri.ContainerStatsRequest, self.container_stats),
            "ListContainerStats": (cri.ListContainerStatsRequest, self.list_container_stats),
            "PodSandboxStats": (cri.PodSandboxStatsRequest, self.pod_sandbox_stats),
            "ListPodSandboxStats": (cri.ListPodSandboxStatsRequest, self.list_pod_sandbox_stats),
        }

    def image_methods(self) -> Methods:
        """The same for ImageService."""
        return {
            "ListImages": (cri.ListImagesRequest, self.list_images),
            "ImageStatus": (cri.ImageStatusRequest, self.image_status),
            "ImageFsInfo": (cri.ImageFsInfoRequest, self.image_fs_info),
        }

    # ---- the runtime itself ----

    def version(self, _request: cri.VersionRequest) -> Answer:
        """Version."""
        return cri.VersionResponse(
            version="0.1.0",
            runtime_name=self.runtime.flavour.runtime_name,
            runtime_version=self.runtime.version,
            runtime_api_version="v1",
        )

    def status(self, request: cri.StatusRequest) -> Answer:
        """Status; its info says what is simulated."""
        ready = ["RuntimeReady", "NetworkReady"]
        flavour, options = self.runtime.flavour, self.runtime.options
        response = cri.StatusResponse()
        if flavour.is_containerd and not self.runtime.version.startswith("1.6"):
            ready.append("ContainerdHasNoDeprecationWarnings")
        if flavour.is_containerd and self.runtime.version.startswith("v2"):
            features = cri.RuntimeHandlerFeatures(
                recursive_read_only_mounts=True, user_namespaces=True
            )
            for name in ("", "runc"):
                response.runtime_handlers.append(cri.RuntimeHandler(name=name, features=features))
            response.features.supplemental_groups_policy = True
        response.status.conditions.extend(cri.RuntimeCondition(type=t, status=True) for t in ready)
        if request.verbose:
            response.info["simulated"] = "true"
            response.info["simulator"] = json.dumps(
                {
                    "flavour": flavour.name,
                    "scenario": options.scenario,
                    "pods": options.pods,
                    "churn": options.churn,
                    "speed": options.speed,
                    "seed": options.seed,
                }
            )
            response.info["config"] = json.dumps({"simulated": True})
            if flavour.is_containerd:
                response.info["golang"] = json.dumps("none: simulated")
                response.info["lastCNILoadStatus"] = json.dumps("OK")
        return response

    def runtime_config(self, _request: cri.RuntimeConfigRequest) -> Answer:
        """RuntimeConfig: the cgroup driver."""
        return cri.RuntimeConfigResponse(
            linux=cri.LinuxRuntimeConfiguration(cgroup_driver=cri.SYSTEMD)
        )

    def update_runtime_config(self, _request: cri.UpdateRuntimeConfigRequest) -> Answer:
        """UpdateRuntimeConfig: accepted and forgotten."""
        return cri.UpdateRuntimeConfigResponse()

    # ---- listings ----

    def list_pod_sandbox(self, request: cri.ListPodSandboxRequest) -> Answer:
        """ListPodSandbox."""
        wanted = request.filter
        found: Iterable[Sandbox] = self.world.sandboxes.values()
        if wanted.id:
            found = one(self.world.find_sandbox, wanted.id)
        if wanted.HasField("state"):
            ready = wanted.state.state == cri.SANDBOX_READY
            found = (s for s in found if s.ready is ready)
        if wanted.label_selector:
            pairs = tuple(wanted.label_selector.items())
            found = (s for s in found if matches(s.labels, pairs))
        return self._listing([encode.sandbox_item(s) for s in found])

    def list_containers(self, request: cri.ListContainersRequest) -> Answer:
        """ListContainers."""
        wanted = request.filter
        found: Iterable[Container] = self.world.containers.values()
        if wanted.id:
            found = one(self.world.find_container, wanted.id)
        elif wanted.pod_sandbox_id:
            some = one(self.world.find_sandbox, wanted.pod_sandbox_id)
            found = [c for sandbox in some for c in sandbox.containers.values()]
        if wanted.id and wanted.pod_sandbox_id:
            found = [c for c in found if c.sandbox.id.startswith(wanted.pod_sandbox_id)]
        if wanted.HasField("state"):
            state = int(wanted.state.state)
            found = (c for c in found if c.state == state)
        if wanted.label_selector:
            pairs = tuple(wanted.label_selector.items())
            found = (c for c in found if matches(c.labels, pairs))
        return self._listing([encode.container_item(c) for c in found])

    def _listing(self, items: list[bytes]) -> bytes:
        # Go's maps have no order, so a runtime's listings begin somewhere else each time.
        self._calls += 1
        if items:
            start = self._calls * 7919 % len(items)
            items = items[start:] + items[:start]
        answer = encode.listing(items)
        if len(answer) > self.runtime.flavour.max_message:
            raise CallError(
                "RESOURCE_EXHAUSTED",
                "grpc: trying to send message larger than max "
                f"({len(answer)} vs. {self.runtime.flavour.max_message})",
            )
        return answer

    # ---- one thing ----

    def pod_sandbox_status(self, request: cri.PodSandboxStatusRequest) -> Answer:
        """PodSandboxStatus, verbose or not."""
        sandbox = find_sandbox(self.runtime, request.pod_sandbox_id)
        pieces = [encode.part(1, encode.sandbox_status(sandbox))]
        if request.verbose:
            info = {"simulated": True, "pid": sandbox.pid, "runtimeHandler": sandbox.handler}
            extra = cri.PodSandboxStatusResponse(info={"info": json.dumps(info)})
            pieces.append(extra.SerializeToString())
        if self.runtime.flavour.fat_sandbox_status:
            statuses = map(self.runtime.status_of, self.runtime.pod_of(sandbox))
            pieces.extend(encode.part(3, status) for status in statuses)
            pieces.append(b"\x20" + encode.varint(time.time_ns()))
        return b"".join(pieces)

    def container_status(self, request: cri.ContainerStatusRequest) -> Answer:
        """ContainerStatus, verbose or not."""
        container = find_container(self.runtime, request.container_id)
        answer = encode.part(1, self.runtime.status_of(container))
        if request.verbose:
            info = {
                "simulated": True,
                "sandboxID": container.sandbox.id,
                "pid": container.pid if container.state is State.RUNNING else 0,
                "runtimeType": "io.containerd.runc.v2",
            }
            extra = cri.ContainerStatusResponse(info={"info": json.dumps(info)})
            answer += extra.SerializeToString()
        return answer

    # ---- usage ----

    def container_stats(self, request: cri.ContainerStatsRequest) -> Answer:
        """ContainerStats."""
        container = find_container(self.runtime, request.container_id)
        stats = usage.container_stats(container, time.time_ns(), self._root)
        return cri.ContainerStatsResponse(stats=stats)

    def list_container_stats(self, request: cri.ListContainerStatsRequest) -> Answer:
        """ListContainerStats: of those that run."""
        wanted, now = request.filter, time.time_ns()
        pairs = tuple(wanted.label_selector.items())
        return cri.ListContainerStatsResponse(
            stats=[
                usage.container_stats(c, now, self._root)
                for c in self.world.containers.values()
                if c.state is State.RUNNING
                and c.id.startswith(wanted.id)
                and c.sandbox.id.startswith(wanted.pod_sandbox_id)
                and matches(c.labels, pairs)
            ]
        )

    def pod_sandbox_stats(self, request: cri.PodSandboxStatsRequest) -> Answer:
        """PodSandboxStats."""
        sandbox = find_sandbox(self.runtime, request.pod_sandbox_id)
        stats = usage.sandbox_stats(sandbox, time.time_ns(), self._root)
        return cri.PodSandboxStatsResponse(stats=stats)

    def list_pod_sandbox_stats(self, request: cri.ListPodSandboxStatsRequest) -> Answer:
        """ListPodSandboxStats: of those that are ready."""
        wanted, now = request.filter, time.time_ns()
        pairs = tuple(wanted.label_selector.items())
        return cri.ListPodSandboxStatsResponse(
            stats=[
                usage.sandbox_stats(s, now, self._root)
                for s in self.world.sandboxes.values()
                if s.ready and s.id.startswith(wanted.id) and matches(s.labels, pairs)
            ]
        )

    @property
    def _root(self) -> str:
        return self.runtime.flavour.snapshotter_root

    # ---- images ----

    def list_images(self, request: cri.ListImagesRequest) -> Answer:
        """ListImages."""
        wanted = request.filter.image.image
        return cri.ListImagesResponse(
            images=[
                _image_message(i)
                for i in images()
                if not wanted or wanted in (i.tag, i.id, i.repo_digest, i.digest)
            ]
        )

    def image_status(self, request: cri.ImageStatusRequest) -> Answer:
        """ImageStatus; empty for an image that is not there."""
        response = cri.ImageStatusResponse()
        wanted = request.image.image
        for found in images():
            if wanted in (found.tag, found.id, found.repo_digest, found.digest):
                response.image.CopyFrom(_image_message(found))
                if request.verbose:
                    response.info["info"] = json.dumps({"simulated": True})
        return response

    def image_fs_info(self, _request: cri.ImageFsInfoRequest) -> Answer:
        """ImageFsInfo."""
        used = sum(i.size for i in images())
        usage_now = cri.FilesystemUsage(
            timestamp=time.time_ns(),
            fs_id=cri.FilesystemIdentifier(mountpoint=self._root),
            used_bytes=cri.UInt64Value(value=used * 2),
            inodes_used=cri.UInt64Value(value=used // 9000),
        )
        return cri.ImageFsInfoResponse(
            image_filesystems=[usage_now], container_filesystems=[usage_now]
        )


def _image_message(one: Image) -> cri.Image:
    return cri.Image(
        id=one.id,
        repo_tags=[one.tag],
        repo_digests=[one.repo_digest],
        size=one.size,
        username="",
        spec=cri.ImageSpec(),
        pinned=one.tag == PAUSE_IMAGE,
    )
