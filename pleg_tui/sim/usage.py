"""What the simulated containers use: CPU, memory, disk, network. All of it is made up from ids."""

from __future__ import annotations

from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.objects import Container, Sandbox, State

_MIB = 1 << 20


def _share(container: Container) -> int:
    """Thousandths of a core that it always uses: 1 to 200, fixed by its id."""
    return 1 + int(container.id[:4], 16) % 200


def _cpu(container: Container, now: int) -> cri.CpuUsage:
    share = _share(container)
    total = (now - container.started_at) * share // 1000
    return cri.CpuUsage(
        timestamp=now,
        usage_core_nano_seconds=cri.UInt64Value(value=max(0, total)),
        usage_nano_cores=cri.UInt64Value(value=share * 1_000_000),
    )


def _working_set(container: Container) -> int:
    limit = container.memory_limit or 256 * _MIB
    return limit * (20 + int(container.id[4:8], 16) % 60) // 100


def _memory(used: int, limit: int, now: int) -> cri.MemoryUsage:
    value = cri.UInt64Value
    return cri.MemoryUsage(
        timestamp=now,
        working_set_bytes=value(value=used),
        available_bytes=value(value=max(0, limit - used)),
        usage_bytes=value(value=used + 4 * _MIB),
        rss_bytes=value(value=used * 9 // 10),
        page_faults=value(value=used // 4096),
        major_page_faults=value(value=0),
    )


def container_stats(container: Container, now: int, fs: str) -> cri.ContainerStats:
    """ContainerStats of a container that runs; fs is where writable layers are."""
    value = cri.UInt64Value
    return cri.ContainerStats(
        attributes=cri.ContainerAttributes(
            id=container.id,
            metadata=cri.ContainerMetadata(name=container.name, attempt=container.attempt),
            labels=container.labels,
            annotations=container.annotations,
        ),
        cpu=_cpu(container, now),
        memory=_memory(_working_set(container), container.memory_limit, now),
        writable_layer=cri.FilesystemUsage(
            timestamp=now,
            fs_id=cri.FilesystemIdentifier(mountpoint=fs),
            used_bytes=value(value=int(container.id[8:12], 16) * 64),
            inodes_used=value(value=12 + int(container.id[12:14], 16)),
        ),
        swap=cri.SwapUsage(
            timestamp=now,
            swap_available_bytes=value(value=0),
            swap_usage_bytes=value(value=0),
        ),
    )


def sandbox_stats(sandbox: Sandbox, now: int, fs: str) -> cri.PodSandboxStats:
    """PodSandboxStats of a ready sandbox, its containers' sums."""
    value = cri.UInt64Value
    running = [c for c in sandbox.containers.values() if c.state is State.RUNNING]
    stats = [container_stats(c, now, fs) for c in running]
    traffic = max(0, now - sandbox.created_at) // 1_000_000
    interface = cri.NetworkInterfaceUsage(
        name="eth0",
        rx_bytes=value(value=traffic * 3),
        rx_errors=value(value=0),
        tx_bytes=value(value=traffic),
        tx_errors=value(value=0),
    )
    linux = cri.LinuxPodSandboxStats(
        cpu=cri.CpuUsage(
            timestamp=now,
            usage_core_nano_seconds=value(
                value=sum(s.cpu.usage_core_nano_seconds.value for s in stats)
            ),
            usage_nano_cores=value(value=sum(s.cpu.usage_nano_cores.value for s in stats)),
        ),
        memory=_memory(
            sum(_working_set(c) for c in running),
            sum(c.memory_limit for c in running),
            now,
        ),
        process=cri.ProcessUsage(timestamp=now, process_count=value(value=1 + 3 * len(running))),
        containers=stats,
    )
    if not sandbox.host_network:
        linux.network.CopyFrom(cri.NetworkUsage(timestamp=now, default_interface=interface))
    return cri.PodSandboxStats(
        attributes=cri.PodSandboxAttributes(
            id=sandbox.id,
            metadata=cri.PodSandboxMetadata(
                name=sandbox.name,
                uid=sandbox.uid,
                namespace=sandbox.namespace,
                attempt=sandbox.attempt,
            ),
            labels=sandbox.labels,
            annotations=sandbox.annotations,
        ),
        linux=linux,
    )
