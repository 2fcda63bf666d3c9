"""One full look at a node's kubelet: everything that can be known of it, each fact with its source.

Only reads. Blocking, and bounded in time: call it from a thread.
"""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from pleg_tui.cri.clean import clean
from pleg_tui.cri.sockets import under
from pleg_tui.node.kubelet import mode as modes
from pleg_tui.node.kubelet import version as versions
from pleg_tui.node.kubelet.config import ReadConfig, read_config
from pleg_tui.node.kubelet.distribution import find_home
from pleg_tui.node.kubelet.embedded import Arguments, kubelet_arguments
from pleg_tui.node.kubelet.files import exists
from pleg_tui.node.kubelet.findings import (
    Told,
    endpoint,
    figures_without_metrics,
    gate_evidence,
    harmless,
    plain_config,
    remedies_for,
    running_gate,
    with_flags,
)
from pleg_tui.node.kubelet.flags import Flags, parse_flags
from pleg_tui.node.kubelet.gates import parse_release, resolve
from pleg_tui.node.kubelet.log import read_log
from pleg_tui.node.kubelet.log_evidence import judge_log
from pleg_tui.node.kubelet.log_lines import LogFacts
from pleg_tui.node.kubelet.metrics import (
    figures_of,
    judge_metrics,
    patience_s,
    same_process,
)
from pleg_tui.node.kubelet.node_object import read_node
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.process import (
    KubeletProcess,
    cpu_seconds,
    find_kubelet,
    started_at,
)
from pleg_tui.node.kubelet.rhythm import watch_rhythm
from pleg_tui.node.kubelet.runtime_metrics import (
    find_url,
    judge_runtime,
    sample_runtime,
)
from pleg_tui.node.kubelet.server import KubeletServer
from pleg_tui.node.kubelet.types import (
    Evidence,
    Fact,
    Figure,
    Gate,
    Home,
    KubeletFacts,
    Mode,
    NodeFacts,
    PlegFigures,
    Weight,
)


def read_kubelet(
    root: str = "/",
    options: KubeletOptions | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> KubeletFacts:
    """Look at everything once; takes as long as the samples need, some 25 s as a rule.

    Never raises for what is on the node: what cannot be read is unknown, with the reason.

    Args:
        root: where the node's file system is seen from here.
        options: how we may look.
        stop: asked while it waits; True ends the look with what is known by then.
    """
    return _Look(root, options or KubeletOptions(), stop).facts()


class _Look:
    def __init__(self, root: str, options: KubeletOptions, stop: Callable[[], bool]) -> None:
        self._root = root
        self._options = options
        self._stop = stop

    def facts(self) -> KubeletFacts:
        options = self._options
        search = find_kubelet(self._root, options.pid)
        process = search.chosen
        base = process.root if process else self._root
        log = read_log(self._root, process, options.log_file, options.timeout_s)
        arguments, flags = self._flags(process, log)
        home = find_home(base, process, self._with_paths(flags, process))
        config = self._config(base, process, flags, home)
        server = KubeletServer(base, options, config.merged, flags.values)
        told = Told()
        with ThreadPoolExecutor(1, "kubelet") as pool:
            asked = pool.submit(self._ask_node, base, process, flags)
            self._ask_kubelet(server, process, told)
            runtime = endpoint(told, config, flags, process)
            runtime_url = self._ask_runtime(runtime, told)
            node = asked.result()
        version = self._version(process, told, log, node)
        release = parse_release(version.value)
        now = with_flags(config.now, flags, arguments)
        gate = (
            running_gate(told, log, with_flags(config.running, flags, arguments), version, server)
            if process or told.first
            else Gate(None, search.why or "no kubelet was found")
        )
        cpu = (time.monotonic(), self._cpu(process))
        needed = gate.on is not False and not (gate.on and modes.is_hint_only(version.value))
        evidence = [gate_evidence(gate, told, log)]
        pods = count_pods(base, flags.values.get("root-dir") or "/var/lib/kubelet")
        evidence += self._watch(process, pods, server, told, log, version, needed)
        evidence += self._runtime(told, runtime_url, gate)
        found = modes.judge(version, gate, evidence)
        if process is None and told.first is None:
            found = replace(found, mode=Mode.UNKNOWN, why=search.why)
        elif process is not None and not self._still_runs(process):
            why = "the kubelet has been restarted, or has gone, while it was looked at: look again"
            found = replace(found, mode=Mode.UNKNOWN, why=why)
        return KubeletFacts(
            pid=process.pid if process else None,
            why=search.why,
            version=version,
            command=harmless(process.command) if process else (),
            started_at=process.started_at if process else None,
            config_files=arguments.files + config.files,
            config=plain_config(told, config),
            gates={clean(name, 100): setting.on for name, setting in now.gates.items()},
            evented_gate=gate,
            runtime_endpoint=runtime,
            distribution=Fact(home.distribution, home.source),
            mode=found.mode,
            mode_why=found.why,
            evidence=found.evidence,
            pids=search.pids,
            unit_cgroup=process.cgroup if process else None,
            root=base,
            flags={name: clean(value) for name, value in flags.values.items()},
            next_gate=resolve(now, release),
            home=home,
            figures=self._figures(told, log, server, process, cpu),
            node=node,
            log_source=log.source,
            log_read=log.read,
            remedies=remedies_for(found.mode, server, told, options),
        )

    def _flags(self, process: KubeletProcess | None, log: LogFacts) -> tuple[Arguments, Flags]:
        if process is None:
            return Arguments((), ""), Flags()
        arguments = kubelet_arguments(process, log.arguments)
        return arguments, parse_flags(arguments.arguments)

    def _config(
        self, base: str, process: KubeletProcess | None, flags: Flags, home: Home
    ) -> ReadConfig:
        """What the files say; without a kubelet, those that the distribution usually has."""
        config = flags.values.get("config", "")
        folder = flags.values.get("config-dir", "")
        if process is None:
            config, folder = home.config_file or "", home.drop_in_dir or ""
            return read_config(base, config, folder)
        return read_config(
            base,
            self._absolute(config, process),
            self._absolute(folder, process),
            process.started_at,
        )

    def _with_paths(self, flags: Flags, process: KubeletProcess | None) -> dict[str, str]:
        """The flags with absolute paths."""
        found = dict(flags.values)
        for name in ("config", "config-dir"):
            if process is not None and found.get(name):
                found[name] = self._absolute(found[name], process)
        return found

    def _absolute(self, path: str, process: KubeletProcess) -> str:
        """A path of the kubelet's command line, which may be relative to its working folder."""
        if not path or path.startswith("/"):
            return path
        try:
            here = os.readlink(f"{under(self._root, '/proc')}/{process.pid}/cwd")  # noqa: PTH115
        except OSError:
            here = "/"
        return posixpath.join(here, path)

    def _ask_node(self, base: str, process: KubeletProcess | None, flags: Flags) -> NodeFacts:
        options = self._options
        if not options.ask_node:
            return NodeFacts(source="the API server was not to be asked")
        if process is None and not options.kubeconfig:
            return NodeFacts(source="no kubelet was found whose kubeconfig to use")
        return read_node(base, flags.values, options.kubeconfig, options.timeout_s)

    def _ask_runtime(self, runtime: Fact, told: Told) -> str:
        """Take a first reading of the runtime's metrics; their URL, empty where there is none."""
        url, told.runtime_why = find_url(self._root, self._options, runtime.value)
        if url:
            told.runtime_first, told.runtime_why = sample_runtime(url, self._options)
        return url

    def _still_runs(self, process: KubeletProcess) -> bool:
        now = started_at(self._root, process.pid)
        return exists(self._root, f"/proc/{process.pid}") and (
            now is None or process.started_at is None or abs(now - process.started_at) < 1.5
        )

    def _ask_kubelet(
        self, server: KubeletServer, process: KubeletProcess | None, told: Told
    ) -> None:
        if process is None and not self._options.url:
            told.metrics_why = "no kubelet was found whose metrics to read"
            return
        sample = server.sample()
        if sample is None:
            told.metrics_why = server.door.why
            return
        if not same_process([sample], process.started_at if process else None):
            told.metrics_why = (
                f"{server.door.url} is not this kubelet's: it was started at another time than "
                f"process {process.pid if process else 0}"
            )
            return
        told.first = sample
        told.configz = server.configz()

    def _version(
        self, process: KubeletProcess | None, told: Told, log: LogFacts, node: NodeFacts
    ) -> Fact:
        if process is None and told.first is None:
            return Fact(None, "no kubelet was found")
        known: list[tuple[str | None, str]] = [
            (told.first.version if told.first else None, "its metrics"),
            (log.version, "its log"),
            (node.kubelet_version, "the Node object"),
        ]
        fact = versions.choose(known, "")
        if fact.value is not None:
            return fact
        printed = versions.ask_program(self._root, process, self._options.timeout_s)
        return versions.choose(
            [(printed, "kubelet --version")],
            "neither its metrics, its log nor the Node object tells it, and its program is run "
            "only on the node itself",
        )

    def _watch(
        self,
        process: KubeletProcess | None,
        pods: int | None,
        server: KubeletServer,
        told: Told,
        log: LogFacts,
        version: Fact,
        needed: bool,
    ) -> list[Evidence]:
        """Everything that says whether it polls; waits as long as that takes."""
        hint_only = modes.is_hint_only(version.value) is True
        options = self._options
        found: list[Evidence] = []
        if told.first is not None:
            apart = max(options.samples_apart_s, min(30.0, patience_s(told.first) + 0.5))
            if options.samples_apart_s > 0 and self._wait(apart):
                second = server.sample()
                if second is not None and same_process([second], told.first.started_at):
                    told.second = second
            found += judge_metrics(told.first, told.second, hint_only=hint_only)
        else:
            found.append(Evidence("metrics", told.metrics_why, Weight.NOTHING))
        proven = any(e.weight is Weight.PROOF for e in found)
        if process is None:
            pass
        elif proven or not needed or options.rhythm_s <= 0:
            reason = "not watched: " + (
                "the metrics prove more"
                if proven
                else "not asked for"
                if options.rhythm_s <= 0
                else "this kubelet polls in any case"
            )
            found.append(Evidence("rhythm", reason, Weight.NOTHING))
        else:
            found.append(
                watch_rhythm(self._root, process.pid, options.rhythm_s, pods, stop=self._stop)
            )
        return found + judge_log(log, hint_only=hint_only)

    def _runtime(self, told: Told, url: str, gate: Gate) -> list[Evidence]:
        if told.runtime_first is None:
            return [Evidence("runtime metrics", told.runtime_why, Weight.NOTHING)]
        second, _ = sample_runtime(url, self._options)
        return judge_runtime(told.runtime_first, second, gate.on)

    def _wait(self, seconds: float) -> bool:
        """Wait; False when we are to stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stop():
                return False
            time.sleep(min(0.2, left))
        return True

    def _cpu(self, process: KubeletProcess | None) -> float | None:
        return cpu_seconds(self._root, process.pid) if process else None

    def _figures(
        self,
        told: Told,
        log: LogFacts,
        server: KubeletServer,
        process: KubeletProcess | None,
        before: tuple[float, float | None],
    ) -> PlegFigures:
        if told.first is not None:
            return figures_of(told.first, told.second, f"{server.door.url}/metrics")
        figures = figures_without_metrics(told.metrics_why, log)
        after, seconds = self._cpu(process), time.monotonic() - before[0]
        if after is None or before[1] is None or seconds < 1:
            return figures
        used = (after - before[1]) / seconds * 1000
        return replace(figures, cpu_ms_per_s=Figure(used, f"/proc, over {seconds:.0f} s"))


def count_pods(root: str, folder: str) -> int | None:
    """How many pods a kubelet has, by its folders; None: unknown."""
    try:
        with os.scandir(under(root, f"{folder}/pods")) as entries:
            return sum(1 for _ in entries)
    except OSError:
        return None
