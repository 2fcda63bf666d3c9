"""What crictl sends is answered as a runtime answers it, field by field.

The requests are those of crictl 1.36 for each of its commands; what a client of the CRI checks in
the answers (cri-client's verify functions) is checked here too.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import grpc
import pytest

from pleg_tui.cri import runtime_pb2 as cri

LINE = re.compile(
    r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) (stdout|stderr) [FP] .*$"
)


@pytest.mark.parametrize(
    ("flavour", "name", "version"),
    [
        ("containerd-2", "containerd", "v2."),
        ("containerd-1.7", "containerd", "1.7."),
        ("containerd-1.6", "containerd", "1.6."),
        ("crio", "cri-o", "1."),
        ("crio-events-off", "cri-o", "1."),
        ("cri-dockerd", "docker", ""),
    ],
)
async def test_version(make_rig: Any, flavour: str, name: str, version: str) -> None:
    client = (await make_rig(flavour)).client
    answer = await client.call("Version", cri.VersionRequest(version="v1"), cri.VersionResponse)
    assert answer.version == "0.1.0"
    assert answer.runtime_name == name
    assert answer.runtime_version.startswith(version)
    assert answer.runtime_version.endswith("+simulated")
    assert answer.runtime_api_version == "v1"


async def test_another_version_is_told_and_still_says_simulated(make_rig: Any) -> None:
    client = (await make_rig("containerd-2", version="v2.0.1")).client
    answer = await client.call("Version", cri.VersionRequest(), cri.VersionResponse)
    assert answer.runtime_version == "v2.0.1+simulated"


async def test_info(make_rig: Any) -> None:
    client = (await make_rig()).client
    answer = await client.call("Status", cri.StatusRequest(verbose=True), cri.StatusResponse)
    conditions = {c.type: c.status for c in answer.status.conditions}
    assert conditions["RuntimeReady"] is True
    assert conditions["NetworkReady"] is True
    # crictl puts each value into its JSON as it is.
    info = {key: json.loads(value) for key, value in answer.info.items()}
    assert info["simulated"] is True
    quiet = await client.call("Status", cri.StatusRequest(), cri.StatusResponse)
    assert not quiet.info


async def test_runtime_config(make_rig: Any) -> None:
    client = (await make_rig()).client
    answer = await client.call(
        "RuntimeConfig", cri.RuntimeConfigRequest(), cri.RuntimeConfigResponse
    )
    assert answer.linux.cgroup_driver == cri.SYSTEMD
    config = cri.RuntimeConfig(network_config=cri.NetworkConfig(pod_cidr="10.0.0.0/24"))
    request = cri.UpdateRuntimeConfigRequest(runtime_config=config)
    await client.call("UpdateRuntimeConfig", request, cri.UpdateRuntimeConfigResponse)


async def test_pods(make_rig: Any) -> None:
    client = (await make_rig(pods=10)).client
    pods = await client.sandboxes()
    assert len(pods) == 10
    for pod in pods:
        assert len(pod.id) == 64
        assert pod.metadata.name
        assert pod.metadata.namespace
        assert pod.metadata.uid
        assert pod.created_at > 0
        assert pod.state == cri.SANDBOX_READY
        assert pod.labels["io.kubernetes.pod.uid"] == pod.metadata.uid
    one = pods[0]
    assert [p.id for p in await client.sandboxes(id=one.id)] == [one.id]
    assert [p.id for p in await client.sandboxes(id=one.id[:13])] == [one.id]
    assert await client.sandboxes(id="nothing") == []
    by_label = {"io.kubernetes.pod.name": one.metadata.name}
    assert [p.id for p in await client.sandboxes(label_selector=by_label)] == [one.id]
    ready = cri.PodSandboxStateValue(state=cri.SANDBOX_READY)
    gone = cri.PodSandboxStateValue(state=cri.SANDBOX_NOTREADY)
    assert len(await client.sandboxes(state=ready)) == 10
    assert await client.sandboxes(state=gone) == []
    await client.stop_pod(one.id)
    assert [p.id for p in await client.sandboxes(state=gone)] == [one.id]


async def test_ps(make_rig: Any) -> None:
    client = (await make_rig(pods=13)).client
    everything = await client.containers()
    running = await client.containers(state=cri.ContainerStateValue(state=cri.CONTAINER_RUNNING))
    exited = await client.containers(state=cri.ContainerStateValue(state=cri.CONTAINER_EXITED))
    assert exited  # init containers that have done their work
    assert len(running) + len(exited) == len(everything)
    pods = {p.id: p for p in await client.sandboxes()}
    for container in everything:
        pod = pods[container.pod_sandbox_id]
        assert container.metadata.name
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", container.image.image)
        assert container.image_ref
        assert container.created_at > 0
        assert container.labels["io.kubernetes.pod.name"] == pod.metadata.name
        assert container.labels["io.kubernetes.pod.namespace"] == pod.metadata.namespace
        assert container.annotations["io.kubernetes.container.restartCount"] == "0"
    one = everything[0]
    assert [c.id for c in await client.containers(id=one.id[:12])] == [one.id]
    of_pod = await client.containers(pod_sandbox_id=one.pod_sandbox_id)
    assert one.id in {c.id for c in of_pod}
    assert {c.pod_sandbox_id for c in of_pod} == {one.pod_sandbox_id}
    selector = {"io.kubernetes.container.name": one.metadata.name}
    named = await client.containers(label_selector=selector)
    assert {c.metadata.name for c in named} == {one.metadata.name}
    created = cri.ContainerStateValue(state=cri.CONTAINER_CREATED)
    assert await client.containers(state=created, id=one.id) == []


async def test_listings_have_no_order(make_rig: Any) -> None:
    client = (await make_rig(pods=20)).client
    orders = {tuple(c.id for c in await client.containers()) for _ in range(4)}
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1


async def test_inspect(make_rig: Any) -> None:
    client = (await make_rig(pods=13)).client
    for container in await client.containers():
        request = cri.ContainerStatusRequest(container_id=container.id[:16], verbose=True)
        answer = await client.call("ContainerStatus", request, cri.ContainerStatusResponse)
        status = answer.status
        assert status.id == container.id
        assert status.metadata == container.metadata
        assert status.state == container.state
        assert status.created_at == container.created_at
        assert status.started_at >= status.created_at
        assert status.image.image
        assert status.image_ref
        assert status.log_path.startswith("/")
        assert {m.container_path for m in status.mounts} >= {"/etc/hosts"}
        assert json.loads(answer.info["info"])["sandboxID"] == container.pod_sandbox_id
        if status.state == cri.CONTAINER_EXITED:
            assert status.finished_at >= status.started_at
            assert (status.exit_code, status.reason) == (0, "Completed")
        else:
            assert status.finished_at == 0
            assert status.reason == ""
    limits = [(await client.status(c.id)).resources.linux for c in await client.containers()]
    assert any(limit.memory_limit_in_bytes for limit in limits)


async def test_inspectp(make_rig: Any) -> None:
    client = (await make_rig(pods=10)).client
    addresses = []
    for pod in await client.sandboxes():
        request = cri.PodSandboxStatusRequest(pod_sandbox_id=pod.id, verbose=True)
        answer = await client.call("PodSandboxStatus", request, cri.PodSandboxStatusResponse)
        status = answer.status
        assert status.metadata == pod.metadata
        assert status.created_at == pod.created_at
        assert status.state == pod.state
        host = status.linux.namespaces.options.network == cri.NODE
        assert bool(status.network.ip) is not host
        addresses += [status.network.ip] if status.network.ip else []
        assert json.loads(answer.info["info"])["pid"] > 0
        # Only a runtime made for Evented PLEG fills these.
        assert not answer.containers_statuses
        assert answer.timestamp == 0
    assert len(set(addresses)) == len(addresses)


async def test_crio_tells_a_pod_whole(make_rig: Any) -> None:
    client = (await make_rig("crio")).client
    pod = (await client.sandboxes())[0]
    request = cri.PodSandboxStatusRequest(pod_sandbox_id=pod.id)
    answer = await client.call("PodSandboxStatus", request, cri.PodSandboxStatusResponse)
    own = {c.id for c in await client.containers(pod_sandbox_id=pod.id)}
    assert {s.id for s in answer.containers_statuses} == own
    assert answer.timestamp > pod.created_at
    assert len(str(answer.timestamp)) == 19


@pytest.mark.parametrize("flavour", ["containerd-2", "crio", "cri-dockerd"])
async def test_what_is_not_there_is_not_found(make_rig: Any, flavour: str) -> None:
    client = (await make_rig(flavour)).client
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.status("feedbeef")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.call(
            "PodSandboxStatus",
            cri.PodSandboxStatusRequest(pod_sandbox_id="feedbeef"),
            cri.PodSandboxStatusResponse,
        )
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    # Removing what is not there is no error.
    await client.remove("feedbeef")
    await client.stop_pod("feedbeef")
    await client.remove_pod("feedbeef")


async def test_stats(make_rig: Any) -> None:
    client = (await make_rig(pods=13)).client
    request = cri.ListContainerStatsRequest(filter=cri.ContainerStatsFilter())
    first = await client.call("ListContainerStats", request, cri.ListContainerStatsResponse)
    second = await client.call("ListContainerStats", request, cri.ListContainerStatsResponse)
    running = await client.containers(state=cri.ContainerStateValue(state=cri.CONTAINER_RUNNING))
    assert {s.attributes.id for s in first.stats} == {c.id for c in running}
    before = {s.attributes.id: s.cpu for s in first.stats}
    for stats in second.stats:
        cpu, old = stats.cpu, before[stats.attributes.id]
        assert cpu.timestamp > old.timestamp
        assert cpu.usage_core_nano_seconds.value > old.usage_core_nano_seconds.value
        assert stats.memory.working_set_bytes.value > 0
        assert stats.writable_layer.fs_id.mountpoint
        assert stats.attributes.metadata.name
    one = running[0]
    answer = await client.call(
        "ContainerStats",
        cri.ContainerStatsRequest(container_id=one.id),
        cri.ContainerStatsResponse,
    )
    assert answer.stats.attributes.id == one.id
    some = cri.ContainerStatsFilter(pod_sandbox_id=one.pod_sandbox_id)
    request = cri.ListContainerStatsRequest(filter=some)
    found = await client.call("ListContainerStats", request, cri.ListContainerStatsResponse)
    assert one.id in {s.attributes.id for s in found.stats}
    assert len(found.stats) < len(first.stats)


async def test_statsp(make_rig: Any) -> None:
    client = (await make_rig()).client
    request = cri.ListPodSandboxStatsRequest(filter=cri.PodSandboxStatsFilter())
    answer = await client.call("ListPodSandboxStats", request, cri.ListPodSandboxStatsResponse)
    assert {s.attributes.id for s in answer.stats} == {p.id for p in await client.sandboxes()}
    for stats in answer.stats:
        assert stats.attributes.metadata.name
        assert stats.linux.cpu.usage_core_nano_seconds.value > 0
        assert stats.linux.memory.working_set_bytes.value > 0
        assert stats.linux.containers
        one = await client.call(
            "PodSandboxStats",
            cri.PodSandboxStatsRequest(pod_sandbox_id=stats.attributes.id),
            cri.PodSandboxStatsResponse,
        )
        assert one.stats.attributes == stats.attributes


async def test_images(make_rig: Any) -> None:
    client = (await make_rig(pods=13)).client
    image = cri.ImageSpec(image="")
    request = cri.ListImagesRequest(filter=cri.ImageFilter(image=image))
    answer = await client.call("ListImages", request, cri.ListImagesResponse)
    by_id = {i.id: i for i in answer.images}
    for one in answer.images:
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", one.id)
        assert len(one.repo_tags) == 1
        assert re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", one.repo_digests[0])
        assert one.size > 0
    for container in await client.containers():
        assert container.image.image in by_id  # what runs is there
    tag = answer.images[0].repo_tags[0]
    status = cri.ImageStatusRequest(image=cri.ImageSpec(image=tag), verbose=True)
    told = await client.call("ImageStatus", status, cri.ImageStatusResponse)
    assert told.image.id == answer.images[0].id
    status = cri.ImageStatusRequest(image=cri.ImageSpec(image="docker.io/library/nope"))
    told = await client.call("ImageStatus", status, cri.ImageStatusResponse)
    assert not told.HasField("image")


async def test_imagefsinfo(make_rig: Any) -> None:
    client = (await make_rig()).client
    answer = await client.call("ImageFsInfo", cri.ImageFsInfoRequest(), cri.ImageFsInfoResponse)
    for usage in (*answer.image_filesystems, *answer.container_filesystems):
        assert usage.timestamp > 0
        assert usage.fs_id.mountpoint.startswith("/")
        assert usage.used_bytes.value > 0
        assert usage.inodes_used.value > 0
    assert answer.image_filesystems


async def test_events(make_rig: Any) -> None:
    rig = await make_rig()
    reading = rig.client.events()
    await rig.subscribed()
    sandbox, container = await rig.client.whole_life()
    events = await reading.at_least(8)
    told = [(e.container_event_type, e.container_id) for e in events]
    assert told == [
        (cri.CONTAINER_CREATED_EVENT, sandbox),
        (cri.CONTAINER_STARTED_EVENT, sandbox),
        (cri.CONTAINER_CREATED_EVENT, container),
        (cri.CONTAINER_STARTED_EVENT, container),
        (cri.CONTAINER_STOPPED_EVENT, container),
        (cri.CONTAINER_DELETED_EVENT, container),
        (cri.CONTAINER_STOPPED_EVENT, sandbox),
        (cri.CONTAINER_DELETED_EVENT, sandbox),
    ]
    for event in events:
        assert event.created_at > 0
        assert event.pod_sandbox_status.id == sandbox
        assert event.pod_sandbox_status.metadata.uid == "uid-pod"
    states = [[s.state for s in e.containers_statuses] for e in events]
    assert states == [
        [],
        [],
        [cri.CONTAINER_CREATED],
        [cri.CONTAINER_RUNNING],
        [cri.CONTAINER_EXITED],
        [],
        [],
        [],
    ]
    assert events[4].containers_statuses[0].exit_code == 143
    assert events[6].pod_sandbox_status.state == cri.SANDBOX_NOTREADY


async def test_logs(make_rig: Any) -> None:
    rig = await make_rig(pods=13)
    for container in await rig.client.containers():
        status = await rig.client.status(container.id)
        lines = Path(status.log_path).read_text().splitlines()
        assert all(LINE.match(line) for line in lines)
        assert "simulated" in lines[0]
        assert any(line.split(" ")[2] == "P" for line in lines)


async def test_a_kubelets_pod_lives_as_in_a_runtime(make_rig: Any, tmp_path: Path) -> None:
    client = (await make_rig()).client
    sandbox = await client.run_pod(
        "mine",
        labels={"team": "x"},
        annotations={"note": "y"},
        log_directory=str(tmp_path / "mine"),
    )
    container = await client.create(
        sandbox,
        log_path="app/0.log",
        labels={"io.kubernetes.container.name": "app"},
        linux=cri.LinuxContainerConfig(
            resources=cri.LinuxContainerResources(
                memory_limit_in_bytes=64 << 20, cpu_quota=50_000, cpu_period=100_000
            )
        ),
        mounts=[cri.Mount(container_path="/data", host_path="/srv")],
    )
    status = await client.status(container)
    assert (status.state, status.started_at) == (cri.CONTAINER_CREATED, 0)
    await client.start(container)
    status = await client.status(container)
    assert status.state == cri.CONTAINER_RUNNING
    assert status.resources.linux.memory_limit_in_bytes == 64 << 20
    assert status.resources.linux.cpu_quota == 50_000
    assert [m.host_path for m in status.mounts] == ["/srv"]
    assert status.log_path == str(tmp_path / "mine/app/0.log")
    assert Path(status.log_path).exists()
    with pytest.raises(grpc.aio.AioRpcError, match="CONTAINER_RUNNING"):
        await client.start(container)
    answer = await client.call(
        "ExecSync",
        cri.ExecSyncRequest(container_id=container, cmd=["true"]),
        cri.ExecSyncResponse,
    )
    assert answer.exit_code == 0
    await client.stop(container, timeout=0)
    status = await client.status(container)
    assert (status.state, status.exit_code) == (cri.CONTAINER_EXITED, 137)
    with pytest.raises(grpc.aio.AioRpcError, match="reserved"):
        await client.run_pod("mine")
    await client.remove_pod(sandbox)
    assert await client.containers(id=container) == []
    assert await client.sandboxes(id=sandbox) == []
    assert Path(status.log_path).exists()  # logs in a client's folder are the client's


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/runtime.v1.RuntimeService/StreamContainers", "unknown method StreamContainers"),
        ("/runtime.v1alpha2.RuntimeService/Version", "unknown service runtime.v1alpha2"),
    ],
)
async def test_what_it_does_not_know_is_unimplemented(make_rig: Any, path: str, said: str) -> None:
    client = (await make_rig()).client
    with pytest.raises(grpc.aio.AioRpcError, match=said) as caught:
        await client.call(path, cri.VersionRequest(), cri.VersionResponse)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
