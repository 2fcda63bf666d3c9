"""The simulated kubelet's process: start as a kubelet does, then work at a kubelet's rhythm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from msgspec import Struct

from pleg_tui.cri import methods
from pleg_tui.cri import runtime_pb2 as cri
from pleg_tui.sim.kubelet import traits as t
from pleg_tui.sim.kubelet.certificate import CERTIFICATE, KEY, self_signed
from pleg_tui.sim.kubelet.config import Resolved, StartError, parse_flags, resolve
from pleg_tui.sim.kubelet.evented import EventedPleg
from pleg_tui.sim.kubelet.gates import GATES
from pleg_tui.sim.kubelet.generic import GenericPleg
from pleg_tui.sim.kubelet.http import KubeletServers, Pages
from pleg_tui.sim.kubelet.klog import Klog
from pleg_tui.sim.kubelet.metrics import Metrics
from pleg_tui.sim.kubelet.rounds import Rounds
from pleg_tui.sim.kubelet.wire import CallError, RuntimeClient
from pleg_tui.sim.node_options import Fault

_SYNC_S = 0.5
"""About how long the sync of a pod takes."""
_THRESHOLD_S = {False: 180.0, True: 600.0}
"""genericPlegRelistThreshold, eventedPlegRelistThreshold."""


class Job(Struct, frozen=True):
    """What this process was started for."""

    root: str
    traits: t.Traits
    arguments: tuple[str, ...]
    """The kubelet's own, without its name."""
    faults_file: str
    token_file: str
    parent_pid: int
    embedded: str = ""
    """k3s, when the kubelet is inside of it."""


class Kubelet:
    """One kubelet from its start to its end."""

    def __init__(self, job: Job, log_file: TextIO) -> None:
        self._job = job
        self._traits = job.traits
        self._log_file = log_file
        self._log = Klog(log_file, _verbosity(job.arguments))
        self._metrics = Metrics(
            evented=job.traits.evented_metrics, pod_relist=job.traits.pod_relist
        )
        self._started = time.time()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pleg: asyncio.Task[None] | None = None
        self._polls = True
        self._wanted_pods: set[str] = set()
        self._serves = False
        """False during the first relist: of what ran before it started nothing was."""

    async def run(self, ready: Callable[[], None]) -> None:
        """Until cancelled; `ready` is called once it serves.

        Raises:
            StartError: the kubelet refuses to start, and has logged why.
        """
        try:
            resolved = self._configure()
            client = await self._connect(resolved)
        except StartError as error:
            self._log.error("run.go:72", "command failed", error)
            raise
        generic = GenericPleg(
            client, self._metrics, self._log, self._traits, self._told, gate=resolved.evented
        )
        self._generic = generic
        servers = KubeletServers(self._pages(resolved))
        try:
            await self._serve(servers, resolved)
            self._log.info(2, "kubelet.go:2637", "Starting kubelet main sync loop")
            self._log.error(
                "kubelet.go:2661",
                "Skipping pod synchronization",
                "[container runtime status check may not have completed yet, PLEG is not healthy: "
                "pleg has yet to be successful]",
            )
            self._start_pleg(generic, client, resolved)
            self._go(Rounds(client, self._log, self._traits).run())
            self._go(self._settled(generic))
            ready()
            await asyncio.Event().wait()
        except OSError as error:
            self._log.error("server.go:145", "Failed to listen and serve", error)
            raise StartError(f"Failed to listen and serve: {error}") from None
        finally:
            servers.close()
            for task in (*self._tasks, *((self._pleg,) if self._pleg else ())):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await client.close()

    # ---- start ----

    def _configure(self) -> Resolved:
        """Flags, files and gates, told in the log as a kubelet tells them.

        Raises:
            StartError: one of them is refused.
        """
        job, log, traits = self._job, self._log, self._traits
        flags = parse_flags(job.arguments)
        if job.embedded:
            words = " ".join(job.arguments)
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            log.raw(f'time="{stamp}" level=info msg="Running kubelet {words}"')
        for name, value in sorted({"config-dir": "", "feature-gates": "", **flags}.items()):
            if name != "config-dir" or traits.config_dir:
                log.plain(1, "flags.go:64", f'FLAG: --{name}="{value}"')
        resolved = resolve(job.root, job.arguments, os.environ, traits)
        log.verbosity = resolved.verbosity
        if traits.updated_gates_line:
            log.info(1, "feature_gate.go:476", "Updated", featureGates=resolved.gates)
        else:
            gates = " ".join(
                f"{name}:{str(on).lower()}" for name, on in sorted(resolved.gates.items())
            )
            log.plain(1, "feature_gate.go:249", f"feature gates: &{{map[{gates}]}}")
        log.info(0, "server.go:545", "Kubelet version", kubeletVersion=traits.git_version)
        log.info(
            5, "server.go:610", "KubeletConfiguration", configuration=json.dumps(resolved.config)
        )
        if Fault.START_FAILS in self._faults():
            raise StartError("failed to run Kubelet: simulated: made to fail at its start")
        metrics = self._metrics
        for name, on in resolved.effective.items():
            stage = traits.stage if name == t.GATE else GATES[name][0] if name in GATES else ""
            metrics.features[f'name="{name}",stage="{stage}"'] = int(on)
        metrics.build = (
            'build_date="2026-01-01T00:00:00Z",compiler="gc",git_commit="simulated",'
            f'git_tree_state="clean",git_version="{traits.git_version}",go_version="none",'
            f'major="1",minor="{traits.minor}",platform="linux/amd64"'
        )
        return resolved

    async def _connect(self, resolved: Resolved) -> RuntimeClient:
        """The runtime, which must answer before anything else.

        Raises:
            StartError: it does not.
        """
        endpoint = str(resolved.config["containerRuntimeEndpoint"])
        path = endpoint.removeprefix("unix://")
        client = RuntimeClient(f"{self._job.root}{path}", self._metrics)
        await client.open()
        try:
            await client.call(methods.VERSION, cri.VersionRequest(), cri.VersionResponse)
        except CallError as error:
            await client.close()
            raise StartError(
                "failed to run Kubelet: validate service connection: validate CRI v1 runtime API "
                f'for endpoint "{endpoint}": {error}'
            ) from None
        return client

    async def _serve(self, servers: KubeletServers, resolved: Resolved) -> None:
        config = resolved.config
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self._certificate()
        tls.load_cert_chain(certificate, key)
        # On the loopback only, whatever the configuration's address: it is a simulation.
        host = "127.0.0.1"
        self._log.info(1, "server.go:180", "Starting to listen", address=host, port=config["port"])
        await servers.serve("main", host, int(config["port"]), tls)
        if config["readOnlyPort"]:
            await servers.serve("read-only", host, int(config["readOnlyPort"]), None)
        if config["healthzPort"]:
            await servers.serve("healthz", host, int(config["healthzPort"]), None)

    def _certificate(self) -> tuple[str, str]:
        certificate, key = Path(self._job.root + CERTIFICATE), Path(self._job.root + KEY)
        if not certificate.exists() or not key.exists():
            texts = self_signed("simulated-node")
            certificate.parent.mkdir(parents=True, exist_ok=True)
            for path, text in zip((certificate, key), texts, strict=True):
                path.touch(0o600)
                path.write_text(text)
        return str(certificate), str(key)

    # ---- work ----

    def _start_pleg(self, generic: GenericPleg, client: RuntimeClient, resolved: Resolved) -> None:
        if not resolved.evented:
            self._poll(generic)
            return
        evented = EventedPleg(
            client,
            self._metrics,
            self._log,
            self._traits,
            told=self._told,
            relist=generic.relist,
            request_relist=self._want_pod,
        )
        if self._traits.hint_only:
            self._poll(generic)
            self._go(evented.run())
            return
        self._polls = False
        self._pleg = asyncio.create_task(generic.run(t.EVENTED_RELIST_S))
        self._pleg.add_done_callback(self._ended)
        self._go(self._until_fallen_back(evented, generic))

    async def _until_fallen_back(self, evented: EventedPleg, generic: GenericPleg) -> None:
        await evented.run()
        self._poll(generic)

    def _poll(self, generic: GenericPleg) -> None:
        if self._pleg is not None:
            self._pleg.cancel()
        self._polls = True
        self._pleg = asyncio.create_task(generic.run(t.RELIST_S))
        self._pleg.add_done_callback(self._ended)

    async def _settled(self, generic: GenericPleg) -> None:
        while generic.last_relist is None:  # noqa: ASYNC110 - rare and short
            await asyncio.sleep(0.2)
        await asyncio.sleep(_SYNC_S)
        self._serves = True

    def _told(self, uid: str, kind: str, object_id: str) -> None:
        """A lifecycle event has reached the main loop."""
        event = {"ID": uid, "Type": kind, "Data": object_id}
        name = self._generic.name(uid)
        if kind != "ContainerRemoved":
            self._log.info(
                2, "kubelet.go:2752", "SyncLoop (PLEG): event for pod", pod=name, event=event
            )
        # A sync that did something at the runtime is followed by that pod's relist (1.36 on); what
        # was started tells of one.
        if self._traits.pod_relist and kind == "ContainerStarted":
            self._want_pod(uid, after_s=_SYNC_S)

    def _want_pod(self, uid: str, after_s: float = 0.0) -> None:
        if uid not in self._wanted_pods and self._serves:
            self._wanted_pods.add(uid)
            self._go(self._relist_pod(uid, after_s))

    async def _relist_pod(self, uid: str, after_s: float) -> None:
        await asyncio.sleep(after_s)  # what comes meanwhile is in the same relist
        self._wanted_pods.discard(uid)
        await self._generic.relist_pod(uid)

    def _go(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("main.py:1", "A fault of the simulation", repr(error))

    # ---- what it shows ----

    def _pages(self, resolved: Resolved) -> Pages:
        return Pages(
            metrics=self._page,
            configz=lambda: resolved.config,
            healthy=self._unhealthy,
            faults=self._faults,
            token=self._token,
            fine_grained=self._traits.fine_grained_authz,
        )

    def _page(self) -> str:
        self._unhealthy()  # a kubelet's main loop asks all the time
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return self._metrics.text(
            {
                "process_cpu_seconds_total": round(usage.ru_utime + usage.ru_stime, 2),
                "process_open_fds": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
                "process_resident_memory_bytes": pages * resource.getpagesize(),
                "process_start_time_seconds": round(self._started, 2),
            }
        )

    def _unhealthy(self) -> str:
        """What is wrong; asking is what sets last_seen, as the kubelet's own check does."""
        if Fault.UNHEALTHY in self._faults():
            return "simulated: made to be unhealthy"
        last = self._generic.last_relist
        if last is None:
            return "pleg has yet to be successful"
        silent = time.monotonic() - last
        self._metrics.last_seen = int(time.time() - (silent if self._polls else 0.0))
        threshold = _THRESHOLD_S[not self._polls]
        if silent > threshold:
            return (
                f"PLEG is not healthy: pleg was last seen active {silent:.0f}s ago; threshold is "
                f"{threshold / 60:.0f}m0s"
            )
        return ""

    def _faults(self) -> frozenset[Fault]:
        try:
            names = json.loads(Path(self._job.faults_file).read_text())
            return frozenset(Fault(name) for name in names)
        except (OSError, ValueError):
            return frozenset()

    def _token(self) -> str:
        try:
            return Path(self._job.token_file).read_text().strip()
        except OSError:
            return os.urandom(16).hex()  # nobody has it


def _verbosity(arguments: tuple[str, ...]) -> int:
    """-v, before anything else was read."""
    with contextlib.suppress(StartError, ValueError):
        return int(parse_flags(arguments).get("v", "0"))
    return 0


async def _main(job: Job, log_file: TextIO, ready_fd: int) -> int:
    loop = asyncio.get_running_loop()
    kubelet = asyncio.create_task(Kubelet(job, log_file).run(lambda: _say_ready(ready_fd)))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, kubelet.cancel)
    with contextlib.suppress(OSError):
        parent = os.pidfd_open(job.parent_pid)
        loop.add_reader(parent, kubelet.cancel)
    if os.getppid() != job.parent_pid:
        return 1
    try:
        await kubelet
    except StartError:
        return 1
    except asyncio.CancelledError:
        return 0
    return 0


def _say_ready(fd: int) -> None:
    if fd >= 0:
        with contextlib.suppress(OSError):
            os.write(fd, b"ready\n")
            os.close(fd)


def run(job: Job, log_path: str, ready_fd: int) -> int:
    """Work until a signal, or until the parent is gone; the exit code."""
    with open(log_path, "a", encoding="utf-8") as log_file:  # noqa: PTH123
        return asyncio.run(_main(job, log_file, ready_fd))
